/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions between two cores: begin, renew, expire, roam (R1, R4). WireGuard paper, 5.4 and 6. */
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

static void first_packet_makes_a_session_for_both_directions(void **state)
{
	(void)state;
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
	assert_int_equal(send_data(&lab.a, false), WG_TX_STAGE);
	assert_int_equal(wg_next(lab.a.dev), 0);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
	assert_int_equal(lab.b.sent[WG_RESPONSE], 1);
	assert_int_equal(lab.b.received, 1);
	assert_true(wg_peer_has_session(lab.a.peer, lab.now));
	assert_true(wg_peer_has_session(lab.b.peer, lab.now));
	assert_int_equal(send_data(&lab.b, false), WG_TX_OK);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.received, 1);
	assert_int_equal(lab.a.keepalives, 0);
	assert_int_equal(wg_peer_last_handshake(lab.a.peer),
			 LAB_EPOCH + 1000 * WG_SECOND + 40 * MS);
}

static void initiator_confirms_with_a_keepalive_if_it_has_no_data(void **state)
{
	(void)state;
	wg_timers_want_handshake(lab.a.peer, lab.now, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.keepalives, 1);
	assert_true(wg_peer_has_session(lab.b.peer, lab.now));
}

static void responder_sends_nothing_before_the_session_is_confirmed(void **state)
{
	struct packet initiation;
	struct wg_tx_slot slot;
	struct wg_out out;

	(void)state;
	take_initiation(&lab.a, &initiation);
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_ACCEPTED);
	assert_int_equal(out.len, WG_RESPONSE_LEN);
	assert_false(wg_peer_has_session(lab.b.peer, lab.now));
	assert_int_equal(wg_tx_begin(lab.b.peer, lab.now, false, &slot), WG_TX_STAGE);
}

static void equal_preshared_keys_work(void **state)
{
	uint8_t psk[32] = {1, 2, 3};

	(void)state;
	wg_peer_set_psk(lab.a.peer, psk);
	wg_peer_set_psk(lab.b.peer, psk);
	lab_connect(&lab, &lab.a);
}

static void different_preshared_keys_do_not(void **state)
{
	uint8_t psk[32] = {1, 2, 3};

	(void)state;
	wg_peer_set_psk(lab.a.peer, psk);
	send_data(&lab.a, false);
	lab_run(&lab, 60 * WG_SECOND);
	assert_int_equal(lab.b.received, 0);
	assert_true(lab.b.sent[WG_RESPONSE] > 5);
	assert_false(wg_peer_has_session(lab.a.peer, lab.now));
	assert_false(wg_peer_has_session(lab.b.peer, lab.now));
}

static void new_preshared_key_leaves_the_session_alone(void **state)
{
	uint8_t psk[32] = {9};

	(void)state;
	lab_connect(&lab, &lab.a);
	wg_peer_set_psk(lab.a.peer, psk);
	assert_int_equal(send_data(&lab.a, false), WG_TX_OK);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 2);
}

static void both_begin_at_once_and_both_sessions_work(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		send_data(&lab.a, false);
		send_data(&lab.b, false);
		lab_run(&lab, WG_SECOND);
		assert_int_equal(lab.a.received, lab.b.received);
		assert_int_equal(lab.a.received, 2 * round + 1);
		send_data(&lab.a, false);
		send_data(&lab.b, false);
		lab_run(&lab, 200 * WG_SECOND); /* the session expires */
		assert_int_equal(lab.a.received, 2 * round + 2);
		assert_int_equal(lab.b.received, 2 * round + 2);
	}
	assert_int_equal(lab.a.sent[WG_INITIATION], 3);
	assert_int_equal(lab.b.sent[WG_INITIATION], 3);
}

