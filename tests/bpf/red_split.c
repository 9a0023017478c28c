/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red_split.c: the red XDP program in router mode, reason by reason: the LAN's firewall towards the
 * internet, the answers to the LAN, hairpin; and the node's services, in both modes.
 */
#include <time.h>

#include "red_node.h"
#include "split_node.h"

static struct esc_split_cfg cfg;

#define LAN6_OWN	    "2001:db8:1::1"
#define CLIENT_LL	    "fe80::5"
#define ALL_SERVERS	    "ff02::1:2"
#define MAC_ALL_DHCP	    "\x33\x33\x00\x01\x00\x02"

#define DROPPED(why, what)  run_same(&run, &p, XDP_DROP, ESC_RED_##why, what)
#define GOES(what)	    run_same(&run, &p, XDP_REDIRECT, ESC_RED_to_black, what)
#define SERVED(what)	    run_same(&run, &p, XDP_PASS, ESC_RED_service, what)
#define ANSWERED(why, what) answered(&p, ESC_RED_##why, what)

/* The node of red.c, whose site has a global prefix, too, in router mode. */
static int fresh_node(void **state)
{
	const struct esc_policy policy = split_policy();
	uint32_t slot = 0;

	(void)state;
	empty_map(skel->maps.red_flow);
	empty_map(skel->maps.red_frag);
	empty_map(skel->maps.conn);
	empty_map(skel->maps.conn_new);
	empty_map(skel->maps.nat_map);
	cfg = split_settings();
	put_settings(skel->maps.red_split, &cfg);
	put_settings(skel->maps.black_split, &cfg);
	put_map(skel->maps.red_policy, &slot, &policy);
	put_map(skel->maps.black_policy, &slot, &policy);
	fill_addr(bpf_map__fd(skel->maps.red_addr), LAN6_OWN);
	fill_secure("2001:db8:2::", 64);
	put_route(skel->maps.red_route, "10.1.0.0", 24, NULL);
	put_route(skel->maps.red_route, "2001:db8:1::", 64, NULL);
	put_route(skel->maps.red_route, "fd00:1::", 64, NULL);
	put_dev(skel->maps.red_devs, ESC_DEV_BLACK);
	put_dev(skel->maps.red_devs, ESC_DEV_RED);
	return 0;
}

static uint64_t hits(uint32_t rule)
{
	const struct run r = {.stats = bpf_map__fd(skel->maps.red_hits)};

	return run_counter(&r, cfg.policy * ESC_HITS + rule).packets;
}

/* ICMP error from the red address to the sender; its bytes are answer.c's business. */
static void answered(const struct pkt *in, enum esc_red_reason reason, const char *what)
{
	struct pkt out;
	bool six = get16(in->data + AT_TYPE) == 0x86dd;
	uint8_t own[16], type;

	run_to(&run, in, &out, XDP_REDIRECT, reason, what);
	map_key(six ? RED6 : RED4, own);
	assert_memory_equal(out.data, MAC_HOST MAC_NODE, 12);
	type = out.data[six ? AT_L4_6 : AT_L4_4];
	if (six) {
		assert_memory_equal(out.data + AT_IP6_SRC, own, 16);
		assert_memory_equal(out.data + AT_IP6_DST, in->data + AT_IP6_SRC, 16);
		assert_int_equal(type, reason == ESC_RED_ttl	   ? 3
				       : reason == ESC_RED_too_big ? 2
								   : 1);
		return;
	}
	assert_memory_equal(out.data + AT_IP4_SRC, own + 12, 4);
	assert_memory_equal(out.data + AT_IP4_DST, in->data + AT_IP4_SRC, 4);
	assert_int_equal(type, reason == ESC_RED_ttl ? 11 : 3);
	if (reason == ESC_RED_too_big) {
		assert_int_equal(out.data[AT_L4_4 + 1], 4);
		assert_int_equal(get16(out.data + AT_L4_4 + 6), MTU_BLACK);
	}
}

