/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/unlock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/fds.h"
#include "keystore/keystore.h"
#include "keystore/secret.h"

#define TRIES 3

/* false: systemd has none for this node. */
static bool find_credential(char *path, size_t size)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && snprintf(path, size, "%s/" ESC_CREDENTIAL, dir) < (int)size &&
	       !access(path, F_OK);
}

static int by_credential(struct esc_keystore *ks, struct esc_secret *s, const char *path,
			 const char *credential)
{
	char why[ESC_KEYSTORE_WHY];
	int err = esc_secret_file(s, credential, false);

	if (err) {
		esc_err("%s: reading the credential %s: %s", path, credential,
			err == -EPERM ? "others may read it too: it is no secret" : strerror(-err));
		return err;
	}
	err = esc_keystore_unlock(ks, ESC_SLOT_CREDENTIAL, s->bytes, s->len, NULL, why);
	if (err)
		esc_err("%s: %s. Look at its slots with 'esclusa key show', add one with 'esclusa "
			"key add-slot'",
			path, why);
	return err;
}

/* Why a try failed is part of the next question: the log takes another way to the terminal. */
static int by_person(struct esc_keystore *ks, struct esc_secret *s, const char *path)
{
	char prompt[2 * ESC_KEYSTORE_WHY], why[ESC_KEYSTORE_WHY] = "";
	int err = -EACCES;

	for (int try = 0; try < TRIES && err == -EACCES; try++) {
		snprintf(prompt, sizeof(prompt), "%s%sPassphrase for %s: ", why, *why ? "\n" : "",
			 path);
		err = esc_secret_ask(s, STDIN_FILENO, prompt);
		if (err) {
			esc_err("%s: asking for its passphrase: %s", path, strerror(-err));
			return err;
		}
		err = esc_keystore_unlock(ks, ESC_SLOT_PASSPHRASE, s->bytes, s->len, NULL, why);
	}
	if (err)
		esc_err("%s: %s", path, why);
	return err;
}

static int unlock(struct esc_keystore *ks, struct esc_secret *s, const char *path)
{
	char credential[4096];

	if (find_credential(credential, sizeof(credential)))
		return by_credential(ks, s, path, credential);
	if (isatty(STDIN_FILENO))
		return by_person(ks, s, path);
	esc_err("%s: nothing to unlock the key store with: there is no credential '%s' from "
		"systemd and no terminal to ask for the passphrase at. Run the node in the "
		"foreground of a terminal, or for an unattended one: esclusa key add-slot %s "
		"credential",
		path, ESC_CREDENTIAL, path);
	return -ENOKEY;
}

static int take_key(const char *path, struct wg_device *wg, uint8_t public_key[32])
{
	char why[ESC_KEYSTORE_WHY];
	struct esc_keystore ks;
	struct esc_secret *s = esc_secret_new();
	int err = s ? esc_keystore_read(&ks, path, why) : -ENOMEM;

	if (err) {
		esc_err("%s", s ? why : "no memory for the key store's passphrase");
		esc_secret_free(s);
		return err;
	}
	err = unlock(&ks, s, path);
	if (!err) {
		wg_device_set_key(wg, esc_keystore_private_key(&ks), esc_now());
		memcpy(public_key, ks.image.header.public_key, 32);
	}
	esc_secret_free(s);
	esc_keystore_close(&ks);
	return err;
}

int crypto_unlock(const char *path, struct wg_device *wg, uint8_t public_key[32])
{
	memset(public_key, 0, 32);
	if (!*path)
		return 0;
	esc_secret_guard_process();
	int err = take_key(path, wg, public_key);
	mlockall(MCL_CURRENT); /* what comes later is the sandbox's to bound and to lock */
	if (dup2(STDOUT_FILENO, STDIN_FILENO) < 0 && !err) {
		err = -errno;
		esc_err("giving the terminal back: %s", strerror(errno));
	}
	return err;
}
