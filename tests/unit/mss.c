/* SPDX-License-Identifier: BSD-2-Clause */
/* MSS clamping: which SYNs are changed, to what, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "red/mss.h"
#include "red_packets.h"

#define MTU   1420u
#define LIMIT (MTU - 40u)
#define SYN   0x02
#define ACK   0x10
#define MSS   2, 4, 0x05, 0xb4 /* 1460 */

struct row {
	const char *what;
	uint8_t flags;
	uint8_t n; /* bytes of options, before padding */
	uint8_t options[40];
	int8_t at; /* where the MSS's value is, from the first option; -1: nothing changes */
};

static const struct row rows[] = {
	{"MSS alone", SYN, 4, {MSS}, 2},
	{"SYN and ACK", SYN | ACK, 4, {MSS}, 2},
	{"behind one no-operation: odd", SYN, 5, {1, MSS}, 3},
	{"behind two no-operations", SYN, 6, {1, 1, MSS}, 4},
	{"behind a window scale: odd", SYN, 7, {3, 3, 7, MSS}, 5},
	{"behind time stamps and SACK", SYN, 16, {8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2, MSS}, 14},
	{"behind an unknown option", SYN, 8, {253, 4, 9, 9, MSS}, 6},
	{"last in the longest header", SYN, 40, {[0] = 254, [1] = 36, [36] = MSS}, 38},
	{"already lower", SYN, 4, {2, 4, 0x02, 0x18}, -1},
	{"just right", SYN, 4, {2, 4, LIMIT >> 8, LIMIT & 0xff}, -1},
	{"one too much", SYN, 4, {2, 4, (LIMIT + 1) >> 8, (LIMIT + 1) & 0xff}, 2},
	{"zero", SYN, 4, {2, 4, 0, 0}, -1},
	{"largest", SYN, 4, {2, 4, 0xff, 0xff}, 2},
	{"no options", SYN, 0, {0}, -1},
	{"not a SYN", ACK, 4, {MSS}, -1},
	{"no flags", 0, 4, {MSS}, -1},
	{"behind the end of options", SYN, 8, {0, 0, 0, 0, MSS}, -1},
	{"cut by the header's end", SYN, 4, {1, 1, 2, 4}, -1},
	{"kind alone at the end", SYN, 4, {1, 1, 1, 2}, -1},
	{"length 0", SYN, 8, {3, 0, 1, 1, MSS}, -1},
	{"length 1", SYN, 8, {3, 1, 1, 1, MSS}, -1},
	{"MSS of length 3", SYN, 8, {2, 3, 5, 1, 1, 1, 1, 1}, -1},
	{"MSS of length 6", SYN, 8, {2, 6, 5, 0xb4, 0, 0, 1, 1}, -1},
	{"option longer than the header", SYN, 8, {8, 41, 1, 1, MSS}, -1},
};

/* A TCP packet with these options and some payload; its checksum is right. */
static size_t make_tcp(uint8_t *ip, bool v4, const struct row *row, size_t payload)
{
	size_t tcp_len = 20 + (row->n + 3u) / 4u * 4u, header = v4 ? 20 : 40;
	size_t len = v4 ? make_v4(ip, "10.1.0.5", "10.2.0.9", IPPROTO_TCP, tcp_len + payload)
			: make_v6(ip, "fd00:1::5", "fd00:2::9", IPPROTO_TCP, tcp_len + payload);
	uint8_t *tcp = ip + header;

	tcp[12] = (uint8_t)(tcp_len / 4 << 4);
	tcp[13] = row->flags;
	memset(tcp + 20, 0, tcp_len - 20);
	memcpy(tcp + 20, row->options, row->n);
	seal_transport(ip, 16);
	return len;
}

static bool clamp(uint8_t *ip, size_t len, uint32_t mtu)
{
	struct packet p;

	assert_true(packet_parse(ip, (uint32_t)len, &p));
	return mss_clamp(&p, mtu);
}

/* The packet is as before, but for the MSS and the checksum, which is right. */
static void check_changed(const uint8_t *ip, uint8_t *was, size_t len, size_t tcp, int at,
			  size_t limit)
{
	set16(was + tcp + 20 + (size_t)at, limit);
	memcpy(was + tcp + 16, ip + tcp + 16, 2);
	assert_memory_equal(ip, was, len);
	assert_int_equal(transport_sum(ip), 0xffff);
}

