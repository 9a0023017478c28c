/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_icmp_forged.c: ICMP errors that somebody made up who does not see the connection, or that are
 * damaged, do not pass the NAT (RFC 5927).
 */
#include "icmp_conn.h"

/* A right error about a packet of k whose quote was changed by `forge`; all sums are right. */
typedef void (*forger)(struct pkt *about, const struct known *k, int way);

static uint8_t *l4_of(struct pkt *p, const struct known *k)
{
	return p->data + (k->six ? AT_L4_6 : AT_L4_4);
}

/* Before what may be on its way, or behind all that was sent. */
static void put_seq(struct pkt *p, const struct known *k, int way, int64_t from_end)
{
	uint32_t seq = k->end[way == OUT ? 0 : 1] + (uint32_t)from_end;

	put16(l4_of(p, k) + 4, seq >> 16);
	put16(l4_of(p, k) + 6, seq & 0xffff);
}

static void old_sequence(struct pkt *p, const struct known *k, int way)
{
	put_seq(p, k, way, -(int64_t)WINDOW - 1);
}

static void future_sequence(struct pkt *p, const struct known *k, int way)
{
	put_seq(p, k, way, 1);
}

static void far_sequence(struct pkt *p, const struct known *k, int way)
{
	put_seq(p, k, way, 0x80000000);
}

static void near_port(struct pkt *p, const struct known *k, int way)
{
	bool ports = k->proto == 6 || k->proto == 17;
	uint8_t *at = l4_of(p, k) + (!ports ? 4 : way == OUT ? 0 : 2);

	put16(at, get16(at) ^ 1);
}

static void far_port(struct pkt *p, const struct known *k, int way)
{
	uint8_t *at = l4_of(p, k) + (way == OUT ? 2 : 0);

	put16(at, get16(at) ^ 1);
}

/* Another remote host; the error's own addresses fit to the quote. */
static void remote_host(struct pkt *p, const struct known *k, int way)
{
	uint32_t at = (k->six ? AT_IP6_SRC + 15 : AT_IP4_SRC + 3);

	p->data[at + (way == OUT ? (k->six ? 16 : 4) : 0)] ^= 0x80;
}

static void near_host(struct pkt *p, const struct known *k, int way)
{
	uint32_t at = (k->six ? AT_IP6_SRC + 15 : AT_IP4_SRC + 3);

	p->data[at + (way == IN ? (k->six ? 16 : 4) : 0)] ^= 0x80;
}

static void other_protocol(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	p->data[k->six ? AT_IP6_NEXT : AT_IP4_PROTO] = k->proto == 6 ? 17 : 6;
}

static void unknown_protocol(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	p->data[k->six ? AT_IP6_NEXT : AT_IP4_PROTO] = 132;
}

static void nested(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	p->data[k->six ? AT_IP6_NEXT : AT_IP4_PROTO] = k->six ? 58 : 1;
	l4_of(p, k)[0] = k->six ? 1 : 3;
	l4_of(p, k)[1] = 0;
}

static void echo_code(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	if (k->proto == 6 || k->proto == 17)
		nested(p, k, way);
	l4_of(p, k)[1] = 1;
}

static void later_fragment(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	if (!k->six) {
		put16(p->data + AT_IP4_FRAG, 3);
		return;
	}
	p->data[AT_IP6_NEXT] = 44;
	memmove(l4_of(p, k) + 8, l4_of(p, k), 30);
	memcpy(l4_of(p, k), "\x11\x00\x00\x18\x00\x00\x00\x07", 8);
	l4_of(p, k)[0] = k->proto;
}

static void other_version(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	p->data[AT_IP4] = k->six ? 0x45 : 0x65;
}

static void with_options(struct pkt *p, const struct known *k, int way)
{
	(void)way;
	p->data[k->six ? AT_IP6_NEXT : AT_IP4] = k->six ? 0 : 0x46;
}

static void no_change(struct pkt *p, const struct known *k, int way)
{
	(void)p;
	(void)k;
	(void)way;
}

static const struct forgery {
	const char *name;
	forger forge;
	bool tcp, ports; /* of these only */
	bool pass;
} forgeries[] = {
	{"unchanged", no_change, false, false, true},
	{"own port", near_port, false, false, false},
	{"remote port", far_port, false, true, false},
	{"remote host", remote_host, false, false, false},
	{"node or LAN host", near_host, false, false, false},
	{"other protocol", other_protocol, false, false, false},
	{"unknown protocol", unknown_protocol, false, false, false},
	{"sequence number too old", old_sequence, true, true, false},
	{"sequence number of the future", future_sequence, true, true, false},
	{"sequence number far away", far_sequence, true, true, false},
	{"about an error", nested, false, false, false},
	{"about an echo with a code", echo_code, false, false, false},
	{"about a later fragment", later_fragment, false, false, false},
	{"other version", other_version, false, false, false},
	{"with options", with_options, false, false, false},
};

