/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_conn.c: what belongs to a connection, and how long there is one: filtering, timers, tables,
 * and TCP segments that somebody forges.
 */
#include "nat_node.h"

static const struct end lan = {LAN4, 40000}, remote = {REMOTE4, 443}, own = {OWN4, 40000};
static const struct end lan6 = {LAN6, 40000}, remote6 = {REMOTE6, 443};

static void send_out(struct end from, struct end to, enum esc_black_out_reason reason,
		     const char *what)
{
	struct pkt p;

	udp(&p, from, to, 20);
	out_is(&p, reason, what);
}

static void send_in(struct end from, struct end to, enum esc_black_reason reason, const char *what)
{
	struct pkt p;

	udp(&p, from, to, 20);
	in_is(&p, reason, what);
}

static void seg_out(struct seg s, enum esc_black_out_reason reason, const char *what)
{
	struct pkt p;

	tcp(&p, lan, remote, s);
	out_is(&p, reason, what);
}

static void seg_in(struct seg s, enum esc_black_reason reason, const char *what)
{
	struct pkt p;

	tcp(&p, remote, own, s);
	in_is(&p, reason, what);
}

#define OUT(what, ...)	   seg_out((struct seg){__VA_ARGS__}, ESC_BLACK_OUT_sent, what)
#define IN(what, ...)	   seg_in((struct seg){__VA_ARGS__}, ESC_BLACK_to_lan, what)
#define NOT_OUT(what, ...) seg_out((struct seg){__VA_ARGS__}, ESC_BLACK_OUT_conn_state, what)
#define NOT_IN(what, ...)  seg_in((struct seg){__VA_ARGS__}, ESC_BLACK_conn_state, what)

static void handshake(void)
{
	OUT("SYN", 1000, 0, 0, SYN, 8000, 0);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 8000, 0);
	OUT("ACK", 1001, 7001, 0, ACK, 8000, 0);
}

static uint8_t tcp_state(void)
{
	struct esc_conn_key key = conn_key(6, lan, remote);
	struct esc_conn c;

	assert_true(lookup(skel->maps.conn, key, &c) || lookup(skel->maps.conn_new, key, &c));
	return c.state;
}

/* --- filtering (RFC 4787, REQ-8: by address and port) ----------------------------------------- */

static void only_the_other_end_may_answer(void **state)
{
	(void)state;
	send_in(remote, own, ESC_BLACK_no_connection, "before anything was sent");
	send_out(lan, remote, ESC_BLACK_OUT_sent, "request");
	send_in((struct end){REMOTE4, 444}, own, ESC_BLACK_no_connection, "another port");
	send_in((struct end){REMOTE4_B, 443}, own, ESC_BLACK_no_connection, "another address");
	send_in(remote, (struct end){OWN4, 40001}, ESC_BLACK_no_connection, "another own port");
	send_in(remote, (struct end){"192.0.2.2", 40000}, ESC_BLACK_not_own_addr,
		"not our address");
	send_in(remote, lan, ESC_BLACK_not_own_addr, "the LAN's address");
	send_in(remote, own, ESC_BLACK_to_lan, "the right one");
	send_out(lan6, remote6, ESC_BLACK_OUT_sent, "IPv6");
	send_in((struct end){REMOTE6, 444}, lan6, ESC_BLACK_no_connection, "another port, IPv6");
	send_in((struct end){"2001:db8:9::8", 443}, lan6, ESC_BLACK_no_connection,
		"another address, IPv6");
	send_in(remote6, (struct end){LAN6, 40001}, ESC_BLACK_no_connection, "another host's port");
	send_in(remote6, lan6, ESC_BLACK_to_lan, "the right one, IPv6");
}

static void echo_of_the_internet_is_not_answered(void **state)
{
	static const struct end asker = {LAN4, 77}, self = {OWN4, 77}, host = {REMOTE4, 0};
	struct pkt p;

	(void)state;
	echo(&p, host, self, true);
	in_is(&p, ESC_BLACK_no_connection, "reply to nothing");
	echo(&p, asker, host, false);
	out_is(&p, ESC_BLACK_OUT_sent, "echo");
	echo(&p, (struct end){REMOTE4, 77}, (struct end){OWN4, 0}, false);
	in_is(&p, ESC_BLACK_no_connection, "echo in place of a reply");
	echo(&p, (struct end){REMOTE4_B, 0}, self, true);
	in_is(&p, ESC_BLACK_no_connection, "another host's reply");
	echo(&p, host, self, true);
	in_is(&p, ESC_BLACK_to_lan, "reply");
}

