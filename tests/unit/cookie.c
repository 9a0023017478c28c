/* SPDX-License-Identifier: BSD-2-Clause */
/* Cookies in both roles under load; WireGuard paper, 5.3, 5.4.4, 5.4.7 (R3). */
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

static struct packet reply_to(struct packet *p)
{
	struct wg_out out;
	struct wg_received r = give(p, &out);

	assert_int_equal(r.verdict, WG_HS_COOKIE_SENT);
	assert_null(r.peer);
	assert_null(out.peer);
	assert_int_equal(out.len, WG_COOKIE_REPLY_LEN);
	assert_memory_equal(&out.to, &p->from, sizeof(out.to));
	struct packet reply = {.to = p->to->other, .from = p->to->at, .len = out.len};
	memcpy(reply.bytes, out.bytes, out.len);
	return reply;
}

static bool has_mac2(const struct packet *p)
{
	return !sodium_is_zero(p->bytes + p->len - WG_MAC_LEN, WG_MAC_LEN);
}

static void loaded_responder_asks_for_the_cookie_and_then_answers(void **state)
{
	(void)state;
	lab.b.under_load = true;
	send_data(&lab.a, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.sent[WG_COOKIE], 1);
	assert_int_equal(lab.b.sent[WG_RESPONSE], 0);
	assert_int_equal(lab.a.last.verdict, WG_HS_COOKIE);
	assert_ptr_equal(lab.a.last.peer, lab.a.peer);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1); /* waits for its turn */
	lab_run(&lab, 6 * WG_SECOND);
	assert_int_equal(lab.b.sent[WG_COOKIE], 1);
	assert_int_equal(lab.b.received, 1);
}

static void loaded_initiator_asks_for_the_cookie_and_then_accepts(void **state)
{
	(void)state;
	lab.a.under_load = true;
	send_data(&lab.a, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.sent[WG_COOKIE], 1);
	assert_int_equal(lab.b.last.verdict, WG_HS_COOKIE);
	assert_int_equal(lab.b.received, 0);
	lab_run(&lab, 6 * WG_SECOND);
	assert_int_equal(lab.a.sent[WG_COOKIE], 1);
	assert_int_equal(lab.b.received, 1);
}

static void both_loaded(void **state)
{
	(void)state;
	lab.a.under_load = lab.b.under_load = true;
	send_data(&lab.a, false);
	lab_run(&lab, 20 * WG_SECOND);
	assert_int_equal(lab.b.received, 1);
}

/* A valid cookie, taken by A; the next initiation carries mac2. */
static void fetch_cookie(void)
{
	struct packet p, reply;
	struct wg_out out;

	lab.b.under_load = true;
	take_initiation(&lab.a, &p);
	assert_false(has_mac2(&p));
	reply = reply_to(&p);
	assert_int_equal(give(&reply, &out).verdict, WG_HS_COOKIE);
	assert_int_equal(out.len, 0);
	lab.a.peer->deadline[WG_TIMER_RETRANSMIT] = WG_NEVER;
	lab.a.peer->initiate_from = 0;
}

static void cookie_is_bound_to_address_and_port(void **state)
{
	struct packet p, moved;
	struct wg_out out;

	(void)state;
	fetch_cookie();
	take_initiation(&lab.a, &p);
	assert_true(has_mac2(&p));
	moved = p;
	moved.from.port++;
	reply_to(&moved);
	moved = p;
	moved.from.addr[15]++;
	reply_to(&moved);
	moved = p;
	moved.from.addr[0]++;
	reply_to(&moved);
	p.from.local[3] = 1; /* ours: does not matter */
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
}

static void every_flipped_bit_of_mac2_is_noticed_under_load(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	fetch_cookie();
	take_initiation(&lab.a, &p);
	for (unsigned int bit = 0; bit < WG_MAC_LEN * 8; bit++) {
		struct packet bad = p;

		bad.bytes[p.len - WG_MAC_LEN + bit / 8] ^= (uint8_t)(1 << bit % 8);
		reply_to(&bad);
	}
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
}

/* Who does not know the public key gets no answer, not even a cookie. */
static void no_cookie_for_a_wrong_mac1(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	lab.b.under_load = true;
	take_initiation(&lab.a, &p);
	p.bytes[p.len - 2 * WG_MAC_LEN] ^= 1;
	assert_int_equal(give(&p, &out).verdict, WG_HS_DROP);
	assert_int_equal(out.len, 0);
}

