/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat.c: packets through the black domain's NAT, in both directions, to the byte.
 */
#include "nat_node.h"

static const struct end lan = {LAN4, 40000}, remote = {REMOTE4, 443}, own = {OWN4, 40000};
static const struct end lan6 = {LAN6, 40000}, remote6 = {REMOTE6, 443};

/* --- UDP, echo -------------------------------------------------------------------------------- */

static void udp_is_translated_both_ways(void **state)
{
	struct pkt p, e;

	(void)state;
	udp(&p, lan, remote, 101);
	out_is(&p, ESC_BLACK_OUT_sent, "request");
	udp(&e, own, remote, 101);
	same_bytes(&p, &e, "request");
	udp(&p, remote, own, 33);
	in_is(&p, ESC_BLACK_to_lan, "answer");
	udp(&e, remote, lan, 33);
	same_bytes(&p, &e, "answer");
}

static void udp_without_checksum_stays_so(void **state)
{
	struct pkt p, e;

	(void)state;
	udp(&p, lan, remote, 20);
	put16(p.data + AT_L4_4 + 6, 0);
	out_is(&p, ESC_BLACK_OUT_sent, "request");
	udp(&e, own, remote, 20);
	put16(e.data + AT_L4_4 + 6, 0);
	same_bytes(&p, &e, "request");
	udp(&p, remote, own, 20);
	put16(p.data + AT_L4_4 + 6, 0);
	in_is(&p, ESC_BLACK_to_lan, "answer");
	udp(&e, remote, lan, 20);
	put16(e.data + AT_L4_4 + 6, 0);
	same_bytes(&p, &e, "answer");
}

/* The one payload of two bytes whose sum, once translated, is 0. */
static void udp_checksum_of_zero_is_written_as_all_ones(void **state)
{
	struct pkt p, e;

	(void)state;
	udp(&e, own, remote, 2);
	put16(e.data + AT_L4_4 + 8, 0);
	seal(&e);
	put16(e.data + AT_L4_4 + 8, get16(e.data + AT_L4_4 + 6));
	seal(&e);
	assert_int_equal(get16(e.data + AT_L4_4 + 6), 0xffff);
	udp(&p, lan, remote, 2);
	memcpy(p.data + AT_L4_4 + 8, e.data + AT_L4_4 + 8, 2);
	seal(&p);
	out_is(&p, ESC_BLACK_OUT_sent, "request");
	same_bytes(&p, &e, "request");
}

static void echo_is_translated_both_ways(void **state)
{
	static const struct end asker = {LAN4, 77}, self = {OWN4, 77}, host = {REMOTE4, 0};
	struct pkt p, e;

	(void)state;
	echo(&p, asker, host, false);
	out_is(&p, ESC_BLACK_OUT_sent, "echo");
	echo(&e, self, host, false);
	same_bytes(&p, &e, "echo");
	echo(&p, host, self, true);
	in_is(&p, ESC_BLACK_to_lan, "reply");
	echo(&e, host, asker, true);
	same_bytes(&p, &e, "reply");
}

/* Two hosts ping with one identifier: the second one gets another, and both get their replies. */
static void echo_identifiers_of_two_hosts_are_told_apart(void **state)
{
	static const struct end a = {LAN4, 77}, b = {LAN4_B, 77}, host = {REMOTE4, 0};
	struct end self = {OWN4, 0};
	struct pkt p, e;

	(void)state;
	echo(&p, a, host, false);
	out_is(&p, ESC_BLACK_OUT_sent, "first");
	echo(&p, b, host, false);
	out_is(&p, ESC_BLACK_OUT_sent, "second");
	self.port = source_port(&p);
	assert_int_not_equal(self.port, 77);
	assert_int_equal(l4_sum(&p), 0xffff);
	echo(&p, host, self, true);
	in_is(&p, ESC_BLACK_to_lan, "reply");
	echo(&e, host, b, true);
	same_bytes(&p, &e, "reply");
}

static void ip6_keeps_its_addresses(void **state)
{
	struct pkt p, e;

	(void)state;
	udp(&p, lan6, remote6, 101);
	e = p;
	out_is(&p, ESC_BLACK_OUT_sent, "request");
	same_bytes(&p, &e, "request");
	udp(&p, remote6, lan6, 33);
	e = p;
	in_is(&p, ESC_BLACK_to_lan, "answer");
	same_bytes(&p, &e, "answer");
	echo(&p, lan6, remote6, false);
	e = p;
	out_is(&p, ESC_BLACK_OUT_sent, "echo");
	same_bytes(&p, &e, "echo");
	echo(&p, remote6, lan6, true);
	e = p;
	in_is(&p, ESC_BLACK_to_lan, "reply");
	same_bytes(&p, &e, "reply");
}

