// SPDX-License-Identifier: BSD-2-Clause
/*
 * provider_sodium.c: AEAD provider on libsodium: one packet after the other, no state but
 * its keys. It is the portable one, and the reference that the self-test compares every provider
 * with.
 */
#include <errno.h>
#include <sodium.h>

#include "key_pool.h"
#include "nonce.h"

static int provider_start(void **ctx)
{
	if (sodium_init() < 0)
		return -EIO;
	*ctx = esc_key_pool_new();
	return *ctx ? 0 : -ENOMEM;
}

static void provider_stop(void *ctx)
{
	esc_key_pool_free(ctx);
}

static struct esc_aead_key *provider_key_new(void *ctx, const uint8_t key[ESC_AEAD_KEY_LEN])
{
	return esc_key_pool_take(ctx, key);
}

static void provider_key_free(void *ctx, struct esc_aead_key *key)
{
	esc_key_pool_give(ctx, key);
}

static void provider_seal(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	uint8_t nonce[ESC_AEAD_NONCE_LEN];

	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job *j = &jobs[i];

		esc_aead_nonce(nonce, j->counter);
		j->ok = !crypto_aead_chacha20poly1305_ietf_encrypt_detached(
			j->out, j->out + j->len, NULL, j->in, j->len, NULL, 0, NULL, nonce,
			j->key->bytes);
	}
}

/* libsodium compares the tag, in constant time, before it decrypts; on a mismatch it zeroes out. */
static void provider_open(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	uint8_t nonce[ESC_AEAD_NONCE_LEN];

	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job *j = &jobs[i];

		esc_aead_nonce(nonce, j->counter);
		j->ok = !crypto_aead_chacha20poly1305_ietf_decrypt_detached(
			j->out, NULL, j->in, j->len, j->in + j->len, NULL, 0, nonce, j->key->bytes);
	}
}

const struct esc_aead_provider *esc_aead_sodium(void)
{
	static const struct esc_aead_provider provider = {
		.abi_version = ESC_AEAD_ABI_VERSION,
		.name = "sodium",
		.start = provider_start,
		.stop = provider_stop,
		.key_new = provider_key_new,
		.key_free = provider_key_free,
		.seal = provider_seal,
		.open = provider_open,
	};

	return &provider;
}
