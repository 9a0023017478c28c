/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the process is and what it may do: user, groups, capabilities, dumps. */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/steps.h"

int step_no_core(struct box *b)
{
	const struct rlimit none = {0, 0};

	(void)b;
	return setrlimit(RLIMIT_CORE, &none);
}

int step_no_groups(struct box *b)
{
	return b->stay ? 0 : setgroups(0, NULL);
}

int step_bounding_set(struct box *b)
{
	if (b->stay)
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) ? -1 : 0;
}

int step_group(struct box *b)
{
	return b->stay ? 0 : setresgid(b->gid, b->gid, b->gid);
}

int step_user(struct box *b)
{
	return b->stay ? 0 : setresuid(b->uid, b->uid, b->uid);
}

int step_no_capabilities(struct box *b)
{
	(void)b;
	capng_clear(CAPNG_SELECT_ALL);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) ? -1 : 0;
}

int step_no_new_privs(struct box *b)
{
	(void)b;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int step_not_dumpable(struct box *b)
{
	(void)b;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int step_die_with_control(struct box *b)
{
	(void)b;
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/*
 * What the kernel says, asked directly: libcap-ng looks a process id up in /proc, which is that of
 * another PID namespace.
 */
static bool any_capability(bool bounding_too)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3];
	int cap, in;

	if (syscall(SYS_capget, &head, set))
		return true;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		if (set[i].effective || set[i].permitted || set[i].inheritable)
			return true;
	}
	for (cap = 0; (in = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++) {
		if ((in && bounding_too) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0))
			return true;
	}
	return !cap;
}

/* Try the ways back: each must fail. */
int step_no_identity_back(struct box *b)
{
	bool back = !b->uid || getuid() != b->uid || geteuid() != b->uid || getgid() != b->gid ||
		    getegid() != b->gid || (!b->stay && getgroups(0, NULL) != 0);

	back = back || !setuid(0) || !setgid(0) || !setresuid((uid_t)-1, 0, (uid_t)-1) ||
	       !setresgid((gid_t)-1, 0, (gid_t)-1);
	back = back || any_capability(!b->stay) || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) ||
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
	errno = EPERM;
	return back ? -1 : 0;
}
