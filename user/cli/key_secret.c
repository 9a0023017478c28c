/* SPDX-License-Identifier: BSD-2-Clause */
/* key_secret.c: secrets for the commands, from people, standard input and files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/key.h"

#define TRIES	       3
#define CREDENTIAL_LEN 32u

static int secret_failed(const char *what, const char *where, int err)
{
	switch (err) {
	case -EPERM:
		return key_failed(
			"%s: others may read this %s: chmod 600 %s, and choose another if "
			"they may have",
			where, what, where);
	case -EMSGSIZE:
		return key_failed("%s: the %s is longer than %u bytes", where, what,
				  ESC_CREDENTIAL_MAX);
	case -EINVAL:
		return key_failed("%s: expected one line with the %s", where, what);
	case -ENODATA:
		return key_failed("%s: expected a line with the %s, found the end", where, what);
	default:
		return key_failed("%s: cannot read the %s: %s", where, what, strerror(-err));
	}
}

static int from_file(struct esc_secret *s, const char *what, const char *file, bool line)
{
	int err;

	if (line && !strcmp(file, "-")) {
		err = esc_secret_line(s, STDIN_FILENO);
		return err ? secret_failed(what, "standard input", err) : 0;
	}
	err = esc_secret_file(s, file, line);
	return err ? secret_failed(what, file, err) : 0;
}

/*
 * Where a person can be asked: standard input if it is a terminal; the terminal of the session if
 * standard input was something else that is read already. -1: nowhere.
 */
static int open_terminal(const struct key_args *a)
{
	if (isatty(STDIN_FILENO))
		return dup(STDIN_FILENO);
	return a->import && !strcmp(a->import, "-") ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
}

/* Ask, or take a line of standard input. */
static int from_person(struct esc_secret *s, const struct key_args *a, int tty, const char *prompt)
{
	int err;

	if (tty < 0 && a->import && !strcmp(a->import, "-"))
		return key_failed("no terminal to ask for a passphrase at: use --passphrase-file");
	err = tty < 0 ? esc_secret_line(s, STDIN_FILENO) : esc_secret_ask(s, tty, prompt);
	return err ? secret_failed("passphrase", tty < 0 ? "standard input" : "terminal", err) : 0;
}

/* --- opening a store ----------------------------------------------------------------------------
 */

static int unlock(struct esc_keystore *ks, enum esc_slot_type type, const struct esc_secret *s,
		  uint32_t *slot, char why[ESC_KEYSTORE_WHY])
{
	return esc_keystore_unlock(ks, type, s->bytes, s->len, slot, why);
}

static int unlock_by_person(const struct key_args *a, struct esc_keystore *ks, struct esc_secret *s,
			    uint32_t *slot)
{
	char prompt[PATH_MAX], why[ESC_KEYSTORE_WHY];
	int tty = open_terminal(a), code = 0, err = -EACCES;

	snprintf(prompt, sizeof(prompt), "Passphrase or recovery code for %s: ", a->file);
	for (int try = 0; try < (tty < 0 ? 1 : TRIES) && err == -EACCES && !code; try++) {
		code = from_person(s, a, tty, prompt);
		if (code)
			break;
		err = unlock(ks, ESC_SLOT_PASSPHRASE, s, slot, why);
		if (err)
			key_say("%s: %s", a->file, why);
	}
	if (tty >= 0)
		close(tty);
	return code || err ? ESC_EXIT_FAILED : 0;
}

static int unlock_by_file(const struct key_args *a, struct esc_keystore *ks, struct esc_secret *s,
			  uint32_t *slot)
{
	const bool pass = a->passphrase_file != NULL;
	const char *file = pass ? a->passphrase_file : a->credential_file;
	char why[ESC_KEYSTORE_WHY];
	int code = from_file(s, pass ? "passphrase" : "credential", file, pass);

	if (code)
		return code;
	if (unlock(ks, pass ? ESC_SLOT_PASSPHRASE : ESC_SLOT_CREDENTIAL, s, slot, why))
		return key_failed("%s: %s", a->file, why);
	return 0;
}

int key_unlock(const struct key_args *a, struct esc_keystore *ks, uint32_t *slot)
{
	char why[ESC_KEYSTORE_WHY];

	if (esc_keystore_read(ks, a->file, why))
		return key_failed("%s", why);
	struct esc_secret *s = esc_secret_new();
	int code = !s ? key_failed("%s: out of memory", a->file)
		   : a->passphrase_file || a->credential_file ? unlock_by_file(a, ks, s, slot)
							      : unlock_by_person(a, ks, s, slot);
	esc_secret_free(s);
	if (code)
		esc_keystore_close(ks);
	return code;
}

/* --- new secrets
 * ---------------------------------------------------------------------------------- */

static int check_length(const struct esc_secret *s)
{
	if (s->len >= ESC_PASSPHRASE_MIN && s->len <= ESC_PASSPHRASE_MAX)
		return 0;
	return key_failed("a passphrase has %u to %u characters, this one %zu: choose another",
			  ESC_PASSPHRASE_MIN, ESC_PASSPHRASE_MAX, s->len);
}

static int ask_twice(const struct key_args *a, int tty, struct esc_secret *s)
{
	char prompt[PATH_MAX];
	struct esc_secret *again = esc_secret_new();

	if (!again)
		return key_failed("out of memory");
	snprintf(prompt, sizeof(prompt), "New passphrase for %s: ", a->file);
	int code = from_person(s, a, tty, prompt);
	if (!code)
		code = check_length(s);
	if (!code)
		code = from_person(again, a, tty, "The same again: ");
	if (!code && (s->len != again->len || sodium_memcmp(s->bytes, again->bytes, s->len)))
		code = key_failed("the two passphrases differ: nothing was changed");
	esc_secret_free(again);
	return code;
}

int key_new_passphrase(const struct key_args *a, const char *file, struct esc_secret *s)
{
	int code, tty;

	if (file) {
		code = from_file(s, "passphrase", file, true);
		return code ? code : check_length(s);
	}
	tty = open_terminal(a);
	if (tty >= 0) {
		code = ask_twice(a, tty, s);
		close(tty);
		return code;
	}
	code = from_person(s, a, -1, "");
	return code ? code : check_length(s);
}

/* false: errno says why. A file that could not be written whole is removed. */
static bool make_credential(const struct esc_secret *s, const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	errno = 0;
	bool ok = write(fd, s->bytes, s->len) == (ssize_t)s->len && !fsync(fd);
	int err = errno ? errno : EIO;
	close(fd);
	if (!ok)
		unlink(file);
	errno = err;
	return ok;
}

int key_new_credential(const struct key_args *a, struct esc_secret *s, bool *made)
{
	const char *file = a->new_credential_file;

	*made = access(file, F_OK) && errno == ENOENT;
	if (!*made)
		return from_file(s, "credential", file, false);
	s->len = CREDENTIAL_LEN;
	randombytes_buf(s->bytes, s->len);
	if (!make_credential(s, file))
		return key_failed("%s: cannot make the credential: %s", file, strerror(errno));
	return 0;
}
