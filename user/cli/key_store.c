/* SPDX-License-Identifier: BSD-2-Clause */
/* key_store.c: the commands that make a key store and change it. */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/encode.h"
#include "cli/key.h"
#include "keystore/recovery.h"

/* As a configuration file and a unit want to have it. */
static const char *full_path(const char *path, char buf[PATH_MAX])
{
	return realpath(path, buf) ? buf : path;
}

static int save(struct esc_keystore *ks, const struct key_args *a)
{
	char why[ESC_KEYSTORE_WHY];

	return esc_keystore_save(ks, a->file, why) ? key_failed("%s", why) : 0;
}

static bool print_public(const struct esc_keystore *ks)
{
	char key[ESC_KEY_B64];

	printf("public key: %s\n", esc_key_to_base64(key, ks->image.header.public_key));
	return !fflush(stdout);
}

/* The only time that anybody sees it. */
static int print_recovery(const struct esc_recovery *r, const char *file)
{
	if (!key_write("recovery code: ", 15) || !key_write(r->text, strlen(r->text)) ||
	    !key_write("\n", 1))
		return key_failed("cannot write the recovery code to standard output: %s. The key "
				  "store is made: get another code with 'esclusa key recovery %s'",
				  strerror(errno), file);
	fputs("\nWrite the recovery code down and keep it away from this machine. It opens the "
	      "key\n"
	      "store when everything else is lost, and is not shown again.\n",
	      stderr);
	return 0;
}

/* A fresh code into the store and into *r, which is guarded memory for the caller to free. */
static int new_recovery(struct esc_keystore *ks, struct esc_recovery **r)
{
	char why[ESC_KEYSTORE_WHY];

	*r = sodium_malloc(sizeof(**r));
	if (!*r)
		return key_failed("out of memory");
	esc_recovery_new(*r);
	if (esc_keystore_add(ks, ESC_SLOT_RECOVERY, "", (*r)->digits, sizeof((*r)->digits), NULL,
			     NULL, why))
		return key_failed("%s", why);
	return 0;
}

/* --- create, rekey: where a private key comes from ------------------------------------------- */

static int get_key(struct key_import **key, const char *import)
{
	*key = sodium_malloc(sizeof(**key));
	if (!*key)
		return key_failed("out of memory");
	if (import)
		return key_import(*key, import);
	memset(*key, 0, sizeof(**key));
	key_random((*key)->key);
	return 0;
}

static void say_imported(const struct key_import *key, const struct key_args *a)
{
	char path[PATH_MAX];

	if (!strcmp(a->import, "-"))
		fputs("\nThe private key came from standard input: remove it from wherever that "
		      "was.\n",
		      stderr);
	else if (key->line)
		fprintf(stderr,
			"\nThe private key is still in line %u of %s. Put this line there "
			"instead,\n"
			"and remove copies and backups of that file:\n  Keystore = %s\n",
			key->line, a->import, full_path(a->file, path));
	else
		fprintf(stderr, "\nThe private key is still in %s. Remove it: shred -u %s\n",
			a->import, a->import);
	if (key->exposed)
		fprintf(stderr,
			"\nwarning: others could read the file that it came from. If they may "
			"have,\n"
			"make a new key: esclusa key rekey %s\n",
			a->file);
}

static int fill_new(struct esc_keystore *ks, const struct key_args *a, const uint8_t key[32],
		    struct esc_recovery **r)
{
	struct esc_secret *pass = esc_secret_new();
	char why[ESC_KEYSTORE_WHY];
	int code = pass ? key_new_passphrase(a, a->passphrase_file, pass) : ESC_EXIT_FAILED;

	if (!code && (esc_keystore_new(ks, key, why) ||
		      esc_keystore_add(ks, ESC_SLOT_PASSPHRASE, a->label ? a->label : "",
				       pass->bytes, pass->len, NULL, NULL, why)))
		code = key_failed("%s: %s", a->file, why);
	esc_secret_free(pass);
	return code ? code : new_recovery(ks, r);
}

