/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * egress.c: the guard on the black NIC's egress: the node's kernel may send ARP and neighbour
 * discovery there and not one byte else.
 */
#include <linux/pkt_cls.h>

#include "egress.skel.h"
#include "run.h"

#define NODE4 "192.0.2.1"
#define PEER4 "192.0.2.2"
#define NODE6 "2001:db8::1"
#define PEER6 "2001:db8::2"

static const char *const names[] = {"arp", "nd", "dropped"};
_Static_assert(sizeof(names) / sizeof(names[0]) == ESC_EGRESS_COUNT, "a name for each reason");

static struct run run = {.name = "egress", .reasons = ESC_EGRESS_COUNT, .reason_name = names};
static struct egress_bpf *skel;

static void arp_request(struct pkt *p)
{
	pkt_arp(p, 1, NODE4, PEER4);
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

static const pkt_builder passing[] = {arp_request, arp_padded, ns, ns_probe, na};
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
	{"VLAN", arp_request, DROPPED({AT_TYPE, 2, "\x81\x00"})},
	{"PPPoE", udp4, DROPPED({AT_TYPE, 2, "\x88\x64"})},
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
	run_assert_all_seen(&run);
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
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_end_in_their_reason),
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