/* --- timers ----------------------------------------------------------------------------------- */

/* RFC 4787, REQ-5 and REQ-6: refreshed by what the LAN sends, and by nothing else. */
static void udp_is_kept_alive_by_the_lan_alone(void **state)
{
	struct esc_conn_key key = conn_key(17, lan, remote);
	struct esc_conn c;

	(void)state;
	send_out(lan, remote, ESC_BLACK_OUT_sent, "request");
	assert_true(lookup(skel->maps.conn_new, key, &c));
	assert_int_equal(c.state, ESC_CONN_UDP_UNREPLIED);
	assert_int_equal(seconds_left(key), 120);
	send_in(remote, own, ESC_BLACK_to_lan, "answer");
	assert_false(lookup(skel->maps.conn_new, key, &c));
	assert_true(lookup(skel->maps.conn, key, &c));
	assert_int_equal(c.state, ESC_CONN_UDP_REPLIED);
	assert_int_equal(seconds_left(key), 120);
	send_out(lan, remote, ESC_BLACK_OUT_sent, "request");
	assert_int_equal(seconds_left(key), 300);
	pass_seconds(200);
	send_in(remote, own, ESC_BLACK_to_lan, "answer");
	assert_int_equal(seconds_left(key), 100);
}

static void an_expired_connection_is_none(void **state)
{
	struct esc_conn_key key = conn_key(17, lan, remote);
	struct esc_conn c;

	(void)state;
	send_out(lan, remote, ESC_BLACK_OUT_sent, "request");
	pass_seconds(120);
	send_in(remote, own, ESC_BLACK_no_connection, "too late for an answer");
	send_out(lan, remote, ESC_BLACK_OUT_sent, "again");
	send_in(remote, own, ESC_BLACK_to_lan, "answer");
	pass_seconds(120);
	send_in(remote, own, ESC_BLACK_no_connection, "too late");
	send_out(lan, remote, ESC_BLACK_OUT_sent, "a new one");
	assert_true(lookup(skel->maps.conn_new, key, &c));
	assert_int_equal(c.out_packets, 1);
	send_in(remote, own, ESC_BLACK_to_lan, "takes the old one's place");
	assert_true(lookup(skel->maps.conn, key, &c));
	assert_int_equal(c.in_packets, 1);
}

/* RFC 5382, REQ-5 */
static void tcp_timers_follow_its_state(void **state)
{
	struct esc_conn_key key = conn_key(6, lan, remote);

	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 8000, 0);
	assert_int_equal(seconds_left(key), 240);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_SYN_RECV);
	OUT("ACK", 1001, 7001, 0, ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	assert_int_equal(seconds_left(key), 7440);
	pass_seconds(7000);
	NOT_IN("out of the window", 99999, 1001, 10, ACK, 8000, 0);
	assert_int_equal(seconds_left(key), 440);
	IN("data", 7001, 1001, 10, ACK, 8000, 0);
	assert_int_equal(seconds_left(key), 7440);
	OUT("FIN", 1001, 7011, 0, FIN | ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_FIN_WAIT);
	assert_int_equal(seconds_left(key), 240);
}

/* --- tables ----------------------------------------------------------------------------------- */

static void when_full_the_unanswered_one_stays(void **state)
{
	struct esc_conn_key key = {.proto = 17}, wanted = conn_key(17, lan, remote);
	struct esc_conn c = {.expires = UINT64_MAX};

	(void)state;
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		key.remote_port = (uint16_t)i;
		assert_int_equal(
			bpf_map_update_elem(bpf_map__fd(skel->maps.conn), &key, &c, BPF_NOEXIST),
			0);
	}
	send_out(lan, remote, ESC_BLACK_OUT_sent, "request");
	send_in(remote, own, ESC_BLACK_conn_full, "answer");
	assert_true(lookup(skel->maps.conn_new, wanted, &c));
	assert_int_equal(c.state, ESC_CONN_UDP_UNREPLIED);
	assert_int_equal(c.in_packets, 0);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(skel->maps.conn), &key), 0);
	send_in(remote, own, ESC_BLACK_to_lan, "answer, again");
	assert_true(lookup(skel->maps.conn, wanted, &c));
}

