/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/nexthops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"

/* A gateway that does not answer is asked for again so often; one that does, when it is used. */
#define GATEWAY_RETRY_NS (5 * ESC_S)

struct entry {
	struct esc_lpm_key to;
	struct esc_next next;
};

struct table {
	uint32_t n;
	struct entry e[ESC_ROUTES_MAX]; /* by key */
};

struct gateway {
	uint8_t addr[16];
	bool known;
	uint64_t asked;
};

struct esc_nexthops {
	struct esc_nexthops_ops ops;
	void *arg;
	const char *side;
	struct table *now, *next; /* what the map has; room for what it is going to have */
	struct esc_table_route *read;
	uint8_t (*keys)[16];
	struct esc_addr_key *there; /* neighbours that the kernel has, while all are read */
	uint32_t nthere;
	uint32_t gateways;
	struct gateway gateway[ESC_GATEWAYS_MAX];
	bool too_many; /* said so */
};

struct esc_nexthops *esc_nexthops_new(const struct esc_nexthops_ops *ops, void *arg,
				      const char *side)
{
	struct esc_nexthops *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->ops = *ops;
	h->arg = arg;
	h->side = side;
	h->now = calloc(1, sizeof(*h->now));
	h->next = calloc(1, sizeof(*h->next));
	h->read = calloc(ESC_ROUTES_MAX, sizeof(*h->read));
	h->keys = calloc(ESC_NEIGH_MAX, sizeof(*h->keys));
	h->there = calloc(ESC_NEIGH_MAX, sizeof(*h->there));
	if (h->now && h->next && h->read && h->keys && h->there)
		return h;
	esc_nexthops_free(h);
	return NULL;
}

void esc_nexthops_free(struct esc_nexthops *h)
{
	if (!h)
		return;
	free(h->now);
	free(h->next);
	free(h->read);
	free(h->keys);
	free(h->there);
	free(h);
}

/* --- routes ------------------------------------------------------------------------------ */

/* Shorter prefixes first: their gateways are kept known before others. */
static int by_key(const void *a, const void *b)
{
	const struct esc_lpm_key *x = a, *y = b;

	if (x->prefixlen != y->prefixlen)
		return x->prefixlen < y->prefixlen ? -1 : 1;
	return memcmp(x->addr, y->addr, sizeof(x->addr));
}

static int by_key_and_metric(const void *a, const void *b)
{
	const struct esc_table_route *x = a, *y = b;
	int c = x->len != y->len ? (x->len < y->len ? -1 : 1) : memcmp(x->to, y->to, sizeof(x->to));

	if (c)
		return c;
	return x->metric == y->metric ? 0 : x->metric < y->metric ? -1 : 1;
}

static bool link_local(const uint8_t a[16])
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

/* The best route of each prefix. The programs forward nothing to link-local addresses. */
static void compile(const struct esc_table_route *r, uint32_t n, struct table *t)
{
	t->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct entry *e = &t->e[t->n];

		if (link_local(r[i].to) ||
		    (i && r[i].len == r[i - 1].len && !memcmp(r[i].to, r[i - 1].to, 16)))
			continue;
		*e = (struct entry){.to = {.prefixlen = r[i].len}};
		memcpy(e->to.addr, r[i].to, sizeof(e->to.addr));
		memcpy(e->next.via, r[i].via, sizeof(e->next.via));
		if (!r[i].unreachable)
			e->next.family = r[i].len >= 96 && esc_addr_is_v4(r[i].to)
						 ? ESC_SECURE_IPV4
						 : ESC_SECURE_IPV6;
		t->n++;
	}
}

static const struct entry *find(const struct table *t, const struct entry *e)
{
	return t ? bsearch(e, t->e, t->n, sizeof(*e), by_key) : NULL;
}

/* What `to` has and `from` (NULL: empty) has not, or has otherwise. 0 or the first error. */
static int insert(struct esc_nexthops *h, const struct table *from, const struct table *to)
{
	int err = 0;

	for (uint32_t i = 0; i < to->n; i++) {
		const struct entry *old = find(from, &to->e[i]);
		int e = old && !memcmp(&old->next, &to->e[i].next, sizeof(old->next))
				? 0
				: h->ops.set_route(h->arg, &to->e[i].to, &to->e[i].next);
		err = err ? err : e;
	}
	return err;
}

static void drop(struct esc_nexthops *h, const struct table *from, const struct table *to)
{
	for (uint32_t i = 0; i < from->n; i++) {
		if (!find(to, &from->e[i]))
			h->ops.set_route(h->arg, &from->e[i].to, NULL);
	}
}

static void take_gateways(struct esc_nexthops *h, uint64_t now)
{
	static const uint8_t none[16];
	struct gateway old[ESC_GATEWAYS_MAX];
	uint32_t n = h->gateways, j;

	memcpy(old, h->gateway, sizeof(old));
	h->gateways = 0;
	for (uint32_t i = 0; i < h->now->n && h->gateways < ESC_GATEWAYS_MAX; i++) {
		const uint8_t *via = h->now->e[i].next.via;
		struct gateway *g = &h->gateway[h->gateways];

		for (j = 0; j < h->gateways && memcmp(h->gateway[j].addr, via, 16) != 0; j++)
			;
		if (j < h->gateways || !memcmp(via, none, sizeof(none)))
			continue;
		for (j = 0; j < n && memcmp(old[j].addr, via, 16) != 0; j++)
			;
		*g = j < n ? old[j] : (struct gateway){0};
		memcpy(g->addr, via, 16);
		h->gateways++;
	}
	esc_nexthops_tick(h, now);
}

