/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bad_abi.c: a provider of another version of the contract. Nothing behind abi_version may be
 * looked at, so there is nothing behind it.
 */
#include "aead.h"

const struct esc_aead_provider *esc_aead_provider(void);

const struct esc_aead_provider *esc_aead_provider(void)
{
	static const struct esc_aead_provider provider = {
		.abi_version = ESC_AEAD_ABI_VERSION + 1,
	};

	return &provider;
}
