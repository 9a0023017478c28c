/* SPDX-License-Identifier: BSD-2-Clause */
/* config_split_check.c: what of [Split] and [Firewall] can be right only with the rest. */
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "control/config_parse.h"
#include "control/rule.h"
#include "control/split_check.h"

/* --- modes ------------------------------------------------------------------------------------ */

static void check_mode(struct conf *c)
{
	const struct esc_split_conf *s = &c->m->split;

	if (c->m->mode != ESC_MODE_ENCRYPTOR)
		return;
	if (c->section_line[CONF_SPLIT])
		conf_error(c, c->section_line[CONF_SPLIT],
			   "section '[Split]' in encryptor mode, which lets nothing out beside the "
			   "tunnels: expected Mode = router in [Node], or no [Split]");
	for (uint32_t i = 0; i < s->policy.openings; i++) {
		/* the entries of a list of ports are one line */
		if (i && s->opening_line[i] == s->opening_line[i - 1])
			continue;
		conf_error(c, s->opening_line[i],
			   "'%s' in encryptor mode, which lets nothing in beside the tunnels: "
			   "expected Mode = router in [Node]",
			   esc_opening_is_forward(&s->policy.opening[i]) ? "Forward" : "Open");
	}
}

/* --- the secure prefixes ---------------------------------------------------------------------- */

static void secure_error(struct conf *c, uint32_t line, const char *key, const char *rule,
			 const struct esc_prefix *secure, uint32_t peer, const char *expected)
{
	const char *name = esc_model_peer(c->m, peer)->name;
	char text[ESC_PREFIX_STR], q[CONF_QUOTE];

	conf_error(c, line,
		   "%s '%s': %s is a secure prefix, AllowedIPs of the peer at line %u%s%s: "
		   "expected %s",
		   key, rule, esc_prefix_format(secure->addr, secure->len, text),
		   c->peer_line[peer], *name ? ", " : "", *name ? conf_quote(q, name) : "",
		   expected);
}

static void check_rules(struct conf *c)
{
	const struct esc_split_conf *s = &c->m->split;
	struct esc_prefix secure;
	uint32_t said = 0;

	for (uint32_t i = 0; i < s->policy.rules; i++) {
		const struct esc_rule *r = &s->policy.rule[i];
		char text[ESC_RULE_STR];

		if (r->verdict != ESC_ALLOW || !r->to_len || s->rule_line[i] == said)
			continue;
		uint32_t peer = esc_split_inside_secure(c->m, r->to, r->to_len, &secure);
		if (peer == ESC_NO_PEER)
			continue;
		said = s->rule_line[i];
		secure_error(c, said, "Allow", esc_rule_text(r, text), &secure, peer,
			     "a destination outside of it, because it goes through a tunnel or "
			     "nowhere");
	}
}

static void check_targets(struct conf *c)
{
	const struct esc_split_conf *s = &c->m->split;
	struct esc_prefix secure;
	uint32_t said = 0;

	for (uint32_t i = 0; i < s->policy.openings; i++) {
		const struct esc_opening *o = &s->policy.opening[i];
		char text[ESC_RULE_STR];

		if (s->opening_line[i] == said)
			continue;
		uint32_t peer = esc_split_touches_secure(c->m, o->to, o->to_len, &secure);
		if (peer == ESC_NO_PEER)
			continue;
		said = s->opening_line[i];
		secure_error(c, said, esc_opening_is_forward(o) ? "Forward" : "Open",
			     esc_opening_text(o, text), &secure, peer,
			     "a target in this site's LAN");
	}
}

/* --- own ports -------------------------------------------------------------------------------- */

#define DHCP_CLIENT 68u

static bool has_port(const struct esc_opening *o, uint8_t proto, uint16_t port)
{
	return esc_opening_is_forward(o) && o->proto == proto && o->port_first <= port &&
	       port <= o->port_last;
}

/* May one packet fit both? */
static bool collide(const struct esc_opening *a, const struct esc_opening *b)
{
	return esc_opening_is_forward(a) && esc_opening_is_forward(b) && a->proto == b->proto &&
	       a->port_first <= b->port_last && b->port_first <= a->port_last &&
	       esc_prefix_overlaps(a->from, a->from_len, b->from, b->from_len);
}

static void check_forward(struct conf *c, uint32_t i)
{
	const struct esc_split_conf *s = &c->m->split;
	const struct esc_opening *o = &s->policy.opening[i];
	uint32_t line = s->opening_line[i];
	char text[ESC_RULE_STR];

	esc_opening_text(o, text);
	if (has_port(o, IPPROTO_UDP, c->m->listen_port))
		conf_error(c, line, "Forward '%s': UDP %u is the ListenPort: expected another port",
			   text, c->m->listen_port);
	if (s->dhcp && has_port(o, IPPROTO_UDP, DHCP_CLIENT))
		conf_error(c, line,
			   "Forward '%s': UDP %u is the node's own with Dhcp = yes: expected "
			   "another port",
			   text, DHCP_CLIENT);
	for (uint32_t k = 0; k < i; k++) {
		char other[ESC_RULE_STR];

		if (!collide(o, &s->policy.opening[k]))
			continue;
		conf_error(c, line,
			   "Forward '%s' has ports of '%s' at line %u: expected each port in one "
			   "Forward only",
			   text, esc_opening_text(&s->policy.opening[k], other),
			   s->opening_line[k]);
		return;
	}
}

void conf_split_check(struct conf *c)
{
	check_mode(c);
	check_rules(c);
	check_targets(c);
	for (uint32_t i = 0; i < c->m->split.policy.openings; i++)
		check_forward(c, i);
}
