/* SPDX-License-Identifier: BSD-2-Clause */
/* Resource limits (setrlimit(2)): of what packets do not need, nothing. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/steps.h"

static bool can_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid >= 0;
}

int step_limits(struct box *b)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t limit;
	} limits[] = {
		{RLIMIT_NOFILE, (rlim_t)box_fds(b)}, /* all are in use; ppoll may name them all */
		{RLIMIT_NPROC, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_LOCKS, 0},
		{RLIMIT_MSGQUEUE, 0},
		{RLIMIT_SIGPENDING, 0},
		{RLIMIT_MEMLOCK, 0}, /* what is locked stays so */
		{RLIMIT_NICE, 0},
		{RLIMIT_RTPRIO, 0},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct rlimit r = {limits[i].limit, limits[i].limit};

		if (setrlimit(limits[i].resource, &r))
			return -1;
	}
	int fd = dup(0);
	if (fd < 0 && !can_fork())
		return 0;
	snprintf(b->detail, sizeof(b->detail), "there is still room for a %s",
		 fd < 0 ? "process" : "descriptor");
	if (fd >= 0)
		close(fd);
	errno = EPERM;
	return -1;
}
