/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens by itself, and what does not; WireGuard paper, 6.1 to 6.5 (R1, R4). */
#include "noise_lab.h"

#include "noise/stamp.h"

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

static bool lose_all(struct lab *l, struct packet *p)
{
	(void)l;
	(void)p;
	return true;
}

static bool lose_from_b(struct lab *l, struct packet *p)
{
	return p->to == &l->a;
}

static bool lose_data(struct lab *l, struct packet *p)
{
	(void)l;
	return !p->len;
}

static bool lose_half(struct lab *l, struct packet *p)
{
	uint8_t coin;

	(void)p;
	lab_random(&l->a, &coin, 1);
	return coin & 1;
}

static bool lose_first_two(struct lab *l, struct packet *p)
{
	return p->to == &l->b && l->a.sent[WG_INITIATION] <= 2;
}

static void lost_initiation_is_sent_again_after_5_seconds_and_jitter(void **state)
{
	(void)state;
	lab.lose = lose_first_two;
	send_data(&lab.a, false);
	lab_run(&lab, WG_REKEY_TIMEOUT - 1);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
	lab_run(&lab, WG_REKEY_JITTER + 1);
	assert_int_equal(lab.a.sent[WG_INITIATION], 2);
	lab_run(&lab, WG_REKEY_TIMEOUT + WG_REKEY_JITTER + WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 3);
	assert_int_equal(lab.b.received, 1);
	lab_run(&lab, 60 * WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 3);
}

static void packets_do_not_speed_up_the_handshake(void **state)
{
	(void)state;
	lab.lose = lose_all;
	for (int i = 0; i < 490; i++) {
		assert_int_equal(send_data(&lab.a, false), WG_TX_STAGE);
		lab_run(&lab, 10 * MS);
	}
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
}

/* Two handshake messages to one peer are REKEY_TIMEOUT apart, whoever began. */
static void answering_the_peer_puts_off_the_own_retransmission(void **state)
{
	struct packet initiation;
	struct wg_out out;

	(void)state;
	lab.lose = lose_all;
	send_data(&lab.a, false);
	lab_run(&lab, 3 * WG_SECOND);
	take_initiation(&lab.b, &initiation);
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_ACCEPTED);
	lab_run(&lab, WG_REKEY_TIMEOUT - 1);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
	lab_run(&lab, 1);
	assert_int_equal(lab.a.sent[WG_INITIATION], 2);
}

static void gives_up_after_90_seconds(void **state)
{
	(void)state;
	lab.lose = lose_all;
	send_data(&lab.a, false);
	lab_run(&lab, WG_REKEY_ATTEMPT_TIME - 1);
	assert_int_equal(lab.a.gave_up, 0);
	lab_run(&lab, WG_REKEY_TIMEOUT + WG_REKEY_JITTER + 1);
	assert_int_equal(lab.a.gave_up, 1);
	assert_in_range(lab.a.sent[WG_INITIATION], 17, 18);
	assert_true(sodium_is_zero(lab.a.peer->secret->ephemeral, 3 * WG_KEY_LEN));
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
	lab.lose = NULL;
	lab_connect(&lab, &lab.a);
}

/* 6.4: data that is sent meanwhile starts the 90 seconds anew. */
static void new_data_keeps_trying(void **state)
{
	(void)state;
	lab.lose = lose_all;
	for (int i = 0; i < 20; i++) {
		send_data(&lab.a, false);
		lab_run(&lab, 20 * WG_SECOND);
	}
	assert_int_equal(lab.a.gave_up, 0);
	lab_run(&lab, 80 * WG_SECOND);
	assert_int_equal(lab.a.gave_up, 1);
}

static void half_of_the_packets_lost_is_no_obstacle(void **state)
{
	(void)state;
	lab.lose = lose_half;
	for (int i = 0; i < 600; i++) {
		send_data(&lab.a, false);
		send_data(&lab.b, false);
		lab_run(&lab, WG_SECOND);
	}
	assert_true(lab.a.received > 200);
	assert_true(lab.b.received > 200);
	assert_int_equal(lab.a.gave_up + lab.b.gave_up, 0);
}

