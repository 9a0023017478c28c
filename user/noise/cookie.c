/* SPDX-License-Identifier: BSD-2-Clause */
/* cookie.c: mac1, mac2 and cookie replies, both roles (R3). */
#include "noise/cookie.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "noise/publish.h"

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

/* --- secrets; cookie_number and the states in the guard follow them -------------------------- */

void wg_cookie_init(struct wg_cookie_checker *c, const struct wg_env *env,
		    uint8_t (*secret)[WG_KEY_LEN])
{
	c->env = env;
	c->secret = secret;
	c->change_at = WG_NEVER;
}

/* The oldest of three numbers goes once the black program does not look at it any more. */
static void make_secret(struct wg_cookie_checker *c)
{
	uint8_t *secret = c->secret[++c->number % 2];

	c->env->random(c->env->arg, secret, WG_KEY_LEN);
	wg_guard_cookie_write(c->env->guard, c->number, secret);
}

static void show_newest(struct wg_cookie_checker *c)
{
	wg_guard_cookie_show(c->env->guard, c->number);
	wg_guard_cookie_wipe(c->env->guard, c->number - 2);
	c->asked = false;
}

static void need_secrets(struct wg_cookie_checker *c, wg_time now)
{
	if (c->change_at != WG_NEVER)
		return;
	make_secret(c); /* "the one before", of which there are no cookies */
	make_secret(c);
	show_newest(c);
	c->change_at = now + WG_COOKIE_SECRET_TIME;
}

void wg_cookie_wipe(struct wg_cookie_checker *c)
{
	wg_guard_cookie_show(c->env->guard, 0);
	for (uint32_t i = 0; i < 4; i++)
		wg_guard_cookie_wipe(c->env->guard, i);
	sodium_memzero(c->secret, 2 * sizeof(c->secret[0]));
	c->change_at = WG_NEVER;
}

void wg_cookie_change(struct wg_cookie_checker *c, wg_time now)
{
	if (now < c->change_at)
		return;
	if (!c->asked || now - c->change_at >= WG_COOKIE_SECRET_TIME) {
		wg_cookie_wipe(c);
		return;
	}
	make_secret(c);
	show_newest(c);
	c->change_at += WG_COOKIE_SECRET_TIME;
}

/* --- cookies ------------------------------------------------------------------------------- */

/* cookie = MAC(secret, source address || source port) */
static bool cookie_for(struct wg_blake2s *b, const uint8_t secret[WG_KEY_LEN],
		       const struct wg_endpoint *from, uint8_t cookie[WG_COOKIE_LEN])
{
	uint16_t port = htobe16(from->port);

	return wg_mac(b, cookie, secret, WG_KEY_LEN, from->addr, sizeof(from->addr), &port,
		      sizeof(port));
}

static bool mac2_fits(struct wg_blake2s *b, const uint8_t secret[WG_KEY_LEN],
		      const struct wg_endpoint *from, const uint8_t *msg, size_t len)
{
	size_t covered = before_mac2(len);
	uint8_t cookie[WG_COOKIE_LEN], mac[WG_MAC_LEN];
	bool ok = cookie_for(b, secret, from, cookie) &&
		  wg_mac(b, mac, cookie, sizeof(cookie), msg, covered, NULL, 0) &&
		  !sodium_memcmp(mac, msg + covered, WG_MAC_LEN);
	sodium_memzero(cookie, sizeof(cookie));
	sodium_memzero(mac, sizeof(mac));
	return ok;
}

bool wg_mac2_valid(struct wg_blake2s *b, struct wg_cookie_checker *c, wg_time now,
		   const struct wg_endpoint *from, const uint8_t *msg, size_t len)
{
	wg_cookie_change(c, now);
	return c->change_at != WG_NEVER &&
	       (mac2_fits(b, c->secret[c->number % 2], from, msg, len) ||
		mac2_fits(b, c->secret[(c->number - 1) % 2], from, msg, len));
}

bool wg_cookie_make(struct wg_blake2s *b, struct wg_cookie_checker *c, wg_time now,
		    const struct wg_endpoint *from, const uint8_t *msg, size_t len,
		    struct wg_msg_cookie *reply)
{
	const struct wg_env *env = c->env;
	uint8_t cookie[WG_COOKIE_LEN];

	wg_cookie_change(c, now);
	need_secrets(c, now);
	c->asked = true;
	bool ok = cookie_for(b, c->secret[c->number % 2], from, cookie);
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
