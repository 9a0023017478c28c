/* SPDX-License-Identifier: BSD-2-Clause */
/* IP packets taken apart, and the ICMP messages of a router: bytes, checksums, when to be silent.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "red/icmp.h"
#include "red_lab.h"

#define V4 "10.2.0.9", "192.168.1.7"
#define V6 "fd00:2::9", "fd00:1::7"

static uint8_t buf[4096], out[4096];

static struct packet parsed(const struct lab_ip *w)
{
	struct packet p;
	uint32_t len = lab_build(buf, w);

	assert_true(packet_parse(buf, len, &p));
	return p;
}

/* --- taking packets apart ---------------------------------------------------------------- */

/* In memory of exactly that size, so that a sanitizer sees a read beyond it. */
static bool parses(const uint8_t *ip, uint32_t room, struct packet *p)
{
	uint8_t *exact = malloc(room ? room : 1);

	memcpy(exact, ip, room);
	bool ok = packet_parse(exact, room, p);
	free(exact);
	return ok;
}

static void truncated_packets_are_refused(void **state)
{
	const struct lab_ip kinds[] = {{V4, IPPROTO_UDP, 64, 0, 30}, {V6, IPPROTO_UDP, 64, 0, 30}};
	struct packet p;

	(void)state;
	for (int k = 0; k < 2; k++) {
		uint32_t len = lab_build(buf, &kinds[k]);

		for (uint32_t room = 0; room < len; room++)
			assert_false(parses(buf, room, &p));
		assert_true(parses(buf, len, &p));
		assert_true(parses(buf, len + 18, &p)); /* Ethernet padding */
		assert_int_equal(p.len, len);
		assert_int_equal(p.upper, k ? 40 : 20);
		assert_int_equal(p.protocol, IPPROTO_UDP);
	}
}

static void bad_headers_are_refused(void **state)
{
	const struct lab_ip v4 = {V4, IPPROTO_UDP, 64, 0, 30};
	const struct lab_ip mapped = {V6, IPPROTO_UDP, 64, 0, 30};
	struct packet p;

	(void)state;
	for (uint32_t bit = 0; bit < 20 * 8; bit++) { /* any one bit: the checksum, at least */
		uint32_t len = lab_build(buf, &v4);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(packet_parse(buf, len, &p));
	}
	for (uint8_t version = 0; version < 16; version++) {
		uint32_t len = lab_build(buf, &mapped);
		buf[0] = (uint8_t)(version << 4);
		assert_int_equal(packet_parse(buf, len, &p), version == 6);
	}
	for (uint32_t at = 8; at <= 24; at += 16) { /* an IPv6 packet in an IPv4 address's name */
		uint32_t len = lab_build(buf, &mapped);
		lab_addr(buf + at, "::ffff:10.0.0.1");
		assert_false(packet_parse(buf, len, &p));
	}
}

