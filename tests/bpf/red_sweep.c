/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red_sweep.c: the red XDP program over prefixes of both families, every protocol, ICMP type,
 * length and cut, and over random frames; what a verdict costs.
 */
#include "red_node.h"

/* The default route of one family says nothing about the other. */
static void families_do_not_mix(void **state)
{
	int secure = bpf_map__fd(skel->maps.secure);
	struct esc_lpm_key all6 = {0}, all4 = {.prefixlen = 96, .addr = {[10] = 0xff, [11] = 0xff}};
	struct pkt p4, p6, inside;

	(void)state;
	open4(&p4);
	open6(&p6);
	site4(&inside);
	fill_secure("::", 0);
	run_expect(&run, &p6, XDP_REDIRECT, ESC_RED_to_red, "::/0 and IPv6");
	run_expect(&run, &p4, XDP_DROP, ESC_RED_not_secure, "::/0 and IPv4");
	run_expect(&run, &inside, XDP_REDIRECT, ESC_RED_to_red, "::/0 and a longer IPv4 prefix");
	mapped_site(&inside);
	run_expect(&run, &inside, XDP_DROP, ESC_RED_not_secure, "::/0 and a mapped address");
	fill_secure("0.0.0.0", 0);
	run_expect(&run, &p4, XDP_REDIRECT, ESC_RED_to_red, "both and IPv4");
	run_expect(&run, &p6, XDP_REDIRECT, ESC_RED_to_red, "both and IPv6");
	loopback4(&inside);
	run_expect(&run, &inside, XDP_DROP, ESC_RED_not_secure, "both and loopback");
	link_local6(&inside);
	run_expect(&run, &inside, XDP_DROP, ESC_RED_not_secure, "both and link-local");
	link_local4(&inside);
	run_expect(&run, &inside, XDP_DROP, ESC_RED_not_secure, "both and IPv4 link-local");
	own_udp4(&inside);
	run_expect(&run, &inside, XDP_DROP, ESC_RED_own_addr, "both and an own address");
	mdns4(&inside);
	run_expect(&run, &inside, XDP_DROP, ESC_RED_multicast, "both and multicast");
	assert_int_equal(bpf_map_delete_elem(secure, &all6), 0);
	run_expect(&run, &p4, XDP_REDIRECT, ESC_RED_to_red, "0.0.0.0/0 and IPv4");
	run_expect(&run, &p6, XDP_DROP, ESC_RED_not_secure, "0.0.0.0/0 and IPv6");
	assert_int_equal(bpf_map_delete_elem(secure, &all4), 0);
	run_expect(&run, &p4, XDP_DROP, ESC_RED_not_secure, "no default route");
	run_settle(&run, true, "families");
}

/* 10.2.0.0/24 and nothing around it. */
static void every_address_of_two_networks(void **state)
{
	struct pkt p;

	(void)state;
	site4(&p);
	for (uint32_t low = 0; low < 65536; low++) {
		bool in = low >> 8 == 0;

		put16(p.data + AT_IP4_DST + 2, low);
		run_expect(&run, &p, in ? XDP_REDIRECT : XDP_DROP,
			   in ? ESC_RED_to_red : ESC_RED_not_secure, "10.2.0.0/16");
	}
	run_settle(&run, true, "addresses");
}

/* First byte of source and destination: which networks exist on a wire at all. */
static void every_first_byte(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t v = 0; v < 256; v++) {
		bool off_wire = v == 0 || v == 127 || v >= 224;

		site4(&p);
		p.data[AT_IP4_SRC] = (uint8_t)v;
		run_expect(&run, &p, off_wire ? XDP_DROP : XDP_REDIRECT,
			   off_wire ? ESC_RED_source : ESC_RED_to_red, "source");
		site4(&p);
		p.data[AT_IP4_DST] = (uint8_t)v;
		if (v != 10)
			run_expect(&run, &p, XDP_DROP,
				   v >= 224 ? ESC_RED_multicast : ESC_RED_not_secure,
				   "destination");
	}
	run_settle(&run, true, "first bytes");
}

