/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_budget.c: which sessions exist for the black XDP program, and how many handshakes and
 * neighbours it lets through: per source, in total, with and without mac2. Tokens come back with
 * time, which passes when a test says so.
 */
#define OWN_CLOCK
#include "black_node.h"

#define BURST  5
#define SECOND 1000000000ull

static int sources(void)
{
	return bpf_map__fd(skel->maps.black_sources);
}

static int talkers(void)
{
	return bpf_map__fd(skel->maps.black_talkers);
}

/* No limits, all buckets full, no source heard of. */
static int fresh(void **state)
{
	struct esc_buckets full = {0};
	uint32_t zero = 0;

	(void)state;
	skel->data->clock_ns += 3600 * SECOND;
	guard_reset(&node);
	map_forget(sources());
	map_forget(talkers());
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.black_buckets), &zero, &full, BPF_ANY),
		0);
	return 0;
}

static void initiation_from(struct pkt *p, const char *src)
{
	wanted(p, src, strchr(src, ':') ? NODE6 : NODE4, WG_INITIATION, WG_INITIATION_LEN);
}

static void initiation_from_number(struct pkt *p, uint32_t i)
{
	initiation4(p);
	memcpy(p->data + AT_IP4_SRC, &i, 4);
	p->data[AT_IP4_SRC] = 11; /* neither special nor the node's */
	pkt_ip4_fix(p);
}

static void passes(const struct pkt *p, const char *what)
{
	run_expect(&run, p, XDP_REDIRECT, ESC_BLACK_to_crypto, what);
}

static void passes_times(const struct pkt *p, uint32_t times, enum esc_black_reason then)
{
	for (uint32_t i = 0; i < times; i++)
		passes(p, "within the burst");
	for (uint32_t i = 0; i < 3; i++)
		run_expect(&run, p, XDP_DROP, then, "burst used up");
}

/* One message a second, after a burst; no time passes. */
#define SLOW(limits, which)                                                                        \
	do {                                                                                       \
		(limits).which##_rate = 1;                                                         \
		(limits).which##_burst = BURST;                                                    \
	} while (0)

/* --- sessions --------------------------------------------------------------------------------- */

static void only_published_indices_exist(void **state)
{
	static const pkt_builder with_index[] = {data4, keepalive4, cookie4, response4, data6};
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < sizeof(with_index) / sizeof(with_index[0]); i++) {
		guard_reset(&node);
		with_index[i](&p);
		passes(&p, "session");
		for (uint32_t bit = 0; bit < 32; bit++) {
			pkt_index(&p, SESSION ^ 1u << bit);
			run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_session, "another index");
		}
		pkt_index(&p, 0); /* what an empty slot holds */
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_session, "index 0");
		with_index[i](&p);
		node.guard->session[SESSION % ESC_SESSION_SLOTS] = SESSION + ESC_SESSION_SLOTS;
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_session, "another in its slot");
		node.guard->session[SESSION % ESC_SESSION_SLOTS] = 0;
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_session, "session over");
	}
	run_settle(&run, true, "sessions");
}

static void every_slot_is_found(void **state)
{
	struct pkt p;

	(void)state;
	data4(&p);
	for (uint32_t i = 0; i < ESC_SESSION_SLOTS; i++) {
		uint32_t index = random32() / ESC_SESSION_SLOTS * ESC_SESSION_SLOTS + i;

		node.guard->session[i] = index;
		pkt_index(&p, index);
		if (index)
			passes(&p, "its slot");
		node.guard->session[i] = 0;
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_session, "empty slot");
	}
	run_settle(&run, true, "slots");
}

/* --- handshakes ------------------------------------------------------------------------------- */

static void one_source_has_its_part(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	SLOW(l, source);
	guard_limits(&node, &l);
	initiation_from(&p, "198.51.100.1");
	passes_times(&p, BURST, ESC_BLACK_source_rate);
	initiation_from(&p, "198.51.100.2");
	passes_times(&p, BURST, ESC_BLACK_source_rate);
	initiation_from(&p, "2001:db8:1:1::1");
	passes(&p, "first host of a network");
	initiation_from(&p, "2001:db8:1:1:ffff::9");
	passes_times(&p, BURST - 1, ESC_BLACK_source_rate);
	initiation_from(&p, "2001:db8:1:2::1");
	passes_times(&p, BURST, ESC_BLACK_source_rate);
	assert_int_equal(map_entries(sources()), 4);
	response4(&p);
	passes(&p, "responses are not rationed");
	run_settle(&run, true, "sources");
}

