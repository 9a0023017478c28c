/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a key store and as a recovery code: no crash, and what is accepted keeps the bounds
 * that unlocking relies on. No Argon2id: nothing is unlocked.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "keystore/format.h"
#include "keystore/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct esc_ks_file *f)
{
	uint32_t recovery = esc_ks_recovery(f);

	if (recovery >= ESC_KEYSTORE_SLOTS)
		abort();
	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS; i++) {
		const struct esc_slot_info s = esc_ks_slot_info(f, i);

		if (s.type == ESC_SLOT_FREE)
			continue;
		if ((unsigned int)s.type >= ESC_SLOT_TYPES || s.mem > ESC_KDF_MEM_MAX ||
		    s.mem < ESC_KDF_MEM_MIN || s.ops > ESC_KDF_OPS_MAX || s.ops < ESC_KDF_OPS_MIN ||
		    strnlen(s.label, sizeof(s.label)) == sizeof(s.label) ||
		    (s.type == ESC_SLOT_RECOVERY && i != recovery))
			abort();
	}
}

/* A whole form around the fuzzer's bytes, so that it need not find the magic and the zeroes. */
static void in_a_form(const uint8_t *data, size_t size)
{
	struct esc_ks_file f;
	size_t at = 0;

	memset(&f, 0, sizeof(f));
	memcpy(f.header.magic, ESC_KEYSTORE_MAGIC, sizeof(f.header.magic));
	esc_ks_put32(f.header.version, ESC_KEYSTORE_VERSION);
	esc_ks_put32(f.header.size, ESC_KEYSTORE_SIZE);
	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS && at < size; i++) {
		size_t n = size - at < offsetof(struct esc_ks_slot, salt)
				   ? size - at
				   : offsetof(struct esc_ks_slot, salt);

		memcpy(&f.slot[i], data + at, n);
		at += n;
	}
	if (!esc_ks_check((const uint8_t *)&f, sizeof(f)))
		check_accepted(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esc_recovery r, again;
	struct esc_ks_file f;

	if (!esc_ks_check(data, size)) {
		if (size != sizeof(f))
			abort();
		memcpy(&f, data, sizeof(f));
		check_accepted(&f);
	}
	in_a_form(data, size);
	if (esc_recovery_parse(&r, (const char *)data, size) &&
	    (!esc_recovery_parse(&again, r.text, strlen(r.text)) ||
	     memcmp(&r, &again, sizeof(r)) != 0))
		abort();
	return 0;
}
