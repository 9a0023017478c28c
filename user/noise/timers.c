/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timers.c: everything that happens by itself (R1, R4); WireGuard paper, 6.1 to 6.5. A silent
 * device has no timer running: keepalives answer data, never keepalives.
 *
 * Timers are moved per packet, so moving one only lowers the bounds dev->due[] and dev->next;
 * wg_poll() computes them anew when they are reached.
 */
#include <string.h>

#include "noise/core.h"

void wg_timers_by(struct wg_device *dev, wg_time at)
{
	if (at < dev->next)
		dev->next = at;
}

static void arm(struct wg_peer *peer, enum wg_timer timer, wg_time at)
{
	struct wg_device *dev = peer->dev;

	peer->deadline[timer] = at;
	if (at < dev->due[peer->id])
		dev->due[peer->id] = at;
	wg_timers_by(dev, at);
}

static void disarm(struct wg_peer *peer, enum wg_timer timer)
{
	peer->deadline[timer] = WG_NEVER;
}

static bool armed(const struct wg_peer *peer, enum wg_timer timer)
{
	return peer->deadline[timer] != WG_NEVER;
}

void wg_timers_init(struct wg_peer *peer)
{
	for (int t = 0; t < WG_TIMERS; t++)
		peer->deadline[t] = WG_NEVER;
}

void wg_timers_persistent(struct wg_peer *peer, wg_time at)
{
	arm(peer, WG_TIMER_PERSISTENT, at);
}

void wg_timers_wake(struct wg_device *dev)
{
	wg_timers_by(dev, 0);
}

static void restart_persistent(struct wg_peer *peer, wg_time now)
{
	if (peer->persistent_interval)
		arm(peer, WG_TIMER_PERSISTENT, now + peer->persistent_interval);
}

void wg_timers_want_handshake(struct wg_peer *peer, wg_time now, bool by_data)
{
	bool trying = armed(peer, WG_TIMER_RETRANSMIT) || armed(peer, WG_TIMER_INITIATE);

	if (by_data || !trying)
		peer->attempt_since = now;
	if (!trying)
		arm(peer, WG_TIMER_INITIATE, now >= peer->initiate_from ? 0 : peer->initiate_from);
}

void wg_timers_sent(struct wg_peer *peer, wg_time now, bool data)
{
	disarm(peer, WG_TIMER_KEEPALIVE);
	restart_persistent(peer, now);
	if (data && !armed(peer, WG_TIMER_NEW_HANDSHAKE))
		arm(peer, WG_TIMER_NEW_HANDSHAKE, now + WG_KEEPALIVE_TIMEOUT + WG_REKEY_TIMEOUT);
}

void wg_timers_received(struct wg_peer *peer, wg_time now, bool data)
{
	disarm(peer, WG_TIMER_NEW_HANDSHAKE);
	restart_persistent(peer, now);
	if (data && !armed(peer, WG_TIMER_KEEPALIVE))
		arm(peer, WG_TIMER_KEEPALIVE, now + WG_KEEPALIVE_TIMEOUT);
}

void wg_timers_session_begun(struct wg_peer *peer, wg_time now)
{
	peer->rekeyed_on_receive = false;
	arm(peer, WG_TIMER_ZERO_KEYS, now + 3 * WG_REJECT_AFTER_TIME);
}

void wg_timers_handshake_sent(struct wg_peer *peer, wg_time now)
{
	peer->initiate_from = now + WG_REKEY_TIMEOUT;
	wg_timers_sent(peer, now, false);
}

void wg_timers_handshake_complete(struct wg_peer *peer)
{
	const struct wg_env *env = &peer->dev->env;

	disarm(peer, WG_TIMER_RETRANSMIT);
	disarm(peer, WG_TIMER_INITIATE);
	peer->last_handshake = env->unix_ns(env->arg);
}

void wg_timers_confirm_session(struct wg_peer *peer)
{
	arm(peer, WG_TIMER_KEEPALIVE, 0);
}

/* 6.1: two peers that began at the same moment must not do so for ever. */
static wg_time jitter(const struct wg_device *dev)
{
	uint32_t r;

	wg_random(dev, &r, sizeof(r));
	return r % WG_REKEY_JITTER;
}

