/* SPDX-License-Identifier: BSD-2-Clause */
/* midstate.c: MACs carried on from wg_midstate() are libcrypto's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "noise/midstate.h"
#include "noise/primitives.h"

#define MESSAGE_MAX 300

/* The rest of the hash: `len` bytes, at least one. */
static void finish(struct esc_blake2s_state s, const uint8_t *msg, size_t len,
		   uint8_t mac[WG_MAC_LEN])
{
	size_t done = 0;

	while (done < len) {
		uint32_t block[ESC_BLAKE2S_BLOCK / 4] = {0};
		size_t n = len - done < sizeof(block) ? len - done : sizeof(block);

		memcpy(block, msg + done, n);
		for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++)
			block[i] = le32toh(block[i]);
		done += n;
		esc_blake2s_compress(&s, block, (uint32_t)(ESC_BLAKE2S_BLOCK + done), done == len);
	}
	for (size_t i = 0; i < WG_MAC_LEN / 4; i++) {
		uint32_t word = htole32(s.h[i]);

		memcpy(mac + 4 * i, &word, sizeof(word));
	}
}

static void assert_same_mac(struct wg_blake2s *b, const uint8_t *key, size_t key_len,
			    const uint8_t *msg, size_t len)
{
	uint8_t mac[WG_MAC_LEN], right[WG_MAC_LEN];
	struct esc_blake2s_state s;

	wg_midstate(&s, key, key_len);
	finish(s, msg, len, mac);
	assert_true(wg_mac(b, right, key, key_len, msg, len, NULL, 0));
	assert_memory_equal(mac, right, WG_MAC_LEN);
}

static void every_length_of_key_and_message(void **state)
{
	struct wg_blake2s *b = wg_blake2s_new();
	uint8_t key[WG_KEY_LEN], msg[MESSAGE_MAX];

	(void)state;
	assert_non_null(b);
	randombytes_buf(key, sizeof(key));
	randombytes_buf(msg, sizeof(msg));
	for (size_t key_len = 1; key_len <= sizeof(key); key_len++)
		for (size_t len = 1; len <= sizeof(msg); len++)
			assert_same_mac(b, key, key_len, msg, len);
	wg_blake2s_free(b);
}

static void random_keys_and_messages(void **state)
{
	struct wg_blake2s *b = wg_blake2s_new();
	uint8_t key[WG_KEY_LEN], msg[MESSAGE_MAX];

	(void)state;
	assert_non_null(b);
	for (int i = 0; i < 20000; i++) {
		randombytes_buf(key, sizeof(key));
		randombytes_buf(msg, sizeof(msg));
		assert_same_mac(b, key, 1 + randombytes_uniform(sizeof(key)), msg,
				1 + randombytes_uniform(sizeof(msg)));
	}
	wg_blake2s_free(b);
}

/* Zeros behind a key are not the same as a shorter key. */
static void the_state_depends_on_the_length_of_the_key(void **state)
{
	struct esc_blake2s_state a, b;
	uint8_t key[WG_KEY_LEN] = {1};

	(void)state;
	wg_midstate(&a, key, 16);
	wg_midstate(&b, key, 32);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_of_key_and_message),
		cmocka_unit_test(random_keys_and_messages),
		cmocka_unit_test(the_state_depends_on_the_length_of_the_key),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
