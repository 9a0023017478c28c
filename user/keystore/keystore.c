/* SPDX-License-Identifier: BSD-2-Clause */
/* keystore.c: slots, the master key, the private key under it. */
#include "keystore/keystore.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/encode.h"
#include "keystore/file.h"
#include "keystore/recovery.h"

#define ABYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

/* Guarded: exists while the store is unlocked, or being unlocked. */
struct esc_keystore_secrets {
	bool opened;
	uint8_t master[32];
	uint8_t private_key[32];
	uint8_t kek[32]; /* of the slot at hand */
};

_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32, "key");
_Static_assert(sizeof(((struct esc_ks_slot *)0)->wrapped) == 32 + ABYTES, "wrapped key");
_Static_assert(sizeof(((struct esc_ks_slot *)0)->nonce) ==
		       crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	       "nonce");

static int say(char why[ESC_KEYSTORE_WHY], int err, const char *text)
{
	snprintf(why, ESC_KEYSTORE_WHY, "%s", text);
	return err;
}

static int need_open(const struct esc_keystore *ks, char why[ESC_KEYSTORE_WHY])
{
	return esc_keystore_private_key(ks) ? 0 : say(why, -EACCES, "the key store is locked");
}

static int new_secrets(struct esc_keystore *ks, char why[ESC_KEYSTORE_WHY])
{
	ks->secrets = sodium_malloc(sizeof(*ks->secrets));
	if (!ks->secrets)
		return say(why, -ENOMEM, "no guarded memory for the keys: out of memory");
	memset(ks->secrets, 0, sizeof(*ks->secrets));
	return 0;
}

/* --- seals ------------------------------------------------------------------------------------ */

/* The key that wraps the master key. */
static int derive(uint8_t kek[32], const struct esc_ks_slot *s, const void *secret, size_t len,
		  char why[ESC_KEYSTORE_WHY])
{
	uint64_t mem = esc_ks_get64(s->mem);

	if (!crypto_pwhash(kek, 32, secret, len, s->salt, esc_ks_get32(s->ops), mem,
			   crypto_pwhash_ALG_ARGON2ID13))
		return 0;
	snprintf(why, ESC_KEYSTORE_WHY,
		 "Argon2id needs %llu MiB of memory for this slot, and there is not so much",
		 (unsigned long long)(mem >> 20));
	return -ENOMEM;
}

/* What a slot's wrapped key is bound to; see format.h. */
struct slot_facts {
	uint8_t header[ESC_KS_HEADER_FIXED];
	uint8_t number[4];
	uint8_t slot[ESC_KS_SLOT_CLEAR];
};

static struct slot_facts slot_facts(const struct esc_ks_file *f, uint32_t slot)
{
	struct slot_facts facts;

	memcpy(facts.header, &f->header, sizeof(facts.header));
	esc_ks_put32(facts.number, slot);
	memcpy(facts.slot, &f->slot[slot], sizeof(facts.slot));
	return facts;
}

static int wrap(struct esc_keystore *ks, uint32_t slot, const void *secret, size_t len,
		char why[ESC_KEYSTORE_WHY])
{
	struct esc_ks_slot *s = &ks->image.slot[slot];
	struct esc_keystore_secrets *k = ks->secrets;

	randombytes_buf(s->salt, sizeof(s->salt));
	randombytes_buf(s->nonce, sizeof(s->nonce));
	int err = derive(k->kek, s, secret, len, why);
	if (err)
		return err;
	const struct slot_facts facts = slot_facts(&ks->image, slot);
	crypto_aead_xchacha20poly1305_ietf_encrypt(s->wrapped, NULL, k->master, sizeof(k->master),
						   (const uint8_t *)&facts, sizeof(facts), NULL,
						   s->nonce, k->kek);
	sodium_memzero(k->kek, sizeof(k->kek));
	return 0;
}

/* 0: the master key is there; -EACCES: not this slot's secret; -ENOMEM. */
static int unwrap(struct esc_keystore *ks, uint32_t slot, const void *secret, size_t len,
		  char why[ESC_KEYSTORE_WHY])
{
	const struct esc_ks_slot *s = &ks->image.slot[slot];
	const struct slot_facts facts = slot_facts(&ks->image, slot);
	struct esc_keystore_secrets *k = ks->secrets;
	int err = derive(k->kek, s, secret, len, why);

	if (err)
		return err;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(k->master, NULL, NULL, s->wrapped,
						       sizeof(s->wrapped), (const uint8_t *)&facts,
						       sizeof(facts), s->nonce, k->kek))
		err = -EACCES;
	sodium_memzero(k->kek, sizeof(k->kek));
	return err;
}

