/* SPDX-License-Identifier: BSD-2-Clause */
/* peer.c: the table of peers and what an administrator sets on one (R4, R8, R9). */
#include <errno.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "noise/core.h"

static struct wg_peer **key_bucket(struct wg_device *dev, const uint8_t public_key[WG_KEY_LEN])
{
	uint64_t hash;

	_Static_assert(crypto_shorthash_BYTES == sizeof(hash), "SipHash result");
	_Static_assert(crypto_shorthash_KEYBYTES == sizeof(dev->key_bucket_secret), "SipHash key");
	crypto_shorthash((uint8_t *)&hash, public_key, WG_KEY_LEN, dev->key_bucket_secret);
	return &dev->by_key[hash & (WG_KEY_BUCKETS - 1)];
}

struct wg_peer *wg_peer_by_key(struct wg_device *dev, const uint8_t public_key[WG_KEY_LEN])
{
	struct wg_peer *peer = *key_bucket(dev, public_key);

	while (peer && memcmp(peer->public_key, public_key, WG_KEY_LEN) != 0)
		peer = peer->key_next;
	return peer;
}

struct wg_peer *wg_peer_by_id(struct wg_device *dev, uint32_t id)
{
	return id < ESC_PEERS_MAX ? dev->peer[id] : NULL;
}

void wg_peer_derive(struct wg_peer *peer)
{
	struct wg_device *dev = peer->dev;

	peer->has_static_static = dev->has_key && wg_dh(peer->secret->static_static,
							dev->vault->private_key, peer->public_key);
	if (!peer->has_static_static)
		sodium_memzero(peer->secret->static_static, WG_KEY_LEN);
}

void wg_peer_reset(struct wg_peer *peer)
{
	wg_keypairs_clear(peer);
	wg_handshake_clear(peer);
	wg_timers_init(peer);
	peer->initiate_from = 0;
}

static struct wg_peer *new_peer(struct wg_device *dev, uint32_t id,
				const uint8_t public_key[WG_KEY_LEN])
{
	struct wg_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	if (!wg_mac_keys_init(dev->blake2s, &peer->cookie.keys, public_key)) {
		free(peer);
		return NULL;
	}
	peer->dev = dev;
	peer->id = id;
	peer->secret = &dev->vault->peer[id];
	peer->cookie.cookie = peer->secret->cookie;
	memcpy(peer->public_key, public_key, WG_KEY_LEN);
	wg_timers_init(peer);
	wg_peer_derive(peer);
	return peer;
}

int wg_peer_add(struct wg_device *dev, uint32_t id, const uint8_t public_key[WG_KEY_LEN],
		wg_time now, struct wg_peer **peer)
{
	(void)now; /* a new peer does nothing until it is told to */
	*peer = NULL;
	if (id >= ESC_PEERS_MAX)
		return -ENOSPC;
	if (dev->has_key && !memcmp(public_key, dev->public_key, WG_KEY_LEN))
		return -EINVAL;
	if (dev->peer[id] || wg_peer_by_key(dev, public_key))
		return -EEXIST;
	struct wg_peer *p = new_peer(dev, id, public_key);
	if (!p)
		return -ENOMEM;
	struct wg_peer **bucket = key_bucket(dev, public_key);
	p->key_next = *bucket;
	*bucket = p;
	dev->peer[id] = p;
	*peer = p;
	return 0;
}

static void forget_address(struct wg_peer *peer)
{
	struct wg_device *dev = peer->dev;

	if (peer->known)
		wg_guard_leave(dev->env.guard, &dev->known, peer->endpoint.addr);
	peer->known = false;
}

void wg_peer_remove(struct wg_peer *peer)
{
	struct wg_device *dev = peer->dev;
	struct wg_peer **link = key_bucket(dev, peer->public_key);

	while (*link != peer)
		link = &(*link)->key_next;
	*link = peer->key_next;
	dev->peer[peer->id] = NULL;
	dev->due[peer->id] = WG_NEVER;
	forget_address(peer);
	wg_allowedips_clear(dev->allowedips, &peer->prefixes);
	wg_peer_reset(peer);
	wg_retired_free(dev); /* they point to the peer */
	wg_timers_wake(dev);  /* its timers do not count any more */
	sodium_memzero(peer->secret, sizeof(*peer->secret));
	sodium_memzero(peer, sizeof(*peer));
	free(peer);
}

