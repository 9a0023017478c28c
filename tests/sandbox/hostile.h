/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.h: packet processes that break the rules of the shared memory (maps/desc.h), one volley
 * per round of work: each kind in turn, random within its kind.
 */
#ifndef ESC_SANDBOX_HOSTILE_H
#define ESC_SANDBOX_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "desc.h"
#include "frames/frames.h"
#include "ring/ring.h"

/* How long a volley changes what was published, while the other process may be reading it. */
#define FLIP_TIME 200000ull

/*
 * Against the lane that brought less from the other site so far, so that honest traffic on the
 * others can be watched.
 */
void hostile_red(void *red);
void hostile_crypto(void *crypto);

/* The same for what control reads: messages and status. */
void hostile_red_talk(void *red);
void hostile_crypto_talk(void *crypto);

/* hostile_talk.c */
void hostile_talk(void *status, size_t size, bool crypto);
void hostile_last_word(void); /* control must end the process for it */

/* hostile.c */
uint64_t hostile_random(void);
/* Any 64 bits at all. */
void hostile_wild(struct esc_ring_end *ring, uint32_t n);
/* Frames that exist, with offsets and lengths at and beyond their ends. */
void hostile_edges(struct esc_ring_end *ring, uint32_t n, uint32_t frames, uint32_t frame_size);
/* One frame, many times. */
void hostile_twice(struct esc_ring_end *ring, uint32_t n, esc_desc d);
/* Publish n good descriptors, then turn them into wild ones and back. */
void hostile_flip_slots(struct esc_ring_end *ring, uint32_t n, const esc_desc *good);
/* Publish one packet, then turn the first bytes of it into others and back. */
void hostile_flip_bytes(struct esc_ring_end *ring, esc_desc d, uint8_t *packet);
/* Anywhere and back. */
void hostile_cursor(_Atomic uint32_t *cursor);
/* A plausible packet: what a check of the header lets pass. Returns its length. */
uint32_t hostile_packet(uint8_t *ip, uint32_t src, uint32_t dst);

#endif