/* --- TCP: a whole conversation ---------------------------------------------------------------- */

struct line {
	const char *what;
	bool out;
	struct seg s;
};

static const struct line conversation[] = {
	{"SYN", true, {1000, 0, 0, SYN, 64240, 8}},
	{"SYN, again", true, {1000, 0, 0, SYN, 64240, 8}},
	{"SYN and ACK", false, {7000, 1001, 0, SYN | ACK, 65160, 8}},
	{"SYN and ACK, again", false, {7000, 1001, 0, SYN | ACK, 65160, 8}},
	{"ACK", true, {1001, 7001, 0, ACK, 502, 0}},
	{"request", true, {1001, 7001, 517, ACK | PSH, 502, 0}},
	{"acknowledged", false, {7001, 1518, 0, ACK, 505, 0}},
	{"answer", false, {7001, 1518, 1400, ACK, 505, 0}},
	{"answer goes on", false, {8401, 1518, 1400, ACK, 505, 0}},
	{"answer, again", false, {7001, 1518, 1400, ACK, 505, 0}},
	{"acknowledged", true, {1518, 9801, 0, ACK, 480, 0}},
	{"keep-alive", true, {1517, 9801, 0, ACK, 480, 0}},
	{"FIN", true, {1518, 9801, 0, FIN | ACK, 480, 0}},
	{"data after FIN", false, {9801, 1519, 700, ACK, 505, 0}},
	{"FIN", false, {10501, 1519, 0, FIN | ACK, 505, 0}},
	{"last ACK", true, {1519, 10502, 0, ACK, 480, 0}},
};

static void converse(struct end inside, struct end outside, struct end there)
{
	struct pkt p, e;

	for (size_t i = 0; i < sizeof(conversation) / sizeof(conversation[0]); i++) {
		const struct line *l = &conversation[i];

		if (l->out) {
			tcp(&p, inside, there, l->s);
			tcp(&e, outside, there, l->s);
			out_is(&p, ESC_BLACK_OUT_sent, l->what);
		} else {
			tcp(&p, there, outside, l->s);
			tcp(&e, there, inside, l->s);
			in_is(&p, ESC_BLACK_to_lan, l->what);
		}
		same_bytes(&p, &e, l->what);
	}
}

static void tcp_conversation_to_the_byte(void **state)
{
	struct esc_conn c;

	(void)state;
	converse(lan, own, remote);
	assert_true(lookup(skel->maps.conn, conn_key(6, lan, remote), &c));
	assert_int_equal(c.state, ESC_CONN_TIME_WAIT);
	assert_int_equal(c.out_packets, 8);
	assert_int_equal(c.in_packets, 8);
	assert_int_equal(c.out_bytes, 8 * 40 + 2 * 8 + 517);
	assert_int_equal(c.in_bytes, 8 * 40 + 2 * 8 + 3 * 1400 + 700);
	assert_false(lookup(skel->maps.conn_new, conn_key(6, lan, remote), &c));
}

static void tcp_conversation_to_the_byte_ip6(void **state)
{
	(void)state;
	converse(lan6, lan6, remote6);
}

/* --- what else there is to a packet ----------------------------------------------------------- */

static void nothing_passes_while_off(void **state)
{
	struct pkt p;

	(void)state;
	cfg.on = 0;
	set_cfg();
	udp(&p, lan, remote, 20);
	out_is(&p, ESC_BLACK_OUT_off, "off");
	udp(&p, remote, own, 20);
	in_is(&p, ESC_BLACK_off, "off");
	cfg.on = 1;
	cfg.abi_version++;
	set_cfg();
	udp(&p, lan, remote, 20);
	out_is(&p, ESC_BLACK_OUT_off, "another version");
	cfg.abi_version--;
	cfg.families = ESC_SPLIT_IPV6;
	set_cfg();
	out_is(&p, ESC_BLACK_OUT_off, "family");
}

