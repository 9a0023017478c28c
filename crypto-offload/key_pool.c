/* SPDX-License-Identifier: BSD-2-Clause */
#include "key_pool.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct esc_key_pool {
	struct esc_aead_key *key; /* [ESC_AEAD_KEYS_MAX], guarded */
	uint32_t unused;
	uint16_t free[ESC_AEAD_KEYS_MAX]; /* numbers of the first `unused` of them */
};

_Static_assert(ESC_AEAD_KEYS_MAX <= UINT16_MAX, "numbers fit");

struct esc_key_pool *esc_key_pool_new(void)
{
	struct esc_key_pool *p = sodium_init() < 0 ? NULL : calloc(1, sizeof(*p));

	if (p)
		p->key = sodium_allocarray(ESC_AEAD_KEYS_MAX, sizeof(*p->key));
	if (!p || !p->key) {
		free(p);
		return NULL;
	}
	sodium_memzero(p->key, ESC_AEAD_KEYS_MAX * sizeof(*p->key));
	while (p->unused < ESC_AEAD_KEYS_MAX) {
		p->free[p->unused] = (uint16_t)p->unused;
		p->unused++;
	}
	return p;
}

void esc_key_pool_free(struct esc_key_pool *p)
{
	if (!p)
		return;
	sodium_free(p->key);
	free(p);
}

struct esc_aead_key *esc_key_pool_take(struct esc_key_pool *p, const uint8_t key[ESC_AEAD_KEY_LEN])
{
	if (!p->unused)
		return NULL;
	struct esc_aead_key *k = &p->key[p->free[--p->unused]];
	memcpy(k->bytes, key, sizeof(k->bytes));
	return k;
}

void esc_key_pool_give(struct esc_key_pool *p, struct esc_aead_key *k)
{
	if (!k)
		return;
	sodium_memzero(k, sizeof(*k));
	p->free[p->unused++] = (uint16_t)(k - p->key);
}
