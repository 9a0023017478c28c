/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/check_split.h"

#include <stdio.h>

#include "control/rule.h"

static const char *verdict(uint32_t v)
{
	return v == ESC_ALLOW ? "allow" : "deny";
}

/* --- for people ----------------------------------------------------------------------------------
 */

static void text_rules(const struct esc_rule *rule, uint32_t rules, uint32_t otherwise)
{
	char text[ESC_RULE_STR];

	for (uint32_t i = 0; i < rules; i++)
		printf("  %-15s %s\n", verdict(rule[i].verdict), esc_rule_text(&rule[i], text));
	printf("  %-15s %s\n", verdict(otherwise), rules ? "everything else" : "everything");
}

static void text_number(const char *name, uint32_t value, uint32_t usual, const char *unit)
{
	if (value != usual)
		printf("  %-15s %u%s (default %u)\n", name, value, unit, usual);
}

static uint32_t seconds(const struct esc_split_conf *s, const struct esc_timeout_key *key)
{
	return s->timeout[__builtin_ctz(key->states)]; /* all states of a key have the same */
}

static void text_split(const struct esc_split_conf *s)
{
	const struct esc_split_conf *usual = &esc_split_default;

	puts("\nsplit (outside of the tunnels, to the internet)");
	text_rules(s->policy.rule, s->policy.rules, s->policy.otherwise);
	if (s->port_first != usual->port_first || s->port_last != usual->port_last)
		printf("  %-15s %u-%u (default %u-%u)\n", "ports", s->port_first, s->port_last,
		       usual->port_first, usual->port_last);
	text_number("connections", s->connections, usual->connections, "");
	for (unsigned int i = 0; i < ESC_TIMEOUT_KEYS; i++)
		text_number(esc_timeout_keys[i].text, seconds(s, &esc_timeout_keys[i]),
			    seconds(usual, &esc_timeout_keys[i]), " s");
	text_number("fragments", s->fragment_timeout, usual->fragment_timeout, " s");
}

static void text_openings(const struct esc_policy *p)
{
	char text[ESC_RULE_STR];

	puts("\nfirewall (from the internet into the LAN)");
	for (uint32_t i = 0; i < p->openings; i++)
		printf("  %-15s %s\n", esc_opening_is_forward(&p->opening[i]) ? "forward" : "open",
		       esc_opening_text(&p->opening[i], text));
	printf("  %-15s %s\n", "deny",
	       p->openings ? "everything else but replies" : "everything but replies");
}

static void text_services(const struct esc_policy *p)
{
	char text[ESC_RULE_STR];

	if (!p->services)
		return;
	puts("\nlocal (from the LAN to this node)");
	for (uint32_t i = 0; i < p->services; i++)
		printf("  %-15s %s%s\n", "allow", esc_service_text(&p->service[i], text),
		       p->service[i].broadcast ? ", broadcasts too" : "");
}

void check_split_text(const struct esc_model *m)
{
	const struct esc_split_conf *s = &m->split;

	if (m->mode == ESC_MODE_ROUTER)
		text_split(s);
	puts("\nfirewall (from secure sites into the LAN)");
	text_rules(s->secure.rule, s->secure.rules, s->secure.otherwise);
	if (m->mode == ESC_MODE_ROUTER)
		text_openings(&s->policy);
	text_services(&s->policy);
}

/* --- for programs --------------------------------------------------------------------------------
 */

static void json_rules(struct esc_json *j, const char *name, const struct esc_rule *rule,
		       uint32_t rules, const uint32_t *line)
{
	char text[ESC_RULE_STR];

	esc_json_array(j, name);
	for (uint32_t i = 0; i < rules; i++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "verdict", verdict(rule[i].verdict));
		esc_json_str(j, "rule", esc_rule_text(&rule[i], text));
		esc_json_u64(j, "line", line[i]);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void json_split(struct esc_json *j, const struct esc_split_conf *s)
{
	esc_json_object(j, "split");
	esc_json_str(j, "default", verdict(s->policy.otherwise));
	json_rules(j, "rules", s->policy.rule, s->policy.rules, s->rule_line);
	esc_json_u64(j, "port_first", s->port_first);
	esc_json_u64(j, "port_last", s->port_last);
	esc_json_u64(j, "connections", s->connections);
	for (unsigned int i = 0; i < ESC_TIMEOUT_KEYS; i++)
		esc_json_u64(j, esc_timeout_keys[i].json, seconds(s, &esc_timeout_keys[i]));
	esc_json_u64(j, "fragment_timeout", s->fragment_timeout);
	esc_json_end(j);
}

static void json_openings(struct esc_json *j, const struct esc_split_conf *s)
{
	char text[ESC_RULE_STR];

	esc_json_array(j, "openings");
	for (uint32_t i = 0; i < s->policy.openings; i++) {
		const struct esc_opening *o = &s->policy.opening[i];

		esc_json_object(j, NULL);
		esc_json_str(j, "kind", esc_opening_is_forward(o) ? "forward" : "open");
		esc_json_str(j, "rule", esc_opening_text(o, text));
		esc_json_u64(j, "line", s->opening_line[i]);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void json_services(struct esc_json *j, const struct esc_policy *p)
{
	char text[ESC_RULE_STR];

	esc_json_array(j, "local");
	for (uint32_t i = 0; i < p->services; i++)
		esc_json_str(j, NULL, esc_service_text(&p->service[i], text));
	esc_json_end(j);
}

void check_split_json(struct esc_json *j, const struct esc_model *m)
{
	const struct esc_split_conf *s = &m->split;

	if (m->mode == ESC_MODE_ROUTER)
		json_split(j, s);
	else
		esc_json_str(j, "split", NULL);
	esc_json_object(j, "firewall");
	esc_json_str(j, "secure", verdict(s->secure.otherwise));
	json_rules(j, "secure_rules", s->secure.rule, s->secure.rules, s->secure_line);
	json_openings(j, s);
	json_services(j, &s->policy);
	esc_json_end(j);
}