/* Data in both directions, a packet every 500 ms; nothing is lost while keys change. */
static void initiator_renews_after_120_seconds_without_loss(void **state)
{
	int n = 1;

	(void)state;
	lab_connect(&lab, &lab.a);
	for (; n < 1000; n++) {
		assert_int_equal(send_data(&lab.a, false), WG_TX_OK);
		assert_int_equal(send_data(&lab.b, false), WG_TX_OK);
		lab_run(&lab, 500 * MS);
		assert_int_equal(lab.b.received, n + 1);
		assert_int_equal(lab.a.received, n);
	}
	assert_int_equal(lab.a.sent[WG_INITIATION], 1 + 500 / 120);
	assert_int_equal(lab.b.sent[WG_INITIATION], 0);
	assert_true(lab.a.keys <= 4 && lab.b.keys <= 4);
}

static void session_is_not_renewed_early(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	wg_time born = lab.a.peer->current->born;
	lab_run(&lab, born + WG_REKEY_AFTER_TIME - lab.now - 1);
	send_data(&lab.a, false);
	assert_int_equal(lab.a.peer->deadline[WG_TIMER_INITIATE], WG_NEVER);
	lab_run(&lab, 1);
	send_data(&lab.a, false);
	assert_int_equal(lab.a.peer->deadline[WG_TIMER_INITIATE], 0);
}

static void responder_that_sends_does_not_renew_at_120_seconds(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 130 * WG_SECOND);
	send_data(&lab.b, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.sent[WG_INITIATION], 0);
}

/* A side that only receives renews at 180 - 10 - 5 seconds, once. */
static void initiator_that_only_receives_renews_at_165_seconds(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 163 * WG_SECOND); /* now 164 */
	send_data(&lab.b, false);
	lab_run(&lab, 500 * MS);
	assert_int_equal(lab.a.sent[WG_INITIATION], 1);
	lab_run(&lab, WG_SECOND);
	send_data(&lab.b, false);
	send_data(&lab.b, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.a.sent[WG_INITIATION], 2);
	assert_int_equal(lab.a.received, 3);
}

static void responder_that_only_receives_does_not_renew(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 166 * WG_SECOND);
	send_data(&lab.a, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 2);
	assert_int_equal(lab.b.sent[WG_INITIATION], 0);
}

static void session_is_refused_after_180_seconds(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	struct wg_keypair *kp = lab.a.peer->current;
	uint32_t index = lab.b.peer->current->receiver;
	wg_time left = kp->born + WG_REJECT_AFTER_TIME - lab.now;
	lab_run(&lab, left - 1);
	assert_true(wg_peer_has_session(lab.a.peer, lab.now));
	assert_int_equal(wg_rx_precheck(kp, lab.now, 5), WG_RX_OK);
	lab_run(&lab, 1);
	assert_false(wg_peer_has_session(lab.a.peer, lab.now));
	assert_ptr_equal(wg_rx_keypair(lab.a.dev, index), kp);
	assert_int_equal(wg_rx_precheck(kp, lab.now, 5), WG_RX_EXPIRED);
	assert_int_equal(wg_rx_authenticated(kp, lab.now, 5, false, &lab.b.at), WG_RX_EXPIRED);
	assert_int_equal(send_data(&lab.a, false), WG_TX_STAGE);
}

static void keys_are_gone_after_540_seconds(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	uint32_t index = lab.b.peer->current->receiver;
	assert_int_equal(lab.a.keys, 2);
	lab_run(&lab, 535 * WG_SECOND);
	assert_int_equal(lab.a.keys, 2);
	lab_run(&lab, 10 * WG_SECOND);
	assert_int_equal(lab.a.keys, 0);
	assert_int_equal(lab.b.keys, 0);
	assert_null(wg_rx_keypair(lab.a.dev, index));
	assert_true(sodium_is_zero(lab.a.peer->secret->ephemeral, 3 * WG_KEY_LEN));
	assert_int_equal(wg_next(lab.a.dev), WG_NEVER);
	assert_int_equal(wg_next(lab.b.dev), WG_NEVER);
}

