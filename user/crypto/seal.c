/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Red ring -> AEAD -> black NIC (R6, R7). The AEAD is the only copy of a payload: it reads the
 * red frame and writes the black one. All that comes from red is checked here, from one read.
 */
#include <endian.h>
#include <string.h>

#include "crypto/state.h"
#include "crypto/inner.h"

/* One batch on its way through the provider. */
struct seal_batch {
	struct lane *lane;
	uint32_t n;
	struct esc_aead_job job[BATCH];
	struct {
		struct wg_peer *peer;
		const struct outer_path *path;
		struct lane *home; /* where the red frame came from */
		esc_desc desc;	   /* len 0: a keepalive, no red frame */
		uint32_t frame;	   /* black */
		uint8_t ecn;
	} packet[BATCH];
};

void return_frame(struct crypto *c, struct lane *l, esc_desc d, enum esc_ret ret)
{
	esc_desc back = esc_desc_make(esc_desc_addr(d), 0, (uint16_t)ret);

	/* The ring has a slot for each frame: it is full only if red broke its promise. */
	if (esc_ring_space(&l->plain_out_ret, l->ret_new + 1) > l->ret_new)
		esc_ring_put(&l->plain_out_ret, l->ret_new++, back);
	else
		esc_cell_add(&c->status->violation[ESC_VIOLATION_ring_cursor], 1);
}

bool rings_publish(struct lane *l)
{
	bool news = l->ret_new || l->in_new;

	if (l->ret_new)
		esc_ring_publish(&l->plain_out_ret, l->ret_new);
	if (l->in_new)
		esc_ring_publish(&l->plain_in, l->in_new);
	l->ret_new = l->in_new = 0;
	return news;
}

/* Always false: what the caller says then. */
static bool refuse(struct crypto *c, struct lane *l, esc_desc d, enum esc_crypto_reason why,
		   enum esc_ret ret)
{
	count(c, why);
	return_frame(c, l, d, ret);
	return false;
}

/* WireGuard paper 5.4.6: padded to 16 bytes, but a full-size packet stays within the MTU. */
static uint32_t padded_length(const struct crypto *c, uint32_t len)
{
	uint32_t padded = (len + WG_PADDING - 1) & ~(WG_PADDING - 1);

	return padded > c->nic.inner_mtu ? c->nic.inner_mtu : padded;
}

static bool red_range_ok(const struct red_memory *red, uint32_t addr, uint32_t len)
{
	uint32_t offset = addr & (red->frame_size - 1);

	return addr < red->size && len <= red->frame_size && offset <= red->frame_size - len;
}

static void write_data_header(uint8_t *msg, const struct wg_tx_slot *tx)
{
	struct wg_msg_data h = {
		.type = htole32(WG_DATA),
		.receiver = htole32(tx->receiver),
		.counter = htole64(tx->counter),
	};

	memcpy(msg, &h, sizeof(h));
}

/* Take a counter and a black frame for one packet and add it to the batch. */
static bool add_job(struct crypto *c, struct seal_batch *b, struct wg_peer *peer,
		    const struct outer_path *path, const struct wg_tx_slot *tx, uint8_t *in,
		    uint32_t padded)
{
	uint32_t frame;

	if (!esc_frame_alloc(&c->frames, ESC_PLACE_busy, &frame))
		return false;
	uint8_t *msg = c->frames.base + esc_frame_addr(&c->frames, frame) + MSG_OFFSET;
	write_data_header(msg, tx);
	b->job[b->n] = (struct esc_aead_job){.key = tx->key,
					     .counter = tx->counter,
					     .in = in,
					     .out = msg + WG_DATA_HEADER_LEN,
					     .len = padded};
	b->packet[b->n].peer = peer;
	b->packet[b->n].path = path;
	b->packet[b->n].frame = frame;
	return true;
}

/* Where the packet goes and with which key; staged or refused if it cannot go now. */
static bool find_way(struct crypto *c, struct wg_peer *peer, struct lane *home, esc_desc d,
		     const struct outer_path **path, struct wg_tx_slot *tx)
{
	if (!wg_peer_endpoint(peer)->port)
		return refuse(c, home, d, ESC_CR_out_no_endpoint, ESC_RET_NO_SESSION);
	enum path_state state = peer_path(c, peer, path);
	if (state == PATH_NONE)
		return refuse(c, home, d, ESC_CR_out_no_path, ESC_RET_NO_SESSION);
	if (state == PATH_OK && wg_tx_begin(peer, c->now, false, tx) == WG_TX_OK)
		return true;
	if (slot_of(c, peer)->unanswered >= SILENT_AFTER)
		return refuse(c, home, d, ESC_CR_out_no_session, ESC_RET_NO_SESSION);
	stage_packet(c, peer, home, d);
	return false;
}

/* One packet for a peer, into the batch. */
static void add_packet(struct crypto *c, struct seal_batch *b, struct wg_peer *peer,
		       struct lane *home, esc_desc d, uint8_t ecn)
{
	const struct outer_path *path = NULL;
	struct wg_tx_slot tx;

