/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h: what a packet process does to itself before it touches a packet (R2, R6). All of it
 * belongs to start-up and is fatal to it when it fails.
 */
#ifndef ESC_PROC_PROC_H
#define ESC_PROC_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/msg.h"

/* Are exactly the descriptors 0 .. end-1 open? 0, -EBADF (one is missing), -EMFILE (one more). */
int esc_proc_verify_fds(int end);

/*
 * Map a memfd whole and lock it in memory; its size must be exactly that. NULL, and a line in the
 * log, if not. Needs CAP_IPC_LOCK for more than RLIMIT_MEMLOCK.
 */
void *esc_proc_map(int fd, size_t size, const char *what);

/* The first message says what to be; anything else, or impossible values: -EPROTO. */
int esc_proc_receive_start(uint32_t type, struct esc_msg_start *start);

/*
 * Be scheduled as a batch process: when it wakes it does not push aside the one that is producing
 * its work, so batches grow (docs/measurements.md). Without the right to, nothing changes.
 */
void esc_proc_schedule(void);

/*
 * Nanoseconds that a packet process may look for more work before it sleeps. A wake-up from
 * another processor costs tens of microseconds, but looking must not take the processor from the
 * process that has the work: 0 unless there are enough for all (docs/measurements.md).
 */
uint64_t esc_proc_spin_time(void);

/*
 * Become uid/gid and give up every privilege for good: no groups, no capabilities (bounding set
 * included), no_new_privs, not dumpable, no core file. Then try to get them back. uid 0 and gid 0
 * mean "stay who you are" to a process that was not started by root, and are refused to root.
 * 0 or -errno with the failed step in why[]. Needs CAP_SETUID, CAP_SETGID, CAP_SETPCAP, or to stay.
 */
int esc_proc_drop(uid_t uid, gid_t gid, char why[256]);

#endif
