/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enter.c: the second firewall, reason by reason, with every byte of what enters the LAN; what the
 * LAN begins goes through the red program's part of the same tables.
 */
#include <time.h>

#include "split_node.h"
#include "test/enter.skel.h"

#define NAME(id, kind, text) #id,
static const char *const names[] = {ESC_RED_OUT_REASONS(NAME)};

static struct run run = {.name = "enter", .reasons = ESC_RED_OUT_COUNT, .reason_name = names};
static struct enter_bpf *skel;
static struct esc_split_cfg cfg;

#define DROPPED(why, what) run_same(&run, &p, XDP_DROP, ESC_RED_OUT_##why, what)

/* A LAN where nobody began anything. */
static int set_up(void **state)
{
	const struct esc_policy policy = split_policy();
	uint32_t slot = 0;
	struct esc_addr_key own;
	uint8_t one = 1;

	(void)state;
	run.prog = bpf_program__fd(skel->progs.enter);
	run.stats = bpf_map__fd(skel->maps.red_out_stats);
	empty_map(skel->maps.red_flow);
	empty_map(skel->maps.red_frag);
	cfg = split_settings();
	put_settings(skel->maps.red_split, &cfg);
	put_map(skel->maps.red_policy, &slot, &policy);
	put_prefix(skel->maps.secure, "10.2.0.0", 24);
	put_prefix(skel->maps.secure, "2001:db8:2::", 64);
	put_route(skel->maps.red_route, "10.1.0.0", 24, NULL);
	put_route(skel->maps.red_route, "10.9.0.0", 16, LAN4_B);
	put_route(skel->maps.red_route, "2001:db8:1::", 64, NULL);
	put_route(skel->maps.red_route, "fd00:1::", 64, NULL);
	put_neigh(skel->maps.red_neigh, LAN4, MAC_LAN);
	put_neigh(skel->maps.red_neigh, LAN6, MAC_LAN);
	map_key(RED4, own.addr);
	put_map(skel->maps.red_addr, &own, &one);
	map_key(RED6, own.addr);
	put_map(skel->maps.red_addr, &own, &one);
	return 0;
}

static void let_in(const struct pkt *in, struct pkt *out, const char *what)
{
	run_to(&run, in, out, XDP_PASS, ESC_RED_OUT_let_in, what);
}

/* The LAN sends it: this is its flow from now on. */
static void lan_sends(const struct pkt *p)
{
	static struct pkt out;

	assert_int_equal(run_change(bpf_program__fd(skel->progs.outbound), p, &out),
			 ESC_RED_to_black);
}

/* What came in, between the MAC addresses of the LAN; TTL and all else are as they were. */
static void assert_delivered(const struct pkt *out, const struct pkt *in)
{
	struct pkt want = *in;

	memcpy(want.data, MAC_LAN MAC_NODE, 12);
	assert_same_frame(out, &want);
}

/* --- flows ------------------------------------------------------------------------------------ */

static void replies_follow_their_flow(void **state)
{
	struct pkt ask, p, out;

	(void)state;
	pkt_sent_udp(&p, WEB4, 443, LAN4, 5000, 100);
	DROPPED(no_flow, "nobody asked");
	pkt_sent_udp(&ask, LAN4, 5000, WEB4, 443, 100);
	lan_sends(&ask);
	let_in(&p, &out, "UDP");
	assert_delivered(&out, &p);

	pkt_tcp(&ask, LAN4, 5000, WEB4, 443, TCP_SYN);
	lan_sends(&ask);
	pkt_tcp(&p, WEB4, 443, LAN4, 5000, TCP_SYN | TCP_ACK);
	let_in(&p, &out, "TCP");
	assert_delivered(&out, &p);

	pkt_ping(&ask, LAN4, WEB4, false);
	lan_sends(&ask);
	pkt_ping(&p, WEB4, LAN4, true);
	let_in(&p, &out, "echo");
	assert_delivered(&out, &p);

	pkt_sent_udp(&ask, LAN6, 5000, WEB6, 443, 100);
	lan_sends(&ask);
	pkt_sent_udp(&p, WEB6, 443, LAN6, 5000, 100);
	let_in(&p, &out, "UDP over IPv6");
	assert_delivered(&out, &p);
	run_settle(&run, true, "replies");
}

