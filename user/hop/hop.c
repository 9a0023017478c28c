/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table with chains over a fixed array of entries, all of them on a list from the most to
 * the least recently used. The hash is keyed: who chooses addresses cannot choose collisions.
 */
#include "hop/hop.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
	uint8_t dst[16];
	struct esc_hop hop;
	uint64_t asked; /* when WANT was last due; 0 = never */
	uint32_t chain; /* next entry of the same bucket */
	uint32_t newer, older;
};

struct esc_hops {
	uint8_t key[crypto_shorthash_KEYBYTES];
	uint32_t capacity, used;
	uint32_t newest, oldest;
	uint32_t *bucket; /* [capacity] */
	struct entry *entry;
};

struct esc_hops *esc_hops_new(uint32_t capacity)
{
	struct esc_hops *h = calloc(1, sizeof(*h));

	if (!h || !capacity) {
		free(h);
		return NULL;
	}
	h->capacity = capacity;
	h->newest = h->oldest = NONE;
	h->bucket = malloc(capacity * sizeof(*h->bucket));
	h->entry = calloc(capacity, sizeof(*h->entry));
	if (!h->bucket || !h->entry) {
		esc_hops_free(h);
		return NULL;
	}
	memset(h->bucket, 0xff, capacity * sizeof(*h->bucket));
	crypto_shorthash_keygen(h->key);
	return h;
}

void esc_hops_free(struct esc_hops *h)
{
	if (!h)
		return;
	free(h->bucket);
	free(h->entry);
	free(h);
}

static uint32_t *bucket_of(struct esc_hops *h, const uint8_t dst[16])
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, dst, 16, h->key);
	return &h->bucket[hash % h->capacity];
}

static uint32_t find(struct esc_hops *h, const uint8_t dst[16])
{
	uint32_t i = *bucket_of(h, dst);

	while (i != NONE && memcmp(h->entry[i].dst, dst, 16) != 0)
		i = h->entry[i].chain;
	return i;
}

static void unlink_use(struct esc_hops *h, uint32_t i)
{
	struct entry *e = &h->entry[i];

	*(e->newer == NONE ? &h->newest : &h->entry[e->newer].older) = e->older;
	*(e->older == NONE ? &h->oldest : &h->entry[e->older].newer) = e->newer;
}

static void link_newest(struct esc_hops *h, uint32_t i)
{
	struct entry *e = &h->entry[i];

	e->newer = NONE;
	e->older = h->newest;
	*(h->newest == NONE ? &h->oldest : &h->entry[h->newest].newer) = i;
	h->newest = i;
}

static void unlink_chain(struct esc_hops *h, uint32_t i)
{
	uint32_t *at = bucket_of(h, h->entry[i].dst);

	while (*at != i)
		at = &h->entry[*at].chain;
	*at = h->entry[i].chain;
}

/* A new entry, in a place never used or in the least recently used one's. */
static uint32_t insert(struct esc_hops *h, const uint8_t dst[16])
{
	uint32_t i = h->used;

	if (i < h->capacity) {
		h->used++;
	} else {
		i = h->oldest;
		unlink_use(h, i);
		unlink_chain(h, i);
	}
	uint32_t *bucket = bucket_of(h, dst);
	h->entry[i] = (struct entry){.hop.state = ESC_HOP_RESOLVING, .chain = *bucket};
	memcpy(h->entry[i].dst, dst, 16);
	*bucket = i;
	link_newest(h, i);
	return i;
}

const struct esc_hop *esc_hop_get(struct esc_hops *h, const uint8_t dst[16], uint64_t now,
				  bool *ask)
{
	uint32_t i = find(h, dst);

	if (i == NONE) {
		i = insert(h, dst);
	} else if (i != h->newest) {
		unlink_use(h, i);
		link_newest(h, i);
	}
	struct entry *e = &h->entry[i];
	uint64_t again = e->hop.state == ESC_HOP_OK ? ESC_HOP_REFRESH_NS : ESC_HOP_RETRY_NS;
	*ask = !e->asked || now - e->asked >= again;
	if (*ask)
		e->asked = now;
	return &e->hop;
}

bool esc_hop_update(struct esc_hops *h, const struct esc_msg_hop *m)
{
	uint32_t i = find(h, m->dst);

	if (i == NONE || m->state > ESC_HOP_UNREACHABLE)
		return false;
	struct esc_hop *hop = &h->entry[i].hop;
	memcpy(hop->src, m->src, sizeof(hop->src));
	memcpy(hop->mac, m->mac, sizeof(hop->mac));
	hop->state = m->state;
	return true;
}
