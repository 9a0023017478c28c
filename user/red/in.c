/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto -> LAN: authenticated packets from other sites, to their next hop (R10). The packet's
 * content is a stranger's all the same and is checked like the LAN's.
 */
#include <string.h>

#include "red/mss.h"
#include "red/state.h"

void in_stock(struct red *r, struct lane *l)
{
	uint32_t frame = 0;

	while (l->empties + BATCH <= EMPTIES_AT_CRYPTO && r->frames.nfree >= 2 * BATCH &&
	       esc_ring_space(&l->plain_in_free, BATCH) >= BATCH) {
		for (uint32_t i = 0; i < BATCH; i++) {
			esc_frame_alloc(&r->frames, ESC_PLACE_peer_empty, &frame);
			uint64_t addr = esc_frame_addr(&r->frames, frame);
			esc_ring_put(&l->plain_in_free, i, esc_desc_make((uint32_t)addr, 0, 0));
		}
		esc_ring_publish(&l->plain_in_free, BATCH);
		l->empties += BATCH;
	}
}

/* For the node itself: echo is answered, nothing else is offered. */
static enum esc_red_proc_reason for_node(struct red *r, struct lane *l, struct packet *p)
{
	if (!icmp_is_echo_request(p))
		return dropped(r, p->ip, ESC_RP_in_own_addr);
	icmp_echo_reply(p);
	return out_queue(r, l, p) ? ESC_RP_in_echo : dropped(r, p->ip, ESC_RP_out_ring_full);
}

static enum esc_red_proc_reason too_big(struct red *r, struct lane *l, const struct packet *p)
{
	answer_tunnel(r, l, p, ICMP_ERROR_TOO_BIG, r->nic.mtu);
	return dropped(r, p->ip, ESC_RP_in_too_big);
}

/* Whole, or in pieces. The MTU may have changed while the packet waited. */
static enum esc_red_proc_reason to_hop(struct red *r, struct lane *l, const struct packet *p,
				       const uint8_t mac[6])
{
	bool whole = p->len <= r->nic.mtu;

	if (whole && send_to_lan(r, l, p, mac))
		return ESC_RP_in_to_lan;
	if (!whole && p->df)
		return too_big(r, l, p);
	bool pieces = !whole && split_packet(r, l, p, r->nic.mtu, send_to_lan, mac);
	return dropped(r, p->ip, pieces ? ESC_RP_in_to_lan : ESC_RP_in_tx_full);
}

enum esc_red_proc_reason in_forward(struct red *r, struct lane *l, const struct packet *p,
				    bool may_wait)
{
	bool ask;
	const struct esc_hop *hop = esc_hop_get(r->hops, p->dst, r->now, &ask);

	if (ask)
		red_want(r, p->dst);
	if (hop->state == ESC_HOP_OK)
		return to_hop(r, l, p, hop->mac);
	if (hop->state == ESC_HOP_RESOLVING && may_wait)
		return pending_add(r, l, p) ? ESC_RP_COUNT
					    : dropped(r, p->ip, ESC_RP_in_pending_full);
	answer_tunnel(r, l, p, ICMP_ERROR_HOST, 0);
	return dropped(r, p->ip, ESC_RP_in_no_neighbour);
}

enum esc_red_proc_reason in_packet(struct red *r, struct lane *l, uint8_t *ip, uint32_t room)
{
	struct packet p;

	if (!packet_parse(ip, room, &p))
		return dropped(r, ip, ESC_RP_in_bad_ip);
	if (!addresses_ok(r, &p))
		return dropped(r, ip, ESC_RP_in_bad_addr);
	if (!firewall_in(r->firewall, &p, r->now))
		return dropped(r, ip, ESC_RP_in_firewall);
	if (own_address(r, p.dst))
		return for_node(r, l, &p);
	if (packet_ttl(&p) <= 1) {
		answer_tunnel(r, l, &p, ICMP_ERROR_TTL, 0);
		return dropped(r, ip, ESC_RP_in_ttl);
	}
	if (p.df && p.len > r->nic.mtu)
		return too_big(r, l, &p);
	packet_age(&p);
	if (mss_clamp(&p, r->nic.inner_mtu))
		esc_cell_add(&r->status->mss_clamped, 1);
	return in_forward(r, l, &p, true);
}

/* A descriptor of crypto's: the frame must be one that it was given, the packet inside it. */
static void take(struct red *r, struct lane *l, esc_desc d)
{
	uint64_t addr = esc_desc_addr(d);
	uint32_t len = esc_desc_len(d);

	if (!esc_frames_valid(&r->frames, addr, len)) {
		esc_cell_add(&r->status->violation[ESC_VIOLATION_desc_range], 1);
		return;
	}
	if (!esc_frame_claim(&r->frames, addr, len, ESC_PLACE_peer_empty, ESC_PLACE_busy)) {
		esc_cell_add(&r->status->violation[ESC_VIOLATION_desc_owner], 1);
		return;
	}
	l->empties -= l->empties > 0;
	if (!len) { /* came back unused */
		free_busy(r, addr);
		return;
	}
	if (offset_of(r, addr) < ETH_LEN) {
		esc_cell_add(&r->status->violation[ESC_VIOLATION_desc_range], 1);
		free_busy(r, addr);
		return;
	}
	enum esc_red_proc_reason why = in_packet(r, l, r->frames.base + addr, len);
	if (why != ESC_RP_COUNT)
		count(r, why);
}

uint32_t in_lane(struct red *r, struct lane *l)
{
	uint32_t n = esc_ring_avail(&l->plain_in, BATCH);

	for (uint32_t i = 0; i < n; i++)
		take(r, l, esc_ring_peek(&l->plain_in, i));
	if (n)
		esc_ring_consume(&l->plain_in, n);
	return n;
}
