/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red.c: verdict and counter of the red XDP program, row by row; the rows cover every reason.
 */
#include "red_node.h"

struct row {
	const char *name;
	pkt_builder build;
	int verdict;
	enum esc_red_reason reason;
	struct patch patch[PATCHES_MAX];
};

/* clang-format off */
#define SECURE(...)	  XDP_REDIRECT, ESC_RED_to_red, {__VA_ARGS__}
#define KERNEL(why, ...)  XDP_PASS, ESC_RED_##why, {__VA_ARGS__}
#define DROPPED(why, ...) XDP_DROP, ESC_RED_##why, {__VA_ARGS__}

static const struct row rows[] = {
	{"to a secure site", site4, SECURE()},
	{"to a secure site, IPv6", site6, SECURE()},
	{"echo to a secure site", site_echo4, SECURE()},
	{"no payload", bare_ip6, SECURE()},
	{"first fragment", site4, SECURE({AT_IP4_FRAG, 2, "\x20\x00"})},
	{"last fragment", site4, SECURE({AT_IP4_FRAG, 2, "\x00\x10"})},
	{"IPv4 options", site4, SECURE({AT_IP4, 1, "\x4f"})},
	{"IPv4 checksum is the hosts' business", site4, SECURE({AT_IP4_SUM, 2, "\xab\xcd"})},
	{"IPv4 any protocol", site4, SECURE({AT_IP4_PROTO, 1, "\xfd"})},
	{"IPv6 fragment", site6, SECURE({AT_IP6_NEXT, 1, "\x2c"})},
	{"IPv6 hop-by-hop", site6, SECURE({AT_IP6_NEXT, 1, "\x00"})},
	{"ND type between hosts", ns_to_site, SECURE()},
	{"last address of the prefix", site4, SECURE({AT_IP4_DST + 3, 1, "\xff"})},
	{"time to live 1 is the red process's", site4, SECURE({AT_IP4 + 8, 1, "\x01"})},

	{"ARP request", arp_request, KERNEL(arp)},
	{"ARP reply", arp_reply, KERNEL(arp)},
	{"ARP announcement", arp_announcement, KERNEL(arp)},
	{"ARP for another", arp_request, KERNEL(arp, {AT_ARP_TARGET + 3, 1, "\x09"})},
	{"ARP hardware type", arp_request, DROPPED(arp_bad, {AT_ARP_HW, 2, "\x00\x06"})},
	{"ARP operation", arp_request, DROPPED(arp_bad, {AT_ARP_OP, 2, "\x00\x03"})},
	{"ARP sender is a group", arp_request, DROPPED(arp_bad, {AT_ARP_SENDER_MAC, 1, "\x03"})},
	{"ARP to another MAC", arp_reply, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"ARP to a group", arp_reply, DROPPED(multicast, {AT_DST_MAC, 6, MAC_IP4_GROUP})},

	{"solicitation to the group", ns_multicast, KERNEL(nd)},
	{"solicitation to the address", ns_unicast, KERNEL(nd)},
	{"probe for a duplicate", ns_probe, KERNEL(nd)},
	{"unsolicited advertisement", na_all_nodes, KERNEL(nd)},
	{"router solicitation", rs_multicast, KERNEL(nd)},
	{"router solicitation to us", rs_unicast, KERNEL(nd)},
	{"router advertisement", ra_multicast, DROPPED(nd_bad)},
	{"redirect", redirect, DROPPED(nd_bad)},
	{"advertisement without source", na_no_source, DROPPED(nd_bad)},
	{"router solicitation from afar", rs_multicast, DROPPED(nd_bad, {AT_IP6_HOPS, 1, "\x40"})},
	{"ND from afar", ns_multicast, DROPPED(nd_bad, {AT_IP6_HOPS, 1, "\xfe"})},
	{"ND code", ns_multicast, DROPPED(nd_bad, {AT_L4_6 + 1, 1, "\x01"})},
	{"ND shorter than its target", ns_multicast, DROPPED(nd_bad, {AT_IP6_LEN, 2, "\x00\x17"})},
	{"ICMPv6 shorter than its header", ns_multicast,
	 DROPPED(multicast, {AT_IP6_LEN, 2, "\x00\x07"})},
	{"solicitation for a group", ns_multicast, DROPPED(nd_bad, {AT_ND_TARGET, 1, "\xff"})},
	{"ND from a group", ns_multicast, DROPPED(nd_bad, {AT_IP6_SRC, 1, "\xff"})},
	{"ND by broadcast", ns_multicast, DROPPED(multicast, {AT_DST_MAC, 6, MAC_BROADCAST})},
	{"ND to another MAC", ns_unicast, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"ND to us in a group's frame", ns_unicast, DROPPED(multicast, {AT_DST_MAC, 2, "\x33\x33"})},

	{"echo", echo4, KERNEL(echo)},
	{"echo, IPv6", echo6, KERNEL(echo)},
	{"echo, link-local", echo_link_local, KERNEL(echo)},
	{"echo in fragments", echo4, DROPPED(own_addr, {AT_IP4_FRAG, 2, "\x20\x00"})},
	{"echo with options", echo4, DROPPED(own_addr, {AT_IP4, 1, "\x46"})},
	{"echo with a code", echo4, DROPPED(own_addr, {AT_L4_4 + 1, 1, "\x01"})},
	{"echo reply", echo4, DROPPED(own_addr, {AT_L4_4, 1, "\x00"})},
	{"ICMP redirect", echo4, DROPPED(own_addr, {AT_L4_4, 1, "\x05"})},
	{"half an echo", echo4, DROPPED(own_addr, {AT_IP4_LEN, 2, "\x00\x1b"})},
	{"ICMPv6 in IPv4", echo4, DROPPED(own_addr, {AT_IP4_PROTO, 1, "\x3a"})},
	{"echo with a code, IPv6", echo6, DROPPED(own_addr, {AT_L4_6 + 1, 1, "\x01"})},
	{"echo behind an extension header", echo6, DROPPED(own_addr, {AT_IP6_NEXT, 1, "\x3c"})},
	{"half an echo, IPv6", echo6, DROPPED(own_addr, {AT_IP6_LEN, 2, "\x00\x07"})},
	{"packet too big, IPv6", echo6, DROPPED(own_addr, {AT_L4_6, 1, "\x02"})},
	{"service on the node", own_udp4, DROPPED(own_addr)},
	{"service on the node, IPv6", own_udp6, DROPPED(own_addr)},

	{"VLAN", site4, DROPPED(ethertype, {AT_TYPE, 2, "\x81\x00"})},
	{"spanning tree", site4, DROPPED(ethertype, {AT_TYPE, 2, "\x00\x26"})},
	{"another MAC", site4, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"another MAC, IPv6", site6, DROPPED(not_for_us_l2, {AT_DST_MAC, 6, MAC_OTHER})},
	{"IPv4 by broadcast", site4, DROPPED(multicast, {AT_DST_MAC, 6, MAC_BROADCAST})},
	{"IPv6 by broadcast", site6, DROPPED(multicast, {AT_DST_MAC, 6, MAC_BROADCAST})},
	{"IPv6 unicast by multicast", site6, DROPPED(multicast, {AT_DST_MAC, 2, "\x33\x33"})},
	{"multicast DNS", mdns4, DROPPED(multicast)},
	{"multicast DNS, IPv6", mdns6, DROPPED(multicast)},
	{"multicast in a unicast frame", mdns4, DROPPED(multicast, {AT_DST_MAC, 6, MAC_NODE})},
	{"limited broadcast", site4, DROPPED(multicast, {AT_IP4_DST, 4, "\xff\xff\xff\xff"})},
	{"echo to all nodes", echo_all_nodes, DROPPED(multicast)},
	{"MLD report", mld_report, DROPPED(multicast)},

	{"IPv4 version", site4, DROPPED(ip_header, {AT_IP4, 1, "\x65"})},
	{"IPv4 header of 16 bytes", site4, DROPPED(ip_header, {AT_IP4, 1, "\x44"})},
	{"IPv6 version", site6, DROPPED(ip_header, {AT_IP6, 1, "\x40"})},
	{"IPv4 total beyond the frame", site4, DROPPED(ip_length, {AT_IP4_LEN, 2, "\x00\x81"})},
	{"IPv4 total below the header", site4, DROPPED(ip_length, {AT_IP4_LEN, 2, "\x00\x13"})},
	{"IPv4 total below its options", site4,
	 DROPPED(ip_length, {AT_IP4, 1, "\x46"}, {AT_IP4_LEN, 2, "\x00\x17"})},
	{"IPv6 payload beyond the frame", site6, DROPPED(ip_length, {AT_IP6_LEN, 2, "\x00\x6d"})},

	{"from the node's address", site4, DROPPED(source, {AT_IP4_SRC + 3, 1, "\x01"})},
	{"from 0.0.0.0", site4, DROPPED(source, {AT_IP4_SRC, 4, "\0\0\0\0"})},
	{"from loopback", site4, DROPPED(source, {AT_IP4_SRC, 1, "\x7f"})},
	{"from multicast", site4, DROPPED(source, {AT_IP4_SRC, 1, "\xe0"})},
	{"from link-local", from_link_local4, DROPPED(source)},
	{"from the node's address, IPv6", site6, DROPPED(source, {AT_IP6_SRC + 15, 1, "\x01"})},
	{"from ::", site6, DROPPED(source, {AT_IP6_SRC, 16, ""})},
	{"from multicast, IPv6", site6, DROPPED(source, {AT_IP6_SRC, 1, "\xff"})},
	{"from link-local, IPv6", from_link_local6, DROPPED(source)},
	{"from a mapped address", mapped_source, DROPPED(source)},

	{"elsewhere", open4, DROPPED(not_secure)},
	{"elsewhere, IPv6", open6, DROPPED(not_secure)},
	{"next prefix", site4, DROPPED(not_secure, {AT_IP4_DST + 2, 1, "\x01"})},
	{"link-local neighbour", link_local4, DROPPED(not_secure)},
	{"link-local neighbour, IPv6", link_local6, DROPPED(not_secure)},
	{"loopback", loopback4, DROPPED(not_secure)},
	{"loopback, IPv6", loopback6, DROPPED(not_secure)},
	{"a secure IPv4 address, mapped", mapped_site, DROPPED(not_secure)},
	{"the node's IPv4 address, mapped", mapped_own, DROPPED(not_secure)},
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
	int cfg = bpf_map__fd(skel->maps.red_cfg);
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < PASSING; i++) {
		passing[i](&p);
		fill_cfg(cfg, false, 0, ESC_ABI_VERSION);
		run_expect(&run, &p, XDP_DROP, ESC_RED_off, "off");
		fill_cfg(cfg, true, 0, ESC_ABI_VERSION + 1);
		run_expect(&run, &p, XDP_DROP, ESC_RED_off, "another ABI");
	}
	run.seen |= 1ull << ESC_RED_off;
	fill_cfg(cfg, true, 0, ESC_ABI_VERSION);
	run_settle(&run, true, "off");
}

