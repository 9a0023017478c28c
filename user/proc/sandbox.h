/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox.h: how a packet process locks itself in, for good, before it touches a packet (R2, R6).
 * The layers are those of ipc/sandbox.h; sandbox.c has the table of steps, in their order.
 */
#ifndef ESC_PROC_SANDBOX_H
#define ESC_PROC_SANDBOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/sandbox.h"

#define ESC_SANDBOX_WHY 448

struct esc_sandbox {
	/* To become. Both 0: "stay who you are", to a process that was not started by root. */
	uid_t uid;
	gid_t gid;
	uint32_t waived; /* ESC_LAYER_BITs; layers that cannot be waived are not */
	uint32_t queues; /* descriptors are those of ipc/fds.h, with so many AF_XDP sockets */
	int own_bell, peer_bell; /* eventfds: the one to read, the one to write */
	size_t heap;		 /* bytes that malloc must be able to give from now on */
};

/*
 * Complete every layer that is not waived, in order, and try the ways back. 0, and in *layers
 * those in force; or -errno, with what failed, what it needs and what to do in why[]: then the
 * process is half locked in and must end.
 *
 * Needs to be the first process of a PID namespace (unless waived), single-threaded, all of
 * /proc, and root's capabilities; a process that stays who it is must have waived what needs them.
 * Afterwards only the system calls of policy.c work; another one ends the process (SIGSYS).
 */
int esc_sandbox_enter(const struct esc_sandbox *s, uint32_t *layers, char why[ESC_SANDBOX_WHY]);

#endif
