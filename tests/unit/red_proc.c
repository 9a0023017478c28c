/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet process does to itself: exactly its descriptors, memory of exactly the right
 * size, no privileges and no way back. Each case is a child of its own, for it cannot be undone.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/fds.h"
#include "proc/proc.h"

#define NOBODY 65534u
#define OTHER  64321u /* a user that nobody has */

/* Run f in a child; what it returns. */
static int in_child(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(quiet, STDERR_FILENO); /* complaints are what is wanted */
		close(quiet);
		_exit(f());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void need_root(void)
{
	if (geteuid()) {
		print_message("not root: skipped\n");
		skip();
	}
}

/* --- privileges -------------------------------------------------------------------------- */

/* A line of /proc/self/status, all of it hexadecimal or decimal numbers. */
static bool status_is(const char *name, const char *expected)
{
	char line[256], *value = NULL;
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		return false;
	while (!value && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)))
			value = line + strlen(name);
	}
	fclose(f);
	if (!value)
		return false;
	value += strspn(value, ":\t ");
	value[strcspn(value, "\n")] = 0;
	return !strcmp(value, expected);
}

static const char none[] = "0000000000000000";

/* What the kernel says about a process that gave up everything. */
static int powerless(const char *uids)
{
	struct rlimit core;

	if (!status_is("Uid", uids) || !status_is("Gid", uids))
		return 1;
	if (!status_is("CapInh", none) || !status_is("CapPrm", none) ||
	    !status_is("CapEff", none) || !status_is("CapAmb", none))
		return 2;
	if (!status_is("NoNewPrivs", "1") || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))
		return 3;
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
		return 4;
	if (!setuid(0) || !setgid(0) || !seteuid(0) || !setresuid(0, 0, 0) || !setgroups(0, NULL))
		return 5;
	return 0;
}

static int root_to_other(void)
{
	static const gid_t groups[] = {4, 27};
	char why[256] = "", ids[64];

	if (setgroups(2, groups) || esc_proc_drop(OTHER, OTHER, why))
		return 100;
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", OTHER, OTHER, OTHER, OTHER);
	if (!status_is("CapBnd", none) || !status_is("Groups", ""))
		return 101;
	return powerless(ids);
}

static void root_becomes_powerless_for_good(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(root_to_other), 0);
}

static int stay_root(void)
{
	char why[256] = "";

	return esc_proc_drop(0, 0, why) == -EINVAL && strstr(why, "0") ? 0 : 1;
}

static int half_root(void)
{
	char why[256] = "";

	return esc_proc_drop(OTHER, 0, why) == -EINVAL && esc_proc_drop(0, OTHER, why) == -EINVAL
		       ? 0
		       : 1;
}

static void root_cannot_stay_root(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(stay_root), 0);
	assert_int_equal(in_child(half_root), 0);
}

static int become_nobody(void)
{
	return geteuid() ? 0
			 : setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY);
}

static int nobody_stays(void)
{
	char why[256] = "", ids[64];
	uid_t uid;

	if (become_nobody() || esc_proc_drop(0, 0, why))
		return 100;
	uid = getuid();
	if (uid != getgid()) /* the test's own user, whose group may be another */
		return setuid(0) ? 0 : 1;
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", uid, uid, uid, uid);
	return powerless(ids);
}

static int nobody_becomes_other(void)
{
	char why[256] = "";

	return become_nobody() || (esc_proc_drop(OTHER, OTHER, why) < 0 && *why) ? 0 : 1;
}

static void without_root_a_process_stays_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(in_child(nobody_stays), 0);
	assert_int_equal(in_child(nobody_becomes_other), 0);
}

/* --- descriptors ------------------------------------------------------------------------- */

