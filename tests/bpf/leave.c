/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leave.c: the egress guard of the black NIC, reason by reason, with every byte of what is sent;
 * and with the classifier out of the way: whatever the red program would hand over, nothing for a
 * secure prefix leaves, no address of the LAN, and nothing that is denied.
 */
#include <time.h>

#include "split_node.h"
#include "test/leave.skel.h"

#define NAME(id, kind, text) #id,
static const char *const names[] = {ESC_BLACK_OUT_REASONS(NAME)};

static struct run run = {.name = "leave", .reasons = ESC_BLACK_OUT_COUNT, .reason_name = names};
static struct leave_bpf *skel;
static struct esc_split_cfg cfg;

#define DROPPED(why, what) run_same(&run, &p, XDP_DROP, ESC_BLACK_OUT_##why, what)

/* A node without connections, whose gateways are known. */
static int set_up(void **state)
{
	const struct esc_policy policy = split_policy();
	uint32_t slot = 0;

	(void)state;
	run.prog = bpf_program__fd(skel->progs.leave);
	run.stats = bpf_map__fd(skel->maps.black_out_stats);
	empty_map(skel->maps.conn);
	empty_map(skel->maps.conn_new);
	empty_map(skel->maps.nat_map);
	empty_map(skel->maps.black_frag);
	cfg = split_settings();
	put_settings(skel->maps.black_split, &cfg);
	put_map(skel->maps.black_policy, &slot, &policy);
	put_prefix(skel->maps.black_secure, "10.2.0.0", 24);
	put_prefix(skel->maps.black_secure, "2001:db8:2::", 64);
	put_prefix(skel->maps.black_lan, "10.1.0.0", 24);
	put_prefix(skel->maps.black_lan, "2001:db8:1::", 64);
	put_prefix(skel->maps.black_lan, "fd00:1::", 64);
	put_route(skel->maps.black_route, "0.0.0.0", 0, GATE4);
	put_route(skel->maps.black_route, "192.0.2.0", 24, NULL);
	put_route(skel->maps.black_route, "::", 0, GATE6);
	put_neigh(skel->maps.black_neigh, GATE4, MAC_GATE);
	put_neigh(skel->maps.black_neigh, GATE6, MAC_GATE);
	return 0;
}

static void sent(const struct pkt *in, struct pkt *out, const char *what)
{
	run_to(&run, in, out, XDP_PASS, ESC_BLACK_OUT_sent, what);
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void sent_frames_are_right_to_the_byte(void **state)
{
	struct pkt p, want, out;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	sent(&p, &out, "UDP");
	pkt_sent_udp(&want, OWN4, 5000, WEB4, 443, 100);
	pkt_forwarded(&want, MAC_GATE, MAC_BLACK);
	assert_same_frame(&out, &want);

	pkt_tcp(&p, LAN4, 5001, WEB4, 443, TCP_SYN);
	sent(&p, &out, "TCP");
	pkt_tcp(&want, OWN4, 5001, WEB4, 443, TCP_SYN);
	pkt_forwarded(&want, MAC_GATE, MAC_BLACK);
	assert_same_frame(&out, &want);

	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	sent(&p, &out, "UDP over IPv6");
	pkt_sent_udp(&want, LAN6, 5000, WEB6, 443, 100);
	pkt_forwarded(&want, MAC_GATE, MAC_BLACK);
	assert_same_frame(&out, &want);
	run_settle(&run, true, "sent");
}

static void bytes_behind_the_packet_stay(void **state)
{
	struct pkt p, out;
	uint32_t whole;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 10);
	whole = p.len;
	memset(pkt_add(&p, NULL, 60), 0x5e, 60);
	sent(&p, &out, "with a trailer");
	assert_int_equal(out.len, whole);
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 10);
	whole = p.len;
	memset(pkt_add(&p, NULL, 60), 0x5e, 60);
	sent(&p, &out, "with a trailer, IPv6");
	assert_int_equal(out.len, whole);
	run_settle(&run, true, "trailers");
}

static void fragments_follow_their_first_one(void **state)
{
	struct pkt p, want, out;

	(void)state;
	pkt_fragment(&p, LAN4, WEB4, 7, 80, false);
	DROPPED(fragment_lost, "the first one was never seen");
	pkt_fragment(&p, LAN4, WEB4, 7, 0, true);
	sent(&p, &out, "first fragment");
	pkt_fragment(&p, LAN4, WEB4, 7, 80, false);
	sent(&p, &out, "last fragment");
	pkt_fragment(&want, OWN4, WEB4, 7, 80, false);
	pkt_forwarded(&want, MAC_GATE, MAC_BLACK);
	assert_same_frame(&out, &want);
	run_settle(&run, true, "fragments");
}