int key_create(const struct key_args *a)
{
	struct esc_keystore ks = {.secrets = NULL};
	struct esc_recovery *recovery = NULL;
	struct key_import *key = NULL;
	char path[PATH_MAX];
	struct stat st;

	if (!lstat(a->file, &st)) /* sooner than after two questions; saving looks again */
		return key_failed("%s: the file exists already: choose another name, or move it "
				  "away",
				  a->file);
	int code = get_key(&key, a->import);
	if (!code)
		code = fill_new(&ks, a, key->key, &recovery);
	if (!code)
		code = save(&ks, a);
	if (!code) {
		print_public(&ks);
		code = print_recovery(recovery, a->file);
	}
	if (!code && a->import)
		say_imported(key, a);
	else if (!code)
		fprintf(stderr, "\nIn the node's file, in [Interface]:\n  Keystore = %s\n",
			full_path(a->file, path));
	sodium_free(recovery);
	sodium_free(key);
	esc_keystore_close(&ks);
	return code;
}

int key_rekey(const struct key_args *a)
{
	struct esc_keystore ks = {.secrets = NULL};
	struct key_import *key = NULL;
	char why[ESC_KEYSTORE_WHY];
	int code = key_unlock(a, &ks, NULL);

	if (!code)
		code = get_key(&key, a->import);
	if (!code && esc_keystore_rekey(&ks, key->key, why))
		code = key_failed("%s: %s", a->file, why);
	if (!code)
		code = save(&ks, a);
	if (!code) {
		print_public(&ks);
		fputs("\nGive the new public key to all peers, then restart the node: one that is "
		      "running\nkeeps the old key until then.\n",
		      stderr);
		if (a->import)
			say_imported(key, a);
	}
	sodium_free(key);
	esc_keystore_close(&ks);
	return code;
}

/* --- slots ---------------------------------------------------------------------------------------
 */

static int slot_number(const char *word, uint32_t *slot)
{
	if (!word[0] || word[1] || word[0] < '0' || word[0] > '7')
		return key_failed("'%s': expected the number of a slot, 0 to 7, as 'esclusa key "
				  "show' prints it",
				  word);
	*slot = (uint32_t)(word[0] - '0');
	return 0;
}

/* systemd/esclusa-launch@.service looks there. */
static void say_credential(const char *secret, bool made)
{
	if (made)
		fprintf(stderr, "\n%s was made: 32 random bytes.\n", secret);
	fprintf(stderr,
		"\nEncrypt it for this machine, so that only systemd here can read it, and remove "
		"it.\nFor the node that esclusa@NAME.service runs:\n"
		"  mkdir -p -m 700 /etc/credstore.encrypted\n"
		"  systemd-creds encrypt --name=keystore %s /etc/credstore.encrypted/esclusa-NAME\n"
		"  shred -u %s\n",
		secret, secret);
}

static int get_secret(const struct key_args *a, enum esc_slot_type type, struct esc_secret *s,
		      bool *made)
{
	if (type == ESC_SLOT_CREDENTIAL)
		return key_new_credential(a, s, made);
	return key_new_passphrase(a, a->new_passphrase_file, s);
}

static int add_slot(struct esc_keystore *ks, const struct key_args *a, enum esc_slot_type type)
{
	struct esc_secret *s = esc_secret_new();
	char why[ESC_KEYSTORE_WHY];
	bool made = false;
	uint32_t slot;
	int code = s ? get_secret(a, type, s, &made) : key_failed("out of memory");

	if (!code && esc_keystore_add(ks, type, a->label ? a->label : "", s->bytes, s->len, NULL,
				      &slot, why))
		code = key_failed("%s: %s", a->file, why);
	if (!code)
		code = save(ks, a);
	esc_secret_free(s);
	if (code)
		return code;
	printf("slot %u: %s\n", slot, esc_ks_type_name(type));
	fflush(stdout);
	if (type == ESC_SLOT_CREDENTIAL)
		say_credential(a->new_credential_file, made);
	return 0;
}

