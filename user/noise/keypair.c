/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keypair.c: sessions and their slots (R1, R4); WireGuard paper, 5.4.5, 6.1 to 6.3, 6.6.
 *
 *   next      answered by us, not confirmed: its first data packet moves it to current
 *   current   the one we send with
 *   previous  still good for what is under way
 */
#include <sodium.h>
#include <stdlib.h>

#include "noise/core.h"

static void free_keypair(struct wg_device *dev, struct wg_keypair *kp)
{
	if (kp->tx_key)
		dev->env.key_free(dev->env.arg, kp->tx_key);
	if (kp->rx_key)
		dev->env.key_free(dev->env.arg, kp->rx_key);
	sodium_memzero(kp, sizeof(*kp));
	free(kp);
}

static void retire(struct wg_device *dev, struct wg_keypair **slot)
{
	struct wg_keypair *kp = *slot;

	*slot = NULL;
	if (!kp)
		return;
	wg_index_remove(dev, &kp->index);
	kp->retired = true;
	kp->next_retired = dev->retired;
	dev->retired = kp;
	wg_timers_wake(dev);
}

void wg_retired_free(struct wg_device *dev)
{
	while (dev->retired) {
		struct wg_keypair *kp = dev->retired;

		dev->retired = kp->next_retired;
		free_keypair(dev, kp);
	}
}

void wg_keypairs_clear(struct wg_peer *peer)
{
	retire(peer->dev, &peer->next);
	retire(peer->dev, &peer->current);
	retire(peer->dev, &peer->previous);
}

static struct wg_keypair *make(struct wg_peer *peer, wg_time now, const struct wg_session *s)
{
	struct wg_device *dev = peer->dev;
	struct wg_keypair *kp = calloc(1, sizeof(*kp));

	if (!kp)
		return NULL;
	kp->initiator = s->initiator;
	kp->receiver = s->receiver;
	kp->born = now;
	kp->tx_key = dev->env.key_new(dev->env.arg, s->tx_key);
	kp->rx_key = dev->env.key_new(dev->env.arg, s->rx_key);
	if (!kp->tx_key || !kp->rx_key ||
	    (!s->initiator && !wg_index_add(dev, &kp->index, peer, true))) {
		free_keypair(dev, kp);
		return NULL;
	}
	if (s->initiator)
		wg_index_pass(dev, &peer->in_flight, &kp->index);
	return kp;
}

struct wg_keypair *wg_session_begin(struct wg_peer *peer, wg_time now, const struct wg_session *s)
{
	struct wg_device *dev = peer->dev;
	struct wg_keypair *kp = make(peer, now, s);

	if (!kp)
		return NULL;
	retire(dev, &peer->previous);
	if (!s->initiator) {
		retire(dev, &peer->next);
		peer->next = kp;
	} else {
		/*
		 * The response proves that the peer has the keys. If both sides began at once, the
		 * peer may use the session that is still in next: keep that rather than current.
		 */
		if (peer->next)
			retire(dev, &peer->current);
		peer->previous = peer->next ? peer->next : peer->current;
		peer->next = NULL;
		peer->current = kp;
	}
	wg_timers_session_begun(peer, now);
	return kp;
}

bool wg_keypair_expired(const struct wg_keypair *kp, wg_time now)
{
	return kp->retired || now - kp->born >= WG_REJECT_AFTER_TIME;
}

/* The peer used the session that we answered with: it has the keys, so we may use it too. */
static bool confirm(struct wg_keypair *kp)
{
	struct wg_peer *peer = kp->index.peer;

	if (kp != peer->next)
		return false;
	retire(peer->dev, &peer->previous);
	peer->previous = peer->current;
	peer->current = kp;
	peer->next = NULL;
	wg_timers_handshake_complete(peer);
	return true;
}

bool wg_peer_has_session(const struct wg_peer *peer, wg_time now)
{
	return peer->current && !wg_keypair_expired(peer->current, now);
}

/* 6.2: who began the session renews it in time; who runs out of counters renews it too. */
static bool stale_for_sending(const struct wg_keypair *kp, wg_time now)
{
	return kp->tx_counter > WG_REKEY_AFTER_MESSAGES ||
	       (kp->initiator && now - kp->born >= WG_REKEY_AFTER_TIME);
}

enum wg_tx wg_tx_begin(struct wg_peer *peer, wg_time now, bool keepalive, struct wg_tx_slot *tx)
{
	struct wg_keypair *kp = peer->current;

	if (!peer->endpoint.port)
		return WG_TX_NO_ENDPOINT;
	if (!kp || wg_keypair_expired(kp, now) || kp->tx_counter >= WG_REJECT_AFTER_MESSAGES) {
		wg_timers_want_handshake(peer, now, !keepalive);
		return WG_TX_STAGE;
	}
	tx->key = kp->tx_key;
	tx->counter = kp->tx_counter++;
	tx->receiver = kp->receiver;
	wg_timers_sent(peer, now, !keepalive);
	if (stale_for_sending(kp, now))
		wg_timers_want_handshake(peer, now, !keepalive);
	return WG_TX_OK;
}

struct wg_keypair *wg_rx_keypair(struct wg_device *dev, uint32_t receiver)
{
	struct wg_index *index = wg_index_find(dev, receiver);

	return index && index->is_keypair ? (struct wg_keypair *)index : NULL;
}

const void *wg_rx_key(const struct wg_keypair *kp)
{
	return kp->rx_key;
}

struct wg_peer *wg_rx_peer(const struct wg_keypair *kp)
{
	return kp->index.peer;
}

enum wg_rx wg_rx_precheck(const struct wg_keypair *kp, wg_time now, uint64_t counter)
{
	if (wg_keypair_expired(kp, now) || counter >= WG_REJECT_AFTER_MESSAGES)
		return WG_RX_EXPIRED;
	return wg_replay_fresh(&kp->replay, counter) ? WG_RX_OK : WG_RX_REPLAY;
}

/*
 * 6.2: a side that only receives must renew in time as well: before its session expires there
 * must be time for a passive keepalive and one retransmission.
 */
static void renew_on_receive(struct wg_peer *peer, wg_time now)
{
	const struct wg_keypair *kp = peer->current;

	if (peer->rekeyed_on_receive || !kp || !kp->initiator || wg_keypair_expired(kp, now) ||
	    now - kp->born < WG_REJECT_AFTER_TIME - WG_KEEPALIVE_TIMEOUT - WG_REKEY_TIMEOUT)
		return;
	peer->rekeyed_on_receive = true;
	wg_timers_want_handshake(peer, now, false);
}

enum wg_rx wg_rx_authenticated(struct wg_keypair *kp, wg_time now, uint64_t counter, bool keepalive,
			       const struct wg_endpoint *from)
{
	struct wg_peer *peer = kp->index.peer;

	if (wg_keypair_expired(kp, now) || counter >= WG_REJECT_AFTER_MESSAGES)
		return WG_RX_EXPIRED;
	if (!wg_replay_mark(&kp->replay, counter))
		return WG_RX_REPLAY;
	wg_peer_roam(peer, from);
	bool ready = confirm(kp);
	wg_timers_received(peer, now, !keepalive);
	renew_on_receive(peer, now);
	return ready ? WG_RX_OK_SESSION_READY : WG_RX_OK;
}