/* Of all that can be said to an own address the kernel hears echo, and ND in IPv6. */
static void every_protocol_and_type_to_the_node(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t v = 0; v < 256; v++) {
		bool echo = v == 1;

		echo4(&p);
		p.data[AT_IP4_PROTO] = (uint8_t)v;
		run_expect(&run, &p, echo ? XDP_PASS : XDP_DROP,
			   echo ? ESC_RED_echo : ESC_RED_own_addr, "protocol");
		echo4(&p);
		p.data[AT_L4_4] = (uint8_t)v;
		echo = v == 8;
		run_expect(&run, &p, echo ? XDP_PASS : XDP_DROP,
			   echo ? ESC_RED_echo : ESC_RED_own_addr, "ICMP type");
		echo6(&p);
		p.data[AT_L4_6] = (uint8_t)v;
		if (v == 128 || v == 133 || v == 135 || v == 136)
			run_expect(&run, &p, XDP_PASS, v == 128 ? ESC_RED_echo : ESC_RED_nd,
				   "ICMPv6 type");
		else
			run_expect(&run, &p, XDP_DROP,
				   v == 134 || v == 137 ? ESC_RED_nd_bad : ESC_RED_own_addr,
				   "ICMPv6 type");
	}
	run_settle(&run, true, "protocols and types");
}

static void every_wrong_length_field(void **state)
{
	struct pkt p4, p6;

	(void)state;
	site4(&p4);
	site6(&p6);
	for (uint32_t v = 0; v < 65536; v++) {
		bool fits4 = v >= 20 && v <= p4.len - 14, fits6 = v <= p6.len - 54;

		put16(p4.data + AT_IP4_LEN, v);
		put16(p6.data + AT_IP6_LEN, v);
		run_expect(&run, &p4, fits4 ? XDP_REDIRECT : XDP_DROP,
			   fits4 ? ESC_RED_to_red : ESC_RED_ip_length, "IPv4 length");
		run_expect(&run, &p6, fits6 ? XDP_REDIRECT : XDP_DROP,
			   fits6 ? ESC_RED_to_red : ESC_RED_ip_length, "IPv6 length");
	}
	run_settle(&run, true, "length fields");
}

static void every_size_passes_whole_and_never_cut(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t len = 0; len <= 1472; len++) {
		pkt_udp(&p, HOST4, SITE4, 5000, len);
		run_expect(&run, &p, XDP_REDIRECT, ESC_RED_to_red, "size");
		p.len--;
		run_expect(&run, &p, XDP_DROP, ESC_RED_ip_length, "one byte short");
	}
	for (size_t i = 0; i < PASSING; i++) {
		uint32_t whole;

		passing[i](&p);
		whole = p.len;
		for (p.len = 14; p.len < whole; p.len++) {
			if (run_frame(&run, &p) != XDP_DROP)
				fail_msg("packet %zu cut to %u bytes passed", i, p.len);
		}
	}
	run_settle(&run, false, "cut frames");
}

/* The trie holds what limits.h promises, and says what a lookup in a full one costs. */
static void as_many_prefixes_as_promised(void **state)
{
	int secure = bpf_map__fd(skel->maps.secure);
	struct esc_lpm_key key = {.prefixlen = 120, .addr = {[10] = 0xff, [11] = 0xff, [12] = 20}};
	uint8_t family = ESC_SECURE_IPV4;
	struct pkt p;

	(void)state;
	for (uint32_t i = 0; i < ESC_PREFIXES_MAX - 2; i++) { /* two are there */
		put16(key.addr + 13, i);
		assert_int_equal(bpf_map_update_elem(secure, &key, &family, BPF_NOEXIST), 0);
	}
	put16(key.addr + 13, ESC_PREFIXES_MAX);
	assert_int_not_equal(bpf_map_update_elem(secure, &key, &family, BPF_NOEXIST), 0);
	site4(&p);
	p.data[AT_IP4_DST] = 20;
	for (uint32_t i = 0; i < ESC_PREFIXES_MAX - 2; i++) {
		put16(p.data + AT_IP4_DST + 1, i);
		run_expect(&run, &p, XDP_REDIRECT, ESC_RED_to_red, "one of many");
	}
	run_settle(&run, true, "prefixes");
	run_cost(&run, "IPv4, to red, all prefixes in use", &p);
	for (uint32_t i = 0; i < ESC_PREFIXES_MAX - 2; i++) {
		put16(key.addr + 13, i);
		assert_int_equal(bpf_map_delete_elem(secure, &key), 0);
	}
	run_settle(&run, false, "cost");
}

