/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a peer's endpoint to MAC and IP addresses (R4, R10). Control answers from the kernel's
 * routing and neighbour tables; until it has, a peer that spoke to us first is answered through
 * the neighbour that delivered its packet.
 */
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "crypto/state.h"

/* Long enough to spare the look-up per packet, short enough to keep the hop entry in use. */
#define PATH_CACHE_TIME ESC_S

static const uint8_t unknown[16];

static bool own_address(const struct crypto *c, const uint8_t addr[16])
{
	for (uint32_t i = 0; i < c->nic.addrs; i++) {
		if (!memcmp(c->nic.addr[i], addr, 16))
			return true;
	}
	return false;
}

bool same_endpoint(const struct wg_endpoint *a, const struct wg_endpoint *b)
{
	return a->port == b->port && !memcmp(a->addr, b->addr, 16) &&
	       !memcmp(a->local, b->local, 16);
}

void path_fill(const struct crypto *c, const struct wg_endpoint *to, const uint8_t mac[6],
	       struct outer_path *path)
{
	memcpy(path->dst_mac, mac, 6);
	memcpy(path->src_mac, c->nic.mac, 6);
	memcpy(path->local, to->local, 16);
	memcpy(path->remote, to->addr, 16);
	path->local_port = c->listen_port;
	path->remote_port = to->port;
}

void path_learn(struct crypto *c, struct wg_peer *peer, const uint8_t mac[6])
{
	struct peer_slot *s = slot_of(c, peer);

	memcpy(s->learned_mac, mac, 6);
	s->learned_at = *wg_peer_endpoint(peer);
}

/* The address that the peer wrote to stays ours to answer from while the NIC has it. */
static bool choose_local(const struct crypto *c, const struct esc_hop *hop, struct wg_endpoint *to)
{
	if (memcmp(to->local, unknown, 16) != 0 && own_address(c, to->local))
		return true;
	if (hop->state != ESC_HOP_OK || esc_addr_is_v4(hop->src) != esc_addr_is_v4(to->addr) ||
	    !own_address(c, hop->src)) /* answered before the NIC lost that address */
		return false;
	memcpy(to->local, hop->src, 16);
	return true;
}

enum path_state peer_path(struct crypto *c, struct wg_peer *peer, const struct outer_path **path)
{
	struct peer_slot *s = slot_of(c, peer);
	struct wg_endpoint to = *wg_peer_endpoint(peer);

	*path = &s->cache.path;
	if (s->cache.generation == c->path_generation && c->now < s->cache.expires &&
	    same_endpoint(&s->cache.endpoint, &to))
		return PATH_OK;

	bool ask;
	const struct esc_hop *hop = esc_hop_get(c->hops, to.addr, c->now, &ask);
	if (ask)
		crypto_want(to.addr);
	if (hop->state == ESC_HOP_UNREACHABLE)
		return PATH_NONE;
	s->cache.endpoint = to;
	if (!choose_local(c, hop, &to))
		return PATH_RESOLVING;
	bool learned = same_endpoint(&s->learned_at, &s->cache.endpoint);
	if (hop->state != ESC_HOP_OK && !learned)
		return PATH_RESOLVING;
	path_fill(c, &to, hop->state == ESC_HOP_OK ? hop->mac : s->learned_mac, &s->cache.path);
	s->cache.generation = c->path_generation;
	s->cache.expires = c->now + PATH_CACHE_TIME;
	return PATH_OK;
}
