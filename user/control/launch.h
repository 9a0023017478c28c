/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * launch.h: the launcher: a process that starts red and crypto in control's place (R2, R6), so that
 * control needs no right to change users, capabilities, namespaces or mounts. The units that are
 * installed work so; without systemd control starts them itself.
 *
 *	control   -> launcher	START, with the descriptors of ipc/fds.h
 *	launcher  -> control	STARTED, with a pidfd; ENDED, once per process
 *
 * over a SEQPACKET socket that systemd made (0600). The launcher executes nothing but this program,
 * as red or as crypto, and ends when control does, and they with it: by their parent death signal
 * (which counts as sent by the launcher: CAP_KILL). Besides it needs what they need to lock
 * themselves in, and no network; control needs CAP_KILL to end one that hangs.
 */
#ifndef ESC_CONTROL_LAUNCH_H
#define ESC_CONTROL_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/spawn.h"
#include "sizes.h"

/* The socket's path is in this variable of control's environment. */
#define ESC_LAUNCHER_ENV "ESCLUSA_LAUNCHER"

enum esc_launch_type { ESC_LAUNCH_START = 1, ESC_LAUNCH_STARTED, ESC_LAUNCH_ENDED };

struct esc_launch_msg {
	uint32_t type;
	uint32_t side;		     /* START: enum esc_side */
	uint32_t waived;	     /* START: as in struct esc_msg_start */
	char node[ESC_NAME_MAX + 1]; /* START */
	int32_t error;		     /* STARTED: 0 or -errno; then there is no pidfd */
	int32_t pid;		     /* STARTED, ENDED */
	int32_t code, status;	     /* ENDED: si_code and si_status of waitid(2) */
};

/* Send with n descriptors, which stay the caller's. 0 or -errno. */
int esc_launch_send(int fd, const struct esc_launch_msg *m, const int *fds, int n);
/*
 * Receive one message. 1: m and *n descriptors (close-on-exec, the caller's now) are there; 0: the
 * other side closed; -EPROTO: not such a message; other -errno.
 */
int esc_launch_recv(int fd, struct esc_launch_msg *m, int fds[ESC_SPAWN_FDS], int *n);

/* --- control ---------------------------------------------------------------------------------- */

/* Does this node have a launcher? */
bool esc_launch_wanted(void);
/* As esc_spawn_local(); connects when it must. 0; -errno after saying why if there is none. */
int esc_launch_start(enum esc_side side, const char *node, const int *source, int n,
		     uint32_t waived, struct esc_spawned *child);
/* How a process ended, after its pidfd said that it did. Waits a second at most. */
void esc_launch_end(pid_t pid, siginfo_t *info);

/* --- the launcher ----------------------------------------------------------------------------- */

/* Serve one control, on the socket that systemd passed (sd_listen_fds(3)). An exit code. */
int esc_launcher_run(void);

#endif
