/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that wait for a session or a path: red frames, kept by descriptor, not copied. */
#include "crypto/state.h"

bool stage_take(struct crypto *c, struct peer_slot *s, struct staged_packet *p)
{
	if (!s->staged_count)
		return false;
	*p = s->staged[s->staged_head];
	s->staged_head = (s->staged_head + 1) % STAGED_PER_PEER;
	s->staged_count--;
	c->lane[p->lane].staged--;
	return true;
}

static void drop_oldest(struct crypto *c, struct peer_slot *s)
{
	struct staged_packet p;

	if (!stage_take(c, s, &p))
		return;
	count(c, ESC_CR_out_staged_full);
	return_frame(c, &c->lane[p.lane], p.desc, ESC_RET_OK);
}

void stage_packet(struct crypto *c, struct wg_peer *peer, struct lane *l, esc_desc d)
{
	struct peer_slot *s = slot_of(c, peer);

	if (s->staged_count == STAGED_PER_PEER)
		drop_oldest(c, s);
	if (l->staged >= STAGED_PER_LANE) { /* many silent peers must not hold all frames */
		count(c, ESC_CR_out_staged_full);
		return_frame(c, l, d, ESC_RET_OK);
		return;
	}
	s->staged[(s->staged_head + s->staged_count) % STAGED_PER_PEER] =
		(struct staged_packet){.desc = d, .lane = l->index};
	s->staged_count++;
	l->staged++;
}

void stage_drop(struct crypto *c, struct peer_slot *s, enum esc_crypto_reason why, enum esc_ret ret)
{
	struct staged_packet p;

	while (stage_take(c, s, &p)) {
		count(c, why);
		return_frame(c, &c->lane[p.lane], p.desc, ret);
	}
}
