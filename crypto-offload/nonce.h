/* SPDX-License-Identifier: BSD-2-Clause */
/* nonce.h: for the built-in providers only. */
#ifndef ESC_CRYPTO_OFFLOAD_NONCE_H
#define ESC_CRYPTO_OFFLOAD_NONCE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define ESC_AEAD_NONCE_LEN 12u

/* WireGuard paper, 5.4.6: 32 zero bits, then the counter as 64 bits little-endian. */
static inline void esc_aead_nonce(uint8_t nonce[ESC_AEAD_NONCE_LEN], uint64_t counter)
{
	const uint64_t le = htole64(counter);

	memset(nonce, 0, 4);
	memcpy(nonce + 4, &le, sizeof(le));
}

#endif
