/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.h: what the files of the protocol core share, and nobody else includes but their unit
 * tests. Device, peers, sessions, timers; who owns what:
 *
 *   device --owns--> peers (by id), index table (links into peers and keypairs), AllowedIPs,
 *		      vault (all secrets of all peers, one locked and guarded memory)
 *   peer   --owns--> keypairs current, previous, next; the initiation in flight
 *
 * A keypair that leaves its slot cannot be found any more, but stays in memory until the next
 * wg_poll(): a caller may be in the middle of a batch that uses its keys.
 */
#ifndef ESC_NOISE_CORE_H
#define ESC_NOISE_CORE_H

#include "sizes.h"
#include "noise/allowedips.h"
#include "noise/cookie.h"
#include "noise/publish.h"
#include "noise/primitives.h"
#include "noise/replay.h"
#include "noise/seen.h"
#include "noise/wg.h"

/* Timers of a peer in the order in which they run when several are due. WireGuard paper, 6. */
enum wg_timer {
	WG_TIMER_ZERO_KEYS,	/* 6.3: sessions too old for any use */
	WG_TIMER_NEW_HANDSHAKE, /* 6.5: data was sent, nothing came back */
	WG_TIMER_RETRANSMIT,	/* 6.4: no response to the initiation */
	WG_TIMER_INITIATE,	/* 6.2: a handshake was asked for; waits for its turn */
	WG_TIMER_KEEPALIVE,	/* 6.5: data came, nothing was sent */
	WG_TIMER_PERSISTENT,	/* PersistentKeepalive */
	WG_TIMERS,
};

/* A local session index; belongs to an initiation in flight or to a keypair. value 0: unused. */
struct wg_index {
	uint32_t value;
	bool is_keypair;
	struct wg_peer *peer;
};

struct wg_keypair {
	struct wg_index index; /* first: an index of this kind is its keypair */
	uint32_t receiver;     /* the peer's index */
	bool initiator;	       /* we began the handshake: rekeying after 120 s is ours */
	bool retired;
	wg_time born;
	void *tx_key, *rx_key; /* env.key_new's */
	uint64_t tx_counter;
	struct wg_replay replay;
	struct wg_keypair *next_retired;
};

struct wg_peer_secrets {
	uint8_t preshared[WG_KEY_LEN];
	uint8_t static_static[WG_KEY_LEN]; /* DH of both static keys */
	uint8_t cookie[WG_COOKIE_LEN];
	/* of the initiation in flight */
	uint8_t ephemeral[WG_KEY_LEN];
	uint8_t chaining_key[WG_KEY_LEN];
	uint8_t hash[WG_KEY_LEN];
};

struct wg_vault {
	uint8_t private_key[WG_KEY_LEN];
	uint8_t cookie_secret[2][WG_KEY_LEN];
	struct wg_peer_secrets peer[ESC_PEERS_MAX];
};

struct wg_peer {
	struct wg_device *dev;
	struct wg_peer_secrets *secret;
	uint32_t id;

	/* per packet */
	struct wg_keypair *current, *previous, *next;
	struct wg_endpoint endpoint;
	bool known; /* endpoint.addr is one of env.guard's, counted for this peer */
	wg_time deadline[WG_TIMERS];
	wg_time persistent_interval; /* 0 = off */

	/* per handshake */
	uint8_t public_key[WG_KEY_LEN];
	struct wg_peer *key_next;  /* in its bucket */
	bool has_static_static;	   /* false: no private key, or the peer's key is of low order */
	struct wg_index in_flight; /* our initiation that was not answered yet */
	wg_time initiate_from;	   /* REKEY_TIMEOUT after the newest handshake message */
	wg_time accept_from;	   /* WG_INITIATION_INTERVAL after the newest initiation */
	wg_time attempt_since;	   /* REKEY_ATTEMPT_TIME counts from here */
	bool rekeyed_on_receive;   /* 6.2: once per session */
	uint64_t last_handshake;   /* UNIX ns */
	uint8_t stamp_sent[WG_TIMESTAMP_LEN];
	uint8_t stamp_seen[WG_TIMESTAMP_LEN];
	struct wg_cookie_maker cookie;
	struct wg_prefix_owner prefixes;
};

/*
 * Current, previous, next, and the initiation in flight; while one of them is replaced there is one
 * more, for one peer at a time.
 */
#define WG_INDICES_PER_PEER 4

#define WG_KEY_BUCKETS	    ESC_PEERS_MAX /* a power of two */

