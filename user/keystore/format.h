/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.h: the bytes of a key store, version 1: 4096 of them, one block of most file systems.
 * Integers are little endian; everything is in byte arrays, so there is no padding to think about.
 * What is not in use is zero, and checked to be.
 *
 *   0     header    magic, version, what can be told without a secret      128 bytes
 *   128   slot 0..7 the master key, wrapped by one secret each            8 x 480 bytes
 *   3968  payload   the private key, sealed by the master key              128 bytes
 *
 * Both seals are XChaCha20-Poly1305 (IETF). A slot's associated data is the header without what a
 * new private key changes, the slot's number and the slot itself up to the wrapped key: a slot
 * opens only in its place, in its store. The payload's is every other byte of the file: a slot that
 * was removed, added or put back from an older copy without the master key shows.
 *
 * Slot types that a reader does not know are refused; ESC_SLOT_TPM2 has its number and room for a
 * sealed object (extra) already, so that stores with one need no new version.
 */
#ifndef ESC_KEYSTORE_FORMAT_H
#define ESC_KEYSTORE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define ESC_KEYSTORE_MAGIC   "esclusaK"
#define ESC_KEYSTORE_VERSION 1u
#define ESC_KEYSTORE_SIZE    4096u
#define ESC_KEYSTORE_SLOTS   8u
#define ESC_SLOT_LABEL	     48u /* with its NUL */

/*
 * Bounds of Argon2id's cost (version 1.3, one lane), so that a file from somebody else can neither
 * make a reader allocate what the machine does not have nor keep it busy for minutes: at most
 * 1 GiB, passed over 10 times (about 10 s). The lower ones are libsodium's.
 */
#define ESC_KDF_OPS_MIN 1u
#define ESC_KDF_OPS_MAX 10u
#define ESC_KDF_MEM_MIN 8192u
#define ESC_KDF_MEM_MAX (1ull << 30)

enum esc_slot_type {
	ESC_SLOT_FREE,
	ESC_SLOT_PASSPHRASE,
	ESC_SLOT_RECOVERY,
	ESC_SLOT_CREDENTIAL,
	ESC_SLOT_TPM2, /* reserved: kept and shown, not opened */
	ESC_SLOT_TYPES,
};

struct esc_ks_header {
	uint8_t magic[8];
	uint8_t version[4];
	uint8_t size[4];
	uint8_t id[16];	    /* random, of this store for its life */
	uint8_t created[8]; /* UNIX seconds */
	/* what a new private key changes, and is not in a slot's associated data */
	uint8_t key_created[8];
	uint8_t public_key[32];
	uint8_t zero[48];
};

struct esc_ks_slot {
	uint8_t type[4];
	uint8_t ops[4];
	uint8_t mem[8]; /* bytes */
	uint8_t created[8];
	uint8_t label[ESC_SLOT_LABEL]; /* printable ASCII, padded with NUL */
	uint8_t salt[16];
	uint8_t extra[320];
	uint8_t nonce[24];
	uint8_t wrapped[48]; /* master key and tag */
};

struct esc_ks_file {
	struct esc_ks_header header;
	struct esc_ks_slot slot[ESC_KEYSTORE_SLOTS];
	uint8_t zero[56];
	uint8_t nonce[24];
	uint8_t sealed[48]; /* private key and tag */
};

_Static_assert(sizeof(struct esc_ks_header) == 128, "header");
_Static_assert(sizeof(struct esc_ks_slot) == 480, "slot");
_Static_assert(sizeof(struct esc_ks_file) == ESC_KEYSTORE_SIZE, "file");

#define ESC_KS_HEADER_FIXED offsetof(struct esc_ks_header, key_created)
#define ESC_KS_SLOT_CLEAR   offsetof(struct esc_ks_slot, wrapped)
#define ESC_KS_FILE_CLEAR   offsetof(struct esc_ks_file, sealed)

/* A slot's clear fields. */
struct esc_slot_info {
	enum esc_slot_type type;
	uint32_t ops;
	uint64_t mem, created;
	char label[ESC_SLOT_LABEL];
};

/*
 * Do these bytes have the form of a store? NULL, or what is wrong with them. Every field that is
 * not random is checked: types, bounds, labels, zeroes, one recovery slot.
 */
const char *esc_ks_check(const uint8_t *bytes, size_t len);

/* The fields of a slot; the file's form was checked, slot < ESC_KEYSTORE_SLOTS. */
struct esc_slot_info esc_ks_slot_info(const struct esc_ks_file *f, uint32_t slot);
const char *esc_ks_type_name(enum esc_slot_type type); /* "passphrase", ... */

/* Number of the recovery slot, or ESC_KEYSTORE_SLOTS: there is none. */
uint32_t esc_ks_recovery(const struct esc_ks_file *f);

uint32_t esc_ks_get32(const uint8_t b[4]);
uint64_t esc_ks_get64(const uint8_t b[8]);
void esc_ks_put32(uint8_t b[4], uint32_t v);
void esc_ks_put64(uint8_t b[8], uint64_t v);

#endif