static void all_sources_share_the_total(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	SLOW(l, total);
	guard_limits(&node, &l);
	for (uint32_t i = 0; i < BURST; i++) {
		initiation_from_number(&p, i << 8);
		passes(&p, "within the total");
	}
	for (uint32_t i = 0; i < 200; i++) {
		initiation_from_number(&p, random32());
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "total used up");
	}
	assert_int_equal(map_entries(sources()), BURST); /* those too late push nobody out */
	guard_know(&node, PEER4);
	initiation4(&p);
	passes(&p, "where a peer was seen");
	run_settle(&run, true, "total");
}

static void a_busy_source_leaves_the_total_to_others(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	l.source_rate = l.total_rate = 1;
	l.source_burst = 2;
	l.total_burst = 6;
	guard_limits(&node, &l);
	initiation_from(&p, "198.51.100.1");
	passes_times(&p, 2, ESC_BLACK_source_rate);
	initiation_from(&p, "198.51.100.2");
	passes_times(&p, 2, ESC_BLACK_source_rate);
	initiation_from(&p, "198.51.100.3");
	passes_times(&p, 2, ESC_BLACK_total_rate);
	run_settle(&run, true, "busy source");
}

static void known_sources_have_their_own_rate(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	SLOW(l, known);
	l.source_rate = l.total_rate = 0;
	guard_limits(&node, &l);
	guard_know(&node, PEER4);
	guard_know(&node, PEER6);
	initiation4(&p);
	passes_times(&p, BURST, ESC_BLACK_source_rate);
	initiation6(&p);
	passes_times(&p, BURST, ESC_BLACK_source_rate);
	initiation_from(&p, "192.0.2.3");
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "no peer was seen there");
	run_settle(&run, true, "known sources");
}

static void every_way_of_every_bucket_is_known(void **state)
{
	struct esc_limits l = limits_open();
	struct esc_source_key key;
	struct pkt p;

	(void)state;
	l.total_rate = 0;
	guard_limits(&node, &l);
	for (uint32_t i = 0; i < 4 * ESC_KNOWN_BUCKETS; i++) {
		struct esc_known *way;

		initiation_from_number(&p, i << 8);
		memset(key.addr, 0, 10);
		memset(key.addr + 10, 0xff, 2);
		memcpy(key.addr + 12, p.data + AT_IP4_SRC, 4);
		way = &node.guard->known[esc_known_bucket(key.addr)][i % ESC_KNOWN_WAYS];
		memcpy(way->addr, key.addr, sizeof(way->addr));
		passes(&p, "known");
		way->addr[i / 8 % 16] ^= (uint8_t)(1u << i % 8);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "another in its bucket");
		memset(way, 0, sizeof(*way));
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "forgotten");
	}
	run_settle(&run, true, "known table");
}

/* Who forges a peer's address without receiving there cannot use up what its mac2 opens. */
static void a_forged_source_does_not_silence_the_real_one(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt forged, real;

	(void)state;
	SLOW(l, known);
	l.cookie_rate = 0;
	guard_limits(&node, &l);
	guard_know(&node, PEER4);
	initiation4(&forged);
	passes_times(&forged, BURST, ESC_BLACK_source_rate);
	guard_load(&node); /* as crypto does when it sees that */
	run_expect(&run, &forged, XDP_DROP, ESC_BLACK_mac2, "forged, under load");
	initiation4(&real);
	pkt_mac2(&node, &real, node.secret[0]);
	passes_times(&real, BURST, ESC_BLACK_source_rate);
	run_settle(&run, true, "forged source");
}

static void assert_told(const char *what)
{
	uint64_t at = node.buckets->refused_at, now = skel->data->clock_ns;

	if (at != now)
		fail_msg("%s: refused at %lu, now is %lu", what, (unsigned long)at,
			 (unsigned long)now);
}

static void refusals_are_told(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	initiation4(&p);
	passes(&p, "nothing refused");
	l.total_rate = l.cookie_rate = 0;
	guard_limits(&node, &l);
	guard_load(&node);
	pkt_mac2(&node, &p, node.secret[0]);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "with mac2");
	assert_int_equal(node.buckets->refused_at, 0); /* a cookie would not help */
	initiation4(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "without mac2");
	assert_told("no cookie left");
	fresh(NULL);
	guard_limits(&node, &l);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_total_rate, "no load");
	assert_told("nothing left in total");
	fresh(NULL);
	l = limits_open();
	l.source_rate = 0;
	guard_limits(&node, &l);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_source_rate, "no load");
	assert_told("nothing left for the source");
	run_settle(&run, true, "refusals");
}

static void without_mac2_there_are_cookies_and_known_sources(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	SLOW(l, cookie);
	l.known_rate = 1;
	l.known_burst = 2;
	guard_limits(&node, &l);
	guard_load(&node);
	for (uint32_t i = 0; i < BURST; i++) {
		initiation_from_number(&p, random32());
		passes(&p, "to be answered with a cookie");
	}
	for (uint32_t i = 0; i < 100; i++) {
		initiation_from_number(&p, random32());
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "no cookie left");
	}
	assert_int_equal(map_entries(sources()), 0); /* nobody proved to be there */
	guard_know(&node, PEER4);
	initiation4(&p);
	passes_times(&p, 2, ESC_BLACK_mac2);
	run_settle(&run, true, "cookies");
}

