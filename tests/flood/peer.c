/* SPDX-License-Identifier: BSD-2-Clause */
/* peer.c: authentic initiations, of somebody who has a peer's private key. */
#include "flood.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "guard.h"

/* The core sends one in five seconds: it is told that time flies. Its stamps may not stand still.
 */
#define STEP	   (6 * ESC_S)
#define STAMP_STEP (20 * ESC_MS)

struct clock {
	uint64_t now, unix_ns;
};

static void env_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	randombytes_buf(buf, len);
}

static uint64_t env_unix_ns(void *arg)
{
	return ((const struct clock *)arg)->unix_ns;
}

/* There will be no session: nobody reads the answers. */
static void *env_key_new(void *arg, const uint8_t key[32])
{
	(void)key;
	return arg;
}

static void env_key_free(void *arg, void *key)
{
	(void)arg;
	(void)key;
}

static bool read_key(const char *path, uint8_t key[WG_KEY_LEN])
{
	char text[ESC_KEY_B64 + 1] = "";
	FILE *file = fopen(path, "r");
	bool ok;

	if (!file) {
		fprintf(stderr, "flood: private key %s: %s\n", path, strerror(errno));
		return false;
	}
	ok = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	text[strcspn(text, "\n")] = 0;
	if (!ok || !esc_key_from_base64(key, text)) {
		fprintf(stderr, "flood: private key %s: not one key in base64\n", path);
		return false;
	}
	return true;
}

static bool next(struct wg_device *dev, struct wg_peer *peer, struct clock *clock,
		 struct wg_out *out)
{
	struct wg_tx_slot tx;

	for (int tries = 0; tries < 50; tries++) {
		clock->now += STEP;
		clock->unix_ns += STAMP_STEP;
		wg_tx_begin(peer, clock->now, false, &tx);
		for (;;) {
			struct wg_peer *p;
			enum wg_action act = wg_poll(dev, clock->now, &p, out);

			if (act == WG_ACT_SEND)
				return true;
			if (act == WG_ACT_NONE)
				break;
		}
	}
	return false;
}

int flood_peer(struct flood *f, uint32_t count)
{
	struct clock clock = {.now = STEP, .unix_ns = esc_unix_now()};
	static struct esc_guard unread;
	const struct wg_env env = {&clock,	env_random,   env_unix_ns,
				   env_key_new, env_key_free, &unread};
	struct wg_device *dev = wg_device_new(&env);
	uint8_t key[WG_KEY_LEN];
	struct wg_peer *peer;
	struct wg_out out;
	int err = -1;

	if (dev && read_key(f->private_key, key) && !wg_device_set_key(dev, key, clock.now) &&
	    !wg_peer_add(dev, 0, f->key, clock.now, &peer)) {
		wg_peer_set_endpoint(peer, &f->to);
		err = 0;
	}
	sodium_memzero(key, sizeof(key));
	for (uint32_t i = 0; i < count && !err; i++)
		err = next(dev, peer, &clock, &out) ? flood_add(f, &f->from, out.bytes, out.len)
						    : -1;
	wg_device_free(dev);
	return err;
}
