/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locked_in.h: for tests of the sandbox: a process with the descriptors of a packet process, which
 * locks itself in, tries one thing, and tells with its exit status (or its end) what came of it.
 */
#ifndef ESC_TESTS_LOCKED_IN_H
#define ESC_TESTS_LOCKED_IN_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/fds.h"
#include "proc/sandbox.h"
#include "sizes.h"

#define SOMEBODY   64123

#define ALL	   ESC_LAYERS_WAIVABLE
#define ONLY(name) (ALL & ~ESC_LAYER_BIT(ESC_LAYER_##name)) /* what to waive for it */

/* Layers that nobody but root can take on; others leave them out of every test. */
#define NEED_ROOT                                                                                  \
	(ESC_LAYER_BIT(ESC_LAYER_mount) | ESC_LAYER_BIT(ESC_LAYER_network) |                       \
	 ESC_LAYER_BIT(ESC_LAYER_ipc) | ESC_LAYER_BIT(ESC_LAYER_pid) |                             \
	 ESC_LAYER_BIT(ESC_LAYER_uts) | ESC_LAYER_BIT(ESC_LAYER_memory))

/* What a process reports: what it tried worked, was refused with an errno, or killed it. */
enum { WORKED = 0, NOT_SO = 200, NOT_LOCKED_IN = 201, KILLED = 256 };
#define KILLED_BY(sig) (KILLED + (sig))

/* In a locked-in process, which cannot write why. */
#define must(ok)                                                                                   \
	do {                                                                                       \
		if (!(ok))                                                                         \
			_exit(NOT_SO);                                                             \
	} while (0)

static bool root;
static uint32_t layers;			   /* in the process: what it was told is in force */
static size_t heap_size = (size_t)1 << 20; /* that it asks for */
static uint32_t queues = 1;

/* --- a process with the descriptors that it expects ------------------------------------------ */

static inline void place_descriptors(int control)
{
	int null = open("/dev/null", O_RDWR), fd[ESC_FD_XSK + ESC_QUEUES_MAX];
	int end = ESC_FD_XSK + (int)queues;

	for (int i = 0; i < end; i++)
		fd[i] = fcntl(null, F_DUPFD, 100);
	fd[ESC_FD_LOG] = fcntl(STDERR_FILENO, F_DUPFD, 100);
	fd[ESC_FD_CONTROL] = fcntl(control, F_DUPFD, 100);
	fcntl(control, F_SETFL, O_NONBLOCK);
	fd[ESC_FD_STATUS] = fcntl(memfd_create("file", 0), F_DUPFD, 100);
	fd[ESC_FD_RED_WAKE] = fcntl(eventfd(0, EFD_NONBLOCK), F_DUPFD, 100);
	fd[ESC_FD_CRYPTO_WAKE] = fcntl(eventfd(0, EFD_NONBLOCK), F_DUPFD, 100);
	for (int i = ESC_FD_XSK; i < end; i++)
		fd[i] = fcntl(socket(AF_UNIX, SOCK_DGRAM, 0), F_DUPFD, 100);
	for (int i = 0; i < end; i++)
		dup2(fd[i], i);
	syscall(SYS_close_range, (unsigned int)end, ~0u, 0u);
}

static inline int enter(uint32_t waived, char why[ESC_SANDBOX_WHY])
{
	const struct esc_sandbox box = {
		.uid = root ? SOMEBODY : 0,
		.gid = root ? SOMEBODY : 0,
		.waived = root ? waived : waived | NEED_ROOT,
		.queues = queues,
		.own_bell = ESC_FD_RED_WAKE,
		.peer_bell = ESC_FD_CRYPTO_WAKE,
		.heap = heap_size,
	};

	return esc_sandbox_enter(&box, &layers, why);
}

static inline pid_t fork_into(bool own_pids)
{
	struct clone_args args = {
		.flags = own_pids ? CLONE_NEWPID : 0,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static inline bool pids_of_its_own(uint32_t waived)
{
	return !(waived & ESC_LAYER_BIT(ESC_LAYER_pid));
}

/*
 * Fork, prepare() (may be NULL), lock in with these layers waived, try(): what came of it. why gets
 * the reason if it could not lock itself in.
 */
static inline int locked_in(uint32_t waived, void (*prepare)(void), int (*try)(void),
			    char why[ESC_SANDBOX_WHY])
{
	int pair[2], status;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid_t pid = fork_into(root && pids_of_its_own(waived));
	assert_true(pid >= 0);
	if (!pid) {
		char text[ESC_SANDBOX_WHY] = "";
		place_descriptors(pair[1]);
		if (prepare)
			prepare();
		if (!enter(waived, text))
			_exit(try());
		send(ESC_FD_CONTROL, text, sizeof(text), 0);
		_exit(NOT_LOCKED_IN);
	}
	close(pair[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (recv(pair[0], why, ESC_SANDBOX_WHY, 0) <= 0)
		why[0] = '\0';
	close(pair[0]);
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status)) : WEXITSTATUS(status);
}

static inline void expect(const char *what, uint32_t waived, int (*try)(void), int expected)
{
	char why[ESC_SANDBOX_WHY];
	int got = locked_in(waived, NULL, try, why);

	if (got != expected)
		fail_msg("%s: %d (%s), expected %d %s", what, got,
			 got < NOT_SO ? strerror(got) : "not an errno", expected, why);
}

static inline int result(long r)
{
	return r < 0 ? errno : WORKED;
}

static inline bool built(enum esc_layer layer)
{
	return ESC_LAYERS_BUILT & ESC_LAYER_BIT(layer);
}

static inline void skip_unless(bool ok, const char *what)
{
	if (ok)
		return;
	print_message("needs %s\n", what);
	skip();
}

static inline int locked_in_set_up(void **state)
{
	(void)state;
	root = !geteuid();
	return 0;
}

#endif
