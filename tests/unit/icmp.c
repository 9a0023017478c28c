/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP and ICMPv6: bytes, checksums and quotes of errors, who gets none, echo replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"
#include "red/icmp.h"
#include "red_packets.h"

#define ROOM 2048u

static struct packet parsed(uint8_t *ip, size_t len)
{
	struct packet p;

	assert_true(packet_parse(ip, (uint32_t)len, &p));
	return p;
}

struct row {
	enum icmp_error what;
	uint8_t v4_type, v4_code, v6_type, v6_code;
	uint32_t mtu;
};

static const struct row rows[] = {
	{ICMP_ERROR_TTL, 11, 0, 3, 0, 0},
	{ICMP_ERROR_TOO_BIG, 3, 4, 2, 0, 1420},
	{ICMP_ERROR_HOST, 3, 1, 1, 3, 0},
};

static void check_v4(const struct row *row, size_t payload)
{
	uint8_t ip[ROOM], out[ROOM], own[16];
	size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, payload);
	struct packet p = parsed(ip, len);
	size_t quote = len < 576 - 28 ? len : 576 - 28;

	esc_addr_parse("10.1.0.1", own);
	memset(out, 0xaa, sizeof(out));
	assert_int_equal(icmp_error(out, ROOM, &p, own, row->what, row->mtu), 28 + quote);
	const uint8_t head[] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1};
	assert_memory_equal(out, head, 2);
	assert_int_equal(read16(out + 2), 28 + quote);
	assert_memory_equal(out + 4, head + 4, 6);
	assert_true(v4_header_ok(out));
	assert_memory_equal(out + 12, own + 12, 4);
	assert_memory_equal(out + 16, ip + 12, 4);
	assert_int_equal(out[20], row->v4_type);
	assert_int_equal(out[21], row->v4_code);
	assert_int_equal(read16(out + 24), 0);
	assert_int_equal(read16(out + 26), row->mtu);
	assert_int_equal(transport_sum(out), 0xffff);
	assert_memory_equal(out + 28, ip, quote);
	assert_int_equal(out[28 + quote], 0xaa);
}

static void check_v6(const struct row *row, size_t payload)
{
	uint8_t ip[ROOM], out[ROOM], own[16];
	size_t len = make_v6(ip, "fd00:1::5", "fd00:2::9", 17, payload);
	struct packet p = parsed(ip, len);
	size_t quote = len < 1280 - 48 ? len : 1280 - 48;

	esc_addr_parse("fd00:1::1", own);
	memset(out, 0xaa, sizeof(out));
	assert_int_equal(icmp_error(out, ROOM, &p, own, row->what, row->mtu), 48 + quote);
	const uint8_t head[] = {0x60, 0, 0, 0};
	assert_memory_equal(out, head, 4);
	assert_int_equal(read16(out + 4), 8 + quote);
	assert_int_equal(out[6], IPPROTO_ICMPV6);
	assert_int_equal(out[7], 64);
	assert_memory_equal(out + 8, own, 16);
	assert_memory_equal(out + 24, ip + 8, 16);
	assert_int_equal(out[40], row->v6_type);
	assert_int_equal(out[41], row->v6_code);
	assert_int_equal(read16(out + 44), 0);
	assert_int_equal(read16(out + 46), row->mtu);
	assert_int_equal(transport_sum(out), 0xffff);
	assert_memory_equal(out + 48, ip, quote);
	assert_int_equal(out[48 + quote], 0xaa);
}

static void every_error_has_its_bytes_and_checksum_for_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t payload = 0; payload <= 1480; payload++) {
			check_v4(&rows[i], payload);
			check_v6(&rows[i], payload);
		}
	}
}

static void a_large_mtu_is_written_whole(void **state)
{
	uint8_t ip[ROOM], out[ROOM], own[16] = {0xfd};
	size_t len = make_v6(ip, "fd00:1::5", "fd00:2::9", 17, 100);
	struct packet p = parsed(ip, len);

	(void)state;
	assert_true(icmp_error(out, ROOM, &p, own, ICMP_ERROR_TOO_BIG, 0x12345) > 0);
	assert_int_equal(read16(out + 44), 1);
	assert_int_equal(read16(out + 46), 0x2345);
}

