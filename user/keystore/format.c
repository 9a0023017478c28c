/* SPDX-License-Identifier: BSD-2-Clause */
#include "keystore/format.h"

#include <endian.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

/* UNIX seconds of the year 10000: dates that a calendar prints. */
#define TIME_MAX 253402300800ull

_Static_assert(sizeof(((struct esc_ks_slot *)0)->salt) == crypto_pwhash_SALTBYTES, "salt");
_Static_assert(ESC_KDF_OPS_MIN >= crypto_pwhash_argon2id_OPSLIMIT_MIN, "Argon2id's own bounds");
_Static_assert(ESC_KDF_MEM_MIN >= crypto_pwhash_argon2id_MEMLIMIT_MIN, "Argon2id's own bounds");

uint32_t esc_ks_get32(const uint8_t b[4])
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return le32toh(v);
}

uint64_t esc_ks_get64(const uint8_t b[8])
{
	uint64_t v;

	memcpy(&v, b, sizeof(v));
	return le64toh(v);
}

void esc_ks_put32(uint8_t b[4], uint32_t v)
{
	v = htole32(v);
	memcpy(b, &v, sizeof(v));
}

void esc_ks_put64(uint8_t b[8], uint64_t v)
{
	v = htole64(v);
	memcpy(b, &v, sizeof(v));
}

const char *esc_ks_type_name(enum esc_slot_type type)
{
	static const char *const names[ESC_SLOT_TYPES] = {"free", "passphrase", "recovery",
							  "credential", "tpm2"};

	return (unsigned int)type < ESC_SLOT_TYPES ? names[type] : "unknown";
}

struct esc_slot_info esc_ks_slot_info(const struct esc_ks_file *f, uint32_t slot)
{
	const struct esc_ks_slot *s = &f->slot[slot];
	struct esc_slot_info info = {
		.type = (enum esc_slot_type)esc_ks_get32(s->type),
		.ops = esc_ks_get32(s->ops),
		.mem = esc_ks_get64(s->mem),
		.created = esc_ks_get64(s->created),
	};

	memcpy(info.label, s->label, sizeof(info.label));
	return info;
}

uint32_t esc_ks_recovery(const struct esc_ks_file *f)
{
	uint32_t slot = 0;

	while (slot < ESC_KEYSTORE_SLOTS && esc_ks_get32(f->slot[slot].type) != ESC_SLOT_RECOVERY)
		slot++;
	return slot;
}

/* Printable up to a NUL, and only NUL from there on. */
static bool label_ok(const uint8_t label[ESC_SLOT_LABEL])
{
	size_t len = strnlen((const char *)label, ESC_SLOT_LABEL);

	for (size_t i = 0; i < len; i++)
		if (label[i] < 0x20 || label[i] > 0x7e)
			return false;
	return len < ESC_SLOT_LABEL && sodium_is_zero(label + len, ESC_SLOT_LABEL - len);
}

static const char *check_header(const struct esc_ks_header *h)
{
	if (memcmp(h->magic, ESC_KEYSTORE_MAGIC, sizeof(h->magic)) != 0)
		return "it does not begin as a key store does";
	if (esc_ks_get32(h->version) != ESC_KEYSTORE_VERSION)
		return "it has a version that this esclusa does not know: expected 1";
	if (esc_ks_get32(h->size) != ESC_KEYSTORE_SIZE)
		return "its header names another size";
	if (esc_ks_get64(h->created) >= TIME_MAX || esc_ks_get64(h->key_created) >= TIME_MAX)
		return "a date in its header is impossible";
	if (!sodium_is_zero(h->zero, sizeof(h->zero)))
		return "unused bytes of its header are not zero";
	return NULL;
}

static const char *check_slot(const struct esc_ks_file *f, uint32_t slot)
{
	const struct esc_ks_slot *s = &f->slot[slot];
	const struct esc_slot_info info = esc_ks_slot_info(f, slot);

	if (esc_ks_get32(s->type) >= ESC_SLOT_TYPES)
		return "a slot has a type that this esclusa does not know";
	if (info.type == ESC_SLOT_FREE)
		return sodium_is_zero((const uint8_t *)s, sizeof(*s)) ? NULL
								      : "a free slot is not empty";
	if (info.ops < ESC_KDF_OPS_MIN || info.ops > ESC_KDF_OPS_MAX ||
	    info.mem < ESC_KDF_MEM_MIN || info.mem > ESC_KDF_MEM_MAX)
		return "a slot asks for more (or less) work than is allowed: 1 to 10 passes over "
		       "8 KiB to 1 GiB";
	if (info.created >= TIME_MAX)
		return "a slot's date is impossible";
	if (!label_ok(s->label))
		return "a slot's label is not text";
	if (info.type != ESC_SLOT_TPM2 && !sodium_is_zero(s->extra, sizeof(s->extra)))
		return "unused bytes of a slot are not zero";
	return NULL;
}

const char *esc_ks_check(const uint8_t *bytes, size_t len)
{
	struct esc_ks_file f;
	uint32_t recovery = 0;

	if (len != sizeof(f))
		return "its size is not that of a key store, 4096 bytes";
	memcpy(&f, bytes, sizeof(f));
	const char *wrong = check_header(&f.header);
	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS && !wrong; i++) {
		wrong = check_slot(&f, i);
		recovery += esc_ks_get32(f.slot[i].type) == ESC_SLOT_RECOVERY;
	}
	if (!wrong && recovery != 1)
		wrong = "it has no recovery slot, or more than one";
	if (!wrong && !sodium_is_zero(f.zero, sizeof(f.zero)))
		wrong = "unused bytes before its payload are not zero";
	return wrong;
}
