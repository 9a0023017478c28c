/* SPDX-License-Identifier: BSD-2-Clause */
/* config_split.c: the keys of [Split] and [Firewall], their defaults and bounds. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "control/config_parse.h"
#include "control/rule.h"

#define WEEK 604800u /* s */

const struct esc_split_conf esc_split_default = {
	.policy = {.otherwise = ESC_ALLOW},
	.secure = {.otherwise = ESC_ALLOW},
	.port_first = 1024,
	.port_last = 65535,
	.connections = ESC_CONNECTIONS_DEFAULT,
	.timeout =
		{
			[ESC_CONN_UDP_UNREPLIED] = 120,
			[ESC_CONN_UDP_REPLIED] = 300,
			[ESC_CONN_ICMP] = 60,
			[ESC_CONN_SYN_SENT] = 240,
			[ESC_CONN_SYN_RECV] = 240,
			[ESC_CONN_ESTABLISHED] = 7440,
			[ESC_CONN_FIN_WAIT] = 240,
			[ESC_CONN_TIME_WAIT] = 240,
			[ESC_CONN_CLOSE] = 240,
		},
	.fragment_timeout = 30,
};

static void note_lines(const struct conf *c, uint32_t *line, uint32_t from, uint32_t to)
{
	while (from < to)
		line[from++] = c->line;
}

/* --- verdicts and rules ----------------------------------------------------------------------- */

static void set_verdict(struct conf *c, const char *value, uint32_t *verdict)
{
	if (!strcasecmp(value, "allow"))
		*verdict = ESC_ALLOW;
	else if (!strcasecmp(value, "deny"))
		*verdict = ESC_DENY;
	else
		conf_bad(c, c->key, value, "allow or deny");
}

void conf_split_default(struct conf *c, const char *value)
{
	set_verdict(c, value, &c->m->split.policy.otherwise);
}

void conf_firewall_secure(struct conf *c, const char *value)
{
	set_verdict(c, value, &c->m->split.secure.otherwise);
}

static void add_rules(struct conf *c, const char *value, enum esc_verdict verdict,
		      struct esc_rule *rule, uint32_t *count, uint32_t *line)
{
	uint32_t before = *count;
	char why[ESC_RULE_WHY];

	if (!esc_rule_parse(value, verdict, rule, ESC_RULES_MAX, count, why))
		conf_error(c, c->line, "%s: %s", c->key, why);
	note_lines(c, line, before, *count);
}

static void add_split(struct conf *c, const char *value, enum esc_verdict verdict)
{
	struct esc_split_conf *s = &c->m->split;

	add_rules(c, value, verdict, s->policy.rule, &s->policy.rules, s->rule_line);
}

void conf_split_allow(struct conf *c, const char *value)
{
	add_split(c, value, ESC_ALLOW);
}

void conf_split_deny(struct conf *c, const char *value)
{
	add_split(c, value, ESC_DENY);
}

static void add_secure(struct conf *c, const char *value, enum esc_verdict verdict)
{
	struct esc_split_conf *s = &c->m->split;

	add_rules(c, value, verdict, s->secure.rule, &s->secure.rules, s->secure_line);
}

void conf_firewall_secure_allow(struct conf *c, const char *value)
{
	add_secure(c, value, ESC_ALLOW);
}

void conf_firewall_secure_deny(struct conf *c, const char *value)
{
	add_secure(c, value, ESC_DENY);
}

/* --- openings and services -------------------------------------------------------------------- */

static void add_opening(struct conf *c, const char *value,
			bool (*parse)(const char *, struct esc_opening *, uint32_t, uint32_t *,
				      char *))
{
	struct esc_split_conf *s = &c->m->split;
	uint32_t before = s->policy.openings;
	char why[ESC_RULE_WHY];

	if (!parse(value, s->policy.opening, ESC_OPENINGS_MAX, &s->policy.openings, why))
		conf_error(c, c->line, "%s: %s", c->key, why);
	note_lines(c, s->opening_line, before, s->policy.openings);
}

void conf_firewall_forward(struct conf *c, const char *value)
{
	add_opening(c, value, esc_forward_parse);
}

void conf_firewall_open(struct conf *c, const char *value)
{
	add_opening(c, value, esc_open_parse);
}

void conf_firewall_local(struct conf *c, const char *value)
{
	struct esc_policy *p = &c->m->split.policy;
	char list[ESC_CONFIG_LINE_MAX + 1], why[ESC_RULE_WHY];
	char *rest = list, *word;

	snprintf(list, sizeof(list), "%s", value);
	while ((word = strsep(&rest, ",")))
		if (!esc_service_parse(conf_trim(word), p->service, ESC_SERVICES_MAX, &p->services,
				       why)) {
			conf_error(c, c->line, "%s: %s", c->key, why);
			return;
		}
}

/* --- numbers ---------------------------------------------------------------------------------- */

void conf_split_ports(struct conf *c, const char *value)
{
	struct esc_split_conf *s = &c->m->split;
	uint16_t first, last;

	if (!esc_ports_parse(value, &first, &last) || first < 1024) {
		conf_bad(c, c->key, value,
			 "FIRST-LAST, from 1024 to 65535, with the lower one first");
		return;
	}
	s->port_first = first;
	s->port_last = last;
}

void conf_split_connections(struct conf *c, const char *value)
{
	if (!conf_number(value, ESC_CONNECTIONS_MIN, ESC_CONNECTIONS_MAX, &c->m->split.connections))
		conf_bad(c, c->key, value, "a number from 1024 to 1048576");
}

#define STATE(state) (1u << ESC_CONN_##state)

const struct esc_timeout_key esc_timeout_keys[ESC_TIMEOUT_KEYS] = {
	{"UdpTimeout", "udp_timeout", "udp timeout", STATE(UDP_REPLIED), 120, "RFC 4787, REQ-5"},
	{"UdpUnrepliedTimeout", "udp_unreplied_timeout", "udp unreplied", STATE(UDP_UNREPLIED), 120,
	 "RFC 4787, REQ-5"},
	{"TcpTimeout", "tcp_timeout", "tcp timeout", STATE(ESTABLISHED), 7440, "RFC 5382, REQ-5"},
	{"TcpTransitoryTimeout", "tcp_transitory_timeout", "tcp transitory",
	 STATE(SYN_SENT) | STATE(SYN_RECV) | STATE(FIN_WAIT) | STATE(TIME_WAIT) | STATE(CLOSE), 240,
	 "RFC 5382, REQ-5"},
	{"IcmpTimeout", "icmp_timeout", "icmp timeout", STATE(ICMP), 60, "RFC 5508, REQ-2"},
};

void conf_split_timeout(struct conf *c, const char *value)
{
	const struct esc_timeout_key *t = esc_timeout_keys;
	char q[CONF_QUOTE];
	uint32_t s;

	while (strcmp(t->key, c->key) != 0)
		t++; /* the table of keys has these only */
	if (!conf_number(value, t->min, WEEK, &s)) {
		conf_error(c, c->line, "%s %s: expected seconds from %u (%s) to %u", c->key,
			   conf_quote(q, value), t->min, t->rfc, WEEK);
		return;
	}
	for (unsigned int state = 0; state < ESC_CONN_STATES; state++)
		if (t->states & 1u << state)
			c->m->split.timeout[state] = s;
}

void conf_split_fragment_timeout(struct conf *c, const char *value)
{
	if (!conf_number(value, 1, 120, &c->m->split.fragment_timeout))
		conf_bad(c, c->key, value, "seconds from 1 to 120");
}
