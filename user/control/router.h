/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * router.h: what sections [Split] and [Firewall] of the node's file say (R5, R11), in the form that
 * programs and the red process take. All of it can change while a node runs (SIGHUP), but for
 * `connections`.
 */
#ifndef ESC_CONTROL_ROUTER_H
#define ESC_CONTROL_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "split.h"

/* What secure sites may begin towards the LAN; `from` is the site's side, `to` the LAN's. */
struct esc_secure_policy {
	uint32_t rules;
	uint32_t otherwise; /* enum esc_verdict */
	struct esc_rule rule[ESC_RULES_MAX];
};

struct esc_split_conf {
	struct esc_policy policy;	 /* [Split], Forward, Open, Local */
	struct esc_secure_policy secure; /* Secure, SecureAllow, SecureDeny */
	uint32_t rule_line[ESC_RULES_MAX];
	uint32_t opening_line[ESC_OPENINGS_MAX];
	uint32_t secure_line[ESC_RULES_MAX];
	uint16_t port_first, port_last;
	uint32_t connections;
	uint32_t timeout[ESC_CONN_STATES]; /* s */
	uint32_t fragment_timeout;	   /* s */
	bool dhcp;			   /* the black address comes by DHCP: [Node] Dhcp = yes */
};

extern const struct esc_split_conf esc_split_default;

/* A key of [Split] that sets the timeout of these states (bits); at least `min`, of which RFC. */
#define ESC_TIMEOUT_KEYS 5
struct esc_timeout_key {
	const char *key, *json, *text; /* in the file, with -j, for people */
	uint32_t states, min;
	const char *rfc;
};
extern const struct esc_timeout_key esc_timeout_keys[ESC_TIMEOUT_KEYS];

#endif
