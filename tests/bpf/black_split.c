/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * black_split.c: the black XDP program in router mode, reason by reason, with every byte of what
 * goes to the LAN; DHCP's answers; and that WireGuard messages come first.
 */
#include <time.h>

#include "black_node.h"
#include "split_node.h"

#define DHCP_SERVER "192.0.2.254"

static struct esc_split_cfg cfg;

#define DROPPED(why, what) run_same(&run, &p, XDP_DROP, ESC_BLACK_##why, what)

static void put_flags(uint32_t flags)
{
	struct esc_nic_cfg nic = {.abi_version = ESC_ABI_VERSION,
				  .on = 1,
				  .listen_port = htons(PORT),
				  .mac = {2, 0, 0, 0, 0, 1},
				  .flags = flags};
	uint32_t zero = 0;

	put_map(skel->maps.black_cfg, &zero, &nic);
}

static void put_owner(uint32_t table, uint16_t port, uint64_t owner)
{
	uint32_t slot = esc_port_slot(table, port);

	put_map(skel->maps.nat_ports, &slot, &owner);
}

/* LAN4:5000 asked WEB4:443, by its own port of that number. */
static struct esc_conn_key begun(void)
{
	struct esc_conn_key key = {.lan_port = htons(5000), .remote_port = htons(443), .proto = 17};
	struct esc_conn c = {.expires = monotonic_ns() + 100000000000ull,
			     .port = htons(5000),
			     .state = ESC_CONN_UDP_UNREPLIED,
			     .out_packets = 1};
	struct esc_nat_key owner = {.port = htons(5000), .proto = 17};

	map_key(LAN4, key.lan);
	map_key(WEB4, key.remote);
	address(AF_INET, LAN4, owner.lan);
	put_map(skel->maps.conn_new, &key, &c);
	put_owner(ESC_PORTS_UDP, 5000, esc_port_owner(&owner));
	return key;
}

/* The node of black.c in router mode; its listen port and what is open are reserved. */
static int fresh_node(void **state)
{
	const struct esc_policy policy = split_policy();
	uint32_t slot = 0;

	(void)state;
	empty_map(skel->maps.conn);
	empty_map(skel->maps.conn_new);
	empty_map(skel->maps.black_frag);
	put_flags(0);
	cfg = split_settings();
	put_settings(skel->maps.black_split, &cfg);
	put_map(skel->maps.black_policy, &slot, &policy);
	put_prefix(skel->maps.black_secure, "10.2.0.0", 24);
	put_prefix(skel->maps.black_secure, "2001:db8:2::", 64);
	put_prefix(skel->maps.black_lan, "10.1.0.0", 24);
	put_prefix(skel->maps.black_lan, "2001:db8:1::", 64);
	put_prefix(skel->maps.black_lan, "fd00:1::", 64);
	put_owner(ESC_PORTS_UDP, PORT, ESC_PORT_RESERVED);
	put_owner(ESC_PORTS_UDP, 8000, ESC_PORT_RESERVED);
	put_owner(ESC_PORTS_UDP, 5000, ESC_PORT_FREE);
	put_dev(skel->maps.black_devs, ESC_DEV_RED);
	return 0;
}

static void to_lan(const struct pkt *in, struct pkt *out, const char *what)
{
	run_to(&run, in, out, XDP_REDIRECT, ESC_BLACK_to_lan, what);
}

/* --- to the LAN ------------------------------------------------------------------------------- */

static void answers_are_translated_to_the_byte(void **state)
{
	struct pkt p, want, out;

	(void)state;
	pkt_sent_udp(&p, WEB4, 443, OWN4, 5000, 100);
	DROPPED(no_connection, "nobody asked");
	begun();
	to_lan(&p, &out, "answer");
	pkt_sent_udp(&want, WEB4, 443, LAN4, 5000, 100);
	want.data[AT_IP4 + 8]--;
	pkt_ip4_fix(&want);
	assert_same_frame(&out, &want);
	run_settle(&run, true, "answers");
}

static void openings_let_in(void **state)
{
	struct pkt p, want, out;

	(void)state;
	pkt_sent_udp(&p, WEB4, 5000, OWN4, 8000, 100);
	to_lan(&p, &out, "forwarded port");
	pkt_sent_udp(&want, WEB4, 5000, LAN4, 9000, 100);
	want.data[AT_IP4 + 8]--;
	pkt_ip4_fix(&want);
	assert_same_frame(&out, &want);
	pkt_tcp(&p, WEB6, 5000, LAN6, 443, TCP_SYN);
	to_lan(&p, &out, "open, IPv6");
	pkt_tcp(&want, WEB6, 5000, LAN6, 443, TCP_SYN);
	want.data[AT_IP6_HOPS]--;
	assert_same_frame(&out, &want);
	pkt_tcp(&p, WEB6, 5000, LAN6, 444, TCP_SYN);
	DROPPED(no_connection, "another port");
	pkt_tcp(&p, WEB4, 5000, OWN4, 8000, TCP_SYN);
	DROPPED(no_connection, "another protocol");
	pkt_ping(&p, WEB4, OWN4, false);
	DROPPED(no_connection, "echo to the node");
	pkt_ip(&p, WEB4, OWN4, 47, 0);
	DROPPED(no_connection, "GRE");
	run_settle(&run, true, "openings");
}

