/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/kill.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define TREE_MAX 32u
#define END_NS	 (2 * ESC_S)

struct tree {
	unsigned int n;
	struct pollfd end[TREE_MAX]; /* pidfds: what they name stays what it is */
};

/* The process, then its children, and theirs. */
static int add(struct tree *t, pid_t pid)
{
	char path[64], child[16];
	int err = 0;

	if (t->n == TREE_MAX)
		return -E2BIG;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	t->end[t->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	while (f && !err && fscanf(f, "%15s", child) == 1)
		err = add(t, (pid_t)strtol(child, NULL, 10));
	if (f)
		fclose(f);
	return err;
}

static int wait_for_end(struct pollfd *p, uint64_t until)
{
	uint64_t now = esc_now();
	int left = now < until ? (int)((until - now) / ESC_MS) : 0;

	return poll(p, 1, left) == 1 ? 0 : -ETIMEDOUT;
}

int cli_kill_tree(pid_t pid)
{
	const uint64_t until = esc_now() + END_NS;
	struct tree t = {.n = 0};
	int err = add(&t, pid);

	for (unsigned int i = 0; i < t.n; i++)
		if (syscall(SYS_pidfd_send_signal, t.end[i].fd, SIGKILL, NULL, 0) && !err &&
		    errno != ESRCH)
			err = -errno;
	for (unsigned int i = 0; i < t.n; i++) {
		int late = wait_for_end(&t.end[i], until);
		if (!err)
			err = late;
		close(t.end[i].fd);
	}
	return err;
}
