/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * primitives.h: the cryptographic functions of the handshake under the paper's names (R1).
 * WireGuard paper, 5.4: DH, AEAD, XAEAD, HASH, MAC, KDF. BLAKE2s (RFC 7693) comes from libcrypto,
 * X25519 (RFC 7748) and the AEADs (RFC 8439) from libsodium.
 *
 * struct wg_blake2s keeps libcrypto's contexts, so that no message makes one or looks up an
 * algorithm. It has a library context of its own, and the process does not read the system's
 * openssl.cnf (unless it did before): no call here opens a file. A false result means that
 * libcrypto failed (out of memory) or that the input was refused; outputs must not be used then.
 */
#ifndef ESC_NOISE_PRIMITIVES_H
#define ESC_NOISE_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "noise/wire.h"

struct wg_blake2s;

struct wg_blake2s *wg_blake2s_new(void); /* NULL: out of memory */
void wg_blake2s_free(struct wg_blake2s *b);

/* HASH(a || b); b may be NULL if b_len is 0. out may overlap a or b. */
bool wg_hash(struct wg_blake2s *b2, uint8_t out[WG_KEY_LEN], const void *a, size_t a_len,
	     const void *b, size_t b_len);

/*
 * MAC(key, a || b): keyed BLAKE2s with a 16-byte result; key_len 1..32. libcrypto's context keeps
 * its newest key until the next call or wg_blake2s_free(): that is a public one or a cookie's.
 */
bool wg_mac(struct wg_blake2s *b2, uint8_t out[WG_MAC_LEN], const uint8_t *key, size_t key_len,
	    const void *a, size_t a_len, const void *b, size_t b_len);

/*
 * KDF_n(key, input): t1, t2, t3 take the first, second and third output; t2 and t3 may be NULL.
 * An output may be the same memory as key. libcrypto's copies of the key are overwritten.
 */
bool wg_kdf(struct wg_blake2s *b2, const uint8_t key[WG_KEY_LEN], const void *input, size_t len,
	    uint8_t *t1, uint8_t *t2, uint8_t *t3);

/* DH(private, public); false for a point of low order, whose result would be all zero. */
bool wg_dh(uint8_t out[WG_KEY_LEN], const uint8_t private_key[WG_KEY_LEN],
	   const uint8_t public_key[WG_KEY_LEN]);
void wg_clamp(uint8_t private_key[WG_KEY_LEN]);
bool wg_dh_public(uint8_t public_key[WG_KEY_LEN], const uint8_t private_key[WG_KEY_LEN]);

/* AEAD(key, 0, ...): each key of the handshake encrypts one message, with counter 0. */
void wg_seal(uint8_t *out, const uint8_t *plain, size_t len, const uint8_t ad[WG_KEY_LEN],
	     const uint8_t key[WG_KEY_LEN]);
bool wg_open(uint8_t *out, const uint8_t *sealed, size_t sealed_len, const uint8_t ad[WG_KEY_LEN],
	     const uint8_t key[WG_KEY_LEN]);

/* XAEAD(key, nonce, cookie, mac1) */
void wg_cookie_seal(uint8_t out[WG_COOKIE_LEN + WG_TAG_LEN], const uint8_t cookie[WG_COOKIE_LEN],
		    const uint8_t mac1[WG_MAC_LEN], const uint8_t nonce[WG_COOKIE_NONCE_LEN],
		    const uint8_t key[WG_KEY_LEN]);
bool wg_cookie_open(uint8_t cookie[WG_COOKIE_LEN], const uint8_t sealed[WG_COOKIE_LEN + WG_TAG_LEN],
		    const uint8_t mac1[WG_MAC_LEN], const uint8_t nonce[WG_COOKIE_NONCE_LEN],
		    const uint8_t key[WG_KEY_LEN]);

#endif