static void handshake_secrets_are_wiped_when_it_is_done(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	assert_true(sodium_is_zero(lab.a.peer->secret->ephemeral, WG_KEY_LEN));
	assert_true(sodium_is_zero(lab.a.peer->secret->chaining_key, WG_KEY_LEN));
	assert_int_equal(lab.a.peer->in_flight.value, 0);
}

static void counters_end_the_session_for_sending(void **state)
{
	struct wg_tx_slot slot;

	(void)state;
	lab_connect(&lab, &lab.a);
	struct wg_keypair *kp = lab.a.peer->current;
	kp->tx_counter = WG_REKEY_AFTER_MESSAGES - 1;
	assert_int_equal(wg_tx_begin(lab.a.peer, lab.now, false, &slot), WG_TX_OK);
	assert_int_equal(lab.a.peer->deadline[WG_TIMER_INITIATE], WG_NEVER);
	assert_int_equal(wg_tx_begin(lab.a.peer, lab.now, false, &slot), WG_TX_OK);
	assert_true(slot.counter == WG_REKEY_AFTER_MESSAGES);
	assert_int_not_equal(lab.a.peer->deadline[WG_TIMER_INITIATE], WG_NEVER);

	kp->tx_counter = WG_REJECT_AFTER_MESSAGES - 1;
	assert_int_equal(wg_tx_begin(lab.a.peer, lab.now, false, &slot), WG_TX_OK);
	assert_true(slot.counter == WG_REJECT_AFTER_MESSAGES - 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wg_tx_begin(lab.a.peer, lab.now, false, &slot), WG_TX_STAGE);
	assert_true(kp->tx_counter == WG_REJECT_AFTER_MESSAGES);
}

static void responder_renews_too_when_counters_run_out(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 10 * WG_SECOND);
	lab.b.peer->current->tx_counter = WG_REKEY_AFTER_MESSAGES;
	send_data(&lab.b, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.sent[WG_INITIATION], 1);
	assert_true(lab.b.peer->current->tx_counter < 3);
}

static void counters_end_the_session_for_receiving(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	struct wg_keypair *kp = lab.b.peer->current;
	uint64_t last = WG_REJECT_AFTER_MESSAGES - 1;
	assert_int_equal(wg_rx_precheck(kp, lab.now, last + 1), WG_RX_EXPIRED);
	assert_int_equal(wg_rx_authenticated(kp, lab.now, last + 1, false, &lab.a.at),
			 WG_RX_EXPIRED);
	assert_int_equal(wg_rx_authenticated(kp, lab.now, UINT64_MAX, false, &lab.a.at),
			 WG_RX_EXPIRED);
	assert_int_equal(wg_rx_authenticated(kp, lab.now, last, false, &lab.a.at), WG_RX_OK);
	assert_int_equal(wg_rx_precheck(kp, lab.now, last), WG_RX_REPLAY);
}

static void duplicated_packet_counts_once(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	send_data(&lab.a, false);
	struct packet p = lab.wire[0];
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 2);
	receive(&lab.b, &p);
	assert_int_equal(lab.b.last_rx, WG_RX_REPLAY);
	assert_int_equal(lab.b.received, 2);
}

/* The window is marked by authentic packets only: a look does not change it. */
static void looking_at_a_counter_does_not_use_it(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	struct wg_keypair *kp = lab.b.peer->current;
	for (int i = 0; i < 3; i++)
		assert_int_equal(wg_rx_precheck(kp, lab.now, 1ull << 40), WG_RX_OK);
	assert_int_equal(wg_rx_precheck(kp, lab.now, 1), WG_RX_OK);
}

static void packets_in_any_order_are_accepted(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	for (int i = 0; i < 100; i++)
		send_data(&lab.a, false);
	for (int i = 0; i < 100; i++)
		lab.wire[i].at += (wg_time)(i * 7919 % 100) * MS;
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 101);
}

