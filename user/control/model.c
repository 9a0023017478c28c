/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/model.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "control/model_table.h"

_Static_assert((ESC_PEER_BUCKETS & (ESC_PEER_BUCKETS - 1)) == 0, "mask");
_Static_assert((ESC_PREFIX_BUCKETS & (ESC_PREFIX_BUCKETS - 1)) == 0, "mask");

/* --- hashing: the administrator chooses the keys, so no defence against collisions is needed ---
 */

static uint64_t mix(uint64_t h)
{
	h *= 0x9e3779b97f4a7c15ull; /* 2^64 divided by the golden ratio */
	return h ^ (h >> 29);
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t *peer_bucket(struct esc_model_table *t, const uint8_t key[ESC_KEY_LEN])
{
	return &t->peer_bucket[(mix(load64(key)) >> 32) & (ESC_PEER_BUCKETS - 1)];
}

static uint32_t *prefix_bucket(struct esc_model_table *t, const struct esc_prefix *p)
{
	uint64_t h = mix(mix(mix(load64(p->addr)) + load64(p->addr + 8)) + p->len);

	return &t->prefix_bucket[(h >> 32) & (ESC_PREFIX_BUCKETS - 1)];
}

static struct esc_prefix masked(const struct esc_prefix *p)
{
	struct esc_prefix out = {.len = p->len > 128 ? 128 : p->len};

	memcpy(out.addr, p->addr, sizeof(out.addr));
	esc_addr_mask(out.addr, out.len);
	return out;
}

/* --- life ------------------------------------------------------------------------------------ */

static struct esc_model *model_alloc(void)
{
	struct esc_model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->table = calloc(1, sizeof(*m->table));
	m->secrets = sodium_malloc(sizeof(*m->secrets));
	if (m->table && m->secrets)
		return m;
	esc_model_free(m);
	return NULL;
}

const char *esc_mode_name(enum esc_mode mode)
{
	return mode == ESC_MODE_ROUTER ? "router" : "encryptor";
}

struct esc_model *esc_model_new(void)
{
	struct esc_model *m = model_alloc();

	if (!m)
		return NULL;
	memset(m->secrets, 0, sizeof(*m->secrets));
	m->mode = ESC_MODE_ENCRYPTOR;
	m->queues = 1;
	m->defence = esc_defence_default;
	m->split = esc_split_default;
	m->listen_port = ESC_DEFAULT_PORT;
	memcpy(m->provider, "auto", sizeof("auto"));
	memcpy(m->state_dir, ESC_DEFAULT_STATE, sizeof(ESC_DEFAULT_STATE));
	m->table->fresh_entry = 1;
	return m;
}

struct esc_model *esc_model_clone(const struct esc_model *m)
{
	struct esc_model *c = model_alloc();

	if (!c)
		return NULL;
	struct esc_model_table *table = c->table;
	struct esc_secrets *secrets = c->secrets;
	*c = *m;
	c->table = table;
	c->secrets = secrets;
	*table = *m->table;
	*secrets = *m->secrets;
	c->touched = 0;
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++)
		table->peer[id].touched = 0;
	return c;
}

void esc_model_wipe(struct esc_model *m)
{
	sodium_memzero(m->secrets, sizeof(*m->secrets));
	m->has_key = false;
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++)
		m->table->peer[id].has_psk = false;
}

void esc_model_free(struct esc_model *m)
{
	if (!m)
		return;
	sodium_free(m->secrets);
	free(m->table);
	free(m);
}

/* --- reading --------------------------------------------------------------------------------- */

const struct esc_peer *esc_model_peer(const struct esc_model *m, uint32_t id)
{
	return id < ESC_PEERS_MAX && m->table->peer[id].used ? &m->table->peer[id] : NULL;
}

const struct esc_peer *esc_model_find(const struct esc_model *m, const uint8_t public_key[32])
{
	uint32_t i = *peer_bucket(m->table, public_key);

	while (i) {
		const struct esc_peer *p = &m->table->peer[i - 1];

		if (!memcmp(p->public_key, public_key, ESC_KEY_LEN))
			return p;
		i = p->next_in_bucket;
	}
	return NULL;
}