/* --- towards the internet --------------------------------------------------------------------- */

static void what_policy_allows_goes(void **state)
{
	uint64_t before = hits(1);
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	GOES("UDP");
	GOES("UDP, of a flow");
	assert_int_equal(hits(1) - before, 1); /* what begins counts, not each packet */
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	GOES("UDP over IPv6");
	pkt_tcp(&p, LAN4, 5000, WEB4, 443, TCP_SYN);
	GOES("TCP");
	pkt_ping(&p, LAN4, WEB4, false);
	GOES("echo");
	pkt_ping(&p, LAN6, WEB6, false);
	GOES("echo over IPv6");
	pkt_sent_udp(&p, LAN4, 5000, "192.168.7.7", 443, MTU_BLACK - 28);
	GOES("as large as may be");
	before = hits(0);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 53, 100);
	ANSWERED(denied, "a rule");
	assert_int_equal(hits(0) - before, 1);
	before = hits(ESC_RULES_MAX);
	pkt_ping(&p, LAN4_B, WEB4, true);
	ANSWERED(denied, "a reply to nothing");
	assert_int_equal(hits(ESC_RULES_MAX) - before, 0);
	run_settle(&run, true, "policy");
}

/* The other slot is in force as soon as the settings say so, and flows go on. */
static void policy_changes_at_once(void **state)
{
	const struct esc_policy none = {.otherwise = ESC_DENY};
	uint64_t before;
	uint32_t slot = 1;
	struct pkt p;

	(void)state;
	put_map(skel->maps.red_policy, &slot, &none);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	GOES("begun under the old policy");
	cfg.policy = 1;
	put_settings(skel->maps.red_split, &cfg);
	before = hits(ESC_RULES_MAX);
	GOES("goes on");
	pkt_sent_udp(&p, LAN4, 5001, WEB4, 443, 100);
	ANSWERED(denied, "begins");
	assert_int_equal(hits(ESC_RULES_MAX) - before, 1);
	run_settle(&run, true, "policy");
}

static void what_does_not_fit_is_answered(void **state)
{
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4 + 8] = 1;
	pkt_ip4_fix(&p);
	ANSWERED(ttl, "last hop");
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	p.data[AT_IP6_HOPS] = 0;
	ANSWERED(ttl, "last hop, IPv6");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, MTU_BLACK - 27);
	ANSWERED(too_big, "one byte too many");
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, MTU_BLACK - 47);
	ANSWERED(too_big, "one byte too many, IPv6");
	pkt_sent_udp(&p, LAN6_LOCAL, 5000, WEB6, 443, 100);
	ANSWERED(no_route, "from an address that cannot be answered");
	pkt_sent_udp(&p, LAN6, 5000, "fd00:9::1", 443, 100);
	ANSWERED(no_route, "unique local addresses end here");
	cfg.families = ESC_SPLIT_IPV6;
	put_settings(skel->maps.red_split, &cfg);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	ANSWERED(no_route, "no IPv4");
	cfg.families = ESC_SPLIT_IPV4;
	put_settings(skel->maps.red_split, &cfg);
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	ANSWERED(no_route, "no IPv6");
	run_settle(&run, true, "answers");
	/* None of these began a flow. */
	fresh_node(NULL);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4 + 8] = 1;
	pkt_ip4_fix(&p);
	ANSWERED(ttl, "last hop");
	assert_int_not_equal(bpf_map_get_next_key(bpf_map__fd(skel->maps.red_flow), NULL,
						  &(struct esc_conn_key){0}),
			     0);
	run_settle(&run, true, "no flow");
}

static void answers_are_few(void **state)
{
	struct pkt p;

	(void)state;
	cfg.answer_rate = 0;
	put_settings(skel->maps.red_split, &cfg);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 53, 100);
	DROPPED(quiet, "no answers at all");
	run_settle(&run, true, "budget");
}

