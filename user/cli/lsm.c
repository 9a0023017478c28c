/* SPDX-License-Identifier: BSD-2-Clause */
/* lsm.c: esclusa lsm status|secret|unload: the BPF LSM layer of this machine. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "control/lsm.h"

static const char help[] =
	"Usage: esclusa lsm status [-j]   whether the layer is in force, and what it refused\n"
	"       esclusa lsm secret        set the secret that unloads it, from its next load on\n"
	"       esclusa lsm unload        ask for the secret and unload it\n"
	"\n"
	"The BPF LSM layer keeps everybody, root included, from the memory, the key files and the\n"
	"BPF objects of this machine's nodes. The first node that starts loads it; it stays until\n"
	"it is unloaded or the machine boots. Secrets are read from the terminal, or one line "
	"from\n"
	"standard input.\n"
	"Exit codes: 0 done (status: in force), 1 failed (status: not in force), 2 wrong usage.\n";

#define SECRET_MAX 1024
#define SECRET_MIN 12

struct reason_name {
	const char *id, *text;
};

#define X(id, text) {#id, text},
static const struct reason_name reasons[] = {ESC_LSM_REASONS(X)};
#undef X

static const char stranger[] =
	"a BPF LSM layer is in force that does not know this program: it was loaded by another "
	"build, or files were replaced since. Use that build, or reboot";

static int failed(const char *what, const char *why)
{
	fprintf(stderr, "esclusa lsm: %s: %s\n", what, why);
	return ESC_EXIT_FAILED;
}

static int need_root(void)
{
	return geteuid() ? failed("needs root", "run it with sudo") : 0;
}

/* --- status -------------------------------------------------------------------------------- */

static const char *const standings[] = {
	[ESC_LSM_ABSENT] = "not loaded",
	[ESC_LSM_IN_FORCE] = "in force",
	[ESC_LSM_STRANGER] = "in force, for another build",
};

static void print_json(const struct esc_lsm_status *s)
{
	struct esc_json j;

	esc_json_init(&j, stdout);
	esc_json_object(&j, NULL);
	esc_json_str(&j, "standing", standings[s->standing]);
	esc_json_bool(&j, "in_force", s->standing == ESC_LSM_IN_FORCE);
	esc_json_u64(&j, "loaded", s->state.loaded);
	esc_json_bool(&j, "secret", s->state.has_secret);
	esc_json_u64(&j, "guesses_left", s->state.guesses);
	esc_json_u64(&j, "tasks", s->tasks);
	esc_json_u64(&j, "code_files", s->code_files);
	esc_json_u64(&j, "key_files", s->key_files);
	esc_json_u64(&j, "bpf_objects", s->objects);
	esc_json_object(&j, "refused");
	for (unsigned int i = 0; i < ESC_LSM_REASON_COUNT; i++)
		esc_json_u64(&j, reasons[i].id, s->refused[i]);
	esc_json_end(&j);
	esc_json_end(&j);
	esc_json_finish(&j);
}

static void print_text(const struct esc_lsm_status *s)
{
	printf("BPF LSM layer: %s\n", standings[s->standing]);
	if (s->standing == ESC_LSM_STRANGER)
		printf("  %s\n", stranger);
	if (s->standing != ESC_LSM_IN_FORCE)
		return;
	printf("  protects %u tasks, %u key files, %u BPF objects; runs %u files of code\n",
	       s->tasks, s->key_files, s->objects, s->code_files);
	if (s->state.has_secret)
		printf("  unloading: with the secret, %u guesses left, or a reboot\n",
		       s->state.guesses);
	else
		printf("  unloading: a reboot only (no secret was set when it was loaded)\n");
	for (unsigned int i = 0; i < ESC_LSM_REASON_COUNT; i++) {
		if (s->refused[i])
			printf("  %12llu  refused   %s\n", (unsigned long long)s->refused[i],
			       reasons[i].text);
	}
}

static int status(bool json)
{
	struct esc_lsm_status s;
	int err = need_root();

	if (err)
		return err;
	err = esc_lsm_status(&s);
	if (err)
		return failed("reading the state of the BPF LSM layer", strerror(-err));
	if (json)
		print_json(&s);
	else
		print_text(&s);
	if (fflush(stdout))
		return failed("writing to standard output", strerror(errno));
	return s.standing == ESC_LSM_IN_FORCE ? ESC_EXIT_OK : ESC_EXIT_FAILED;
}

/* --- the secret ---------------------------------------------------------------------------- */

