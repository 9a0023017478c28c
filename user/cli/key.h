/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key.h: what the files of `esclusa key` share.
 *
 *   key.c         which command, its arguments; generate and public
 *   key_store.c   the commands that make and change a key store
 *   key_show.c    what can be told without a secret
 *   key_secret.c  secrets from people, standard input and files
 *   key_import.c  a private key out of another file
 */
#ifndef ESC_CLI_KEY_H
#define ESC_CLI_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "keystore/keystore.h"
#include "keystore/secret.h"

struct key_args {
	const char *file;
	const char *word;   /* after FILE: a slot's number or type; NULL: none */
	const char *label;  /* NULL: none */
	const char *import; /* file to take the private key from; "-": standard input */
	const char *passphrase_file, *credential_file;	       /* what opens the store */
	const char *new_passphrase_file, *new_credential_file; /* what a slot gets */
	bool json;
};

/* Each returns an exit code and says on standard error what went wrong. */
int key_create(const struct key_args *a);
int key_add_slot(const struct key_args *a);
int key_remove_slot(const struct key_args *a);
int key_change_passphrase(const struct key_args *a);
int key_recovery(const struct key_args *a);
int key_rekey(const struct key_args *a);
int key_verify(const struct key_args *a);
int key_show(const struct key_args *a);

/* "esclusa key: text" on standard error; as a value, ESC_EXIT_FAILED. */
#define key_failed(...) (key_say(__VA_ARGS__), ESC_EXIT_FAILED)
__attribute__((format(printf, 1, 2))) void key_say(const char *fmt, ...);

/* A private key as X25519 uses it. */
void key_random(uint8_t key[32]);

/* All of it, past stdio: its buffers would keep a secret. false: it cannot be written. */
bool key_write(const char *text, size_t len);

/*
 * Open a store with what the arguments name, or what a person or standard input says (three tries
 * at a terminal). *slot, if not NULL: the one that opened. 0 or ESC_EXIT_FAILED, and the store is
 * closed then.
 */
int key_unlock(const struct key_args *a, struct esc_keystore *ks, uint32_t *slot);

/* A new passphrase: from the file; or asked for twice at the terminal; or a line of standard input.
 */
int key_new_passphrase(const struct key_args *a, const char *file, struct esc_secret *s);

/* A new credential; a file that is not there is made, with 32 random bytes, and *made set. */
int key_new_credential(const struct key_args *a, struct esc_secret *s, bool *made);

struct key_import {
	uint8_t key[32];
	uint32_t line; /* where it was in a configuration file; 0: a bare key */
	bool exposed;  /* others may read that file */
};

/* "-": standard input, up to its end. 0 or ESC_EXIT_FAILED. Keep *i in guarded memory. */
int key_import(struct key_import *i, const char *path);

#endif
