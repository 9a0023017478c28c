/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raw_key.h: struct esc_aead_key of the providers that need no expanded form: the 32 bytes
 * themselves, alone in a cache line. Plain heap memory, not guarded pages: the data path reads
 * keys of hundreds of sessions, and a page for each would cost a TLB miss per packet. Locking
 * memory and forbidding dumps is the business of the process.
 */
#ifndef ESC_CRYPTO_OFFLOAD_RAW_KEY_H
#define ESC_CRYPTO_OFFLOAD_RAW_KEY_H

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"

struct esc_aead_key {
	_Alignas(64) uint8_t bytes[ESC_AEAD_KEY_LEN];
};

static inline struct esc_aead_key *esc_raw_key_new(const uint8_t key[ESC_AEAD_KEY_LEN])
{
	struct esc_aead_key *k = aligned_alloc(_Alignof(struct esc_aead_key), sizeof(*k));

	if (k)
		memcpy(k->bytes, key, sizeof(k->bytes));
	return k;
}

static inline void esc_raw_key_free(struct esc_aead_key *k)
{
	if (!k)
		return;
	sodium_memzero(k, sizeof(*k));
	free(k);
}

#endif