static void secure_prefixes_never_go(void **state)
{
	struct esc_lpm_key all4 = {.prefixlen = 96, .addr = {[10] = 0xff, [11] = 0xff}};
	int secure = bpf_map__fd(skel->maps.secure);
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, SITE4, 443, 100);
	run_same(&run, &p, XDP_REDIRECT, ESC_RED_to_red, "secure");
	fill_xsk(bpf_map__fd(skel->maps.red_xsks), 0, -1);
	DROPPED(no_socket, "nobody is there: not in clear");
	fill_xsk(bpf_map__fd(skel->maps.red_xsks), 0, socket_fd);
	fill_secure("0.0.0.0", 0);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	run_same(&run, &p, XDP_REDIRECT, ESC_RED_to_red, "all is secure");
	pkt_sent_udp(&p, LAN4, 5000, OWN4, 8000, 100);
	run_same(&run, &p, XDP_REDIRECT, ESC_RED_to_red, "the black address, too");
	assert_int_equal(bpf_map_delete_elem(secure, &all4), 0);
	run_settle(&run, true, "secure");
}

static void sources_and_destinations(void **state)
{
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, WEB4, 5000, WEB4, 443, 100);
	DROPPED(source, "forged");
	pkt_sent_udp(&p, "10.1.1.5", 5000, WEB4, 443, 100);
	DROPPED(source, "of another network");
	pkt_sent_udp(&p, SITE4, 5000, WEB4, 443, 100);
	DROPPED(source, "of a secure site");
	pkt_sent_udp(&p, OWN4, 5000, WEB4, 443, 100);
	DROPPED(source, "of the black address");
	pkt_sent_udp(&p, WEB6, 5000, WEB6, 443, 100);
	DROPPED(source, "forged, IPv6");
	pkt_sent_udp(&p, LAN4, 5000, LAN4_B, 443, 100);
	DROPPED(not_secure, "between hosts of the LAN");
	pkt_sent_udp(&p, LAN4, 5000, "169.254.1.1", 443, 100);
	DROPPED(not_secure, "link-local");
	pkt_sent_udp(&p, LAN4, 5000, "127.0.0.1", 443, 100);
	DROPPED(not_secure, "loopback");
	pkt_sent_udp(&p, LAN6, 5000, "::ffff:198.51.100.7", 443, 100);
	DROPPED(not_secure, "mapped");
	run_settle(&run, true, "addresses");
}

static void malformed_packets(void **state)
{
	struct pkt p;

	(void)state;
	pkt_ip(&p, LAN4, WEB4, 47, 0);
	DROPPED(protocol, "GRE");
	pkt_ping(&p, LAN4, WEB4, false);
	p.data[AT_L4_4] = 13;
	DROPPED(protocol, "timestamp");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	put16(p.data + AT_UDP_LEN_4, 107);
	DROPPED(transport, "UDP length");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4_SUM] ^= 1;
	DROPPED(ip_header, "checksum");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4] = 0x46;
	DROPPED(ip_header, "options");
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	p.data[AT_IP6_NEXT] = 60;
	DROPPED(protocol, "extension header");
	run_settle(&run, true, "malformed");
}

static void fragments_follow_their_first_one(void **state)
{
	struct pkt p;

	(void)state;
	pkt_fragment(&p, LAN4, WEB4, 7, 80, false);
	DROPPED(fragment_lost, "the first one was never seen");
	pkt_fragment(&p, LAN4, WEB4, 7, 0, true);
	GOES("first");
	pkt_fragment(&p, LAN4, WEB4, 7, 80, false);
	GOES("last");
	pkt_fragment(&p, LAN4, WEB4, 7, 16, false);
	DROPPED(transport, "over the first one's header");
	pkt_fragment(&p, LAN4_B, WEB4, 7, 80, false);
	DROPPED(fragment_lost, "of another host");
	run_settle(&run, true, "fragments");
}