static void an_error_that_does_not_fit_is_not_written(void **state)
{
	uint8_t ip[ROOM], out[ROOM], own[16] = {[10] = 0xff, [11] = 0xff, 10, 1, 0, 1};
	size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 1000);
	struct packet p = parsed(ip, len);

	(void)state;
	memset(out, 0xaa, sizeof(out));
	assert_int_equal(icmp_error(out, ICMP_ERROR_V4_MAX - 1, &p, own, ICMP_ERROR_TTL, 0), 0);
	assert_int_equal(out[0], 0xaa);
	assert_int_equal(icmp_error(out, ICMP_ERROR_V4_MAX, &p, own, ICMP_ERROR_TTL, 0), 576);
	make_v6(ip, "fd00:1::5", "fd00:2::9", 17, 1400);
	p = parsed(ip, 1440);
	assert_int_equal(icmp_error(out, ICMP_ERROR_V6_MAX - 1, &p, own, ICMP_ERROR_TTL, 0), 0);
	assert_int_equal(icmp_error(out, ICMP_ERROR_V6_MAX, &p, own, ICMP_ERROR_TTL, 0), 1280);
}

/* --- who gets no answer ------------------------------------------------------------------ */

static bool answers(const char *src, const char *dst, uint8_t protocol, uint8_t first)
{
	uint8_t ip[256];
	bool v4 = !strchr(src, ':');
	size_t len = v4 ? make_v4(ip, src, dst, protocol, 64) : make_v6(ip, src, dst, protocol, 64);

	ip[v4 ? 20 : 40] = first;
	struct packet p = parsed(ip, len);
	return icmp_may_answer(&p);
}

static void only_single_hosts_are_answered(void **state)
{
	static const char *const bad4[] = {"0.0.0.0",	  "0.1.2.3",	 "127.0.0.1",
					   "127.255.1.1", "169.254.1.1", "224.0.0.1",
					   "239.1.2.3",	  "240.0.0.1",	 "255.255.255.255"};
	static const char *const bad6[] = {"::",      "::1",	 "::10.1.0.5", "fe80::1",
					   "febf::1", "ff02::1", "ff0e::1234"};

	(void)state;
	assert_true(answers("10.1.0.5", "10.2.0.9", 17, 0));
	assert_true(answers("fd00:1::5", "fd00:2::9", 17, 0));
	assert_true(answers("223.255.255.1", "126.0.0.1", 17, 0));
	for (size_t i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++) {
		assert_false(answers(bad4[i], "10.2.0.9", 17, 0));
		assert_false(answers("10.1.0.5", bad4[i], 17, 0));
	}
	for (size_t i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++) {
		assert_false(answers(bad6[i], "fd00:2::9", 17, 0));
		assert_false(answers("fd00:1::5", bad6[i], 17, 0));
	}
}

static void icmp_errors_are_not_answered_but_questions_are(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;

		assert_int_equal(answers("10.1.0.5", "10.2.0.9", IPPROTO_ICMP, (uint8_t)type),
				 !error4);
		assert_int_equal(answers("fd00:1::5", "fd00:2::9", IPPROTO_ICMPV6, (uint8_t)type),
				 type >= 128);
		assert_true(answers("10.1.0.5", "10.2.0.9", 17, (uint8_t)type));
		assert_true(answers("fd00:1::5", "fd00:2::9", 17, (uint8_t)type));
	}
}

static void a_message_whose_type_is_not_there_is_not_answered(void **state)
{
	uint8_t ip[64];
	struct packet p;

	(void)state;
	p = parsed(ip, make_v4(ip, "10.1.0.5", "10.2.0.9", IPPROTO_ICMP, 0));
	assert_false(icmp_may_answer(&p));
	p = parsed(ip, make_v6(ip, "fd00:1::5", "fd00:2::9", IPPROTO_ICMPV6, 0));
	assert_false(icmp_may_answer(&p));
}

static void later_fragments_are_not_answered_but_first_ones_are(void **state)
{
	uint8_t ip[256];
	struct packet p;

	(void)state;
	size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 64);
	for (uint32_t field = 0; field < 0x10000; field++) {
		set16(ip + 6, field);
		seal_v4(ip);
		p = parsed(ip, len);
		assert_int_equal(icmp_may_answer(&p), !(field & 0x1fff));
	}
	make_v6(ip, "fd00:1::5", "fd00:2::9", 17, 64);
	len = add_extension(ip, 44, 8);
	ip[41] = 0;
	for (uint32_t field = 0; field < 0x10000; field++) {
		set16(ip + 42, field);
		p = parsed(ip, len);
		assert_int_equal(icmp_may_answer(&p), !(field & 0xfff8));
	}
}