static void cookie_is_used_for_115_seconds(void **state)
{
	struct packet p;

	(void)state;
	fetch_cookie();
	lab.now += WG_COOKIE_SECRET_TIME - WG_COOKIE_LATENCY - 1;
	take_initiation(&lab.a, &p);
	assert_true(has_mac2(&p));
	lab.now += WG_REKEY_TIMEOUT + WG_REKEY_JITTER;
	take_initiation(&lab.a, &p);
	assert_false(has_mac2(&p));
}

static void secret_changes_every_120_seconds(void **state)
{
	struct packet p;
	uint8_t secret[WG_KEY_LEN];

	(void)state;
	fetch_cookie();
	memcpy(secret, lab.b.dev->vault->cookie_secret, sizeof(secret));
	lab.now += 30 * WG_SECOND;
	take_initiation(&lab.a, &p);
	p.bytes[p.len - 1] ^= 1;
	reply_to(&p);
	assert_memory_equal(secret, lab.b.dev->vault->cookie_secret, sizeof(secret));
	p.bytes[p.len - 1] ^= 1;
	lab.now += WG_COOKIE_SECRET_TIME - 30 * WG_SECOND;
	reply_to(&p); /* its cookie was made with the old secret */
	assert_memory_not_equal(secret, lab.b.dev->vault->cookie_secret, sizeof(secret));
}

static void every_flipped_bit_of_a_cookie_reply_is_refused(void **state)
{
	struct packet p, reply;
	struct wg_out out;

	(void)state;
	lab.b.under_load = true;
	take_initiation(&lab.a, &p);
	reply = reply_to(&p);
	for (unsigned int bit = 0; bit < reply.len * 8u; bit++) {
		struct packet bad = reply;

		bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(give(&bad, &out).verdict, WG_HS_DROP);
	}
	assert_int_equal(give(&reply, &out).verdict, WG_HS_COOKIE);
	assert_int_equal(give(&reply, &out).verdict, WG_HS_DROP); /* once */
}

static void cookie_reply_to_an_older_message_is_refused(void **state)
{
	struct packet p, reply;
	struct wg_out out;

	(void)state;
	lab.b.under_load = true;
	take_initiation(&lab.a, &p);
	reply = reply_to(&p);
	uint32_t index = lab.a.peer->in_flight.value;
	lab.now += 10 * WG_SECOND;
	take_initiation(&lab.a, &p);
	assert_int_equal(give(&reply, &out).verdict, WG_HS_DROP); /* unknown index */
	assert_int_not_equal(index, lab.a.peer->in_flight.value);
	index = lab.a.peer->in_flight.value;
	for (int i = 0; i < 4; i++)
		reply.bytes[4 + i] = (uint8_t)(index >> 8 * i);
	assert_int_equal(give(&reply, &out).verdict, WG_HS_DROP); /* answers another mac1 */
}

static void cookie_reply_does_not_move_the_endpoint(void **state)
{
	struct packet p, reply;
	struct wg_out out;

	(void)state;
	lab.b.under_load = true;
	take_initiation(&lab.a, &p);
	reply = reply_to(&p);
	reply.from.port = 9;
	assert_int_equal(give(&reply, &out).verdict, WG_HS_COOKIE);
	assert_int_equal(wg_peer_endpoint(lab.a.peer)->port, lab.b.at.port);
}

static void mac2_is_not_needed_without_load(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &p);
	memset(p.bytes + p.len - WG_MAC_LEN, 0xaa, WG_MAC_LEN);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(loaded_responder_asks_for_the_cookie_and_then_answers),
		T(loaded_initiator_asks_for_the_cookie_and_then_accepts),
		T(both_loaded),
		T(cookie_is_bound_to_address_and_port),
		T(every_flipped_bit_of_mac2_is_noticed_under_load),
		T(no_cookie_for_a_wrong_mac1),
		T(cookie_is_used_for_115_seconds),
		T(secret_changes_every_120_seconds),
		T(every_flipped_bit_of_a_cookie_reply_is_refused),
		T(cookie_reply_to_an_older_message_is_refused),
		T(cookie_reply_does_not_move_the_endpoint),
		T(mac2_is_not_needed_without_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
