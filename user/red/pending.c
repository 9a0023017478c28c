/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets for LAN hosts whose MAC address is being asked for: a few, for a second, so that the
 * first packet of a conversation is not lost (R10).
 */
#include <string.h>

#include "red/state.h"

bool pending_add(struct red *r, struct lane *l, const struct packet *p)
{
	uint32_t same = 0;

	for (uint32_t i = 0; i < r->pending_count; i++)
		same += !memcmp(r->pending[i].dst, p->dst, 16);
	if (r->pending_count == PENDING_MAX || same >= PENDING_PER_DST)
		return false;
	struct pending *w = &r->pending[r->pending_count++];
	*w = (struct pending){
		.until = r->now + PENDING_TIME, .addr = addr_of(r, p->ip), .lane = l->index};
	memcpy(w->dst, p->dst, 16);
	esc_frame_move(&r->frames, esc_frame_of(&r->frames, w->addr), ESC_PLACE_busy,
		       ESC_PLACE_held);
	return true;
}

/* Out of the waiting room: the packet goes on, or its sender hears that nobody answered. */
static void leave(struct red *r, const struct pending *w)
{
	struct packet p;

	esc_frame_move(&r->frames, esc_frame_of(&r->frames, w->addr), ESC_PLACE_held,
		       ESC_PLACE_busy);
	if (!packet_parse(r->frames.base + w->addr, room_at(r, w->addr), &p)) {
		count(r, dropped(r, r->frames.base + w->addr, ESC_RP_in_bad_ip));
		return;
	}
	count(r, in_forward(r, &r->lane[w->lane], &p, false));
}

/* Who leaves does so in the order of arrival; the others keep theirs. */
void pending_round(struct red *r, const uint8_t *dst)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->pending_count; i++) {
		const struct pending w = r->pending[i];

		if (dst ? !memcmp(w.dst, dst, 16) : w.until <= r->now)
			leave(r, &w); /* none can come to wait meanwhile */
		else
			r->pending[kept++] = w;
	}
	r->pending_count = kept;
}

uint64_t pending_next(const struct red *r)
{
	return r->pending_count ? r->pending[0].until : UINT64_MAX;
}
