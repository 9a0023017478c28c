/* SPDX-License-Identifier: BSD-2-Clause */
/* device.c: the device and its key (R1, R2, R13). */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "noise/core.h"

struct wg_device *wg_device_new(const struct wg_env *env)
{
	struct wg_device *dev = calloc(1, sizeof(*dev));

	if (!dev || sodium_init() < 0) {
		free(dev);
		return NULL;
	}
	dev->env = *env;
	dev->blake2s = wg_blake2s_new();
	dev->allowedips = wg_allowedips_new();
	dev->vault = sodium_malloc(sizeof(*dev->vault));
	if (!dev->blake2s || !dev->allowedips || !dev->vault) {
		wg_device_free(dev);
		return NULL;
	}
	sodium_memzero(dev->vault, sizeof(*dev->vault));
	wg_guard_begin(env->guard);
	wg_cookie_init(&dev->checker, &dev->env, dev->vault->cookie_secret);
	dev->next = WG_NEVER;
	for (uint32_t i = 0; i < ESC_PEERS_MAX; i++)
		dev->due[i] = WG_NEVER;
	wg_random(dev, dev->key_bucket_secret, sizeof(dev->key_bucket_secret));
	wg_random(dev, dev->seen.key, sizeof(dev->seen.key));
	return dev;
}

void wg_device_free(struct wg_device *dev)
{
	if (!dev)
		return;
	for (uint32_t i = 0; i < ESC_PEERS_MAX; i++)
		if (dev->peer[i])
			wg_peer_remove(dev->peer[i]);
	wg_guard_end(dev->env.guard);
	sodium_free(dev->vault); /* wipes */
	wg_allowedips_free(dev->allowedips);
	wg_blake2s_free(dev->blake2s);
	sodium_memzero(dev, sizeof(*dev));
	free(dev);
}

/* malloc's own data, and what it cannot use between two pieces. */
#define CHUNK(size) ((size) + 64)

size_t wg_heap_need(size_t key_size)
{
	const size_t session = CHUNK(sizeof(struct wg_keypair)) + 2 * CHUNK(key_size);

	/* previous, current, next, and the one that is about to replace one of them */
	return ESC_PEERS_MAX * (CHUNK(sizeof(struct wg_peer)) + 4 * session);
}

/* All that was agreed on with the old key. Peers that are to be kept alive hear from us at once. */
static void change_key(struct wg_device *dev, wg_time now)
{
	for (uint32_t i = 0; i < ESC_PEERS_MAX; i++) {
		struct wg_peer *peer = dev->peer[i];

		if (!peer)
			continue;
		wg_peer_reset(peer);
		wg_peer_derive(peer);
		if (peer->persistent_interval)
			wg_timers_persistent(peer, now);
	}
	wg_retired_free(dev);
}

int wg_device_set_key(struct wg_device *dev, const uint8_t private_key[WG_KEY_LEN], wg_time now)
{
	uint8_t key[WG_KEY_LEN], public_key[WG_KEY_LEN] = {0};
	bool has_key = !sodium_is_zero(private_key, WG_KEY_LEN);
	struct wg_mac_keys mac_keys = {0};
	int err = 0;

	memcpy(key, private_key, sizeof(key));
	if (has_key) {
		wg_clamp(key);
		if (!wg_dh_public(public_key, key) || wg_peer_by_key(dev, public_key))
			err = -EINVAL;
		else if (!wg_mac_keys_init(dev->blake2s, &mac_keys, public_key))
			err = -ENOMEM;
	}
	if (!err) {
		memcpy(dev->vault->private_key, key, sizeof(key));
		memcpy(dev->public_key, public_key, sizeof(public_key));
		dev->has_key = has_key;
		dev->checker.keys = mac_keys;
		wg_guard_mac1(dev->env.guard, has_key ? mac_keys.mac1 : NULL);
		if (!has_key)
			wg_cookie_wipe(&dev->checker);
		change_key(dev, now);
	}
	sodium_memzero(key, sizeof(key));
	return err;
}

void wg_device_public_key(const struct wg_device *dev, uint8_t public_key[WG_KEY_LEN])
{
	memcpy(public_key, dev->public_key, WG_KEY_LEN);
}
