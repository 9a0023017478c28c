/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet process starts with: descriptors, memory, the first message. Each check runs in a
 * child of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/fds.h"
#include "proc/proc.h"

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

/* Whole pages, and nothing left to do more with. */
static void check_map_bpf(void)
{
	struct stat out, now;
	int fd = memfd_create("test", 0), keep = dup(fd);

	must(fd >= 0 && keep >= 0 && !ftruncate(fd, 8192) && !fstat(STDOUT_FILENO, &out));
	uint8_t *p = esc_proc_map_bpf(fd, 5000, PROT_READ | PROT_WRITE, "test map");
	must(p);
	p[8191] = 7;
	uint8_t last;
	must(pread(keep, &last, 1, 8191) == 1 && last == 7);
	must(!fstat(fd, &now) && now.st_ino == out.st_ino && now.st_dev == out.st_dev);
	must(esc_proc_map_bpf(keep, 1, PROT_READ, "test map"));
	must(!esc_proc_map_bpf(999, 4096, PROT_READ, "nothing"));
}

static void a_map_leaves_no_descriptor(void **state)
{
	(void)state;
	in_child(check_map_bpf);
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
	m.u.start.uid = 64123;
	memset(m.u.start.name, 'n', sizeof(m.u.start.name)); /* no end */
	return m;
}

static void check_start(void)
{
	struct esc_msg_start start;
	struct esc_msg m = good_start();

	must(!first_message(&m, &start));
	must(start.queues == 2 && start.uid == 64123);
	must(strlen(start.name) == ESC_NAME_MAX);
	must(first_message(NULL, &start) == -EPROTO); /* control went away */
	for (int i = 0; i < 9; i++) {
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
		case 7: /* a layer that nobody may waive */
			m.u.start.waived = 1;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_and_an_extra_descriptor_are_found),
		cmocka_unit_test(only_a_memory_of_the_right_size_is_mapped),
		cmocka_unit_test(a_map_leaves_no_descriptor),
		cmocka_unit_test(an_impossible_first_message_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