static void passive_keepalive_answers_data_after_10_seconds(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	wg_time sent = lab.now;
	send_data(&lab.a, false);
	lab_run(&lab, 5 * WG_SECOND);
	send_data(&lab.a, false);
	lab_run(&lab, sent - lab.now + WG_KEEPALIVE_TIMEOUT - WG_SECOND);
	assert_int_equal(lab.b.keepalives, 0);
	lab_run(&lab, 2 * WG_SECOND);
	assert_int_equal(lab.b.keepalives, 1);
}

static void no_keepalive_if_data_went_back(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 5 * WG_SECOND);
	send_data(&lab.b, false);
	lab_run(&lab, 8 * WG_SECOND);
	assert_int_equal(lab.b.keepalives, 0);
	lab_run(&lab, 20 * WG_SECOND);
	assert_int_equal(lab.b.keepalives, 0);
	assert_int_equal(lab.a.keepalives, 1); /* for B's packet */
}

static void idle_peers_fall_silent(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	send_data(&lab.b, false);
	lab_run(&lab, 30 * WG_SECOND);
	int messages = lab_messages(&lab);
	lab_run(&lab, 3600 * WG_SECOND);
	assert_int_equal(lab_messages(&lab), messages);
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
	assert_int_equal(wg_next(lab.b.dev), WG_NEVER);
}

static void lost_keepalive_after_handshake_does_not_keep_both_awake(void **state)
{
	(void)state;
	wg_timers_want_handshake(lab.a.peer, lab.now, false);
	lab.lose = lose_data;
	lab_run(&lab, 3600 * WG_SECOND);
	assert_true(lab_messages(&lab) <= 4);
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
}

/* 6.5: data was sent and nothing came back for 15 seconds. */
static void new_handshake_if_the_peer_fell_silent(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 20 * WG_SECOND);
	lab.lose = lose_from_b;
	send_data(&lab.a, false);
	lab_run(&lab, WG_KEEPALIVE_TIMEOUT + WG_REKEY_TIMEOUT - 1);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 2);
	lab.lose = NULL;
	lab_run(&lab, 10 * WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 3);
	assert_int_equal(lab.a.last.verdict, WG_HS_ACCEPTED);
}

static void sent_keepalives_expect_no_answer(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 20 * WG_SECOND);
	lab.lose = lose_from_b;
	send_data(&lab.a, true);
	lab_run(&lab, 60 * WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
}

static void persistent_keepalive_starts_at_once_and_keeps_its_interval(void **state)
{
	(void)state;
	wg_peer_set_keepalive(lab.a.peer, 25, lab.now);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.keepalives, 1);
	assert_true(wg_peer_has_session(lab.b.peer, lab.now));
	lab_run(&lab, 100 * WG_SECOND);
	assert_int_equal(lab.a.keepalives, 5);
	assert_int_equal(lab.b.keepalives, 0);
	lab_run(&lab, 1000 * WG_SECOND); /* renews by itself */
	assert_true(wg_peer_has_session(lab.b.peer, lab.now));
	wg_peer_set_keepalive(lab.a.peer, 0, lab.now);
	int messages = lab_messages(&lab);
	lab_run(&lab, 1000 * WG_SECOND);
	assert_int_equal(lab_messages(&lab), messages);
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
}

static void persistent_keepalive_waits_for_silence(void **state)
{
	(void)state;
	wg_peer_set_keepalive(lab.a.peer, 25, lab.now);
	lab_run(&lab, WG_SECOND);
	for (int i = 0; i < 12; i++) { /* ends before the session is renewed */
		send_data(i & 1 ? &lab.a : &lab.b, false);
		lab_run(&lab, 9 * WG_SECOND);
	}
	assert_int_equal(lab.a.keepalives, 1);
}

static void persistent_keepalive_is_put_off_by_what_we_send(void **state)
{
	(void)state;
	wg_peer_set_keepalive(lab.a.peer, 5, lab.now);
	lab_run(&lab, WG_SECOND);
	for (int i = 0; i < 20; i++) {
		send_data(&lab.a, false);
		lab_run(&lab, 4 * WG_SECOND);
	}
	assert_int_equal(lab.a.keepalives, 1);
}