uint32_t wg_peer_id(const struct wg_peer *peer)
{
	return peer->id;
}

const uint8_t *wg_peer_public_key(const struct wg_peer *peer)
{
	return peer->public_key;
}

const struct wg_endpoint *wg_peer_endpoint(const struct wg_peer *peer)
{
	return &peer->endpoint;
}

uint64_t wg_peer_last_handshake(const struct wg_peer *peer)
{
	return peer->last_handshake;
}

void wg_peer_set_psk(struct wg_peer *peer, const uint8_t psk[WG_KEY_LEN])
{
	memcpy(peer->secret->preshared, psk, WG_KEY_LEN);
}

/* Per packet: an address that stays costs a comparison. One that finds its bucket full waits. */
static void move(struct wg_peer *peer, const struct wg_endpoint *to)
{
	struct wg_device *dev = peer->dev;

	if (!peer->endpoint.port || !to->port || memcmp(to->addr, peer->endpoint.addr, 16) != 0) {
		forget_address(peer);
		if (to->port)
			peer->known = wg_guard_enter(dev->env.guard, &dev->known, to->addr);
	}
	peer->endpoint = *to;
}

void wg_peer_set_endpoint(struct wg_peer *peer, const struct wg_endpoint *ep)
{
	move(peer, ep);
}

int wg_known(const struct wg_device *dev, const uint8_t addr[16])
{
	return wg_guard_find(dev->env.guard, addr);
}

void wg_peer_roam(struct wg_peer *peer, const struct wg_endpoint *from)
{
	if (from->port) /* nothing can be sent to port 0 */
		move(peer, from);
}

void wg_peer_set_keepalive(struct wg_peer *peer, uint16_t seconds, wg_time now)
{
	bool was_off = !peer->persistent_interval;

	peer->persistent_interval = seconds * WG_SECOND;
	if (!seconds)
		wg_timers_persistent(peer, WG_NEVER);
	else
		wg_timers_persistent(peer, was_off ? now : now + peer->persistent_interval);
}

static void keep_newer(uint8_t stamp[WG_TIMESTAMP_LEN], const uint8_t other[WG_TIMESTAMP_LEN])
{
	if (memcmp(other, stamp, WG_TIMESTAMP_LEN) > 0)
		memcpy(stamp, other, WG_TIMESTAMP_LEN);
}

void wg_peer_set_stamps(struct wg_peer *peer, const uint8_t sent[WG_TIMESTAMP_LEN],
			const uint8_t seen[WG_TIMESTAMP_LEN])
{
	keep_newer(peer->stamp_sent, sent);
	keep_newer(peer->stamp_seen, seen);
}

void wg_peer_get_stamps(const struct wg_peer *peer, uint8_t sent[WG_TIMESTAMP_LEN],
			uint8_t seen[WG_TIMESTAMP_LEN])
{
	memcpy(sent, peer->stamp_sent, WG_TIMESTAMP_LEN);
	memcpy(seen, peer->stamp_seen, WG_TIMESTAMP_LEN);
}

int wg_prefix_add(struct wg_peer *peer, const uint8_t addr[16], uint8_t len)
{
	return wg_allowedips_add(peer->dev->allowedips, &peer->prefixes, addr, len);
}

void wg_prefix_remove(struct wg_peer *peer, const uint8_t addr[16], uint8_t len)
{
	wg_allowedips_remove(peer->dev->allowedips, &peer->prefixes, addr, len);
}

void wg_prefix_clear(struct wg_peer *peer)
{
	wg_allowedips_clear(peer->dev->allowedips, &peer->prefixes);
}

struct wg_peer *wg_route(const struct wg_device *dev, const uint8_t addr[16])
{
	struct wg_prefix_owner *owner = wg_allowedips_lookup(dev->allowedips, addr);

	return owner ? (struct wg_peer *)((char *)owner - offsetof(struct wg_peer, prefixes))
		     : NULL;
}
