/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encode.h: 32-byte keys as text, base64 (files, wg) and hexadecimal (wg's socket). Constant time
 * in the key's value (libsodium). A buffer that held a private key is the caller's to wipe.
 */
#ifndef ESC_BASE_ENCODE_H
#define ESC_BASE_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#define ESC_KEY_LEN 32
#define ESC_KEY_B64 45 /* 44 characters and NUL */
#define ESC_KEY_HEX 65 /* 64 characters and NUL */

/* Return out. */
char *esc_key_to_base64(char out[ESC_KEY_B64], const uint8_t key[ESC_KEY_LEN]);
char *esc_key_to_hex(char out[ESC_KEY_HEX], const uint8_t key[ESC_KEY_LEN]);

/* The whole string must be one key in its only valid form; false (and key zeroed) otherwise. */
bool esc_key_from_base64(uint8_t key[ESC_KEY_LEN], const char *s);
bool esc_key_from_hex(uint8_t key[ESC_KEY_LEN], const char *s); /* either case */

bool esc_key_is_zero(const uint8_t key[ESC_KEY_LEN]);

/* X25519 base point multiplication of the clamped private key. */
void esc_key_public(uint8_t public_key[ESC_KEY_LEN], const uint8_t private_key[ESC_KEY_LEN]);

#endif
