/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * status.h: counters that a packet process shows to control. One memfd per process, written by
 * that process alone, mapped read-only by control. Counters only grow; each is one aligned
 * 64-bit word, so a reader never sees half of one. Times are UNIX nanoseconds, 0 = never.
 */
#ifndef ESC_MAPS_STATUS_H
#define ESC_MAPS_STATUS_H

#include <stdatomic.h>
#include <stdint.h>

#include "counters.h"
#include "sizes.h"

typedef _Atomic uint64_t esc_cell;

/* The writer is alone: a relaxed load and store is enough, and cheaper than a locked add. */
static inline void esc_cell_add(esc_cell *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void esc_cell_set(esc_cell *c, uint64_t v)
{
	atomic_store_explicit(c, v, memory_order_relaxed);
}

static inline uint64_t esc_cell_get(const esc_cell *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* Frames of one UMEM by place; sums to `total` whenever no packet is being worked on. */
struct esc_ledger {
	esc_cell total;
	esc_cell place[ESC_PLACE_COUNT];
	esc_cell lost; /* set once, at exit: frames that did not come home */
};

struct esc_red_status {
	uint32_t abi_version;
	uint32_t zero_copy; /* 1 = AF_XDP zero-copy on the red NIC */
	esc_cell reason[ESC_RP_COUNT];
	esc_cell violation[ESC_VIOLATION_COUNT];
	esc_cell kernel_drop[ESC_KERNEL_DROP_COUNT];
	esc_cell icmp_sent;
	esc_cell mss_clamped;
	esc_cell wakeups;
	struct esc_ledger frames;
};

/* sequence: odd while the writer changes `endpoint`; a reader retries (seqlock). */
struct esc_peer_status {
	esc_cell rx_bytes, tx_bytes;	 /* outer payload, as `wg` counts */
	esc_cell rx_packets, tx_packets; /* data packets, keepalives included */
	esc_cell last_handshake;
	esc_cell last_rx;
	esc_cell handshakes;
	_Atomic uint32_t sequence;
	uint8_t endpoint_valid;
	uint8_t session;	/* 1 = a usable session key exists */
	uint16_t endpoint_port; /* network order */
	uint8_t endpoint[16];	/* IPv4 as ::ffff:a.b.c.d */
	uint8_t local[16];
};

struct esc_crypto_status {
	uint32_t abi_version;
	uint32_t zero_copy; /* 1 = AF_XDP zero-copy on the black NIC */
	char provider[32];
	esc_cell reason[ESC_CR_COUNT];
	esc_cell violation[ESC_VIOLATION_COUNT];
	esc_cell kernel_drop[ESC_KERNEL_DROP_COUNT];
	esc_cell handshakes_sent; /* messages: initiations, responses, cookie replies */
	esc_cell handshakes_done;
	esc_cell keepalives_sent;
	esc_cell under_load; /* 1 while handshakes are answered with cookies */
	esc_cell wakeups;
	struct esc_ledger frames;
	struct esc_peer_status peer[ESC_PEERS_MAX];
};

#endif
