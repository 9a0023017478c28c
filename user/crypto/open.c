/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black NIC -> AEAD -> red ring (R6, R7). A red process gets a descriptor only after the tag, the
 * replay window and the inner source address were right; a frame whose tag was wrong was never
 * handed over and holds no plaintext.
 */
#include <endian.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/inner.h"
#include "crypto/state.h"

struct open_batch {
	struct lane *lane;
	uint32_t n;
	uint64_t unix_now; /* one look at the clock for the batch */
	struct esc_aead_job job[BATCH];
	struct {
		struct outer_in outer;
		uint32_t receiver;
		esc_desc empty; /* red frame; addr = its first byte */
	} packet[BATCH];
};

/* Take an empty red frame; the descriptor is red's word and is checked. */
static bool take_empty(struct crypto *c, struct lane *l, esc_desc *empty)
{
	while (!l->empties) {
		uint32_t n = esc_ring_avail(&l->plain_in_free, BATCH);

		if (!n)
			return false;
		for (uint32_t i = 0; i < n; i++) {
			esc_desc d = esc_ring_peek(&l->plain_in_free, i);
			uint32_t addr = esc_desc_addr(d);

			if (addr < c->red.size && !(addr & (c->red.frame_size - 1)))
				l->empty[l->empties++] = d;
			else
				esc_cell_add(&c->status->violation[ESC_VIOLATION_desc_range], 1);
		}
		esc_ring_consume(&l->plain_in_free, n);
	}
	*empty = l->empty[--l->empties];
	return true;
}

static void keep_empty(struct lane *l, esc_desc empty)
{
	l->empty[l->empties++] = empty;
}

/* A data message: look up its key, give it a red frame, add it to the batch. */
static enum esc_crypto_reason add_data(struct crypto *c, struct open_batch *b,
				       const struct outer_in *in)
{
	static uint8_t nowhere[1];
	struct wg_msg_data h;
	esc_desc empty = 0;

	if (in->len < WG_DATA_OVERHEAD)
		return ESC_CR_in_bad_frame;
	memcpy(&h, in->msg, sizeof(h));
	uint32_t receiver = le32toh(h.receiver);
	uint64_t counter = le64toh(h.counter);
	struct wg_keypair *kp = wg_rx_keypair(c->wg, receiver);
	if (!kp)
		return ESC_CR_in_no_index;
	switch (wg_rx_precheck(kp, c->now, counter)) {
	case WG_RX_EXPIRED:
		return ESC_CR_in_expired;
	case WG_RX_REPLAY:
		return ESC_CR_in_replay;
	default:
		break;
	}
	uint32_t len = in->len - WG_DATA_OVERHEAD;
	if (len > c->red.frame_size - PLAIN_OFFSET)
		return ESC_CR_in_bad_frame;
	if (len && !take_empty(c, b->lane, &empty))
		return ESC_CR_in_no_frame;
	b->job[b->n] = (struct esc_aead_job){
		.key = wg_rx_key(kp),
		.counter = counter,
		.in = in->msg + WG_DATA_HEADER_LEN,
		.out = len ? c->red.base + esc_desc_addr(empty) + PLAIN_OFFSET : nowhere,
		.len = len,
	};
	b->packet[b->n].outer = *in;
	b->packet[b->n].receiver = receiver;
	b->packet[b->n].empty = empty;
	b->n++;
	return ESC_CR_in_opened;
}

/* RFC 6040, 4.2: what the network marked must reach the receiver, or the packet must not. */
static bool carry_ecn(uint8_t *packet, const struct inner *ip, uint8_t outer_ecn)
{
	if (outer_ecn != 3 || ip->ecn == 3)
		return true;
	if (!ip->ecn)
		return false;
	inner_set_ce(packet, ip);
	return true;
}

