/* SPDX-License-Identifier: BSD-2-Clause */
/* primitives.c: HASH, MAC, KDF on libcrypto; DH, AEAD, XAEAD on libsodium (R1, R12). */
#include "noise/primitives.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(crypto_scalarmult_BYTES == WG_KEY_LEN, "X25519");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == WG_TAG_LEN, "AEAD tag");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == WG_COOKIE_NONCE_LEN, "XAEAD nonce");

struct wg_blake2s {
	OSSL_LIB_CTX *library;
	EVP_MD *md;
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *mac;
	EVP_MAC_CTX *hmac;
};

static EVP_MAC_CTX *mac_context(OSSL_LIB_CTX *library, const char *name, const OSSL_PARAM *params)
{
	EVP_MAC *mac = EVP_MAC_fetch(library, name, NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac); /* the context holds its own reference */
	if (ctx && !EVP_MAC_CTX_set_params(ctx, params)) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

struct wg_blake2s *wg_blake2s_new(void)
{
	char name[] = "BLAKE2S-256";
	size_t mac_len = WG_MAC_LEN;
	const OSSL_PARAM short_tag[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &mac_len),
					OSSL_PARAM_END};
	const OSSL_PARAM over_blake2s[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_END};
	struct wg_blake2s *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	/* else the first digest reads openssl.cnf: too late in a process without file system */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		b->library = OSSL_LIB_CTX_new();
	ERR_clear_error(); /* the first error makes its own memory and locks, if there is none */
	if (b->library) {
		b->md = EVP_MD_fetch(b->library, name, NULL);
		b->digest = EVP_MD_CTX_new();
		b->mac = mac_context(b->library, "BLAKE2SMAC", short_tag);
		b->hmac = mac_context(b->library, "HMAC", over_blake2s);
	}
	if (!b->md || !b->digest || !b->mac || !b->hmac) {
		wg_blake2s_free(b);
		return NULL;
	}
	return b;
}

void wg_blake2s_free(struct wg_blake2s *b)
{
	if (!b)
		return;
	EVP_MAC_CTX_free(b->hmac);
	EVP_MAC_CTX_free(b->mac);
	EVP_MD_CTX_free(b->digest);
	EVP_MD_free(b->md);
	OSSL_LIB_CTX_free(b->library);
	free(b);
}

bool wg_hash(struct wg_blake2s *b2, uint8_t out[WG_KEY_LEN], const void *a, size_t a_len,
	     const void *b, size_t b_len)
{
	unsigned int len = 0;

	return EVP_DigestInit_ex2(b2->digest, b2->md, NULL) &&
	       EVP_DigestUpdate(b2->digest, a, a_len) && EVP_DigestUpdate(b2->digest, b, b_len) &&
	       EVP_DigestFinal_ex(b2->digest, out, &len) && len == WG_KEY_LEN;
}

bool wg_mac(struct wg_blake2s *b2, uint8_t out[WG_MAC_LEN], const uint8_t *key, size_t key_len,
	    const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t len = 0;

	return EVP_MAC_init(b2->mac, key, key_len, NULL) && EVP_MAC_update(b2->mac, a, a_len) &&
	       EVP_MAC_update(b2->mac, b, b_len) && EVP_MAC_final(b2->mac, out, &len, WG_MAC_LEN) &&
	       len == WG_MAC_LEN;
}

static bool hmac(EVP_MAC_CTX *ctx, uint8_t out[WG_KEY_LEN], const uint8_t key[WG_KEY_LEN],
		 const void *input, size_t len)
{
	size_t out_len = 0;

	return EVP_MAC_init(ctx, key, WG_KEY_LEN, NULL) && EVP_MAC_update(ctx, input, len) &&
	       EVP_MAC_final(ctx, out, &out_len, WG_KEY_LEN) && out_len == WG_KEY_LEN;
}

bool wg_kdf(struct wg_blake2s *b2, const uint8_t key[WG_KEY_LEN], const void *input, size_t len,
	    uint8_t *t1, uint8_t *t2, uint8_t *t3)
{
	static const uint8_t no_key[WG_KEY_LEN];
	uint8_t *out[] = {t1, t2, t3};
	uint8_t secret[WG_KEY_LEN];
	uint8_t block[WG_KEY_LEN + 1]; /* previous output, number of the next one */
	size_t from = WG_KEY_LEN;      /* the first has no previous output */
	bool ok = hmac(b2->hmac, secret, key, input, len);

	for (uint8_t i = 0; ok && i < 3 && out[i]; i++) {
		block[WG_KEY_LEN] = (uint8_t)(i + 1);
		ok = hmac(b2->hmac, out[i], secret, block + from, sizeof(block) - from);
		memcpy(block, out[i], WG_KEY_LEN);
		from = 0;
	}
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(block, sizeof(block));
	return EVP_MAC_init(b2->hmac, no_key, sizeof(no_key), NULL) && ok;
}

bool wg_dh(uint8_t out[WG_KEY_LEN], const uint8_t private_key[WG_KEY_LEN],
	   const uint8_t public_key[WG_KEY_LEN])
{
	return !crypto_scalarmult(out, private_key, public_key); /* refuses an all-zero result */
}

void wg_clamp(uint8_t private_key[WG_KEY_LEN])
{
	private_key[0] &= 248;
	private_key[31] = (uint8_t)((private_key[31] & 127) | 64);
}

bool wg_dh_public(uint8_t public_key[WG_KEY_LEN], const uint8_t private_key[WG_KEY_LEN])
{
	return !crypto_scalarmult_base(public_key, private_key);
}

static const uint8_t nonce_0[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

void wg_seal(uint8_t *out, const uint8_t *plain, size_t len, const uint8_t ad[WG_KEY_LEN],
	     const uint8_t key[WG_KEY_LEN])
{
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, len, ad, WG_KEY_LEN, NULL,
						  nonce_0, key);
}

bool wg_open(uint8_t *out, const uint8_t *sealed, size_t sealed_len, const uint8_t ad[WG_KEY_LEN],
	     const uint8_t key[WG_KEY_LEN])
{
	return !crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed, sealed_len, ad,
							  WG_KEY_LEN, nonce_0, key);
}

void wg_cookie_seal(uint8_t out[WG_COOKIE_LEN + WG_TAG_LEN], const uint8_t cookie[WG_COOKIE_LEN],
		    const uint8_t mac1[WG_MAC_LEN], const uint8_t nonce[WG_COOKIE_NONCE_LEN],
		    const uint8_t key[WG_KEY_LEN])
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, cookie, WG_COOKIE_LEN, mac1,
						   WG_MAC_LEN, NULL, nonce, key);
}

bool wg_cookie_open(uint8_t cookie[WG_COOKIE_LEN], const uint8_t sealed[WG_COOKIE_LEN + WG_TAG_LEN],
		    const uint8_t mac1[WG_MAC_LEN], const uint8_t nonce[WG_COOKIE_NONCE_LEN],
		    const uint8_t key[WG_KEY_LEN])
{
	return !crypto_aead_xchacha20poly1305_ietf_decrypt(cookie, NULL, NULL, sealed,
							   WG_COOKIE_LEN + WG_TAG_LEN, mac1,
							   WG_MAC_LEN, nonce, key);
}
