/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, prefixes and endpoints as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"

static void prefixes_are_read_masked_and_printed(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
		uint8_t len;
	} rows[] = {
		{"10.2.0.0/24", "10.2.0.0/24", 120},
		{"10.2.0.77/24", "10.2.0.0/24", 120},
		{"192.0.2.1", "192.0.2.1/32", 128},
		{"0.0.0.0/0", "0.0.0.0/0", 96},
		{"255.255.255.255/1", "128.0.0.0/1", 97},
		{"::/0", "::/0", 0},
		{"fd00:2::1/64", "fd00:2::/64", 64},
		{"fd00::1", "fd00::1/128", 128},
		{"ffff::/3", "e000::/3", 3},
		{"::ffff:10.0.0.1/104", "10.0.0.0/8", 104},
		{"", NULL, 0},
		{"/", NULL, 0},
		{"/24", NULL, 0},
		{"10.0.0.0/", NULL, 0},
		{"10.0.0.0/33", NULL, 0},
		{"10.0.0.0/-1", NULL, 0},
		{"10.0.0.0/+8", NULL, 0},
		{"10.0.0.0/8x", NULL, 0},
		{"10.0.0.0/ 8", NULL, 0},
		{"10.0.0.0/8/8", NULL, 0},
		{"10.0.0.0/4294967304", NULL, 0},
		{"10.0.0/8", NULL, 0},
		{"010.0.0.1", NULL, 0},
		{"10.0.0.256", NULL, 0},
		{" 10.0.0.1", NULL, 0},
		{"fd00::/129", NULL, 0},
		{"fd00:::/64", NULL, 0},
		{"fe80::1%eth0/64", NULL, 0},
		{"[fd00::1]/64", NULL, 0},
		{"example.org/24", NULL, 0},
		{"fd00:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ESC_PREFIX_STR];
		uint8_t a[16], len;

		if (esc_prefix_parse(rows[i].in, a, &len) != (rows[i].out != NULL))
			fail_msg("'%s'", rows[i].in);
		if (!rows[i].out)
			continue;
		assert_string_equal(esc_prefix_format(a, len, text), rows[i].out);
		assert_int_equal(len, rows[i].len);
	}
}

static void endpoints_are_read_and_printed(void **state)
{
	static const struct {
		const char *in;
		bool ok;
	} rows[] = {
		{"192.0.2.1:51820", true},
		{"[2001:db8::1]:1", true},
		{"[::1]:65535", true},
		{"192.0.2.1:0", false},
		{"192.0.2.1:65536", false},
		{"192.0.2.1:", false},
		{"192.0.2.1", false},
		{":51820", false},
		{"", false},
		{"[]:1", false},
		{"[:1", false},
		{"[", false},
		{"]:1", false},
		{"[192.0.2.1]:1", false},
		{"2001:db8::1:51820", false},
		{"[2001:db8::1]51820", false},
		{"[2001:db8::1]:", false},
		{"[2001:db8::1:1", false},
		{"[fe80::1%eth0]:1", false},
		{"192.0.2.1:+1", false},
		{"192.0.2.1: 1", false},
		{"vpn.example.org:51820", false},
		{"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ESC_EP_STR];
		uint8_t a[16];
		uint16_t port;

		if (esc_endpoint_parse(rows[i].in, a, &port) != rows[i].ok)
			fail_msg("'%s'", rows[i].in);
		if (rows[i].ok)
			assert_string_equal(esc_endpoint_format(a, port, text), rows[i].in);
	}
}

static void longest_texts_fit_their_buffers(void **state)
{
	static const char addr[] = "2001:db8:1111:2222:3333:4444:5555:6666";
	char *text = malloc(ESC_EP_STR), wanted[ESC_EP_STR + 8];
	uint8_t a[16];

	(void)state;
	assert_true(esc_addr_parse(addr, a));
	assert_string_equal(esc_addr_format(a, text), addr);
	assert_string_equal(esc_endpoint_format(a, 65535, text),
			    "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
	assert_true(snprintf(wanted, sizeof(wanted), "%s/128", addr) < (int)ESC_PREFIX_STR);
	assert_string_equal(esc_prefix_format(a, 128, text), wanted);
	free(text);
}

static void mask_keeps_exactly_the_bits_of_the_prefix(void **state)
{
	(void)state;
	for (unsigned int len = 0; len <= 128; len++) {
		uint8_t a[16];

		memset(a, 0xff, sizeof(a));
		esc_addr_mask(a, (uint8_t)len);
		for (unsigned int bit = 0; bit < 128; bit++)
			assert_int_equal(a[bit / 8] >> (7 - bit % 8) & 1, bit < len);
	}
}

static void only_the_bits_of_the_prefix_are_compared(void **state)
{
	(void)state;
	for (unsigned int len = 0; len <= 128; len++) {
		for (unsigned int bit = 0; bit < 128; bit++) {
			uint8_t a[16] = {0}, prefix[16] = {0};

			a[bit / 8] = (uint8_t)(0x80u >> bit % 8);
			assert_int_equal(esc_addr_within(a, prefix, (uint8_t)len), bit >= len);
			assert_true(esc_addr_within(a, a, (uint8_t)len));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_are_read_masked_and_printed),
		cmocka_unit_test(endpoints_are_read_and_printed),
		cmocka_unit_test(longest_texts_fit_their_buffers),
		cmocka_unit_test(mask_keeps_exactly_the_bits_of_the_prefix),
		cmocka_unit_test(only_the_bits_of_the_prefix_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
