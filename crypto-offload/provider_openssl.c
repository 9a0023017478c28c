// SPDX-License-Identifier: BSD-2-Clause
/*
 * provider_openssl.c: AEAD provider on libcrypto (OpenSSL 3). The cipher is fetched once, from a
 * library context of our own, and openssl.cnf is not read: neither it nor OPENSSL_CONF can put
 * another implementation (provider or engine) behind the cipher's name. One cipher context serves
 * all keys, so that no other copy of them lies in libcrypto's own memory: setting the key with the
 * nonce of each packet costs next to nothing for this cipher.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "key_pool.h"
#include "nonce.h"

struct openssl {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *implementations;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *seal, *open;
	struct esc_key_pool *keys;
};

static void provider_stop(void *ctx)
{
	struct openssl *o = ctx;

	if (!o)
		return;
	EVP_CIPHER_CTX_free(o->seal); /* wipes the last key */
	EVP_CIPHER_CTX_free(o->open);
	esc_key_pool_free(o->keys);
	EVP_CIPHER_free(o->cipher);
	if (o->implementations)
		OSSL_PROVIDER_unload(o->implementations);
	OSSL_LIB_CTX_free(o->lib);
	free(o);
}

/* A context for one direction that only needs a key and a nonce now. */
static EVP_CIPHER_CTX *keyless(const EVP_CIPHER *cipher, int seals)
{
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();

	if (evp && EVP_CipherInit_ex2(evp, cipher, NULL, NULL, seals, NULL))
		return evp;
	EVP_CIPHER_CTX_free(evp);
	return NULL;
}

static int provider_start(void **ctx)
{
	struct openssl *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	/* For the whole process, and before anything else here would read it. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	o->lib = OSSL_LIB_CTX_new();
	if (o->lib)
		o->implementations = OSSL_PROVIDER_load(o->lib, "default");
	if (o->implementations)
		o->cipher = EVP_CIPHER_fetch(o->lib, "ChaCha20-Poly1305", NULL);
	if (o->cipher) {
		o->seal = keyless(o->cipher, 1);
		o->open = keyless(o->cipher, 0);
		o->keys = esc_key_pool_new();
	}
	if (!o->seal || !o->open || !o->keys) {
		provider_stop(o);
		return -ENOTSUP;
	}
	*ctx = o;
	return 0;
}

static struct esc_aead_key *provider_key_new(void *ctx, const uint8_t key[ESC_AEAD_KEY_LEN])
{
	const struct openssl *o = ctx;

	return esc_key_pool_take(o->keys, key);
}

static void provider_key_free(void *ctx, struct esc_aead_key *key)
{
	const struct openssl *o = ctx;

	esc_key_pool_give(o->keys, key);
}

static bool seal_one(EVP_CIPHER_CTX *evp, const struct esc_aead_job *j)
{
	uint8_t nonce[ESC_AEAD_NONCE_LEN];
	int len = 0, rest = 0;

	esc_aead_nonce(nonce, j->counter);
	return j->len <= ESC_AEAD_LEN_MAX &&
	       EVP_EncryptInit_ex2(evp, NULL, j->key->bytes, nonce, NULL) &&
	       EVP_EncryptUpdate(evp, j->out, &len, j->in, (int)j->len) && len == (int)j->len &&
	       EVP_EncryptFinal_ex(evp, j->out + j->len, &rest) && !rest &&
	       EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, ESC_AEAD_TAG_LEN, j->out + j->len) >
		       0;
}

static bool open_one(EVP_CIPHER_CTX *evp, const struct esc_aead_job *j)
{
	uint8_t nonce[ESC_AEAD_NONCE_LEN], tag[ESC_AEAD_TAG_LEN];
	int len = 0, rest = 0;

	esc_aead_nonce(nonce, j->counter);
	memcpy(tag, j->in + j->len, sizeof(tag)); /* the control call takes no const */
	return j->len <= ESC_AEAD_LEN_MAX &&
	       EVP_DecryptInit_ex2(evp, NULL, j->key->bytes, nonce, NULL) &&
	       EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) > 0 &&
	       EVP_DecryptUpdate(evp, j->out, &len, j->in, (int)j->len) && len == (int)j->len &&
	       EVP_DecryptFinal_ex(evp, j->out + j->len, &rest) > 0 && !rest;
}

static void provider_seal(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	const struct openssl *o = ctx;

	for (unsigned int i = 0; i < n; i++) {
		jobs[i].ok = seal_one(o->seal, &jobs[i]);
		if (!jobs[i].ok) {
			sodium_memzero(jobs[i].out, jobs[i].len + ESC_AEAD_TAG_LEN);
		}
	}
}

/* libcrypto compares the tag (CRYPTO_memcmp) after it has decrypted: what it wrote must go. */
static void provider_open(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	const struct openssl *o = ctx;

	for (unsigned int i = 0; i < n; i++) {
		jobs[i].ok = open_one(o->open, &jobs[i]);
		if (!jobs[i].ok) {
			sodium_memzero(jobs[i].out, jobs[i].len);
		}
	}
}

const struct esc_aead_provider *esc_aead_openssl(void)
{
	static const struct esc_aead_provider provider = {
		.abi_version = ESC_AEAD_ABI_VERSION,
		.name = "openssl",
		.start = provider_start,
		.stop = provider_stop,
		.key_new = provider_key_new,
		.key_free = provider_key_free,
		.seal = provider_seal,
		.open = provider_open,
	};

	return &provider;
}
