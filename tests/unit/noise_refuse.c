/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages that must be refused, peers and keys that must be refused (R2). */
#include <errno.h>

#include "noise_lab.h"

static struct lab lab;

static int start(void **state)
{
	(void)state;
	lab_start(&lab);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	lab_stop(&lab);
	return 0;
}

/* mac1 made right again, as somebody who knows the receiver's public key can do. */
static void sign(struct side *to, struct packet *p)
{
	struct wg_mac_keys keys;
	size_t covered = p->len - sizeof(struct wg_msg_macs);

	assert_true(wg_mac_keys_init(to->dev->blake2s, &keys, to->public_key));
	assert_true(wg_mac(to->dev->blake2s, p->bytes + covered, keys.mac1, WG_KEY_LEN, p->bytes,
			   covered, NULL, 0));
}

static void assert_refused(struct packet *p)
{
	struct wg_out out;
	struct wg_received r = give(p, &out);

	assert_int_equal(r.verdict, WG_HS_DROP);
	assert_null(r.peer);
	assert_false(r.session_ready);
	assert_int_equal(out.len, 0);
}

/*
 * mac2 is not looked at while there is no load; every other bit counts. That includes the top bit
 * of a public key, which X25519 ignores (RFC 7748, 5), but the hash does not.
 */
static void refuse_every_flipped_bit(struct packet *good)
{
	unsigned int authentic = good->len - WG_MAC_LEN;

	for (unsigned int bit = 0; bit < authentic * 8; bit++) {
		struct packet p = *good;

		p.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_refused(&p);
		if (bit / 8 >= authentic - WG_MAC_LEN)
			continue;
		sign(p.to, &p);			 /* behind mac1 */
		if (bit / 8 < 4 || bit / 8 >= 8) /* only mac1 covers the sender's index */
			assert_refused(&p);
	}
}

static void every_flipped_bit_of_an_initiation_is_refused(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &p);
	refuse_every_flipped_bit(&p);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
}

static struct packet take_response(void)
{
	struct packet p;
	struct wg_out out;

	take_initiation(&lab.a, &p);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
	struct packet r = {.to = &lab.a, .from = lab.b.at, .len = out.len};
	memcpy(r.bytes, out.bytes, out.len);
	return r;
}

static void every_flipped_bit_of_a_response_is_refused(void **state)
{
	struct wg_out out;

	(void)state;
	struct packet p = take_response();
	refuse_every_flipped_bit(&p);
	assert_true(lab.a.peer->in_flight.value != 0); /* all of it left the handshake alone */
	struct wg_received r = give(&p, &out);
	assert_int_equal(r.verdict, WG_HS_ACCEPTED);
	assert_true(r.session_ready);
	assert_refused(&p); /* and it counts once */
}

static void every_wrong_length_is_refused(void **state)
{
	uint8_t bytes[512] = {0};
	struct packet p;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &p);
	memcpy(bytes, p.bytes, p.len);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		if (len == p.len)
			continue;
		uint8_t *exact = malloc(len + 1); /* lets the address sanitizer see overreads */
		memcpy(exact, bytes, len);
		for (uint8_t type = 0; len && type < 8; type++) {
			exact[0] = type;
			struct wg_received r = wg_receive(lab.b.dev, lab.now, &lab.a.at, exact, len,
							  type & 1, &out);
			assert_int_equal(r.verdict, WG_HS_DROP);
			assert_int_equal(out.len, 0);
		}
		free(exact);
	}
	assert_int_equal(wg_receive(lab.b.dev, lab.now, &lab.a.at, NULL, 0, false, &out).verdict,
			 WG_HS_DROP);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
}

static void data_messages_are_not_handshakes(void **state)
{
	struct packet p = {.to = &lab.b, .from = lab.a.at, .len = 64, .bytes = {WG_DATA}};

	(void)state;
	assert_refused(&p);
}

static void replayed_initiation_is_refused(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &p);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
	for (int i = 0; i < 3; i++) {
		assert_refused(&p);
		lab.now += 100 * WG_SECOND;
	}
}