static void packets_of_the_previous_session_are_accepted(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 120 * WG_SECOND);
	send_data(&lab.a, false); /* asks for the new session */
	lab.wire[0].at += 2 * WG_SECOND;
	lab_run(&lab, WG_SECOND);
	send_data(&lab.a, false);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 2);
	assert_non_null(lab.b.peer->previous);
	lab_run(&lab, WG_SECOND);
	assert_int_equal(lab.b.received, 3);
}

/* A batch is looked up before its first packet confirms the next session. */
static void keypair_that_lost_its_slot_stays_in_memory_until_the_next_poll(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 60 * WG_SECOND);
	wg_timers_want_handshake(lab.a.peer, lab.now, false);
	lab_run(&lab, 60 * WG_SECOND);
	struct wg_keypair *kp = lab.b.peer->previous;
	assert_non_null(kp);
	int keys = lab.b.keys;
	struct packet p;
	struct wg_out out;
	take_initiation(&lab.a, &p);
	assert_int_equal(give(&p, &out).verdict, WG_HS_ACCEPTED);
	assert_null(lab.b.peer->previous);
	assert_int_equal(lab.b.keys, keys + 2);
	assert_int_equal(wg_rx_precheck(kp, lab.now, 99), WG_RX_EXPIRED);
	assert_int_equal(wg_rx_authenticated(kp, lab.now, 99, false, &lab.a.at), WG_RX_EXPIRED);
	assert_int_equal(wg_next(lab.b.dev), 0);
	poll_side(&lab.b);
	assert_int_equal(lab.b.keys, keys);
}

static void session_without_data_keys_fails_and_is_tried_again(void **state)
{
	(void)state;
	lab.a.no_keys = true;
	send_data(&lab.a, false);
	lab_run(&lab, 4 * WG_SECOND);
	assert_int_equal(lab.b.received, 0);
	lab.a.no_keys = false;
	lab.b.no_keys = true;
	lab_run(&lab, 5 * WG_SECOND);
	assert_int_equal(lab.b.last.verdict, WG_HS_DROP);
	lab.b.no_keys = false;
	lab_run(&lab, 10 * WG_SECOND);
	assert_int_equal(lab.b.received, 1);
}

static void new_private_key_drops_sessions(void **state)
{
	uint8_t key[32] = {42}, zero[32] = {0};
	struct wg_tx_slot slot;

	(void)state;
	lab_connect(&lab, &lab.a);
	assert_int_equal(wg_device_set_key(lab.a.dev, key, lab.now), 0);
	assert_int_equal(lab.a.keys, 0);
	assert_int_equal(wg_tx_begin(lab.a.peer, lab.now, false, &slot), WG_TX_STAGE);
	lab_run(&lab, WG_SECOND); /* B does not know this key */
	assert_int_equal(lab.b.last.verdict, WG_HS_DROP);
	assert_int_equal(wg_device_set_key(lab.a.dev, zero, lab.now), 0);
	assert_true(sodium_is_zero(lab.a.peer->secret->static_static, WG_KEY_LEN));
	send_data(&lab.a, false);
	lab_run(&lab, 200 * WG_SECOND); /* no key: nothing goes out, and it ends */
	assert_int_equal(lab.a.gave_up, 1);
	assert_int_equal(lab.a.sent[WG_INITIATION], 2);
	assert_int_equal(wg_device_set_key(lab.a.dev, lab.a.private_key, lab.now), 0);
	lab_connect(&lab, &lab.a);
}

static bool is_at(const struct side *s, uint8_t host, uint16_t port)
{
	const struct wg_endpoint *ep = wg_peer_endpoint(s->peer);

	return ep->addr[15] == host && ep->port == port;
}

static void authentic_packets_move_the_endpoint(void **state)
{
	(void)state;
	lab_connect(&lab, &lab.a);
	lab.a.at.addr[15] = 77;
	lab.a.at.port = 4000;
	lab.a.at.local[15] = 9; /* our address that it came to */
	send_data(&lab.a, true);
	lab_run(&lab, WG_SECOND);
	assert_true(is_at(&lab.b, 77, 4000));
	assert_int_equal(wg_peer_endpoint(lab.b.peer)->local[15], 9);
	assert_int_equal(lab_messages(&lab), 4); /* no new handshake */
}

