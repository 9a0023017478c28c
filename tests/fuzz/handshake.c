/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arbitrary messages into two cores that talk to each other (R2). An input is a list of steps: what
 * to do, how many bytes belong to it, the bytes.
 *   0 the bytes are a message	  1 a whole message of type 1, 2 or 3 begins with them
 *   2 the newest genuine message, changed at the places that the bytes name
 *   3 a data header: look up, check, accept	  4 time passes
 * Messages come with or without a right mac1, under load or not.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "noise/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct node {
	struct wg_device *dev;
	struct wg_peer *peer;
	uint8_t public_key[WG_KEY_LEN];
	uint64_t drawn;
};

static struct node node[2];
static wg_time now;
static const struct wg_endpoint here = {.addr = {[10] = 0xff, [11] = 0xff}, .port = 1};

static void counted_random(void *arg, void *buf, size_t len)
{
	struct node *n = (struct node *)arg;
	uint8_t seed[randombytes_SEEDBYTES] = {n == node};

	n->drawn++;
	memcpy(seed + 8, &n->drawn, sizeof(n->drawn));
	randombytes_buf_deterministic(buf, len, seed);
}

static uint64_t clock_ns(void *arg)
{
	(void)arg;
	return 1700000000ull * WG_SECOND + now;
}

static void *key_new(void *arg, const uint8_t key[32])
{
	uint8_t *k = (uint8_t *)malloc(WG_KEY_LEN);

	(void)arg;
	if (k)
		memcpy(k, key, WG_KEY_LEN);
	return k;
}

static void key_free(void *arg, void *key)
{
	(void)arg;
	free(key);
}

/* The newest message that each node sent. */
static struct wg_out newest[2];

static void start(void)
{
	static struct esc_guard guard[2];

	if (sodium_init() < 0)
		abort();
	for (int i = 0; i < 2; i++) {
		const struct wg_env env = {&node[i], counted_random, clock_ns,
					   key_new,  key_free,	     &guard[i]};
		const uint8_t private_key[WG_KEY_LEN] = {(uint8_t)(8 * i + 8)};

		node[i].dev = wg_device_new(&env);
		if (!node[i].dev || wg_device_set_key(node[i].dev, private_key, now))
			abort();
		wg_device_public_key(node[i].dev, node[i].public_key);
	}
}

/* The same state for every input. */
static void reset(void)
{
	now = 1000 * WG_SECOND;
	for (int i = 0; i < 2; i++) {
		if (node[i].peer)
			wg_peer_remove(node[i].peer);
		node[i].drawn = 0;
		wg_cookie_wipe(&node[i].dev->checker);
		memset(node[i].dev->seen.hash, 0, sizeof(node[i].dev->seen.hash));
		newest[i].len = 0;
		if (wg_peer_add(node[i].dev, 0, node[!i].public_key, now, &node[i].peer))
			abort();
		wg_peer_set_endpoint(node[i].peer, &here);
		wg_peer_set_keepalive(node[i].peer, 25, now);
	}
}

/* Message of node i reaches the other one, whose answer comes back. */
static void exchange(int i, const struct wg_out *out)
{
	struct wg_out answer, last;

	newest[i] = *out;
	wg_receive(node[!i].dev, now, &here, out->bytes, out->len, false, &answer);
	if (!answer.len)
		return;
	newest[!i] = answer;
	wg_receive(node[i].dev, now, &here, answer.bytes, answer.len, false, &last);
}

static void run(void)
{
	struct wg_peer *peer;
	struct wg_out out;
	struct wg_tx_slot slot;

	for (int i = 0; i < 2; i++) {
		enum wg_action action;
		int actions = 0;

		while ((action = wg_poll(node[i].dev, now, &peer, &out)) != WG_ACT_NONE) {
			if (++actions > 10)
				abort(); /* it would never end */
			if (action == WG_ACT_KEEPALIVE)
				wg_tx_begin(peer, now, true, &slot);
			if (action == WG_ACT_SEND)
				exchange(i, &out);
		}
	}
}

