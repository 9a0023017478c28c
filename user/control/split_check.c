/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/split_check.h"

#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "control/rule.h"

uint32_t esc_split_inside_secure(const struct esc_model *m, const uint8_t addr[16], uint8_t len,
				 struct esc_prefix *secure)
{
	struct esc_prefix p = {.len = len};

	memcpy(p.addr, addr, sizeof(p.addr));
	for (;; p.len--) {
		esc_addr_mask(p.addr, p.len);
		uint32_t owner = esc_model_prefix_owner(m, &p);
		if (owner != ESC_NO_PEER || !p.len) {
			*secure = p;
			return owner;
		}
	}
}

uint32_t esc_split_touches_secure(const struct esc_model *m, const uint8_t addr[16], uint8_t len,
				  struct esc_prefix *secure)
{
	const struct esc_prefix *p;

	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		uint32_t cursor = 0;

		while (esc_model_peer(m, id) && (p = esc_model_prefix_next(m, id, &cursor)))
			if (esc_prefix_overlaps(p->addr, p->len, addr, len)) {
				*secure = *p;
				return id;
			}
	}
	return ESC_NO_PEER;
}

static void warn(const char *what, const char *rule, const struct esc_prefix *secure,
		 const struct esc_model *m, uint32_t peer)
{
	const char *name = esc_model_peer(m, peer)->name;
	char text[ESC_PREFIX_STR];

	esc_warn("%s %s has no effect any more: %s is an AllowedIPs prefix of peer %s now, and "
		 "goes through its tunnel or nowhere",
		 what, rule, esc_prefix_format(secure->addr, secure->len, text),
		 *name ? name : "(without a name)");
}

void esc_split_warn(const struct esc_model *from, const struct esc_model *to)
{
	const struct esc_policy *p = &to->split.policy;
	struct esc_prefix secure;
	char text[ESC_RULE_STR];

	for (uint32_t i = 0; i < p->rules; i++) {
		const struct esc_rule *r = &p->rule[i];
		uint32_t peer = r->verdict == ESC_ALLOW && r->to_len
					? esc_split_inside_secure(to, r->to, r->to_len, &secure)
					: ESC_NO_PEER;

		if (peer != ESC_NO_PEER && esc_model_prefix_owner(from, &secure) == ESC_NO_PEER)
			warn("Allow =", esc_rule_text(r, text), &secure, to, peer);
	}
	for (uint32_t i = 0; i < p->openings; i++) {
		const struct esc_opening *o = &p->opening[i];
		uint32_t peer = esc_split_touches_secure(to, o->to, o->to_len, &secure);

		if (peer != ESC_NO_PEER && esc_model_prefix_owner(from, &secure) == ESC_NO_PEER)
			warn(esc_opening_is_forward(o) ? "Forward =" : "Open =",
			     esc_opening_text(o, text), &secure, to, peer);
	}
}
