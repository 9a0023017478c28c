/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * desc.h: the shared memory between the red and the crypto process.
 *
 * A descriptor is one 64-bit word, so that the reader takes it in one load and no field can
 * change while it is looked at. Its address is a byte offset into the red UMEM; only red frames
 * ever cross. Each lane has four single-producer single-consumer rings:
 *
 *   ring          producer  consumer  meaning of a descriptor
 *   PLAIN_OUT     red       crypto    an IP packet [addr, addr+len) to seal
 *   PLAIN_OUT_RET crypto    red       that frame comes back; flags = enum esc_ret
 *   PLAIN_IN_FREE red       crypto    an empty frame; addr = its first byte, len = 0
 *   PLAIN_IN      crypto    red       an authenticated IP packet, or (len = 0) the frame unused
 *
 * Neither side trusts the other: every word is checked before it is used (R2, R6).
 */
#ifndef ESC_MAPS_DESC_H
#define ESC_MAPS_DESC_H

#include <stdatomic.h>
#include <stdint.h>

#include "sizes.h"

#define ESC_RING_SLOTS ESC_FRAMES_PER_QUEUE /* a ring can hold every frame: never full */

typedef uint64_t esc_desc;

static inline esc_desc esc_desc_make(uint32_t addr, uint16_t len, uint16_t flags)
{
	return (uint64_t)addr | (uint64_t)len << 32 | (uint64_t)flags << 48;
}

static inline uint32_t esc_desc_addr(esc_desc d)
{
	return (uint32_t)d;
}

static inline uint16_t esc_desc_len(esc_desc d)
{
	return (uint16_t)(d >> 32);
}

static inline uint16_t esc_desc_flags(esc_desc d)
{
	return (uint16_t)(d >> 48);
}

/* PLAIN_OUT_RET flags: why a frame comes back. Anything but OK lets red answer with ICMP. */
enum esc_ret {
	ESC_RET_OK = 0,	    /* sealed and sent (or dropped without a word) */
	ESC_RET_NO_PEER,    /* no peer's AllowedIPs hold the destination */
	ESC_RET_NO_SESSION, /* peer known, but no endpoint or no answer to handshakes */
};

enum esc_ring_id {
	ESC_RING_PLAIN_OUT,
	ESC_RING_PLAIN_OUT_RET,
	ESC_RING_PLAIN_IN_FREE,
	ESC_RING_PLAIN_IN,
	ESC_RINGS_PER_LANE,
};

/* Producer and consumer cursors run freely (mod 2^32) on cache lines of their own. */
struct esc_ring {
	_Alignas(64) _Atomic uint32_t prod;
	_Alignas(64) _Atomic uint32_t cons;
	_Alignas(64) _Atomic uint64_t slot[ESC_RING_SLOTS];
};

/* A process sets its bell before it sleeps; who then has work for it clears it and rings. */
struct esc_bell {
	_Alignas(64) _Atomic uint32_t sleeping;
};

struct esc_link {
	uint32_t abi_version;
	uint32_t lanes;
	struct esc_bell red_bell;
	struct esc_bell crypto_bell;
	struct esc_ring ring[ESC_QUEUES_MAX][ESC_RINGS_PER_LANE];
};

_Static_assert((ESC_RING_SLOTS & (ESC_RING_SLOTS - 1)) == 0, "ring size is a power of two");
_Static_assert(sizeof(struct esc_ring) == 128 + 8 * ESC_RING_SLOTS, "ring layout");

#endif
