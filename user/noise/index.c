/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index.c: session indices, WireGuard paper, 5.4.2: random, unique on this device (R8). Peers learn
 * them only from us, so that the value itself is a good hash.
 */
#include "noise/core.h"

#define TRIES 16 /* of 2^32 values at most 4 per peer are taken */

static struct wg_index **bucket_of(struct wg_device *dev, uint32_t value)
{
	return &dev->by_index[value & (WG_INDEX_BUCKETS - 1)];
}

struct wg_index *wg_index_find(const struct wg_device *dev, uint32_t value)
{
	struct wg_index *i = dev->by_index[value & (WG_INDEX_BUCKETS - 1)];

	while (i && i->value != value)
		i = i->next;
	return i;
}

static void link_index(struct wg_device *dev, struct wg_index *index)
{
	struct wg_index **bucket = bucket_of(dev, index->value);

	index->next = *bucket;
	*bucket = index;
}

bool wg_index_add(struct wg_device *dev, struct wg_index *index, struct wg_peer *peer,
		  bool is_keypair)
{
	uint32_t value = 0;

	for (int i = 0; i < TRIES; i++) {
		wg_random(dev, &value, sizeof(value));
		if (!value || wg_index_find(dev, value))
			continue;
		*index = (struct wg_index){value, is_keypair, peer, NULL};
		link_index(dev, index);
		return true;
	}
	return false;
}

void wg_index_remove(struct wg_device *dev, struct wg_index *index)
{
	struct wg_index **link = bucket_of(dev, index->value);

	while (*link && *link != index)
		link = &(*link)->next;
	if (*link)
		*link = index->next;
	index->value = 0;
}

void wg_index_pass(struct wg_device *dev, struct wg_index *from, struct wg_index *to)
{
	*to = (struct wg_index){from->value, true, from->peer, NULL};
	wg_index_remove(dev, from);
	link_index(dev, to);
}