static void no_socket_no_packet(void **state)
{
	int xsks = bpf_map__fd(skel->maps.red_xsks);
	struct pkt p;

	(void)state;
	fill_xsk(xsks, 0, -1);
	fill_xsk(xsks, 1, socket_fd); /* another queue's socket is none */
	site4(&p);
	run_expect(&run, &p, XDP_DROP, ESC_RED_no_socket, "no socket");
	echo4(&p);
	run_expect(&run, &p, XDP_PASS, ESC_RED_echo, "the kernel needs no socket");
	run.seen |= 1ull << ESC_RED_no_socket;
	fill_xsk(xsks, 1, -1);
	fill_xsk(xsks, 0, socket_fd);
	site4(&p);
	run_expect(&run, &p, XDP_REDIRECT, ESC_RED_to_red, "socket");
	run_settle(&run, true, "socket");
}

/* The test run itself starts at an Ethernet header; a shorter frame cannot be had. */
static void cut_headers_are_short(void **state)
{
	struct pkt p;
	uint32_t whole;

	(void)state;
	site4(&p);
	for (whole = p.len, p.len = 14; p.len < whole; p.len++)
		run_expect(&run, &p, XDP_DROP,
			   p.len < AT_L4_4 ? ESC_RED_short_frame : ESC_RED_ip_length, "cut IPv4");
	site6(&p);
	for (whole = p.len, p.len = 14; p.len < whole; p.len++)
		run_expect(&run, &p, XDP_DROP,
			   p.len < AT_L4_6 ? ESC_RED_short_frame : ESC_RED_ip_length, "cut IPv6");
	arp_request(&p);
	for (whole = p.len, p.len = 14; p.len < whole; p.len++)
		run_expect(&run, &p, XDP_DROP, ESC_RED_short_frame, "cut ARP");
	run.seen |= 1ull << ESC_RED_short_frame;
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