/* Each part of the key counts. */
static void strangers_do_not_follow(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t from, to;
	} wrong[] = {{"198.51.100.8", LAN4, 443, 5000},
		     {WEB4, LAN4_B, 443, 5000},
		     {WEB4, LAN4, 444, 5000},
		     {WEB4, LAN4, 443, 5001}};
	struct pkt ask, p;

	(void)state;
	pkt_sent_udp(&ask, LAN4, 5000, WEB4, 443, 100);
	lan_sends(&ask);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pkt_sent_udp(&p, wrong[i].src, wrong[i].from, wrong[i].dst, wrong[i].to, 100);
		DROPPED(no_flow, "UDP");
	}
	pkt_tcp(&p, WEB4, 443, LAN4, 5000, TCP_ACK);
	DROPPED(no_flow, "another protocol");
	pkt_ping(&p, WEB4, LAN4, false);
	DROPPED(no_flow, "echo");
	run_settle(&run, true, "strangers");
}

static void flows_end(void **state)
{
	struct esc_conn_key key = {.lan_port = htons(5000), .remote_port = htons(443), .proto = 17};
	struct esc_flow flow;
	struct pkt ask, p, out;

	(void)state;
	map_key(LAN4, key.lan);
	map_key(WEB4, key.remote);
	pkt_sent_udp(&ask, LAN4, 5000, WEB4, 443, 100);
	pkt_sent_udp(&p, WEB4, 443, LAN4, 5000, 100);
	lan_sends(&ask);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.red_flow), &key, &flow), 0);
	assert_true(flow.expires > monotonic_ns() + 290 * 1000000000ull);
	assert_true(flow.expires <= monotonic_ns() + 300 * 1000000000ull);
	flow.expires = monotonic_ns() + 50 * 1000000000ull;
	put_map(skel->maps.red_flow, &key, &flow);
	let_in(&p, &out, "fifty seconds left");
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.red_flow), &key, &flow), 0);
	assert_true(flow.expires < monotonic_ns() + 51 * 1000000000ull); /* RFC 4787, REQ-6 */
	lan_sends(&ask);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.red_flow), &key, &flow), 0);
	assert_true(flow.expires > monotonic_ns() + 290 * 1000000000ull);
	flow.expires = monotonic_ns() - COARSE_NS;
	put_map(skel->maps.red_flow, &key, &flow);
	DROPPED(no_flow, "expired");
	run_settle(&run, true, "time");
}

static void openings_let_in(void **state)
{
	struct pkt p, out, answer;

	(void)state;
	for (uint16_t port = 8999; port <= 9002; port++) {
		pkt_sent_udp(&p, WEB4, 443, LAN4, port, 100);
		if (port == 9000 || port == 9001)
			let_in(&p, &out, "UDP");
		else
			DROPPED(no_flow, "beside the opening");
	}
	pkt_sent_udp(&p, WEB4, 443, LAN4, 8000, 100);
	DROPPED(no_flow, "the port outside");
	pkt_sent_udp(&p, WEB4, 443, LAN4_B, 9000, 100);
	DROPPED(no_flow, "another host");
	pkt_tcp(&p, WEB6, 5000, LAN6, 443, TCP_SYN);
	let_in(&p, &out, "TCP over IPv6");
	pkt_ping(&p, WEB6, LAN6, true);
	DROPPED(no_flow, "an echo reply opens nothing");
	pkt_ping(&p, WEB6, LAN6, false);
	let_in(&p, &out, "echo");
	pkt_ping(&answer, LAN6, WEB6, true);
	lan_sends(&answer);
	pkt_sent_udp(&answer, LAN4, 9000, WEB4, 443, 100);
	lan_sends(&answer);
	run_settle(&run, true, "openings");
}

