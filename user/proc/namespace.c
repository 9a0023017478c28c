/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Namespaces of the process's own (namespaces(7)). It leaves control's here, not when control
 * starts it: its AF_XDP sockets stay in the network that they were made in, a provider is loaded
 * before the file system goes, and every layer is completed and checked in one place. Only a PID
 * namespace cannot be entered, one has to be born in it.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/steps.h"

int step_uts(struct box *b)
{
	static const char nobody[] = "(none)"; /* what a kernel without a name says */

	(void)b;
	if (unshare(CLONE_NEWUTS) || sethostname(nobody, sizeof(nobody) - 1))
		return -1;
	return setdomainname(nobody, sizeof(nobody) - 1);
}

int step_ipc(struct box *b)
{
	(void)b;
	return unshare(CLONE_NEWIPC);
}

/* Its only device is a loopback that is down. */
int step_network(struct box *b)
{
	(void)b;
	return unshare(CLONE_NEWNET);
}

int step_pid(struct box *b)
{
	if (getpid() == 1)
		return 0;
	snprintf(b->detail, sizeof(b->detail), "this is process %d, not the first of its own",
		 (int)getpid());
	errno = EINVAL;
	return -1;
}

/*
 * The new root is an empty file system without room for a single file, which nobody but root may
 * even look into. It covers /proc, the one directory that is sure to be there, until it is "/".
 */
int step_mount(struct box *b)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	static const char empty[] = "size=4k,nr_inodes=1,mode=0100";

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc", "tmpfs", flags, "size=4k,nr_inodes=1,mode=0100") ||
	    chdir("/proc"))
		return -1;
	/* pivot_root(2): with "." twice the old root ends up on top of the new one */
	if (syscall(SYS_pivot_root, ".", ".")) {
		if (errno == EINVAL)
			snprintf(b->detail, sizeof(b->detail),
				 "the root file system is the initial one of the kernel, which "
				 "cannot be left");
		return -1;
	}
	if (umount2(".", MNT_DETACH) || chdir("/"))
		return -1;
	/*
	 * One more on top. The process stays below it, which for the kernel is what chroot(2) does,
	 * and who is in a chroot makes no user namespace, where it would have every capability.
	 */
	return mount("none", "/", "tmpfs", flags, empty);
}
