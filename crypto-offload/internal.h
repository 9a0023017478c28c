/* SPDX-License-Identifier: BSD-2-Clause */
/* internal.h: between select.c, load.c and measure.c. */
#ifndef ESC_CRYPTO_OFFLOAD_INTERNAL_H
#define ESC_CRYPTO_OFFLOAD_INTERNAL_H

#include "select.h"

#define ESC_AEAD_WHY 256u

/* Start p and run the self-test; on failure it is stopped again. 0, or -errno with why[]. */
int esc_aead_start(struct esc_aead *a, const struct esc_aead_provider *p, char why[ESC_AEAD_WHY]);

/*
 * Load, check and start a user's shared object. Refused unless it is a regular file of root or of
 * the calling user that nobody else can write: what it holds runs in the process with the keys.
 */
int esc_aead_load(struct esc_aead *a, const char *path, char why[ESC_AEAD_WHY]);

/*
 * Start the fastest of n (at most ESC_AEAD_LIST_MAX) providers; NULL entries are skipped. One that
 * fails is left out and named in note, or in why[] if none is left.
 */
#define ESC_AEAD_LIST_MAX 8u
int esc_aead_fastest(struct esc_aead *a, const struct esc_aead_provider *const *list,
		     unsigned int n, char why[ESC_AEAD_WHY]);

/*
 * Nanoseconds per packet of len bytes, seal and open separately: the best of `rounds` batches of
 * 64. 0, or -errno. Does not touch the provider's other keys.
 */
int esc_aead_measure(const struct esc_aead_provider *p, void *ctx, uint32_t len,
		     unsigned int rounds, double ns[2]);

#endif
