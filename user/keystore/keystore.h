/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keystore.h: the encrypted file that a node's private key lives in (R13). Its bytes are described
 * in format.h and docs/keystore.md.
 *
 * A random master key seals the private key; each of up to eight slots holds the master key,
 * wrapped by a secret through Argon2id. Any one of the secrets opens the store: a passphrase, the
 * recovery code (one, always there), a credential (a file of random bytes that systemd decrypts at
 * boot).
 *
 * A store is read, unlocked, changed in memory and saved; what the file says is public until then.
 * Secrets are in guarded memory (sodium_malloc) and wiped by esc_keystore_close(). sodium_init()
 * comes first. Functions return 0 or -errno and then a sentence in why[], which holds no secret.
 */
#ifndef ESC_KEYSTORE_KEYSTORE_H
#define ESC_KEYSTORE_KEYSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keystore/format.h"

#define ESC_KEYSTORE_WHY 320u

/* Secrets that are refused: too short to be worth encrypting with, or too long to be meant. */
#define ESC_PASSPHRASE_MIN 8u
#define ESC_PASSPHRASE_MAX 512u
#define ESC_CREDENTIAL_MIN 16u
#define ESC_CREDENTIAL_MAX 4096u

/* What Argon2id may cost a slot. Kept within ESC_KDF_* of format.h. */
struct esc_kdf_cost {
	uint32_t ops;
	uint64_t mem; /* bytes */
};

struct esc_keystore {
	struct esc_ks_file image; /* what a save would write, but for the payload's new seal */
	struct esc_ks_file disk;  /* what the file held when it was read */
	bool on_disk;		  /* it was read from a file, or saved */
	struct esc_keystore_secrets *secrets; /* NULL: locked */
};

/* --- reading ------------------------------------------------------------------------------- */

/*
 * Read a store and check its form. -ENOENT and others of open(2); -ELOOP: a symbolic link;
 * -EINVAL: not a regular file; -EPERM: neither root's nor the caller's, or others may access it;
 * -EBADMSG: not a key store, or damaged. Opens nothing: no secret is needed.
 */
int esc_keystore_read(struct esc_keystore *ks, const char *path, char why[ESC_KEYSTORE_WHY]);

/*
 * Try a secret on every slot of its type (and a passphrase that has the form of a recovery code on
 * that slot first). Takes Argon2id's time and memory for each slot that is tried. *slot, if not
 * NULL, is the one that opened. -EACCES: none did; -EBADMSG: one did, but the file was changed by
 * somebody who does not have the master key; -ENOMEM.
 */
int esc_keystore_unlock(struct esc_keystore *ks, enum esc_slot_type type, const void *secret,
			size_t len, uint32_t *slot, char why[ESC_KEYSTORE_WHY]);

/* 32 bytes, until the store is closed or rekeyed; NULL while it is locked. */
const uint8_t *esc_keystore_private_key(const struct esc_keystore *ks);

/* Wipe everything. A zeroed store may be closed, and a closed one again. */
void esc_keystore_close(struct esc_keystore *ks);

/* --- changing, in memory: all but esc_keystore_new() need an unlocked store ----------------------
 */

/* The usual cost: MODERATE of libsodium for passphrases, INTERACTIVE for secrets of full entropy.
 */
struct esc_kdf_cost esc_keystore_cost(enum esc_slot_type type);

/* A new, unlocked store for this key, without any slot. Add a recovery slot before saving. */
int esc_keystore_new(struct esc_keystore *ks, const uint8_t private_key[32],
		     char why[ESC_KEYSTORE_WHY]);

/*
 * Add a slot: *slot is its number. There is one recovery slot: adding it again replaces it.
 * label may be ""; cost NULL is the usual one. -ENOSPC: all eight are in use; -EINVAL: a secret of
 * a length that is refused, or a label that is not printable ASCII.
 */
int esc_keystore_add(struct esc_keystore *ks, enum esc_slot_type type, const char *label,
		     const void *secret, size_t len, const struct esc_kdf_cost *cost,
		     uint32_t *slot, char why[ESC_KEYSTORE_WHY]);

/* -ENOENT: the slot is free. -EPERM: it is the recovery slot. */
int esc_keystore_remove(struct esc_keystore *ks, uint32_t slot, char why[ESC_KEYSTORE_WHY]);

/* A new secret in a passphrase slot, which keeps its number and label. */
int esc_keystore_change(struct esc_keystore *ks, uint32_t slot, const void *secret, size_t len,
			const struct esc_kdf_cost *cost, char why[ESC_KEYSTORE_WHY]);

/* Another private key. Slots, and so all secrets that open the store, stay. */
int esc_keystore_rekey(struct esc_keystore *ks, const uint8_t private_key[32],
		       char why[ESC_KEYSTORE_WHY]);

/* --- writing ------------------------------------------------------------------------------------
 */

/*
 * Seal the payload anew and replace the file as a whole: at any moment path is the old or the new
 * store (file.c says how). Mode 0600, owned by who calls. For a store that was read: -ESTALE if the
 * file changed since. For a new one: -EEXIST if there is a file. -EBUSY: another writer is at work
 * for seconds. -EINVAL: no recovery slot.
 */
int esc_keystore_save(struct esc_keystore *ks, const char *path, char why[ESC_KEYSTORE_WHY]);

/*
 * Make the keys of a store unrecoverable: overwrite slots and payload in place with random bytes,
 * fsync, remove the file, fsync its directory; the same for what an interrupted save left. Works on
 * damaged stores and needs no secret. 0 or -errno: -ENOENT, -ELOOP, -EINVAL (not a regular file, or
 * never was a key store: nothing is touched), those of open, write, fsync. If overwriting fails the
 * file is removed all the same.
 *
 * What this cannot reach: blocks that a copy-on-write or journalling file system, a snapshot, a
 * backup or a flash device's wear levelling kept. They are still encrypted: what is left is as
 * strong as the secrets of the slots.
 */
int esc_keystore_destroy(const char *path);

#endif