static void tokens_come_back_with_time(void **state)
{
	static const struct {
		uint64_t after;
		uint32_t tokens;
	} waits[] = {{0, 1000},
		     {SECOND / 10000 - 1, 0},
		     {1, 1},
		     {SECOND / 10000, 1},
		     {SECOND / 100, 100},
		     {SECOND / 10, 1000},
		     {0, 0},
		     {SECOND, 1000},
		     {3600 * SECOND, 1000}};
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	l.source_rate = 10000;
	l.source_burst = 1000;
	guard_limits(&node, &l);
	initiation4(&p);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		skel->data->clock_ns += waits[i].after;
		assert_int_equal(run_count(&run, &p, 2000, ESC_BLACK_to_crypto), waits[i].tokens);
	}
	run_settle(&run, false, "tokens");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void sources_take_fixed_memory(void **state)
{
	uint32_t most = bpf_map__max_entries(skel->maps.black_sources);
	struct pkt p;

	(void)state;
	for (uint32_t i = 0; i < 3 * most; i++) {
		initiation_from_number(&p, i << 8);
		passes(&p, "another source");
	}
	assert_in_range(map_entries(sources()), most / 2, most);
	run_settle(&run, true, "many sources");
}

static void the_loudest_stays_among_many(void **state)
{
	uint32_t most = bpf_map__max_entries(skel->maps.black_talkers), sent = 0;
	struct esc_talker t;
	struct esc_source_key loud;
	struct pkt p, many;

	(void)state;
	guard_reset(&node);
	dns4(&p);
	many = p;
	map_key(PEER4, loud.addr);
	for (uint32_t i = 0; i < 100 * most; i++) {
		uint32_t from = random32();

		if (i % 50 == 0) {
			run_frame(&run, &p);
			sent++;
			continue;
		}
		memcpy(many.data + AT_IP4_SRC, &from, 4);
		many.data[AT_IP4_SRC] = 11;
		pkt_ip4_fix(&many);
		run_frame(&run, &many);
	}
	assert_in_range(map_entries(talkers()), 1, most);
	assert_int_equal(bpf_map_lookup_elem(talkers(), &loud, &t), 0);
	assert_in_range(t.packets[ESC_ATTACK_malformed], sent / 2, 2 * sent);
	run_settle(&run, false, "many talkers");
}

/* Every kind, under the key that the frame gives; sampled, so many of each. */
static void talkers_are_counted_by_kind(void **state)
{
	static const struct {
		pkt_builder build;
		const char *source; /* NULL: by MAC address */
		enum esc_black_reason reason;
		enum esc_attack_kind kind;
	} cases[] = {
		{dns4, PEER4, ESC_BLACK_udp_port, ESC_ATTACK_malformed},
		{echo6, "2001:db8::", ESC_BLACK_not_udp, ESC_ATTACK_malformed},
		{data4, PEER4, ESC_BLACK_no_session, ESC_ATTACK_session},
		{response4, PEER4, ESC_BLACK_no_session, ESC_ATTACK_session},
		{initiation6, "2001:db8::", ESC_BLACK_source_rate, ESC_ATTACK_rate},
		{initiation4, PEER4, ESC_BLACK_mac_rate, ESC_ATTACK_mac1},
		{arp_request, NULL, ESC_BLACK_neighbour_rate, ESC_ATTACK_neighbour},
		{arp_announcement, NULL, ESC_BLACK_arp_bad, ESC_ATTACK_neighbour},
		{redirect, NULL, ESC_BLACK_nd_bad, ESC_ATTACK_neighbour},
	};
	const uint32_t times = 20000;
	struct esc_limits l = limits_open();
	struct pkt p;
	uint64_t first;

	(void)state;
	l.source_burst = l.neighbour_rate = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct esc_source_key key = {{0xff}};
		struct esc_talker t;

		map_forget(talkers());
		l.mac_rate = cases[i].reason == ESC_BLACK_mac_rate ? 0 : limits_open().mac_rate;
		guard_limits(&node, &l);
		cases[i].build(&p);
		memcpy(key.addr + 10, MAC_HOST, 6);
		if (cases[i].source)
			map_key(cases[i].source, key.addr);
		node.guard->session[SESSION % ESC_SESSION_SLOTS] = 0;
		first = skel->data->clock_ns;
		assert_int_equal(run_count(&run, &p, times / 2, cases[i].reason), times / 2);
		skel->data->clock_ns += SECOND;
		assert_int_equal(run_count(&run, &p, times / 2, cases[i].reason), times / 2);
		assert_int_equal(map_entries(talkers()), 1);
		assert_int_equal(bpf_map_lookup_elem(talkers(), &key, &t), 0);
		for (uint32_t k = 0; k < ESC_ATTACK_KINDS; k++)
			assert_in_range(t.packets[k], k == cases[i].kind ? times / 2 : 0,
					k == cases[i].kind ? 2 * times : 0);
		assert_int_equal(t.first, first);
		assert_int_equal(t.last, first + SECOND);
	}
	run_settle(&run, false, "kinds");
}

