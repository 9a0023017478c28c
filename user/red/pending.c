/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets for LAN hosts whose MAC address is being asked for: a few, for a second, so that the
 * first packet of a conversation is not lost (R10).
 */
#include <string.h>

#include "red/state.h"

bool pending_add(struct red *r, struct lane *l, const struct packet *p)
{
	struct pending *place = NULL;
	uint32_t same = 0;

	if (r->pending_count == PENDING_MAX)
		return false;
	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		struct pending *w = &r->pending[i];

		if (!w->used)
			place = w;
		else if (!memcmp(w->dst, p->dst, 16))
			same++;
	}
	if (!place || same >= PENDING_PER_DST)
		return false;
	*place = (struct pending){.until = r->now + PENDING_TIME,
				  .addr = addr_of(r, p->ip),
				  .lane = l->index,
				  .used = true};
	memcpy(place->dst, p->dst, 16);
	esc_frame_move(&r->frames, esc_frame_of(&r->frames, place->addr), ESC_PLACE_busy,
		       ESC_PLACE_held);
	r->pending_count++;
	return true;
}

/* Out of the waiting room: the packet goes on, or its sender hears that nobody answered. */
static void leave(struct red *r, struct pending *w)
{
	struct lane *l = &r->lane[w->lane];
	struct packet p;

	w->used = false;
	r->pending_count--;
	esc_frame_move(&r->frames, esc_frame_of(&r->frames, w->addr), ESC_PLACE_held,
		       ESC_PLACE_busy);
	if (!packet_parse(r->frames.base + w->addr, room_at(r, w->addr), &p)) {
		count(r, dropped(r, r->frames.base + w->addr, ESC_RP_in_bad_ip));
		return;
	}
	count(r, in_forward(r, l, &p, false));
}

void pending_round(struct red *r, const uint8_t *dst)
{
	for (uint32_t i = 0; r->pending_count && i < PENDING_MAX; i++) {
		struct pending *w = &r->pending[i];

		if (w->used && (dst ? !memcmp(w->dst, dst, 16) : w->until <= r->now))
			leave(r, w);
	}
}

uint64_t pending_next(const struct red *r)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; r->pending_count && i < PENDING_MAX; i++) {
		if (r->pending[i].used && r->pending[i].until < next)
			next = r->pending[i].until;
	}
	return next;
}
