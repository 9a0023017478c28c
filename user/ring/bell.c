/* SPDX-License-Identifier: BSD-2-Clause */
#include <unistd.h>

#include "ring/ring.h"

void esc_bell_arm(struct esc_bell *bell)
{
	atomic_store_explicit(&bell->sleeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void esc_bell_disarm(struct esc_bell *bell, int eventfd)
{
	uint64_t drained;

	atomic_store_explicit(&bell->sleeping, 0, memory_order_relaxed);
	if (read(eventfd, &drained, sizeof(drained)) < 0)
		return; /* non-blocking: nobody rang, something else woke us */
}

bool esc_bell_ring(struct esc_bell *bell, int eventfd)
{
	static const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&bell->sleeping, memory_order_relaxed))
		return false;
	if (!atomic_exchange_explicit(&bell->sleeping, 0, memory_order_relaxed))
		return false;
	return write(eventfd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}