static void errors_about_flows(void **state)
{
	struct pkt got, p;

	(void)state;
	pkt_sent_udp(&got, WEB4, 443, LAN4, 5000, 20);
	pkt_unreachable(&p, LAN4, WEB4, &got);
	DROPPED(icmp_error, "no flow");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 20);
	GOES("the flow");
	pkt_unreachable(&p, LAN4, WEB4, &got);
	GOES("error about its reply");
	pkt_unreachable(&p, LAN4, "198.51.100.9", &got);
	DROPPED(icmp_error, "to another host");
	run_settle(&run, true, "errors");
}

/* --- hairpin ---------------------------------------------------------------------------------- */

/* Only control enters what is open: its port is reserved. */
static void hairpin(void **state)
{
	uint32_t slot = esc_port_slot(ESC_PORTS_UDP, 8000);
	uint64_t reserved = ESC_PORT_RESERVED;
	struct pkt p, want, out;

	(void)state;
	put_map(skel->maps.nat_ports, &slot, &reserved);
	pkt_sent_udp(&p, LAN4_B, 5000, OWN4, 8000, 100);
	run_to(&run, &p, &out, XDP_REDIRECT, ESC_RED_hairpin, "to an open port");
	pkt_sent_udp(&want, OWN4, 5000, LAN4, 9000, 100);
	want.data[AT_IP4 + 8] -= 2;
	pkt_ip4_fix(&want);
	assert_same_frame(&out, &want);
	/* And back. */
	pkt_sent_udp(&p, LAN4, 9000, OWN4, 5000, 100);
	run_to(&run, &p, &out, XDP_REDIRECT, ESC_RED_hairpin, "the answer");
	pkt_sent_udp(&want, OWN4, 8000, LAN4_B, 5000, 100);
	want.data[AT_IP4 + 8] -= 2;
	pkt_ip4_fix(&want);
	assert_same_frame(&out, &want);

	pkt_sent_udp(&p, LAN4_B, 5000, OWN4, 8005, 100);
	run_to(&run, &p, &out, XDP_DROP, ESC_RED_hairpin_refused, "to a port that nobody has");
	pkt_sent_udp(&p, LAN4_B, 5000, OWN4, 8000, 100);
	p.data[AT_IP4 + 8] = 2;
	pkt_ip4_fix(&p);
	run_to(&run, &p, &out, XDP_DROP, ESC_RED_hairpin_refused, "no TTL for two hops");
	pkt_sent_udp(&p, LAN4_B, 5000, OWN4, 53, 100);
	ANSWERED(denied, "policy, as for any");
	run_settle(&run, true, "hairpin");
}

/* --- services --------------------------------------------------------------------------------- */

static void dhcp4(struct pkt *p, const char *src, const char *dst)
{
	pkt_dhcp4(p, 1, src, dst);
	if (!strcmp(dst, "255.255.255.255"))
		memcpy(p->data, MAC_BROADCAST, 6);
}

static void dhcp6(struct pkt *p, const char *src)
{
	pkt_dhcp6(p, 1, src, ALL_SERVERS);
	memcpy(p->data, MAC_ALL_DHCP, 6);
}

