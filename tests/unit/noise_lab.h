/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noise_lab.h: two protocol cores, a wire between them with delay, loss and whatever a test does
 * to it, and one clock that jumps from event to event. Nothing here is random twice: each side has
 * its own seed. The "AEAD" of data packets is the key itself: what matters is who has which key.
 */
#ifndef ESC_TESTS_NOISE_LAB_H
#define ESC_TESTS_NOISE_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "noise/core.h"

#define LAB_UNUSED __attribute__((unused))
#define MS	   (WG_SECOND / 1000)
#define LAB_EPOCH  (1700000000ull * WG_SECOND)
#define LAB_WIRE   256

struct lab;

struct packet {
	wg_time at; /* arrival */
	struct side *to;
	struct wg_endpoint from;
	uint16_t len; /* 0: data packet */
	uint8_t bytes[WG_INITIATION_LEN];
	struct wg_tx_slot slot;
	uint8_t key[WG_KEY_LEN];
	bool keepalive;
};

struct side {
	struct lab *lab;
	struct side *other;
	struct wg_device *dev;
	struct wg_peer *peer;
	struct wg_endpoint at;
	uint8_t private_key[WG_KEY_LEN], public_key[WG_KEY_LEN];
	struct esc_guard guard;
	uint8_t seed[randombytes_SEEDBYTES];
	uint64_t drawn;
	int64_t clock_error; /* of the wall clock, ns */
	bool under_load;
	bool no_keys; /* key_new fails */
	int keys;     /* data keys that exist */
	int staged;
	int sent[5], keepalives; /* messages by type; keepalives are counted in both */
	int received;		 /* data, without keepalives */
	int gave_up;
	enum wg_rx last_rx;
	struct wg_received last;
};

struct lab {
	wg_time now, delay;
	struct side a, b;
	struct packet wire[LAB_WIRE];
	int packets;
	bool (*lose)(struct lab *lab, struct packet *p); /* may also change it */
};

static void lab_random(void *arg, void *buf, size_t len)
{
	struct side *s = (struct side *)arg;
	uint8_t seed[randombytes_SEEDBYTES];

	memcpy(seed, s->seed, sizeof(seed));
	s->drawn++;
	memcpy(seed + 8, &s->drawn, sizeof(s->drawn));
	randombytes_buf_deterministic(buf, len, seed);
}

static uint64_t lab_unix_ns(void *arg)
{
	struct side *s = (struct side *)arg;

	return (uint64_t)((int64_t)(LAB_EPOCH + s->lab->now) + s->clock_error);
}

static void *lab_key_new(void *arg, const uint8_t key[32])
{
	struct side *s = (struct side *)arg;
	uint8_t *copy = s->no_keys ? NULL : (uint8_t *)malloc(WG_KEY_LEN);

	if (copy) {
		memcpy(copy, key, WG_KEY_LEN);
		s->keys++;
	}
	return copy;
}

static void lab_key_free(void *arg, void *key)
{
	struct side *s = (struct side *)arg;

	s->keys--;
	free(key);
}

static struct wg_env lab_env(struct side *s)
{
	return (struct wg_env){
		.arg = s,
		.random = lab_random,
		.unix_ns = lab_unix_ns,
		.key_new = lab_key_new,
		.key_free = lab_key_free,
		.guard = &s->guard,
	};
}

static void side_start(struct side *s)
{
	struct wg_env env = lab_env(s);

	s->dev = wg_device_new(&env);
	assert_non_null(s->dev);
	assert_int_equal(wg_device_set_key(s->dev, s->private_key, s->lab->now), 0);
}

/* A new process with the same key and peer, which knows nothing else. */
LAB_UNUSED static void side_restart(struct side *s)
{
	wg_device_free(s->dev);
	s->seed[4]++;
	side_start(s);
	assert_int_equal(wg_peer_add(s->dev, 7, s->other->public_key, s->lab->now, &s->peer), 0);
	wg_peer_set_endpoint(s->peer, &s->other->at);
}

static void lab_start(struct lab *lab)
{
	struct side *side[] = {&lab->a, &lab->b};

	assert_true(sodium_init() >= 0);
	memset(lab, 0, sizeof(*lab));
	lab->now = 1000 * WG_SECOND;
	lab->delay = 20 * MS;
	lab->a.other = &lab->b;
	lab->b.other = &lab->a;
	for (int i = 0; i < 2; i++) {
		struct side *s = side[i];

		s->lab = lab;
		s->seed[0] = (uint8_t)(i + 1);
		lab_random(s, s->private_key, WG_KEY_LEN);
		s->at = (struct wg_endpoint){.port = (uint16_t)(1000 + i)};
		s->at.addr[10] = s->at.addr[11] = 0xff;
		s->at.addr[12] = 192;
		s->at.addr[15] = (uint8_t)(i + 1);
		side_start(s);
		wg_device_public_key(s->dev, s->public_key);
	}
	for (int i = 0; i < 2; i++) {
		struct side *s = side[i];

		assert_int_equal(wg_peer_add(s->dev, 7, s->other->public_key, lab->now, &s->peer),
				 0);
		wg_peer_set_endpoint(s->peer, &s->other->at);
	}
}

static void lab_stop(struct lab *lab)
{
	wg_device_free(lab->a.dev);
	wg_device_free(lab->b.dev);
	assert_int_equal(lab->a.keys, 0);
	assert_int_equal(lab->b.keys, 0);
}

/* Put a copy onto the wire. */
static void lab_put(struct lab *lab, struct packet *p)
{
	p->at = lab->now + lab->delay;
	if (lab->lose && lab->lose(lab, p))
		return;
	assert_true(lab->packets < LAB_WIRE);
	lab->wire[lab->packets++] = *p;
}