struct wg_device {
	struct wg_env env;
	struct wg_blake2s *blake2s;
	struct wg_vault *vault;
	struct wg_allowedips *allowedips;
	bool has_key;
	uint8_t public_key[WG_KEY_LEN];
	struct wg_cookie_checker checker;

	/* No timer of peer i runs before due[i], none at all before next. May be too early. */
	wg_time next;
	wg_time due[ESC_PEERS_MAX];
	struct wg_keypair *retired;

	struct wg_peer *peer[ESC_PEERS_MAX];
	struct wg_peer *by_key[WG_KEY_BUCKETS];
	struct wg_index *index[ESC_SESSION_SLOTS];
	struct wg_known_peers known;
	struct wg_seen seen;
	uint8_t key_bucket_secret[16]; /* a peer's owner cannot choose its bucket */
};

static inline void wg_random(const struct wg_device *dev, void *buf, size_t len)
{
	dev->env.random(dev->env.arg, buf, len);
}

/* --- index.c ------------------------------------------------------------------------------- */

/* Give a fresh random value to an unused index; false if randomness is not random. */
bool wg_index_add(struct wg_device *dev, struct wg_index *index, struct wg_peer *peer,
		  bool is_keypair);
/* Hand the value of `from` over to `to`, which becomes a keypair's; from is unused then. */
void wg_index_pass(struct wg_device *dev, struct wg_index *from, struct wg_index *to);
void wg_index_remove(struct wg_device *dev, struct wg_index *index);
struct wg_index *wg_index_find(const struct wg_device *dev, uint32_t value);

/* --- handshake.c: Noise_IKpsk2 --------------------------------------------------------------- */

/* Begin a handshake; the one in flight, if any, is forgotten. All but the macs is filled. */
bool wg_initiation_create(struct wg_peer *peer, struct wg_msg_initiation *msg);
/*
 * Authenticate an initiation and answer it: the session is in peer->next. NULL: refused, or no
 * session could be made. All but the response's macs is filled.
 */
struct wg_peer *wg_initiation_answer(struct wg_device *dev, wg_time now,
				     const struct wg_msg_initiation *msg,
				     struct wg_msg_response *response);
/* The session is in peer->current. NULL: refused; the initiation stays in flight. */
struct wg_peer *wg_response_consume(struct wg_device *dev, wg_time now,
				    const struct wg_msg_response *msg);
/* Wipe the initiation in flight. */
void wg_handshake_clear(struct wg_peer *peer);

/* --- keypair.c ------------------------------------------------------------------------------- */

struct wg_session {
	bool initiator;
	uint32_t receiver;
	const uint8_t *tx_key, *rx_key; /* WG_KEY_LEN bytes */
};

/* Make a keypair and put it into its slot; the initiator's takes over peer->in_flight. */
struct wg_keypair *wg_session_begin(struct wg_peer *peer, wg_time now, const struct wg_session *s);
bool wg_keypair_expired(const struct wg_keypair *kp, wg_time now);
void wg_keypairs_clear(struct wg_peer *peer); /* retires all three */
void wg_retired_free(struct wg_device *dev);

/* --- timers.c: events; each names what just happened ---------------------------------------- */

void wg_timers_init(struct wg_peer *peer);
void wg_timers_persistent(struct wg_peer *peer, wg_time at);
void wg_timers_by(struct wg_device *dev, wg_time at); /* wg_poll has work at that time */
void wg_timers_wake(struct wg_device *dev);	      /* wg_poll has work now */
/* by_data: a packet waits for it, so that REKEY_ATTEMPT_TIME begins anew (6.4). */
void wg_timers_want_handshake(struct wg_peer *peer, wg_time now, bool by_data);
void wg_timers_sent(struct wg_peer *peer, wg_time now, bool data);
void wg_timers_received(struct wg_peer *peer, wg_time now, bool data);
void wg_timers_session_begun(struct wg_peer *peer, wg_time now);
void wg_timers_handshake_sent(struct wg_peer *peer, wg_time now);
void wg_timers_handshake_complete(struct wg_peer *peer);
void wg_timers_confirm_session(struct wg_peer *peer); /* a keepalive, unless data goes first */

/* --- peer.c ---------------------------------------------------------------------------------- */

/* Drop sessions, the handshake in flight and all timers; configuration and stamps stay. */
void wg_peer_reset(struct wg_peer *peer);
/* Compute what depends on both static keys. */
void wg_peer_derive(struct wg_peer *peer);
/* Learn where an authenticated packet came from. */
void wg_peer_roam(struct wg_peer *peer, const struct wg_endpoint *from);

#endif
