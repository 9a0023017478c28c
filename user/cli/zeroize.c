/* SPDX-License-Identifier: BSD-2-Clause */
/* zeroize.c: esclusa zeroize FILE|NAME: a node's keys are made unrecoverable, running ones first.
 */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/keyfile.h"
#include "cli/kill.h"
#include "control/audit.h"
#include "control/runtime.h"
#include "keystore/keystore.h"

static const char help[] =
	"Usage: esclusa zeroize FILE|NAME [--yes]\n"
	"\n"
	"Makes the keys of a node unrecoverable, at once: first those of the running node "
	"(packets\n"
	"stop, its crypto process wipes all keys and ends), then those in files: the key store is\n"
	"overwritten and removed; private and preshared keys in the configuration are overwritten\n"
	"in place. FILE is the node's configuration; NAME the name of a running node. The node\n"
	"need not run. There is no way back. For root; members of [Node] Admins can end the\n"
	"running keys by NAME.\n"
	"  --yes   do not ask (for scripts, and for what happens when a button is pressed)\n"
	"Exit codes: 0 no key is left, 1 something may be left (it says what), 2 wrong usage.\n";

#define ANSWER_SECONDS 5u

struct zeroize {
	char name[ESC_NAME_MAX + 1];
	char file[PATH_MAX]; /* "" = not known yet */
	struct cli_keyfile keys;
	int lock;	 /* of a node that does not run: none can start meanwhile; else -1 */
	bool node_knows; /* a node answered, and keeps the audit log */
	bool failed;
};

static void fail(struct zeroize *z, const char *what, const char *object, int err)
{
	fprintf(stderr, "esclusa zeroize: %s %s: %s\n", what, object, strerror(-err));
	z->failed = true;
}

/* --- running keys ------------------------------------------------------------------------------
 */

/* The node's answer: what became of crypto's keys, and its file. */
static void take_answer(struct zeroize *z, const char *text)
{
	size_t len = strcspn(text, "\n");
	const char *file = text + len + (text[len] == '\n');

	z->node_knows = true;
	if (!strncmp(text, "wiped", len))
		printf("%s: running keys wiped by the crypto process, which ended; packets are "
		       "dropped\n",
		       z->name);
	else if (!strncmp(text, "killed", len))
		printf("%s: the crypto process did not answer and was killed: its memory went "
		       "back to the kernel, wiped only if that was booted with init_on_free=1\n",
		       z->name);
	else
		printf("%s: running keys wiped; there was no crypto process\n", z->name);
	if (!*z->file)
		snprintf(z->file, sizeof(z->file), "%.*s", (int)strcspn(file, "\n"), file);
}

static int ask(struct zeroize *z)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int err = f ? cli_ask("zeroize", z->name, "zeroize\n", ANSWER_SECONDS, f) : -ENOMEM;

	if (f)
		fclose(f);
	if (!err)
		take_answer(z, text);
	free(text);
	return err;
}

/* A control process that does not answer must not keep the keys alive. */
static void kill_node(struct zeroize *z, pid_t control)
{
	int err = control > 1 ? cli_kill_tree(control) : -ESRCH;

	if (err) {
		fail(z, "killing the processes of node", z->name, err);
		return;
	}
	printf("%s: the node did not answer and was killed: its memory went back to the kernel, "
	       "wiped only if that was booted with init_on_free=1\n",
	       z->name);
	z->lock = esc_lock(z->name, &control);
}

/* false: not allowed to, so nothing else is tried. */
static bool zeroize_running(struct zeroize *z)
{
	pid_t owner = 0;
	int fd = cli_connect(z->name), err = fd;

	if (fd >= 0) {
		close(fd);
		err = ask(z);
	} else if (fd == -EACCES) {
		err = ask(z); /* says why */
	}
	if (!err)
		return true;
	if (err == -EPERM || err == -EACCES)
		return false;
	z->lock = esc_lock(z->name, &owner);
	if (z->lock == -EBUSY)
		kill_node(z, owner);
	else if (z->lock >= 0 || z->lock == -EACCES)
		printf("%s: not running\n", z->name);
	else
		fail(z, "locking node", z->name, z->lock);
	return true;
}

/* --- keys in files -----------------------------------------------------------------------------
 */

static void zeroize_keystore(struct zeroize *z)
{
	const char *path = z->keys.keystore;
	int err = esc_keystore_destroy(path);

	if (!err)
		printf("%s: key store overwritten and removed\n", path);
	else if (err == -ENOENT)
		printf("%s: no such key store\n", path);
	else
		fail(z, "destroying the key store", path, err);
}

