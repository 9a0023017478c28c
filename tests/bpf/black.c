/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * black.c: verdict and counter of the black XDP program, row by row; the rows cover every reason.
 */
#include <time.h>

#include "black_node.h"

/* --- rows ------------------------------------------------------------------------------------- */

struct row {
	const char *name;
	pkt_builder build;
	int verdict;
	enum esc_black_reason reason;
	struct patch patch[PATCHES_MAX];
};

/* clang-format off */
#define CRYPTO(...)	  XDP_REDIRECT, ESC_BLACK_to_crypto, {__VA_ARGS__}
#define KERNEL(why, ...)  XDP_PASS, ESC_BLACK_##why, {__VA_ARGS__}
#define DROPPED(why, ...) XDP_DROP, ESC_BLACK_##why, {__VA_ARGS__}

static const struct row rows[] = {
	{"initiation", initiation4, CRYPTO()},
	{"response", response4, CRYPTO()},
	{"cookie reply", cookie4, CRYPTO()},
	{"data", data4, CRYPTO()},
	{"data of the largest packet", big4, CRYPTO()},
	{"keepalive", keepalive4, CRYPTO()},
	{"initiation over IPv6", initiation6, CRYPTO()},
	{"data over IPv6", data6, CRYPTO()},
	{"data between link-local addresses", data_link_local, CRYPTO()},
	{"do not fragment is no fragment", data4, CRYPTO({AT_IP4_FRAG, 2, "\x40\x00"})},
	{"any DSCP and ECN", data4, CRYPTO({AT_IP4 + 1, 1, "\xff"})},
	{"any traffic class and flow label", data6, CRYPTO({AT_IP6, 4, "\x6f\xff\xff\xff"})},

	{"ARP request", arp_request, KERNEL(arp)},
	{"ARP reply", arp_reply, KERNEL(arp)},
	{"ARP probe for an own address", arp_probe, KERNEL(arp)},
	{"ARP request to the own MAC", arp_request, KERNEL(arp, {AT_DST_MAC, 6, MAC_NODE})},
	{"ARP announcement of another", arp_announcement, DROPPED(arp_bad)},
	{"ARP for another", arp_request, DROPPED(arp_bad, {AT_ARP_TARGET + 3, 1, "\x09"})},
	{"ARP hardware type", arp_request, DROPPED(arp_bad, {AT_ARP_HW, 2, "\x00\x06"})},
	{"ARP protocol type", arp_request, DROPPED(arp_bad, {AT_ARP_PROTO, 2, "\x86\xdd"})},
	{"ARP hardware length", arp_request, DROPPED(arp_bad, {AT_ARP_HW_LEN, 1, "\x08"})},
	{"ARP protocol length", arp_request, DROPPED(arp_bad, {AT_ARP_PROTO_LEN, 1, "\x10"})},
	{"ARP operation 0", arp_request, DROPPED(arp_bad, {AT_ARP_OP, 2, "\x00\x00"})},
	{"reverse ARP", arp_request, DROPPED(arp_bad, {AT_ARP_OP, 2, "\x00\x03"})},
	{"ARP sender is a group", arp_request, DROPPED(arp_bad, {AT_ARP_SENDER_MAC, 1, "\x03"})},
	{"ARP sender is multicast", arp_request, DROPPED(arp_bad, {AT_ARP_SENDER, 1, "\xe0"})},
	{"ARP sender is loopback", arp_request, DROPPED(arp_bad, {AT_ARP_SENDER, 1, "\x7f"})},
	{"ARP to another MAC", arp_request, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"ARP to a group", arp_request, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_IP4_GROUP})},

	{"solicitation to the group", ns_multicast, KERNEL(nd)},
	{"solicitation to the address", ns_unicast, KERNEL(nd)},
	{"probe for a duplicate", ns_probe, KERNEL(nd)},
	{"advertisement to us", na_unicast, KERNEL(nd)},
	{"somebody has our address", na_all_nodes, KERNEL(nd)},
	{"unsolicited advertisement", na_unsolicited, DROPPED(nd_bad)},
	{"solicitation for another", ns_unicast, DROPPED(nd_bad, {AT_ND_TARGET + 15, 1, "\x09"})},
	{"solicitation, wrong group", ns_multicast, DROPPED(nd_bad, {AT_IP6_DST + 15, 1, "\x09"})},
	{"solicitation to all nodes", ns_multicast,
	 DROPPED(nd_bad, {AT_IP6_DST, 16, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1"})},
	{"solicitation for a group", ns_multicast, DROPPED(nd_bad, {AT_ND_TARGET, 1, "\xff"})},
	{"solicitation for a mapped address", ns_mapped, DROPPED(nd_bad)},
	{"probe to the address", ns_probe_unicast, DROPPED(nd_bad)},
	{"advertisement without source", na_no_source, DROPPED(nd_bad)},
	{"ND from a group", ns_unicast, DROPPED(nd_bad, {AT_IP6_SRC, 1, "\xff"})},
	{"ND from beyond the link", ns_unicast, DROPPED(nd_bad, {AT_IP6_HOPS, 1, "\xfe"})},
	{"ND code", ns_unicast, DROPPED(nd_bad, {AT_L4_6 + 1, 1, "\x01"})},
	{"ND shorter than its target", ns_unicast, DROPPED(nd_bad, {AT_IP6_LEN, 2, "\x00\x17"})},
	{"ICMPv6 shorter than its header", ns_unicast, DROPPED(not_udp, {AT_IP6_LEN, 2, "\x00\x07"})},
	{"ND by broadcast", ns_multicast, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_BROADCAST})},
	{"ND to another MAC", ns_unicast, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"ND address in a group's frame", ns_unicast, DROPPED(nd_bad, {AT_DST_MAC, 2, "\x33\x33"})},
	{"router solicitation", router_solicitation, DROPPED(nd_bad)},
	{"router advertisement", router_advertisement, DROPPED(nd_bad)},
	{"redirect", redirect, DROPPED(nd_bad)},
	{"MLD report", mld_report, DROPPED(not_for_us_l2)},
	{"MLD report to the own MAC", mld_report, DROPPED(not_own_addr, {AT_DST_MAC, 6, MAC_NODE})},
	{"ICMPv6 without a type", echo6, DROPPED(not_udp, {AT_IP6_LEN, 2, "\x00\x00"})},

	{"VLAN", data4, DROPPED(ethertype, {AT_TYPE, 2, "\x81\x00"})},
	{"QinQ", data4, DROPPED(ethertype, {AT_TYPE, 2, "\x88\xa8"})},
	{"MPLS", data4, DROPPED(ethertype, {AT_TYPE, 2, "\x88\x47"})},
	{"802.3 length", data4, DROPPED(ethertype, {AT_TYPE, 2, "\x00\x40"})},
	{"another MAC", data4, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"one bit of the MAC", data4, DROPPED(not_for_us_l2, {AT_DST_MAC + 5, 1, "\x81"})},
	{"IPv4 by broadcast", data4, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_BROADCAST})},
	{"IPv4 by multicast", data4, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_IP4_GROUP})},
	{"IPv6 by broadcast", data6, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_BROADCAST})},
	{"IPv6 by multicast", data6, DROPPED(not_for_us_l2, {AT_DST_MAC, 2, "\x33\x33"})},

	{"IPv4 with version 6", data4, DROPPED(ip_header, {AT_IP4, 1, "\x65"})},
	{"IPv4 with version 0", data4, DROPPED(ip_header, {AT_IP4, 1, "\x05"})},
	{"IPv4 header of 16 bytes", data4, DROPPED(ip_header, {AT_IP4, 1, "\x44"})},
	{"IPv4 header of no bytes", data4, DROPPED(ip_header, {AT_IP4, 1, "\x40"})},
	{"IPv4 checksum", data4, DROPPED(ip_header, {AT_IP4_SUM, 2, "\xab\xcd"})},
	{"IPv4 options", data4, DROPPED(ip_options, {AT_IP4, 1, "\x46"})},
	{"IPv4 longest options", data4, DROPPED(ip_options, {AT_IP4, 1, "\x4f"})},
	{"IPv4 total beyond the frame", data4, DROPPED(ip_length, {AT_IP4_LEN, 2, "\x00\x9d"})},
	{"IPv4 total of 65535", data4, DROPPED(ip_length, {AT_IP4_LEN, 2, "\xff\xff"})},
	{"IPv4 total below the header", data4, DROPPED(ip_length, {AT_IP4_LEN, 2, "\x00\x13"})},
	{"IPv4 total of 0", data4, DROPPED(ip_length, {AT_IP4_LEN, 2, "\x00\x00"})},
	{"first fragment", data4, DROPPED(fragment, {AT_IP4_FRAG, 2, "\x20\x00"})},
	{"middle fragment", data4, DROPPED(fragment, {AT_IP4_FRAG, 2, "\x20\x10"})},
	{"last fragment", data4, DROPPED(fragment, {AT_IP4_FRAG, 2, "\x00\x01"})},
	{"last offset", data4, DROPPED(fragment, {AT_IP4_FRAG, 2, "\x1f\xff"})},

	{"IPv6 with version 4", data6, DROPPED(ip_header, {AT_IP6, 1, "\x40"})},
	{"IPv6 payload beyond the frame", data6, DROPPED(ip_length, {AT_IP6_LEN, 2, "\x00\x89"})},
	{"IPv6 hop-by-hop", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x00"})},
	{"IPv6 routing header", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x2b"})},
	{"IPv6 destination options", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x3c"})},
	{"IPv6 authentication header", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x33"})},
	{"IPv6 mobility", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x87"})},
	{"IPv6 HIP", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x8b"})},
	{"IPv6 Shim6", data6, DROPPED(ip_options, {AT_IP6_NEXT, 1, "\x8c"})},
	{"IPv6 fragment", data6, DROPPED(fragment, {AT_IP6_NEXT, 1, "\x2c"})},
	{"IPv6 no next header", data6, DROPPED(not_udp, {AT_IP6_NEXT, 1, "\x3b"})},
	{"IPv6 TCP", data6, DROPPED(not_udp, {AT_IP6_NEXT, 1, "\x06"})},

	{"another IPv4 address", data4, DROPPED(not_own_addr, {AT_IP4_DST + 3, 1, "\x09"})},
	{"IPv4 broadcast address", data4, DROPPED(not_own_addr, {AT_IP4_DST, 4, "\xff\xff\xff\xff"})},
	{"another IPv6 address", data6, DROPPED(not_own_addr, {AT_IP6_DST + 15, 1, "\x09"})},
	{"IPv6 all nodes", data6,
	 DROPPED(not_own_addr, {AT_IP6_DST, 16, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1"})},
	{"own IPv4 address, mapped", mapped_destination, DROPPED(not_own_addr)},
	{"TCP", data4, DROPPED(not_udp, {AT_IP4_PROTO, 1, "\x06"})},
	{"UDP-Lite", data4, DROPPED(not_udp, {AT_IP4_PROTO, 1, "\x88"})},
	{"IPv4 echo", echo4, DROPPED(not_udp)},
	{"IPv6 echo", echo6, DROPPED(not_udp)},

	{"from the own IPv4 address", data4, DROPPED(source, {AT_IP4_SRC, 4, "\xc0\x00\x02\x01"})},
	{"from 0.0.0.0", data4, DROPPED(source, {AT_IP4_SRC, 4, "\0\0\0\0"})},
	{"from 127.0.0.1", data4, DROPPED(source, {AT_IP4_SRC, 4, "\x7f\0\0\1"})},
	{"from IPv4 multicast", data4, DROPPED(source, {AT_IP4_SRC, 4, "\xe0\0\0\1"})},
	{"from IPv4 broadcast", data4, DROPPED(source, {AT_IP4_SRC, 4, "\xff\xff\xff\xff"})},
	{"from the own IPv6 address", data6, DROPPED(source, {AT_IP6_SRC + 15, 1, "\x01"})},
	{"from ::", data6, DROPPED(source, {AT_IP6_SRC, 16, ""})},
	{"from ::1", data6, DROPPED(source, {AT_IP6_SRC, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"})},
	{"from IPv6 multicast", data6, DROPPED(source, {AT_IP6_SRC, 1, "\xff"})},
	{"from a mapped address", mapped_source, DROPPED(source)},
	{"from port 0", data4, DROPPED(source, {AT_L4_4, 2, "\0\0"})},

	{"another port", dns4, DROPPED(udp_port)},
	{"no UDP header", bare_ip4, DROPPED(udp_length)},
	{"UDP longer than IP", data4, DROPPED(udp_length, {AT_L4_4 + 4, 2, "\x00\x89"})},
	{"UDP shorter than IP", data4, DROPPED(udp_length, {AT_L4_4 + 4, 2, "\x00\x87"})},
	{"UDP length 0", data4, DROPPED(udp_length, {AT_L4_4 + 4, 2, "\x00\x00"})},
	{"UDP shorter than IPv6", data6, DROPPED(udp_length, {AT_L4_6 + 4, 2, "\x00\x87"})},
	{"empty UDP", empty_udp, DROPPED(wg_length)},
	{"type 0", data4, DROPPED(wg_type, {AT_L4_4 + 8, 1, "\x00"})},
	{"type 5", data4, DROPPED(wg_type, {AT_L4_4 + 8, 1, "\x05"})},
	{"first reserved byte", data4, DROPPED(wg_type, {AT_L4_4 + 9, 1, "\x01"})},
	{"second reserved byte", data4, DROPPED(wg_type, {AT_L4_4 + 10, 1, "\x80"})},
	{"third reserved byte", data4, DROPPED(wg_type, {AT_L4_4 + 11, 1, "\xff"})},
	{"type in the last byte", data4, DROPPED(wg_type, {AT_L4_4 + 8, 4, "\0\0\0\4"})},
	{"initiation of another length", data4, DROPPED(wg_length, {AT_L4_4 + 8, 1, "\x01"})},

	{"data for no session", data4, DROPPED(no_session, {AT_L4_4 + 12, 4, "\1\2\3\4"})},
	{"data for index 0", data4, DROPPED(no_session, {AT_L4_4 + 12, 4, "\0\0\0\0"})},
	{"data over IPv6 for no session", data6, DROPPED(no_session, {AT_L4_6 + 15, 1, "\1"})},
	{"cookie reply for no session", cookie4, DROPPED(no_session, {AT_L4_4 + 12, 1, "\2"})},
	{"response for no session", response4, DROPPED(no_session, {AT_L4_4 + 16, 1, "\2"})},
	{"response, mac1", response4, DROPPED(mac1, {AT_L4_4 + 12, 1, "\1"})},
	{"initiation, mac1", initiation4, DROPPED(mac1, {AT_L4_4 + 12, 1, "\1"})},
	{"initiation over IPv6, mac1", initiation6, DROPPED(mac1, {AT_L4_6 + 12, 1, "\1"})},
};
/* clang-format on */

static void rows_end_in_their_reason(void **state)
{
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rows[i].build(&p);
		pkt_patch(&p, rows[i].patch);
		run_expect(&run, &p, rows[i].verdict, rows[i].reason, rows[i].name);
		run.seen |= 1ull << rows[i].reason;
		run_settle(&run, true, rows[i].name);
	}
}

/* What depends on the node and not on the frame. */
static void nothing_passes_until_ready(void **state)
{
	int cfg = bpf_map__fd(skel->maps.black_cfg);
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < PASSING; i++) {
		passing[i](&p);
		fill_cfg(cfg, false, PORT, ESC_ABI_VERSION);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_off, "off");
		fill_cfg(cfg, true, PORT, ESC_ABI_VERSION + 1);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_off, "another ABI");
	}
	run.seen |= 1ull << ESC_BLACK_off;
	fill_cfg(cfg, true, PORT, ESC_ABI_VERSION);
	run_settle(&run, true, "off");
}

/* Limits that nobody wrote are such. */
static void no_limits_no_message(void **state)
{
	static const struct {
		pkt_builder build;
		bool checks, under_load, known; /* checks: there is time for mac1 */
		enum esc_black_reason reason;
	} cases[] = {
		{initiation4, false, false, false, ESC_BLACK_mac_rate},
		{initiation4, false, true, false, ESC_BLACK_mac_rate},
		{initiation4, true, false, false, ESC_BLACK_total_rate},
		{initiation4, true, true, false, ESC_BLACK_mac2},
		{initiation4, false, false, true, ESC_BLACK_source_rate},
		{initiation4, false, true, true, ESC_BLACK_mac2},
		{arp_request, true, false, false, ESC_BLACK_neighbour_rate},
		{ns_unicast, true, false, false, ESC_BLACK_neighbour_rate},
	};
	struct esc_limits none = {0};
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guard_reset(&node);
		none.mac_rate = cases[i].checks ? limits_open().mac_rate : 0;
		none.replay_ms = limits_open().replay_ms;
		guard_limits(&node, &none);
		node.guard->under_load = cases[i].under_load;
		if (cases[i].known)
			guard_know(&node, PEER4);
		cases[i].build(&p);
		run_expect(&run, &p, XDP_DROP, cases[i].reason, "no limits");
		run.seen |= 1ull << cases[i].reason;
	}
	data4(&p);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "sessions need no limits");
	guard_reset(&node);
	initiation4(&p);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "limits");
	none.mac_rate = limits_open().mac_rate;
	none.replay_ms = 0;
	guard_limits(&node, &none);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_replay, "no limits, and it was seen before");
	run.seen |= 1ull << ESC_BLACK_replay;
	guard_reset(&node);
	run_settle(&run, true, "no limits");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* In the time of the kernel's clock; how many, guard_budget.c counts by a clock of its own. */
static void tokens_come_back(void **state)
{
	const uint32_t rate = 50;
	struct esc_limits l = limits_open();
	uint64_t begin = now_ns(), end;
	uint32_t reason;
	struct pkt p;

	(void)state;
	l.total_rate = rate;
	l.total_burst = 1;
	guard_limits(&node, &l);
	initiation4(&p);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "the first");
	do {
		reason = run_reason(&run, &p);
		end = now_ns();
	} while (reason == ESC_BLACK_total_rate && end - begin < 60000000000ull);
	assert_int_equal(reason, ESC_BLACK_to_crypto);
	assert_true(end - begin >= 1000000000 / rate);
	guard_reset(&node);
	run_settle(&run, false, "tokens");
}

static void no_socket_no_packet(void **state)
{
	int xsks = bpf_map__fd(skel->maps.black_xsks);
	struct pkt p;

	(void)state;
	fill_xsk(xsks, 0, -1);
	fill_xsk(xsks, 1, socket_fd); /* another queue's socket is none */
	initiation4(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_socket, "no socket");
	arp_request(&p);
	run_expect(&run, &p, XDP_PASS, ESC_BLACK_arp, "the kernel needs no socket");
	run.seen |= 1ull << ESC_BLACK_no_socket;
	fill_xsk(xsks, 1, -1);
	fill_xsk(xsks, 0, socket_fd);
	initiation4(&p);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "socket");
	run_settle(&run, true, "socket");
}

/* The test run itself starts at an Ethernet header; a shorter frame cannot be had. */
static void cut_headers_are_short(void **state)
{
	struct pkt p;

	(void)state;
	initiation4(&p);
	for (p.len = 14; p.len < AT_L4_4; p.len++)
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_short_frame, "cut in IPv4");
	for (; p.len < AT_L4_4 + 8 + WG_INITIATION_LEN; p.len++)
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_ip_length, "cut behind IPv4");
	initiation6(&p);
	for (p.len = 14; p.len < AT_L4_6; p.len++)
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_short_frame, "cut in IPv6");
	for (; p.len < AT_L4_6 + 8 + WG_INITIATION_LEN; p.len++)
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_ip_length, "cut behind IPv6");
	arp_request(&p);
	for (p.len = 14; p.len < 42; p.len++)
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_short_frame, "cut in ARP");
	run.seen |= 1ull << ESC_BLACK_short_frame;
	run_settle(&run, true, "cut headers");
}

static void every_reason_has_a_row(void **state)
{
	(void)state;
	run.seen |= SPLIT_REASONS;
	run_assert_all_seen(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_end_in_their_reason),
		cmocka_unit_test(nothing_passes_until_ready),
		cmocka_unit_test(no_limits_no_message),
		cmocka_unit_test(tokens_come_back),
		cmocka_unit_test(no_socket_no_packet),
		cmocka_unit_test(cut_headers_are_short),
		cmocka_unit_test(every_reason_has_a_row),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
