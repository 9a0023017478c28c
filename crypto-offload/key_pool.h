/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key_pool.h: the session keys of a provider that needs no expanded form, all in one memory that is
 * locked, guarded and left out of core dumps (sodium_malloc; R13). One memory for all, because the
 * data path reads keys of hundreds of sessions and a page for each would cost a TLB miss per
 * packet; made at start, because a locked-in process cannot map memory any more.
 */
#ifndef ESC_CRYPTO_OFFLOAD_KEY_POOL_H
#define ESC_CRYPTO_OFFLOAD_KEY_POOL_H

#include "aead.h"

struct esc_aead_key {
	_Alignas(64) uint8_t bytes[ESC_AEAD_KEY_LEN];
};

struct esc_key_pool;

struct esc_key_pool *esc_key_pool_new(void);	/* of ESC_AEAD_KEYS_MAX; NULL: out of memory */
void esc_key_pool_free(struct esc_key_pool *p); /* wipes; NULL is fine */

/* NULL: all are in use. */
struct esc_aead_key *esc_key_pool_take(struct esc_key_pool *p, const uint8_t key[ESC_AEAD_KEY_LEN]);
void esc_key_pool_give(struct esc_key_pool *p, struct esc_aead_key *k); /* wipes; NULL is fine */

#endif