const uint8_t *esc_model_private_key(const struct esc_model *m)
{
	return m->has_key && !*m->keystore ? m->secrets->private_key : NULL;
}

const uint8_t *esc_model_psk(const struct esc_model *m, uint32_t id)
{
	return id < ESC_PEERS_MAX ? m->secrets->psk[id] : NULL;
}

/* Entry of a masked prefix, 0 if there is none. */
static uint32_t find_prefix(const struct esc_model *m, const struct esc_prefix *p)
{
	uint32_t i = *prefix_bucket(m->table, p);

	while (i) {
		const struct esc_prefix_entry *e = &m->table->entry[i];

		if (e->prefix.len == p->len && !memcmp(e->prefix.addr, p->addr, sizeof(p->addr)))
			break;
		i = e->next_in_bucket;
	}
	return i;
}

uint32_t esc_model_prefix_owner(const struct esc_model *m, const struct esc_prefix *p)
{
	struct esc_prefix q = masked(p);
	uint32_t i = find_prefix(m, &q);

	return i ? m->table->entry[i].owner : ESC_NO_PEER;
}

const struct esc_prefix *esc_model_prefix_next(const struct esc_model *m, uint32_t id,
					       uint32_t *cursor)
{
	const struct esc_peer *peer = esc_model_peer(m, id);

	if (!peer)
		return NULL;
	uint32_t i = *cursor ? m->table->entry[*cursor].next : peer->first_prefix;
	if (!i)
		return NULL;
	*cursor = i;
	return &m->table->entry[i].prefix;
}

/* --- prefixes ----------------------------------------------------------------------------------
 */

static void unlink_from_peer(struct esc_model_table *t, uint32_t i)
{
	struct esc_prefix_entry *e = &t->entry[i];
	struct esc_peer *peer = &t->peer[e->owner];

	*(e->prev ? &t->entry[e->prev].next : &peer->first_prefix) = e->next;
	*(e->next ? &t->entry[e->next].prev : &peer->last_prefix) = e->prev;
	peer->prefixes--;
}

static void link_to_peer(struct esc_model_table *t, uint32_t i, uint32_t id)
{
	struct esc_prefix_entry *e = &t->entry[i];
	struct esc_peer *peer = &t->peer[id];

	e->owner = id;
	e->next = 0;
	e->prev = peer->last_prefix;
	*(e->prev ? &t->entry[e->prev].next : &peer->first_prefix) = i;
	peer->last_prefix = i;
	peer->prefixes++;
}

static void drop_prefix(struct esc_model *m, uint32_t i)
{
	struct esc_model_table *t = m->table;
	uint32_t *at = prefix_bucket(t, &t->entry[i].prefix);

	while (*at != i)
		at = &t->entry[*at].next_in_bucket;
	*at = t->entry[i].next_in_bucket;
	unlink_from_peer(t, i);
	t->entry[i].next_in_bucket = t->free_entry;
	t->free_entry = i;
	m->prefixes--;
}

int esc_model_prefix_add(struct esc_model *m, uint32_t id, const struct esc_prefix *p)
{
	struct esc_model_table *t = m->table;
	struct esc_prefix q = masked(p);
	uint32_t i = find_prefix(m, &q);

	if (!esc_model_peer(m, id))
		return -ENOENT;
	if (i) {
		if (t->entry[i].owner != id) {
			unlink_from_peer(t, i);
			link_to_peer(t, i, id);
		}
		return 0;
	}
	if (t->free_entry) {
		i = t->free_entry;
		t->free_entry = t->entry[i].next_in_bucket;
	} else if (t->fresh_entry <= ESC_PREFIXES_MAX) {
		i = t->fresh_entry++;
	} else {
		return -ENOSPC;
	}
	uint32_t *bucket = prefix_bucket(t, &q);
	t->entry[i].prefix = q;
	t->entry[i].next_in_bucket = *bucket;
	*bucket = i;
	link_to_peer(t, i, id);
	m->prefixes++;
	return 0;
}

