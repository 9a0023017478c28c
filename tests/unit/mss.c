/* SPDX-License-Identifier: BSD-2-Clause */
/* The MSS clamp: what it lowers, what it leaves alone, and that the TCP checksum stays right. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "red/mss.h"
#include "red_lab.h"

#define SYN	0x02
#define SYN_ACK 0x12
#define ACK	0x10

static uint8_t buf[2048], before[2048];

/* A segment with these options (a multiple of 4 bytes), flags and a right checksum. */
static struct packet segment(bool v4, uint8_t flags, const uint8_t *options, uint32_t len)
{
	const struct lab_ip w4 = {"10.2.0.9", "192.168.1.7", IPPROTO_TCP, 64, 0x4000, 20 + len};
	const struct lab_ip w6 = {"fd00:2::9", "fd00:1::7", IPPROTO_TCP, 64, 0, 20 + len};
	uint32_t total = lab_build(buf, v4 ? &w4 : &w6);
	uint8_t *tcp = buf + total - 20 - len;
	struct packet p;

	tcp[12] = (uint8_t)((20 + len) / 4 << 4);
	tcp[13] = flags;
	memcpy(tcp + 20, options, len);
	lab_seal_sum(buf, total, 16, true);
	assert_true(packet_parse(buf, total, &p));
	memcpy(before, buf, total);
	return p;
}

/* MSS behind so many NOPs, padded: odd offsets included. */
static uint32_t mss_option(uint8_t o[12], uint32_t nops, uint16_t mss)
{
	memset(o, 1, 12);
	o[nops] = 2;
	o[nops + 1] = 4;
	put16(o + nops + 2, mss);
	return 12;
}

static void lowers_only_what_is_too_large(void **state)
{
	static const struct {
		bool v4;
		uint16_t mss, mtu, expected;
	} rows[] = {
		{true, 1460, 1420, 1380},  {true, 1381, 1420, 1380},   {true, 1380, 1420, 1380},
		{true, 1379, 1420, 1379},  {true, 0, 1420, 0},	       {true, 65535, 1420, 1380},
		{true, 8960, 8920, 8880},  {false, 1440, 1420, 1360},  {false, 1360, 1420, 1360},
		{false, 1220, 1420, 1220}, {false, 65535, 1280, 1220}, {true, 1460, 576, 536},
		{true, 1460, 575, 1460}, /* no host takes less */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint32_t nops = 0; nops <= 8; nops++) {
			for (int ack = 0; ack < 2; ack++) {
				uint8_t o[12];
				uint32_t len = mss_option(o, nops, rows[i].mss);
				struct packet p = segment(rows[i].v4, ack ? SYN_ACK : SYN, o, len);
				uint8_t *value = p.ip + p.upper + 20 + nops + 2;
				bool changed = mss_clamp(&p, rows[i].mtu);

				assert_int_equal(changed, rows[i].expected != rows[i].mss);
				assert_int_equal(get16(value), rows[i].expected);
				assert_int_equal(lab_transport_sum(buf, p.len, true), 0xffff);
				/* nothing else changed */
				memcpy(before + (value - buf), value, 2);
				memcpy(before + p.upper + 16, p.ip + p.upper + 16, 2);
				assert_memory_equal(buf, before, p.len);
			}
		}
	}
}

static void check_untouched(struct packet *p)
{
	assert_false(mss_clamp(p, 1420));
	assert_memory_equal(buf, before, p->len);
}

static void leaves_other_segments_alone(void **state)
{
	uint8_t o[12];
	uint32_t len = mss_option(o, 0, 1460);

	(void)state;
	for (int flags = 0; flags < 256; flags++) {
		struct packet p = segment(true, (uint8_t)flags, o, len);
		assert_int_equal(mss_clamp(&p, 1420), (flags & SYN) != 0);
	}
	struct packet p = segment(true, SYN, o, len);
	p.later_fragment = true;
	check_untouched(&p);
	p = segment(true, SYN, o, len);
	p.protocol = IPPROTO_UDP;
	check_untouched(&p);
}