static void check_row(const struct row *row, bool v4, size_t payload)
{
	uint8_t ip[256], was[256];
	size_t len = make_tcp(ip, v4, row, payload);
	/* the same limit in both families */
	bool changed = (memcpy(was, ip, len), clamp(ip, len, v4 ? MTU : MTU + 20));

	if (changed != (row->at >= 0))
		print_error("%s, IPv%d\n", row->what, v4 ? 4 : 6);
	assert_int_equal(changed, row->at >= 0);
	if (changed)
		check_changed(ip, was, len, v4 ? 20 : 40, row->at, LIMIT);
	else
		assert_memory_equal(ip, was, len);
}

static void the_table_of_syns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t payload = 0; payload < 4; payload++) {
			check_row(&rows[i], true, payload);
			check_row(&rows[i], false, payload);
		}
	}
}

static void every_value_at_both_offsets_leaves_a_right_checksum(void **state)
{
	const struct row *const at[2] = {&rows[0], &rows[2]};

	(void)state;
	for (int odd = 0; odd < 2; odd++) {
		for (uint32_t mss = 0; mss < 0x10000; mss++) {
			struct row row = *at[odd];
			uint8_t ip[128], was[128];

			set16(row.options + row.at, mss);
			size_t len = make_tcp(ip, true, &row, 3);
			memcpy(was, ip, len);
			bool changed = clamp(ip, len, MTU);
			assert_int_equal(changed, mss > LIMIT);
			if (changed)
				check_changed(ip, was, len, 20, row.at, LIMIT);
		}
	}
}

static void options_and_extension_headers_before_tcp_are_skipped(void **state)
{
	static const uint8_t options[8] = {1, 1, 1, 1, 1, 1, 1, 0};
	uint8_t ip[256], was[256];
	size_t len;

	(void)state;
	make_tcp(ip, true, &rows[0], 5);
	len = add_options(ip, options, sizeof(options));
	memcpy(was, ip, len);
	assert_true(clamp(ip, len, MTU));
	check_changed(ip, was, len, 28, 2, LIMIT);
	make_tcp(ip, false, &rows[0], 5);
	len = add_extension(ip, IPPROTO_DSTOPTS, 16);
	memcpy(was, ip, len);
	assert_true(clamp(ip, len, MTU + 20));
	set16(was + 40 + 16 + 22, LIMIT);
	memcpy(was + 40 + 16 + 16, ip + 40 + 16 + 16, 2);
	assert_memory_equal(ip, was, len);
}

static void a_later_fragment_that_looks_like_a_syn_is_left_alone(void **state)
{
	uint8_t ip[128];

	(void)state;
	for (uint32_t field = 0; field < 0x4000; field++) {
		size_t len = make_tcp(ip, true, &rows[0], 0);

		set16(ip + 6, field);
		seal_v4(ip);
		assert_int_equal(clamp(ip, len, MTU), !(field & 0x1fff));
	}
}

static void every_truncation_and_header_length_stays_inside(void **state)
{
	uint8_t ip[128], was[128];

	(void)state;
	for (size_t cut = 20; cut <= 60; cut++) {
		for (uint32_t offset = 0; offset < 16; offset++) {
			make_tcp(ip, true, &rows[7], 0);
			ip[32] = (uint8_t)(offset << 4);
			set16(ip + 2, cut);
			seal_v4(ip);
			memcpy(was, ip, sizeof(was));
			bool inside = offset >= 5 && 20 + offset * 4 <= cut;
			assert_false(clamp(ip, cut, MTU) && !inside);
			assert_memory_equal(ip + cut, was + cut, sizeof(ip) - cut);
		}
	}
}

static void other_protocols_and_tiny_mtus_are_left_alone(void **state)
{
	uint8_t ip[128];

	(void)state;
	for (int protocol = 0; protocol < 256; protocol++) {
		size_t len = make_tcp(ip, true, &rows[0], 0);

		ip[9] = (uint8_t)protocol;
		seal_v4(ip);
		assert_int_equal(clamp(ip, len, MTU), protocol == IPPROTO_TCP);
	}
	for (uint32_t mtu = 0; mtu < 700; mtu++) {
		size_t len = make_tcp(ip, true, &rows[0], 0);

		assert_int_equal(clamp(ip, len, mtu), mtu >= 576);
		len = make_tcp(ip, false, &rows[0], 0);
		assert_int_equal(clamp(ip, len, mtu), mtu >= 596);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_syns),
		cmocka_unit_test(every_value_at_both_offsets_leaves_a_right_checksum),
		cmocka_unit_test(options_and_extension_headers_before_tcp_are_skipped),
		cmocka_unit_test(a_later_fragment_that_looks_like_a_syn_is_left_alone),
		cmocka_unit_test(every_truncation_and_header_length_stays_inside),
		cmocka_unit_test(other_protocols_and_tiny_mtus_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