int key_add_slot(const struct key_args *a)
{
	const bool credential = !strcmp(a->word, "credential");
	struct esc_keystore ks;

	if (!credential && strcmp(a->word, "passphrase") != 0)
		return key_failed("'%s': expected passphrase or credential", a->word);
	if (credential && !a->new_credential_file)
		return key_failed("a credential needs --new-credential-file FILE: a file of random "
				  "bytes, which is made if it is not there");
	int code = key_unlock(a, &ks, NULL);
	if (code)
		return code;
	code = add_slot(&ks, a, credential ? ESC_SLOT_CREDENTIAL : ESC_SLOT_PASSPHRASE);
	esc_keystore_close(&ks);
	return code;
}

int key_remove_slot(const struct key_args *a)
{
	char why[ESC_KEYSTORE_WHY];
	struct esc_keystore ks;
	uint32_t slot;
	int code = slot_number(a->word, &slot);

	if (!code)
		code = key_unlock(a, &ks, NULL);
	if (code)
		return code;
	if (esc_keystore_remove(&ks, slot, why))
		code = key_failed("%s: %s", a->file, why);
	if (!code)
		code = save(&ks, a);
	esc_keystore_close(&ks);
	if (!code)
		fprintf(stderr,
			"Slot %u is removed. Its secret still opens older copies of the file: if "
			"somebody may\nhave both, make a new store with 'esclusa key create'.\n",
			slot);
	return code;
}

/* The only passphrase slot; more or less than one: the person has to say. */
static int only_passphrase(const struct esc_keystore *ks, uint32_t *slot)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS; i++) {
		if (esc_ks_slot_info(&ks->image, i).type != ESC_SLOT_PASSPHRASE)
			continue;
		*slot = i;
		n++;
	}
	if (n == 1)
		return 0;
	return key_failed(n ? "which passphrase? Say the slot's number after the file"
			    : "the key store has no passphrase: 'esclusa key add-slot' adds one");
}

static int change_passphrase(struct esc_keystore *ks, const struct key_args *a, uint32_t slot)
{
	struct esc_secret *s = esc_secret_new();
	char why[ESC_KEYSTORE_WHY];
	int code =
		s ? key_new_passphrase(a, a->new_passphrase_file, s) : key_failed("out of memory");

	if (!code && esc_keystore_change(ks, slot, s->bytes, s->len, NULL, why))
		code = key_failed("%s: %s", a->file, why);
	esc_secret_free(s);
	return code ? code : save(ks, a);
}

int key_change_passphrase(const struct key_args *a)
{
	struct esc_keystore ks;
	uint32_t slot = 0, opened;
	int code = a->word ? slot_number(a->word, &slot) : 0;

	if (!code)
		code = key_unlock(a, &ks, &opened);
	if (code)
		return code;
	if (!a->word && esc_ks_slot_info(&ks.image, opened).type == ESC_SLOT_PASSPHRASE)
		slot = opened;
	else if (!a->word)
		code = only_passphrase(&ks, &slot);
	if (!code)
		code = change_passphrase(&ks, a, slot);
	esc_keystore_close(&ks);
	if (!code)
		fprintf(stderr, "The passphrase of slot %u is changed.\n", slot);
	return code;
}

int key_recovery(const struct key_args *a)
{
	struct esc_recovery *r = NULL;
	struct esc_keystore ks;
	int code = key_unlock(a, &ks, NULL);

	if (code)
		return code;
	code = new_recovery(&ks, &r);
	if (!code)
		code = save(&ks, a);
	if (!code)
		code = print_recovery(r, a->file);
	sodium_free(r);
	esc_keystore_close(&ks);
	return code;
}

int key_verify(const struct key_args *a)
{
	struct esc_keystore ks;
	uint32_t slot;
	int code = key_unlock(a, &ks, &slot);

	if (code)
		return code;
	printf("slot %u (%s) opens it\n", slot,
	       esc_ks_type_name(esc_ks_slot_info(&ks.image, slot).type));
	esc_keystore_close(&ks);
	if (fflush(stdout))
		return key_failed("cannot write to standard output: %s", strerror(errno));
	return ESC_EXIT_OK;
}