/* An initiation that cannot be made counts as one that was lost: the retransmission tries again. */
static enum wg_action initiate(struct wg_peer *peer, wg_time now, struct wg_out *out)
{
	struct wg_device *dev = peer->dev;
	struct wg_msg_initiation msg;

	disarm(peer, WG_TIMER_INITIATE);
	arm(peer, WG_TIMER_RETRANSMIT, now + WG_REKEY_TIMEOUT + jitter(dev));
	wg_timers_handshake_sent(peer, now);
	if (!peer->endpoint.port || !wg_initiation_create(peer, &msg) ||
	    !wg_macs_add(dev->blake2s, &peer->cookie, now, (uint8_t *)&msg, sizeof(msg)))
		return WG_ACT_NONE;
	memcpy(out->bytes, &msg, sizeof(msg));
	out->len = sizeof(msg);
	out->to = peer->endpoint;
	out->peer = peer;
	return WG_ACT_SEND;
}

/* The path may have changed: let the caller choose the own address anew. */
static void forget_local(struct wg_peer *peer)
{
	memset(peer->endpoint.local, 0, sizeof(peer->endpoint.local));
}

static enum wg_action retransmit(struct wg_peer *peer, wg_time now, struct wg_out *out)
{
	if (now - peer->attempt_since >= WG_REKEY_ATTEMPT_TIME) {
		disarm(peer, WG_TIMER_KEEPALIVE);
		wg_handshake_clear(peer);
		return WG_ACT_GAVE_UP;
	}
	if (now < peer->initiate_from) { /* meanwhile we answered the peer's own initiation */
		arm(peer, WG_TIMER_RETRANSMIT, peer->initiate_from);
		return WG_ACT_NONE;
	}
	forget_local(peer);
	return initiate(peer, now, out);
}

static enum wg_action run(struct wg_peer *peer, enum wg_timer timer, wg_time now,
			  struct wg_out *out)
{
	disarm(peer, timer);
	switch (timer) {
	case WG_TIMER_ZERO_KEYS:
		wg_keypairs_clear(peer);
		if (!armed(peer, WG_TIMER_RETRANSMIT))
			wg_handshake_clear(peer);
		break;
	case WG_TIMER_NEW_HANDSHAKE:
		forget_local(peer);
		wg_timers_want_handshake(peer, now, false);
		break;
	case WG_TIMER_RETRANSMIT:
		return retransmit(peer, now, out);
	case WG_TIMER_INITIATE:
		return initiate(peer, now, out);
	case WG_TIMER_PERSISTENT:
		restart_persistent(peer, now);
		return WG_ACT_KEEPALIVE;
	case WG_TIMER_KEEPALIVE:
		return WG_ACT_KEEPALIVE;
	case WG_TIMERS:
		break;
	}
	return WG_ACT_NONE;
}

static enum wg_action poll_peer(struct wg_peer *peer, wg_time now, struct wg_out *out)
{
	wg_time due = WG_NEVER;

	for (int t = 0; t < WG_TIMERS; t++) {
		if (peer->deadline[t] > now)
			continue;
		enum wg_action action = run(peer, (enum wg_timer)t, now, out);
		if (action != WG_ACT_NONE)
			return action;
	}
	for (int t = 0; t < WG_TIMERS; t++)
		if (peer->deadline[t] < due)
			due = peer->deadline[t];
	peer->dev->due[peer->id] = due;
	return WG_ACT_NONE;
}

wg_time wg_next(const struct wg_device *dev)
{
	return dev->next;
}

enum wg_action wg_poll(struct wg_device *dev, wg_time now, struct wg_peer **peer,
		       struct wg_out *out)
{
	wg_time next;

	*peer = NULL;
	out->len = 0;
	if (now < dev->next)
		return WG_ACT_NONE;
	wg_retired_free(dev);
	wg_cookie_change(&dev->checker, now);
	next = dev->checker.change_at;
	for (uint32_t i = 0; i < ESC_PEERS_MAX; i++) {
		if (dev->due[i] <= now) {
			enum wg_action action = poll_peer(dev->peer[i], now, out);

			if (action != WG_ACT_NONE) {
				*peer = dev->peer[i];
				return action;
			}
		}
		if (dev->due[i] < next)
			next = dev->due[i];
	}
	wg_retired_free(dev);
	dev->next = next;
	return WG_ACT_NONE;
}
