/* SPDX-License-Identifier: BSD-2-Clause */
/* cookie.c: mac1, mac2 and cookie replies, both roles (R3). */
#include "noise/cookie.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#define LABEL_LEN 8

static size_t before_mac1(size_t len)
{
	return len - sizeof(struct wg_msg_macs);
}

static size_t before_mac2(size_t len)
{
	return before_mac1(len) + WG_MAC_LEN;
}

bool wg_mac_keys_init(struct wg_blake2s *b, struct wg_mac_keys *keys,
		      const uint8_t public_key[WG_KEY_LEN])
{
	return wg_hash(b, keys->mac1, "mac1----", LABEL_LEN, public_key, WG_KEY_LEN) &&
	       wg_hash(b, keys->cookie, "cookie--", LABEL_LEN, public_key, WG_KEY_LEN);
}

bool wg_mac1_valid(struct wg_blake2s *b, const struct wg_cookie_checker *c, const uint8_t *msg,
		   size_t len)
{
	size_t covered = before_mac1(len);
	uint8_t mac[WG_MAC_LEN];

	return wg_mac(b, mac, c->keys.mac1, WG_KEY_LEN, msg, covered, NULL, 0) &&
	       !sodium_memcmp(mac, msg + covered, WG_MAC_LEN);
}

/* cookie = MAC(secret, source address || source port) */
static bool cookie_for(struct wg_blake2s *b, const struct wg_cookie_checker *c,
		       const struct wg_endpoint *from, uint8_t cookie[WG_COOKIE_LEN])
{
	uint16_t port = htobe16(from->port);

	return wg_mac(b, cookie, c->secret, WG_KEY_LEN, from->addr, sizeof(from->addr), &port,
		      sizeof(port));
}

bool wg_mac2_valid(struct wg_blake2s *b, const struct wg_cookie_checker *c, wg_time now,
		   const struct wg_endpoint *from, const uint8_t *msg, size_t len)
{
	size_t covered = before_mac2(len);
	uint8_t cookie[WG_COOKIE_LEN], mac[WG_MAC_LEN];

	if (now >= c->secret_until)
		return false;
	bool ok = cookie_for(b, c, from, cookie) &&
		  wg_mac(b, mac, cookie, sizeof(cookie), msg, covered, NULL, 0) &&
		  !sodium_memcmp(mac, msg + covered, WG_MAC_LEN);
	sodium_memzero(cookie, sizeof(cookie));
	sodium_memzero(mac, sizeof(mac));
	return ok;
}

bool wg_cookie_make(struct wg_blake2s *b, struct wg_cookie_checker *c, const struct wg_env *env,
		    wg_time now, const struct wg_endpoint *from, const uint8_t *msg, size_t len,
		    struct wg_msg_cookie *reply)
{
	uint8_t cookie[WG_COOKIE_LEN];

	if (now >= c->secret_until) {
		env->random(env->arg, c->secret, WG_KEY_LEN);
		c->secret_until = now + WG_COOKIE_SECRET_TIME;
	}
	bool ok = cookie_for(b, c, from, cookie);
	if (ok) {
		reply->type = htole32(WG_COOKIE);
		memcpy(&reply->receiver, msg + offsetof(struct wg_msg_initiation, sender),
		       sizeof(reply->receiver));
		env->random(env->arg, reply->nonce, sizeof(reply->nonce));
		wg_cookie_seal(reply->encrypted_cookie, cookie, msg + before_mac1(len),
			       reply->nonce, c->keys.cookie);
	}
	sodium_memzero(cookie, sizeof(cookie));
	return ok;
}

bool wg_macs_add(struct wg_blake2s *b, struct wg_cookie_maker *m, wg_time now, uint8_t *msg,
		 size_t len)
{
	uint8_t *mac1 = msg + before_mac1(len);
	uint8_t *mac2 = msg + before_mac2(len);

	if (!wg_mac(b, mac1, m->keys.mac1, WG_KEY_LEN, msg, before_mac1(len), NULL, 0))
		return false;
	memcpy(m->sent, mac1, sizeof(m->sent));
	m->awaiting = true;
	if (now >= m->cookie_until) {
		memset(mac2, 0, WG_MAC_LEN);
		return true;
	}
	return wg_mac(b, mac2, m->cookie, WG_COOKIE_LEN, msg, before_mac2(len), NULL, 0);
}

bool wg_cookie_take(struct wg_cookie_maker *m, wg_time now, const struct wg_msg_cookie *reply)
{
	uint8_t cookie[WG_COOKIE_LEN];
	bool ok = m->awaiting && wg_cookie_open(cookie, reply->encrypted_cookie, m->sent,
						reply->nonce, m->keys.cookie);

	if (ok) {
		memcpy(m->cookie, cookie, sizeof(cookie));
		m->cookie_until = now + WG_COOKIE_SECRET_TIME - WG_COOKIE_LATENCY;
		m->awaiting = false;
	}
	sodium_memzero(cookie, sizeof(cookie));
	return ok;
}
