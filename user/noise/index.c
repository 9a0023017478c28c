/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index.c: session indices, WireGuard paper, 5.4.2: random, unique on this device (R8). The low
 * bits name a slot that is free, so that finding one is a look and a comparison, for us and for the
 * black program, which is told of each before it leaves the node (R3).
 */
#include "noise/core.h"

#define TRIES 128 /* at worst every other one finds a free slot */

_Static_assert(ESC_SESSION_SLOTS >= 2 * WG_INDICES_PER_PEER * ESC_PEERS_MAX,
	       "half of the slots are free, whatever the peers do");

struct wg_index *wg_index_find(const struct wg_device *dev, uint32_t value)
{
	struct wg_index *i = dev->index[wg_guard_slot(value)];

	return i && i->value == value ? i : NULL;
}

bool wg_index_add(struct wg_device *dev, struct wg_index *index, struct wg_peer *peer,
		  bool is_keypair)
{
	uint32_t value = 0;

	for (int i = 0; i < TRIES; i++) {
		wg_random(dev, &value, sizeof(value));
		if (!value || dev->index[wg_guard_slot(value)])
			continue;
		*index = (struct wg_index){value, is_keypair, peer};
		dev->index[wg_guard_slot(value)] = index;
		wg_guard_session(dev->env.guard, wg_guard_slot(value), value);
		return true;
	}
	return false;
}

void wg_index_remove(struct wg_device *dev, struct wg_index *index)
{
	uint32_t slot = wg_guard_slot(index->value);

	if (dev->index[slot] == index) {
		wg_guard_session(dev->env.guard, slot, 0);
		dev->index[slot] = NULL;
	}
	index->value = 0;
}

void wg_index_pass(struct wg_device *dev, struct wg_index *from, struct wg_index *to)
{
	*to = (struct wg_index){from->value, true, from->peer};
	dev->index[wg_guard_slot(to->value)] = to;
	from->value = 0;
}