static void a_flood_of_new_ones_pushes_out_no_established_one(void **state)
{
	struct pkt p;

	(void)state;
	handshake();
	for (uint32_t i = 0; i < 20 * NEW; i++) {
		tcp(&p, (struct end){LAN4_B, (uint16_t)(1024 + i)},
		    (struct end){REMOTE4_B, (uint16_t)(1 + i % 7)},
		    (struct seg){1, 0, 0, SYN, 1000, 0});
		out_is(&p, ESC_BLACK_OUT_sent, "flood");
	}
	assert_in_range(entries(skel->maps.conn_new), 1, NEW);
	assert_int_equal(entries(skel->maps.conn), 1);
	IN("data", 7001, 1001, 100, ACK, 8000, 0);
	OUT("data", 1001, 7101, 100, ACK, 8000, 0);
}

static void a_refused_connection_needs_no_room(void **state)
{
	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 8000, 0);
	IN("refused", 0, 1001, 0, RST | ACK, 0, 0);
	assert_int_equal(tcp_state(), ESC_CONN_CLOSE);
	assert_int_equal(entries(skel->maps.conn), 0);
	OUT("again", 5000, 0, 0, SYN, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_SYN_SENT);
	IN("SYN and ACK", 7000, 5001, 0, SYN | ACK, 8000, 0);
	OUT("ACK", 5001, 7001, 0, ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void tcp_begins_with_a_syn_alone(void **state)
{
	(void)state;
	seg_in((struct seg){7000, 0, 0, SYN, 8000, 0}, ESC_BLACK_no_connection, "unsolicited SYN");
	NOT_OUT("ACK of nothing", 1001, 7001, 100, ACK, 8000, 0);
	NOT_OUT("SYN and ACK", 1000, 7001, 0, SYN | ACK, 8000, 0);
	NOT_OUT("RST", 1001, 7001, 0, RST, 8000, 0);
	NOT_OUT("SYN and FIN", 1000, 0, 0, SYN | FIN, 8000, 0);
	NOT_OUT("no flags", 1000, 0, 0, 0, 8000, 0);
	assert_int_equal(entries(skel->maps.conn_new), 0);
	assert_int_equal(entries(skel->maps.nat_map), 0);
}

static void forged_answers_to_a_syn(void **state)
{
	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 8000, 0);
	NOT_IN("wrong number", 7000, 1002, 0, SYN | ACK, 8000, 0);
	NOT_IN("wrong number", 7000, 1000, 0, SYN | ACK, 8000, 0);
	NOT_IN("RST with a wrong number", 0, 999, 0, RST | ACK, 0, 0);
	NOT_IN("RST without one", 0, 0, 0, RST, 0, 0);
	NOT_IN("data", 7001, 1001, 10, ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_SYN_SENT);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 8000, 0);
}

/* RFC 5961, 3: only the exact number closes; one in the window is the host's to judge. */
static void forged_resets(void **state)
{
	(void)state;
	handshake();
	NOT_IN("before the window", 7001 - 9000, 0, 0, RST, 0, 0);
	NOT_IN("behind the window", 7001 + 8001, 0, 0, RST, 0, 0);
	IN("in the window", 7001 + 4000, 0, 0, RST, 0, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	NOT_IN("RST and SYN", 7001, 0, 0, RST | SYN, 0, 0);
	IN("data", 7001, 1001, 100, ACK, 8000, 0);
	IN("exact", 7101, 0, 0, RST, 0, 0);
	assert_int_equal(tcp_state(), ESC_CONN_CLOSE);
}

static void out_of_window_data(void **state)
{
	(void)state;
	handshake();
	NOT_IN("behind the window", 7001 + 8001, 1001, 10, ACK, 8000, 0);
	NOT_IN("long gone", 7001 - 8100, 1001, 10, ACK, 8000, 0);
	NOT_IN("acknowledges what was not sent", 7001, 1002, 10, ACK, 8000, 0);
	NOT_IN("acknowledges what is long gone", 7001, 1001 - 66001, 10, ACK, 8000, 0);
	NOT_IN("FIN behind the window", 7001 + 8001, 1001, 0, FIN | ACK, 8000, 0);
	NOT_IN("no ACK", 7001, 0, 10, PSH, 8000, 0);
	NOT_OUT("behind the window", 1001 + 8001, 7001, 10, ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	IN("the end of the window", 7001 + 7990, 1001, 10, ACK, 8000, 0);
}

/* Both offered scaling by 2^7: 500 stands for 64000. Of a SYN it stands for itself. */
static void windows_are_scaled(void **state)
{
	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 500, 8);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 500, 8);
	NOT_IN("not acknowledged yet", 7001 + 501, 1001, 10, ACK, 500, 0);
	OUT("ACK", 1001, 7001, 0, ACK, 500, 0);
	IN("far in the window", 7001 + 63000, 1001, 1000, ACK, 500, 0);
	NOT_IN("behind it", 7001 + 64001, 1001, 10, ACK, 500, 0);
}

