/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of a locked-in packet process, the most frequent first. It opens nothing,
 * makes nothing and names nobody; what it reads and writes are the descriptors of ipc/fds.h.
 *
 * Not here, on purpose: sendmsg and recvmsg (they pass descriptors), fcntl (O_NONBLOCK and locks
 * of the eventfds that both processes share), write to anything but the other's bell (the log goes
 * to control as a message), kill, everything with PROT_EXEC, every call that takes a path.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "ipc/fds.h"
#include "ipc/msg.h"
#include "proc/seccomp.h"
#include "proc/steps.h"

/* Whose descriptor the first argument is. */
enum fd { FD_NONE, FD_XSK, FD_OWN_BELL, FD_PEER_BELL, FD_CONTROL };

/* For which sandboxes. */
enum when { ALWAYS, STATIC_MEMORY, ADDED_MEMORY };

struct row {
	enum fd fd;
	enum when when;
	struct esc_call c;
};

/* clang-format off */
#define CALL(name)	  .c.call = SCMP_SYS(name)
#define INT(n, value)	  ESC_ARG_INT(n, value)
#define IS(n, value)	  ESC_ARG_IS(n, value)
#define MAX(n, value)	  ESC_ARG_MAX(n, value)
#define ZERO(n)		  ESC_ARG_IS(n, 0)
#define ARGS(...)	  .c.arg = {__VA_ARGS__}, \
			  .c.conditions = sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) / \
					  sizeof(struct scmp_arg_cmp)

static const struct row rows[] = {
	{FD_XSK, CALL(sendto), .c.why = "have the kernel send what is in a TX ring",
	 ARGS(ZERO(1), ZERO(2), INT(3, MSG_DONTWAIT), ZERO(4), INT(5, 0))},
	{FD_XSK, CALL(recvfrom), .c.why = "have the kernel take what is in a fill ring",
	 ARGS(ZERO(1), ZERO(2), INT(3, MSG_DONTWAIT), ZERO(4), ZERO(5))},
	{FD_PEER_BELL, CALL(write), .c.why = "wake the other packet process",
	 ARGS(IS(2, sizeof(uint64_t)))},
	{FD_OWN_BELL, CALL(read), .c.why = "silence the own bell",
	 ARGS(IS(2, sizeof(uint64_t)))},
	{FD_NONE, CALL(ppoll), .c.why = "sleep until there is work",
	 ARGS(MAX(1, 2 + ESC_QUEUES_MAX), ZERO(3))},
	{FD_XSK, CALL(getsockopt), .c.why = "what the kernel dropped",
	 ARGS(INT(1, SOL_XDP), INT(2, XDP_STATISTICS))},
	{FD_NONE, CALL(clock_gettime), .c.why = "the time, where it takes a system call: BOOTTIME",
	 ARGS(INT(0, CLOCK_BOOTTIME))},
	{FD_NONE, CALL(clock_gettime), .c.why = "and REALTIME",
	 ARGS(INT(0, CLOCK_REALTIME))},
	{FD_NONE, CALL(getrandom), .c.why = "keys, nonces, indices, cookies",
	 ARGS(MAX(1, 256), INT(2, 0))},
	{FD_CONTROL, CALL(recvfrom), .c.why = "a message from control",
	 ARGS(MAX(2, sizeof(struct esc_msg)), INT(3, MSG_TRUNC), ZERO(4), ZERO(5))},
	{FD_CONTROL, CALL(sendto), .c.why = "a message to control",
	 ARGS(MAX(2, sizeof(struct esc_msg)), INT(3, MSG_NOSIGNAL), ZERO(4), INT(5, 0))},

	/*
	 * memory: malloc hears that there is none, and tells its caller. brk says so by returning
	 * what there is, which an errno in its place is not: the layer "memory" makes it.
	 */
	{FD_NONE, ALWAYS, CALL(brk), .c.why = "malloc asks for more"},
	{FD_NONE, STATIC_MEMORY, CALL(mmap), .c.refuse = ENOMEM, .c.why = "so does it again"},
	{FD_NONE, ADDED_MEMORY, CALL(mmap), .c.why = "malloc: anonymous, never executable",
	 ARGS(INT(2, PROT_READ | PROT_WRITE), INT(3, MAP_PRIVATE | MAP_ANONYMOUS), INT(4, -1))},

	/* the end */
	{FD_NONE, CALL(clock_nanosleep), .c.why = "wait for frames that the NIC still has",
	 ARGS(INT(0, CLOCK_REALTIME), INT(1, 0))},
	{FD_NONE, CALL(restart_syscall), .c.why = "the rest of that wait, after SIGSTOP and SIGCONT"},
	{FD_NONE, CALL(mprotect), .c.why = "open guarded memory once more, to wipe it",
	 ARGS(INT(2, PROT_READ | PROT_WRITE))},
	{FD_NONE, CALL(madvise), .c.why = "libsodium, when it gives guarded memory back",
	 ARGS(INT(2, MADV_DODUMP))},
	{FD_NONE, CALL(munlock), .c.why = "the same"},
	{FD_NONE, CALL(munmap), .c.why = "the same, and a provider that is unloaded"},
	{FD_NONE, CALL(exit_group), .c.why = "end"},
};
/* clang-format on */

static int add_for(struct esc_filter *f, const struct row *r, int fd)
{
	struct esc_call c = r->c;

	c.arg[c.conditions++] = (struct scmp_arg_cmp)ESC_ARG_INT(0, fd);
	return esc_filter_add(f, &c);
}

static int add(struct esc_filter *f, const struct row *r, const struct esc_sandbox *want)
{
	int err = 0;

	switch (r->fd) {
	case FD_NONE:
		return esc_filter_add(f, &r->c);
	case FD_OWN_BELL:
		return add_for(f, r, want->own_bell);
	case FD_PEER_BELL:
		return add_for(f, r, want->peer_bell);
	case FD_CONTROL:
		return add_for(f, r, ESC_FD_CONTROL);
	case FD_XSK:
		for (uint32_t q = 0; q < want->queues && !err; q++)
			err = add_for(f, r, ESC_FD_XSK + (int)q);
	}
	return err;
}

static bool applies(const struct box *b, enum when when)
{
	return when == ALWAYS || box_has(b, ESC_LAYER_memory) == (when == STATIC_MEMORY);
}

int step_seccomp(struct box *b)
{
	struct esc_filter *f = esc_filter_new();
	int err = f ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !err; i++) {
		if (applies(b, rows[i].when))
			err = add(f, &rows[i], b->want);
	}
	if (!err)
		err = esc_filter_load(f);
	esc_filter_free(f);
	errno = -err;
	return err ? -1 : 0;
}
