/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/ask.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/acl.h"
#include "cli/cli.h"
#include "control/runtime.h"

bool cli_is_name(const char *name)
{
	return *name && strlen(name) <= ESC_NAME_MAX && !strchr(name, '/');
}

int cli_connect(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char path[ESC_RUN_PATH_MAX];

	esc_run_path(path, ESC_RUN_DIR, name, "sock");
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

/* Sockets that somebody listens at. */
unsigned int cli_nodes(char (*names)[ESC_NAME_MAX + 1])
{
	DIR *d = opendir(ESC_RUN_DIR);
	const struct dirent *e;
	unsigned int n = 0;

	while (d && n < CLI_NODES_MAX && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');
		size_t len = dot ? (size_t)(dot - e->d_name) : 0;
		if (!len || len > ESC_NAME_MAX || strcmp(dot, ".sock") != 0)
			continue;
		memcpy(names[n], e->d_name, len);
		names[n][len] = '\0';
		int fd = cli_connect(names[n]);
		if (fd >= 0)
			close(fd);
		n += fd >= 0 || fd == -EACCES;
	}
	if (d)
		closedir(d);
	return n;
}

/* 0, or -errno; -ENODATA: the node hung up without a word; -EPERM: it refused and said why. */
static int relay(const char *command, const char *name, int fd, const char *question, FILE *out)
{
	char buf[16384];
	size_t all = 0;
	ssize_t n;

	if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (!all && buf[0] == ESC_REFUSED) {
			fprintf(stderr, "esclusa %s: %s: %.*s", command, name, (int)n - 1, buf + 1);
			return -EPERM;
		}
		all += (size_t)n;
		fwrite(buf, 1, (size_t)n, out);
	}
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return all ? 0 : -ENODATA;
}

/* Who may connect to it is written at the socket, for all to see. */
static void say_no_access(const char *command, const char *name)
{
	char path[ESC_RUN_PATH_MAX];
	gid_t group[ESC_ACL_GROUPS];

	esc_acl_get(esc_run_path(path, ESC_RUN_DIR, name, "sock"), group);
	const struct group *g = group[0] ? getgrgid(group[0]) : NULL;
	if (g)
		fprintf(stderr,
			"esclusa %s: %s: you may not ask this node: ask to be added to group %s\n",
			command, name, g->gr_name);
	else
		fprintf(stderr,
			"esclusa %s: %s: only root may ask this node. Run: sudo esclusa %s %s\n",
			command, name, command, name);
}

void cli_say_error(const char *command, const char *name, int err)
{
	switch (err) {
	case -EPERM:
		return;
	case -ENOENT:
	case -ECONNREFUSED:
		fprintf(stderr,
			"esclusa %s: no node named %s is running. Start it with: esclusa run "
			"FILE\n",
			command, name);
		return;
	case -EACCES:
		say_no_access(command, name);
		return;
	case -ENODATA:
	case -ECONNRESET:
	case -EPIPE:
		fprintf(stderr,
			"esclusa %s: %s hung up without an answer: too many ask it at once, or "
			"it is stopping. Try again\n",
			command, name);
		return;
	default:
		fprintf(stderr, "esclusa %s: asking %s: %s\n", command, name, strerror(-err));
	}
}

int cli_ask(const char *command, const char *name, const char *question, unsigned int seconds,
	    FILE *out)
{
	const struct timeval wait = {.tv_sec = (time_t)seconds};
	int fd = cli_connect(name);
	int err = fd < 0 ? fd : 0;

	if (!err && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		err = -errno;
	if (!err)
		err = relay(command, name, fd, question, out);
	if (fd >= 0)
		close(fd);
	if (err)
		cli_say_error(command, name, err);
	return err;
}

int cli_name_and_json(int argc, char **argv, const char *help, const char **name, bool *json)
{
	int code = cli_common(argc, argv, help);

	*name = NULL;
	*json = false;
	if (code >= 0)
		return code;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			*json = true;
		else if (argv[i][0] == '-')
			return cli_usage(argv[0], help, "unknown option '%s'", argv[i]);
		else if (*name)
			return cli_usage(argv[0], help, "'%s': expected one NAME only", argv[i]);
		else
			*name = argv[i];
	}
	if (*name && !cli_is_name(*name))
		return cli_usage(argv[0], help, "'%s' cannot be a node's name", *name);
	return -1;
}