static void what_a_connection_does_not_expect(void **state)
{
	struct pkt p, about, out;

	(void)state;
	pkt_tcp(&p, WEB6, 5000, LAN6, 443, TCP_SYN);
	to_lan(&p, &out, "SYN");
	pkt_tcp(&p, WEB6, 5000, LAN6, 443, TCP_ACK);
	DROPPED(conn_state, "its ACK before the answer");
	pkt_sent_udp(&about, OWN4, 5000, WEB4, 443, 20);
	pkt_unreachable(&p, "203.0.113.9", OWN4, &about);
	DROPPED(icmp_error, "about nothing");
	pkt_fragment(&p, WEB4, OWN4, 7, 80, false);
	DROPPED(fragment_lost, "the first one was never seen");
	pkt_sent_udp(&p, WEB4, 5000, OWN4, 8000, 100);
	p.data[AT_IP4 + 8] = 1;
	pkt_ip4_fix(&p);
	DROPPED(ttl, "last hop");
	pkt_sent_udp(&p, WEB4, 5000, OWN4, 8000, MTU_RED - 28);
	to_lan(&p, &out, "as large as may be");
	pkt_sent_udp(&p, WEB4, 5000, OWN4, 8000, MTU_RED - 27);
	run_to(&run, &p, &out, XDP_DROP, ESC_BLACK_lan_mtu, "one byte too many");
	run_settle(&run, true, "state");
}

static void full_table_takes_no_answer(void **state)
{
	struct esc_conn c = {.expires = monotonic_ns() + 100000000000ull};
	struct esc_conn_key other = {.proto = 6};
	struct pkt p;

	(void)state;
	begun();
	while (!bpf_map_update_elem(bpf_map__fd(skel->maps.conn), &other, &c, BPF_ANY)) {
		other.lan_port++;
		other.remote_port += !other.lan_port;
	}
	pkt_sent_udp(&p, WEB4, 443, OWN4, 5000, 100);
	DROPPED(conn_full, "full");
	run_settle(&run, true, "full");
}

/* --- addresses -------------------------------------------------------------------------------- */

static const struct {
	const char *src, *dst;
	enum esc_black_reason reason;
} addresses[] = {
	{LAN4, OWN4, ESC_BLACK_source},
	{SECURE4, OWN4, ESC_BLACK_source},
	{OWN4, OWN4, ESC_BLACK_source},
	{"127.0.0.1", OWN4, ESC_BLACK_source},
	{"169.254.1.1", OWN4, ESC_BLACK_source},
	{"2001:db8:1::9", LAN6, ESC_BLACK_source},
	{SECURE6, LAN6, ESC_BLACK_source},
	{"fe80::9", LAN6, ESC_BLACK_source},
	{"fd00:9::1", LAN6, ESC_BLACK_source},
	{"ff02::1", LAN6, ESC_BLACK_source},
	{WEB4, LAN4, ESC_BLACK_not_own_addr},
	{WEB4, SECURE4, ESC_BLACK_not_own_addr},
	{WEB4, "192.0.2.9", ESC_BLACK_not_own_addr},
	{WEB6, LAN6_LOCAL, ESC_BLACK_not_own_addr},
	{WEB6, SECURE6, ESC_BLACK_not_own_addr},
	{WEB6, "2001:db8:7::1", ESC_BLACK_not_own_addr},
	{WEB6, "fe80::5", ESC_BLACK_not_own_addr},
	{WEB6, NODE6, ESC_BLACK_udp_port},
};

static void addresses_that_cannot_be(void **state)
{
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		pkt_sent_udp(&p, addresses[i].src, 5000, addresses[i].dst, 8000, 100);
		run_same(&run, &p, XDP_DROP, addresses[i].reason, addresses[i].src);
	}
	cfg.families = ESC_SPLIT_IPV6;
	put_settings(skel->maps.black_split, &cfg);
	pkt_sent_udp(&p, WEB4, 5000, OWN4, 8000, 100);
	DROPPED(udp_port, "no IPv4 outside of the tunnels");
	run_settle(&run, true, "addresses");
}

/* --- beside the LAN --------------------------------------------------------------------------- */

