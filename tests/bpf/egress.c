/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * egress.c: the guard on the black NIC's egress: the node's kernel may send ARP, neighbour
 * discovery and, where its address comes by DHCP, a client's requests there and not one byte else.
 */
#include <linux/pkt_cls.h>

#include "egress.skel.h"
#include "run.h"

#define NODE4	"192.0.2.1"
#define PEER4	"192.0.2.2"
#define NODE6	"2001:db8::1"
#define PEER6	"2001:db8::2"
#define LL_NODE "fe80::1"
#define LL_PEER "fe80::2"

static const char *const names[] = {"arp", "nd", "dhcp", "dropped"};
_Static_assert(sizeof(names) / sizeof(names[0]) == ESC_EGRESS_COUNT, "a name for each reason");

static struct run run = {.name = "egress", .reasons = ESC_EGRESS_COUNT, .reason_name = names};
static struct egress_bpf *skel;

static void arp_request(struct pkt *p)
{
	pkt_arp(p, 1, NODE4, PEER4);
}

static void arp_probe(struct pkt *p)
{
	pkt_arp(p, 1, "0.0.0.0", NODE4);
}

/* As Linux asks if the first packet for that neighbour has such a source. */
static void arp_of_another(struct pkt *p)
{
	pkt_arp(p, 1, "10.1.0.1", PEER4);
}

static void arp_padded(struct pkt *p)
{
	pkt_arp(p, 2, NODE4, PEER4);
	pkt_add(p, NULL, 18);
}

static void arp_with_payload(struct pkt *p)
{
	pkt_arp(p, 2, NODE4, PEER4);
	pkt_add(p, NULL, 19);
}

static void ns(struct pkt *p)
{
	pkt_nd(p, 135, NODE6, "ff02::1:ff00:2", PEER6);
}

static void ns_probe(struct pkt *p)
{
	pkt_nd(p, 135, "::", "ff02::1:ff00:1", NODE6);
}

static void na(struct pkt *p)
{
	pkt_nd(p, 136, NODE6, PEER6, NODE6);
}

static void na_with_payload(struct pkt *p)
{
	pkt_nd(p, 136, NODE6, PEER6, NODE6);
	pkt_add(p, NULL, 1);
}

static void router_solicitation(struct pkt *p)
{
	pkt_nd(p, 133, NODE6, "ff02::2", "::");
}

static void router_advertisement(struct pkt *p)
{
	pkt_nd(p, 134, NODE6, "ff02::1", "::");
}

static void redirect(struct pkt *p)
{
	pkt_nd(p, 137, NODE6, PEER6, PEER6);
}

static void mld_report(struct pkt *p)
{
	pkt_nd(p, 143, NODE6, "ff02::16", "::");
}

static void udp4(struct pkt *p)
{
	pkt_udp(p, NODE4, PEER4, 53, 100);
}

static void udp6(struct pkt *p)
{
	pkt_udp(p, NODE6, PEER6, 53, 100);
}

static void echo4(struct pkt *p)
{
	pkt_echo(p, NODE4, PEER4, 56);
}

static void echo6(struct pkt *p)
{
	pkt_echo(p, NODE6, PEER6, 56);
}

static void dhcp_discover(struct pkt *p)
{
	pkt_dhcp4(p, 1, "0.0.0.0", "255.255.255.255");
}

static void dhcp_renewal(struct pkt *p)
{
	pkt_dhcp4(p, 1, NODE4, PEER4);
}

static void dhcp_answer(struct pkt *p)
{
	pkt_dhcp4(p, 0, NODE4, PEER4);
}

static void dhcp_with_payload(struct pkt *p)
{
	dhcp_discover(p);
	pkt_add(p, NULL, 1);
}

static void dhcp6_solicit(struct pkt *p)
{
	pkt_dhcp6(p, 1, LL_NODE, "ff02::1:2");
}

static void dhcp6_answer(struct pkt *p)
{
	pkt_dhcp6(p, 0, LL_NODE, LL_PEER);
}

static void dhcp6_global(struct pkt *p)
{
	pkt_dhcp6(p, 1, NODE6, "ff02::1:2");
}

static void dhcp6_elsewhere(struct pkt *p)
{
	pkt_dhcp6(p, 1, LL_NODE, PEER6);
}

static void dhcp6_with_payload(struct pkt *p)
{
	dhcp6_solicit(p);
	pkt_add(p, NULL, 1);
}

static const pkt_builder passing[] = {arp_request, arp_padded,	  ns,		ns_probe,
				      na,	   dhcp_discover, dhcp_renewal, dhcp6_solicit};
#define PASSING (sizeof(passing) / sizeof(passing[0]))

/* clang-format off */
#define SENT(why, ...)	TC_ACT_OK, ESC_EGRESS_##why, {__VA_ARGS__}
#define DROPPED(...)	TC_ACT_SHOT, ESC_EGRESS_dropped, {__VA_ARGS__}

