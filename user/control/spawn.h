/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.h: starts the packet processes: this binary again, re-executed so that nothing of
 * control's memory is in them, with the descriptors of ipc/fds.h, no others, and an environment
 * of three variables (ESCLUSA_LOG, JOURNAL_STREAM, CREDENTIALS_DIRECTORY).
 */
#ifndef ESC_CONTROL_SPAWN_H
#define ESC_CONTROL_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/memory.h"
#include "control/nic.h"
#include "ipc/fds.h"

struct esc_spawned {
	pid_t pid;
	int pidfd;   /* readable once it exited; then esc_spawn_end() */
	int control; /* SEQPACKET socket to it (ipc/msg.h), non-blocking */
};

#define ESC_SPAWN_FDS (ESC_FD_XSK + ESC_QUEUES_MAX)

/*
 * Start the red or the crypto process, as the first process of a PID namespace unless that layer is
 * waived (ipc/sandbox.h). It dies with control: by the parent death signal, which the
 * kernel forgets when the process changes its user, and by the end of its control socket. It has a
 * session of its own (Ctrl-C is control's to handle), and still has control's privileges: it gives
 * them up once it registered its packet memory (proc/sandbox.h). terminal: its descriptor 0 is
 * control's standard input instead of /dev/null. 0 or -errno.
 */
int esc_spawn(enum esc_side side, const char *node, const struct esc_memory *m, uint32_t queues,
	      uint32_t waived, bool terminal, struct esc_spawned *child);

/* The same, as this process's child, with source[i] as descriptor i: see launch.h. */
int esc_spawn_local(enum esc_side side, const char *node, const int *source, int n, uint32_t waived,
		    struct esc_spawned *child);
/* How it ended, once its pidfd said that it did. */
void esc_spawn_end(pid_t pid, int pidfd, siginfo_t *info);

/*
 * Who a packet process becomes: the named user; else esclusa-red or esclusa-crypto if the system
 * has it; else ESC_UID_RED or ESC_UID_CRYPTO, numbers that Debian's policy gives to nobody. 0, or
 * -ENOENT (no such user), -EPERM (root).
 */
#define ESC_UID_RED    65532u
#define ESC_UID_CRYPTO 65533u
int esc_spawn_user(enum esc_side side, const char *configured, uid_t *uid, gid_t *gid);

#endif