static void persistent_keepalive_brings_the_session_back_after_giving_up(void **state)
{
	(void)state;
	wg_peer_set_keepalive(lab.a.peer, 25, lab.now);
	lab.lose = lose_all;
	lab_run(&lab, 600 * WG_SECOND);
	assert_true(lab.a.gave_up >= 3);
	lab.lose = NULL;
	lab_run(&lab, 30 * WG_SECOND);
	assert_true(wg_peer_has_session(lab.a.peer, lab.now));
}

static void persistent_keepalive_without_endpoint_sends_nothing(void **state)
{
	(void)state;
	wg_peer_set_endpoint(lab.a.peer, &(struct wg_endpoint){.port = 0});
	wg_peer_set_keepalive(lab.a.peer, 1, lab.now);
	lab_run(&lab, 100 * WG_SECOND);
	assert_int_equal(lab_messages(&lab), 0);
}

/* The peer restarted: it does not know our session, and we hear nothing. */
static void restarted_peer_is_found_again(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 10 * WG_SECOND);
	side_restart(&lab.b);
	lab.b.received = 0;
	for (int i = 0; i < 20; i++) {
		send_data(&lab.a, false);
		lab_run(&lab, WG_SECOND);
	}
	assert_true(lab.b.received >= 4);
}

static void own_address_is_chosen_anew_when_the_peer_is_silent(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	struct wg_endpoint ep = lab.b.at;
	ep.local[0] = 5;
	lab_run(&lab, 20 * WG_SECOND);
	wg_peer_set_endpoint(lab.a.peer, &ep);
	lab.lose = lose_all;
	send_data(&lab.a, false);
	lab_run(&lab, 14 * WG_SECOND);
	assert_int_equal(wg_peer_endpoint(lab.a.peer)->local[0], 5);
	lab_run(&lab, 2 * WG_SECOND);
	assert_int_equal(wg_peer_endpoint(lab.a.peer)->local[0], 0);
}

static void stamps_are_tai64n_in_coarse_steps(void **state)
{
	const uint8_t zero[12] = {0};
	const uint8_t expected[12] = {0x40, 0, 0, 0, 0x65, 0x53, 0xf1, 0x0a, 0x1d, 0, 0, 0};
	uint8_t stamp[12], later[12];

	(void)state;
	/* 1700000000 s = 0x6553f100; 499999999 ns = 0x1dcd64ff */
	wg_stamp_next(stamp, zero, LAB_EPOCH + 499999999);
	assert_memory_equal(stamp, expected, 12);
	wg_stamp_next(later, stamp, LAB_EPOCH + 499999999);
	assert_true(memcmp(later, stamp, 12) > 0);
	wg_stamp_next(later, stamp, LAB_EPOCH + 499999999 + WG_INITIATION_INTERVAL);
	assert_int_equal(later[8], 0x1e);
	for (int i = 0; i < 1000; i++) { /* in place, over many ends of a second */
		memcpy(stamp, later, 12);
		wg_stamp_next(later, later, 0);
		assert_true(memcmp(later, stamp, 12) > 0);
		assert_true(later[8] < 0x3c);
	}
}

static void clock_that_goes_back_does_not_lock_us_out(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab.a.clock_error = -86400 * (int64_t)WG_SECOND;
	lab_run(&lab, 200 * WG_SECOND);
	send_data(&lab.a, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 2);
	assert_int_equal(lab.a.sent[WG_INITIATION], 2);
}

