// SPDX-License-Identifier: BSD-2-Clause
/*
 * provider_ipsec_mb.c: AEAD provider on intel-ipsec-mb (1.3 or later), job interface: a batch is
 * queued, and what the library did not finish at once is flushed. Per packet, measured with
 * AVX-512: init/update/finalize cost 33 % more at 1420 bytes and 75 % more at 64; the burst
 * interface costs 1 to 2 % less, but changed incompatibly after 1.3 (jobs need a session). The
 * unchecked call saves 10 ns; all that the checked one looks at is constant here or the caller's
 * contract.
 *
 * The library decrypts before anybody has seen the tag, and leaves comparing it to its user.
 */
#include "aead.h"

#if ESC_HAVE_IPSEC_MB

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "key_pool.h"
#include "nonce.h"

#define MGR_ALIGN 64u

struct ipsec_mb {
	IMB_MGR *mgr;
	size_t mgr_size;
	struct esc_key_pool *keys;
	bool stuck; /* the library kept a job: its pointers are stale, nothing may run again */
	uint8_t nonce[ESC_AEAD_BATCH_MAX][16]; /* 12 used; a slot is one aligned vector load */
	uint8_t tag[ESC_AEAD_BATCH_MAX][ESC_AEAD_TAG_LEN];
};

_Static_assert(ESC_AEAD_BATCH_MAX < IMB_MAX_JOBS, "a batch fits the queue");

static void provider_stop(void *ctx)
{
	struct ipsec_mb *im = ctx;

	if (!im)
		return;
	if (im->mgr) {
		sodium_memzero(im->mgr, im->mgr_size); /* pointers to keys, remnants of lanes */
		free(im->mgr);
	}
	esc_key_pool_free(im->keys);
	sodium_memzero(im, sizeof(*im));
	free(im);
}

static int mgr_init(struct ipsec_mb *im)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	void *mem;

	im->mgr_size = (imb_get_mb_mgr_size() + MGR_ALIGN - 1) & ~(size_t)(MGR_ALIGN - 1);
	mem = aligned_alloc(MGR_ALIGN, im->mgr_size);
	if (!mem)
		return -ENOMEM;
	memset(mem, 0, im->mgr_size);
	im->mgr = mem;
	if (!imb_set_pointers_mb_mgr(mem, 0, 1))
		return -ENOTSUP;
	init_mb_mgr_auto(im->mgr, &arch);
	if (imb_get_errno(im->mgr) || arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI)
		return -ENOTSUP;
	/* A build without SAFE_DATA leaves keystream and one-time keys on the stack. */
	if (!(im->mgr->features & IMB_FEATURE_SAFE_DATA))
		return -ENOTSUP;
	return 0;
}

static int provider_start(void **ctx)
{
	struct ipsec_mb *im =
		aligned_alloc(MGR_ALIGN, (sizeof(*im) + MGR_ALIGN - 1) & ~(size_t)(MGR_ALIGN - 1));
	int err;

	if (!im)
		return -ENOMEM;
	memset(im, 0, sizeof(*im));
	err = mgr_init(im);
	if (!err) {
		im->keys = esc_key_pool_new();
		err = im->keys ? 0 : -ENOMEM;
	}
	if (err) {
		provider_stop(im);
		return err;
	}
	*ctx = im;
	return 0;
}

static struct esc_aead_key *provider_key_new(void *ctx, const uint8_t key[ESC_AEAD_KEY_LEN])
{
	const struct ipsec_mb *im = ctx;

	return esc_key_pool_take(im->keys, key);
}

static void provider_key_free(void *ctx, struct esc_aead_key *key)
{
	const struct ipsec_mb *im = ctx;

	esc_key_pool_give(im->keys, key);
}

/* Every field that this algorithm reads; a slot is zero or from an earlier job of ours. */
static void fill_slot(IMB_JOB *s, struct esc_aead_job *j, const uint8_t *nonce, uint8_t *tag,
		      IMB_CIPHER_DIRECTION dir)
{
	s->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	s->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	s->cipher_direction = dir;
	s->chain_order = dir == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	s->enc_keys = j->key->bytes;
	s->dec_keys = j->key->bytes;
	s->key_len_in_bytes = ESC_AEAD_KEY_LEN;
	s->iv = nonce;
	s->iv_len_in_bytes = ESC_AEAD_NONCE_LEN;
	s->src = j->in;
	s->dst = j->out;
	s->cipher_start_src_offset_in_bytes = 0;
	s->hash_start_src_offset_in_bytes = 0;
	s->msg_len_to_cipher_in_bytes = j->len;
	s->msg_len_to_hash_in_bytes = j->len;
	s->u.CHACHA20_POLY1305.aad = NULL;
	s->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	s->auth_tag_output = tag;
	s->auth_tag_output_len_in_bytes = ESC_AEAD_TAG_LEN;
	s->user_data = j;
}

/* A job that the library hands back, done or refused; the queue keeps their order. */
static void collect(const IMB_JOB *s)
{
	struct esc_aead_job *j = s->user_data;

	j->ok = s->status == IMB_STATUS_COMPLETED;
}

/*
 * ok is true for the jobs that the library completed. false: no job was touched, all are refused.
 */
static bool run(struct ipsec_mb *im, struct esc_aead_job *jobs, unsigned int n,
		IMB_CIPHER_DIRECTION dir)
{
	unsigned int done = 0;
	IMB_JOB *s;

	for (unsigned int i = 0; i < n; i++)
		jobs[i].ok = false;
	if (n > ESC_AEAD_BATCH_MAX || im->stuck)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job *j = &jobs[i];

		esc_aead_nonce(im->nonce[i], j->counter);
		fill_slot(IMB_GET_NEXT_JOB(im->mgr), j, im->nonce[i],
			  dir == IMB_DIR_ENCRYPT ? j->out + j->len : im->tag[i], dir);
		s = IMB_SUBMIT_JOB_NOCHECK(im->mgr);
		if (s) {
			collect(s);
			done++;
		}
	}
	/* Nothing may stay queued: the jobs' memory is the caller's again on return. */
	for (; done < n && (s = IMB_FLUSH_JOB(im->mgr)); done++)
		collect(s);
	im->stuck = done != n;
	return true;
}

static void provider_seal(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	struct ipsec_mb *im = ctx;

	if (!run(im, jobs, n, IMB_DIR_ENCRYPT))
		return;
	for (unsigned int i = 0; i < n; i++)
		if (!jobs[i].ok)
			sodium_memzero(jobs[i].out, jobs[i].len + ESC_AEAD_TAG_LEN);
}

static void provider_open(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	struct ipsec_mb *im = ctx;

	if (!run(im, jobs, n, IMB_DIR_DECRYPT))
		return;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job *j = &jobs[i];

		j->ok = j->ok && !sodium_memcmp(im->tag[i], j->in + j->len, ESC_AEAD_TAG_LEN);
		if (!j->ok)
			sodium_memzero(j->out, j->len);
	}
	/* The right tag of a forged message is as good as the key for that one message. */
	sodium_memzero(im->tag, n * sizeof(im->tag[0]));
}

const struct esc_aead_provider *esc_aead_ipsec_mb(void)
{
	static const struct esc_aead_provider provider = {
		.abi_version = ESC_AEAD_ABI_VERSION,
		.name = "ipsec-mb",
		.start = provider_start,
		.stop = provider_stop,
		.key_new = provider_key_new,
		.key_free = provider_key_free,
		.seal = provider_seal,
		.open = provider_open,
	};

	return &provider;
}

#else

const struct esc_aead_provider *esc_aead_ipsec_mb(void)
{
	return NULL;
}

#endif
