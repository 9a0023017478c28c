/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wg.h: the WireGuard protocol core: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s handshake, cookies,
 * keypairs, replay window, timers, AllowedIPs. A library without I/O: bytes, time and randomness
 * go in, bytes and a verdict come out. It never touches data packets' contents: the caller seals
 * and opens them (aead.h) with the key and counter that it gets here.
 * Source of every rule: Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel" (sections
 * in the .c files); replay window: RFC 6479.
 *
 * Lifetime: a keypair, its keys and a filled wg_tx_slot stay valid until the next wg_poll(),
 * wg_peer_remove(), wg_device_set_key() or wg_device_free(), even if the session ends meanwhile:
 * finish a batch before those calls.
 *
 * Times are monotonic nanoseconds (`now`, never going back). One thread per device. Secrets are
 * kept in memory from sodium_malloc and wiped when they are replaced. Nothing here logs.
 */
#ifndef ESC_NOISE_WG_H
#define ESC_NOISE_WG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard.h"
#include "noise/wire.h"

typedef uint64_t wg_time;
#define WG_NEVER UINT64_MAX

struct wg_device;
struct wg_peer;
struct wg_keypair;

/* Where a peer is. Addresses 16 bytes, IPv4 as ::ffff:a.b.c.d; port in host order. */
struct wg_endpoint {
	uint8_t addr[16];
	uint8_t local[16]; /* own address that the peer last wrote to; all zero = not known */
	uint16_t port;	   /* 0 = no endpoint */
};

/*
 * What the core needs from outside; arg is handed back. guard: the core writes it alone, from
 * wg_device_new() on until wg_device_free() has wiped it; it may be shared memory.
 */
struct wg_env {
	void *arg;
	void (*random)(void *arg, void *buf, size_t len);
	uint64_t (*unix_ns)(void *arg); /* wall clock, for TAI64N; may jump */
	/* Expand a data key for the AEAD provider; NULL fails the session. */
	void *(*key_new)(void *arg, const uint8_t key[32]);
	void (*key_free)(void *arg, void *key);
	struct esc_guard *guard;
};

/* A message to send: handshake or cookie. Empty data messages are the caller's to build. */
struct wg_out {
	struct wg_peer *peer; /* NULL for a cookie reply */
	struct wg_endpoint to;
	uint16_t len;
	uint8_t bytes[WG_INITIATION_LEN];
};

/* --- device and peers -------------------------------------------------------------------- */

struct wg_device *wg_device_new(const struct wg_env *env); /* NULL: out of memory */
void wg_device_free(struct wg_device *dev);

/*
 * Heap that ESC_PEERS_MAX peers with all the sessions that each may have take beside the device
 * itself, if env.key_new takes key_size.
 */
size_t wg_heap_need(size_t key_size);

/*
 * Set the private key (copied, clamped); drops all sessions. All zero = no key: nothing works.
 * 0, -ENOMEM, -EINVAL (it is a peer's key; nothing changed).
 */
int wg_device_set_key(struct wg_device *dev, const uint8_t private_key[32], wg_time now);
void wg_device_public_key(const struct wg_device *dev, uint8_t public_key[32]);

/*
 * id: the caller's slot number, < ESC_PEERS_MAX. 0, -EEXIST (key or id in use), -EINVAL (the own
 * public key), -ENOSPC, -ENOMEM. A key of low order is taken, but no handshake succeeds with it.
 */
int wg_peer_add(struct wg_device *dev, uint32_t id, const uint8_t public_key[32], wg_time now,
		struct wg_peer **peer);
void wg_peer_remove(struct wg_peer *peer); /* wipes, frees, removes its AllowedIPs */
struct wg_peer *wg_peer_by_id(struct wg_device *dev, uint32_t id); /* NULL if there is none */
struct wg_peer *wg_peer_by_key(struct wg_device *dev, const uint8_t public_key[32]);

uint32_t wg_peer_id(const struct wg_peer *peer);
const uint8_t *wg_peer_public_key(const struct wg_peer *peer);
const struct wg_endpoint *wg_peer_endpoint(const struct wg_peer *peer);
bool wg_peer_has_session(const struct wg_peer *peer, wg_time now);
uint64_t wg_peer_last_handshake(const struct wg_peer *peer); /* UNIX ns, 0 = never */

void wg_peer_set_psk(struct wg_peer *peer, const uint8_t psk[32]); /* applies to new handshakes */
void wg_peer_set_endpoint(struct wg_peer *peer, const struct wg_endpoint *ep);
/* 0 = off. Switched on: one is due at once. */
void wg_peer_set_keepalive(struct wg_peer *peer, uint16_t seconds, wg_time now);