/* Chains of extension headers: {next header, length field} each, up to the transport. */
static void extension_headers_are_followed(void **state)
{
	static const struct {
		uint8_t chain[12][2];
		uint32_t n;
		uint8_t transport, found;
		uint32_t upper;
	} rows[] = {
		{{{0}}, 0, IPPROTO_TCP, IPPROTO_TCP, 40},
		{{{IPPROTO_HOPOPTS, 0}}, 1, IPPROTO_TCP, IPPROTO_TCP, 48},
		{{{IPPROTO_HOPOPTS, 1}, {IPPROTO_ROUTING, 2}}, 2, IPPROTO_TCP, IPPROTO_TCP, 80},
		{{{IPPROTO_AH, 4}}, 1, IPPROTO_ICMPV6, IPPROTO_ICMPV6, 64},
		{{{IPPROTO_DSTOPTS, 255}}, 1, IPPROTO_TCP, NO_TRANSPORT, 40},
		{{{IPPROTO_ESP, 0}}, 1, IPPROTO_TCP, IPPROTO_ESP, 40},
		{{{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
		 8,
		 IPPROTO_TCP,
		 IPPROTO_TCP,
		 104},
		{{{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
		 9,
		 IPPROTO_TCP,
		 NO_TRANSPORT,
		 112},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t first = rows[i].n ? rows[i].chain[0][0] : rows[i].transport;
		const struct lab_ip w = {V6, first, 64, 0, 160};
		struct packet p;
		uint32_t len = lab_build(buf, &w), at = 40;

		for (uint32_t h = 0; h < rows[i].n; h++) {
			uint8_t kind = rows[i].chain[h][0], size = rows[i].chain[h][1];
			buf[at] = h + 1 < rows[i].n ? rows[i].chain[h + 1][0] : rows[i].transport;
			buf[at + 1] = size;
			at += kind == IPPROTO_AH ? (size + 2u) * 4 : (size + 1u) * 8;
			if (at > len)
				break;
		}
		assert_true(parses(buf, len, &p));
		assert_int_equal(p.protocol, rows[i].found);
		if (rows[i].found != NO_TRANSPORT)
			assert_int_equal(p.upper, rows[i].upper);
		assert_true(p.upper <= p.len && !p.fragment && p.df);
	}
}

static void fragments_are_known_as_such(void **state)
{
	const struct lab_ip w = {V6, IPPROTO_HOPOPTS, 64, 0, 64};
	struct packet p;
	uint32_t len = lab_build(buf, &w);

	(void)state;
	buf[40] = IPPROTO_FRAGMENT;
	buf[41] = 0;
	buf[48] = IPPROTO_ICMPV6;
	put16(buf + 50, 1); /* first, more follow */
	assert_true(packet_parse(buf, len, &p));
	assert_true(p.fragment && !p.later_fragment && p.upper == 56);
	put16(buf + 50, 8); /* last */
	assert_true(packet_parse(buf, len, &p));
	assert_true(p.fragment && p.later_fragment);

	p = parsed(&(struct lab_ip){V4, IPPROTO_UDP, 64, 0x2000, 64});
	assert_true(p.fragment && !p.later_fragment && !p.df);
	p = parsed(&(struct lab_ip){V4, IPPROTO_UDP, 64, 0x0001, 64});
	assert_true(p.fragment && p.later_fragment);
	p = parsed(&(struct lab_ip){V4, IPPROTO_UDP, 64, 0x4000, 64});
	assert_true(!p.fragment && p.df);
}

/* Every IPv6 packet that a random chain makes: nothing is read beyond it, upper stays inside. */
static void random_chains_stay_inside(void **state)
{
	static const uint8_t kinds[] = {0, 43, 44, 51, 60, 6, 58};
	struct packet p;

	(void)state;
	srandom(6);
	for (int i = 0; i < 200000; i++) {
		const struct lab_ip w = {V6, kinds[random() % 7], 64, 0, (uint32_t)random() % 100};
		uint32_t len = lab_build(buf, &w);

		for (uint32_t at = 40; at + 1 < len; at += 8) {
			buf[at] = kinds[random() % 7];
			buf[at + 1] = (uint8_t)(random() % 8 ? random() % 3 : random());
		}
		assert_true(parses(buf, len, &p));
		assert_true(p.upper >= 40 && p.upper <= len);
	}
}

static void ageing_keeps_the_checksum_right(void **state)
{
	(void)state;
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		const struct lab_ip w = {V4, (uint8_t)random(), (uint8_t)(2 + random() % 254),
					 0x4000, 0};
		struct packet p = parsed(&w);

		packet_age(&p);
		assert_int_equal(packet_ttl(&p), w.ttl - 1);
		assert_int_equal(lab_sum(buf, 20, 0), 0xffff);
	}
	struct packet p = parsed(&(struct lab_ip){V6, IPPROTO_UDP, 2, 0, 0});
	packet_age(&p);
	assert_int_equal(packet_ttl(&p), 1);
}

static void only_single_hosts_are_routed(void **state)
{
	static const struct {
		const char *addr;
		bool ok;
	} rows[] = {
		{"10.0.0.1", true},    {"0.0.0.0", false},     {"0.1.2.3", false},
		{"127.0.0.1", false},  {"126.255.0.1", true},  {"128.0.0.1", true},
		{"169.253.0.1", true}, {"169.254.0.1", false}, {"223.255.255.1", true},
		{"224.0.0.1", false},  {"240.0.0.1", false},   {"255.255.255.255", false},
		{"::", false},	       {"::1", false},	       {"::10.0.0.1", false},
		{"2001:db8::1", true}, {"fd00::1", true},      {"fe80::1", false},
		{"febf::1", false},    {"fec0::1", true},      {"ff02::1", false},
		{"0:0:0:1::1", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t a[16];
		lab_addr(a, rows[i].addr);
		assert_int_equal(addr_routable(a), rows[i].ok);
	}
}

/* --- errors ------------------------------------------------------------------------------ */

struct error_row {
	enum icmp_error what;
	uint32_t mtu;
	uint8_t v4[8], v6[8]; /* the ICMP header, its checksum as zero */
};

static const struct error_row errors[] = {
	{ICMP_ERROR_TTL, 0, {11, 0}, {3, 0}},
	{ICMP_ERROR_TOO_BIG, 1420, {3, 4, 0, 0, 0, 0, 0x05, 0x8c}, {2, 0, 0, 0, 0, 0, 0x05, 0x8c}},
	{ICMP_ERROR_TOO_BIG, 70000, {3, 4, 0, 0, 0, 0, 0x11, 0x70}, {2, 0, 0, 0, 0, 1, 0x11, 0x70}},
	{ICMP_ERROR_HOST, 0, {3, 1}, {1, 3}},
};

static void check_error(const struct error_row *row, const struct lab_ip *w, const char *own_text)
{
	struct packet p = parsed(w), answer;
	uint32_t head = p.v4 ? 20 : 40, most = p.v4 ? 576 : 1280;
	uint32_t quote = p.len < most - head - 8 ? p.len : most - head - 8;
	uint8_t own[16];

	lab_addr(own, own_text);
	memset(out, 0xee, sizeof(out));
	uint32_t len = icmp_error(out, sizeof(out), &p, own, row->what, row->mtu);
	assert_int_equal(len, head + 8 + quote);
	assert_int_equal(out[len], 0xee);
	assert_true(packet_parse(out, len, &answer));
	assert_memory_equal(answer.src, own, 16);
	assert_memory_equal(answer.dst, p.src, 16);
	assert_int_equal(answer.len, len);
	assert_int_equal(packet_ttl(&answer), 64);
	assert_int_equal(answer.protocol, p.v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	assert_int_equal(lab_transport_sum(out, len, !p.v4), 0xffff);
	put16(out + head + 2, 0);
	assert_memory_equal(out + head, p.v4 ? row->v4 : row->v6, 8);
	assert_memory_equal(out + head + 8, buf, quote);
}

static void errors_are_right_to_the_byte(void **state)
{
	static const uint32_t sizes[] = {8, 9, 508, 528, 529, 1192, 1193, 1460};

	(void)state;
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			const struct lab_ip v4 = {V4, IPPROTO_UDP, 1, 0x4000, sizes[s]};
			const struct lab_ip v6 = {V6, IPPROTO_UDP, 1, 0, sizes[s]};
			check_error(&errors[e], &v4, "192.168.1.1");
			check_error(&errors[e], &v6, "fd00:1::1");
		}
	}
}

static void an_error_needs_room(void **state)
{
	struct packet p = parsed(&(struct lab_ip){V4, IPPROTO_UDP, 1, 0, 8});
	uint8_t own[16];

	(void)state;
	lab_addr(own, "192.168.1.1");
	assert_int_equal(icmp_error(out, 575, &p, own, ICMP_ERROR_TTL, 0), 0);
	p = parsed(&(struct lab_ip){V6, IPPROTO_UDP, 1, 0, 8});
	lab_addr(own, "fd00:1::1");
	assert_int_equal(icmp_error(out, 1279, &p, own, ICMP_ERROR_TTL, 0), 0);
}

/* Every ICMP type: an error is never answered with an error. */
static void errors_are_not_answered_with_errors(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		bool v4_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;

		struct packet p = parsed(&(struct lab_ip){V4, IPPROTO_ICMP, 1, 0, 64});
		buf[20] = (uint8_t)type;
		assert_int_equal(icmp_may_answer(&p), !v4_error);
		p = parsed(&(struct lab_ip){V6, IPPROTO_ICMPV6, 1, 0, 64});
		buf[40] = (uint8_t)type;
		assert_int_equal(icmp_may_answer(&p), type >= 128);
		/* the same behind a hop-by-hop header */
		p = parsed(&(struct lab_ip){V6, IPPROTO_HOPOPTS, 1, 0, 64});
		buf[40] = IPPROTO_ICMPV6;
		buf[41] = 0;
		buf[48] = (uint8_t)type;
		assert_true(packet_parse(buf, p.len, &p));
		assert_int_equal(icmp_may_answer(&p), type >= 128);
	}
}

static void who_gets_no_answer(void **state)
{
	static const struct {
		struct lab_ip packet;
		bool answer;
	} rows[] = {
		{{V4, IPPROTO_UDP, 1, 0, 64}, true},
		{{V6, IPPROTO_UDP, 1, 0, 64}, true},
		{{V4, IPPROTO_UDP, 1, 0x2000, 64}, true}, /* first fragment */
		{{V4, IPPROTO_UDP, 1, 0x2001, 64}, false},
		{{V4, IPPROTO_ICMP, 1, 0, 0}, false}, /* too short to tell */
		{{V6, IPPROTO_ICMPV6, 1, 0, 0}, false},
		{{"0.0.0.0", "10.1.1.1", IPPROTO_UDP, 1, 0, 64}, false},
		{{"127.0.0.1", "10.1.1.1", IPPROTO_UDP, 1, 0, 64}, false},
		{{"224.0.0.5", "10.1.1.1", IPPROTO_UDP, 1, 0, 64}, false},
		{{"255.255.255.255", "10.1.1.1", IPPROTO_UDP, 1, 0, 64}, false},
		{{"10.1.1.1", "224.0.0.5", IPPROTO_UDP, 1, 0, 64}, false},
		{{"10.1.1.1", "255.255.255.255", IPPROTO_UDP, 1, 0, 64}, false},
		{{"::", "fd00::1", IPPROTO_UDP, 1, 0, 64}, false},
		{{"ff02::1", "fd00::1", IPPROTO_UDP, 1, 0, 64}, false},
		{{"fd00::1", "ff02::1", IPPROTO_UDP, 1, 0, 64}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = parsed(&rows[i].packet);
		assert_int_equal(icmp_may_answer(&p), rows[i].answer);
	}
}

/* --- echo -------------------------------------------------------------------------------- */

static void check_echo(const struct lab_ip *w, uint8_t request, uint8_t reply)
{
	uint32_t len = lab_build(buf, w), head = buf[0] >> 4 == 4 ? 20 : 40;
	bool v6 = head == 40;
	struct packet p;

	buf[head] = request;
	buf[head + 1] = 0;
	lab_seal_sum(buf, len, 2, v6);
	memcpy(out, buf, len);
	assert_true(packet_parse(out, len, &p) && icmp_is_echo_request(&p));
	icmp_echo_reply(&p);
	assert_true(packet_parse(out, len, &p));
	assert_int_equal(packet_ttl(&p), 64);
	assert_int_equal(out[head], reply);
	assert_int_equal(lab_transport_sum(out, len, v6), 0xffff);
	uint32_t at = v6 ? 8 : 12, size = v6 ? 16 : 4;
	assert_memory_equal(out + at, buf + at + size, size);
	assert_memory_equal(out + at + size, buf + at, size);
	assert_memory_equal(out + head + 4, buf + head + 4, len - head - 4); /* id, seq, data */
}

static void echo_is_answered_in_place(void **state)
{
	(void)state;
	for (uint32_t payload = 8; payload < 200; payload++) {
		check_echo(&(struct lab_ip){V4, IPPROTO_ICMP, (uint8_t)payload, 0, payload}, 8, 0);
		check_echo(&(struct lab_ip){V6, IPPROTO_ICMPV6, 3, 0, payload}, 128, 129);
	}
}

static void only_whole_plain_requests_are_echo(void **state)
{
	struct packet p = parsed(&(struct lab_ip){V4, IPPROTO_ICMP, 9, 0, 8});

	(void)state;
	buf[20] = 8;
	buf[21] = 0;
	assert_true(icmp_is_echo_request(&p));
	buf[21] = 1; /* a code that does not exist */
	assert_false(icmp_is_echo_request(&p));
	buf[20] = 0; /* a reply */
	buf[21] = 0;
	assert_false(icmp_is_echo_request(&p));
	p = parsed(&(struct lab_ip){V4, IPPROTO_ICMP, 9, 0x2000, 8});
	buf[20] = 8;
	buf[21] = 0;
	assert_false(icmp_is_echo_request(&p));
	p = parsed(&(struct lab_ip){V4, IPPROTO_ICMP, 9, 0, 7});
	buf[20] = 8;
	assert_false(icmp_is_echo_request(&p));
	p = parsed(&(struct lab_ip){V4, IPPROTO_UDP, 9, 0, 8});
	buf[20] = 8;
	assert_false(icmp_is_echo_request(&p));
	p = parsed(&(struct lab_ip){V6, IPPROTO_HOPOPTS, 9, 0, 24});
	buf[40] = IPPROTO_ICMPV6;
	buf[41] = 0;
	buf[48] = 128;
	buf[49] = 0;
	assert_true(packet_parse(buf, p.len, &p) && p.protocol == IPPROTO_ICMPV6);
	assert_false(icmp_is_echo_request(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated_packets_are_refused),
		cmocka_unit_test(bad_headers_are_refused),
		cmocka_unit_test(extension_headers_are_followed),
		cmocka_unit_test(fragments_are_known_as_such),
		cmocka_unit_test(random_chains_stay_inside),
		cmocka_unit_test(ageing_keeps_the_checksum_right),
		cmocka_unit_test(only_single_hosts_are_routed),
		cmocka_unit_test(errors_are_right_to_the_byte),
		cmocka_unit_test(an_error_needs_room),
		cmocka_unit_test(errors_are_not_answered_with_errors),
		cmocka_unit_test(who_gets_no_answer),
		cmocka_unit_test(echo_is_answered_in_place),
		cmocka_unit_test(only_whole_plain_requests_are_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