/* --- what is not ------------------------------------------------------------------------------ */

static void nothing_leaves_while_off(void **state)
{
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	cfg.on = 0;
	put_settings(skel->maps.black_split, &cfg);
	DROPPED(off, "off");
	cfg.on = 1;
	cfg.abi_version++;
	put_settings(skel->maps.black_split, &cfg);
	DROPPED(off, "another ABI");
	run_settle(&run, true, "off");
}

static void malformed_frames(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t len = 14; len < AT_L4_4; len++) {
		pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
		p.len = len;
		DROPPED(short_frame, "cut IPv4");
	}
	for (uint32_t len = 14; len < AT_L4_6; len++) {
		pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
		p.len = len;
		DROPPED(short_frame, "cut IPv6");
	}
	pkt_arp(&p, 1, LAN4, WEB4);
	DROPPED(ethertype, "ARP");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	put16(p.data + AT_TYPE, 0x8100);
	DROPPED(ethertype, "VLAN");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4] = 0x46;
	DROPPED(ip_header, "options");
	p.data[AT_IP4] = 0x65;
	DROPPED(ip_header, "version");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.len--;
	DROPPED(ip_header, "cut payload");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4_SUM] ^= 1;
	DROPPED(ip_header, "checksum");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	put16(p.data + AT_UDP_LEN_4, 107);
	DROPPED(transport, "UDP length");
	pkt_ip(&p, LAN4, WEB4, 47, 0);
	DROPPED(protocol, "GRE");
	run_settle(&run, true, "malformed");
}

struct ends {
	const char *src, *dst;
	enum esc_black_out_reason reason;
};

static const struct ends addresses[] = {
	{LAN4, SECURE4, ESC_BLACK_OUT_secure},
	{LAN6, SECURE6, ESC_BLACK_OUT_secure},
	{WEB4, SECURE4, ESC_BLACK_OUT_secure},
	{LAN4, "10.2.0.255", ESC_BLACK_OUT_secure},
	{LAN6_LOCAL, SECURE6, ESC_BLACK_OUT_secure},
	{LAN4, LAN4_B, ESC_BLACK_OUT_destination},
	{LAN6, "2001:db8:1::9", ESC_BLACK_OUT_destination},
	{LAN4, "127.0.0.1", ESC_BLACK_OUT_destination},
	{LAN4, "0.0.0.0", ESC_BLACK_OUT_destination},
	{LAN4, "224.0.0.1", ESC_BLACK_OUT_destination},
	{LAN4, "255.255.255.255", ESC_BLACK_OUT_destination},
	{LAN4, "169.254.1.1", ESC_BLACK_OUT_destination},
	{LAN6, "::1", ESC_BLACK_OUT_destination},
	{LAN6, "fe80::9", ESC_BLACK_OUT_destination},
	{LAN6, "ff0e::1", ESC_BLACK_OUT_destination},
	{LAN6, "fd00:9::1", ESC_BLACK_OUT_destination},
	{LAN6, "::ffff:198.51.100.7", ESC_BLACK_OUT_destination},
	{LAN6, "::ffff:10.2.0.7", ESC_BLACK_OUT_destination},
	{WEB4, WEB4, ESC_BLACK_OUT_source},
	{OWN4, WEB4, ESC_BLACK_OUT_source},
	{SECURE4, WEB4, ESC_BLACK_OUT_source},
	{"127.0.0.1", WEB4, ESC_BLACK_OUT_source},
	{"224.0.0.1", WEB4, ESC_BLACK_OUT_source},
	{"169.254.7.7", WEB4, ESC_BLACK_OUT_source},
	{LAN6_LOCAL, WEB6, ESC_BLACK_OUT_source},
	{"fe80::5", WEB6, ESC_BLACK_OUT_source},
	{WEB6, WEB6, ESC_BLACK_OUT_source},
	{SECURE6, WEB6, ESC_BLACK_OUT_source},
};

static void addresses_that_must_not_leave(void **state)
{
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		pkt_sent_udp(&p, addresses[i].src, 5000, addresses[i].dst, 443, 100);
		run_same(&run, &p, XDP_DROP, addresses[i].reason, addresses[i].dst);
	}
	run_settle(&run, true, "addresses");
}

