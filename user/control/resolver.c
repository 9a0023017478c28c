/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/resolver.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u /* a power of two */
#define NONE	UINT32_MAX

struct wanted {
	struct esc_msg_hop hop; /* the last answer */
	uint8_t via[16];	/* neighbour that it stands on */
	bool routed;		/* via is valid */
	bool answered;
	uint64_t wanted_at;
	uint64_t asked_at; /* RESOLVING since */
	uint32_t next;	   /* in its bucket */
	uint32_t newer, older;
};

/* `newest` … `oldest`: entries by the time that they were wanted last. */
struct esc_resolver {
	struct esc_resolver_ops ops;
	void *arg;
	uint32_t count, unused; /* unused: list of free entries, linked by `next` */
	uint32_t newest, oldest;
	uint8_t hash_key[crypto_shorthash_KEYBYTES]; /* the LAN chooses destinations */
	uint32_t bucket[BUCKETS];
	struct wanted entry[ESC_WANTED_MAX];
};

void esc_resolver_reset(struct esc_resolver *r)
{
	memset(r->bucket, 0xff, sizeof(r->bucket));
	r->count = 0;
	r->newest = r->oldest = NONE;
	for (uint32_t i = 0; i < ESC_WANTED_MAX; i++)
		r->entry[i].next = i + 1 < ESC_WANTED_MAX ? i + 1 : NONE;
	r->unused = 0;
}

struct esc_resolver *esc_resolver_new(const struct esc_resolver_ops *ops, void *arg)
{
	struct esc_resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->ops = *ops;
	r->arg = arg;
	crypto_shorthash_keygen(r->hash_key);
	esc_resolver_reset(r);
	return r;
}

void esc_resolver_free(struct esc_resolver *r)
{
	free(r);
}

uint32_t esc_resolver_count(const struct esc_resolver *r)
{
	return r->count;
}

static uint32_t bucket_of(const struct esc_resolver *r, const uint8_t dst[16])
{
	uint8_t h[crypto_shorthash_BYTES];
	uint32_t v;

	crypto_shorthash(h, dst, 16, r->hash_key);
	memcpy(&v, h, sizeof(v));
	return v & (BUCKETS - 1);
}

static void age_unlink(struct esc_resolver *r, uint32_t i)
{
	struct wanted *w = &r->entry[i];

	if (w->newer != NONE)
		r->entry[w->newer].older = w->older;
	else
		r->newest = w->older;
	if (w->older != NONE)
		r->entry[w->older].newer = w->newer;
	else
		r->oldest = w->newer;
}

static void age_newest(struct esc_resolver *r, uint32_t i)
{
	struct wanted *w = &r->entry[i];

	w->newer = NONE;
	w->older = r->newest;
	if (r->newest != NONE)
		r->entry[r->newest].newer = i;
	else
		r->oldest = i;
	r->newest = i;
}

static void forget(struct esc_resolver *r, uint32_t i)
{
	uint32_t *at = &r->bucket[bucket_of(r, r->entry[i].hop.dst)];

	while (*at != i)
		at = &r->entry[*at].next;
	*at = r->entry[i].next;
	age_unlink(r, i);
	r->entry[i].next = r->unused;
	r->unused = i;
	r->count--;
}

static uint32_t find(const struct esc_resolver *r, const uint8_t dst[16])
{
	uint32_t i = r->bucket[bucket_of(r, dst)];

	while (i != NONE && memcmp(r->entry[i].hop.dst, dst, 16) != 0)
		i = r->entry[i].next;
	return i;
}

static uint32_t add(struct esc_resolver *r, const uint8_t dst[16])
{
	if (r->unused == NONE)
		forget(r, r->oldest);
	uint32_t i = r->unused, b = bucket_of(r, dst);
	r->unused = r->entry[i].next;
	r->entry[i] = (struct wanted){.next = r->bucket[b]};
	memcpy(r->entry[i].hop.dst, dst, 16);
	r->bucket[b] = i;
	r->count++;
	age_newest(r, i);
	return i;
}