/* An authentic packet: is it one that this peer may send? Then red gets it. */
static enum esc_crypto_reason deliver(struct crypto *c, struct open_batch *b, uint32_t i,
				      const struct wg_peer *peer)
{
	uint32_t addr = esc_desc_addr(b->packet[i].empty) + PLAIN_OFFSET;
	uint8_t *packet = c->red.base + addr;
	struct inner ip;

	if (!inner_parse(packet, b->job[i].len, &ip))
		return ESC_CR_in_bad_ip;
	if (wg_route(c->wg, ip.src) != peer)
		return ESC_CR_in_source;
	if (!carry_ecn(packet, &ip, b->packet[i].outer.ecn))
		return ESC_CR_in_ecn;
	struct lane *l = b->lane;
	if (esc_ring_space(&l->plain_in, l->in_new + 1) <= l->in_new) {
		esc_cell_add(&c->status->violation[ESC_VIOLATION_ring_cursor], 1);
		return ESC_CR_in_no_frame;
	}
	esc_ring_put(&l->plain_in, l->in_new++, esc_desc_make(addr, (uint16_t)ip.len, 0));
	return ESC_CR_in_opened;
}

/* The tag was right. The keypair is looked up again: an earlier packet may have retired it. */
static enum esc_crypto_reason accept(struct crypto *c, struct open_batch *b, uint32_t i)
{
	const struct esc_aead_job *job = &b->job[i];
	struct wg_keypair *kp = wg_rx_keypair(c->wg, b->packet[i].receiver);
	bool keepalive = !job->len;

	if (!kp || wg_rx_key(kp) != job->key)
		return ESC_CR_in_no_index;
	struct wg_peer *peer = wg_rx_peer(kp);
	enum wg_rx rx =
		wg_rx_authenticated(kp, c->now, job->counter, keepalive, &b->packet[i].outer.from);
	if (rx == WG_RX_REPLAY)
		return ESC_CR_in_replay;
	if (rx == WG_RX_EXPIRED)
		return ESC_CR_in_expired;
	struct esc_peer_status *p = &c->status->peer[wg_peer_id(peer)];
	esc_cell_add(&p->rx_bytes, job->len + WG_DATA_OVERHEAD);
	esc_cell_add(&p->rx_packets, 1);
	esc_cell_set(&p->last_rx, b->unix_now);
	path_learn(c, peer, b->packet[i].outer.mac);
	peer_publish(c, peer);
	if (rx == WG_RX_OK_SESSION_READY) {
		peer_session(c, peer);
		seal_staged(c, peer);
	}
	return keepalive ? ESC_CR_in_keepalive : deliver(c, b, i, peer);
}

static void finish(struct crypto *c, struct open_batch *b)
{
	if (!b->n)
		return;
	b->unix_now = esc_unix_now();
	c->aead.provider->open(c->aead.ctx, b->job, b->n);
	for (uint32_t i = 0; i < b->n; i++) {
		enum esc_crypto_reason r = b->job[i].ok ? accept(c, b, i) : ESC_CR_in_bad_tag;

		count(c, r);
		if (r == ESC_CR_in_opened || !b->job[i].len)
			continue;
		memset(b->job[i].out, 0, b->job[i].len); /* red sees nothing of what it must not */
		keep_empty(b->lane, b->packet[i].empty);
	}
}

static void take_frame(struct crypto *c, struct open_batch *b, const struct xdp_desc *d)
{
	struct outer_in in;
	enum esc_crypto_reason r = ESC_CR_in_bad_frame;

	if (outer_parse(c->frames.base + d->addr, d->len, &in) && in.len >= sizeof(uint32_t)) {
		uint32_t type;

		memcpy(&type, in.msg, sizeof(type));
		type = le32toh(type);
		if (type == WG_DATA) {
			r = add_data(c, b, &in);
		} else if (type >= WG_INITIATION && type <= WG_COOKIE) {
			handshake_enqueue(c, &in); /* counts its fate itself */
			return;
		}
	}
	if (r != ESC_CR_in_opened)
		count(c, r);
}

uint32_t open_lane(struct crypto *c, struct lane *l)
{
	struct xdp_desc desc[BATCH];
	struct open_batch b = {.lane = l};
	uint32_t n = esc_xsk_recv(&l->xsk, desc, BATCH);

	for (uint32_t i = 0; i < n; i++)
		take_frame(c, &b, &desc[i]);
	finish(c, &b);
	for (uint32_t i = 0; i < n; i++)
		esc_frame_free(&c->frames, esc_frame_of(&c->frames, desc[i].addr), ESC_PLACE_busy);
	return n;
}
