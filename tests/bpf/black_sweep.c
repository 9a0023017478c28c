/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * black_sweep.c: the black XDP program over every port, type, length and cut, and over random
 * frames; what a verdict costs.
 */
#include "black_node.h"

static void every_port(void **state)
{
	struct pkt p;

	(void)state;
	for (int six = 0; six < 2; six++) {
		if (six)
			data6(&p);
		else
			data4(&p);
		for (uint32_t port = 0; port < 65536; port++) {
			put16(p.data + (six ? AT_L4_6 : AT_L4_4) + 2, port);
			if (port == PORT)
				run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "port");
			else
				run_expect(&run, &p, XDP_DROP, ESC_BLACK_udp_port, "port");
		}
	}
	run_settle(&run, true, "ports");
}

static enum esc_black_reason message_reason(uint32_t type, uint32_t len)
{
	if (len < 4)
		return ESC_BLACK_wg_length;
	if (type < WG_INITIATION || type > WG_DATA)
		return ESC_BLACK_wg_type;
	if ((type == WG_INITIATION && len == WG_INITIATION_LEN) ||
	    (type == WG_RESPONSE && len == WG_RESPONSE_LEN) ||
	    (type == WG_COOKIE && len == WG_COOKIE_REPLY_LEN) ||
	    (type == WG_DATA && len >= WG_DATA_OVERHEAD))
		return ESC_BLACK_to_crypto;
	return ESC_BLACK_wg_length;
}

static void every_type_at_every_length(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t len = 0; len <= 1500; len++) {
		pkt_wg(&p, PEER4, NODE4, PORT, 0, len);
		for (uint32_t type = 0; type < 256; type++) {
			enum esc_black_reason reason = message_reason(type, len);

			p.data[AT_L4_4 + 8] = (uint8_t)type;
			if (reason == ESC_BLACK_to_crypto)
				pkt_wanted(&node, &p);
			run_expect(&run, &p,
				   reason == ESC_BLACK_to_crypto ? XDP_REDIRECT : XDP_DROP, reason,
				   "type and length");
		}
	}
	run_settle(&run, true, "types and lengths");
}

static void every_reserved_value(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t at = 1; at <= 3; at++) {
		for (uint32_t v = 1; v < 256; v++) {
			data6(&p);
			p.data[AT_L4_6 + 8 + at] = (uint8_t)v;
			run_expect(&run, &p, XDP_DROP, ESC_BLACK_wg_type, "reserved");
		}
	}
	run_settle(&run, true, "reserved bytes");
}

/* Truth for the length fields: only one value of each fits a given frame. */
static void every_wrong_length_field(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t v = 0; v < 65536; v++) {
		uint32_t right = 20 + 8 + 128;

		data4(&p);
		put16(p.data + AT_IP4_LEN, v);
		pkt_ip4_fix(&p);
		if (v == right)
			run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "IPv4 length");
		else
			run_expect(&run, &p, XDP_DROP,
				   v < 20 || v > right ? ESC_BLACK_ip_length : ESC_BLACK_udp_length,
				   "IPv4 length");
		data6(&p);
		put16(p.data + AT_L4_6 + 4, v);
		if (v == 8 + 128)
			run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "UDP length");
		else
			run_expect(&run, &p, XDP_DROP, ESC_BLACK_udp_length, "UDP length");
	}
	run_settle(&run, true, "length fields");
}

/* Neighbour discovery is heard in two groups only, and every bit of their addresses counts. */
static void every_bit_of_a_group(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t bit = 0; bit < 128; bit++) {
		ns_multicast(&p);
		p.data[AT_IP6_DST + bit / 8] ^= (uint8_t)(1u << bit % 8);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_nd_bad, "solicited-node");
		na_all_nodes(&p);
		p.data[AT_IP6_DST + bit / 8] ^= (uint8_t)(1u << bit % 8);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_nd_bad, "all nodes");
	}
	run_settle(&run, true, "groups");
}

static void padded_frames_pass(void **state)
{
	struct pkt p;

	(void)state;
	for (uint32_t pad = 1; pad <= 46; pad++) {
		data4(&p);
		pkt_add(&p, NULL, pad);
		run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "padding");
	}
	run_settle(&run, true, "padding");
}