void esc_nexthops_routes(struct esc_nexthops *h, uint64_t now)
{
	int n = h->ops.routes(h->arg, h->read, ESC_ROUTES_MAX);

	if (n < 0) {
		esc_warn("reading the routes of the %s NIC: %s", h->side, strerror(-n));
		return;
	}
	if ((uint32_t)n > ESC_ROUTES_MAX && !h->too_many)
		esc_warn("the %s NIC has %d routes; router mode knows the first %u of them",
			 h->side, n, ESC_ROUTES_MAX);
	h->too_many = (uint32_t)n > ESC_ROUTES_MAX;
	if (h->too_many)
		n = ESC_ROUTES_MAX;
	qsort(h->read, (size_t)n, sizeof(*h->read), by_key_and_metric);
	compile(h->read, (uint32_t)n, h->next);
	int err = insert(h, h->now, h->next);
	drop(h, h->now, h->next);
	if (err) /* there was no room for both */
		err = insert(h, NULL, h->next);
	if (err)
		esc_err("routes of the %s NIC into its programs' map: %s", h->side, strerror(-err));
	struct table *old = h->now;
	h->now = h->next;
	h->next = old;
	take_gateways(h, now);
}

uint32_t esc_nexthops_families(const struct esc_nexthops *h)
{
	uint32_t families = 0;

	for (uint32_t i = 0; i < h->now->n; i++) {
		uint8_t f = h->now->e[i].next.family;
		if (f)
			families |= f == ESC_SECURE_IPV4 ? ESC_SPLIT_IPV4 : ESC_SPLIT_IPV6;
	}
	return families;
}

void esc_nexthops_prefixes(const struct esc_nexthops *h,
			   void (*fn)(void *arg, const struct esc_lpm_key *to), void *arg)
{
	for (uint32_t i = 0; i < h->now->n; i++) {
		const struct entry *e = &h->now->e[i];
		bool v4 = e->next.family == ESC_SECURE_IPV4;
		if (e->next.family && e->to.prefixlen > (v4 ? 96u : 0u))
			fn(arg, &e->to);
	}
}

/* --- neighbours -------------------------------------------------------------------------- */

static struct gateway *gateway_of(struct esc_nexthops *h, const uint8_t addr[16])
{
	for (uint32_t i = 0; i < h->gateways; i++) {
		if (!memcmp(h->gateway[i].addr, addr, 16))
			return &h->gateway[i];
	}
	return NULL;
}

static bool usable(const struct esc_neigh *n)
{
	return n->state == ESC_NEIGH_VALID || n->state == ESC_NEIGH_STALE;
}

void esc_nexthops_news(struct esc_nexthops *h, const struct esc_neigh *n)
{
	struct gateway *g = gateway_of(h, n->addr);
	int err = 0;

	if (g)
		g->known = usable(n);
	if (usable(n))
		err = h->ops.set_neigh(h->arg, n->addr, n->mac);
	else if (n->gone || n->state == ESC_NEIGH_FAILED)
		h->ops.set_neigh(h->arg, n->addr, NULL);
	if (err)
		esc_debug("a neighbour of the %s NIC: %s", h->side, strerror(-err));
}

/* What the kernel cannot ask for now may be wanted again by the next packet. */
void esc_nexthops_want(struct esc_nexthops *h, const uint8_t addr[16])
{
	struct esc_neigh n;
	int err = h->ops.neigh(h->arg, addr, &n);

	if (!err && usable(&n))
		esc_nexthops_news(h, &n);
	if (!err && n.state != ESC_NEIGH_VALID && !n.incomplete)
		err = h->ops.probe(h->arg, addr);
	if (!err)
		return;
	esc_debug("asking for a neighbour on the %s NIC: %s", h->side, strerror(-err));
	h->ops.set_neigh(h->arg, addr, NULL);
}

void esc_nexthops_tick(struct esc_nexthops *h, uint64_t now)
{
	for (uint32_t i = 0; i < h->gateways; i++) {
		struct gateway *g = &h->gateway[i];
		uint64_t wait = g->known ? ESC_NEIGH_REFRESH_NS : GATEWAY_RETRY_NS;

		if (g->asked && now - g->asked < wait)
			continue;
		g->asked = now;
		esc_nexthops_want(h, g->addr);
	}
}

static int by_addr(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void one_neigh(void *arg, const struct esc_neigh *n)
{
	struct esc_nexthops *h = arg;

	if (n->state == ESC_NEIGH_FAILED || h->nthere == ESC_NEIGH_MAX)
		return;
	memcpy(h->there[h->nthere++].addr, n->addr, 16);
	esc_nexthops_news(h, n);
}

void esc_nexthops_neighs(struct esc_nexthops *h)
{
	h->nthere = 0;
	int err = h->ops.neighs(h->arg, one_neigh, h);

	if (err) {
		esc_warn("reading the neighbours of the %s NIC: %s", h->side, strerror(-err));
		return;
	}
	qsort(h->there, h->nthere, sizeof(*h->there), by_addr);
	uint32_t n = h->ops.known(h->arg, h->keys, ESC_NEIGH_MAX);
	for (uint32_t i = 0; i < n; i++) {
		if (!bsearch(h->keys[i], h->there, h->nthere, sizeof(*h->there), by_addr))
			h->ops.set_neigh(h->arg, h->keys[i], NULL);
	}
	for (uint32_t i = 0; i < h->gateways; i++) {
		struct gateway *g = &h->gateway[i];
		g->known &= bsearch(g->addr, h->there, h->nthere, sizeof(*h->there), by_addr) != 0;
	}
}
