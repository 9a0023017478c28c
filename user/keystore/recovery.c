/* SPDX-License-Identifier: BSD-2-Clause */
#include "keystore/recovery.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#define CHECKS 2u
#define GROUP  4u

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford's */

/* Multiplied by x in GF(32), whose polynomial is x^5 + x^2 + 1 (primitive: x has order 31). */
static uint8_t times_x(uint8_t v)
{
	return (uint8_t)((v << 1 & 31) ^ (v & 16 ? 5 : 0));
}

/*
 * Reed-Solomon: the digits' sum, and their sum weighted by x^position. Up to 31 digits, two wrong
 * ones cannot cancel in both.
 */
static void check_digits(const uint8_t value[ESC_RECOVERY_DIGITS], uint8_t check[CHECKS])
{
	check[0] = check[1] = 0;
	for (size_t i = ESC_RECOVERY_DIGITS; i-- > 0;) {
		check[0] ^= value[i];
		check[1] = (uint8_t)(times_x(check[1]) ^ value[i]);
	}
}

static void write_text(struct esc_recovery *r, const uint8_t value[ESC_RECOVERY_DIGITS])
{
	uint8_t check[CHECKS];
	char *at = r->text;

	check_digits(value, check);
	for (size_t i = 0; i < ESC_RECOVERY_DIGITS + CHECKS; i++) {
		char c = alphabet[i < ESC_RECOVERY_DIGITS ? value[i]
							  : check[i - ESC_RECOVERY_DIGITS]];

		if (i && i % GROUP == 0)
			*at++ = '-';
		if (i < ESC_RECOVERY_DIGITS)
			r->digits[i] = c;
		*at++ = c;
	}
	*at = '\0';
	sodium_memzero(check, sizeof(check));
}

void esc_recovery_new(struct esc_recovery *r)
{
	uint8_t value[ESC_RECOVERY_DIGITS];

	randombytes_buf(value, sizeof(value));
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] &= 31;
	write_text(r, value);
	sodium_memzero(value, sizeof(value));
}

static int digit_value(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

bool esc_recovery_parse(struct esc_recovery *r, const char *text, size_t len)
{
	uint8_t value[ESC_RECOVERY_DIGITS + CHECKS], check[CHECKS];
	size_t n = 0;
	bool ok = true;

	for (size_t i = 0; i < len && ok; i++) {
		if (text[i] == '-' || text[i] == ' ')
			continue;
		int v = digit_value(text[i]);

		ok = v >= 0 && n < sizeof(value);
		if (ok)
			value[n++] = (uint8_t)v;
	}
	ok = ok && n == sizeof(value);
	if (ok) {
		check_digits(value, check);
		ok = !memcmp(check, value + ESC_RECOVERY_DIGITS, CHECKS);
	}
	sodium_memzero(r, sizeof(*r));
	if (ok)
		write_text(r, value);
	sodium_memzero(value, sizeof(value));
	sodium_memzero(check, sizeof(check));
	return ok;
}