/* All of one family is secure: the other's traffic is not concerned. */
static void a_secure_default_route_is_of_one_family(void **state)
{
	struct esc_lpm_key all6 = {0}, all4 = {.prefixlen = 96, .addr = {[10] = 0xff, [11] = 0xff}};
	struct pkt p, out;

	(void)state;
	put_prefix(skel->maps.black_secure, "::", 0);
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	DROPPED(secure, "::/0 and IPv6");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	sent(&p, &out, "::/0 and IPv4");
	put_prefix(skel->maps.black_secure, "0.0.0.0", 0);
	DROPPED(secure, "0.0.0.0/0 and IPv4");
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(skel->maps.black_secure), &all6), 0);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(skel->maps.black_secure), &all4), 0);
	run_settle(&run, true, "families");
}

static void connections_and_policy_decide(void **state)
{
	struct pkt p;

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 53, 100);
	DROPPED(denied, "a rule");
	pkt_ping(&p, LAN4, WEB4, true);
	DROPPED(denied, "a reply to nothing");
	pkt_tcp(&p, LAN4, 5000, WEB4, 443, TCP_ACK);
	DROPPED(conn_state, "in the middle of nothing");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	p.data[AT_IP4 + 8] = 1;
	pkt_ip4_fix(&p);
	DROPPED(ttl, "last hop");
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, MTU_BLACK - 27);
	DROPPED(too_big, "one byte too many");
	run_settle(&run, true, "policy");
	cfg.port_first = 2000;
	cfg.port_last = 1999;
	put_settings(skel->maps.black_split, &cfg);
	pkt_sent_udp(&p, LAN4, 5999, WEB4, 443, 100);
	DROPPED(no_port, "no ports at all");
	run_settle(&run, true, "no ports");
}

static void errors_about_nothing(void **state)
{
	struct pkt about, p;

	(void)state;
	pkt_sent_udp(&about, WEB4, 443, LAN4, 5000, 20);
	pkt_unreachable(&p, LAN4, WEB4, &about);
	DROPPED(icmp_error, "no connection");
	run_settle(&run, true, "errors");
}

/* A LAN host answers what an opening let in, and no room is left. */
static void full_table_takes_no_answer(void **state)
{
	struct esc_conn_key key = {.lan_port = htons(9000), .remote_port = htons(443), .proto = 17};
	struct esc_conn c = {.expires = monotonic_ns() + 100000000000ull,
			     .port = htons(8000),
			     .state = ESC_CONN_UDP_UNREPLIED,
			     .flags = ESC_CONN_FROM_OUTSIDE};
	struct esc_conn_key other = {.proto = 6};
	struct pkt p;

	(void)state;
	map_key(LAN4, key.lan);
	map_key(WEB4, key.remote);
	put_map(skel->maps.conn_new, &key, &c);
	while (!bpf_map_update_elem(bpf_map__fd(skel->maps.conn), &other, &c, BPF_ANY))
		other.lan_port++;
	pkt_sent_udp(&p, LAN4, 9000, WEB4, 443, 100);
	DROPPED(conn_full, "full");
	run_settle(&run, true, "full");
}

/* --- next hops -------------------------------------------------------------------------------- */

static void next_hops(void **state)
{
	int routes = bpf_map__fd(skel->maps.black_route);
	struct esc_lpm_key all4 = prefix_key("0.0.0.0", 0), all6 = prefix_key("::", 0);
	struct pkt p, out;

	(void)state;
	wants_read(skel->maps.black_wants);
	pkt_sent_udp(&p, LAN4, 5000, "192.0.2.9", 443, 100);
	for (int i = 0; i < 3; i++)
		run_to(&run, &p, &out, XDP_DROP, ESC_BLACK_OUT_no_neighbour, "not known yet");
	assert_wanted(skel->maps.black_wants, 1, "192.0.2.9");
	put_neigh(skel->maps.black_neigh, "192.0.2.9", MAC_LAN);
	sent(&p, &out, "on the link");
	assert_memory_equal(out.data, MAC_LAN MAC_BLACK, 12);
	assert_wanted(skel->maps.black_wants, 0, NULL);

	assert_int_equal(bpf_map_delete_elem(routes, &all4), 0);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	run_to(&run, &p, &out, XDP_DROP, ESC_BLACK_OUT_no_route, "::/0 is not for IPv4");
	assert_int_equal(bpf_map_delete_elem(routes, &all6), 0);
	pkt_sent_udp(&p, LAN6, 5000, WEB6, 443, 100);
	run_to(&run, &p, &out, XDP_DROP, ESC_BLACK_OUT_no_route, "no route");
	run_settle(&run, true, "next hops");
	set_up(NULL);
	cfg.families = ESC_SPLIT_IPV6;
	put_settings(skel->maps.black_split, &cfg);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	DROPPED(no_route, "no IPv4 at all");
	run_settle(&run, true, "families");
}

