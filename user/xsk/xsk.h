/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xsk.h: AF_XDP sockets of one process over one UMEM, one socket per NIC queue. Frames move
 * free -> fill -> busy (received) and busy -> tx -> free (sent); frames.h keeps the books.
 *
 * Privileges: esc_xsk_open() needs CAP_IPC_LOCK (pinning the UMEM) and no other; everything else
 * needs none. System calls afterwards: sendto(fd, NULL, 0) to send, recvfrom/ppoll to be woken,
 * getsockopt(XDP_STATISTICS).
 */
#ifndef ESC_XSK_XSK_H
#define ESC_XSK_XSK_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "frames/frames.h"

struct esc_xsk {
	int fd;
	struct esc_frames *frames;
	struct xsk_ring_cons rx, comp;
	struct xsk_ring_prod fill, tx;
	uint32_t filled;     /* frames that the kernel holds for receiving */
	uint32_t tx_pending; /* descriptors queued and not yet completed */
	bool tx_blocked;     /* the kernel could not take all of them: kick again soon */
	uint64_t violations; /* descriptors that the kernel cannot have meant */
	void *map[4];
	size_t map_len[4];
};

struct esc_xsk_opts {
	uint32_t ifindex;
	uint32_t queue;
	bool copy;   /* XDP_COPY; else zero-copy first, copy where the driver has none */
	int umem_fd; /* -1: register the UMEM on this socket; else share that socket's */
};

/*
 * Set up an AF_XDP socket that control created: rings, UMEM (first socket) or a share of it, and
 * bind to the queue, and fill it with frames. *zero_copy says what bind reached.
 * 0 or -errno, with the failed step named in *what.
 */
int esc_xsk_open(struct esc_xsk *x, int fd, struct esc_frames *frames,
		 const struct esc_xsk_opts *opts, bool *zero_copy, const char **what);
void esc_xsk_close(struct esc_xsk *x);

/*
 * Received packets: n of them are described by desc[0..n), their frames now ESC_PLACE_busy.
 * Descriptors that the kernel cannot have meant are dropped.
 */
uint32_t esc_xsk_recv(struct esc_xsk *x, struct xdp_desc *desc, uint32_t max);

/* Queue a packet [addr, addr+len) for sending; its frame must be busy. false: no room. */
bool esc_xsk_send(struct esc_xsk *x, uint64_t addr, uint32_t len);

/* Tell the kernel about queued packets, as far as it takes them, and collect finished ones. */
void esc_xsk_kick(struct esc_xsk *x);

/* Collect finished TX frames onto the free list; returns how many. */
uint32_t esc_xsk_complete(struct esc_xsk *x);

/* Add what the kernel dropped on its way to this socket, by reason. */
void esc_xsk_kernel_drops(const struct esc_xsk *x, uint64_t drops[ESC_KERNEL_DROP_COUNT]);

/* Hand free frames to the kernel for receiving, up to the wanted level. */
void esc_xsk_refill(struct esc_xsk *x);

#endif