static int open_payload(struct esc_keystore *ks)
{
	const struct esc_ks_file *f = &ks->image;
	struct esc_keystore_secrets *k = ks->secrets;
	uint8_t public_key[ESC_KEY_LEN];

	if (crypto_aead_xchacha20poly1305_ietf_decrypt(k->private_key, NULL, NULL, f->sealed,
						       sizeof(f->sealed), (const uint8_t *)f,
						       ESC_KS_FILE_CLEAR, f->nonce, k->master))
		return -EBADMSG;
	esc_key_public(public_key, k->private_key);
	return memcmp(public_key, f->header.public_key, ESC_KEY_LEN) ? -EBADMSG : 0;
}

static void seal_payload(struct esc_keystore *ks)
{
	struct esc_ks_file *f = &ks->image;

	randombytes_buf(f->nonce, sizeof(f->nonce));
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		f->sealed, NULL, ks->secrets->private_key, sizeof(ks->secrets->private_key),
		(const uint8_t *)f, ESC_KS_FILE_CLEAR, NULL, f->nonce, ks->secrets->master);
}

/* --- reading, unlocking ---------------------------------------------------------------------- */

int esc_keystore_read(struct esc_keystore *ks, const char *path, char why[ESC_KEYSTORE_WHY])
{
	*ks = (struct esc_keystore){.secrets = NULL};
	int err = esc_ks_file_read(&ks->disk, path, why);
	if (err)
		return err;
	ks->image = ks->disk;
	ks->on_disk = true;
	return 0;
}

static int try_slots(struct esc_keystore *ks, enum esc_slot_type type, const void *secret,
		     size_t len, uint32_t *slot, char why[ESC_KEYSTORE_WHY])
{
	for (*slot = 0; *slot < ESC_KEYSTORE_SLOTS; (*slot)++) {
		if (esc_ks_get32(ks->image.slot[*slot].type) != type)
			continue;
		int err = unwrap(ks, *slot, secret, len, why);
		if (err != -EACCES)
			return err;
	}
	return -EACCES;
}

static int try_secret(struct esc_keystore *ks, enum esc_slot_type type, const void *secret,
		      size_t len, uint32_t *slot, char why[ESC_KEYSTORE_WHY])
{
	struct esc_recovery *code = NULL;
	int err = -EACCES;

	if (type == ESC_SLOT_PASSPHRASE || type == ESC_SLOT_RECOVERY) {
		code = sodium_malloc(sizeof(*code));
		if (!code)
			return say(why, -ENOMEM, "out of memory");
		if (esc_recovery_parse(code, secret, len))
			err = try_slots(ks, ESC_SLOT_RECOVERY, code->digits, sizeof(code->digits),
					slot, why);
		sodium_free(code);
	}
	return err == -EACCES && type != ESC_SLOT_RECOVERY
		       ? try_slots(ks, type, secret, len, slot, why)
		       : err;
}

int esc_keystore_unlock(struct esc_keystore *ks, enum esc_slot_type type, const void *secret,
			size_t len, uint32_t *slot, char why[ESC_KEYSTORE_WHY])
{
	uint32_t opened = 0;
	int err;

	if (ks->secrets)
		return say(why, -EINVAL, "the key store is open already");
	err = new_secrets(ks, why);
	if (err)
		return err;
	err = try_secret(ks, type, secret, len, &opened, why);
	if (err == -EACCES)
		say(why, err,
		    type == ESC_SLOT_CREDENTIAL
			    ? "no slot opens with this credential"
			    : "no slot opens with this passphrase or recovery code");
	if (!err) {
		err = open_payload(ks);
		if (err)
			say(why, err,
			    "the key store was changed by somebody without its secrets, or is "
			    "damaged. Restore it from a backup");
	}
	if (err) {
		sodium_free(ks->secrets);
		ks->secrets = NULL;
		return err;
	}
	ks->secrets->opened = true;
	if (slot)
		*slot = opened;
	return 0;
}

