/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hop.h: a packet process's cache of next hops: destination address -> MAC address, own source
 * address. Control answers (ESC_MSG_HOP) from the kernel's routing and neighbour tables; the
 * process asks for what it misses (ESC_MSG_WANT) and asks again while an entry is in use, so
 * that control keeps the neighbour resolved. Bounded; the least recently used entry goes first.
 */
#ifndef ESC_HOP_HOP_H
#define ESC_HOP_HOP_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"

#define ESC_HOP_REFRESH_NS (30ull * 1000000000ull) /* ask again while in use */
#define ESC_HOP_RETRY_NS   (1ull * 1000000000ull)  /* ask again while not resolved */

struct esc_hops;

struct esc_hop {
	uint8_t src[16];
	uint8_t mac[6];
	uint8_t state; /* enum esc_hop_state */
};

struct esc_hops *esc_hops_new(uint32_t capacity); /* NULL: out of memory */
void esc_hops_free(struct esc_hops *h);

/*
 * Look up dst at time now (monotonic ns). Always returns an entry (a new one is RESOLVING); the
 * pointer is valid until the next call. *ask becomes true if the caller should send WANT now.
 */
const struct esc_hop *esc_hop_get(struct esc_hops *h, const uint8_t dst[16], uint64_t now,
				  bool *ask);

/* An answer of control. false: the destination is not (or no longer) in the cache. */
bool esc_hop_update(struct esc_hops *h, const struct esc_msg_hop *m);

#endif
