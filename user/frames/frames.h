/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h: who holds each frame of a UMEM. The process that registered the UMEM keeps one place
 * per frame (maps/counters.h, ESC_PLACES); a frame is moved only from the place where it is said
 * to be. So a frame cannot be used twice, and the sum over all places proves that none was lost.
 */
#ifndef ESC_FRAMES_FRAMES_H
#define ESC_FRAMES_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct esc_frames {
	uint8_t *base;	     /* the UMEM, mapped */
	uint32_t frame_size; /* power of two */
	uint32_t shift;	     /* log2(frame_size) */
	uint32_t total;
	uint32_t nfree;
	uint32_t *free; /* stack of frame numbers: the warmest frame is used first */
	uint8_t *place; /* enum esc_place per frame */
	uint32_t count[ESC_PLACE_COUNT];
};

/* All frames free. 0 or -errno. base must hold total * frame_size bytes. */
int esc_frames_init(struct esc_frames *f, uint8_t *base, uint32_t total, uint32_t frame_size);
void esc_frames_fini(struct esc_frames *f);

/* Is [addr, addr+len) inside one frame of this UMEM? For addresses from outside. */
static inline bool esc_frames_valid(const struct esc_frames *f, uint64_t addr, uint32_t len)
{
	uint64_t n = addr >> f->shift;
	uint32_t offset = (uint32_t)addr & (f->frame_size - 1);

	return n < f->total && len <= f->frame_size && offset <= f->frame_size - len;
}

static inline uint32_t esc_frame_of(const struct esc_frames *f, uint64_t addr)
{
	return (uint32_t)(addr >> f->shift);
}

static inline uint64_t esc_frame_addr(const struct esc_frames *f, uint32_t frame)
{
	return (uint64_t)frame << f->shift;
}

/* Move a frame that the caller knows to be in `from`. */
static inline void esc_frame_move(struct esc_frames *f, uint32_t frame, enum esc_place from,
				  enum esc_place to)
{
	f->place[frame] = (uint8_t)to;
	f->count[from]--;
	f->count[to]++;
}

/* Take back a frame that the other side says it had: false if it did not have it. */
static inline bool esc_frame_claim(struct esc_frames *f, uint64_t addr, uint32_t len,
				   enum esc_place from, enum esc_place to)
{
	if (!esc_frames_valid(f, addr, len) || f->place[esc_frame_of(f, addr)] != from)
		return false;
	esc_frame_move(f, esc_frame_of(f, addr), from, to);
	return true;
}

/* Pop a free frame into place `to`; false if there is none. */
static inline bool esc_frame_alloc(struct esc_frames *f, enum esc_place to, uint32_t *frame)
{
	if (!f->nfree)
		return false;
	*frame = f->free[--f->nfree];
	esc_frame_move(f, *frame, ESC_PLACE_free, to);
	return true;
}

static inline void esc_frame_free(struct esc_frames *f, uint32_t frame, enum esc_place from)
{
	esc_frame_move(f, frame, from, ESC_PLACE_free);
	f->free[f->nfree++] = frame;
}

/* Show the counts to control. */
void esc_frames_publish(const struct esc_frames *f, struct esc_ledger *ledger);

#endif