static void fragments_follow_their_first_one(void **state)
{
	struct pkt ask, p, out;

	(void)state;
	pkt_sent_udp(&ask, LAN4, 5000, WEB4, 4000, 10);
	lan_sends(&ask);
	pkt_fragment(&p, WEB4, LAN4, 7, 80, false);
	DROPPED(fragment_lost, "the first one was never seen");
	pkt_fragment(&p, WEB4, LAN4, 7, 0, true);
	let_in(&p, &out, "first fragment");
	pkt_fragment(&p, WEB4, LAN4, 7, 80, false);
	let_in(&p, &out, "last fragment");
	assert_delivered(&out, &p);
	pkt_fragment(&p, WEB4, LAN4, 8, 80, false);
	DROPPED(fragment_lost, "of another packet");
	run_settle(&run, true, "fragments");
}

static void errors_about_flows(void **state)
{
	struct pkt ask, about, p, out;

	(void)state;
	pkt_sent_udp(&ask, LAN4, 5000, WEB4, 443, 30);
	pkt_unreachable(&p, "203.0.113.9", LAN4, &ask);
	DROPPED(icmp_error, "nobody sent that");
	lan_sends(&ask);
	let_in(&p, &out, "from a router on the way");
	assert_delivered(&out, &p);
	pkt_unreachable(&p, "203.0.113.9", LAN4_B, &ask);
	DROPPED(icmp_error, "to another host");
	pkt_sent_udp(&about, LAN4, 5001, WEB4, 443, 30);
	pkt_unreachable(&p, "203.0.113.9", LAN4, &about);
	DROPPED(icmp_error, "another port");
	pkt_sent_udp(&about, WEB4, 443, LAN4, 5000, 30);
	pkt_unreachable(&p, "203.0.113.9", LAN4, &about);
	DROPPED(icmp_error, "about what the LAN received");
	pkt_unreachable(&p, "203.0.113.9", LAN4, &ask);
	p.data[AT_L4_4 + 30] ^= 1;
	DROPPED(icmp_error, "checksum");
	pkt_sent_udp(&ask, LAN6, 5000, WEB6, 443, 30);
	lan_sends(&ask);
	pkt_unreachable(&p, "2001:db8:7::1", LAN6, &ask);
	let_in(&p, &out, "IPv6");
	pkt_ping(&ask, LAN6, WEB6, false);
	lan_sends(&ask);
	pkt_unreachable(&p, "2001:db8:7::1", LAN6, &ask);
	let_in(&p, &out, "about echo");
	run_settle(&run, true, "errors");
}

/* --- what never enters ------------------------------------------------------------------------ */

static const struct {
	const char *src, *dst;
	enum esc_red_out_reason reason;
} addresses[] = {
	{LAN4_B, LAN4, ESC_RED_OUT_source},
	{RED4, LAN4, ESC_RED_OUT_source},
	{"10.9.1.1", LAN4, ESC_RED_OUT_source},
	{SECURE4, LAN4, ESC_RED_OUT_source},
	{"127.0.0.1", LAN4, ESC_RED_OUT_source},
	{"0.0.0.0", LAN4, ESC_RED_OUT_source},
	{"224.0.0.1", LAN4, ESC_RED_OUT_source},
	{"169.254.1.1", LAN4, ESC_RED_OUT_source},
	{SECURE6, LAN6, ESC_RED_OUT_source},
	{"2001:db8:1::9", LAN6, ESC_RED_OUT_source},
	{"fe80::1", LAN6, ESC_RED_OUT_source},
	{"fd00:9::1", LAN6, ESC_RED_OUT_source},
	{"ff02::1", LAN6, ESC_RED_OUT_source},
	{WEB4, RED4, ESC_RED_OUT_destination},
	{WEB4, OWN4, ESC_RED_OUT_destination},
	{WEB4, SECURE4, ESC_RED_OUT_destination},
	{WEB4, "255.255.255.255", ESC_RED_OUT_destination},
	{WEB4, "127.0.0.1", ESC_RED_OUT_destination},
	{WEB6, RED6, ESC_RED_OUT_destination},
	{WEB6, SECURE6, ESC_RED_OUT_destination},
	{WEB6, "fe80::5", ESC_RED_OUT_destination},
	{WEB6, "ff02::1", ESC_RED_OUT_destination},
};