static void older_initiation_is_refused(void **state)
{
	struct packet older, newer;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &older);
	lab.now += 10 * WG_SECOND;
	take_initiation(&lab.a, &newer);
	assert_int_equal(give(&newer, &out).verdict, WG_HS_ACCEPTED);
	lab.now += 10 * WG_SECOND;
	assert_refused(&older);
}

/* Even the true peer cannot make us compute responses without end. */
static void flood_of_fresh_initiations_is_slowed_down(void **state)
{
	int accepted = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct packet p;
		struct wg_out out;

		lab.a.peer->initiate_from = 0;
		lab.a.peer->deadline[WG_TIMER_RETRANSMIT] = WG_NEVER;
		take_initiation(&lab.a, &p);
		accepted += give(&p, &out).verdict == WG_HS_ACCEPTED;
		lab.now += 5 * MS;
	}
	assert_int_equal(accepted, 25); /* 500 ms, one per 20 ms */
}

static void strangers_are_refused(void **state)
{
	struct packet p;

	(void)state;
	take_initiation(&lab.a, &p);
	wg_peer_remove(lab.b.peer);
	assert_refused(&p);
	assert_int_equal(wg_peer_add(lab.b.dev, 3, lab.a.public_key, lab.now, &lab.b.peer), 0);
	wg_peer_set_endpoint(lab.b.peer, &lab.a.at);
	lab.now += 10 * WG_SECOND;
	lab_connect(&lab, &lab.a);
}

static void peer_with_another_private_key_is_refused(void **state)
{
	uint8_t other[32] = {77};

	(void)state;
	assert_int_equal(wg_device_set_key(lab.a.dev, other, lab.now), 0);
	send_data(&lab.a, false);
	lab_run(&lab, 20 * WG_SECOND);
	assert_true(lab.a.sent[WG_INITIATION] >= 3);
	assert_int_equal(lab.b.sent[WG_RESPONSE], 0);
}

/* B got a new key that A does not know: A's mac1 is wrong for it. */
static void initiation_for_another_key_is_refused(void **state)
{
	uint8_t other[32] = {78};
	struct packet p;

	(void)state;
	take_initiation(&lab.a, &p);
	assert_int_equal(wg_device_set_key(lab.b.dev, other, lab.now), 0);
	assert_refused(&p);
}

static void response_that_nobody_asked_for_is_refused(void **state)
{
	struct packet p = take_response();

	(void)state;
	wg_handshake_clear(lab.a.peer);
	assert_refused(&p);
}

/* The index of a session is not one of a handshake, even while both belong to one peer. */
static void response_to_a_session_is_refused(void **state)
{
	struct wg_out out;

	(void)state;
	lab_connect(&lab, &lab.a);
	lab.now += 10 * WG_SECOND;
	struct packet good = take_response(), p = good;
	for (int i = 0; i < 4; i++)
		p.bytes[8 + i] = (uint8_t)(lab.a.peer->current->index.value >> 8 * i);
	sign(&lab.a, &p);
	assert_refused(&p);
	assert_int_equal(give(&good, &out).verdict, WG_HS_ACCEPTED);
}

static void response_to_an_older_initiation_is_refused(void **state)
{
	struct packet p = take_response(), next;

	(void)state;
	lab.now += 10 * WG_SECOND;
	take_initiation(&lab.a, &next);
	assert_refused(&p);
}

static void points_of_low_order_are_refused(void **state)
{
	static const uint8_t low[][WG_KEY_LEN] = {
		{0},
		{1},
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
		 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
		 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	};
	struct packet initiation, response;

	(void)state;
	take_initiation(&lab.a, &initiation);
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		struct packet p = initiation;

		memcpy(p.bytes + 8, low[i], WG_KEY_LEN);
		sign(&lab.b, &p);
		assert_refused(&p);
	}
	lab.now += 10 * WG_SECOND;
	response = take_response();
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		struct packet p = response;

		memcpy(p.bytes + 12, low[i], WG_KEY_LEN);
		sign(&lab.a, &p);
		assert_refused(&p);
	}
}

