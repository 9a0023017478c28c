/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select.h: choose and start an AEAD provider. Every provider that is used passed the self-test
 * in this process; there is no way around it.
 */
#ifndef ESC_CRYPTO_OFFLOAD_SELECT_H
#define ESC_CRYPTO_OFFLOAD_SELECT_H

#include "aead.h"

struct esc_aead {
	const struct esc_aead_provider *provider;
	void *ctx;
	void *object;	/* dlopen handle of a user's provider, else NULL */
	char note[128]; /* for people: "ipsec-mb (375 ns per 1420 B packet; openssl 784)" */
};

/*
 * want: "auto" (the fastest of the built-in ones, measured for a few milliseconds on 1420 B
 * batches), a provider's name, or a path (contains '/') to a shared object. 0, or -errno with
 * the reason in why[]. Needs the file system for a path; no privileges.
 */
int esc_aead_select(struct esc_aead *a, const char *want, char why[256]);
void esc_aead_release(struct esc_aead *a);

/* Names of the providers that this build and CPU have, for help texts: "ipsec-mb, openssl, …". */
const char *esc_aead_names(void);

#endif
