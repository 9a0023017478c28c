/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LAN -> crypto: what a router does to a packet before it goes on (R10): check, TTL, MTU, MSS.
 * The XDP program classified the frame; nothing here relies on that.
 */
#include <linux/if_ether.h>
#include <string.h>

#include "red/mss.h"
#include "red/state.h"

bool out_queue(struct red *r, struct lane *l, const struct packet *p)
{
	uint64_t addr = addr_of(r, p->ip);

	if (esc_ring_space(&l->plain_out, l->out_new + 1) <= l->out_new)
		return false;
	esc_ring_put(&l->plain_out, l->out_new++,
		     esc_desc_make((uint32_t)addr, (uint16_t)p->len, 0));
	esc_frame_move(&r->frames, esc_frame_of(&r->frames, addr), ESC_PLACE_busy,
		       ESC_PLACE_peer_full);
	return true;
}

void out_publish(struct lane *l)
{
	if (l->out_new)
		esc_ring_publish(&l->plain_out, l->out_new);
	l->out_new = 0;
}

/* The last step of out_packet. */
static enum esc_red_proc_reason out_forward(struct red *r, struct lane *l, const struct packet *p)
{
	if (out_queue(r, l, p))
		return ESC_RP_out_to_crypto;
	free_busy(r, addr_of(r, p->ip));
	return ESC_RP_out_ring_full;
}

static enum esc_red_proc_reason too_big(struct red *r, struct lane *l, const struct packet *p)
{
	const uint8_t *mac = p->ip - ETH_LEN + ETH_ALEN;
	enum esc_red_proc_reason why = ESC_RP_out_too_big_quiet;

	if (!p->df)
		why = split_packet(r, l, p, r->nic.inner_mtu, out_forward) ? ESC_RP_out_to_crypto
									   : ESC_RP_out_ring_full;
	else if (answer_lan(r, l, p, mac, ICMP_ERROR_TOO_BIG, r->nic.inner_mtu))
		why = ESC_RP_out_too_big;
	free_busy(r, addr_of(r, p->ip));
	return why;
}

/* ip lies behind its Ethernet header in the frame. */
enum esc_red_proc_reason out_packet(struct red *r, struct lane *l, uint8_t *ip, uint32_t room)
{
	struct packet p;

	if (!packet_parse(ip, room, &p)) {
		free_busy(r, addr_of(r, ip));
		return ESC_RP_out_bad_ip;
	}
	if (packet_ttl(&p) <= 1) {
		answer_lan(r, l, &p, ip - ETH_LEN + ETH_ALEN, ICMP_ERROR_TTL, 0);
		free_busy(r, addr_of(r, ip));
		return ESC_RP_out_ttl;
	}
	if (p.len > r->nic.inner_mtu) {
		if (!p.df)
			packet_age(&p);
		return too_big(r, l, &p);
	}
	packet_age(&p);
	if (mss_clamp(&p, r->nic.inner_mtu))
		esc_cell_add(&r->status->mss_clamped, 1);
	return out_forward(r, l, &p);
}

uint32_t out_lane(struct red *r, struct lane *l)
{
	struct xdp_desc desc[BATCH];
	uint32_t n = esc_xsk_recv(&l->xsk, desc, BATCH);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *frame = r->frames.base + desc[i].addr;

		if (desc[i].len > ETH_LEN) {
			count(r, out_packet(r, l, frame + ETH_LEN, desc[i].len - ETH_LEN));
		} else {
			count(r, ESC_RP_out_bad_ip);
			free_busy(r, desc[i].addr);
		}
	}
	return n;
}

/* Crypto could not send it: the LAN host hears why. The frame still holds what it sent. */
static void explain(struct red *r, struct lane *l, uint64_t addr, uint16_t ret)
{
	struct packet p;

	if (ret == ESC_RET_OK || ((uint32_t)addr & (r->frames.frame_size - 1)) < ETH_LEN ||
	    !packet_parse(r->frames.base + addr, room_at(r, addr), &p))
		return;
	const uint8_t *mac = p.ip - ETH_LEN + ETH_ALEN;
	if (own_address(r, p.src)) /* an answer of our own that had nowhere to go */
		return;
	answer_lan(r, l, &p, mac, ret == ESC_RET_NO_PEER ? ICMP_ERROR_NET : ICMP_ERROR_HOST, 0);
}

uint32_t returned_lane(struct red *r, struct lane *l)
{
	uint32_t n = esc_ring_avail(&l->plain_out_ret, BATCH);

	for (uint32_t i = 0; i < n; i++) {
		esc_desc d = esc_ring_peek(&l->plain_out_ret, i);
		uint64_t addr = esc_desc_addr(d);

		if (!esc_frames_valid(&r->frames, addr, 1)) {
			esc_cell_add(&r->status->violation[ESC_VIOLATION_desc_range], 1);
			continue;
		}
		if (!esc_frame_claim(&r->frames, addr, 1, ESC_PLACE_peer_full, ESC_PLACE_busy)) {
			esc_cell_add(&r->status->violation[ESC_VIOLATION_desc_owner], 1);
			continue;
		}
		explain(r, l, addr, esc_desc_flags(d));
		free_busy(r, addr);
	}
	if (n)
		esc_ring_consume(&l->plain_out_ret, n);
	return n;
}