/* RFC 4443, 2.4 (e.1): an error is an error behind extension headers too. */
static void v6_errors_behind_extension_headers_are_found(void **state)
{
	static const uint8_t chains[][4] = {{0},	 {60},		 {43},	  {44},
					    {51},	 {0, 60},	 {0, 44}, {60, 51},
					    {0, 43, 60}, {0, 60, 43, 60}};

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		for (int type = 1; type <= 128; type += 127) {
			uint8_t ip[512];
			size_t len = make_v6(ip, "fd00:1::5", "fd00:2::9", IPPROTO_ICMPV6, 64);

			ip[40] = (uint8_t)type;
			for (int k = 3; k >= 0; k--) {
				if (!chains[i][k] && k)
					continue;
				len = add_extension(ip, chains[i][k], chains[i][k] == 44 ? 8 : 16);
				if (chains[i][k] == 51) /* in words of four, less two */
					ip[41] = 2;
			}
			struct packet p = parsed(ip, len);
			assert_int_equal(icmp_may_answer(&p), type == 128);
			for (size_t cut = 40; cut < len - 64; cut++) {
				set16(ip + 4, cut - 40);
				p = parsed(ip, cut);
				assert_false(icmp_may_answer(&p)); /* cannot tell */
			}
		}
	}
}

static void an_endless_chain_of_extension_headers_ends(void **state)
{
	uint8_t ip[1500] = {0};
	struct packet p;

	(void)state;
	make_v6(ip, "fd00:1::5", "fd00:2::9", 0, sizeof(ip) - 40);
	memset(ip + 40, 0, sizeof(ip) - 40); /* hop-by-hop, again and again */
	p = parsed(ip, sizeof(ip));
	assert_false(icmp_may_answer(&p));
	for (size_t at = 40; at < sizeof(ip); at += 8)
		ip[at + 1] = 0xff; /* each longer than the packet */
	p = parsed(ip, sizeof(ip));
	assert_false(icmp_may_answer(&p));
}

/* --- echo ---------------------------------------------------------------------------------- */

static void check_reply(uint8_t *ip, size_t len)
{
	uint8_t was[ROOM];
	struct packet p = parsed(ip, len);
	bool v4 = p.v4;
	size_t addr = v4 ? 12 : 8, size = v4 ? 4 : 16, icmp = p.header;

	memcpy(was, ip, len);
	assert_true(icmp_is_echo_request(&p));
	icmp_echo_reply(&p);
	assert_memory_equal(ip + addr, was + addr + size, size);
	assert_memory_equal(ip + addr + size, was + addr, size);
	assert_int_equal(ip[v4 ? 8 : 7], 64);
	assert_int_equal(ip[icmp], v4 ? 0 : 129);
	assert_int_equal(ip[icmp + 1], 0);
	assert_int_equal(transport_sum(ip), 0xffff);
	assert_memory_equal(ip + icmp + 4, was + icmp + 4, len - icmp - 4);
	if (v4) {
		assert_true(v4_header_ok(ip));
		assert_memory_equal(ip + 20, was + 20, icmp - 20);
	}
}

static void echo_replies_are_right_for_every_length_and_ttl(void **state)
{
	uint8_t ip[ROOM];

	(void)state;
	for (size_t data = 0; data < 1400; data++) {
		size_t len = make_echo(ip, "10.2.0.9", "10.1.0.1", data);

		ip[8] = (uint8_t)data;
		seal_v4(ip);
		check_reply(ip, len);
		len = make_echo(ip, "fd00:2::9", "fd00:1::1", data);
		ip[7] = (uint8_t)data;
		check_reply(ip, len);
	}
}

static void echo_with_options_or_extension_headers_is_not_answered(void **state)
{
	uint8_t ip[ROOM], options[40];
	struct packet p;

	(void)state;
	memset(options, 1, sizeof(options));
	for (size_t n = 4; n <= 40; n += 4) {
		make_echo(ip, "10.2.0.9", "10.1.0.1", 33);
		p = parsed(ip, add_options(ip, options, n));
		assert_false(icmp_is_echo_request(&p));
	}
	make_echo(ip, "fd00:2::9", "fd00:1::1", 33);
	p = parsed(ip, add_extension(ip, IPPROTO_DSTOPTS, 8));
	assert_int_equal(p.protocol, IPPROTO_ICMPV6);
	assert_false(icmp_is_echo_request(&p));
}

static void only_whole_echo_requests_count(void **state)
{
	uint8_t ip[ROOM];
	struct packet p;

	(void)state;
	for (int type = 0; type < 256; type++) {
		size_t len = make_echo(ip, "10.2.0.9", "10.1.0.1", 8);

		ip[20] = (uint8_t)type;
		p = parsed(ip, len);
		assert_int_equal(icmp_is_echo_request(&p), type == 8);
		ip[20] = 8;
		ip[21] = (uint8_t)type;
		p = parsed(ip, len);
		assert_int_equal(icmp_is_echo_request(&p), type == 0);
		len = make_echo(ip, "fd00:2::9", "fd00:1::1", 8);
		ip[40] = (uint8_t)type;
		p = parsed(ip, len);
		assert_int_equal(icmp_is_echo_request(&p), type == 128);
	}
	for (size_t payload = 0; payload <= 8; payload++) {
		size_t len = make_v4(ip, "10.2.0.9", "10.1.0.1", IPPROTO_ICMP, payload);

		ip[20] = 8;
		ip[21] = 0;
		p = parsed(ip, len);
		assert_int_equal(icmp_is_echo_request(&p), payload == 8);
	}
	make_echo(ip, "10.2.0.9", "10.1.0.1", 8);
	ip[6] = 0x20; /* a first fragment */
	seal_v4(ip);
	p = parsed(ip, 36);
	assert_false(icmp_is_echo_request(&p));
}