/* The tunnels are as they are in encryptor mode, whatever NAT could make of it. */
static void wireguard_comes_first(void **state)
{
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < PASSING; i++) {
		passing[i](&p);
		if (get16(p.data + AT_TYPE) == 0x0806 || p.data[AT_IP6_NEXT] == 58)
			continue;
		run_same(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "message");
	}
	data4(&p);
	p.data[AT_L4_4 + 8] = 5;
	DROPPED(wg_type, "no message, to the listen port");
	run_settle(&run, true, "WireGuard");
}

static void an_encryptor_lets_nothing_in(void **state)
{
	struct pkt p;

	(void)state;
	cfg.on = 0;
	put_settings(skel->maps.black_split, &cfg);
	begun();
	pkt_sent_udp(&p, WEB4, 443, OWN4, 5000, 100);
	DROPPED(udp_port, "a connection of the past");
	pkt_tcp(&p, WEB4, 443, OWN4, 5000, TCP_ACK);
	DROPPED(not_udp, "TCP");
	pkt_fragment(&p, WEB4, OWN4, 7, 80, false);
	DROPPED(fragment, "fragment");
	pkt_tcp(&p, WEB6, 5000, LAN6, 443, TCP_SYN);
	DROPPED(not_own_addr, "IPv6");
	run_settle(&run, true, "encryptor");
}

static void no_device_no_packet(void **state)
{
	uint32_t slot = ESC_DEV_RED;
	struct pkt p, out;

	(void)state;
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(skel->maps.black_devs), &slot), 0);
	pkt_sent_udp(&p, WEB4, 5000, OWN4, 8000, 100);
	run_to(&run, &p, &out, XDP_DROP, ESC_BLACK_off, "no red NIC");
	run_settle(&run, true, "device");
}

static void dhcp_answer(struct pkt *p, const char *dst, const char *mac)
{
	pkt_dhcp4(p, 0, DHCP_SERVER, dst);
	memcpy(p->data, mac, 6);
}

/* By form; in both modes; only where the address comes that way; and not too many. */
static void dhcp_answers_reach_the_kernel(void **state)
{
	struct esc_limits none = {0};
	struct pkt p;

	(void)state;
	for (int router = 1; router >= 0; router--) {
		guard_reset(&node);
		cfg.on = (uint32_t)router;
		put_settings(skel->maps.black_split, &cfg);
		put_flags(ESC_NIC_DHCP);
		dhcp_answer(&p, "192.0.2.77", MAC_NODE);
		run_same(&run, &p, XDP_PASS, ESC_BLACK_dhcp, "offer to an address to come");
		dhcp_answer(&p, "255.255.255.255", MAC_BROADCAST);
		run_same(&run, &p, XDP_PASS, ESC_BLACK_dhcp, "offer to all");
		pkt_dhcp6(&p, 0, "fe80::fe", LL_NODE);
		run_same(&run, &p, XDP_PASS, ESC_BLACK_dhcp, "DHCPv6");
		pkt_dhcp6(&p, 0, WEB6, LL_NODE);
		DROPPED(udp_port, "DHCPv6 from afar");
		pkt_dhcp4(&p, 1, "0.0.0.0", "255.255.255.255");
		memcpy(p.data, MAC_BROADCAST, 6);
		DROPPED(not_for_us_l2, "another client's request");
		dhcp_answer(&p, "255.255.255.255", MAC_OTHER);
		DROPPED(not_for_us_l2, "to another client");
		dhcp_answer(&p, "255.255.255.255", MAC_BROADCAST);
		p.data[AT_BOOTP_COOKIE] = 0;
		DROPPED(not_for_us_l2, "no DHCP");
		put_flags(0);
		dhcp_answer(&p, "255.255.255.255", MAC_BROADCAST);
		DROPPED(not_for_us_l2, "static address");
		pkt_dhcp6(&p, 0, "fe80::fe", LL_NODE);
		DROPPED(udp_port, "static address, IPv6");
	}
	put_flags(ESC_NIC_DHCP);
	guard_limits(&node, &none);
	dhcp_answer(&p, "255.255.255.255", MAC_BROADCAST);
	DROPPED(neighbour_rate, "too many");
	guard_reset(&node);
	run_settle(&run, true, "DHCP");
}

static void split_reasons_have_rows(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ESC_BLACK_REASON_COUNT; i++) {
		if (SPLIT_REASONS >> i & 1 && !(run.seen >> i & 1))
			fail_msg("no row for reason %s", names[i]);
	}
}

#define FRESH(test) cmocka_unit_test_setup(test, fresh_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(answers_are_translated_to_the_byte), FRESH(openings_let_in),
		FRESH(what_a_connection_does_not_expect),  FRESH(full_table_takes_no_answer),
		FRESH(addresses_that_cannot_be),	   FRESH(wireguard_comes_first),
		FRESH(an_encryptor_lets_nothing_in),	   FRESH(no_device_no_packet),
		FRESH(dhcp_answers_reach_the_kernel),	   FRESH(split_reasons_have_rows),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
