/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer.c: ICMP errors that the node sends to hosts of its LAN: every byte of them, who gets none,
 * and how many there are.
 */
#include <linux/bpf.h>

#include "reference.h"
#include "split.h"
#include "test/answer.skel.h"

#define NODE4 "10.1.0.1"
#define HOST4 "10.1.0.5"
#define WEB4  "198.51.100.9"
#define NODE6 "fd00:1::1"
#define HOST6 "fd00:1::5"
#define WEB6  "2001:db8::9"

enum { TTL, TOO_BIG, DENIED, NO_ROUTE, WHATS };

static struct answer_bpf *skel;
static int prog[WHATS];

/* Type, code and the last two bytes of the ICMP header. */
static const struct {
	uint8_t type[2], code[2];
	uint16_t mtu;
} says[WHATS] = {
	[TTL] = {{11, 3}, {0, 0}, 0},
	[TOO_BIG] = {{3, 2}, {4, 0}, 1280},
	[DENIED] = {{3, 1}, {13, 1}, 0},
	[NO_ROUTE] = {{3, 1}, {0, 0}, 0},
};

static struct esc_split_cfg settings(void)
{
	struct esc_split_cfg cfg = {.on = 1, .answer_rate = 1000000, .answer_burst = 1000000};

	address(AF_INET, NODE4, cfg.red4);
	address(AF_INET6, NODE6, cfg.red6);
	return cfg;
}

static void apply(const struct esc_split_cfg *cfg)
{
	uint32_t zero = 0;
	struct esc_bucket full = {0};

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.settings), &zero, cfg, BPF_ANY),
			 0);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.red_answers), &zero, &full, BPF_ANY), 0);
}

static int set_up(void **state)
{
	struct esc_split_cfg cfg = settings();

	(void)state;
	apply(&cfg);
	return 0;
}

static void udp4(struct pkt *p)
{
	pkt_udp(p, HOST4, WEB4, 33434, 100);
}

static void udp6(struct pkt *p)
{
	pkt_udp(p, HOST6, WEB6, 33434, 100);
}

static void echo4(struct pkt *p)
{
	pkt_echo(p, HOST4, WEB4, 56);
}

static void echo6(struct pkt *p)
{
	pkt_echo(p, HOST6, WEB6, 56);
}

/* What should come back, from the RFCs. */
static void expect(const struct pkt *p, int what, struct pkt *e)
{
	bool six = p->data[AT_TYPE] == 0x86;
	uint32_t whole = six ? 40 + get16(p->data + AT_IP6_LEN) : get16(p->data + AT_IP4_LEN);
	uint32_t room = six ? 1280 - 48 : 576 - 28;
	uint32_t quote = whole < room ? whole : room;
	uint8_t *icmp, *ip;

	pkt_ip(e, six ? NODE6 : NODE4, six ? HOST6 : HOST4, six ? 58 : 1, 8 + quote);
	memcpy(e->data, p->data + 6, 6);
	memcpy(e->data + 6, p->data, 6);
	ip = e->data + 14;
	if (six) {
		ip[0] = 0x6c;
		ip[7] = 64;
	} else {
		ip[1] = 0xc0;
		ip[6] = 0x40;
	}
	icmp = pkt_add(e, NULL, 8);
	icmp[0] = says[what].type[six];
	icmp[1] = says[what].code[six];
	put16(icmp + 6, says[what].mtu);
	pkt_add(e, p->data + 14, quote);
	ref_fix(ip, e->len - 14);
}

/* Traceroute's question and the answer, every byte by hand. */
static void bytes_of_an_answer(void **state)
{
	static const uint8_t four[] = {
		0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00,
		0x45, 0xc0, 0x00, 0x38, 0x00, 0x00, 0x40, 0x00, 0x40, 0x01, 0x25, 0xfe, 0x0a, 0x01,
		0x00, 0x01, 0x0a, 0x01, 0x00, 0x05, 0x0b, 0x00, 0x62, 0xbd, 0x00, 0x00, 0x00, 0x00,
		0x45, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x00, 0x01, 0x11, 0x85, 0x8f, 0x0a, 0x01,
		0x00, 0x05, 0xc6, 0x33, 0x64, 0x09, 0x0f, 0xa0, 0x82, 0x9a, 0x00, 0x08, 0x00, 0x00,
	};
	struct pkt p, out, e;

	(void)state;
	pkt_udp(&p, HOST4, WEB4, 33434, 0);
	p.data[AT_IP4 + 8] = 1;
	pkt_ip4_fix(&p);
	assert_int_equal(run_change(prog[TTL], &p, &out), XDP_TX);
	memcpy(e.data, four, sizeof(four));
	e.len = sizeof(four);
	assert_same_frame(&out, &e);
}