static void text_of(const struct pkt *p, bool six, bool dst, char out[48])
{
	inet_ntop(six ? AF_INET6 : AF_INET,
		  p->data + (six ? AT_IP6_SRC : AT_IP4_SRC) + (dst ? (six ? 16 : 4) : 0), out, 48);
}

/* The error about a forged packet, to whom that claims to be from. */
static void forge(struct pkt *in, const struct known *k, int way, const struct forgery *f)
{
	struct pkt about;
	char src[48], dst[48];
	struct error e = {.type = k->six ? 1 : 3, .code = 1};

	packet(&about, k, !way, way == IN, random32() | 0x40);
	text_of(&about, k->six, true, src);
	f->forge(&about, k, !way);
	text_of(&about, k->six, false, dst);
	if (!k->six)
		pkt_ip4_fix(&about);
	e.quote = about.len - 14 < 128 ? about.len - 14 : 128;
	error_about(in, &about, src, dst, &e);
}

static void forged_errors_are_refused(void **state)
{
	struct pkt in, out;

	(void)state;
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		const struct forgery *f = &forgeries[i];

		for (uint32_t n = 0; n < CONNS; n++) {
			const struct known *k = &known[n];

			if ((f->tcp && k->proto != 6) ||
			    (f->ports && k->proto != 6 && k->proto != 17))
				continue;
			for (int way = OUT; way <= IN; way++) {
				int want = f->pass ? pass(way) : refused(way), got;

				forge(&in, k, way, f);
				got = run_change(prog[way], &in, &out);
				if (got == want)
					continue;
				if (f->forge == near_host && way == IN && !k->six &&
				    got == ESC_BLACK_not_own_addr) /* not even looked at */
					continue;
				fail_msg("%s, %s, %s, protocol %u: %d instead of %d", f->name,
					 way == IN ? "in" : "out", k->six ? "IPv6" : "IPv4",
					 k->proto, got, want);
			}
		}
	}
}

/* To another one than who is said to have sent the packet. */
static void errors_to_others_are_refused(void **state)
{
	struct pkt in, out, want;

	(void)state;
	for (uint32_t n = 0; n < CONNS; n++) {
		const struct known *k = &known[n];

		both_sides(k, OUT, random32(), &in, &want);
		in.data[k->six ? AT_IP6_DST + 15 : AT_IP4_DST + 3] ^= 0x40;
		ref_fix(in.data + 14, in.len - 14);
		assert_int_equal(run_change(prog[OUT], &in, &out), ESC_BLACK_OUT_icmp_error);
		if (!k->six)
			continue;
		both_sides(k, IN, random32(), &in, &want);
		in.data[AT_IP6_DST + 15] ^= 0x40;
		ref_fix(in.data + 14, in.len - 14);
		assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
	}
}

/* One wrong bit anywhere in the ICMP message, or in the quoted IPv4 header with a right message. */
static void wrong_checksums_are_refused(void **state)
{
	struct pkt in, out, want;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		const struct known *k = &known[random32() % CONNS];
		uint32_t l4 = k->six ? AT_L4_6 : AT_L4_4, at;
		int way = (int)(i % 2);

		both_sides(k, way, random32(), &in, &want);
		at = l4 + 1 + random32() % (in.len - l4 - 1); /* the type might become unknown */
		in.data[at] ^= (uint8_t)(1 << random32() % 8);
		assert_int_equal(run_change(prog[way], &in, &out), refused(way));
		if (k->six)
			continue;
		both_sides(k, way, random32(), &in, &want);
		in.data[l4 + 8 + random32() % 20] ^= (uint8_t)(1 << random32() % 8);
		ref_fix(in.data + 14, in.len - 14);
		assert_int_equal(run_change(prog[way], &in, &out), refused(way));
	}
}

/*
 * An error that ends early, with lengths and checksums that say so. What is behind it in the frame
 * is padding, even if it looks like the rest.
 */
static void short_quotes_are_refused(void **state)
{
	struct pkt in, out, about;

	(void)state;
	for (uint32_t n = 0; n < 6; n++) {
		const struct known *k = &known[n];
		uint32_t least = k->six ? 48 : 28;
		const char *far = k->remote, *own = k->six ? k->lan : OWN4;

		for (int way = OUT; way <= IN; way++) {
			packet(&about, k, !way, way == IN, 0x1234541);
			for (uint32_t quote = 0; quote < 90 && quote < about.len - 14; quote++) {
				struct error e = {.type = 3, .quote = quote};

				error_about(&in, &about, way == IN ? far : k->lan,
					    way == IN ? own : far, &e);
				if (quote % 2)
					pkt_add(&in, about.data + 14 + quote, 60);
				assert_int_equal(run_change(prog[way], &in, &out),
						 quote < least ? refused(way) : pass(way));
			}
		}
	}
}

