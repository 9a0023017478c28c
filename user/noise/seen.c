/* SPDX-License-Identifier: BSD-2-Clause */
#include "noise/seen.h"

#include <sodium.h>

static uint64_t hash_of(const struct wg_seen *s, const uint8_t ephemeral[WG_KEY_LEN])
{
	uint64_t hash;

	_Static_assert(crypto_shorthash_BYTES == sizeof(hash), "SipHash result");
	_Static_assert(crypto_shorthash_KEYBYTES == sizeof(s->key), "SipHash key");
	crypto_shorthash((uint8_t *)&hash, ephemeral, WG_KEY_LEN, s->key);
	return hash ? hash : 1; /* 0 is an empty place */
}

bool wg_seen(const struct wg_seen *s, const uint8_t ephemeral[WG_KEY_LEN])
{
	uint64_t hash = hash_of(s, ephemeral);

	return s->hash[hash % WG_SEEN] == hash;
}

void wg_seen_add(struct wg_seen *s, const uint8_t ephemeral[WG_KEY_LEN])
{
	uint64_t hash = hash_of(s, ephemeral);

	s->hash[hash % WG_SEEN] = hash;
}
