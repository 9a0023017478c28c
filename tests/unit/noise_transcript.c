/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole handshake with fixed keys, byte for byte against the transcript of a second
 * implementation (noise_transcript.py): initiation, cookie reply, mac2, response, data keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "noise/core.h"
#include "noise_transcript.h"

struct script {
	const uint8_t *random_32;
	uint32_t random_4;
	const uint8_t *keys[2]; /* sending, receiving */
	int made;
	struct esc_guard guard;
};

static void scripted_random(void *arg, void *buf, size_t len)
{
	const struct script *s = (const struct script *)arg;

	if (len == WG_KEY_LEN)
		memcpy(buf, s->random_32, len);
	else if (len == WG_COOKIE_NONCE_LEN)
		memcpy(buf, kat_cookie_nonce, len);
	else if (len == sizeof(s->random_4))
		memcpy(buf, &s->random_4, len);
	else
		memset(buf, 0, len);
}

static uint64_t fixed_clock(void *arg)
{
	(void)arg;
	return 1700000000ull * WG_SECOND + 123456789;
}

static void *check_key(void *arg, const uint8_t key[32])
{
	struct script *s = (struct script *)arg;

	assert_memory_equal(key, s->keys[s->made], WG_KEY_LEN);
	s->made++;
	return s;
}

static void forget_key(void *arg, void *key)
{
	(void)arg;
	(void)key;
}

static struct wg_device *device(struct script *s, const uint8_t private_key[32],
				const uint8_t peer_key[32], struct wg_peer **peer)
{
	const struct wg_env env = {s,	      scripted_random, fixed_clock,
				   check_key, forget_key,      &s->guard};
	struct wg_device *dev = wg_device_new(&env);

	assert_non_null(dev);
	assert_int_equal(wg_device_set_key(dev, private_key, 0), 0);
	assert_int_equal(wg_peer_add(dev, 0, peer_key, 0, peer), 0);
	wg_peer_set_psk(*peer, kat_psk);
	return dev;
}

static void handshake_equals_the_transcript(void **state)
{
	struct wg_endpoint at_i = {.port = 51820}, at_r = {.port = 1};
	struct script si = {
		kat_ephemeral_i, 0xa1a2a3a4, {kat_to_responder, kat_to_initiator}, 0, {0}};
	struct script sr = {
		kat_cookie_secret, 0xb1b2b3b4, {kat_to_initiator, kat_to_responder}, 0, {0}};
	struct wg_peer *peer_r, *peer_i, *who;
	struct wg_device *i = device(&si, kat_private_i, kat_public_r, &peer_r);
	struct wg_device *r = device(&sr, kat_private_r, kat_public_i, &peer_i);
	uint8_t again[WG_INITIATION_LEN];
	struct wg_tx_slot slot;
	struct wg_out out;

	(void)state;
	memcpy(at_i.addr + 10, "\xff\xff\xc0\x00\x02\x01", 6);
	wg_peer_set_endpoint(peer_r, &at_r);
	assert_int_equal(wg_tx_begin(peer_r, 0, false, &slot), WG_TX_STAGE);
	assert_int_equal(wg_poll(i, 0, &who, &out), WG_ACT_SEND);
	assert_int_equal(out.len, sizeof(kat_initiation));
	assert_memory_equal(out.bytes, kat_initiation, sizeof(kat_initiation));

	assert_int_equal(
		wg_receive(r, 0, &at_i, kat_initiation, sizeof(kat_initiation), true, &out).verdict,
		WG_HS_COOKIE_SENT);
	assert_memory_equal(out.bytes, kat_cookie_reply, sizeof(kat_cookie_reply));
	assert_int_equal(
		wg_receive(i, 0, &at_r, kat_cookie_reply, sizeof(kat_cookie_reply), false, &out)
			.verdict,
		WG_HS_COOKIE);
	memcpy(again, kat_initiation, sizeof(again));
	assert_true(wg_macs_add(i->blake2s, &peer_r->cookie, 0, again, sizeof(again)));
	assert_memory_equal(again + sizeof(again) - WG_MAC_LEN, kat_initiation_mac2, WG_MAC_LEN);

	sr.random_32 = kat_ephemeral_r;
	assert_int_equal(wg_receive(r, 0, &at_i, again, sizeof(again), true, &out).verdict,
			 WG_HS_ACCEPTED);
	assert_int_equal(out.len, sizeof(kat_response));
	assert_memory_equal(out.bytes, kat_response, sizeof(kat_response));
	assert_int_equal(
		wg_receive(i, 0, &at_r, kat_response, sizeof(kat_response), false, &out).verdict,
		WG_HS_ACCEPTED);
	assert_int_equal(si.made, 2);
	assert_int_equal(sr.made, 2);
	assert_int_equal(wg_tx_begin(peer_r, 0, false, &slot), WG_TX_OK);
	assert_int_equal(slot.receiver, 0xb1b2b3b4);
	assert_int_equal(slot.counter, 0);
	wg_device_free(i);
	wg_device_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_equals_the_transcript),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
