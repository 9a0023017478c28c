/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aead.h: the AEAD seam (R12). A provider seals and opens batches of packets with
 * ChaCha20-Poly1305 (RFC 8439) as WireGuard's data messages use it (WireGuard paper, 5.4.6):
 * no additional data; nonce = 32 zero bits, then the 64-bit counter little-endian.
 *
 * This header is the whole contract. A provider of a user's own is a shared object that includes
 * only this header and exports
 *
 *	const struct esc_aead_provider *esc_aead_provider(void);
 *
 * It is used only if abi_version matches and the self-test (selftest.h) passes: known answers of
 * RFC 8439, lengths 0 to 4096 in mixed batches against the reference, every forged tag refused.
 */
#ifndef ESC_CRYPTO_OFFLOAD_AEAD_H
#define ESC_CRYPTO_OFFLOAD_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESC_AEAD_ABI_VERSION 1u
#define ESC_AEAD_KEY_LEN     32u
#define ESC_AEAD_TAG_LEN     16u
#define ESC_AEAD_BATCH_MAX   64u /* jobs in one call */
#define ESC_AEAD_LEN_MAX     65535u
#define ESC_AEAD_KEYS_MAX    8192u /* at once: six for each of 1024 peers, and what is retired */

/* One direction of one session: the provider's own, expanded form of a 32-byte key. */
struct esc_aead_key;

/*
 * One packet. in and out never overlap; neither needs alignment.
 *   seal: reads len bytes of plaintext, writes len + 16 bytes (ciphertext, tag).
 *   open: reads len bytes of ciphertext and a 16-byte tag behind them, writes len bytes;
 *	   if the tag is wrong: ok = false, and out[0..len) holds no plaintext (zeros or
 *	   untouched bytes). Tags are compared in constant time.
 * The memory of `in` may be changed by another process while the call runs: a provider must not
 * read or write outside the given ranges whatever the bytes are. For open, `in` is private
 * memory; for seal, `out` is.
 */
struct esc_aead_job {
	const struct esc_aead_key *key;
	uint64_t counter;
	const uint8_t *in;
	uint8_t *out;
	uint32_t len;
	bool ok; /* set by the provider: open: tag right; seal: done */
};

/*
 * All calls come from one thread. No call may keep a pointer to a job, print, block, or allocate
 * in seal and open; start may allocate, and is called before privileges are dropped; all others
 * run without any privilege, file system or network.
 */
struct esc_aead_provider {
	uint32_t abi_version; /* ESC_AEAD_ABI_VERSION */
	const char *name;

	/* Prepare; *ctx is handed to every other call. 0 or -errno (-ENOTSUP: not on this CPU). */
	int (*start)(void **ctx);
	void (*stop)(void *ctx);

	/*
	 * NULL if out of memory, or ESC_AEAD_KEYS_MAX are there. key_free wipes. By now no memory
	 * can be mapped any more: malloc has what the process set aside at its start.
	 */
	struct esc_aead_key *(*key_new)(void *ctx, const uint8_t key[ESC_AEAD_KEY_LEN]);
	void (*key_free)(void *ctx, struct esc_aead_key *key);

	/* n <= ESC_AEAD_BATCH_MAX; keys may differ between jobs; n = 0 is allowed. */
	void (*seal)(void *ctx, struct esc_aead_job *jobs, unsigned int n);
	void (*open)(void *ctx, struct esc_aead_job *jobs, unsigned int n);
};

/* Built-in providers; NULL where the build has none. */
const struct esc_aead_provider *esc_aead_sodium(void);
const struct esc_aead_provider *esc_aead_openssl(void);
const struct esc_aead_provider *esc_aead_ipsec_mb(void);

#endif