static void restart_with_a_clock_that_went_back_needs_the_stored_stamps(void **state)
{
	uint8_t sent[12], seen[12], now_sent[12], now_seen[12];
	const uint8_t zero[12] = {0};

	(void)state;
	lab_connect(&lab, &lab.a);
	wg_peer_get_stamps(lab.a.peer, sent, seen);
	assert_memory_equal(seen, zero, 12);
	side_restart(&lab.a);
	lab.a.clock_error = -86400 * (int64_t)WG_SECOND;
	lab_run(&lab, 10 * WG_SECOND);
	send_data(&lab.a, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.last.verdict, WG_HS_DROP);
	wg_peer_set_stamps(lab.a.peer, sent, seen);
	lab_run(&lab, 10 * WG_SECOND);
	assert_int_equal(lab.b.received, 2);
	wg_peer_get_stamps(lab.a.peer, now_sent, now_seen);
	assert_true(memcmp(now_sent, sent, 12) > 0);
	wg_peer_set_stamps(lab.a.peer, sent, seen); /* older: nothing goes back */
	wg_peer_get_stamps(lab.a.peer, seen, now_seen);
	assert_memory_equal(seen, now_sent, 12);
}

static void stored_stamp_refuses_an_initiation_that_was_seen_before_a_restart(void **state)
{
	uint8_t sent[12], seen[12];
	struct packet initiation;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &initiation);
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_ACCEPTED);
	wg_peer_get_stamps(lab.b.peer, sent, seen);
	side_restart(&lab.b);
	wg_peer_set_stamps(lab.b.peer, sent, seen);
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_DROP);
}

static void polling_many_peers_serves_each(void **state)
{
	struct wg_peer *peer;
	struct wg_out out;
	int initiations = 0;

	(void)state;
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		uint8_t key[32];

		if (id == 7)
			continue;
		lab_random(&lab.a, key, sizeof(key));
		assert_int_equal(wg_peer_add(lab.a.dev, id, key, lab.now, &peer), 0);
		wg_peer_set_endpoint(peer, &lab.b.at);
		wg_peer_set_keepalive(peer, 25, lab.now);
	}
	for (int round = 0; round < 2; round++) {
		enum wg_action action;

		while ((action = wg_poll(lab.a.dev, lab.now, &peer, &out)) != WG_ACT_NONE) {
			struct wg_tx_slot slot;

			if (action == WG_ACT_KEEPALIVE)
				assert_int_equal(wg_tx_begin(peer, lab.now, true, &slot),
						 WG_TX_STAGE);
			initiations += action == WG_ACT_SEND;
		}
	}
	assert_int_equal(initiations, ESC_PEERS_MAX - 1);
	assert_true(wg_next(lab.a.dev) >= lab.now + WG_REKEY_TIMEOUT);
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++)
		if (id != 7)
			wg_peer_remove(wg_peer_by_id(lab.a.dev, id));
	while (wg_poll(lab.a.dev, lab.now, &peer, &out) != WG_ACT_NONE)
		fail();
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lost_initiation_is_sent_again_after_5_seconds_and_jitter),
		T(packets_do_not_speed_up_the_handshake),
		T(answering_the_peer_puts_off_the_own_retransmission),
		T(gives_up_after_90_seconds),
		T(new_data_keeps_trying),
		T(half_of_the_packets_lost_is_no_obstacle),
		T(passive_keepalive_answers_data_after_10_seconds),
		T(no_keepalive_if_data_went_back),
		T(idle_peers_fall_silent),
		T(lost_keepalive_after_handshake_does_not_keep_both_awake),
		T(new_handshake_if_the_peer_fell_silent),
		T(sent_keepalives_expect_no_answer),
		T(persistent_keepalive_starts_at_once_and_keeps_its_interval),
		T(persistent_keepalive_waits_for_silence),
		T(persistent_keepalive_is_put_off_by_what_we_send),
		T(persistent_keepalive_brings_the_session_back_after_giving_up),
		T(persistent_keepalive_without_endpoint_sends_nothing),
		T(restarted_peer_is_found_again),
		T(own_address_is_chosen_anew_when_the_peer_is_silent),
		T(stamps_are_tai64n_in_coarse_steps),
		T(clock_that_goes_back_does_not_lock_us_out),
		T(restart_with_a_clock_that_went_back_needs_the_stored_stamps),
		T(stored_stamp_refuses_an_initiation_that_was_seen_before_a_restart),
		T(polling_many_peers_serves_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
