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

	if (l->packets >= PACKETS_AT_CRYPTO ||
	    esc_ring_space(&l->plain_out, l->out_new + 1) <= l->out_new)
		return false;
	l->packets++;
	esc_ring_put(&l->plain_out, l->out_new++,
		     esc_desc_make((uint32_t)addr, (uint16_t)p->len, 0));
	esc_frame_move(&r->frames, esc_frame_of(&r->frames, addr), ESC_PLACE_busy,
		       ESC_PLACE_peer_full);
	return true;
}

uint32_t out_publish(struct lane *l)
{
	uint32_t n = l->out_new;

	if (n)
		esc_ring_publish(&l->plain_out, n);
	l->out_new = 0;
	return n;
}

static bool queue_piece(struct red *r, struct lane *l, const struct packet *p, const uint8_t mac[6])
{
	(void)mac;
	return out_queue(r, l, p);
}

/* The last step of out_packet: whole, or in pieces. */
static enum esc_red_proc_reason out_forward(struct red *r, struct lane *l, const struct packet *p)
{
	bool whole = p->len <= r->nic.inner_mtu;

	if (whole && out_queue(r, l, p))
		return ESC_RP_out_to_crypto;
	bool pieces = !whole && split_packet(r, l, p, r->nic.inner_mtu, queue_piece, NULL);
	return dropped(r, p->ip, pieces ? ESC_RP_out_to_crypto : ESC_RP_out_ring_full);
}

/* Who delivered the packet in this frame hears of errors about it. */
static const uint8_t *sender_mac(const uint8_t *ip)
{
	return ip - ETH_LEN + ETH_ALEN;
}

static bool ethertype_fits(const uint8_t *ip, const struct packet *p)
{
	return get16(ip - 2) == (p->v4 ? ETH_P_IP : ETH_P_IPV6);
}

enum esc_red_proc_reason out_packet(struct red *r, struct lane *l, uint8_t *ip, uint32_t room)
{
	struct packet p;

	if (!packet_parse(ip, room, &p) || !ethertype_fits(ip, &p))
		return dropped(r, ip, ESC_RP_out_bad_ip);
	if (!addresses_ok(r, &p))
		return dropped(r, ip, ESC_RP_out_bad_addr);
	if (packet_ttl(&p) <= 1) {
		answer_lan(r, l, &p, sender_mac(ip), ICMP_ERROR_TTL, 0);
		return dropped(r, ip, ESC_RP_out_ttl);
	}
	if (p.df && p.len > r->nic.inner_mtu) {
		bool said =
			answer_lan(r, l, &p, sender_mac(ip), ICMP_ERROR_TOO_BIG, r->nic.inner_mtu);
		return dropped(r, ip, said ? ESC_RP_out_too_big : ESC_RP_out_too_big_quiet);
	}
	firewall_out(r->firewall, &p, r->now);
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

	if ((ret != ESC_RET_NO_PEER && ret != ESC_RET_NO_SESSION) || offset_of(r, addr) < ETH_LEN ||
	    !packet_parse(r->frames.base + addr, room_at(r, addr), &p))
		return;
	if (own_address(r, p.src)) /* an answer of our own that had nowhere to go */
		return;
	answer_lan(r, l, &p, sender_mac(p.ip), ICMP_ERROR_HOST, 0);
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
		l->packets -= l->packets > 0;
		explain(r, l, addr, esc_desc_flags(d));
		free_busy(r, addr);
	}
	if (n)
		esc_ring_consume(&l->plain_out_ret, n);
	return n;
}
