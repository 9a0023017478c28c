/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allowedips.c: longest-prefix match per packet (R8): a look-up visits one node per branching on
 * its way, about log2 of the number of prefixes.
 */
#include "noise/allowedips.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "sizes.h"

struct bits {
	uint64_t high, low; /* the address as a number; first bit of the address is high's top */
};

/*
 * A prefix (owner set) or a branching between prefixes (owner NULL, both children). Children agree
 * with all bits of their parent and differ in the bit behind them, which selects the child.
 */
struct node {
	struct bits key;
	struct wg_prefix_owner *owner;
	uint32_t child[2]; /* node numbers; 0 = none. [0] also links free nodes */
	uint32_t next;	   /* neighbours in the owner's list */
	uint32_t previous;
	uint8_t len;
};

/* n prefixes need at most n - 1 branchings; node 0 stands for "none". */
#define NODES (2 * ESC_PREFIXES_MAX)

struct wg_allowedips {
	uint32_t root_v4, root_v6;
	uint32_t prefixes;
	uint32_t free;	/* list of nodes that were used before */
	uint32_t fresh; /* nodes from here on were never used: their pages are not touched */
	struct node node[NODES];
};

static struct bits bits_of(const uint8_t addr[16])
{
	struct bits b;

	memcpy(&b.high, addr, 8);
	memcpy(&b.low, addr + 8, 8);
	b.high = be64toh(b.high);
	b.low = be64toh(b.low);
	return b;
}

static unsigned int bit_at(struct bits b, unsigned int at)
{
	return (at < 64 ? b.high >> (63 - at) : b.low >> (127 - at)) & 1;
}

/* How many leading bits are the same, 0..128. */
static unsigned int common_bits(struct bits a, struct bits b)
{
	uint64_t high = a.high ^ b.high, low = a.low ^ b.low;

	if (high)
		return (unsigned int)__builtin_clzll(high);
	return low ? 64 + (unsigned int)__builtin_clzll(low) : 128;
}

struct wg_allowedips *wg_allowedips_new(void)
{
	struct wg_allowedips *t = calloc(1, sizeof(*t));

	if (t)
		t->fresh = 1;
	return t;
}

void wg_allowedips_free(struct wg_allowedips *t)
{
	free(t);
}

static uint32_t take_node(struct wg_allowedips *t, struct bits key, unsigned int len)
{
	uint32_t i = t->free;

	if (i)
		t->free = t->node[i].child[0];
	else
		i = t->fresh++;
	t->node[i] = (struct node){.key = key, .len = (uint8_t)len};
	return i;
}

static void give_back(struct wg_allowedips *t, uint32_t i)
{
	t->node[i] = (struct node){.child[0] = t->free};
	t->free = i;
}

static void own(struct wg_allowedips *t, uint32_t i, struct wg_prefix_owner *owner)
{
	struct node *n = &t->node[i];

	n->owner = owner;
	n->previous = 0;
	n->next = owner->first;
	if (n->next)
		t->node[n->next].previous = i;
	owner->first = i;
	t->prefixes++;
}

static void disown(struct wg_allowedips *t, uint32_t i)
{
	struct node *n = &t->node[i];

	if (n->previous)
		t->node[n->previous].next = n->next;
	else
		n->owner->first = n->next;
	if (n->next)
		t->node[n->next].previous = n->previous;
	n->owner = NULL;
	n->next = n->previous = 0;
	t->prefixes--;
}

static uint32_t *root_of(struct wg_allowedips *t, const uint8_t addr[16], uint8_t len)
{
	return len >= 96 && esc_addr_is_v4(addr) ? &t->root_v4 : &t->root_v6;
}

/* Put a new prefix where the way down ends: at *link, whose node (if any) does not contain it. */
static uint32_t insert(struct wg_allowedips *t, uint32_t *link, struct bits key, unsigned int len)
{
	uint32_t below = *link;
	uint32_t leaf = take_node(t, key, len);

	if (!below) {
		*link = leaf;
		return leaf;
	}
	struct bits other = t->node[below].key;
	unsigned int common = common_bits(other, key);
	if (common >= len) { /* the new prefix contains the node */
		t->node[leaf].child[bit_at(other, len)] = below;
		*link = leaf;
		return leaf;
	}
	uint32_t fork = take_node(t, key, common);
	t->node[fork].child[bit_at(key, common)] = leaf;
	t->node[fork].child[bit_at(other, common)] = below;
	*link = fork;
	return leaf;
}

int wg_allowedips_add(struct wg_allowedips *t, struct wg_prefix_owner *owner,
		      const uint8_t addr[16], uint8_t len)
{
	if (len > 128)
		return -EINVAL;
	struct bits key = bits_of(addr);
	uint32_t *link = root_of(t, addr, len);

	while (*link) {
		struct node *n = &t->node[*link];

		if (n->len > len || common_bits(n->key, key) < n->len)
			break;
		if (n->len == len) {
			if (n->owner)
				disown(t, *link);
			else if (t->prefixes >= ESC_PREFIXES_MAX)
				return -ENOMEM;
			own(t, *link, owner);
			return 0;
		}
		link = &n->child[bit_at(key, n->len)];
	}
	if (t->prefixes >= ESC_PREFIXES_MAX)
		return -ENOMEM;
	own(t, insert(t, link, key, len), owner);
	return 0;
}

/* Take the node out unless two branches meet in it. */
static void unlink_node(struct wg_allowedips *t, uint32_t *link)
{
	uint32_t i = *link;
	const struct node *n = &t->node[i];

	if (n->owner || (n->child[0] && n->child[1]))
		return;
	*link = n->child[0] ? n->child[0] : n->child[1];
	give_back(t, i);
}

/* A node that loses its prefix may leave its parent a branching of one: that goes too. */
static void remove_prefix(struct wg_allowedips *t, struct wg_prefix_owner *owner, uint32_t *root,
			  struct bits key, uint8_t len)
{
	uint32_t *link = root, *parent = NULL;

	while (*link) {
		struct node *n = &t->node[*link];

		if (n->len > len || common_bits(n->key, key) < n->len)
			return;
		if (n->len == len) {
			if (n->owner != owner)
				return;
			disown(t, *link);
			unlink_node(t, link);
			if (parent)
				unlink_node(t, parent);
			return;
		}
		parent = link;
		link = &n->child[bit_at(key, n->len)];
	}
}

void wg_allowedips_remove(struct wg_allowedips *t, struct wg_prefix_owner *owner,
			  const uint8_t addr[16], uint8_t len)
{
	if (len <= 128)
		remove_prefix(t, owner, root_of(t, addr, len), bits_of(addr), len);
}

void wg_allowedips_clear(struct wg_allowedips *t, struct wg_prefix_owner *owner)
{
	while (owner->first) {
		const struct node *n = &t->node[owner->first];
		bool v4 = n->len >= 96 && !n->key.high && n->key.low >> 32 == 0xffff;

		remove_prefix(t, owner, v4 ? &t->root_v4 : &t->root_v6, n->key, n->len);
	}
}

struct wg_prefix_owner *wg_allowedips_lookup(const struct wg_allowedips *t, const uint8_t addr[16])
{
	struct bits key = bits_of(addr);
	struct wg_prefix_owner *best = NULL;
	uint32_t i = esc_addr_is_v4(addr) ? t->root_v4 : t->root_v6;

	while (i) {
		const struct node *n = &t->node[i];

		if (common_bits(n->key, key) < n->len)
			break;
		if (n->owner)
			best = n->owner;
		if (n->len == 128)
			break;
		i = n->child[bit_at(key, n->len)];
	}
	return best;
}
