/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ESC_CRYPTO_OFFLOAD_SELFTEST_H
#define ESC_CRYPTO_OFFLOAD_SELFTEST_H

#include "aead.h"

/*
 * Run the known-answer and forgery tests (aead.h) on a started provider. NULL if all passed,
 * else a static text that names the failed step.
 */
const char *esc_aead_selftest(const struct esc_aead_provider *p, void *ctx);

#endif