static void a_packet_that_must_not_be_forwarded_opens_nothing(void **state)
{
	struct pkt p;

	(void)state;
	udp(&p, lan, remote, 20);
	*ttl_of(&p) = 1;
	seal(&p);
	out_is(&p, ESC_BLACK_OUT_ttl, "TTL");
	udp(&p, lan6, remote6, 20);
	*ttl_of(&p) = 1;
	out_is(&p, ESC_BLACK_OUT_ttl, "hop limit");
	udp(&p, lan, remote, 20);
	p.data[AT_IP4] = 0x46;
	pkt_ip4_fix(&p);
	out_is(&p, ESC_BLACK_OUT_ip_header, "options");
	udp(&p, lan, remote, 20);
	p.data[AT_IP4_PROTO] = 47;
	pkt_ip4_fix(&p);
	out_is(&p, ESC_BLACK_OUT_protocol, "GRE");
	udp(&p, lan, remote, 20);
	put16(p.data + AT_L4_4 + 4, 29);
	out_is(&p, ESC_BLACK_OUT_transport, "UDP length");
	echo(&p, lan, remote, true);
	out_is(&p, ESC_BLACK_OUT_denied, "reply to nothing");
	assert_int_equal(entries(skel->maps.conn_new), 0);
	assert_int_equal(entries(skel->maps.nat_map), 0);
}

static void fragments_follow_their_first_one(void **state)
{
	struct pkt p, e;

	(void)state;
	udp(&p, lan, remote, 1000);
	put16(p.data + AT_IP4 + 4, 0x1234);
	put16(p.data + AT_IP4_FRAG, 125);
	pkt_ip4_fix(&p);
	out_is(&p, ESC_BLACK_OUT_fragment_lost, "before its first");
	e = p;
	udp(&p, lan, remote, 992);
	put16(p.data + AT_IP4 + 4, 0x1234);
	put16(p.data + AT_IP4_FRAG, 0x2000);
	pkt_ip4_fix(&p);
	out_is(&p, ESC_BLACK_OUT_sent, "first");
	p = e;
	out_is(&p, ESC_BLACK_OUT_sent, "second");
	address(AF_INET, OWN4, e.data + AT_IP4_SRC);
	same_bytes(&p, &e, "second");
}

/* --- cost ------------------------------------------------------------------------------------- */

static uint32_t nanoseconds(struct bpf_program *prog, const struct pkt *p, int reason)
{
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts),
		.data_in = p->data,
		.data_size_in = p->len,
		.repeat = 100000,
	};

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		fail_msg("test run: %s", strerror(errno));
	assert_int_equal((int)opts.retval, reason);
	return opts.duration;
}

static void print_cost(const char *what, const struct pkt *out, const struct pkt *in)
{
	uint32_t none = nanoseconds(skel->progs.cost_none, out, 0);
	uint32_t there = nanoseconds(skel->progs.cost_out, out, ESC_BLACK_OUT_sent);
	uint32_t back = nanoseconds(skel->progs.cost_in, in, ESC_BLACK_to_lan);

	printf("  nat      %-30s out %4u ns, in %4u ns per packet\n", what, there - none,
	       back - none);
}

static void cost(void **state)
{
	struct pkt out, in;

	(void)state;
	udp(&out, lan, remote, 1392);
	udp(&in, remote, own, 1392);
	print_cost("UDP", &out, &in);
	udp(&out, lan6, remote6, 1372);
	udp(&in, remote6, lan6, 1372);
	print_cost("UDP, IPv6", &out, &in);
	for (int i = 0; i < 5; i++) {
		tcp(&out, lan, remote, conversation[i].s);
		tcp(&in, remote, own, conversation[i].s);
		run_prog(conversation[i].out ? skel->progs.nat_out : skel->progs.nat_in,
			 conversation[i].out ? &out : &in, &out);
	}
	tcp(&out, lan, remote, (struct seg){1001, 7001, 1400, ACK, 502, 0});
	tcp(&in, remote, own, (struct seg){7001, 1001, 1400, ACK, 502, 0});
	print_cost("TCP", &out, &in);
}

#define ROW(test) cmocka_unit_test_setup(test, fresh_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(udp_is_translated_both_ways),
		ROW(udp_without_checksum_stays_so),
		ROW(udp_checksum_of_zero_is_written_as_all_ones),
		ROW(echo_is_translated_both_ways),
		ROW(echo_identifiers_of_two_hosts_are_told_apart),
		ROW(ip6_keeps_its_addresses),
		ROW(tcp_conversation_to_the_byte),
		ROW(tcp_conversation_to_the_byte_ip6),
		ROW(nothing_passes_while_off),
		ROW(a_packet_that_must_not_be_forwarded_opens_nothing),
		ROW(fragments_follow_their_first_one),
		ROW(cost),
	};
	const char *failed = load_node();
	int status;

	if (failed)
		return cannot_run(failed, errno);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	nat_bpf__destroy(skel);
	return status;
}