	if (!find_way(c, peer, home, d, &path, &tx))
		return;
	uint32_t len = esc_desc_len(d), padded = padded_length(c, len);
	uint8_t *in = c->red.base + esc_desc_addr(d);
	memset(in + len, 0, padded - len);
	if (!add_job(c, b, peer, path, &tx, in, padded)) {
		refuse(c, home, d, ESC_CR_out_tx_full, ESC_RET_OK);
		return;
	}
	b->packet[b->n].home = home;
	b->packet[b->n].desc = d;
	b->packet[b->n].ecn = ecn;
	b->n++;
}

/* Check a descriptor and the packet it names; the header is read once. */
static bool check_packet(struct crypto *c, struct lane *l, esc_desc d, struct inner *ip)
{
	uint32_t addr = esc_desc_addr(d), len = esc_desc_len(d);

	if (len > c->nic.inner_mtu)
		return refuse(c, l, d, ESC_CR_out_too_big, ESC_RET_OK);
	if (!red_range_ok(&c->red, addr, padded_length(c, len))) {
		esc_cell_add(&c->status->violation[ESC_VIOLATION_desc_range], 1);
		return refuse(c, l, d, ESC_CR_out_bad_ip, ESC_RET_OK);
	}
	if (!inner_parse(c->red.base + addr, len, ip) || ip->len != len)
		return refuse(c, l, d, ESC_CR_out_bad_ip, ESC_RET_OK);
	return true;
}

/* Seal the batch, write the outer headers, queue for sending, return the red frames. */
static void finish(struct crypto *c, struct seal_batch *b)
{
	struct esc_frames *f = &c->frames;

	if (!b->n)
		return;
	c->aead.provider->seal(c->aead.ctx, b->job, b->n);
	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t base = esc_frame_addr(f, b->packet[i].frame);
		uint32_t len = b->job[i].len + WG_DATA_OVERHEAD;
		bool keepalive = !esc_desc_len(b->packet[i].desc);
		uint32_t head = outer_write(f->base + base + MSG_OFFSET, len, b->packet[i].path,
					    b->packet[i].ecn, c->ip_id++);
		bool sent = b->job[i].ok &&
			    esc_xsk_send(&b->lane->xsk, base + MSG_OFFSET - head, head + len);
		if (sent) {
			struct esc_peer_status *p = &c->status->peer[wg_peer_id(b->packet[i].peer)];
			esc_cell_add(&p->tx_bytes, len);
			esc_cell_add(&p->tx_packets, 1);
		} else {
			esc_frame_free(f, b->packet[i].frame, ESC_PLACE_busy);
		}
		if (keepalive)
			continue;
		count(c, sent ? ESC_CR_out_sealed : ESC_CR_out_tx_full);
		return_frame(c, b->packet[i].home, b->packet[i].desc, ESC_RET_OK);
	}
	b->n = 0;
}

uint32_t seal_lane(struct crypto *c, struct lane *l)
{
	struct seal_batch b = {.lane = l};
	struct inner ip;
	uint32_t n = esc_ring_avail(&l->plain_out, BATCH);

	for (uint32_t i = 0; i < n; i++) {
		esc_desc d = esc_ring_peek(&l->plain_out, i);

		if (!check_packet(c, l, d, &ip))
			continue;
		struct wg_peer *peer = wg_route(c->wg, ip.dst);
		if (!peer)
			refuse(c, l, d, ESC_CR_out_no_peer, ESC_RET_NO_PEER);
		else
			add_packet(c, &b, peer, l, d, ip.ecn);
	}
	if (n)
		esc_ring_consume(&l->plain_out, n);
	finish(c, &b);
	return n;
}

void seal_staged(struct crypto *c, struct wg_peer *peer)
{
	struct peer_slot *s = slot_of(c, peer);
	struct seal_batch b = {.lane = &c->lane[0]};
	struct staged_packet p;
	struct inner ip;

	/* A packet that still cannot go is staged again behind the others: look at each once. */
	for (uint32_t n = s->staged_count; n && stage_take(c, s, &p); n--) {
		struct lane *home = &c->lane[p.lane];

		/* Checked again: the MTU may have changed, and red may have changed the bytes. */
		if (check_packet(c, home, p.desc, &ip))
			add_packet(c, &b, peer, home, p.desc, ip.ecn);
		if (b.n == BATCH)
			finish(c, &b);
	}
	finish(c, &b);
}

void send_keepalive(struct crypto *c, struct wg_peer *peer)
{
	struct seal_batch b = {.lane = &c->lane[0]};
	const struct outer_path *path;
	struct wg_tx_slot tx;
	static uint8_t nothing[1];

	if (peer_path(c, peer, &path) != PATH_OK ||
	    wg_tx_begin(peer, c->now, true, &tx) != WG_TX_OK ||
	    !add_job(c, &b, peer, path, &tx, nothing, 0))
		return;
	b.packet[0].desc = 0;
	b.packet[0].ecn = 0;
	b.n = 1;
	finish(c, &b);
	esc_cell_add(&c->status->keepalives_sent, 1);
}