const uint8_t *esc_keystore_private_key(const struct esc_keystore *ks)
{
	return ks->secrets && ks->secrets->opened ? ks->secrets->private_key : NULL;
}

void esc_keystore_close(struct esc_keystore *ks)
{
	sodium_free(ks->secrets);
	sodium_memzero(ks, sizeof(*ks));
}

/* --- changing -------------------------------------------------------------------------------- */

struct esc_kdf_cost esc_keystore_cost(enum esc_slot_type type)
{
	if (type == ESC_SLOT_PASSPHRASE)
		return (struct esc_kdf_cost){crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
					     crypto_pwhash_argon2id_MEMLIMIT_MODERATE};
	return (struct esc_kdf_cost){crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
				     crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE};
}

static void put_key(struct esc_keystore *ks, const uint8_t private_key[32])
{
	struct esc_ks_header *h = &ks->image.header;

	memcpy(ks->secrets->private_key, private_key, sizeof(ks->secrets->private_key));
	esc_key_public(h->public_key, private_key);
	esc_ks_put64(h->key_created, (uint64_t)time(NULL));
}

int esc_keystore_new(struct esc_keystore *ks, const uint8_t private_key[32],
		     char why[ESC_KEYSTORE_WHY])
{
	struct esc_ks_header *h = &ks->image.header;

	*ks = (struct esc_keystore){.secrets = NULL};
	if (esc_key_is_zero(private_key))
		return say(why, -EINVAL, "the private key is all zero");
	int err = new_secrets(ks, why);
	if (err)
		return err;
	memcpy(h->magic, ESC_KEYSTORE_MAGIC, sizeof(h->magic));
	esc_ks_put32(h->version, ESC_KEYSTORE_VERSION);
	esc_ks_put32(h->size, ESC_KEYSTORE_SIZE);
	randombytes_buf(h->id, sizeof(h->id));
	esc_ks_put64(h->created, (uint64_t)time(NULL));
	randombytes_buf(ks->secrets->master, sizeof(ks->secrets->master));
	put_key(ks, private_key);
	ks->secrets->opened = true;
	return 0;
}

static int check_secret(enum esc_slot_type type, size_t len, char why[ESC_KEYSTORE_WHY])
{
	const struct {
		size_t min, max;
		const char *what;
	} bounds[ESC_SLOT_TYPES] = {
		[ESC_SLOT_PASSPHRASE] = {ESC_PASSPHRASE_MIN, ESC_PASSPHRASE_MAX, "a passphrase"},
		[ESC_SLOT_RECOVERY] = {ESC_RECOVERY_DIGITS, ESC_RECOVERY_DIGITS, "a recovery code"},
		[ESC_SLOT_CREDENTIAL] = {ESC_CREDENTIAL_MIN, ESC_CREDENTIAL_MAX, "a credential"},
	};

	if ((unsigned int)type >= ESC_SLOT_TYPES || !bounds[type].what)
		return say(why, -EINVAL, "a slot of this type cannot be made");
	if (len >= bounds[type].min && len <= bounds[type].max)
		return 0;
	snprintf(why, ESC_KEYSTORE_WHY, "%s needs %zu to %zu bytes, this one has %zu",
		 bounds[type].what, bounds[type].min, bounds[type].max, len);
	return -EINVAL;
}

