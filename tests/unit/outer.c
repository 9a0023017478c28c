/* SPDX-License-Identifier: BSD-2-Clause */
/* Outer headers: what is written parses back, checksums are right, every truncation is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"
#include "crypto/inner.h"
#include "crypto/outer.h"

#define ROOM 112

/* The slow, obvious Internet checksum: 16-bit words, one at a time. */
static uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static struct outer_path path_v4(void)
{
	struct outer_path p = {
		.dst_mac = {2, 1}, .src_mac = {2, 2}, .local_port = 51820, .remote_port = 4242};

	assert_true(esc_addr_parse("192.0.2.1", p.local));
	assert_true(esc_addr_parse("198.51.100.7", p.remote));
	return p;
}

static struct outer_path path_v6(void)
{
	struct outer_path p = path_v4();

	assert_true(esc_addr_parse("2001:db8::1", p.local));
	assert_true(esc_addr_parse("2001:db8:ffff::2", p.remote));
	return p;
}

static void check_round_trip(const struct outer_path *path, uint8_t tos)
{
	uint8_t buf[ROOM + 1500];
	struct outer_in in;

	for (uint32_t len = 32; len <= 1452; len++) {
		for (uint32_t i = 0; i < len; i++)
			buf[ROOM + i] = (uint8_t)(i * 7 + len);
		uint32_t head = outer_write(buf + ROOM, len, path, tos, (uint16_t)len);
		const uint8_t *frame = buf + ROOM - head;

		assert_true(outer_parse(frame, head + len, &in));
		assert_int_equal(in.len, len);
		assert_ptr_equal(in.msg, buf + ROOM);
		assert_int_equal(in.ecn, tos & 3);
		/* the receiver sees it from the other end */
		assert_memory_equal(in.from.addr, path->local, 16);
		assert_memory_equal(in.from.local, path->remote, 16);
		assert_int_equal(in.from.port, path->local_port);
		if (head == OUTER_V4_LEN)
			assert_int_equal(slow_sum(frame + 14, 20, 0), 0xffff);
		else
			assert_int_equal(slow_sum(frame + 22, 32 + 8 + len, 17 + 8 + len), 0xffff);
	}
}

static void v4_round_trip_every_length(void **state)
{
	struct outer_path p = path_v4();

	(void)state;
	check_round_trip(&p, 0);
	check_round_trip(&p, 3);
}

static void v6_round_trip_every_length(void **state)
{
	struct outer_path p = path_v6();

	(void)state;
	check_round_trip(&p, 0);
	check_round_trip(&p, 1);
}

static void every_truncation_is_refused(void **state)
{
	struct outer_path paths[2] = {path_v4(), path_v6()};
	uint8_t buf[ROOM + 64] = {0};
	struct outer_in in;

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t head = outer_write(buf + ROOM, 64, &paths[i], 0, 1);

		for (uint32_t len = 0; len < head + 64; len++)
			assert_false(outer_parse(buf + ROOM - head, len, &in));
		assert_true(outer_parse(buf + ROOM - head, head + 64, &in));
	}
}

static void v4_fragments_and_options_are_refused(void **state)
{
	struct outer_path p = path_v4();
	uint8_t buf[ROOM + 64] = {0}, *frame = buf + ROOM - OUTER_V4_LEN;
	struct outer_in in;

	(void)state;
	outer_write(buf + ROOM, 64, &p, 0, 1);
	frame[20] = 0x20; /* more fragments */
	assert_false(outer_parse(frame, OUTER_V4_LEN + 64, &in));
	frame[20] = 0;
	frame[21] = 1; /* offset */
	assert_false(outer_parse(frame, OUTER_V4_LEN + 64, &in));
	frame[21] = 0;
	frame[14] = 0x46; /* options */
	assert_false(outer_parse(frame, OUTER_V4_LEN + 64, &in));
	frame[14] = 0x45;
	assert_true(outer_parse(frame, OUTER_V4_LEN + 64, &in));
}

static void v6_mapped_addresses_are_refused(void **state)
{
	struct outer_path p = path_v6();
	uint8_t buf[ROOM + 64] = {0}, *frame = buf + ROOM - OUTER_V6_LEN;
	struct outer_in in;

	(void)state;
	outer_write(buf + ROOM, 64, &p, 0, 1);
	memset(frame + 14 + 8, 0, 10);
	memset(frame + 14 + 8 + 10, 0xff, 2);
	assert_false(outer_parse(frame, OUTER_V6_LEN + 64, &in));
}

static void inner_lengths_come_from_the_header(void **state)
{
	uint8_t v4[64] = {0x45, 0, 0, 40, [12] = 10, [16] = 10, [19] = 1};
	uint8_t v6[64] = {0x60, 0, 0, 0, 0, 8, [8] = 0xfd, [24] = 0xfd};
	struct inner ip;

	(void)state;
	assert_true(inner_parse(v4, 64, &ip));
	assert_int_equal(ip.len, 40);
	assert_true(inner_parse(v4, 40, &ip));
	assert_false(inner_parse(v4, 39, &ip));
	v4[3] = 19;
	assert_false(inner_parse(v4, 64, &ip));
	v4[3] = 40;
	v4[0] = 0x44;
	assert_false(inner_parse(v4, 64, &ip));
	assert_true(inner_parse(v6, 64, &ip));
	assert_int_equal(ip.len, 48);
	assert_false(inner_parse(v6, 47, &ip));
	v6[0] = 0x50;
	assert_false(inner_parse(v6, 64, &ip));
	assert_false(inner_parse(v6, 0, &ip));
}

static void ce_keeps_the_v4_checksum_right(void **state)
{
	struct inner ip;

	(void)state;
	for (unsigned int id = 0; id < 65536; id += 7) {
		uint8_t p[20] = {0x45,	      1,	0,  20,	       (uint8_t)(id >> 8),
				 (uint8_t)id, [8] = 64, 17, [12] = 10, [16] = 10};
		uint16_t sum = (uint16_t)~slow_sum(p, 20, 0);

		p[10] = (uint8_t)(sum >> 8);
		p[11] = (uint8_t)sum;
		assert_true(inner_parse(p, 20, &ip));
		inner_set_ce(p, &ip);
		assert_int_equal(p[1], 3);
		assert_int_equal(slow_sum(p, 20, 0), 0xffff);
	}
}

static void ce_in_v6_touches_only_the_mark(void **state)
{
	uint8_t p[40] = {0x6a, 0xa5, 0x12, 0x34, [8] = 0xfd, [24] = 0xfd};
	struct inner ip;

	(void)state;
	assert_true(inner_parse(p, 40, &ip));
	assert_int_equal(ip.ecn, 2);
	inner_set_ce(p, &ip);
	assert_int_equal(p[0], 0x6a);
	assert_int_equal(p[1], 0xb5);
	assert_int_equal(p[2], 0x12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v4_round_trip_every_length),
		cmocka_unit_test(v6_round_trip_every_length),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(v4_fragments_and_options_are_refused),
		cmocka_unit_test(v6_mapped_addresses_are_refused),
		cmocka_unit_test(inner_lengths_come_from_the_header),
		cmocka_unit_test(ce_keeps_the_v4_checksum_right),
		cmocka_unit_test(ce_in_v6_touches_only_the_mark),
	};

	return cmocka_run_group_tests_name("outer", tests, NULL, NULL);
}