static void what_passes_or_is_our_fault_is_no_attack(void **state)
{
	int xsks = bpf_map__fd(skel->maps.black_xsks), cfg = bpf_map__fd(skel->maps.black_cfg);
	struct pkt p;

	(void)state;
	data4(&p);
	run_repeat(&run, &p, 1000, NULL);
	arp_request(&p);
	run_repeat(&run, &p, 1000, NULL);
	data4(&p);
	fill_xsk(xsks, 0, -1);
	run_repeat(&run, &p, 1000, NULL);
	fill_xsk(xsks, 0, socket_fd);
	fill_cfg(cfg, false, PORT, ESC_ABI_VERSION);
	run_repeat(&run, &p, 1000, NULL);
	fill_cfg(cfg, true, PORT, ESC_ABI_VERSION);
	assert_int_equal(map_entries(talkers()), 0);
	run_settle(&run, false, "no attack");
}

/* --- neighbours ------------------------------------------------------------------------------- */

static void arp_from(struct pkt *p, uint32_t host)
{
	arp_request(p);
	memcpy(p->data + AT_SRC_MAC + 2, &host, 4);
}

static void neighbours_have_their_part(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	SLOW(l, neighbour);
	guard_limits(&node, &l);
	arp_from(&p, 1);
	for (uint32_t i = 0; i < BURST; i++)
		run_expect(&run, &p, XDP_PASS, ESC_BLACK_arp, "within the burst");
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_neighbour_rate, "burst used up");
	ns_unicast(&p);
	memcpy(p.data + AT_SRC_MAC + 2, "\1\0\0\0", 4); /* the same host */
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_neighbour_rate, "ARP and ND together");
	arp_from(&p, 2);
	run_expect(&run, &p, XDP_PASS, ESC_BLACK_arp, "another host");
	initiation4(&p);
	passes(&p, "handshakes are something else");
	run_settle(&run, true, "neighbours");
}

static void invented_neighbours_leave_half_to_those_heard(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt heard, p;

	(void)state;
	SLOW(l, neighbour);
	guard_limits(&node, &l);
	arp_from(&heard, 1);
	run_expect(&run, &heard, XDP_PASS, ESC_BLACK_arp, "the gateway");
	for (uint32_t i = 1; i < 10 * BURST / 2; i++) {
		arp_from(&p, 100 + i);
		run_expect(&run, &p, XDP_PASS, ESC_BLACK_arp, "strangers' half");
	}
	for (uint32_t i = 0; i < 200; i++) {
		arp_from(&p, 1000 + i);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_neighbour_rate, "strangers' half empty");
	}
	for (uint32_t i = 1; i < BURST; i++)
		run_expect(&run, &heard, XDP_PASS, ESC_BLACK_arp, "the gateway again");
	run_settle(&run, true, "invented neighbours");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(only_published_indices_exist, fresh),
		cmocka_unit_test_setup(every_slot_is_found, fresh),
		cmocka_unit_test_setup(one_source_has_its_part, fresh),
		cmocka_unit_test_setup(all_sources_share_the_total, fresh),
		cmocka_unit_test_setup(a_busy_source_leaves_the_total_to_others, fresh),
		cmocka_unit_test_setup(known_sources_have_their_own_rate, fresh),
		cmocka_unit_test_setup(every_way_of_every_bucket_is_known, fresh),
		cmocka_unit_test_setup(a_forged_source_does_not_silence_the_real_one, fresh),
		cmocka_unit_test_setup(refusals_are_told, fresh),
		cmocka_unit_test_setup(without_mac2_there_are_cookies_and_known_sources, fresh),
		cmocka_unit_test_setup(tokens_come_back_with_time, fresh),
		cmocka_unit_test_setup(sources_take_fixed_memory, fresh),
		cmocka_unit_test_setup(the_loudest_stays_among_many, fresh),
		cmocka_unit_test_setup(talkers_are_counted_by_kind, fresh),
		cmocka_unit_test_setup(what_passes_or_is_our_fault_is_no_attack, fresh),
		cmocka_unit_test_setup(neighbours_have_their_part, fresh),
		cmocka_unit_test_setup(invented_neighbours_leave_half_to_those_heard, fresh),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
