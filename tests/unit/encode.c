/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys as text. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"

static void every_key_survives_both_forms(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t key[ESC_KEY_LEN], back[ESC_KEY_LEN];
		char b64[ESC_KEY_B64], hex[ESC_KEY_HEX];

		randombytes_buf(key, sizeof(key));
		assert_int_equal(strlen(esc_key_to_base64(b64, key)), 44);
		assert_true(esc_key_from_base64(back, b64));
		assert_memory_equal(key, back, sizeof(key));
		assert_int_equal(strlen(esc_key_to_hex(hex, key)), 64);
		assert_true(esc_key_from_hex(back, hex));
		assert_memory_equal(key, back, sizeof(key));
	}
}

static void malformed_text_is_refused_and_zeroes_the_key(void **state)
{
	static const char *const base64[] = {
		"",
		"=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",	 /* no padding */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",	 /* bits beyond the key */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",	 /* 31 bytes */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",	 /* 33 bytes */
		"AAAAAAAAAAAAAAAAAAAAA-AAAAAAAAAAAAAAAAAAAAA=",	 /* URL alphabet */
		"AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA=",	 /* blank */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ", /* blank after it */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", /* no padding, line end */
	};
	static const char *const hex[] = {
		"",
		"000000000000000000000000000000000000000000000000000000000000000",
		"00000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000000000000000000000000000000000000000000g",
		"0x00000000000000000000000000000000000000000000000000000000000000",
		"00 00000000000000000000000000000000000000000000000000000000000000",
	};
	uint8_t key[ESC_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
		memset(key, 0xaa, sizeof(key));
		assert_false(esc_key_from_base64(key, base64[i]));
		assert_true(esc_key_is_zero(key));
	}
	for (size_t i = 0; i < sizeof(hex) / sizeof(hex[0]); i++) {
		memset(key, 0xaa, sizeof(key));
		assert_false(esc_key_from_hex(key, hex[i]));
		assert_true(esc_key_is_zero(key));
	}
}

static void hex_is_read_in_either_case(void **state)
{
	uint8_t a[ESC_KEY_LEN], b[ESC_KEY_LEN];

	(void)state;
	assert_true(esc_key_from_hex(
		a, "ABCDEF00000000000000000000000000000000000000000000000000000000ff"));
	assert_true(esc_key_from_hex(
		b, "abcdef00000000000000000000000000000000000000000000000000000000FF"));
	assert_memory_equal(a, b, sizeof(a));
}

/* RFC 7748, 6.1: Alice. */
static void public_key_is_x25519_of_the_base_point(void **state)
{
	uint8_t key[ESC_KEY_LEN], out[ESC_KEY_LEN], expected[ESC_KEY_LEN];

	(void)state;
	assert_true(esc_key_from_hex(
		key, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
	assert_true(esc_key_from_hex(
		expected, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
	esc_key_public(out, key);
	assert_memory_equal(out, expected, sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_survives_both_forms),
		cmocka_unit_test(malformed_text_is_refused_and_zeroes_the_key),
		cmocka_unit_test(hex_is_read_in_either_case),
		cmocka_unit_test(public_key_is_x25519_of_the_base_point),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