void esc_model_prefix_remove(struct esc_model *m, uint32_t id, const struct esc_prefix *p)
{
	struct esc_prefix q = masked(p);
	uint32_t i = find_prefix(m, &q);

	if (i && m->table->entry[i].owner == id)
		drop_prefix(m, i);
}

void esc_model_prefix_clear(struct esc_model *m, uint32_t id)
{
	const struct esc_peer *peer = esc_model_peer(m, id);

	while (peer && peer->first_prefix)
		drop_prefix(m, peer->first_prefix);
}

/* --- keys and peers ----------------------------------------------------------------------------
 */

/* A peer with the node's own key is none. */
static void drop_self(struct esc_model *m)
{
	const struct esc_peer *self = esc_model_find(m, m->public_key);

	if (self)
		esc_model_peer_remove(m, self->id);
}

void esc_model_set_key(struct esc_model *m, const uint8_t private_key[32])
{
	uint8_t *own = m->secrets->private_key;

	/* A key that stays keeps its sessions: `wg syncconf` sends the same one again. */
	if (m->has_key && !sodium_memcmp(own, private_key, ESC_KEY_LEN))
		return;
	memcpy(own, private_key, ESC_KEY_LEN);
	esc_key_public(m->public_key, own);
	m->has_key = true;
	m->touched |= ESC_DEVICE_KEY;
	drop_self(m);
}

void esc_model_set_public_key(struct esc_model *m, const uint8_t public_key[32])
{
	memcpy(m->public_key, public_key, ESC_KEY_LEN);
	m->has_key = true;
	drop_self(m);
}

int esc_model_peer_add(struct esc_model *m, const uint8_t public_key[32], uint32_t *id)
{
	struct esc_model_table *t = m->table;

	if (esc_model_find(m, public_key))
		return -EEXIST;
	if (m->peers >= ESC_PEERS_MAX)
		return -ENOSPC;
	while (t->peer[t->next_slot].used)
		t->next_slot = (t->next_slot + 1) % ESC_PEERS_MAX;
	uint32_t slot = t->next_slot;
	t->next_slot = (slot + 1) % ESC_PEERS_MAX;

	uint32_t *bucket = peer_bucket(t, public_key);
	struct esc_peer *peer = &t->peer[slot];
	*peer = (struct esc_peer){
		.id = slot,
		.used = true,
		.generation = ++t->generation,
		.next_in_bucket = *bucket,
	};
	memcpy(peer->public_key, public_key, ESC_KEY_LEN);
	*bucket = slot + 1;
	m->peers++;
	*id = slot;
	return 0;
}

void esc_model_peer_remove(struct esc_model *m, uint32_t id)
{
	struct esc_model_table *t = m->table;
	struct esc_peer *peer = esc_model_peer_edit(m, id);

	if (!peer)
		return;
	esc_model_prefix_clear(m, id);
	uint32_t *at = peer_bucket(t, peer->public_key);
	while (*at != id + 1)
		at = &t->peer[*at - 1].next_in_bucket;
	*at = peer->next_in_bucket;
	sodium_memzero(m->secrets->psk[id], ESC_KEY_LEN);
	memset(peer, 0, sizeof(*peer));
	m->peers--;
}

struct esc_peer *esc_model_peer_edit(struct esc_model *m, uint32_t id)
{
	return id < ESC_PEERS_MAX && m->table->peer[id].used ? &m->table->peer[id] : NULL;
}

void esc_model_set_psk(struct esc_model *m, uint32_t id, const uint8_t psk[32])
{
	struct esc_peer *peer = esc_model_peer_edit(m, id);

	if (!peer)
		return;
	memcpy(m->secrets->psk[id], psk, ESC_KEY_LEN);
	peer->has_psk = !esc_key_is_zero(psk);
	peer->touched |= ESC_PEER_PSK;
}
