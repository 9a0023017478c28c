/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handshake messages and timers (R1, R3). A handshake costs as much as hundreds of packets, so
 * messages wait in a bounded queue, a round takes few of them, and when there are data packets they
 * get most of the time.
 */
#include <string.h>

#include "base/clock.h"
#include "crypto/state.h"

void handshake_enqueue(struct crypto *c, const struct outer_in *in)
{
	if (c->waiting_count == HANDSHAKES_WAITING) {
		count(c, ESC_CR_in_handshake_full);
		return;
	}
	struct waiting_handshake *w =
		&c->waiting[(c->waiting_head + c->waiting_count) % HANDSHAKES_WAITING];
	if (in->len > sizeof(w->msg)) {
		count(c, ESC_CR_in_bad_handshake);
		return;
	}
	w->from = in->from;
	w->len = (uint16_t)in->len;
	memcpy(w->mac, in->mac, sizeof(w->mac));
	memcpy(w->msg, in->msg, in->len);
	c->waiting_count++;
	load_waiting(&c->load, c->now, c->waiting_count);
}

static bool send_message(struct crypto *c, const struct outer_path *path, const struct wg_out *out)
{
	struct esc_frames *f = &c->frames;
	uint32_t frame;

	if (!esc_frame_alloc(f, ESC_PLACE_busy, &frame))
		return false;
	uint64_t base = esc_frame_addr(f, frame);
	uint8_t *msg = f->base + base + MSG_OFFSET;
	memcpy(msg, out->bytes, out->len);
	uint32_t head = outer_write(msg, out->len, path, 0, c->ip_id++);
	if (!esc_xsk_send(&c->lane[0].xsk, base + MSG_OFFSET - head, head + out->len)) {
		esc_frame_free(f, frame, ESC_PLACE_busy);
		return false;
	}
	if (out->peer)
		esc_cell_add(&c->status->peer[wg_peer_id(out->peer)].tx_bytes, out->len);
	esc_cell_add(&c->status->handshakes_sent, 1);
	return true;
}

static enum esc_crypto_reason reason_of(enum wg_verdict v)
{
	switch (v) {
	case WG_HS_ACCEPTED:
		return ESC_CR_in_handshake;
	case WG_HS_COOKIE:
		return ESC_CR_in_cookie;
	case WG_HS_COOKIE_SENT:
		return ESC_CR_in_cookie_sent;
	default:
		return ESC_CR_in_bad_handshake;
	}
}

static void consume(struct crypto *c, const struct waiting_handshake *w)
{
	/* A peer at its usual place need not ask for a cookie first, unless others forge it. */
	bool ask = c->load.on && !load_known(&c->load, c->now, wg_known(c->wg, w->from.addr));
	struct outer_path path;
	struct wg_out out;
	struct wg_received r = wg_receive(c->wg, c->now, &w->from, w->msg, w->len, ask, &out);

	count(c, reason_of(r.verdict));
	if (r.verdict == WG_HS_DROP || r.verdict == WG_HS_COOKIE_SENT)
		load_message(&c->load, c->now);
	if (r.verdict == WG_HS_ACCEPTED) {
		esc_cell_add(&c->status->peer[wg_peer_id(r.peer)].rx_bytes, w->len);
		path_learn(c, r.peer, w->mac);
		peer_publish(c, r.peer);
	}
	if (out.len) { /* an answer goes back the way the question came */
		path_fill(c, &out.to, w->mac, &path);
		send_message(c, &path, &out);
	}
	if (r.session_ready) {
		peer_session(c, r.peer);
		seal_staged(c, r.peer);
	}
}

static void show_load(struct crypto *c)
{
	uint32_t on = load_look(&c->load, c->now);

	if (c->guard->under_load == on)
		return;
	esc_cell_set(&c->status->under_load, on);
	__atomic_store_n(&c->guard->under_load, on, __ATOMIC_RELAXED);
}

uint32_t handshake_round(struct crypto *c, uint32_t data)
{
	uint64_t from = c->now;

	if (c->waiting_count)
		load_budgets(&c->load, c->now,
			     __atomic_load_n(&c->budgets->refused_at, __ATOMIC_RELAXED));
	show_load(c);
	for (uint32_t i = 0; i < HANDSHAKES_PER_ROUND && c->waiting_count; i++) {
		const struct waiting_handshake *w = &c->waiting[c->waiting_head];

		if (data)
			from = esc_now();
		if (!load_turn(&c->load, from, data))
			break;
		c->waiting_head = (c->waiting_head + 1) % HANDSHAKES_WAITING;
		c->waiting_count--;
		consume(c, w);
		load_spent(&c->load, from, data ? esc_now() : from);
	}
	return c->waiting_count;
}

/* Send an initiation, or keep it until its path is known. */
static void send_initiation(struct crypto *c, const struct wg_out *out)
{
	struct peer_slot *s = slot_of(c, out->peer);
	const struct outer_path *path;

	s->handshake.len = 0;
	if (peer_path(c, out->peer, &path) == PATH_OK)
		send_message(c, path, out);
	else
		s->handshake = *out;
}

/*
 * A peer learns where we are from the next authentic packet. One that only sends to us would wait
 * for it until its session expires, so an empty one goes out at once (R4).
 */
static void announce(struct crypto *c, struct wg_peer *peer)
{
	struct peer_slot *s = slot_of(c, peer);
	const struct outer_path *path;

	if (!wg_peer_has_session(peer, c->now) || !wg_peer_endpoint(peer)->port) {
		s->announce = false;
	} else if (peer_path(c, peer, &path) == PATH_OK) {
		s->announce = false;
		send_keepalive(c, peer);
	}
}

void paths_changed(struct crypto *c)
{
	c->path_generation++;
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		struct peer_slot *s = &c->peer[id];
		struct wg_peer *peer = wg_peer_by_id(c->wg, id);
		struct wg_out out = s->handshake;

		if (peer && out.len)
			send_initiation(c, &out);
		if (peer && s->announce)
			announce(c, peer);
		if (peer && s->staged_count)
			seal_staged(c, peer);
	}
}

void timers_round(struct crypto *c)
{
	struct wg_peer *peer;
	struct wg_out out;

	if (wg_next(c->wg) > c->now)
		return;
	for (;;) {
		switch (wg_poll(c->wg, c->now, &peer, &out)) {
		case WG_ACT_SEND:
			send_initiation(c, &out);
			if (++slot_of(c, peer)->unanswered >= SILENT_AFTER)
				stage_drop(c, slot_of(c, peer), ESC_CR_out_no_session,
					   ESC_RET_NO_SESSION);
			break;
		case WG_ACT_KEEPALIVE:
			send_keepalive(c, peer);
			break;
		case WG_ACT_GAVE_UP:
			stage_drop(c, slot_of(c, peer), ESC_CR_out_no_session, ESC_RET_NO_SESSION);
			break;
		case WG_ACT_NONE:
			return;
		}
	}
}
