/* SPDX-License-Identifier: BSD-2-Clause */
/* What secure sites may begin, into the red process: as many messages as the rules need. */
#include <string.h>

#include "control/node.h"

void firewall_tell(struct node *n, const struct esc_secure_policy *p)
{
	uint32_t first = 0;

	do {
		struct esc_msg m = {.type = ESC_MSG_FIREWALL};
		struct esc_msg_firewall *w = &m.u.firewall;

		w->first = first;
		w->rules = p->rules;
		w->count = p->rules - first < ESC_MSG_RULES ? p->rules - first : ESC_MSG_RULES;
		w->otherwise = p->otherwise;
		memcpy(w->rule, p->rule + first, w->count * sizeof(*w->rule));
		child_send(&n->side[ESC_SIDE_RED].child, &m);
		first += w->count;
	} while (first < p->rules);
}