static void services(bool router)
{
	struct pkt p;

	pkt_sent_udp(&p, LAN4, 5000, NODE4, 53, 30);
	SERVED("DNS");
	pkt_sent_udp(&p, LAN6, 5000, LAN6_OWN, 53, 30);
	SERVED("DNS over IPv6");
	pkt_sent_udp(&p, CLIENT_LL, 5000, LL_NODE, 53, 30);
	SERVED("DNS, link-local");
	dhcp4(&p, "0.0.0.0", "255.255.255.255");
	SERVED("DHCP discover");
	dhcp4(&p, LAN4, NODE4);
	SERVED("DHCP renewal");
	dhcp6(&p, CLIENT_LL);
	SERVED("DHCPv6");

	pkt_tcp(&p, LAN4, 5000, NODE4, 53, TCP_SYN);
	DROPPED(own_addr, "TCP is not listed");
	pkt_sent_udp(&p, LAN4, 5000, NODE4, 123, 30);
	DROPPED(own_addr, "another port");
	pkt_sent_udp(&p, LAN4, 5000, NODE4, 53, 30);
	put16(p.data + AT_IP4_FRAG, 0x2000);
	pkt_ip4_fix(&p);
	DROPPED(own_addr, "in fragments");
	pkt_sent_udp(&p, LAN4, 5000, NODE4, 53, 30);
	put16(p.data + AT_UDP_LEN_4, 37);
	DROPPED(own_addr, "UDP length");
	pkt_sent_udp(&p, LAN4, 5000, "255.255.255.255", 53, 30);
	memcpy(p.data, MAC_BROADCAST, 6);
	DROPPED(multicast, "DNS to all");
	dhcp4(&p, LAN4, "255.255.255.255");
	memcpy(p.data, MAC_NODE, 6);
	DROPPED(multicast, "broadcast in a unicast frame");
	dhcp4(&p, "127.0.0.1", "255.255.255.255");
	DROPPED(multicast, "from loopback");
	dhcp6(&p, CLIENT_LL);
	p.data[5] = 3;
	DROPPED(multicast, "DHCPv6 in another group's frame");
	pkt_sent_udp(&p, "0.0.0.0", 5000, NODE4, 53, 30);
	DROPPED(source, "from no address");
	pkt_sent_udp(&p, WEB4, 5000, NODE4, 53, 30);
	if (router)
		DROPPED(own_addr, "not from the LAN");
	run_settle(&run, true, "services");
}

static void listed_services_reach_the_kernel(void **state)
{
	(void)state;
	services(true);
}

/* Without router mode nothing is routed, the LAN's prefixes are not known, but it has services. */
static void an_encryptor_has_services_and_no_way_out(void **state)
{
	struct pkt p;

	(void)state;
	cfg.on = 0;
	put_settings(skel->maps.red_split, &cfg);
	services(false);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	DROPPED(not_secure, "encryptor mode");
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	DROPPED(not_secure, "encryptor mode, IPv6");
	pkt_sent_udp(&p, LAN4, 5000, OWN4, 8000, 100);
	DROPPED(not_secure, "no hairpin");
	cfg.abi_version++;
	put_settings(skel->maps.red_split, &cfg);
	pkt_sent_udp(&p, LAN4, 5000, NODE4, 53, 30);
	DROPPED(own_addr, "another ABI");
	run_settle(&run, true, "encryptor");
}

/* Nothing is counted as gone that nobody takes. */
static void no_device_no_packet(void **state)
{
	uint32_t slot = ESC_DEV_BLACK;
	struct pkt p;

	(void)state;
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(skel->maps.red_devs), &slot), 0);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	DROPPED(off, "no black NIC");
	run_settle(&run, true, "device");
}

static void split_reasons_have_rows(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ESC_RED_REASON_COUNT; i++) {
		if (SPLIT_REASONS >> i & 1 && !(run.seen >> i & 1))
			fail_msg("no row for reason %s", names[i]);
	}
}

static void cost(void **state)
{
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	run_cost(&run, "IPv4, of a flow, to black", &p);
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	run_cost(&run, "IPv6, of a flow, to black", &p);
	run_settle(&run, false, "cost");
}

#define FRESH(test) cmocka_unit_test_setup(test, fresh_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(what_policy_allows_goes),
		FRESH(policy_changes_at_once),
		FRESH(what_does_not_fit_is_answered),
		FRESH(answers_are_few),
		FRESH(secure_prefixes_never_go),
		FRESH(sources_and_destinations),
		FRESH(malformed_packets),
		FRESH(fragments_follow_their_first_one),
		FRESH(errors_about_flows),
		FRESH(hairpin),
		FRESH(listed_services_reach_the_kernel),
		FRESH(an_encryptor_has_services_and_no_way_out),
		FRESH(no_device_no_packet),
		FRESH(cost),
		FRESH(split_reasons_have_rows),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