static void initiation_and_response_move_the_endpoint(void **state)
{
	(void)state;
	lab.a.at.port = 4001;
	lab.b.at.port = 4002;
	send_data(&lab.a, false);
	lab_run(&lab, 30 * MS);
	assert_true(is_at(&lab.b, 1, 4001));
	lab_run(&lab, 20 * MS);
	assert_true(is_at(&lab.a, 2, 4002));
}

static void forged_and_replayed_packets_do_not_move_the_endpoint(void **state)
{
	struct packet initiation;
	struct wg_out out;

	(void)state;
	lab_connect(&lab, &lab.a);
	lab_run(&lab, 30 * WG_SECOND);
	struct wg_endpoint elsewhere = lab.a.at;
	elsewhere.port = 6666;
	struct wg_keypair *kp = lab.b.peer->current;
	assert_int_equal(wg_rx_authenticated(kp, lab.now, 0, false, &elsewhere), WG_RX_REPLAY);
	assert_true(is_at(&lab.b, 1, 1000));

	take_initiation(&lab.a, &initiation);
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_ACCEPTED);
	initiation.from = elsewhere;
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_DROP);
	assert_int_equal(out.len, 0);
	assert_true(is_at(&lab.b, 1, 1000));
}

static void port_zero_is_no_endpoint(void **state)
{
	struct packet initiation;
	struct wg_tx_slot slot;
	struct wg_out out;
	struct wg_endpoint nowhere = lab.a.at;

	(void)state;
	take_initiation(&lab.a, &initiation);
	initiation.from.port = 0;
	assert_int_equal(give(&initiation, &out).verdict, WG_HS_DROP);
	assert_int_equal(wg_next(lab.b.dev), WG_NEVER);
	lab_run(&lab, 10 * WG_SECOND);
	nowhere.port = 0;
	assert_int_equal(wg_rx_authenticated(lab.b.peer->current, lab.now, 5, true, &nowhere),
			 WG_RX_OK);
	assert_true(is_at(&lab.b, 1, 1000));
	wg_peer_set_endpoint(lab.b.peer, &(struct wg_endpoint){.port = 0});
	assert_int_equal(wg_tx_begin(lab.b.peer, lab.now, false, &slot), WG_TX_NO_ENDPOINT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_packet_makes_a_session_for_both_directions),
		T(initiator_confirms_with_a_keepalive_if_it_has_no_data),
		T(responder_sends_nothing_before_the_session_is_confirmed),
		T(equal_preshared_keys_work),
		T(different_preshared_keys_do_not),
		T(new_preshared_key_leaves_the_session_alone),
		T(both_begin_at_once_and_both_sessions_work),
		T(initiator_renews_after_120_seconds_without_loss),
		T(session_is_not_renewed_early),
		T(responder_that_sends_does_not_renew_at_120_seconds),
		T(initiator_that_only_receives_renews_at_165_seconds),
		T(responder_that_only_receives_does_not_renew),
		T(session_is_refused_after_180_seconds),
		T(keys_are_gone_after_540_seconds),
		T(handshake_secrets_are_wiped_when_it_is_done),
		T(counters_end_the_session_for_sending),
		T(responder_renews_too_when_counters_run_out),
		T(counters_end_the_session_for_receiving),
		T(duplicated_packet_counts_once),
		T(looking_at_a_counter_does_not_use_it),
		T(packets_in_any_order_are_accepted),
		T(packets_of_the_previous_session_are_accepted),
		T(keypair_that_lost_its_slot_stays_in_memory_until_the_next_poll),
		T(session_without_data_keys_fails_and_is_tried_again),
		T(new_private_key_drops_sessions),
		T(authentic_packets_move_the_endpoint),
		T(initiation_and_response_move_the_endpoint),
		T(forged_and_replayed_packets_do_not_move_the_endpoint),
		T(port_zero_is_no_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
