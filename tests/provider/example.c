/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * example.c: an AEAD provider of a user's own, complete: nothing but aead.h and a cryptographic
 * library. Build and use:
 *
 *	cc -O2 -fPIC -shared -I crypto-offload -o example.so tests/provider/example.c -lsodium
 *	[Node]
 *	Provider = /usr/local/lib/esclusa/example.so
 *
 * The file must belong to root or to the user that loads it, and nobody else may write it.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"

const struct esc_aead_provider *esc_aead_provider(void);

struct esc_aead_key {
	uint8_t bytes[ESC_AEAD_KEY_LEN];
};

static int start(void **ctx)
{
	*ctx = NULL;
	return sodium_init() < 0 ? -EIO : 0;
}

static void stop(void *ctx)
{
	(void)ctx;
}

static struct esc_aead_key *key_new(void *ctx, const uint8_t bytes[ESC_AEAD_KEY_LEN])
{
	struct esc_aead_key *key = malloc(sizeof(*key));

	(void)ctx;
	if (key)
		memcpy(key->bytes, bytes, sizeof(key->bytes));
	return key;
}

static void key_free(void *ctx, struct esc_aead_key *key)
{
	(void)ctx;
	sodium_memzero(key, sizeof(*key));
	free(key);
}

/* 32 zero bits, then the counter as 64 bits little-endian. */
static void nonce_of(uint8_t nonce[12], uint64_t counter)
{
	memset(nonce, 0, 4);
	for (unsigned int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(counter >> 8 * i);
}

static void seal_batch(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	uint8_t nonce[12];

	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job *j = &jobs[i];

		nonce_of(nonce, j->counter);
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(j->out, j->out + j->len, NULL,
								   j->in, j->len, NULL, 0, NULL,
								   nonce, j->key->bytes);
		j->ok = true;
	}
}

static void open_batch(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	uint8_t nonce[12];

	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job *j = &jobs[i];

		nonce_of(nonce, j->counter);
		j->ok = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
				j->out, NULL, j->in, j->len, j->in + j->len, NULL, 0, nonce,
				j->key->bytes) == 0;
	}
}

const struct esc_aead_provider *esc_aead_provider(void)
{
	static const struct esc_aead_provider provider = {
		.abi_version = ESC_AEAD_ABI_VERSION,
		.name = "example",
		.start = start,
		.stop = stop,
		.key_new = key_new,
		.key_free = key_free,
		.seal = seal_batch,
		.open = open_batch,
	};

	return &provider;
}