/* What must hold of a frame that reached the red process, asked in another way. */
static bool is_for_site(const struct pkt *p)
{
	static const uint8_t site6[8] = {0xfd, 0, 0, 2};
	const uint8_t *ip = p->data + 14;

	if (memcmp(p->data, MAC_NODE, 6) || p->len < 34)
		return false;
	if (get16(p->data + AT_TYPE) == 0x86dd)
		return ip[0] >> 4 == 6 && !memcmp(ip + 24, site6, sizeof(site6)) && ip[8] != 0xff &&
		       get16(ip + 4) + 54 <= p->len;
	return get16(p->data + AT_TYPE) == 0x0800 && ip[0] >= 0x45 && ip[0] <= 0x4f &&
	       !memcmp(ip + 16, "\x0a\x02\x00", 3) && ip[12] && ip[12] < 224 &&
	       get16(ip + 2) + 14 <= p->len && get16(ip + 2) >= (ip[0] & 15u) * 4;
}

/* What must hold of a frame that reached the kernel: ARP, ND or echo, and nothing to forward. */
static bool is_for_kernel(const struct pkt *p)
{
	const uint8_t *ip = p->data + 14, *icmp;
	uint8_t own4[16], own6[16], link[16];

	map_key(NODE4, own4);
	map_key(NODE6, own6);
	map_key(LL_NODE, link);
	switch (get16(p->data + AT_TYPE)) {
	case 0x0806:
		return p->len >= 42;
	case 0x0800:
		return ip[0] == 0x45 && ip[9] == 1 && ip[20] == 8 && !memcmp(ip + 16, own4 + 12, 4);
	case 0x86dd:
		icmp = ip + 40;
		if (ip[6] != 58 || (icmp[0] != 128 && ip[7] != 255))
			return false;
		if (memcmp(ip + 24, own6, 16) && memcmp(ip + 24, link, 16) && ip[24] != 0xff)
			return false;
		return icmp[0] == 133 || icmp[0] == 135 || icmp[0] == 136 ||
		       (icmp[0] == 128 && ip[24] != 0xff);
	}
	return false;
}

static void random_frames_are_accounted(void **state)
{
	uint32_t verdicts[XDP_REDIRECT + 1] = {0};
	struct pkt p;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		int verdict;

		pkt_fuzz(&p, passing, PASSING);
		verdict = run_frame(&run, &p);
		assert_in_range(verdict, XDP_DROP, XDP_REDIRECT);
		verdicts[verdict]++;
		if (verdict == XDP_REDIRECT)
			assert_true(is_for_site(&p));
		if (verdict == XDP_PASS)
			assert_true(is_for_kernel(&p));
	}
	assert_int_equal(verdicts[XDP_TX], 0);
	assert_true(verdicts[XDP_DROP] && verdicts[XDP_PASS] && verdicts[XDP_REDIRECT]);
	run_settle(&run, false, "random frames");
}

static void cost(void **state)
{
	static const struct {
		const char *name;
		pkt_builder build;
	} cases[] = {{"IPv4, to red", site4},
		     {"IPv6, to red", site6},
		     {"ARP, to the kernel", arp_request},
		     {"ND, to the kernel", ns_multicast},
		     {"echo, to the kernel", echo4},
		     {"elsewhere, dropped", open4},
		     {"own address, dropped", own_udp4},
		     {"multicast, dropped", mdns4}};
	struct pkt p;

	(void)state;
	site4(&p);
	put16(p.data + AT_TYPE, 0x8100);
	run_cost(&run, "VLAN, dropped", &p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cases[i].build(&p);
		run_cost(&run, cases[i].name, &p);
	}
	run_settle(&run, false, "cost");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(every_address_of_two_networks),
		cmocka_unit_test(every_first_byte),
		cmocka_unit_test(every_protocol_and_type_to_the_node),
		cmocka_unit_test(every_wrong_length_field),
		cmocka_unit_test(every_size_passes_whole_and_never_cut),
		cmocka_unit_test(as_many_prefixes_as_promised),
		cmocka_unit_test(random_frames_are_accounted),
		cmocka_unit_test(cost),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