static int exactly_n(void)
{
	const int end = 12;
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < end; fd++) {
		if (fd != null && dup2(null, fd) < 0)
			return 100;
	}
	if (close_range((unsigned int)end, ~0u, 0))
		return 101;
	if (esc_proc_verify_fds(end))
		return 1;
	if (esc_proc_verify_fds(end + 1) != -EBADF)
		return 2;
	if (esc_proc_verify_fds(end - 1) != -EMFILE)
		return 3;
	if (dup2(0, 500) < 0 || esc_proc_verify_fds(end) != -EMFILE)
		return 4;
	close(500);
	if (close(7) || esc_proc_verify_fds(end) != -EBADF)
		return 5;
	return 0;
}

static void the_set_of_descriptors_is_exact(void **state)
{
	(void)state;
	assert_int_equal(in_child(exactly_n), 0);
}

/* --- memory ------------------------------------------------------------------------------ */

static int map_sizes(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC), pipe_fd[2];
	const size_t size = 8192;

	if (fd < 0 || ftruncate(fd, (off_t)size) || pipe(pipe_fd))
		return 100;
	if (esc_proc_map(fd, size - 1, "test") || esc_proc_map(fd, size + 1, "test") ||
	    esc_proc_map(fd, 0, "test") || esc_proc_map(pipe_fd[0], size, "test") ||
	    esc_proc_map(-1, size, "test"))
		return 1;
	uint8_t *p = esc_proc_map(fd, size, "test");
	if (!p)
		return 2;
	p[0] = 42; /* shared: the descriptor shows it */
	uint8_t seen = 0;
	if (pread(fd, &seen, 1, 0) != 1 || seen != 42)
		return 3;
#ifndef __SANITIZE_ADDRESS__ /* it makes mlock() do nothing */
	if (!status_is("VmLck", "8 kB"))
		return 4;
#endif
	return 0;
}

static void memory_has_the_right_size_and_is_locked(void **state)
{
	(void)state;
	assert_int_equal(in_child(map_sizes), 0);
}

/* --- the first message ------------------------------------------------------------------- */

static const struct esc_msg_start good = {
	.abi_version = ESC_ABI_VERSION,
	.queues = 2,
	.frame_size = ESC_FRAME_SMALL,
	.frames = 2 * ESC_FRAMES_PER_QUEUE,
};

static int receive(const struct esc_msg_start *start, uint32_t type)
{
	struct esc_msg m = {.type = type};
	struct esc_msg_start got;
	int pair[2];

	m.u.start = *start;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || dup2(pair[0], ESC_FD_CONTROL) < 0 ||
	    dup2(pair[1], 50) < 0 || esc_msg_send(50, &m))
		return 1;
	int err = esc_proc_receive_start(ESC_MSG_RED_START, &got);
	return err ? err : memcmp(&got, start, sizeof(got)) ? 1 : 0;
}

static int start_messages(void)
{
	struct esc_msg_start bad[7];

	if (receive(&good, ESC_MSG_RED_START))
		return 1;
	if (receive(&good, ESC_MSG_CRYPTO_START) != -EPROTO)
		return 2;
	for (int i = 0; i < 7; i++)
		bad[i] = good;
	bad[0].abi_version++;
	bad[1].queues = bad[1].frames = 0;
	bad[2].queues = ESC_QUEUES_MAX + 1;
	bad[2].frames = bad[2].queues * ESC_FRAMES_PER_QUEUE;
	bad[3].frames++;
	bad[4].frame_size = 0;
	bad[5].frame_size = 3000;
	bad[6].frame_size = 8192;
	for (int i = 0; i < 7; i++) {
		if (receive(&bad[i], ESC_MSG_RED_START) != -EPROTO)
			return 10 + i;
	}
	return 0;
}

static void only_a_possible_start_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(in_child(start_messages), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_powerless_for_good),
		cmocka_unit_test(root_cannot_stay_root),
		cmocka_unit_test(without_root_a_process_stays_what_it_is),
		cmocka_unit_test(the_set_of_descriptors_is_exact),
		cmocka_unit_test(memory_has_the_right_size_and_is_locked),
		cmocka_unit_test(only_a_possible_start_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
