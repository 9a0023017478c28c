/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h: one end of a shared single-producer single-consumer ring (maps/desc.h). Each end keeps
 * its own cursor in private memory and reads only the other side's: what the other process
 * writes can make it see fewer or more descriptors, never an index outside the ring (R2, R6).
 */
#ifndef ESC_RING_RING_H
#define ESC_RING_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "desc.h"

struct esc_ring_end {
	struct esc_ring *shared;
	uint32_t mine;	 /* own cursor: the truth */
	uint32_t theirs; /* last checked copy of the other side's cursor */
	uint64_t violations;
};

static inline void esc_ring_attach(struct esc_ring_end *e, struct esc_ring *shared)
{
	*e = (struct esc_ring_end){.shared = shared};
}

/* Take the other side's cursor if it is possible: at most a ring's worth away. */
static inline void esc_ring_adopt(struct esc_ring_end *e, uint32_t seen, uint32_t distance)
{
	if (distance <= ESC_RING_SLOTS)
		e->theirs = seen;
	else
		e->violations++;
}

/* Producer: free slots, re-reading the consumer's cursor only when fewer than `want` are known. */
static inline uint32_t esc_ring_space(struct esc_ring_end *e, uint32_t want)
{
	uint32_t space = ESC_RING_SLOTS - (e->mine - e->theirs);

	if (space >= want)
		return space;
	uint32_t cons = atomic_load_explicit(&e->shared->cons, memory_order_acquire);
	esc_ring_adopt(e, cons, e->mine - cons);
	return ESC_RING_SLOTS - (e->mine - e->theirs);
}

/* Producer: write the i-th new descriptor; i < esc_ring_space(). */
static inline void esc_ring_put(struct esc_ring_end *e, uint32_t i, esc_desc d)
{
	atomic_store_explicit(&e->shared->slot[(e->mine + i) & (ESC_RING_SLOTS - 1)], d,
			      memory_order_relaxed);
}

/* Producer: publish n descriptors. */
static inline void esc_ring_publish(struct esc_ring_end *e, uint32_t n)
{
	e->mine += n;
	atomic_store_explicit(&e->shared->prod, e->mine, memory_order_release);
}

/* Producer: one descriptor. false: no room, nothing written. */
static inline bool esc_ring_push(struct esc_ring_end *e, esc_desc d)
{
	if (!esc_ring_space(e, 1))
		return false;
	esc_ring_put(e, 0, d);
	esc_ring_publish(e, 1);
	return true;
}

/* Consumer: descriptors that are there, at most max. */
static inline uint32_t esc_ring_avail(struct esc_ring_end *e, uint32_t max)
{
	uint32_t avail = e->theirs - e->mine;

	if (avail < max) {
		uint32_t prod = atomic_load_explicit(&e->shared->prod, memory_order_acquire);
		esc_ring_adopt(e, prod, prod - e->mine);
		avail = e->theirs - e->mine;
	}
	return avail < max ? avail : max;
}

/* Consumer: the i-th descriptor; i < esc_ring_avail(). Read once. */
static inline esc_desc esc_ring_peek(const struct esc_ring_end *e, uint32_t i)
{
	return atomic_load_explicit(&e->shared->slot[(e->mine + i) & (ESC_RING_SLOTS - 1)],
				    memory_order_relaxed);
}

/* Consumer: give n slots back. */
static inline void esc_ring_consume(struct esc_ring_end *e, uint32_t n)
{
	e->mine += n;
	atomic_store_explicit(&e->shared->cons, e->mine, memory_order_release);
}

/*
 * Bells. A process that goes to sleep calls esc_bell_arm(), looks at its rings once more, sleeps
 * on its eventfd, and calls esc_bell_disarm() when it wakes. A producer calls esc_bell_ring()
 * after publishing: it writes to the eventfd only if the other side armed its bell. The fences
 * order "publish, then look at the bell" against "arm, then look at the ring".
 */
void esc_bell_arm(struct esc_bell *bell);
void esc_bell_disarm(struct esc_bell *bell, int eventfd);
/* true if the other side was woken (one system call). */
bool esc_bell_ring(struct esc_bell *bell, int eventfd);

#endif
