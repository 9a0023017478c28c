/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h: what control makes for the packet processes: shared memories (memfds that nobody can
 * resize, so no holder can make another one fault), bells and AF_XDP sockets. Control itself
 * maps only the two status memories, read-only.
 */
#ifndef ESC_CONTROL_MEMORY_H
#define ESC_CONTROL_MEMORY_H

#include <stdint.h>

#include "control/nic.h"
#include "sizes.h"
#include "status.h"

struct esc_memory {
	int red_umem, black_umem, link;
	int red_wake, crypto_wake;
	int guard, budgets;    /* BPF maps, which control/bpf.h owns */
	int status[ESC_SIDES]; /* of the process that serves this side */
	int xsk[ESC_SIDES][ESC_QUEUES_MAX];
	const struct esc_red_status *red;
	const struct esc_crypto_status *crypto;
	void *status_map[ESC_SIDES]; /* the same, for unmapping */
};

/* Marks everything as not open. */
void esc_memory_init(struct esc_memory *m);

/*
 * Make everything for this many queues. 0, or -errno with the failed step in *what; then nothing
 * stays open. Needs CAP_NET_RAW (AF_XDP) and CAP_NET_ADMIN (send buffers beyond the limit).
 */
int esc_memory_open(struct esc_memory *m, uint32_t queues, uint32_t frame_size, const char **what);

/* The processes have theirs now: close all descriptors, keep the status mappings. */
void esc_memory_hand_over(struct esc_memory *m);
void esc_memory_close(struct esc_memory *m);

#endif