static bool label_ok(const char *label)
{
	for (const char *s = label; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return strlen(label) < ESC_SLOT_LABEL;
}

/* Fill a slot afresh. On failure the slot is as it was. */
static int fill(struct esc_keystore *ks, uint32_t slot, enum esc_slot_type type, const char *label,
		const void *secret, size_t len, const struct esc_kdf_cost *cost,
		char why[ESC_KEYSTORE_WHY])
{
	const struct esc_kdf_cost usual = esc_keystore_cost(type);
	struct esc_ks_slot *s = &ks->image.slot[slot], before = *s;

	memset(s, 0, sizeof(*s));
	esc_ks_put32(s->type, type);
	esc_ks_put32(s->ops, cost ? cost->ops : usual.ops);
	esc_ks_put64(s->mem, cost ? cost->mem : usual.mem);
	esc_ks_put64(s->created, (uint64_t)time(NULL));
	memcpy(s->label, label, strlen(label));
	int err = wrap(ks, slot, secret, len, why);
	if (err)
		*s = before;
	return err;
}

int esc_keystore_add(struct esc_keystore *ks, enum esc_slot_type type, const char *label,
		     const void *secret, size_t len, const struct esc_kdf_cost *cost,
		     uint32_t *slot, char why[ESC_KEYSTORE_WHY])
{
	uint32_t at = type == ESC_SLOT_RECOVERY ? esc_ks_recovery(&ks->image) : ESC_KEYSTORE_SLOTS;
	int err = need_open(ks, why);

	if (!err)
		err = check_secret(type, len, why);
	if (!err && !label_ok(label))
		err = say(why, -EINVAL, "a label has at most 47 printable ASCII characters");
	if (err)
		return err;
	for (uint32_t i = 0; at == ESC_KEYSTORE_SLOTS && i < ESC_KEYSTORE_SLOTS; i++)
		if (esc_ks_get32(ks->image.slot[i].type) == ESC_SLOT_FREE)
			at = i;
	if (at == ESC_KEYSTORE_SLOTS)
		return say(why, -ENOSPC, "all eight slots are in use: remove one first");
	err = fill(ks, at, type, label, secret, len, cost, why);
	if (!err && slot)
		*slot = at;
	return err;
}

static int find_slot(const struct esc_keystore *ks, uint32_t slot, struct esc_slot_info *info,
		     char why[ESC_KEYSTORE_WHY])
{
	if (slot < ESC_KEYSTORE_SLOTS) {
		*info = esc_ks_slot_info(&ks->image, slot);
		if (info->type != ESC_SLOT_FREE)
			return 0;
	}
	snprintf(why, ESC_KEYSTORE_WHY, "there is no slot %u", slot);
	return -ENOENT;
}

int esc_keystore_remove(struct esc_keystore *ks, uint32_t slot, char why[ESC_KEYSTORE_WHY])
{
	struct esc_slot_info info;
	int err = need_open(ks, why);

	if (!err)
		err = find_slot(ks, slot, &info, why);
	if (err)
		return err;
	if (info.type == ESC_SLOT_RECOVERY)
		return say(why, -EPERM,
			   "every key store has a recovery code: it can be replaced "
			   "('esclusa key recovery'), not removed");
	memset(&ks->image.slot[slot], 0, sizeof(ks->image.slot[slot]));
	return 0;
}

int esc_keystore_change(struct esc_keystore *ks, uint32_t slot, const void *secret, size_t len,
			const struct esc_kdf_cost *cost, char why[ESC_KEYSTORE_WHY])
{
	struct esc_slot_info info;
	int err = need_open(ks, why);

	if (!err)
		err = find_slot(ks, slot, &info, why);
	if (err)
		return err;
	if (info.type != ESC_SLOT_PASSPHRASE) {
		snprintf(why, ESC_KEYSTORE_WHY, "slot %u holds no passphrase, but a %s", slot,
			 esc_ks_type_name(info.type));
		return -EINVAL;
	}
	err = check_secret(info.type, len, why);
	return err ? err : fill(ks, slot, info.type, info.label, secret, len, cost, why);
}

int esc_keystore_rekey(struct esc_keystore *ks, const uint8_t private_key[32],
		       char why[ESC_KEYSTORE_WHY])
{
	int err = need_open(ks, why);

	if (err)
		return err;
	if (esc_key_is_zero(private_key))
		return say(why, -EINVAL, "the private key is all zero");
	put_key(ks, private_key);
	return 0;
}

int esc_keystore_save(struct esc_keystore *ks, const char *path, char why[ESC_KEYSTORE_WHY])
{
	int err = need_open(ks, why);

	if (err)
		return err;
	seal_payload(ks);
	const char *wrong = esc_ks_check((const uint8_t *)&ks->image, sizeof(ks->image));
	if (wrong) {
		snprintf(why, ESC_KEYSTORE_WHY, "the key store is not fit to be saved: %s", wrong);
		return -EINVAL;
	}
	err = esc_ks_file_replace(&ks->image, ks->on_disk ? &ks->disk : NULL, path, why);
	if (err)
		return err;
	ks->disk = ks->image;
	ks->on_disk = true;
	return 0;
}