static void every_answer_to_every_length(void **state)
{
	struct pkt p, out, e;

	(void)state;
	for (uint32_t payload = 0; payload <= 1472; payload++) {
		for (int six = 0; six < 2; six++) {
			int what = (int)random32() % WHATS;

			what = what < 0 ? -what : what;
			pkt_udp(&p, six ? HOST6 : HOST4, six ? WEB6 : WEB4, 53, payload);
			for (uint32_t i = 0; i < payload; i++)
				p.data[p.len - 1 - i] = (uint8_t)random32();
			expect(&p, what, &e);
			if (random32() % 4 == 0) /* padding of the frame is not the packet's */
				pkt_add(&p, "padding padding padding", 1 + random32() % 20);
			assert_int_equal(run_change(prog[what], &p, &out), XDP_TX);
			assert_same_frame(&out, &e);
		}
	}
}

static void every_answer(void **state)
{
	static const pkt_builder build[] = {udp4, udp6, echo4, echo6};
	struct pkt p, out, e;

	(void)state;
	for (size_t i = 0; i < sizeof(build) / sizeof(build[0]); i++) {
		for (int what = 0; what < WHATS; what++) {
			build[i](&p);
			expect(&p, what, &e);
			assert_int_equal(run_change(prog[what], &p, &out), XDP_TX);
			assert_same_frame(&out, &e);
		}
	}
}