/* A neighbour in use is asked for again, once, long before the kernel forgets it. */
static void neighbours_stay_known(void **state)
{
	struct esc_neigh_hop old = {.asked = monotonic_ns() - ESC_NEIGH_REFRESH_NS - COARSE_NS,
				    .valid = 1};
	struct esc_addr_key key;
	struct pkt p, out;

	(void)state;
	wants_read(skel->maps.black_wants);
	map_key(GATE4, key.addr);
	memcpy(old.mac, MAC_GATE, 6);
	put_map(skel->maps.black_neigh, &key, &old);
	pkt_sent_udp(&p, LAN4, 5000, WEB4, 443, 100);
	sent(&p, &out, "stale");
	sent(&p, &out, "asked for");
	assert_wanted(skel->maps.black_wants, 1, GATE4);
	old.valid = 0;
	old.asked = monotonic_ns() - ESC_NEIGH_RETRY_NS - COARSE_NS;
	put_map(skel->maps.black_neigh, &key, &old);
	for (int i = 0; i < 3; i++)
		run_to(&run, &p, &out, XDP_DROP, ESC_BLACK_OUT_no_neighbour, "no answer yet");
	assert_wanted(skel->maps.black_wants, 1, GATE4);
	run_settle(&run, true, "neighbours");
}

/* --- the guard -------------------------------------------------------------------------------- */

/* What the guard must find in a finished frame, whoever made it. */
static void guard_trusts_nobody(void **state)
{
	static const struct ends wrong[] = {
		{LAN4, WEB4, 0},      {WEB4, WEB4, 0},	      {OWN4, SECURE4, 0},
		{OWN4, LAN4, 0},      {OWN4, "127.0.0.1", 0}, {LAN6_LOCAL, WEB6, 0},
		{WEB6, WEB6, 0},      {LAN6, SECURE6, 0},     {LAN6, "2001:db8:1::9", 0},
		{LAN6, "fe80::1", 0}, {"fe80::5", WEB6, 0},
	};
	struct pkt p;

	(void)state;
	run.prog = bpf_program__fd(skel->progs.guard);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pkt_sent_udp(&p, wrong[i].src, 5000, wrong[i].dst, 443, 100);
		memcpy(p.data + AT_SRC_MAC, MAC_BLACK, 6);
		DROPPED(leak, wrong[i].dst);
	}
	pkt_sent_udp(&p, OWN4, 5000, WEB4, 443, 100);
	DROPPED(leak, "a LAN host's MAC address");
	memcpy(p.data + AT_SRC_MAC, MAC_BLACK, 6);
	run_same(&run, &p, XDP_PASS, ESC_BLACK_OUT_sent, "right");
	pkt_sent_udp(&p, OWN4, 5000, WEB4, 443, MTU_BLACK - 27);
	memcpy(p.data + AT_SRC_MAC, MAC_BLACK, 6);
	DROPPED(leak, "too big");
	pkt_arp(&p, 1, OWN4, WEB4);
	memcpy(p.data + AT_SRC_MAC, MAC_BLACK, 6);
	DROPPED(leak, "no IP");
	run_settle(&run, true, "guard");
}

/* --- without a classifier --------------------------------------------------------------------- */

static const char *const any4[] = {LAN4, LAN4_B, OWN4,	      WEB4,	    SECURE4,
				   RED4, GATE4,	 "127.0.0.1", "10.2.0.255", "224.0.0.1"};