/* One line without its end, past stdio. false: none, or too long. */
static bool read_line(char line[SECRET_MAX])
{
	size_t len = 0;
	ssize_t n;

	while (len < SECRET_MAX && (n = read(STDIN_FILENO, line + len, 1)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (line[len] == '\n')
			break;
		len++;
	}
	if (len == SECRET_MAX)
		return false;
	line[len] = '\0';
	return len > 0;
}

static bool ask(const char *prompt, char line[SECRET_MAX])
{
	struct termios was, quiet;
	bool terminal = !tcgetattr(STDIN_FILENO, &was);

	if (terminal) {
		fputs(prompt, stderr);
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	bool ok = read_line(line);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputs("\n", stderr);
	}
	return ok;
}

/* Wholly or not at all: a new file takes the old one's name. 0 or -errno. */
static int write_hash(const char *hash)
{
	static const char temporary[] = ESC_LSM_SECRET ".new";
	const size_t len = strlen(hash);
	int err = 0;

	if (mkdir("/etc/esclusa", 0755) && errno != EEXIST)
		return -errno;
	unlink(temporary);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, hash, len) != (ssize_t)len || write(fd, "\n", 1) != 1 || fsync(fd))
		err = errno ? -errno : -EIO;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary, ESC_LSM_SECRET))
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

static int hash_and_write(const char *secret)
{
	char hash[crypto_pwhash_STRBYTES];

	if (crypto_pwhash_str(hash, secret, strlen(secret), crypto_pwhash_OPSLIMIT_INTERACTIVE,
			      crypto_pwhash_MEMLIMIT_INTERACTIVE))
		return failed("hashing the secret", "not enough memory (64 MiB)");
	int err = write_hash(hash);
	sodium_memzero(hash, sizeof(hash));
	if (err)
		return failed("writing " ESC_LSM_SECRET, strerror(-err));
	fputs("esclusa lsm: the secret is set; it counts when the layer is loaded next\n", stderr);
	return ESC_EXIT_OK;
}

static int set_secret(void)
{
	char secret[SECRET_MAX], twice[SECRET_MAX];
	int code = need_root();

	if (code)
		return code;
	bool ok = ask("New secret: ", secret);
	if (ok && isatty(STDIN_FILENO))
		ok = ask("Again: ", twice);
	else if (ok)
		memcpy(twice, secret, sizeof(twice));
	if (!ok)
		code = failed("reading the secret", "expected one line");
	else if (strcmp(secret, twice) != 0)
		code = failed("the secret was not set", "the two lines differ");
	else if (strlen(secret) < SECRET_MIN)
		code = failed("the secret was not set", "expected 12 characters or more");
	else
		code = hash_and_write(secret);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(twice, sizeof(twice));
	return code;
}

/* --- unloading ----------------------------------------------------------------------------- */

static const char *why_not(int err)
{
	switch (err) {
	case -ENOENT:
		return "it is not loaded";
	case -ENOKEY:
		return "it was loaded without a secret; only a reboot unloads it";
	case -EKEYREJECTED:
		return "wrong secret ('esclusa lsm status' says how many guesses are left)";
	case -EDQUOT:
		return "too many wrong guesses; only a reboot unloads it";
	case -EPERM:
		return stranger;
	default:
		return strerror(-err);
	}
}

static int unload(void)
{
	char secret[SECRET_MAX] = "";
	struct esc_lsm_status s;
	int err = need_root();

	if (err)
		return err;
	err = esc_lsm_status(&s);
	if (!err && s.standing == ESC_LSM_IN_FORCE && s.state.has_secret &&
	    !ask("Secret: ", secret))
		return failed("reading the secret", "expected one line");
	if (!err)
		err = esc_lsm_unload(secret);
	sodium_memzero(secret, sizeof(secret));
	if (err)
		return failed("unloading the BPF LSM layer", why_not(err));
	fputs("esclusa lsm: unloaded; root can read the memory of running nodes again. The next "
	      "node that starts loads it again; those that run are protected when they are "
	      "restarted\n",
	      stderr);
	return ESC_EXIT_OK;
}

int cmd_lsm(int argc, char **argv)
{
	int code = cli_common(argc, argv, help);
	bool json = argc == 3 && (!strcmp(argv[2], "-j") || !strcmp(argv[2], "--json"));

	if (code >= 0)
		return code;
	if (argc < 2)
		return cli_usage("lsm", help, "expected one word, status, secret or unload");
	if (!strcmp(argv[1], "status") && (argc == 2 || json))
		return status(json);
	if (argc > 2)
		return cli_usage("lsm", help, "'%s': not expected here", argv[2]);
	if (!strcmp(argv[1], "secret"))
		return set_secret();
	if (!strcmp(argv[1], "unload"))
		return unload();
	return cli_usage("lsm", help, "'%s': expected status, secret or unload", argv[1]);
}