static void malformed_options_stop_the_walk(void **state)
{
	static const uint8_t rows[][12] = {
		{0, 2, 4, 0x05, 0xb4},	   /* behind the end */
		{8, 0, 2, 4, 0x05, 0xb4},  /* length 0 */
		{8, 1, 2, 4, 0x05, 0xb4},  /* length 1 */
		{8, 13, 2, 4, 0x05, 0xb4}, /* longer than the header */
		{2, 3, 0x05, 1, 1, 1, 1},  /* an MSS option of another length */
		{2, 5, 0x05, 0xb4, 1, 1},
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}, /* only the kind is left */
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4}, /* no room for the value */
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5}, /* or for half of it */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = segment(i & 1, SYN, rows[i], 12);
		check_untouched(&p);
	}
}

static void the_option_is_found_behind_others(void **state)
{
	/* timestamps, then MSS */
	static const uint8_t o[] = {8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 2, 4, 0x05, 0xb4, 1, 1};
	struct packet p = segment(true, SYN, o, sizeof(o));

	(void)state;
	assert_true(mss_clamp(&p, 1420));
	assert_int_equal(get16(p.ip + p.upper + 32), 1380);
	assert_int_equal(lab_transport_sum(buf, p.len, true), 0xffff);
}

static void truncated_headers_are_left_alone(void **state)
{
	uint8_t o[12];
	uint32_t len = mss_option(o, 8, 1460);

	(void)state;
	for (uint32_t cut = 1; cut <= 32; cut++) { /* the TCP header is longer than the packet */
		struct packet p = segment(true, SYN, o, len);
		uint8_t *exact = malloc(p.len - cut);

		memcpy(exact, buf, p.len - cut);
		p.ip = exact;
		p.len -= cut;
		assert_false(mss_clamp(&p, 1420));
		free(exact);
	}
	for (uint8_t words = 0; words < 5; words++) { /* or shorter than can be */
		struct packet p = segment(true, SYN, o, len);
		p.ip[p.upper + 12] = (uint8_t)(words << 4);
		memcpy(before, buf, p.len);
		check_untouched(&p);
	}
}

/* Behind IPv6 extension headers, too. */
static void extension_headers_hide_nothing(void **state)
{
	const struct lab_ip w = {"fd00:2::9", "fd00:1::7", IPPROTO_DSTOPTS, 64, 0, 8 + 24};
	uint32_t len = lab_build(buf, &w);
	uint8_t *tcp = buf + 48;
	struct packet p;

	(void)state;
	memset(buf + 40, 0, len - 40);
	buf[40] = IPPROTO_TCP;
	tcp[12] = 6 << 4;
	tcp[13] = SYN;
	memcpy(tcp + 20, (const uint8_t[]){2, 4, 0x05, 0xb4}, 4);
	uint32_t sum = lab_sum(buf + 8, 32, 24 + IPPROTO_TCP);
	put16(tcp + 16, (uint16_t)~lab_sum(tcp, 24, sum));
	assert_true(packet_parse(buf, len, &p));
	assert_true(mss_clamp(&p, 1420));
	assert_int_equal(get16(tcp + 22), 1360);
	assert_int_equal(lab_sum(tcp, 24, sum), 0xffff);
}

/* Any options: the checksum stays right, at most the value and the checksum change. */
static void random_options_keep_the_checksum(void **state)
{
	static const uint8_t likely[] = {0, 1, 2, 3, 4, 5, 8, 10};

	(void)state;
	srandom(8);
	for (int i = 0; i < 200000; i++) {
		uint8_t o[40];
		uint32_t len = (uint32_t)random() % 11 * 4;

		for (uint32_t j = 0; j < len; j++)
			o[j] = random() % 8 ? likely[random() % 8] : (uint8_t)random();
		struct packet p = segment(random() & 1, SYN, o, len);
		bool changed = mss_clamp(&p, 600);
		assert_int_equal(lab_transport_sum(buf, p.len, true), 0xffff);
		assert_int_equal(changed, memcmp(buf, before, p.len) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowers_only_what_is_too_large),
		cmocka_unit_test(leaves_other_segments_alone),
		cmocka_unit_test(malformed_options_stop_the_walk),
		cmocka_unit_test(the_option_is_found_behind_others),
		cmocka_unit_test(truncated_headers_are_left_alone),
		cmocka_unit_test(extension_headers_hide_nothing),
		cmocka_unit_test(random_options_keep_the_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