/* A frame that ends before its packet, and a message that ends before its header. */
static void cut_frames_are_refused(void **state)
{
	struct pkt in, out, want;

	(void)state;
	for (uint32_t n = 0; n < 12; n++) {
		int way = (int)(n / 6);

		both_sides(&known[n % 6], way, 0x5555, &in, &want);
		for (in.len--; in.len >= 14; in.len--) {
			int got = run_change(prog[way], &in, &out);

			assert_int_not_equal(got, pass(way));
		}
	}
}

static void connections_that_are_not_there(void **state)
{
	struct known gone = known[0], expired = known[1], unanswered = known[6], other = known[12];
	struct esc_nat_key inner = {0};
	struct pkt in, out, want;

	(void)state;
	gone.remote_port ^= 1;
	both_sides(&gone, IN, 1, &in, &want);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
	expired.lan_port = expired.own_port = 999;
	put_conn(&expired, bpf_map__fd(skel->maps.conn), 1);
	both_sides(&expired, IN, 1, &in, &want);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
	put_conn(&expired, bpf_map__fd(skel->maps.conn), UINT64_MAX);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_to_lan);
	/* The owner of the port is another one, nobody, or the node itself. */
	put_owner(unanswered.proto, unanswered.own_port, ESC_PORT_FREE);
	both_sides(&unanswered, IN, 1, &in, &want);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
	put_owner(unanswered.proto, unanswered.own_port, ESC_PORT_RESERVED);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
	/* A port of the same inner endpoint, but not the one of this connection. */
	put_conn(&other, bpf_map__fd(skel->maps.conn), UINT64_MAX);
	other.own_port ^= 1;
	memcpy(inner.lan, other.key.lan + 12, 4);
	inner.port = other.key.lan_port;
	inner.proto = other.proto;
	put_owner(other.proto, other.own_port, esc_port_owner(&inner));
	both_sides(&other, IN, 1, &in, &want);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
}

/* Nothing was sent yet: no number is right. */
static void one_sided_connections(void **state)
{
	struct known *k = &known[0];
	struct esc_conn c;
	struct pkt in, out, want;
	int map = bpf_map__fd(skel->maps.conn_new);

	(void)state;
	assert_int_equal(k->proto, 6);
	assert_int_equal(bpf_map_lookup_elem(map, &k->key, &c), 0);
	c.tcp[ESC_FROM_REMOTE] = (struct esc_tcp_side){0};
	bpf_map_update_elem(map, &k->key, &c, BPF_ANY);
	k->end[1] = 0; /* as an empty entry has it */
	both_sides(k, OUT, 0, &in, &want);
	assert_int_equal(run_change(prog[OUT], &in, &out), ESC_BLACK_OUT_icmp_error);
	both_sides(k, IN, 1500, &in, &want); /* about the SYN, or a segment behind it */
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_to_lan);
	both_sides(k, IN, 1501, &in, &want);
	assert_int_equal(run_change(prog[IN], &in, &out), ESC_BLACK_icmp_error);
}

/* Even a fragment that is the whole error (RFC 8021). */
static void errors_in_fragments_are_refused(void **state)
{
	struct pkt in, out, want;

	(void)state;
	for (int way = OUT; way <= IN; way++) {
		both_sides(&known[0], way, 5, &in, &want);
		put16(in.data + AT_IP4_FRAG, 0x2000);
		pkt_ip4_fix(&in);
		assert_int_not_equal(run_change(prog[way], &in, &out), pass(way));
		both_sides(&known[1], way, 5, &in, &want);
		memmove(in.data + AT_L4_6 + 8, in.data + AT_L4_6, in.len - AT_L4_6);
		memcpy(in.data + AT_L4_6, "\x3a\0\0\0\0\0\0\1", 8);
		in.len += 8;
		put16(in.data + AT_IP6_LEN, in.len - AT_L4_6);
		in.data[AT_IP6_NEXT] = 44;
		assert_int_equal(run_change(prog[way], &in, &out), refused(way));
	}
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup(forged_errors_are_refused, set_up),
		cmocka_unit_test_setup(errors_to_others_are_refused, set_up),
		cmocka_unit_test_setup(wrong_checksums_are_refused, set_up),
		cmocka_unit_test_setup(short_quotes_are_refused, set_up),
		cmocka_unit_test_setup(cut_frames_are_refused, set_up),
		cmocka_unit_test_setup(errors_in_fragments_are_refused, set_up),
		cmocka_unit_test_setup(connections_that_are_not_there, set_up),
		cmocka_unit_test_setup(one_sided_connections, set_up),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return run_nat(tests);
}
