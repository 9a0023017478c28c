/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock (kernel documentation, userspace-api/landlock.rst): every right that the running kernel
 * knows is handled, and there is no rule that grants one. The numbers are the kernel's ABI, beyond
 * what the headers of Linux 6.1 have.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/steps.h"

struct ruleset {
	uint64_t fs, net, scoped; /* kernels that know fewer take zeros behind theirs */
};

#define VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */

/* What each ABI version added. Linux 5.13, 5.19, 6.2, 6.7, 6.10, 6.12. */
static const struct ruleset added[] = {
	{.fs = 0x1fff},	  /* execute, read, write, remove and make of any kind */
	{.fs = 1u << 13}, /* link and rename to another directory */
	{.fs = 1u << 14}, /* truncate */
	{.net = 0x3},	  /* TCP: bind, connect */
	{.fs = 1u << 15}, /* ioctl on devices */
	{.scoped = 0x3},  /* abstract UNIX sockets and signals of others */
};

static struct ruleset everything(long abi)
{
	struct ruleset r = {0};

	for (long i = 0; i < abi && i < (long)(sizeof(added) / sizeof(added[0])); i++) {
		r.fs |= added[i].fs;
		r.net |= added[i].net;
		r.scoped |= added[i].scoped;
	}
	return r;
}

int step_landlock(struct box *b)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION);

	if (abi < 1) {
		snprintf(b->detail, sizeof(b->detail), "%s",
			 errno == EOPNOTSUPP ? "it is switched off" : "it is not there");
		return -1;
	}
	const struct ruleset all = everything(abi);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (fd < 0)
		return -1;
	long err = syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	if (err)
		return -1;
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	close(fd);
	snprintf(b->detail, sizeof(b->detail), "/ can still be opened");
	errno = EPERM;
	return -1;
}