/* --- the parser and the sums ----------------------------------------------------------------- */

static void lengths_that_cannot_be_are_refused(void **state)
{
	uint8_t ip[ROOM];
	struct packet p;

	(void)state;
	for (uint32_t room = 0; room < 100; room++) {
		make_v4(ip, "10.2.0.9", "10.1.0.1", 17, 40);
		assert_int_equal(packet_parse(ip, room, &p), room >= 60);
		make_v6(ip, "fd00:2::9", "fd00:1::1", 17, 20);
		assert_int_equal(packet_parse(ip, room, &p), room >= 60);
	}
	for (uint32_t first = 0; first < 256; first++) {
		make_v4(ip, "10.2.0.9", "10.1.0.1", 17, 40);
		ip[0] = (uint8_t)first;
		if ((first & 15) >= 5)
			seal_v4(ip);
		bool v4 = first >> 4 == 4 && (first & 15) >= 5;
		if (first >> 4 != 6)
			assert_int_equal(packet_parse(ip, 60, &p), v4);
	}
	for (uint32_t total = 0; total < 0x10000; total++) {
		make_v4(ip, "10.2.0.9", "10.1.0.1", 17, 40);
		set16(ip + 2, total);
		seal_v4(ip);
		assert_int_equal(packet_parse(ip, 60, &p), total >= 20 && total <= 60);
		make_v6(ip, "fd00:2::9", "fd00:1::1", 17, 20);
		set16(ip + 4, total);
		assert_int_equal(packet_parse(ip, 60, &p), total <= 20);
	}
	make_v6(ip, "::ffff:10.2.0.9", "fd00:1::1", 17, 20);
	assert_false(packet_parse(ip, 60, &p));
	make_v6(ip, "fd00:2::9", "::ffff:10.1.0.1", 17, 20);
	assert_false(packet_parse(ip, 60, &p));
}

/* RFC 1812, 5.2.2 (2): a router that mends a broken header makes it believable. */
static void a_wrong_header_checksum_is_refused(void **state)
{
	uint8_t ip[ROOM];
	struct packet p;

	(void)state;
	for (uint32_t bit = 0; bit < 160; bit++) {
		size_t len = make_v4(ip, "10.2.0.9", "10.1.0.1", 17, 200);

		assert_true(packet_parse(ip, ROOM, &p));
		ip[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (ip[0] >> 4 != 6)
			assert_false(packet_parse(ip, (uint32_t)len + 1000, &p));
	}
}

static void ageing_keeps_the_checksum_right_for_every_ttl_and_sum(void **state)
{
	uint8_t ip[64];

	(void)state;
	for (uint32_t id = 0; id < 0x10000; id++) {
		make_v4(ip, "10.2.0.9", "10.1.0.1", 17, 8);
		set16(ip + 4, id);
		ip[8] = (uint8_t)(2 + id % 254);
		seal_v4(ip);
		struct packet p = parsed(ip, 28);
		packet_age(&p);
		assert_int_equal(ip[8], 1 + id % 254);
		assert_true(v4_header_ok(ip));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_bytes_and_checksum_for_every_size),
		cmocka_unit_test(a_large_mtu_is_written_whole),
		cmocka_unit_test(an_error_that_does_not_fit_is_not_written),
		cmocka_unit_test(only_single_hosts_are_answered),
		cmocka_unit_test(icmp_errors_are_not_answered_but_questions_are),
		cmocka_unit_test(a_message_whose_type_is_not_there_is_not_answered),
		cmocka_unit_test(later_fragments_are_not_answered_but_first_ones_are),
		cmocka_unit_test(v6_errors_behind_extension_headers_are_found),
		cmocka_unit_test(an_endless_chain_of_extension_headers_ends),
		cmocka_unit_test(echo_replies_are_right_for_every_length_and_ttl),
		cmocka_unit_test(echo_with_options_or_extension_headers_is_not_answered),
		cmocka_unit_test(only_whole_echo_requests_count),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
		cmocka_unit_test(a_wrong_header_checksum_is_refused),
		cmocka_unit_test(ageing_keeps_the_checksum_right_for_every_ttl_and_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
