/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_replay.c: the black XDP program lets a copy of an initiation pass while the first one is
 * young, and no more after that, whoever sends it; and it remembers only what passed. Time passes
 * when a test says so.
 */
#define OWN_CLOCK
#include "black_node.h"

#define MS 1000000ull

static int seen(void)
{
	return bpf_map__fd(skel->maps.black_seen);
}

static struct esc_limits limits(void)
{
	struct esc_limits l = limits_open();

	l.replay_ms = ESC_REPLAY_MS;
	return l;
}

static void wait_ms(uint32_t ms)
{
	skel->data->clock_ns += ms * MS;
}

/* No limits, no load, nobody heard of, nothing seen. */
static int fresh(void **state)
{
	struct esc_limits l = limits();

	(void)state;
	wait_ms(3600 * 1000);
	guard_reset(&node);
	guard_limits(&node, &l);
	map_forget(bpf_map__fd(skel->maps.black_sources));
	map_forget(seen());
	return 0;
}

/* What no peer has sent before, from this address. */
static void another(struct pkt *p, const char *from)
{
	pkt_wg(p, from, strchr(from, ':') ? NODE6 : NODE4, PORT, WG_INITIATION, WG_INITIATION_LEN);
	for (uint32_t i = 4; i < mac1_at(WG_INITIATION); i++)
		pkt_message(p)[i] = (uint8_t)random32();
	pkt_mac1(&node, p);
}

/* The same message in a frame from another address. */
static void copy(struct pkt *p, struct pkt *of, const char *from)
{
	another(p, from);
	memcpy(pkt_message(p), pkt_message(of), WG_INITIATION_LEN);
}

static void passes(const struct pkt *p, const char *what)
{
	run_expect(&run, p, XDP_REDIRECT, ESC_BLACK_to_crypto, what);
}

static void is_replay(const struct pkt *p, const char *what)
{
	run_expect(&run, p, XDP_DROP, ESC_BLACK_replay, what);
}

/* Otherwise who sends a copy ahead of the peer's own message would have that dropped. */
static void young_copies_pass(void **state)
{
	struct pkt p, elsewhere;

	(void)state;
	another(&p, PEER4);
	copy(&elsewhere, &p, "198.51.100.7");
	passes(&elsewhere, "a copy that overtook it");
	wait_ms(ESC_REPLAY_MS);
	passes(&p, "the peer's own");
	passes(&p, "twice");
	skel->data->clock_ns++;
	is_replay(&p, "nothing makes it young again");
	assert_int_equal(map_entries(seen()), 1);
	run_settle(&run, true, "young copies");
}

static void old_copies_are_replays(void **state)
{
	struct pkt p, elsewhere;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		another(&p, i % 2 ? PEER6 : PEER4);
		passes(&p, "the first one");
		wait_ms(1 + ESC_REPLAY_MS + random32() % 1000000);
		is_replay(&p, "a copy");
		copy(&elsewhere, &p, i % 3 ? "198.51.100.7" : "2001:db8:7::7");
		is_replay(&elsewhere, "from elsewhere");
		put16(pkt_message(&p) - 8, 1 + random32() % 65535);
		is_replay(&p, "from another port");
		pkt_mac2(&node, &p, node.secret[0]);
		is_replay(&p, "with a mac2");
		guard_know(&node, PEER4);
		is_replay(&p, "where a peer was seen");
	}
	another(&p, PEER4);
	passes(&p, "the next message");
	pkt_message(&p)[mac1_at(WG_INITIATION)] ^= 1;
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "its MAC comes first");
	response4(&p);
	passes(&p, "a response");
	wait_ms(1 + ESC_REPLAY_MS);
	passes(&p, "responses are not remembered");
	run_settle(&run, true, "old copies");
}

/* So their flood leaves the peer's own budget, and the cookies, to the peer. */
static void replays_take_no_token(void **state)
{
	struct esc_limits l = limits();
	struct pkt p;

	(void)state;
	l.known_rate = l.cookie_rate = 1;
	l.known_burst = 5;
	l.cookie_burst = 1;
	l.total_rate = 0;
	guard_limits(&node, &l);
	guard_know(&node, PEER4);
	guard_load(&node);
	another(&p, PEER4);
	passes(&p, "recorded");
	wait_ms(10 * ESC_REPLAY_MS);
	for (int i = 0; i < 1000; i++)
		is_replay(&p, "replayed");
	for (uint32_t i = 0; i < l.known_burst + l.cookie_burst; i++) {
		another(&p, PEER4);
		passes(&p, "what the peer may have at once");
	}
	another(&p, PEER4);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "now it is used up");
	run_settle(&run, true, "tokens");
}

static void what_did_not_pass_is_not_remembered(void **state)
{
	struct esc_limits closed = limits(), open = limits();
	struct pkt p;

	(void)state;
	closed.total_rate = closed.cookie_rate = 0;
	another(&p, PEER4);
	guard_limits(&node, &closed);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "no budget");
	guard_load(&node);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "no cookie");
	pkt_message(&p)[mac1_at(WG_INITIATION)] ^= 1;
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "wrong mac1");
	pkt_message(&p)[mac1_at(WG_INITIATION)] ^= 1;
	assert_int_equal(map_entries(seen()), 0);
	wait_ms(1 + ESC_REPLAY_MS);
	guard_limits(&node, &open);
	passes(&p, "the first time");
	wait_ms(1 + ESC_REPLAY_MS);
	is_replay(&p, "the second time");
	run_settle(&run, true, "not passed");
}

static void memory_is_fixed(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t i = 0; i < 3 * ESC_SEEN_MAX; i++) {
		another(&p, PEER4);
		passes(&p, "another message");
	}
	assert_in_range(map_entries(seen()), ESC_SEEN_MAX / 2, ESC_SEEN_MAX);
	run_settle(&run, true, "many messages");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(young_copies_pass, fresh),
		cmocka_unit_test_setup(old_copies_are_replays, fresh),
		cmocka_unit_test_setup(replays_take_no_token, fresh),
		cmocka_unit_test_setup(what_did_not_pass_is_not_remembered, fresh),
		cmocka_unit_test_setup(memory_is_fixed, fresh),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
