/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/proc.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/fds.h"

int esc_proc_verify_fds(int end)
{
	for (int fd = 0; fd < end; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			return -EBADF;
	}
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return -errno;
	const struct dirent *e;
	int err = 0;
	while (!err && (e = readdir(dir))) {
		long fd = e->d_name[0] == '.' ? 0 : strtol(e->d_name, NULL, 10);

		if (fd >= end && fd != dirfd(dir))
			err = -EMFILE;
	}
	closedir(dir);
	return err;
}

void *esc_proc_map(int fd, size_t size, const char *what)
{
	struct stat st;

	if (fstat(fd, &st) || (uint64_t)st.st_size != size) {
		esc_err("%s: descriptor %d is not %zu bytes of memory", what, fd, size);
		return NULL;
	}
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED) {
		esc_err("mapping %s: %s", what, strerror(errno));
		return NULL;
	}
	if (mlock(p, size)) { /* packets never reach a disk, and no page fault stalls them */
		esc_err("locking %s in memory: %s", what, strerror(errno));
		munmap(p, size);
		return NULL;
	}
	return p;
}

int esc_proc_receive_start(uint32_t type, struct esc_msg_start *start)
{
	struct esc_msg m;
	int got = esc_msg_recv(ESC_FD_CONTROL, &m);
	const struct esc_msg_start *s = &m.u.start;

	if (got != 1 || m.type != type || s->abi_version != ESC_ABI_VERSION || !s->queues ||
	    s->queues > ESC_QUEUES_MAX || s->frames != s->queues * ESC_FRAMES_PER_QUEUE ||
	    (s->frame_size != ESC_FRAME_SMALL && s->frame_size != ESC_FRAME_LARGE))
		return -EPROTO;
	*start = *s;
	return 0;
}

void esc_proc_schedule(void)
{
	const struct sched_param none = {0};

	if (sched_setscheduler(0, SCHED_BATCH, &none))
		esc_debug("scheduling as a batch process: %s", strerror(errno));
}

/* Red, crypto, and the kernel's receiving work on either NIC. */
#define PROCESSORS_FOR_ALL 4
#define SPIN_TIME	   (20 * 1000ull)

uint64_t esc_proc_spin_time(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	return CPU_COUNT(&set) >= PROCESSORS_FOR_ALL ? SPIN_TIME : 0;
}

/* --- the steps, in their order ------------------------------------------------------------ */

struct target {
	uid_t uid;
	gid_t gid;
	bool stay; /* started without root: there is no other user to become */
};

static int no_core(const struct target *t)
{
	const struct rlimit none = {0, 0};

	(void)t;
	return setrlimit(RLIMIT_CORE, &none);
}

static int no_groups(const struct target *t)
{
	return t->stay ? 0 : setgroups(0, NULL);
}

static int bounding_set(const struct target *t)
{
	if (t->stay)
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) ? -1 : 0;
}

static int become_group(const struct target *t)
{
	return t->stay ? 0 : setresgid(t->gid, t->gid, t->gid);
}

static int become_user(const struct target *t)
{
	return t->stay ? 0 : setresuid(t->uid, t->uid, t->uid);
}

static int no_capabilities(const struct target *t)
{
	(void)t;
	capng_clear(CAPNG_SELECT_ALL);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) ? -1 : 0;
}

static int no_new_privs(const struct target *t)
{
	(void)t;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int not_dumpable(const struct target *t)
{
	(void)t;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Asked for again: the kernel forgets it when the user changes. */
static int die_with_control(const struct target *t)
{
	(void)t;
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* Try the ways back; each must fail. */
static int verify(const struct target *t)
{
	capng_select_t which =
		t->stay ? CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT : CAPNG_SELECT_ALL;
	bool back = !t->uid || getuid() != t->uid || geteuid() != t->uid || getgid() != t->gid ||
		    getegid() != t->gid || (!t->stay && getgroups(0, NULL) != 0);

	back = back || !setuid(0) || !setgid(0) || !setresuid((uid_t)-1, 0, (uid_t)-1) ||
	       !setresgid((gid_t)-1, 0, (gid_t)-1);
	back = back || capng_get_caps_process() || capng_have_capabilities(which) != CAPNG_NONE;
	back = back || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) ||
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
	errno = EPERM;
	return back ? -1 : 0;
}

/*
 * The bounding set needs CAP_SETPCAP, groups and ids need theirs: so they go first. Changing the
 * user resets "dumpable", so that comes after it.
 */
static const struct {
	const char *what;
	int (*step)(const struct target *t);
} steps[] = {
	{"no core file", no_core},
	{"no supplementary groups", no_groups},
	{"empty capability bounding set", bounding_set},
	{"own group", become_group},
	{"own user", become_user},
	{"no capabilities", no_capabilities},
	{"no_new_privs", no_new_privs},
	{"not dumpable", not_dumpable},
	{"end with control", die_with_control},
	{"no way back", verify},
};

int esc_proc_drop(uid_t uid, gid_t gid, char why[256])
{
	struct target t = {uid, gid, false};

	if (geteuid() && !uid && !gid)
		t = (struct target){geteuid(), getegid(), true};
	if (!t.uid || !t.gid) {
		snprintf(why, 256, "user or group 0 is not one to become");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		errno = 0;
		if (!steps[i].step(&t))
			continue;
		int err = errno ? -errno : -EPERM;
		snprintf(why, 256, "%s (uid %u, gid %u): %s", steps[i].what, t.uid, t.gid,
			 strerror(-err));
		return err;
	}
	return 0;
}