static const struct row {
	const char *name;
	pkt_builder build;
	int verdict;
	enum esc_egress_reason reason;
	struct patch patch[PATCHES_MAX];
} rows[] = {
	{"ARP request", arp_request, SENT(arp)},
	{"ARP reply, padded", arp_padded, SENT(arp)},
	{"solicitation", ns, SENT(nd)},
	{"probe for a duplicate", ns_probe, SENT(nd)},
	{"advertisement", na, SENT(nd)},
	{"ARP probe", arp_probe, SENT(arp)},
	{"ARP in the name of another address", arp_of_another, DROPPED()},
	{"ARP with something behind it", arp_with_payload, DROPPED()},
	{"reverse ARP", arp_request, DROPPED({AT_ARP_OP, 2, "\x00\x03"})},
	{"ARP of another protocol", arp_request, DROPPED({AT_ARP_PROTO, 2, "\x86\xdd"})},
	{"advertisement with something behind it", na_with_payload, DROPPED()},
	{"advertisement longer than it says", na, DROPPED({AT_IP6_LEN, 2, "\x00\x18"})},
	{"advertisement shorter than it says", na, DROPPED({AT_IP6_LEN, 2, "\x00\x28"})},
	{"solicitation for a group", ns, DROPPED({AT_ND_TARGET, 1, "\xff"})},
	{"solicitation with a hop limit", ns, DROPPED({AT_IP6_HOPS, 1, "\x40"})},
	{"solicitation with a code", ns, DROPPED({AT_L4_6 + 1, 1, "\x01"})},
	{"solicitation behind an extension header", ns, DROPPED({AT_IP6_NEXT, 1, "\x00"})},
	{"IPv6 version", ns, DROPPED({AT_IP6, 1, "\x40"})},
	{"router solicitation", router_solicitation, DROPPED()},
	{"router advertisement", router_advertisement, DROPPED()},
	{"redirect", redirect, DROPPED()},
	{"MLD report", mld_report, DROPPED()},
	{"UDP", udp4, DROPPED()},
	{"UDP over IPv6", udp6, DROPPED()},
	{"echo", echo4, DROPPED()},
	{"echo over IPv6", echo6, DROPPED()},
	{"DHCP discover", dhcp_discover, SENT(dhcp)},
	{"DHCP renewal", dhcp_renewal, SENT(dhcp)},
	{"DHCPv6 solicit", dhcp6_solicit, SENT(dhcp)},
	{"DHCP answer", dhcp_answer, DROPPED()},
	{"DHCP with something behind it", dhcp_with_payload, DROPPED()},
	{"DHCP from another port", dhcp_discover, DROPPED({AT_L4_4, 2, "\x00\x43"})},
	{"DHCP to another port", dhcp_discover, DROPPED({AT_L4_4 + 2, 2, "\x00\x35"})},
	{"DHCP shorter than it says", dhcp_discover, DROPPED({AT_UDP_LEN_4, 2, "\x00\xfa"})},
	{"DHCP reply in a request's ports", dhcp_discover, DROPPED({AT_BOOTP, 1, "\x02"})},
	{"BOOTP of another hardware", dhcp_discover, DROPPED({AT_BOOTP + 1, 1, "\x06"})},
	{"BOOTP of longer addresses", dhcp_discover, DROPPED({AT_BOOTP + 2, 1, "\x10"})},
	{"no DHCP cookie", dhcp_discover, DROPPED({AT_BOOTP_COOKIE, 1, "\x64"})},
	{"DHCP in TCP", dhcp_discover, DROPPED({AT_IP4_PROTO, 1, "\x06"})},
	{"DHCP in fragments", dhcp_discover, DROPPED({AT_IP4_FRAG, 2, "\x20\x00"})},
	{"DHCP with options", dhcp_discover, DROPPED({AT_IP4, 1, "\x46"})},
	{"DHCP checksum", dhcp_discover, DROPPED({AT_IP4_SUM, 2, "\xab\xcd"})},
	{"DHCPv6 answer", dhcp6_answer, DROPPED()},
	{"DHCPv6 from a global address", dhcp6_global, DROPPED()},
	{"DHCPv6 to a global address", dhcp6_elsewhere, DROPPED()},
	{"DHCPv6 with something behind it", dhcp6_with_payload, DROPPED()},
	{"DHCPv6 behind an extension header", dhcp6_solicit, DROPPED({AT_IP6_NEXT, 1, "\x3c"})},
	{"VLAN", arp_request, DROPPED({AT_TYPE, 2, "\x81\x00"})},
	{"PPPoE", udp4, DROPPED({AT_TYPE, 2, "\x88\x64"})},
};
/* clang-format on */