static void sign(const struct node *to, uint8_t *msg, size_t len)
{
	struct wg_mac_keys keys;
	size_t covered = len - sizeof(struct wg_msg_macs);

	if (len < sizeof(struct wg_msg_macs) ||
	    !wg_mac_keys_init(to->dev->blake2s, &keys, to->public_key))
		return;
	wg_mac(to->dev->blake2s, msg + covered, keys.mac1, WG_KEY_LEN, msg, covered, NULL, 0);
}

/* Exact memory, so that the address sanitizer sees every byte too many. */
static struct wg_received give(int to, const uint8_t *bytes, size_t len, bool under_load)
{
	struct wg_received r = {.verdict = WG_HS_DROP};
	uint8_t *msg = (uint8_t *)malloc(len + !len);
	struct wg_out out;

	if (!msg)
		return r;
	memcpy(msg, bytes, len);
	r = wg_receive(node[to].dev, now, &here, msg, len, under_load, &out);
	if (out.len && r.verdict != WG_HS_COOKIE_SENT && r.verdict != WG_HS_ACCEPTED)
		abort();
	free(msg);
	return r;
}

static void forged(const uint8_t *data, size_t size, bool whole, bool mac1, bool under_load)
{
	static const size_t length[] = {WG_INITIATION_LEN, WG_RESPONSE_LEN, WG_COOKIE_REPLY_LEN};
	uint8_t msg[256] = {0};

	memcpy(msg, data, size);
	if (whole && size) {
		msg[0] = (uint8_t)(1 + data[0] % 3);
		msg[1] = msg[2] = msg[3] = 0;
		size = length[msg[0] - 1];
	}
	for (int i = 0; i < 2; i++) {
		const struct wg_peer *peer = node[i].peer;
		uint32_t index = peer->in_flight.value;

		if (!index && peer->current)
			index = peer->current->index.value;
		index = htole32(index);
		if (whole)
			memcpy(msg + (msg[0] == WG_RESPONSE ? 8 : 4), &index, sizeof(index));
		if (mac1)
			sign(&node[i], msg, size);
		enum wg_verdict verdict = give(i, msg, size, under_load).verdict;
		if (verdict == WG_HS_ACCEPTED || verdict == WG_HS_COOKIE)
			abort(); /* without a key */
	}
}

static void changed(const uint8_t *data, size_t size, bool mac1, bool under_load)
{
	for (int i = 0; i < 2; i++) {
		struct wg_out m = newest[i];

		if (!m.len)
			continue;
		for (size_t at = 0; at + 1 < size; at += 2)
			m.bytes[data[at] % m.len] ^= data[at + 1];
		if (mac1)
			sign(&node[!i], m.bytes, m.len);
		give(!i, m.bytes, m.len, under_load);
	}
}

static void data_header(const uint8_t *data, size_t size)
{
	struct wg_msg_data h;

	if (size < sizeof(h) + 1)
		return;
	memcpy(&h, data, sizeof(h));
	for (int i = 0; i < 2; i++) {
		struct wg_keypair *kp = wg_rx_keypair(node[i].dev, le32toh(h.receiver));

		if (!kp && data[sizeof(h)] & 1)
			kp = data[sizeof(h)] & 2 ? node[i].peer->current : node[i].peer->next;
		if (!kp)
			continue;
		uint64_t counter = le64toh(h.counter);
		enum wg_rx look = wg_rx_precheck(kp, now, counter);
		enum wg_rx rx = wg_rx_authenticated(kp, now, counter, data[sizeof(h)] & 4, &here);
		if ((look == WG_RX_OK) != (rx == WG_RX_OK || rx == WG_RX_OK_SESSION_READY))
			abort();
		if (wg_rx_precheck(kp, now, counter) == WG_RX_OK)
			abort(); /* accepted twice */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!node[0].dev)
		start();
	reset();
	run();
	while (size >= 2) {
		uint8_t what = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		bool mac1 = what & 0x80, under_load = what & 0x40;

		data += 2;
		size -= 2;
		switch (what % 5) {
		case 0:
		case 1:
			forged(data, len, what % 5 == 1, mac1, under_load);
			break;
		case 2:
			changed(data, len, mac1, under_load);
			break;
		case 3:
			data_header(data, len);
			break;
		case 4:
			now += (1 + (len ? data[0] : 0)) * WG_SECOND;
			break;
		}
		run();
		data += len;
		size -= len;
	}
	return 0;
}