static void one_side_without_scaling_is_none(void **state)
{
	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 500, 8);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 500, 0);
	OUT("ACK", 1001, 7001, 0, ACK, 500, 0);
	NOT_IN("behind the window", 7001 + 501, 1001, 10, ACK, 500, 0);
}

/* RFC 5382, REQ-2a */
static void simultaneous_open(void **state)
{
	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 8000, 0);
	IN("SYN", 7000, 0, 0, SYN, 8000, 0);
	OUT("SYN and ACK", 1000, 7001, 0, SYN | ACK, 8000, 0);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	OUT("data", 1001, 7001, 100, ACK, 8000, 0);
	IN("data", 7001, 1101, 100, ACK, 8000, 0);
}

/* The SYN's number is not known to who forges: the host that is asked wins. */
static void a_forged_syn_does_not_stop_the_real_answer(void **state)
{
	(void)state;
	OUT("SYN", 1000, 0, 0, SYN, 8000, 0);
	IN("forged SYN", 99, 0, 0, SYN, 8000, 0);
	IN("SYN and ACK", 7000, 1001, 0, SYN | ACK, 8000, 0);
	OUT("ACK", 1001, 7001, 0, ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	NOT_IN("another SYN", 99999, 0, 0, SYN, 8000, 0);
}

/* A host that lost its connection (RFC 5961, 4.2), and one that has closed it. */
static void a_new_syn_of_the_lan(void **state)
{
	(void)state;
	handshake();
	OUT("SYN amid a connection", 900000, 0, 0, SYN, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	IN("challenge", 7001, 1001, 0, ACK, 8000, 0);
	OUT("RST", 1001, 0, 0, RST, 0, 0);
	assert_int_equal(tcp_state(), ESC_CONN_CLOSE);
	NOT_IN("SYN from outside", 50, 0, 0, SYN, 8000, 0);
	OUT("SYN", 900000, 0, 0, SYN, 8000, 0);
	IN("SYN and ACK", 44000, 900001, 0, SYN | ACK, 8000, 0);
	OUT("ACK", 900001, 44001, 0, ACK, 8000, 0);
	assert_int_equal(tcp_state(), ESC_CONN_ESTABLISHED);
	NOT_IN("of the old connection", 7001, 1001, 10, ACK, 8000, 0);
}

#define ROW(test) cmocka_unit_test_setup(test, fresh_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(only_the_other_end_may_answer),
		ROW(echo_of_the_internet_is_not_answered),
		ROW(udp_is_kept_alive_by_the_lan_alone),
		ROW(an_expired_connection_is_none),
		ROW(tcp_timers_follow_its_state),
		ROW(when_full_the_unanswered_one_stays),
		ROW(a_flood_of_new_ones_pushes_out_no_established_one),
		ROW(a_refused_connection_needs_no_room),
		ROW(tcp_begins_with_a_syn_alone),
		ROW(forged_answers_to_a_syn),
		ROW(forged_resets),
		ROW(out_of_window_data),
		ROW(windows_are_scaled),
		ROW(one_side_without_scaling_is_none),
		ROW(simultaneous_open),
		ROW(a_forged_syn_does_not_stop_the_real_answer),
		ROW(a_new_syn_of_the_lan),
	};
	const char *failed = load_node();
	int status;

	if (failed)
		return cannot_run(failed, errno);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	nat_bpf__destroy(skel);
	return status;
}