/* clang-format off */
static const struct row {
	const char *name;
	pkt_builder build;
	bool answered;
	struct patch patch[PATCHES_MAX];
} rows[] = {
	{"UDP", udp4, true, {{0}}},
	{"first fragment", udp4, true, {{AT_IP4_FRAG, 2, "\x20\x00"}}},
	{"TCP", udp4, true, {{AT_IP4_PROTO, 1, "\x06"}}},
	{"echo reply", echo4, true, {{AT_L4_4, 1, "\x00"}}},
	{"later fragment", udp4, false, {{AT_IP4_FRAG, 2, "\x00\x10"}}},
	{"last fragment far behind", udp4, false, {{AT_IP4_FRAG, 2, "\x1f\xff"}}},
	{"unreachable", echo4, false, {{AT_L4_4, 1, "\x03"}}},
	{"source quench", echo4, false, {{AT_L4_4, 1, "\x04"}}},
	{"redirect", echo4, false, {{AT_L4_4, 1, "\x05"}}},
	{"time exceeded", echo4, false, {{AT_L4_4, 1, "\x0b"}}},
	{"parameter problem", echo4, false, {{AT_L4_4, 1, "\x0c"}}},
	{"unknown ICMP", echo4, false, {{AT_L4_4, 1, "\x7b"}}},
	{"by broadcast", udp4, false, {{AT_DST_MAC, 6, MAC_BROADCAST}}},
	{"by multicast", udp4, false, {{AT_DST_MAC, 6, MAC_IP4_GROUP}}},
	{"from a group's MAC", udp4, false, {{AT_SRC_MAC, 6, MAC_IP4_GROUP}}},
	{"to multicast", udp4, false, {{AT_IP4_DST, 4, "\xe0\x00\x00\x01"}}},
	{"to broadcast", udp4, false, {{AT_IP4_DST, 4, "\xff\xff\xff\xff"}}},
	{"to loopback", udp4, false, {{AT_IP4_DST, 1, "\x7f"}}},
	{"to 0.0.0.0", udp4, false, {{AT_IP4_DST, 4, "\0\0\0\0"}}},
	{"to the node", udp4, false, {{AT_IP4_DST, 4, "\x0a\x01\x00\x01"}}},
	{"from the node", udp4, false, {{AT_IP4_SRC, 4, "\x0a\x01\x00\x01"}}},
	{"from 0.0.0.0", udp4, false, {{AT_IP4_SRC, 4, "\0\0\0\0"}}},
	{"from loopback", udp4, false, {{AT_IP4_SRC, 1, "\x7f"}}},
	{"from multicast", udp4, false, {{AT_IP4_SRC, 1, "\xe0"}}},
	{"from broadcast", udp4, false, {{AT_IP4_SRC, 4, "\xff\xff\xff\xff"}}},
	{"options", udp4, false, {{AT_IP4, 1, "\x46"}}},
	{"total beyond the frame", udp4, false, {{AT_IP4_LEN, 2, "\x00\x81"}}},
	{"total below the header", udp4, false, {{AT_IP4_LEN, 2, "\x00\x13"}}},
	{"VLAN", udp4, false, {{AT_TYPE, 2, "\x81\x00"}}},
	{"ARP", udp4, false, {{AT_TYPE, 2, "\x08\x06"}}},

	{"UDP, IPv6", udp6, true, {{0}}},
	{"first fragment, IPv6", udp6, true, {{AT_IP6_NEXT, 1, "\x2c"},
					      {AT_L4_6, 8, "\x11\x00\x00\x01\0\0\0\1"}}},
	{"echo reply, IPv6", echo6, true, {{AT_L4_6, 1, "\x81"}}},
	{"later fragment, IPv6", udp6, false, {{AT_IP6_NEXT, 1, "\x2c"},
					       {AT_L4_6, 8, "\x11\x00\x00\x08\0\0\0\1"}}},
	{"error in a first fragment, IPv6", udp6, false,
	 {{AT_IP6_NEXT, 1, "\x2c"}, {AT_L4_6, 9, "\x3a\x00\x00\x01\0\0\0\1\1"}}},
	{"fragment in a fragment, IPv6", udp6, false,
	 {{AT_IP6_NEXT, 1, "\x2c"}, {AT_L4_6, 8, "\x2c\x00\x00\x01\0\0\0\1"}}},
	{"hop-by-hop, IPv6", udp6, false, {{AT_IP6_NEXT, 1, "\x00"}}},
	{"routing header, IPv6", udp6, false, {{AT_IP6_NEXT, 1, "\x2b"}}},
	{"unreachable, IPv6", echo6, false, {{AT_L4_6, 1, "\x01"}}},
	{"packet too big, IPv6", echo6, false, {{AT_L4_6, 1, "\x02"}}},
	{"unknown error, IPv6", echo6, false, {{AT_L4_6, 1, "\x7f"}}},
	{"redirect, IPv6", echo6, false, {{AT_L4_6, 1, "\x89"}}},
	{"by multicast, IPv6", udp6, false, {{AT_DST_MAC, 2, "\x33\x33"}}},
	{"to multicast, IPv6", udp6, false, {{AT_IP6_DST, 1, "\xff"}}},
	{"to the node, IPv6", udp6, false, {{AT_IP6_DST, 16, "\xfd\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1"}}},
	{"from the node, IPv6", udp6, false, {{AT_IP6_SRC + 15, 1, "\x01"}}},
	{"from ::, IPv6", udp6, false, {{AT_IP6_SRC, 16, ""}}},
	{"from multicast, IPv6", udp6, false, {{AT_IP6_SRC, 1, "\xff"}}},
	{"from a mapped address", udp6, false,
	 {{AT_IP6_SRC, 16, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\0\5"}}},
	{"payload beyond the frame, IPv6", udp6, false, {{AT_IP6_LEN, 2, "\x00\x6d"}}},
};
/* clang-format on */

static void who_is_answered(void **state)
{
	struct pkt p, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int want = rows[i].answered ? XDP_TX : XDP_DROP, got;

		rows[i].build(&p);
		pkt_patch(&p, rows[i].patch);
		got = run_change(prog[i % WHATS], &p, &out);
		if (got != want)
			fail_msg("%s: verdict %d instead of %d", rows[i].name, got, want);
		if (got == XDP_DROP)
			assert_same_frame(&out, &p);
	}
}

static void nothing_cut_short_is_answered(void **state)
{
	static const pkt_builder build[] = {udp4, udp6, echo4, echo6};
	struct pkt p, out;

	(void)state;
	for (size_t i = 0; i < sizeof(build) / sizeof(build[0]); i++) {
		build[i](&p);
		for (p.len--; p.len >= 14; p.len--)
			assert_int_equal(run_change(prog[DENIED], &p, &out), XDP_DROP);
	}
}

/* Whatever comes in: an answer is a sound packet to who sent the frame, never longer than it may.
 */
static void random_frames(void **state)
{
	static const pkt_builder build[] = {udp4, udp6, echo4, echo6};
	struct pkt p, out, e;
	uint32_t answers = 0;

	(void)state;
	for (uint32_t i = 0; i < 50000; i++) {
		int what = (int)(i % WHATS);
		bool six;

		pkt_fuzz(&p, build, 4);
		if (run_change(prog[what], &p, &out) != XDP_TX)
			continue;
		answers++;
		six = p.data[AT_TYPE] == 0x86;
		expect(&p, what, &e);
		memcpy(e.data + (six ? AT_IP6_DST : AT_IP4_DST),
		       p.data + (six ? AT_IP6_SRC : AT_IP4_SRC), six ? 16 : 4);
		ref_fix(e.data + 14, e.len - 14);
		assert_same_frame(&out, &e);
	}
	assert_in_range(answers, 1000, 50000);
}

/* Of 100 packets that come `after` nanoseconds. */
static uint32_t answered(uint64_t after)
{
	struct pkt p, out;
	uint32_t n = 0;

	udp4(&p);
	skel->data->clock_ns += after;
	for (int i = 0; i < 100; i++)
		n += run_change(prog[TTL], &p, &out) == XDP_TX;
	return n;
}

static void no_more_than_the_budget(void **state)
{
	struct esc_split_cfg cfg = settings();
	struct pkt p, out;

	(void)state;
	udp4(&p);
	cfg.answer_rate = 10;
	cfg.answer_burst = 20;
	apply(&cfg);
	p.data[AT_IP4_FRAG + 1] = 0x10; /* what is not answered costs nothing */
	for (int i = 0; i < 100; i++)
		assert_int_equal(run_change(prog[TTL], &p, &out), XDP_DROP);
	assert_int_equal(answered(0), 20);
	assert_int_equal(answered(99999999), 0);
	assert_int_equal(answered(1), 1);
	assert_int_equal(answered(250000000), 2);
	assert_int_equal(answered(3600000000000), 20);
	cfg.answer_rate = 0;
	apply(&cfg);
	assert_int_equal(answered(3600000000000), 0);
}

static void no_answer_without_an_address(void **state)
{
	struct esc_split_cfg cfg = settings();
	struct pkt p, out;

	(void)state;
	memset(cfg.red4, 0, sizeof(cfg.red4));
	apply(&cfg);
	udp4(&p);
	assert_int_equal(run_change(prog[TTL], &p, &out), XDP_DROP);
	udp6(&p);
	assert_int_equal(run_change(prog[TTL], &p, &out), XDP_TX);
	cfg = settings();
	memset(cfg.red6, 0, sizeof(cfg.red6));
	apply(&cfg);
	assert_int_equal(run_change(prog[TTL], &p, &out), XDP_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bytes_of_an_answer, set_up),
		cmocka_unit_test_setup(every_answer, set_up),
		cmocka_unit_test_setup(every_answer_to_every_length, set_up),
		cmocka_unit_test_setup(who_is_answered, set_up),
		cmocka_unit_test_setup(nothing_cut_short_is_answered, set_up),
		cmocka_unit_test_setup(random_frames, set_up),
		cmocka_unit_test_setup(no_more_than_the_budget, set_up),
		cmocka_unit_test_setup(no_answer_without_an_address, set_up),
	};
	int failed;

	libbpf_set_print(quiet);
	skel = answer_bpf__open_and_load();
	if (!skel)
		return cannot_run("cannot load the program", errno);
	prog[TTL] = bpf_program__fd(skel->progs.ttl);
	prog[TOO_BIG] = bpf_program__fd(skel->progs.too_big);
	prog[DENIED] = bpf_program__fd(skel->progs.denied);
	prog[NO_ROUTE] = bpf_program__fd(skel->progs.no_route);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	answer_bpf__destroy(skel);
	return failed;
}
