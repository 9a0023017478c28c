/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet process does to itself: descriptors, memory, the first message, privileges. Each
 * check runs in a child, because none of it can be undone. Most need root.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/fds.h"
#include "proc/proc.h"

#define SOMEBODY 64123

#define must(ok)                                                                                   \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #ok,       \
				strerror(errno));                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void in_child(void (*check)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		check();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void in_child_as_root(void (*check)(void))
{
	if (geteuid()) {
		print_message("needs root\n");
		skip();
	}
	in_child(check);
}

/* --- descriptors ----------------------------------------------------------------------------- */

static void only_standard_descriptors(void)
{
	must(!syscall(SYS_close_range, 3u, ~0u, 0u));
	for (int fd = 0; fd < 3; fd++)
		must(fcntl(fd, F_GETFD) >= 0 || open("/dev/null", O_RDWR) == fd);
}

static void check_exact_descriptors(void)
{
	only_standard_descriptors();
	must(esc_proc_verify_fds(3) == 0);
	must(esc_proc_verify_fds(4) == -EBADF);
	must(esc_proc_verify_fds(2) == -EMFILE);
	must(dup(0) == 3);
	must(esc_proc_verify_fds(3) == -EMFILE);
	must(esc_proc_verify_fds(4) == 0);
	must(dup2(0, 700) == 700); /* far away, close on exec or not */
	must(esc_proc_verify_fds(4) == -EMFILE);
	must(!fcntl(700, F_SETFD, FD_CLOEXEC));
	must(esc_proc_verify_fds(4) == -EMFILE);
	close(700);
	must(esc_proc_verify_fds(4) == 0);
	close(0);
	must(esc_proc_verify_fds(4) == -EBADF); /* a hole: the one too few hides the one too many */
	must(esc_proc_verify_fds(0) == -EMFILE);
}

static void a_missing_and_an_extra_descriptor_are_found(void **state)
{
	(void)state;
	in_child(check_exact_descriptors);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void check_map(void)
{
	int fd = memfd_create("test", 0), pipes[2];

	must(fd >= 0 && !ftruncate(fd, 8192));
	uint8_t *p = esc_proc_map(fd, 8192, "test memory");
	must(p);
	p[8191] = 7;
	uint8_t last;
	must(pread(fd, &last, 1, 8191) == 1 && last == 7);
	must(!esc_proc_map(fd, 8191, "test memory"));
	must(!esc_proc_map(fd, 8193, "test memory"));
	must(!esc_proc_map(fd, 0, "test memory"));
	must(!pipe(pipes) && !esc_proc_map(pipes[0], 4096, "a pipe"));
	must(!esc_proc_map(999, 4096, "nothing"));
}

static void only_a_memory_of_the_right_size_is_mapped(void **state)
{
	(void)state;
	in_child(check_map);
}

/* --- the first message ----------------------------------------------------------------------- */

static int first_message(struct esc_msg *m, struct esc_msg_start *start)
{
	int pair[2];

	must(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	must(dup2(pair[0], 40) == 40 && dup2(pair[1], ESC_FD_CONTROL) == ESC_FD_CONTROL);
	must(!m || !esc_msg_send(40, m));
	close(40);
	if (pair[0] != ESC_FD_CONTROL)
		close(pair[0]);
	if (pair[1] != ESC_FD_CONTROL)
		close(pair[1]);
	return esc_proc_receive_start(ESC_MSG_RED_START, start);
}

static struct esc_msg good_start(void)
{
	struct esc_msg m = {.type = ESC_MSG_RED_START};

	m.u.start.abi_version = ESC_ABI_VERSION;
	m.u.start.queues = 2;
	m.u.start.frames = 2 * ESC_FRAMES_PER_QUEUE;
	m.u.start.frame_size = ESC_FRAME_SMALL;
	m.u.start.uid = SOMEBODY;
	memset(m.u.start.name, 'n', sizeof(m.u.start.name)); /* no end */
	return m;
}

static void check_start(void)
{
	struct esc_msg_start start;
	struct esc_msg m = good_start();

	must(!first_message(&m, &start));
	must(start.queues == 2 && start.uid == SOMEBODY);
	must(strlen(start.name) == ESC_NAME_MAX);
	must(first_message(NULL, &start) == -EPROTO); /* control went away */
	for (int i = 0; i < 8; i++) {
		m = good_start();
		switch (i) {
		case 0:
			m.type = ESC_MSG_CRYPTO_START;
			break;
		case 1:
			m.type = ESC_MSG_STOP;
			break;
		case 2:
			m.u.start.abi_version++;
			break;
		case 3:
			m.u.start.queues = m.u.start.frames = 0;
			break;
		case 4:
			m.u.start.queues = ESC_QUEUES_MAX + 1;
			m.u.start.frames = m.u.start.queues * ESC_FRAMES_PER_QUEUE;
			break;
		case 5: /* the product wraps around to the right number of frames */
			m.u.start.queues = 2 + (1u << 20);
			break;
		case 6:
			m.u.start.frame_size = 3000;
			break;
		default:
			m.u.start.frames--;
		}
		must(first_message(&m, &start) == -EPROTO);
	}
}

static void an_impossible_first_message_is_refused(void **state)
{
	(void)state;
	in_child(check_start);
}

/* --- privileges ------------------------------------------------------------------------------ */

static bool status_says(const char *line)
{
	char buf[256];
	bool found = false;
	FILE *f = fopen("/proc/self/status", "r");

	must(f);
	while (!found && fgets(buf, sizeof(buf), f))
		found = !strncmp(buf, line, strlen(line));
	fclose(f);
	return found;
}

static void check_nothing_is_left(void)
{
	static const char *const none[] = {
		"CapInh:\t0000000000000000\n",	      "CapPrm:\t0000000000000000\n",
		"CapEff:\t0000000000000000\n",	      "CapBnd:\t0000000000000000\n",
		"CapAmb:\t0000000000000000\n",	      "NoNewPrivs:\t1\n",
		"Uid:\t64123\t64123\t64123\t64123\n", "Gid:\t64123\t64123\t64123\t64123\n",
	};
	struct rlimit core;
	int signal_at_parents_end = 0;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		if (!status_says(none[i])) {
			fprintf(stderr, "not so: %s", none[i]);
			_exit(1);
		}
	}
	must(getgroups(0, NULL) == 0);
	must(setuid(0) < 0 && setgid(0) < 0 && seteuid(0) < 0 && setegid(0) < 0);
	must(setgroups(0, NULL) < 0);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(!prctl(PR_GET_PDEATHSIG, &signal_at_parents_end, 0, 0, 0));
	must(signal_at_parents_end == SIGKILL);
	must(!getrlimit(RLIMIT_CORE, &core) && !core.rlim_cur && !core.rlim_max);
}

static void check_drop(void)
{
	char why[256] = "";
	int err = esc_proc_drop(SOMEBODY, SOMEBODY, why);

	if (err)
		fprintf(stderr, "%s\n", why);
	must(!err);
	check_nothing_is_left();
}

static void after_the_drop_nothing_is_left(void **state)
{
	(void)state;
	in_child_as_root(check_drop);
}

/* What a parent may have left behind to keep privileges by. */
static void check_drop_in_spite_of_inheritance(void)
{
	const gid_t groups[] = {0, 4, SOMEBODY};
	char why[256];

	must(!setgroups(3, groups));
	must(!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	must(!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	/* no_setuid_fixup: a change of the user takes no capability away */
	must(!prctl(PR_SET_SECUREBITS, 1 << 2, 0, 0, 0));
	must(!esc_proc_drop(SOMEBODY, SOMEBODY, why));
	check_nothing_is_left();
}

static void inherited_groups_and_kept_capabilities_go_too(void **state)
{
	(void)state;
	in_child_as_root(check_drop_in_spite_of_inheritance);
}

static void check_root_is_refused(void)
{
	static const uint32_t bad[][2] = {{0, 0}, {0, SOMEBODY}, {SOMEBODY, 0}};
	char why[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		must(esc_proc_drop(bad[i][0], bad[i][1], why) == -EINVAL);
		must(strstr(why, "0"));
		must(!getuid() && !geteuid()); /* refused before anything was done */
	}
	must(esc_proc_drop(UINT32_MAX, UINT32_MAX, why) < 0); /* "no change" to the kernel */
}

static void root_is_not_somebody_to_become(void **state)
{
	(void)state;
	in_child_as_root(check_root_is_refused);
}

static void check_without_rights(void)
{
	char why[256] = "";

	must(!setgroups(0, NULL));
	must(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY) && !setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
	must(esc_proc_drop(SOMEBODY + 1, SOMEBODY + 1, why) == -EPERM);
	must(strstr(why, "supplementary groups") && strstr(why, "64124"));
	must(esc_proc_drop(0, SOMEBODY, why) < 0);
	must(!esc_proc_drop(0, 0, why)); /* stay */
	must(getuid() == SOMEBODY && getgid() == SOMEBODY);
	must(status_says("CapEff:\t0000000000000000\n") && status_says("NoNewPrivs:\t1\n"));
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void without_rights_a_process_stays_who_it_is_or_says_why_not(void **state)
{
	(void)state;
	in_child_as_root(check_without_rights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_and_an_extra_descriptor_are_found),
		cmocka_unit_test(only_a_memory_of_the_right_size_is_mapped),
		cmocka_unit_test(an_impossible_first_message_is_refused),
		cmocka_unit_test(after_the_drop_nothing_is_left),
		cmocka_unit_test(inherited_groups_and_kept_capabilities_go_too),
		cmocka_unit_test(root_is_not_somebody_to_become),
		cmocka_unit_test(without_rights_a_process_stays_who_it_is_or_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