static void fill_flags(uint32_t abi, uint32_t flags)
{
	struct esc_nic_cfg cfg = {.abi_version = abi, .flags = flags};
	uint32_t zero = 0;

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.egress_cfg), &zero, &cfg, BPF_ANY), 0);
}

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
	run_assert_all_seen(&run);
}

/* Without the flag, and where nobody wrote the settings. */
static void dhcp_leaves_only_where_it_is_asked_for(void **state)
{
	static const pkt_builder requests[] = {dhcp_discover, dhcp_renewal, dhcp6_solicit};
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		requests[i](&p);
		fill_flags(0, 0);
		run_expect(&run, &p, TC_ACT_SHOT, ESC_EGRESS_dropped, "no settings");
		fill_flags(ESC_ABI_VERSION, 0);
		run_expect(&run, &p, TC_ACT_SHOT, ESC_EGRESS_dropped, "static address");
		fill_flags(ESC_ABI_VERSION + 1, ESC_NIC_DHCP);
		run_expect(&run, &p, TC_ACT_SHOT, ESC_EGRESS_dropped, "another ABI");
		fill_flags(ESC_ABI_VERSION, ESC_NIC_DHCP);
		run_expect(&run, &p, TC_ACT_OK, ESC_EGRESS_dhcp, "address by DHCP");
	}
	run_settle(&run, true, "flags");
}

static void only_two_ethertypes_leave(void **state)
{
	struct pkt p;

	(void)state;
	arp_padded(&p);
	for (uint32_t type = 0; type < 65536; type++) {
		put16(p.data + AT_TYPE, type);
		if (type == 0x0806)
			run_expect(&run, &p, TC_ACT_OK, ESC_EGRESS_arp, "type");
		else
			run_expect(&run, &p, TC_ACT_SHOT, ESC_EGRESS_dropped, "type");
	}
	run_settle(&run, true, "types");
}

/* A test run takes no skb that ends in its Ethernet header or, since Linux 6.17, in its IP header.
 */
static bool can_run(const struct pkt *p)
{
	uint32_t type = get16(p->data + AT_TYPE);

	return p->len >= (type == 0x86dd ? AT_L4_6 : type == 0x0800 ? AT_L4_4 : AT_IP4 + 1);
}

static void every_cut_is_dropped(void **state)
{
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < PASSING; i++) {
		uint32_t whole;

		passing[i](&p);
		whole = passing[i] == arp_padded ? 42 : p.len;
		for (p.len = 14; p.len < whole; p.len++) {
			if (can_run(&p))
				run_expect(&run, &p, TC_ACT_SHOT, ESC_EGRESS_dropped, "cut");
		}
	}
	run_settle(&run, true, "cut frames");
}

static void random_frames_are_accounted(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		int verdict;

		pkt_fuzz(&p, passing, PASSING);
		if (!can_run(&p))
			continue;
		verdict = run_frame(&run, &p);
		assert_true(verdict == TC_ACT_OK || verdict == TC_ACT_SHOT);
		if (verdict == TC_ACT_SHOT)
			continue;
		if (get16(p.data + AT_TYPE) == 0x0806)
			assert_in_range(p.len, 42, 60);
		else if (get16(p.data + AT_TYPE) == 0x0800)
			assert_int_equal(get16(p.data + AT_L4_4 + 2), 67);
		else
			assert_int_equal(get16(p.data + AT_TYPE), 0x86dd);
	}
	run_settle(&run, false, "random frames");
}

static void cost(void **state)
{
	struct pkt p;

	(void)state;
	arp_request(&p);
	run_cost(&run, "ARP, sent", &p);
	ns(&p);
	run_cost(&run, "ND, sent", &p);
	udp4(&p);
	run_cost(&run, "UDP, dropped", &p);
	run_settle(&run, false, "cost");
}

static int set_up(void **state)
{
	(void)state;
	run.prog = bpf_program__fd(skel->progs.egress);
	run.stats = bpf_map__fd(skel->maps.egress_stats);
	fill_flags(ESC_ABI_VERSION, ESC_NIC_DHCP);
	fill_addr(bpf_map__fd(skel->maps.black_addr), NODE4);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_end_in_their_reason),
		cmocka_unit_test(dhcp_leaves_only_where_it_is_asked_for),
		cmocka_unit_test(only_two_ethertypes_leave),
		cmocka_unit_test(every_cut_is_dropped),
		cmocka_unit_test(random_frames_are_accounted),
		cmocka_unit_test(cost),
	};
	int failed;

	libbpf_set_print(quiet);
	skel = egress_bpf__open_and_load();
	if (!skel)
		return cannot_run("cannot load the program", errno);
	failed = cmocka_run_group_tests(tests, set_up, NULL);
	egress_bpf__destroy(skel);
	return failed;
}
