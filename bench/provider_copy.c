// SPDX-License-Identifier: BSD-2-Clause
/*
 * provider_copy.c: memcpy in place of the cipher, and no proof of anything: what a node costs
 * without cryptography. Linked into benchmark programs only, and offered only by a select.c that
 * was compiled for them.
 */
#include <string.h>

#include "aead.h"

const struct esc_aead_provider *esc_aead_copy(void);

struct esc_aead_key {
	char unused;
};

static struct esc_aead_key the_key;

static int copy_start(void **ctx)
{
	*ctx = NULL;
	return 0;
}

static void copy_stop(void *ctx)
{
	(void)ctx;
}

static struct esc_aead_key *copy_key_new(void *ctx, const uint8_t key[ESC_AEAD_KEY_LEN])
{
	(void)ctx;
	(void)key;
	return &the_key;
}

static void copy_key_free(void *ctx, struct esc_aead_key *key)
{
	(void)ctx;
	(void)key;
}

static void copy_seal(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		memcpy(jobs[i].out, jobs[i].in, jobs[i].len);
		memset(jobs[i].out + jobs[i].len, 0, ESC_AEAD_TAG_LEN);
		jobs[i].ok = true;
	}
}

static void copy_open(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		memcpy(jobs[i].out, jobs[i].in, jobs[i].len);
		jobs[i].ok = true;
	}
}

const struct esc_aead_provider *esc_aead_copy(void)
{
	static const struct esc_aead_provider provider = {
		.abi_version = ESC_AEAD_ABI_VERSION,
		.name = "copy",
		.start = copy_start,
		.stop = copy_stop,
		.key_new = copy_key_new,
		.key_free = copy_key_free,
		.seal = copy_seal,
		.open = copy_open,
	};

	return &provider;
}
