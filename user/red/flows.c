/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/flows.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "split.h"

#define NONE UINT32_MAX

_Static_assert(sizeof(struct esc_conn_key) == FLOW_KEY_LEN, "conversations are keys");
_Static_assert(sizeof(struct esc_frag_key) == FLOW_KEY_LEN, "fragments are keys");
_Static_assert(sizeof(struct flow) == 64, "one cache line each");

struct flows {
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	uint32_t capacity, used;
	uint32_t newest, oldest;
	uint32_t *bucket; /* [capacity] */
	struct flow *flow;
};

struct flows *flows_new(uint32_t capacity)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f || !capacity) {
		free(f);
		return NULL;
	}
	f->capacity = capacity;
	f->newest = f->oldest = NONE;
	f->bucket = malloc(capacity * sizeof(*f->bucket));
	f->flow = aligned_alloc(sizeof(*f->flow), capacity * sizeof(*f->flow));
	if (!f->bucket || !f->flow) {
		flows_free(f);
		return NULL;
	}
	memset(f->bucket, 0xff, capacity * sizeof(*f->bucket));
	crypto_shorthash_keygen(f->hash_key);
	return f;
}

void flows_free(struct flows *f)
{
	if (!f)
		return;
	free(f->bucket);
	free(f->flow);
	free(f);
}

static uint32_t *bucket_of(struct flows *f, const void *key)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, key, FLOW_KEY_LEN, f->hash_key);
	return &f->bucket[hash % f->capacity];
}

static void unlink_use(struct flows *f, const struct flow *e)
{
	*(e->newer == NONE ? &f->newest : &f->flow[e->newer].older) = e->older;
	*(e->older == NONE ? &f->oldest : &f->flow[e->older].newer) = e->newer;
}

static void link_newest(struct flows *f, struct flow *e)
{
	uint32_t i = (uint32_t)(e - f->flow);

	e->newer = NONE;
	e->older = f->newest;
	*(f->newest == NONE ? &f->oldest : &f->flow[f->newest].newer) = i;
	f->newest = i;
}

/* The place of the one that was renewed longest ago, now nobody's. */
static uint32_t make_room(struct flows *f)
{
	uint32_t i = f->oldest, *at = bucket_of(f, f->flow[i].key);

	unlink_use(f, &f->flow[i]);
	while (*at != i)
		at = &f->flow[*at].chain;
	*at = f->flow[i].chain;
	return i;
}

static uint32_t lookup(struct flows *f, const void *key)
{
	uint32_t i = *bucket_of(f, key);

	while (i != NONE && memcmp(f->flow[i].key, key, FLOW_KEY_LEN) != 0)
		i = f->flow[i].chain;
	return i;
}

struct flow *flows_find(struct flows *f, const void *key, uint64_t now)
{
	uint32_t i = lookup(f, key);

	return i != NONE && f->flow[i].until > now ? &f->flow[i] : NULL;
}

struct flow *flows_add(struct flows *f, const void *key)
{
	uint32_t i = lookup(f, key);

	if (i != NONE) { /* its time is over: it begins again in its place */
		unlink_use(f, &f->flow[i]);
		f->flow[i].flags = 0;
	} else {
		i = f->used < f->capacity ? f->used++ : make_room(f);
		uint32_t *bucket = bucket_of(f, key);
		f->flow[i] = (struct flow){.chain = *bucket};
		memcpy(f->flow[i].key, key, FLOW_KEY_LEN);
		*bucket = i;
	}
	link_newest(f, &f->flow[i]);
	return &f->flow[i];
}

void flows_renew(struct flows *f, struct flow *flow)
{
	if ((uint32_t)(flow - f->flow) == f->newest)
		return;
	unlink_use(f, flow);
	link_newest(f, flow);
}
