/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/encode.h"

#include <sodium.h>
#include <string.h>

_Static_assert(ESC_KEY_B64 ==
		       sodium_base64_ENCODED_LEN(ESC_KEY_LEN, sodium_base64_VARIANT_ORIGINAL),
	       "base64 length of a key");
_Static_assert(ESC_KEY_LEN == crypto_scalarmult_curve25519_BYTES, "X25519 key length");

char *esc_key_to_base64(char out[ESC_KEY_B64], const uint8_t key[ESC_KEY_LEN])
{
	return sodium_bin2base64(out, ESC_KEY_B64, key, ESC_KEY_LEN,
				 sodium_base64_VARIANT_ORIGINAL);
}

char *esc_key_to_hex(char out[ESC_KEY_HEX], const uint8_t key[ESC_KEY_LEN])
{
	return sodium_bin2hex(out, ESC_KEY_HEX, key, ESC_KEY_LEN);
}

bool esc_key_from_base64(uint8_t key[ESC_KEY_LEN], const char *s)
{
	size_t len = 0;

	/* libsodium refuses padding that is missing and bits that no encoder would leave. */
	if (strlen(s) == ESC_KEY_B64 - 1 &&
	    !sodium_base642bin(key, ESC_KEY_LEN, s, ESC_KEY_B64 - 1, NULL, &len, NULL,
			       sodium_base64_VARIANT_ORIGINAL) &&
	    len == ESC_KEY_LEN)
		return true;
	sodium_memzero(key, ESC_KEY_LEN);
	return false;
}

bool esc_key_from_hex(uint8_t key[ESC_KEY_LEN], const char *s)
{
	size_t len = 0;

	if (strlen(s) == ESC_KEY_HEX - 1 &&
	    !sodium_hex2bin(key, ESC_KEY_LEN, s, ESC_KEY_HEX - 1, NULL, &len, NULL) &&
	    len == ESC_KEY_LEN)
		return true;
	sodium_memzero(key, ESC_KEY_LEN);
	return false;
}

bool esc_key_is_zero(const uint8_t key[ESC_KEY_LEN])
{
	return sodium_is_zero(key, ESC_KEY_LEN);
}

void esc_key_public(uint8_t public_key[ESC_KEY_LEN], const uint8_t private_key[ESC_KEY_LEN])
{
	/* Fails only for low-order points, and the base point is none. */
	if (crypto_scalarmult_curve25519_base(public_key, private_key))
		memset(public_key, 0, ESC_KEY_LEN);
}