static void answer(struct esc_resolver *r, struct wanted *w, const struct esc_msg_hop *hop,
		   bool always, uint64_t now)
{
	bool same = w->answered && !memcmp(&w->hop, hop, sizeof(*hop));

	if (hop->state != ESC_HOP_RESOLVING)
		w->asked_at = 0;
	else if (!w->asked_at)
		w->asked_at = now;
	w->hop = *hop;
	w->answered = true;
	if (always || !same)
		r->ops.send(r->arg, hop);
}

/*
 * What the neighbour's state means for a destination. While the kernel asks (again), the last
 * answer stands: a known MAC address stays in use until the kernel gives it up, as the kernel
 * itself does, and a neighbour that did not answer stays unreachable until it does.
 */
static void judge(struct wanted *w, bool same_via, const struct esc_neigh *n,
		  struct esc_msg_hop *hop)
{
	bool known = w->answered && same_via;

	switch (n->state) {
	case ESC_NEIGH_VALID:
	case ESC_NEIGH_STALE:
		hop->state = ESC_HOP_OK;
		memcpy(hop->mac, n->mac, sizeof(hop->mac));
		break;
	case ESC_NEIGH_FAILED:
		hop->state = ESC_HOP_UNREACHABLE;
		break;
	case ESC_NEIGH_NONE:
		hop->state = known ? w->hop.state : (uint8_t)ESC_HOP_RESOLVING;
		if (hop->state == ESC_HOP_OK)
			memcpy(hop->mac, w->hop.mac, sizeof(hop->mac));
	}
}

/* always: the process asked, so it gets an answer even if it is the old one. */
static void resolve(struct esc_resolver *r, struct wanted *w, bool always, uint64_t now)
{
	struct esc_msg_hop hop = {.state = ESC_HOP_UNREACHABLE};
	struct esc_route route;
	struct esc_neigh n;

	memcpy(hop.dst, w->hop.dst, 16);
	if (r->ops.route(r->arg, hop.dst, &route)) {
		w->routed = false;
		answer(r, w, &hop, always, now);
		return;
	}
	memcpy(hop.src, route.src, 16);
	if (r->ops.neigh(r->arg, route.via, &n))
		n = (struct esc_neigh){.state = ESC_NEIGH_NONE};
	judge(w, w->routed && !memcmp(w->via, route.via, 16), &n, &hop);
	memcpy(w->via, route.via, 16);
	w->routed = true;
	answer(r, w, &hop, always, now);
	if (n.state != ESC_NEIGH_VALID && !n.incomplete && (always || n.state != ESC_NEIGH_STALE))
		r->ops.probe(r->arg, w->via);
}

void esc_resolver_want(struct esc_resolver *r, const uint8_t dst[16], uint64_t now)
{
	uint32_t i = find(r, dst);

	if (i == NONE) {
		i = add(r, dst);
	} else {
		age_unlink(r, i);
		age_newest(r, i);
	}
	r->entry[i].wanted_at = now;
	resolve(r, &r->entry[i], true, now);
}

void esc_resolver_neigh(struct esc_resolver *r, const struct esc_neigh *n, uint64_t now)
{
	for (uint32_t i = r->newest; i != NONE; i = r->entry[i].older) {
		struct wanted *w = &r->entry[i];
		struct esc_msg_hop hop = {0};
		if (!w->routed || memcmp(w->via, n->addr, 16) != 0)
			continue;
		memcpy(hop.dst, w->hop.dst, 16);
		memcpy(hop.src, w->hop.src, 16);
		judge(w, true, n, &hop);
		answer(r, w, &hop, false, now);
	}
}

void esc_resolver_refresh(struct esc_resolver *r, uint64_t now)
{
	for (uint32_t i = r->newest; i != NONE; i = r->entry[i].older)
		resolve(r, &r->entry[i], false, now);
}

void esc_resolver_tick(struct esc_resolver *r, uint64_t now)
{
	while (r->oldest != NONE && now - r->entry[r->oldest].wanted_at > ESC_WANTED_NS)
		forget(r, r->oldest);
	for (uint32_t i = r->newest; i != NONE; i = r->entry[i].older) {
		struct wanted *w = &r->entry[i];
		struct esc_msg_hop hop = w->hop;
		if (!w->asked_at || now - w->asked_at < ESC_RESOLVE_NS)
			continue;
		hop.state = ESC_HOP_UNREACHABLE;
		answer(r, w, &hop, false, now);
	}
}