static void every_cut_is_dropped(void **state)
{
	struct pkt p;

	(void)state;
	for (size_t i = 0; i < PASSING; i++) {
		uint32_t whole;

		passing[i](&p);
		whole = p.len;
		for (p.len = 14; p.len < whole; p.len++)
			assert_int_equal(run_frame(&run, &p), XDP_DROP);
	}
	run_settle(&run, false, "cut frames");
}

static bool same(const uint8_t *at, const char *text)
{
	uint8_t key[16];

	map_key(text, key);
	return strchr(text, ':') ? !memcmp(at, key, 16) : !memcmp(at, key + 12, 4);
}

/* Its session exists, its mac1 is right. */
static bool is_wanted(const uint8_t *msg)
{
	uint32_t receiver = SESSION, mac1 = mac1_at(msg[0]);
	uint8_t right[WG_MAC_LEN];

	if (mac1 && (!wg_mac(node.blake2s, right, node.keys.mac1, WG_KEY_LEN, msg, mac1, NULL, 0) ||
		     memcmp(msg + mac1, right, WG_MAC_LEN)))
		return false;
	return !receiver_at(msg[0]) || !memcmp(msg + receiver_at(msg[0]), &receiver, 4);
}

/* What must hold of a frame that reached crypto, asked in another way than the program does. */
static bool is_message(const struct pkt *p)
{
	bool six = get16(p->data + AT_TYPE) == 0x86dd;
	const uint8_t *ip = p->data + 14, *udp = p->data + (six ? AT_L4_6 : AT_L4_4);
	uint32_t len, head = six ? 62 : 42;

	if (p->len < head + WG_DATA_OVERHEAD || memcmp(p->data, MAC_NODE, 6))
		return false;
	len = get16(udp + 4) - 8;
	if (head + len > p->len || get16(udp + 2) != PORT)
		return false;
	if (six && (ip[0] >> 4 != 6 || ip[6] != 17 || get16(ip + 4) != len + 8 ||
		    !(same(ip + 24, NODE6) || same(ip + 24, LL_NODE)) || ip[8] == 0xff))
		return false;
	if (!six && (get16(p->data + AT_TYPE) != 0x0800 || ip[0] != 0x45 || ip[9] != 17 ||
		     get16(ip + 2) != len + 28 || get16(ip + 6) & 0x3fff || !same(ip + 16, NODE4) ||
		     ip[12] >= 224 || checksum(ip, 20)))
		return false;
	return !udp[9] && !udp[10] && !udp[11] &&
	       message_reason(udp[8], len) == ESC_BLACK_to_crypto && is_wanted(udp + 8);
}

/* What must hold of a frame that reached the kernel. */
static bool is_neighbour(const struct pkt *p)
{
	if (get16(p->data + AT_TYPE) == 0x0806)
		return p->len >= 42 && same(p->data + AT_ARP_TARGET, NODE4);
	return get16(p->data + AT_TYPE) == 0x86dd && p->len >= 78 && p->data[AT_IP6_NEXT] == 58 &&
	       p->data[AT_IP6_HOPS] == 255 && (p->data[AT_L4_6] == 135 || p->data[AT_L4_6] == 136);
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
			assert_true(is_message(&p));
		if (verdict == XDP_PASS)
			assert_true(is_neighbour(&p));
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
	} cases[] = {{"data, IPv4, to crypto", data4},	  {"data, IPv6, to crypto", data6},
		     {"ARP, to the kernel", arp_request}, {"ND, to the kernel", ns_multicast},
		     {"another port, dropped", dns4},	  {"echo, dropped", echo4}};
	struct pkt p;

	(void)state;
	data4(&p);
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
		cmocka_unit_test(every_port),
		cmocka_unit_test(every_type_at_every_length),
		cmocka_unit_test(every_reserved_value),
		cmocka_unit_test(every_wrong_length_field),
		cmocka_unit_test(every_bit_of_a_group),
		cmocka_unit_test(padded_frames_pass),
		cmocka_unit_test(every_cut_is_dropped),
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
