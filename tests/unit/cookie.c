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

static bool mac2_is_valid(const struct packet *p)
{
	struct wg_device *dev = p->to->dev;

	return wg_mac2_valid(dev->blake2s, &dev->checker, lab.now, &p->from, p->bytes, p->len);
}

/* Somebody asks for a cookie. */
static void ask(void)
{
	struct packet p;

	take_initiation(&lab.a, &p);
	memset(p.bytes + p.len - WG_MAC_LEN, 0, WG_MAC_LEN);
	reply_to(&p);
	lab.a.peer->deadline[WG_TIMER_RETRANSMIT] = WG_NEVER;
	lab.a.peer->initiate_from = 0;
}

static void cookie_is_valid_until_the_secret_after_the_next_one(void **state)
{
	struct packet first, second;
	const wg_time begin = lab.now;

	(void)state;
	fetch_cookie();
	take_initiation(&lab.a, &first);
	lab.now = begin + WG_COOKIE_SECRET_TIME - 1;
	assert_true(mac2_is_valid(&first));
	lab.now = begin + WG_COOKIE_SECRET_TIME;
	assert_true(mac2_is_valid(&first));
	ask();
	lab.a.peer->cookie.cookie_until = 0;
	fetch_cookie();
	take_initiation(&lab.a, &second);
	lab.now = begin + 2 * WG_COOKIE_SECRET_TIME - 1;
	assert_true(mac2_is_valid(&first));
	assert_true(mac2_is_valid(&second));
	lab.now = begin + 2 * WG_COOKIE_SECRET_TIME;
	assert_false(mac2_is_valid(&first));
	assert_true(mac2_is_valid(&second));
	lab.now = begin + 3 * WG_COOKIE_SECRET_TIME - 1;
	assert_true(mac2_is_valid(&second));
}

/* A secret that lies about for nothing is one that can leak. */
static void secrets_go_when_nobody_asks_for_cookies(void **state)
{
	struct packet p;

	(void)state;
	assert_int_equal(lab.b.guard.cookie_number, 0);
	assert_int_equal(lab.b.dev->checker.change_at, WG_NEVER);
	fetch_cookie();
	lab.b.under_load = false;
	take_initiation(&lab.a, &p);
	lab_run(&lab, 2 * WG_COOKIE_SECRET_TIME - WG_SECOND); /* nothing but the timer */
	assert_true(mac2_is_valid(&p));
	assert_int_not_equal(lab.b.guard.cookie_number, 0);
	lab_run(&lab, 2 * WG_SECOND);
	assert_false(mac2_is_valid(&p));
	assert_int_equal(lab.b.guard.cookie_number, 0);
	assert_int_equal(lab.b.dev->checker.change_at, WG_NEVER);
	assert_true(sodium_is_zero((uint8_t *)lab.b.dev->vault->cookie_secret,
				   sizeof(lab.b.dev->vault->cookie_secret)));
	assert_true(sodium_is_zero((uint8_t *)lab.b.guard.cookie, sizeof(lab.b.guard.cookie)));
	fetch_cookie(); /* and come back */
	take_initiation(&lab.a, &p);
	assert_true(mac2_is_valid(&p));
}

static void secrets_do_not_come_back_after_a_long_sleep(void **state)
{
	struct packet p;

	(void)state;
	fetch_cookie();
	take_initiation(&lab.a, &p);
	lab.now += 2 * WG_COOKIE_SECRET_TIME;
	assert_false(mac2_is_valid(&p));
	assert_int_equal(lab.b.guard.cookie_number, 0);
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
		T(cookie_is_valid_until_the_secret_after_the_next_one),
		T(secrets_go_when_nobody_asks_for_cookies),
		T(secrets_do_not_come_back_after_a_long_sleep),
		T(every_flipped_bit_of_a_cookie_reply_is_refused),
		T(cookie_reply_to_an_older_message_is_refused),
		T(cookie_reply_does_not_move_the_endpoint),
		T(mac2_is_not_needed_without_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
