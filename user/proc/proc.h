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

/*
 * Map the value of a BPF array of one whole (prot: as for mmap), and put /dev/null in the
 * descriptor's place: with it one could do more. NULL, and a line in the log, if that fails.
 */
void *esc_proc_map_bpf(int fd, size_t size, int prot, const char *what);

/* The first message says what to be; anything else, or impossible values: -EPROTO. */
int esc_proc_receive_start(uint32_t type, struct esc_msg_start *start);

/*
 * From now on the log goes to control (MSG_LOG): what a locked-in process says is checked and
 * counted there, and it needs no file to write to.
 */
void esc_proc_log_to_control(void);

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

#endif