/* Though everything is open. */
static void addresses_that_cannot_be(void **state)
{
	struct esc_policy open = {.openings = 2,
				  .opening = {{.proto = 17, .port_last = 65535, .to_len = 96},
					      {.proto = 17, .port_last = 65535}}};
	uint32_t slot = 0;
	struct pkt p;

	(void)state;
	map_key("0.0.0.0", open.opening[0].to);
	put_map(skel->maps.red_policy, &slot, &open);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		pkt_sent_udp(&p, addresses[i].src, 443, addresses[i].dst, 9000, 100);
		run_same(&run, &p, XDP_DROP, addresses[i].reason, addresses[i].src);
	}
	run_settle(&run, true, "addresses");
}

static void nothing_enters_while_off(void **state)
{
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, WEB4, 443, LAN4, 9000, 100);
	cfg.on = 0;
	put_settings(skel->maps.red_split, &cfg);
	DROPPED(off, "off");
	cfg.on = 1;
	cfg.abi_version++;
	put_settings(skel->maps.red_split, &cfg);
	DROPPED(off, "another ABI");
	run_settle(&run, true, "off");
}

static void malformed_frames(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t len = 14; len < AT_L4_4; len++) {
		pkt_sent_udp(&p, WEB4, 443, LAN4, 9000, 100);
		p.len = len;
		DROPPED(short_frame, "cut");
	}
	pkt_arp(&p, 1, WEB4, LAN4);
	DROPPED(ethertype, "ARP");
	pkt_sent_udp(&p, WEB4, 443, LAN4, 9000, 100);
	p.data[AT_IP4] = 0x46;
	DROPPED(ip_header, "options");
	pkt_sent_udp(&p, WEB4, 443, LAN4, 9000, 100);
	put16(p.data + AT_UDP_LEN_4, 107);
	DROPPED(transport, "UDP length");
	pkt_ip(&p, WEB4, LAN4, 47, 0);
	DROPPED(protocol, "GRE");
	run_settle(&run, true, "malformed");
}

static void hosts_that_are_not_known(void **state)
{
	struct pkt ask, p, out;

	(void)state;
	wants_read(skel->maps.red_wants);
	pkt_sent_udp(&ask, "10.9.1.1", 5000, WEB4, 443, 100);
	lan_sends(&ask);
	pkt_sent_udp(&p, WEB4, 443, "10.9.1.1", 5000, 100);
	for (int i = 0; i < 3; i++)
		DROPPED(no_neighbour, "behind a router of the LAN");
	assert_wanted(skel->maps.red_wants, 1, LAN4_B);
	put_neigh(skel->maps.red_neigh, LAN4_B, MAC_LAN);
	let_in(&p, &out, "behind a router of the LAN");
	assert_delivered(&out, &p);
	/* Who is not let in makes nobody ask. */
	pkt_sent_udp(&p, WEB4, 443, "10.1.0.77", 9000, 100);
	DROPPED(no_flow, "a scan");
	assert_wanted(skel->maps.red_wants, 0, NULL);
	run_settle(&run, true, "neighbours");
}

static void every_reason_has_a_row(void **state)
{
	(void)state;
	run_assert_all_seen(&run);
}

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(replies_follow_their_flow),
		FRESH(strangers_do_not_follow),
		FRESH(flows_end),
		FRESH(openings_let_in),
		FRESH(fragments_follow_their_first_one),
		FRESH(errors_about_flows),
		FRESH(addresses_that_cannot_be),
		FRESH(nothing_enters_while_off),
		FRESH(malformed_frames),
		FRESH(hosts_that_are_not_known),
		FRESH(every_reason_has_a_row),
	};
	int failed;

	libbpf_set_print(quiet);
	skel = enter_bpf__open_and_load();
	if (!skel)
		return cannot_run("cannot load the program", errno);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	enter_bpf__destroy(skel);
	return failed;
}
