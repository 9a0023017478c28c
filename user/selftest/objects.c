/* SPDX-License-Identifier: BSD-2-Clause */
/* objects.c: are the embedded BPF objects what the compiler wrote? */
#include <sodium.h>
#include <string.h>

#include "bpf_digests.h" /* made by the Makefile */
#include "selftest/steps.h"

const struct esc_digest esc_digests[] = {
#define X(name, sha256) {name, sha256},
	ESC_BPF_DIGESTS(X)
#undef X
};
const size_t esc_digest_count = sizeof(esc_digests) / sizeof(esc_digests[0]);

static const char *verify(const struct esc_object *o, const char *sha256)
{
	uint8_t want[crypto_hash_sha256_BYTES], got[crypto_hash_sha256_BYTES];
	size_t len;

	if (sodium_hex2bin(want, sizeof(want), sha256, strlen(sha256), NULL, &len, NULL) ||
	    len != sizeof(want))
		return "its digest is damaged";
	crypto_hash_sha256(got, o->bytes, o->size);
	return memcmp(got, want, sizeof(got)) ? "it is not what was built: the program is damaged"
					      : NULL;
}

bool esc_selftest_objects(const struct esc_digest *digests, size_t n_digests,
			  const struct esc_object *objects, size_t n, esc_selftest_report *report,
			  void *arg)
{
	bool ok = true, more = true;
	char test[64];

	for (size_t d = 0; d < n_digests && more; d++) {
		const char *why = "it is not in the program";

		for (size_t i = 0; i < n; i++) {
			if (!strcmp(objects[i].name, digests[d].object))
				why = verify(&objects[i], digests[d].sha256);
		}
		snprintf(test, sizeof(test), "BPF object %s", digests[d].object);
		more = report(arg, test, "SHA-256 from the build", why);
		ok = ok && !why;
	}
	if (ok && more && n != n_digests) {
		report(arg, "BPF objects", "SHA-256 from the build", "one has no digest");
		ok = false;
	}
	return ok;
}