static const char *const any6[] = {LAN6,  LAN6_LOCAL, WEB6,  SECURE6,
				   GATE6, RED6,	      "::1", "::ffff:10.2.0.7"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void any_packet(struct pkt *p)
{
	static const uint16_t ports[] = {53, 443, 5000, 8000, 9000};
	bool six = random32() % 2;
	const char *src = six ? any6[random32() % COUNT(any6)] : any4[random32() % COUNT(any4)];
	const char *dst = six ? any6[random32() % COUNT(any6)] : any4[random32() % COUNT(any4)];
	uint16_t from = ports[random32() % COUNT(ports)], to = ports[random32() % COUNT(ports)];
	struct pkt about;

	switch (random32() % 5) {
	case 0:
		pkt_tcp(p, src, from, dst, to, (uint8_t)(random32() % 64));
		break;
	case 1:
		pkt_ping(p, src, dst, random32() % 2);
		break;
	case 2:
		pkt_sent_udp(&about, dst, to, src, from, 20);
		pkt_unreachable(p, src, dst, &about);
		break;
	case 3:
		if (!six) {
			pkt_fragment(p, src, dst, 7, random32() % 3 * 80, random32() % 2);
			break;
		}
		/* fall through */
	default:
		pkt_sent_udp(p, src, from, dst, to, random32() % 64);
	}
	for (uint32_t i = random32() % 8 ? 0 : random32() % 4; i; i--)
		p->data[random32() % p->len] = (uint8_t)random32();
}

/* Asked in another way than the guard does. */
static void assert_may_leave(const struct pkt *p)
{
	static const uint8_t lan6[8] = {0x20, 1, 0x0d, 0xb8, 0, 1},
			     secure6[8] = {0x20, 1, 0x0d, 0xb8, 0, 2};
	const uint8_t *ip = p->data + AT_IP4;

	assert_memory_equal(p->data + AT_SRC_MAC, MAC_BLACK, 6);
	if (get16(p->data + AT_TYPE) == 0x0800) {
		assert_memory_equal(ip + 12, "\xc0\x00\x02\x01", 4);
		assert_int_not_equal(memcmp(ip + 16, "\x0a\x02\x00", 3), 0);
		assert_int_not_equal(memcmp(ip + 16, "\x0a\x01\x00", 3), 0);
		assert_int_equal(get16(ip + 2) + 14, p->len);
		if (ip[9] == 17 && !(get16(ip + 6) & 0x1fff))
			assert_int_not_equal(get16(ip + 22), 53);
		return;
	}
	assert_int_equal(get16(p->data + AT_TYPE), 0x86dd);
	assert_memory_equal(ip + 8, lan6, sizeof(lan6));
	assert_int_not_equal(memcmp(ip + 24, secure6, sizeof(secure6)), 0);
	assert_int_not_equal(memcmp(ip + 24, lan6, sizeof(lan6)), 0);
	assert_int_equal(get16(ip + 4) + 54, p->len);
	if (ip[6] == 17)
		assert_int_not_equal(get16(ip + 42), 53);
}

static void without_a_classifier_nothing_leaks(void **state)
{
	struct pkt p, out;
	uint32_t passed[2] = {0};

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		int verdict;

		any_packet(&p);
		verdict = run_change(run.prog, &p, &out);
		run.total.packets++;
		run.total.bytes += p.len;
		if (verdict != XDP_PASS) {
			assert_int_equal(verdict, XDP_DROP);
			continue;
		}
		assert_may_leave(&out);
		passed[get16(out.data + AT_TYPE) == 0x86dd]++;
	}
	assert_true(passed[0] > 1000 && passed[1] > 1000);
	run_settle(&run, false, "random frames");
}

static void cost(void **state)
{
	struct pkt p;
	uint32_t ns;
	struct bpf_test_run_opts opts = {.sz = sizeof(opts), .repeat = 200000};

	(void)state;
	pkt_sent_udp(&p, LAN4, 5000, SECURE4, 443, 100);
	opts.data_in = p.data;
	opts.data_size_in = p.len;
	assert_int_equal(bpf_prog_test_run_opts(run.prog, &opts), 0);
	ns = opts.duration;
	printf("  %-8s %-34s %4u ns per packet\n", run.name, "for a secure prefix, dropped", ns);
	run.total.packets += 200000;
	run.total.bytes += 200000ull * p.len;
	run_settle(&run, false, "cost");
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
		FRESH(sent_frames_are_right_to_the_byte),
		FRESH(bytes_behind_the_packet_stay),
		FRESH(fragments_follow_their_first_one),
		FRESH(nothing_leaves_while_off),
		FRESH(malformed_frames),
		FRESH(addresses_that_must_not_leave),
		FRESH(a_secure_default_route_is_of_one_family),
		FRESH(connections_and_policy_decide),
		FRESH(errors_about_nothing),
		FRESH(full_table_takes_no_answer),
		FRESH(next_hops),
		FRESH(neighbours_stay_known),
		FRESH(guard_trusts_nobody),
		FRESH(without_a_classifier_nothing_leaks),
		FRESH(cost),
		FRESH(every_reason_has_a_row),
	};
	int failed;

	libbpf_set_print(quiet);
	skel = leave_bpf__open();
	if (!skel)
		return cannot_run("cannot open the program", errno);
	bpf_map__set_max_entries(skel->maps.conn, ESC_CONNECTIONS_MIN);
	if (leave_bpf__load(skel))
		return cannot_run("cannot load the program", errno);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	leave_bpf__destroy(skel);
	return failed;
}