static void send_message(struct side *s, const struct wg_out *out)
{
	struct packet p = {.to = s->other, .from = s->at, .len = out->len};

	memcpy(p.bytes, out->bytes, out->len);
	s->sent[p.bytes[0]]++;
	lab_put(s->lab, &p);
}

static enum wg_tx send_data(struct side *s, bool keepalive)
{
	struct packet p = {.to = s->other, .from = s->at, .keepalive = keepalive};
	enum wg_tx tx = wg_tx_begin(s->peer, s->lab->now, keepalive, &p.slot);

	if (tx == WG_TX_STAGE && !keepalive)
		s->staged++;
	if (tx != WG_TX_OK)
		return tx;
	memcpy(p.key, p.slot.key, WG_KEY_LEN);
	s->sent[WG_DATA]++;
	s->keepalives += keepalive;
	lab_put(s->lab, &p);
	return tx;
}

static void send_staged(struct side *s)
{
	int n = s->staged;

	s->staged = 0;
	while (n--)
		send_data(s, false);
}

static enum wg_rx receive_data(struct side *s, const struct packet *p)
{
	struct wg_keypair *kp = wg_rx_keypair(s->dev, p->slot.receiver);

	if (!kp || memcmp(wg_rx_key(kp), p->key, WG_KEY_LEN))
		return WG_RX_EXPIRED; /* unknown index or wrong tag */
	enum wg_rx rx = wg_rx_precheck(kp, s->lab->now, p->slot.counter);
	if (rx != WG_RX_OK)
		return rx;
	rx = wg_rx_authenticated(kp, s->lab->now, p->slot.counter, p->keepalive, &p->from);
	if (rx == WG_RX_OK || rx == WG_RX_OK_SESSION_READY)
		s->received += !p->keepalive;
	if (rx == WG_RX_OK_SESSION_READY)
		send_staged(s);
	return rx;
}

static void receive(struct side *s, const struct packet *p)
{
	struct wg_out out;

	if (!p->len) {
		s->last_rx = receive_data(s, p);
		return;
	}
	s->last = wg_receive(s->dev, s->lab->now, &p->from, p->bytes, p->len, s->under_load, &out);
	if (out.len)
		send_message(s, &out);
	if (s->last.session_ready)
		send_staged(s);
}

static void poll_side(struct side *s)
{
	struct wg_peer *peer;
	struct wg_out out;

	for (;;) {
		switch (wg_poll(s->dev, s->lab->now, &peer, &out)) {
		case WG_ACT_SEND:
			assert_ptr_equal(peer, s->peer);
			assert_int_equal(out.len, WG_INITIATION_LEN);
			send_message(s, &out);
			break;
		case WG_ACT_KEEPALIVE:
			send_data(s, true);
			break;
		case WG_ACT_GAVE_UP:
			s->gave_up++;
			s->staged = 0;
			break;
		case WG_ACT_NONE:
			assert_true(wg_next(s->dev) > s->lab->now);
			return;
		}
	}
}

static wg_time lab_next(const struct lab *lab)
{
	wg_time next = wg_next(lab->a.dev);

	if (wg_next(lab->b.dev) < next)
		next = wg_next(lab->b.dev);
	for (int i = 0; i < lab->packets; i++)
		if (lab->wire[i].at < next)
			next = lab->wire[i].at;
	return next;
}

/* Let everything happen that happens within this time. */
static void lab_run(struct lab *lab, wg_time duration)
{
	wg_time until = lab->now + duration;

	for (int events = 0; lab_next(lab) <= until; events++) {
		assert_true(events < 100000); /* no busy loop */
		if (lab_next(lab) > lab->now)
			lab->now = lab_next(lab);
		for (int i = 0; i < lab->packets; i++) {
			if (lab->wire[i].at > lab->now)
				continue;
			struct packet p = lab->wire[i];
			lab->packets--;
			memmove(&lab->wire[i], &lab->wire[i + 1],
				(size_t)(lab->packets - i) * sizeof(p));
			i = -1; /* receive() may have added some */
			receive(p.to, &p);
		}
		poll_side(&lab->a);
		poll_side(&lab->b);
	}
	lab->now = until;
}

/* One handshake begun by s, confirmed; nothing is under way any more. */
LAB_UNUSED static void lab_connect(struct lab *lab, struct side *s)
{
	int before = s->other->received;

	assert_int_equal(send_data(s, false), WG_TX_STAGE);
	lab_run(lab, WG_SECOND);
	assert_int_equal(s->other->received, before + 1);
}

LAB_UNUSED static int lab_messages(const struct lab *lab)
{
	int n = 0;

	for (int t = WG_INITIATION; t <= WG_DATA; t++)
		n += lab->a.sent[t] + lab->b.sent[t];
	return n;
}

/* The initiation that a device sends right now. */
LAB_UNUSED static void take_initiation(struct side *s, struct packet *p)
{
	struct wg_peer *peer;
	struct wg_out out;

	wg_timers_want_handshake(s->peer, s->lab->now, true);
	assert_int_equal(wg_poll(s->dev, s->lab->now, &peer, &out), WG_ACT_SEND);
	*p = (struct packet){.to = s->other, .from = s->at, .len = out.len};
	memcpy(p->bytes, out.bytes, out.len);
}

LAB_UNUSED static struct wg_received give(struct packet *p, struct wg_out *out)
{
	struct side *s = p->to;

	return wg_receive(s->dev, s->lab->now, &p->from, p->bytes, p->len, s->under_load, out);
}

#endif