static void peer_whose_key_has_low_order_gets_no_handshake(void **state)
{
	uint8_t low[32] = {1};
	struct wg_tx_slot slot;
	struct wg_peer *peer, *who;
	struct wg_out out;

	(void)state;
	assert_int_equal(wg_peer_add(lab.a.dev, 8, low, lab.now, &peer), 0);
	wg_peer_set_endpoint(peer, &lab.b.at);
	assert_int_equal(wg_tx_begin(peer, lab.now, false, &slot), WG_TX_STAGE);
	assert_int_equal(wg_poll(lab.a.dev, lab.now, &who, &out), WG_ACT_NONE);
	assert_int_equal(out.len, 0);
}

static void own_key_is_refused_as_a_peer(void **state)
{
	struct wg_peer *peer;

	(void)state;
	assert_int_equal(wg_peer_add(lab.a.dev, 8, lab.a.public_key, lab.now, &peer), -EINVAL);
	assert_null(peer);
	/* and the other way round */
	assert_int_equal(wg_device_set_key(lab.a.dev, lab.b.private_key, lab.now), -EINVAL);
	lab_connect(&lab, &lab.a); /* nothing changed */
}

static void peer_table_refuses_what_it_has(void **state)
{
	uint8_t key[32] = {2, 1};
	struct wg_peer *peer;

	(void)state;
	assert_int_equal(wg_peer_add(lab.a.dev, 7, key, lab.now, &peer), -EEXIST);
	assert_int_equal(wg_peer_add(lab.a.dev, 8, lab.b.public_key, lab.now, &peer), -EEXIST);
	assert_int_equal(wg_peer_add(lab.a.dev, ESC_PEERS_MAX, key, lab.now, &peer), -ENOSPC);
	assert_int_equal(wg_peer_add(lab.a.dev, ESC_PEERS_MAX - 1, key, lab.now, &peer), 0);
	assert_ptr_equal(wg_peer_by_key(lab.a.dev, key), peer);
	assert_ptr_equal(wg_peer_by_id(lab.a.dev, ESC_PEERS_MAX - 1), peer);
	assert_null(wg_peer_by_id(lab.a.dev, UINT32_MAX));
	wg_peer_remove(peer);
	assert_null(wg_peer_by_key(lab.a.dev, key));
	assert_null(wg_peer_by_id(lab.a.dev, ESC_PEERS_MAX - 1));
}

static void removed_peer_leaves_no_secret(void **state)
{
	uint8_t psk[32] = {5};
	struct wg_peer_secrets *secret = lab.a.peer->secret;
	struct packet p;

	(void)state;
	lab_connect(&lab, &lab.a);
	wg_peer_set_psk(lab.a.peer, psk);
	lab.now += 10 * WG_SECOND;
	take_initiation(&lab.a, &p);
	assert_false(sodium_is_zero((const uint8_t *)secret, sizeof(*secret)));
	wg_peer_remove(lab.a.peer);
	assert_true(sodium_is_zero((const uint8_t *)secret, sizeof(*secret)));
	assert_int_equal(lab.a.keys, 0);
}

static void stuck_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	memset(buf, 0x55, len);
}

/* Indices must be unique: broken randomness ends the handshake, not the program. */
static void repeating_randomness_is_survived(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	lab.b.dev->env.random = stuck_random;
	take_initiation(&lab.a, &p);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
	lab.now += 10 * WG_SECOND;
	take_initiation(&lab.a, &p);
	assert_refused(&p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_flipped_bit_of_an_initiation_is_refused),
		T(every_flipped_bit_of_a_response_is_refused),
		T(every_wrong_length_is_refused),
		T(data_messages_are_not_handshakes),
		T(replayed_initiation_is_refused),
		T(older_initiation_is_refused),
		T(flood_of_fresh_initiations_is_slowed_down),
		T(strangers_are_refused),
		T(peer_with_another_private_key_is_refused),
		T(initiation_for_another_key_is_refused),
		T(response_that_nobody_asked_for_is_refused),
		T(response_to_a_session_is_refused),
		T(response_to_an_older_initiation_is_refused),
		T(points_of_low_order_are_refused),
		T(peer_whose_key_has_low_order_gets_no_handshake),
		T(own_key_is_refused_as_a_peer),
		T(peer_table_refuses_what_it_has),
		T(removed_peer_leaves_no_secret),
		T(repeating_randomness_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