/* TAI64N stamps that outlive the process: newest sent, newest accepted from the peer. */
void wg_peer_set_stamps(struct wg_peer *peer, const uint8_t sent[12], const uint8_t seen[12]);
void wg_peer_get_stamps(const struct wg_peer *peer, uint8_t sent[12], uint8_t seen[12]);

/* --- AllowedIPs: routing table and source filter ----------------------------------------- */

/*
 * len 0..128, IPv4 96 + n; bits beyond len are ignored. IPv4 addresses match IPv4 prefixes alone:
 * ::/0 does not contain them. add moves the prefix from another peer; 0, -EINVAL (len), -ENOMEM
 * (ESC_PREFIXES_MAX are there). remove does nothing unless the peer has exactly this prefix.
 */
int wg_prefix_add(struct wg_peer *peer, const uint8_t addr[16], uint8_t len);
void wg_prefix_remove(struct wg_peer *peer, const uint8_t addr[16], uint8_t len);
void wg_prefix_clear(struct wg_peer *peer);
struct wg_peer *wg_route(const struct wg_device *dev, const uint8_t addr[16]); /* longest match */

/* --- handshake and cookie messages (types 1, 2, 3) ---------------------------------------- */

/*
 * Has an authentic message of a peer come from this address, or did an administrator name it? The
 * number of its entry in guard.known, below ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS; -1: no.
 */
int wg_known(const struct wg_device *dev, const uint8_t addr[16]);

enum wg_verdict {
	WG_HS_DROP,	   /* refused; the network learns nothing */
	WG_HS_ACCEPTED,	   /* initiation: out holds the response. response: session is ready */
	WG_HS_COOKIE,	   /* cookie reply accepted, out empty */
	WG_HS_COOKIE_SENT, /* under load without valid mac2: out holds a cookie reply */
};

struct wg_received {
	enum wg_verdict verdict;
	struct wg_peer *peer; /* ACCEPTED, COOKIE */
	bool session_ready;   /* packets that waited for this peer can go now */
};

/* Consume one message of wg_message_type() 1..3. out->len = 0 if there is nothing to send. */
struct wg_received wg_receive(struct wg_device *dev, wg_time now, const struct wg_endpoint *from,
			      const uint8_t *msg, size_t len, bool under_load, struct wg_out *out);

/* --- data messages (type 4) ---------------------------------------------------------------- */

enum wg_tx {
	WG_TX_OK,	   /* tx is filled: seal with it and send to wg_peer_endpoint() */
	WG_TX_STAGE,	   /* no usable session: keep the packet; a handshake was asked for */
	WG_TX_NO_ENDPOINT, /* the peer's address is not known */
};

struct wg_tx_slot {
	const void *key;   /* env.key_new's */
	uint64_t counter;  /* goes into the header and the nonce */
	uint32_t receiver; /* receiver index, host order */
};

/* Take one counter for a packet to this peer. */
enum wg_tx wg_tx_begin(struct wg_peer *peer, wg_time now, bool keepalive, struct wg_tx_slot *tx);

/* Receiver index (host order) -> keypair, or NULL. */
struct wg_keypair *wg_rx_keypair(struct wg_device *dev, uint32_t receiver);
const void *wg_rx_key(const struct wg_keypair *kp);
struct wg_peer *wg_rx_peer(const struct wg_keypair *kp);

/* Cheap look before opening: false if the key expired or the counter is certainly too old. */
enum wg_rx {
	WG_RX_OK,
	WG_RX_OK_SESSION_READY, /* this packet confirmed a new session: staged packets can go */
	WG_RX_EXPIRED,
	WG_RX_REPLAY,
};
enum wg_rx wg_rx_precheck(const struct wg_keypair *kp, wg_time now, uint64_t counter);

/*
 * The tag was right: check and mark the counter, confirm the session, roam to `from`, run the
 * timers. Only now may the plaintext be used. Never call it for a packet whose tag was wrong.
 */
enum wg_rx wg_rx_authenticated(struct wg_keypair *kp, wg_time now, uint64_t counter, bool keepalive,
			       const struct wg_endpoint *from);

/* --- time ------------------------------------------------------------------------------------ */

enum wg_action {
	WG_ACT_NONE,
	WG_ACT_SEND,	  /* out holds a handshake initiation */
	WG_ACT_KEEPALIVE, /* send an empty data message to *peer (wg_tx_begin with keepalive) */
	WG_ACT_GAVE_UP,	  /* no answer for REKEY_ATTEMPT_TIME: drop what waits for *peer */
};

/* When wg_poll has something to do: a `now` value, 0 = at once, WG_NEVER = not before new input. */
wg_time wg_next(const struct wg_device *dev);

/* Do what is due; call again until WG_ACT_NONE. */
enum wg_action wg_poll(struct wg_device *dev, wg_time now, struct wg_peer **peer,
		       struct wg_out *out);

#endif
