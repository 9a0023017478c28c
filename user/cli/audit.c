/* SPDX-License-Identifier: BSD-2-Clause */
/* audit.c: esclusa audit NAME|FILE: prints a node's audit log, or checks that it is whole. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "control/audit.h"

static const char help[] =
	"Usage: esclusa audit NAME|FILE [-f] [-j] [--verify]\n"
	"\n"
	"Prints the audit log of a node: who changed what, when, and what was refused. A word "
	"with\n"
	"a '/' is the log's path, any other one a node's name: a running node tells where its log\n"
	"is, of others the default place is tried. For root and the group named by Monitors.\n"
	"  -f, --follow  go on with what comes\n"
	"  -j, --json    the lines as they are\n"
	"  --verify      look for lines that were changed, removed or put in\n"
	"Exit codes: 0 printed or whole, 1 it cannot be read or is not whole, 2 wrong usage.\n";

#define FOLLOW_US 300000

struct options {
	const char *what;
	bool follow, json, verify;
};

struct chain {
	uint64_t line, first, seq;
	uint8_t last[ESC_AUDIT_HASH];
	bool begun;
	unsigned int bad;
};

/* --- where -------------------------------------------------------------------------------------
 */

static int ask_path(const char *name, char path[ESC_AUDIT_PATH])
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int err = f ? cli_ask("audit", name, "audit\n", 10, f) : -ENOMEM;

	if (f)
		fclose(f);
	if (!err)
		snprintf(path, ESC_AUDIT_PATH, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return err;
}

static int find_path(const char *what, char path[ESC_AUDIT_PATH])
{
	if (strchr(what, '/')) {
		snprintf(path, ESC_AUDIT_PATH, "%s", what);
		return 0;
	}
	int fd = cli_connect(what);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == -EACCES)
		return ask_path(what, path);
	esc_audit_path(path, "", ESC_DEFAULT_STATE, what);
	return 0;
}

/* --- one line ----------------------------------------------------------------------------------
 */

static void complain(struct chain *c, const char *path, const char *what)
{
	printf("%s:%" PRIu64 ": %s\n", path, c->line, what);
	c->bad++;
}

/* prev="..." as it stands in the line. */
static bool prev_is(const char *line, const uint8_t hash[ESC_AUDIT_HASH])
{
	char hex[2 * ESC_AUDIT_HASH + 1];
	struct esc_audit_field f = {.key_len = 0};
	const char *at = NULL;

	sodium_bin2hex(hex, sizeof(hex), hash, ESC_AUDIT_HASH);
	while (esc_audit_field(line, &at, &f))
		if (f.key_len == 4 && !memcmp(f.key, "prev", 4))
			return f.value_len == sizeof(hex) - 1 && !memcmp(f.value, hex, f.value_len);
	return false;
}

static void verify_line(struct chain *c, const char *path, const char *line, size_t len)
{
	char readable[ESC_AUDIT_LINE];
	uint64_t seq;

	c->line++;
	if (!esc_audit_readable(line, false, readable, sizeof(readable)) ||
	    !esc_audit_number(line, "seq", &seq)) {
		complain(c, path, "not a line of the log, or cut off by a power cut");
	} else {
		if (!c->begun)
			c->first = seq;
		else if (seq != c->seq + 1)
			complain(c, path, "lines before this one are missing");
		if ((c->begun || seq == 1) && !prev_is(line, c->last))
			complain(c, path, "the line before this one is not the one that was there");
		c->seq = seq;
		c->begun = true;
	}
	esc_audit_hash(c->last, line, len);
}

/*
 * Nothing is printed of what is not a line of a log, not even as it is: FILE may be any file, and
 * this program may read key files where root may not (the BPF LSM layer).
 */
static void print_line(const char *line, bool json)
{
	char readable[ESC_AUDIT_LINE];

	if (!esc_audit_readable(line, true, readable, sizeof(readable)))
		fputs("(a line that is damaged, or not of an audit log)\n", json ? stderr : stdout);
	else
		puts(json ? line : readable);
}

/* --- the file ----------------------------------------------------------------------------------
 */

/* Lines up to the end; with `follow` one that is not complete yet is left for later. */
static void read_lines(FILE *f, const char *path, const struct options *o, struct chain *c)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, f)) > 0) {
		bool whole = line[len - 1] == '\n';
		if (!whole && o->follow) {
			fseek(f, -len, SEEK_CUR);
			break;
		}
		if (whole)
			line[--len] = '\0';
		if (o->verify)
			verify_line(c, path, line, (size_t)len);
		else
			print_line(line, o->json);
	}
	clearerr(f);
	free(line);
}

/* Waits; the file of now, if another one has come to its place: f may still have lines. */
static FILE *next_file(FILE *f, const char *path)
{
	struct stat mine, there;

	fflush(stdout);
	usleep(FOLLOW_US);
	if (fstat(fileno(f), &mine) || stat(path, &there) ||
	    (mine.st_ino == there.st_ino && mine.st_dev == there.st_dev))
		return f;
	FILE *next = fopen(path, "re");
	if (!next)
		return f;
	return next;
}

static int conclude(const struct chain *c, const char *path)
{
	if (!c->begun)
		printf("%s: no lines\n", path);
	else if (c->first > 1)
		printf("%s: lines %" PRIu64 " to %" PRIu64 "; those before are in other files\n",
		       path, c->first, c->seq);
	else
		printf("%s: lines 1 to %" PRIu64 "\n", path, c->seq);
	if (c->bad)
		printf("%s: NOT WHOLE: %u places\n", path, c->bad);
	else
		printf("%s: whole: no line is missing between them, none was changed\n", path);
	return c->bad ? ESC_EXIT_FAILED : ESC_EXIT_OK;
}

static int audit(const struct options *o)
{
	struct chain c = {.line = 0};
	char path[ESC_AUDIT_PATH];
	int code = ESC_EXIT_OK;

	if (find_path(o->what, path))
		return ESC_EXIT_FAILED;
	FILE *f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "esclusa audit: reading %s: %s%s\n", path, strerror(errno),
			errno == EACCES ? ". Run it with sudo" : "");
		return ESC_EXIT_FAILED;
	}
	read_lines(f, path, o, &c);
	while (o->follow && !ferror(stdout)) {
		FILE *next = next_file(f, path);
		read_lines(f, path, o, &c);
		if (next == f)
			continue;
		fclose(f);
		f = next;
		read_lines(f, path, o, &c);
	}
	fclose(f);
	if (o->verify)
		code = conclude(&c, path);
	return fflush(stdout) || ferror(stdout) ? ESC_EXIT_FAILED : code;
}

int cmd_audit(int argc, char **argv)
{
	int code = cli_common(argc, argv, help);
	struct options o = {.what = NULL};

	if (code >= 0)
		return code;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-f") || !strcmp(argv[i], "--follow"))
			o.follow = true;
		else if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			o.json = true;
		else if (!strcmp(argv[i], "--verify"))
			o.verify = true;
		else if (argv[i][0] == '-')
			return cli_usage("audit", help, "unknown option '%s'", argv[i]);
		else if (o.what)
			return cli_usage("audit", help, "'%s': expected one NAME or FILE only",
					 argv[i]);
		else
			o.what = argv[i];
	}
	if (!o.what)
		return cli_usage("audit", help, "expected a NAME or a FILE");
	if (o.verify && (o.follow || o.json))
		return cli_usage("audit", help, "--verify goes without -f and -j");
	if (!strchr(o.what, '/') && !cli_is_name(o.what))
		return cli_usage("audit", help, "'%s' cannot be a node's name", o.what);
	return audit(&o);
}