static void zeroize_files(struct zeroize *z)
{
	int err = cli_keyfile_read(z->file, &z->keys);

	if (err) {
		fail(z, "reading", z->file, err);
		return;
	}
	if (*z->keys.keystore)
		zeroize_keystore(z);
	if (!z->keys.keys)
		return;
	err = cli_keyfile_overwrite(z->file, &z->keys);
	if (err)
		fail(z, "overwriting the keys in", z->file, err);
	else
		printf("%s: %u key%s overwritten in place\n", z->file, z->keys.keys,
		       z->keys.keys == 1 ? "" : "s");
	puts("What a copy-on-write or journalling file system, a snapshot, a backup or flash "
	     "memory kept of\nthe file is out of reach: destroy that too. Remove this node's "
	     "public key from its peers.");
}

/* --- the record --------------------------------------------------------------------------------
 */

/* A node that does not run cannot write its log: this does. */
static void record_here(const struct zeroize *z)
{
	const struct esc_caller who = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
	char path[ESC_AUDIT_PATH];
	struct esc_audit a;

	esc_audit_path(path, z->keys.audit, z->keys.state, z->name);
	int err = esc_audit_open(&a, path, z->name, (gid_t[ESC_ACL_GROUPS]){0});
	if (!err) {
		esc_audit_begin(&a, "zeroize_files", &who);
		err = esc_audit_end(&a, z->failed ? "failed" : "done",
				    z->failed ? "see what the command said" : NULL);
	}
	if (!err)
		err = esc_audit_sync(&a);
	esc_audit_close(&a);
	if (err)
		fprintf(stderr, "esclusa zeroize: it is not in the audit log %s: %s\n", path,
			strerror(-err));
}

static void record(const struct zeroize *z)
{
	FILE *null = fopen("/dev/null", "we");

	if (z->node_knows && null)
		cli_ask("zeroize", z->name, z->failed ? "zeroized failed\n" : "zeroized done\n",
			ANSWER_SECONDS, null);
	else if (!z->node_knows)
		record_here(z);
	if (null)
		fclose(null);
}

/* --- the command -------------------------------------------------------------------------------
 */

/* A person types the name of what is about to be lost. */
static bool confirmed(const struct zeroize *z)
{
	char line[64];

	printf("This destroys the keys of node %s%s%s. They cannot be recovered.\n"
	       "Type the node's name to go on: ",
	       z->name, *z->file ? ", " : "", z->file);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return !strcmp(line, z->name);
}

static int identify(struct zeroize *z, const char *what)
{
	bool is_file = strchr(what, '/') || !access(what, F_OK);

	if (!is_file) {
		if (!cli_is_name(what))
			return cli_usage("zeroize", help, "'%s' cannot be a node's name", what);
		snprintf(z->name, sizeof(z->name), "%.*s", (int)ESC_NAME_MAX, what);
		return ESC_EXIT_OK;
	}
	int err = cli_keyfile_read(what, &z->keys);
	if (!err && !realpath(what, z->file))
		err = -errno;
	if (err) {
		fail(z, "reading", what, err);
		return ESC_EXIT_FAILED;
	}
	if (!cli_is_name(z->keys.name)) {
		fprintf(stderr, "esclusa zeroize: %s: it has no Name that could be a node's\n",
			what);
		return ESC_EXIT_USAGE;
	}
	memcpy(z->name, z->keys.name, sizeof(z->name));
	return ESC_EXIT_OK;
}

static int zeroize(struct zeroize *z)
{
	if (!zeroize_running(z))
		return ESC_EXIT_FAILED;
	if (*z->file) {
		zeroize_files(z);
		record(z);
	} else {
		fprintf(stderr,
			"esclusa zeroize: no node named %s is running, so its keys can only be "
			"in files: give its configuration FILE\n",
			z->name);
		z->failed = true;
	}
	if (z->lock >= 0)
		esc_unlock(z->name, z->lock);
	return z->failed || fflush(stdout) ? ESC_EXIT_FAILED : ESC_EXIT_OK;
}

int cmd_zeroize(int argc, char **argv)
{
	int code = cli_common(argc, argv, help);
	struct zeroize z = {.lock = -1};
	const char *what = NULL;
	bool yes = false;

	if (code >= 0)
		return code;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--yes"))
			yes = true;
		else if (argv[i][0] == '-')
			return cli_usage("zeroize", help, "unknown option '%s'", argv[i]);
		else if (what)
			return cli_usage("zeroize", help, "'%s': expected one FILE or NAME only",
					 argv[i]);
		else
			what = argv[i];
	}
	if (!what)
		return cli_usage("zeroize", help, "expected a FILE or a NAME");
	if (!yes && !isatty(STDIN_FILENO))
		return cli_usage("zeroize", help, "expected --yes, or a terminal to ask at");
	code = identify(&z, what);
	if (code)
		return code;
	if (!yes && !confirmed(&z)) {
		fputs("esclusa zeroize: that is not its name; nothing was changed\n", stderr);
		return ESC_EXIT_FAILED;
	}
	return zeroize(&z);
}
