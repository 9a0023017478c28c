/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor.c: esclusa monitor [NAME] [-j]: what happens to a node, line by line, as it happens. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "control/audit.h"
#include "control/events.h"
#include "control/runtime.h"

static const char help[] =
	"Usage: esclusa monitor [NAME] [-j]\n"
	"\n"
	"Follows what happens to a running node: attacks that start, go on and end, load, "
	"sessions\n"
	"with peers, processes that are restarted. The first line says how things are. It goes on\n"
	"until Ctrl-C; when the node stops it waits for the next start. Without NAME: the only\n"
	"running node. For root and for the groups that [Node] Admins and Monitors name.\n"
	"  -j, --json   one JSON object per line: stable names, integers, UNIX seconds\n"
	"Exit codes: 0 ended by Ctrl-C or SIGTERM, 1 no such node is running or it refuses,\n"
	"2 wrong usage.\n";

#define RETRY_S 1

/* Each line is written out before the next one is waited for: nothing is left to do. */
static void end(int signo)
{
	(void)signo;
	_exit(ESC_EXIT_OK);
}

static bool print_line(const char *line, bool json)
{
	char readable[ESC_EVENT_LINE];

	if (json)
		puts(line);
	else if (esc_audit_readable(line, true, readable, sizeof(readable)))
		puts(readable);
	else
		puts("(a line that this program does not understand)");
	return !fflush(stdout);
}

/* Lines until the node hangs up: 0; or -errno. A line that was cut off is left out. */
static int follow(int fd, const char *name, bool json)
{
	static const char question[] = "monitor\n";
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0, lines = 0;
	ssize_t len;
	int err = 0;

	if (!f || send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
		err = -errno;
	while (!err && (len = getline(&line, &size, f)) > 0 && line[len - 1] == '\n') {
		line[len - 1] = '\0';
		if (!lines++ && *line == ESC_REFUSED) {
			fprintf(stderr, "esclusa monitor: %s: %s\n", name, line + 1);
			err = -EPERM;
		} else if (!print_line(line, json)) {
			err = -EIO;
		}
	}
	free(line);
	if (f)
		fclose(f);
	else
		close(fd);
	return err || lines ? err : -ENODATA;
}

static int monitor(const char *name, bool json)
{
	bool followed = false;

	signal(SIGINT, end);
	signal(SIGTERM, end);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = cli_connect(name);
		int err = fd < 0 ? fd : follow(fd, name, json);

		if (err == -EIO) {
			fprintf(stderr, "esclusa monitor: writing to standard output: %s\n",
				strerror(errno));
			return ESC_EXIT_FAILED;
		}
		if (err && (!followed || err == -EPERM || err == -EACCES)) {
			cli_say_error("monitor", name, err);
			return ESC_EXIT_FAILED;
		}
		if (!err) {
			fprintf(stderr, "esclusa monitor: %s hung up: waiting for it\n", name);
			followed = true;
		}
		sleep(RETRY_S);
	}
}

/* The only one that runs. */
static int monitor_any(bool json)
{
	char names[CLI_NODES_MAX][ESC_NAME_MAX + 1];
	unsigned int n = cli_nodes(names);

	if (n == 1)
		return monitor(names[0], json);
	fprintf(stderr,
		n ? "esclusa monitor: which node? There are:"
		  : "esclusa monitor: no node is running. Start one with: esclusa run FILE");
	for (unsigned int i = 0; i < n; i++)
		fprintf(stderr, " %s", names[i]);
	fputs("\n", stderr);
	return ESC_EXIT_FAILED;
}

int cmd_monitor(int argc, char **argv)
{
	const char *name;
	bool json;
	int code = cli_name_and_json(argc, argv, help, &name, &json);

	if (code >= 0)
		return code;
	return name ? monitor(name, json) : monitor_any(json);
}
