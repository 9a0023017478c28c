/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handshake.c: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (R1, R2); WireGuard paper, 5.4.
 *
 *   <- s
 *   ...
 *   -> e, es, s, ss, {t}		initiation, 5.4.2
 *   <- e, ee, se, psk, {}		response, 5.4.3
 *
 * The responder keeps nothing between the two: it answers at once. The initiator's state waits in
 * the vault (peer->secret) under the index peer->in_flight, and survives answering the peer's own
 * initiation: when both begin at the same moment, both handshakes succeed.
 */
#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "noise/core.h"
#include "noise/stamp.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

struct noise {
	uint8_t chaining_key[WG_KEY_LEN];
	uint8_t hash[WG_KEY_LEN];
	uint8_t key[WG_KEY_LEN]; /* of the next encryption */
};

static bool mix_hash(struct wg_blake2s *b, struct noise *n, const void *data, size_t len)
{
	return wg_hash(b, n->hash, n->hash, WG_KEY_LEN, data, len);
}

static bool mix_key(struct wg_blake2s *b, struct noise *n, const uint8_t input[WG_KEY_LEN])
{
	return wg_kdf(b, n->chaining_key, input, WG_KEY_LEN, n->chaining_key, n->key, NULL);
}

static bool mix_dh(struct wg_blake2s *b, struct noise *n, const uint8_t private_key[WG_KEY_LEN],
		   const uint8_t public_key[WG_KEY_LEN])
{
	uint8_t dh[WG_KEY_LEN];
	bool ok = wg_dh(dh, private_key, public_key) && mix_key(b, n, dh);

	sodium_memzero(dh, sizeof(dh));
	return ok;
}

static bool mix_psk(struct wg_blake2s *b, struct noise *n, const uint8_t psk[WG_KEY_LEN])
{
	uint8_t tau[WG_KEY_LEN];
	bool ok = wg_kdf(b, n->chaining_key, psk, WG_KEY_LEN, n->chaining_key, tau, n->key) &&
		  mix_hash(b, n, tau, sizeof(tau));

	sodium_memzero(tau, sizeof(tau));
	return ok;
}

static bool mix_ephemeral(struct wg_blake2s *b, struct noise *n,
			  const uint8_t ephemeral[WG_KEY_LEN])
{
	return wg_kdf(b, n->chaining_key, ephemeral, WG_KEY_LEN, n->chaining_key, NULL, NULL) &&
	       mix_hash(b, n, ephemeral, WG_KEY_LEN);
}

static bool encrypt_and_hash(struct wg_blake2s *b, struct noise *n, uint8_t *out,
			     const uint8_t *plain, size_t len)
{
	wg_seal(out, plain, len, n->hash, n->key);
	return mix_hash(b, n, out, len + WG_TAG_LEN);
}

static bool decrypt_and_hash(struct wg_blake2s *b, struct noise *n, uint8_t *plain,
			     const uint8_t *sealed, size_t sealed_len)
{
	return wg_open(plain, sealed, sealed_len, n->hash, n->key) &&
	       mix_hash(b, n, sealed, sealed_len);
}

/* Pre-message: <- s */
static bool noise_begin(struct wg_blake2s *b, struct noise *n, const uint8_t responder[WG_KEY_LEN])
{
	return wg_hash(b, n->chaining_key, construction, sizeof(construction) - 1, NULL, 0) &&
	       wg_hash(b, n->hash, n->chaining_key, WG_KEY_LEN, identifier,
		       sizeof(identifier) - 1) &&
	       mix_hash(b, n, responder, WG_KEY_LEN);
}

static bool new_ephemeral(const struct wg_device *dev, uint8_t private_key[WG_KEY_LEN],
			  uint8_t public_key[WG_KEY_LEN])
{
	wg_random(dev, private_key, WG_KEY_LEN);
	wg_clamp(private_key);
	return wg_dh_public(public_key, private_key);
}

void wg_handshake_clear(struct wg_peer *peer)
{
	if (peer->in_flight.value)
		wg_index_remove(peer->dev, &peer->in_flight);
	sodium_memzero(peer->secret->ephemeral, WG_KEY_LEN);
	sodium_memzero(peer->secret->chaining_key, WG_KEY_LEN);
	sodium_memzero(peer->secret->hash, WG_KEY_LEN);
}

/* 5.4.5: the transport keys; the initiator sends with the first one. */
static struct wg_keypair *split(struct wg_peer *peer, wg_time now, const struct noise *n,
				bool initiator, uint32_t receiver)
{
	uint8_t t1[WG_KEY_LEN], t2[WG_KEY_LEN];
	struct wg_keypair *kp = NULL;

	if (wg_kdf(peer->dev->blake2s, n->chaining_key, NULL, 0, t1, t2, NULL)) {
		const struct wg_session s = {
			.initiator = initiator,
			.receiver = receiver,
			.tx_key = initiator ? t1 : t2,
			.rx_key = initiator ? t2 : t1,
		};

		kp = wg_session_begin(peer, now, &s);
	}
	sodium_memzero(t1, sizeof(t1));
	sodium_memzero(t2, sizeof(t2));
	return kp;
}

bool wg_initiation_create(struct wg_peer *peer, struct wg_msg_initiation *msg)
{
	struct wg_device *dev = peer->dev;
	struct wg_blake2s *b = dev->blake2s;
	struct wg_peer_secrets *own = peer->secret;
	struct noise n;

	wg_handshake_clear(peer);
	if (!peer->has_static_static)
		return false;
	wg_stamp_next(peer->stamp_sent, peer->stamp_sent, dev->env.unix_ns(dev->env.arg));

	bool ok = noise_begin(b, &n, peer->public_key) &&
		  /* e */
		  new_ephemeral(dev, own->ephemeral, msg->unencrypted_ephemeral) &&
		  mix_ephemeral(b, &n, msg->unencrypted_ephemeral) &&
		  /* es */
		  mix_dh(b, &n, own->ephemeral, peer->public_key) &&
		  /* s */
		  encrypt_and_hash(b, &n, msg->encrypted_static, dev->public_key, WG_KEY_LEN) &&
		  /* ss */
		  mix_key(b, &n, own->static_static) &&
		  /* {t} */
		  encrypt_and_hash(b, &n, msg->encrypted_timestamp, peer->stamp_sent,
				   WG_TIMESTAMP_LEN) &&
		  wg_index_add(dev, &peer->in_flight, peer, false);
	if (ok) {
		memcpy(own->chaining_key, n.chaining_key, WG_KEY_LEN);
		memcpy(own->hash, n.hash, WG_KEY_LEN);
		msg->type = htole32(WG_INITIATION);
		msg->sender = htole32(peer->in_flight.value);
	} else {
		wg_handshake_clear(peer);
	}
	sodium_memzero(&n, sizeof(n));
	return ok;
}

/* 5.1: an initiation counts once, in order, and not too often: each costs us a response. */
static bool admit(struct wg_peer *peer, wg_time now, const uint8_t stamp[WG_TIMESTAMP_LEN])
{
	if (memcmp(stamp, peer->stamp_seen, WG_TIMESTAMP_LEN) <= 0 || now < peer->accept_from)
		return false;
	memcpy(peer->stamp_seen, stamp, WG_TIMESTAMP_LEN);
	peer->accept_from = now + WG_INITIATION_INTERVAL;
	return true;
}

static struct wg_peer *consume_initiation(struct wg_device *dev, wg_time now, struct noise *n,
					  const struct wg_msg_initiation *msg)
{
	struct wg_blake2s *b = dev->blake2s;
	uint8_t public_key[WG_KEY_LEN], stamp[WG_TIMESTAMP_LEN];

	if (wg_seen(&dev->seen, msg->unencrypted_ephemeral) ||
	    !noise_begin(b, n, dev->public_key) ||
	    /* e */
	    !mix_ephemeral(b, n, msg->unencrypted_ephemeral) ||
	    /* es */
	    !mix_dh(b, n, dev->vault->private_key, msg->unencrypted_ephemeral) ||
	    /* s */
	    !decrypt_and_hash(b, n, public_key, msg->encrypted_static,
			      sizeof(msg->encrypted_static)))
		return NULL;
	struct wg_peer *peer = wg_peer_by_key(dev, public_key);
	if (!peer || !peer->has_static_static ||
	    /* ss */
	    !mix_key(b, n, peer->secret->static_static) ||
	    /* {t} */
	    !decrypt_and_hash(b, n, stamp, msg->encrypted_timestamp,
			      sizeof(msg->encrypted_timestamp)))
		return NULL;
	wg_seen_add(&dev->seen, msg->unencrypted_ephemeral);
	return admit(peer, now, stamp) ? peer : NULL;
}

static bool create_response(struct wg_peer *peer, wg_time now, struct noise *n,
			    const struct wg_msg_initiation *to, struct wg_msg_response *msg)
{
	struct wg_blake2s *b = peer->dev->blake2s;
	uint8_t ephemeral[WG_KEY_LEN];
	struct wg_keypair *kp = NULL;

	/* e */
	if (new_ephemeral(peer->dev, ephemeral, msg->unencrypted_ephemeral) &&
	    mix_ephemeral(b, n, msg->unencrypted_ephemeral) &&
	    /* ee */
	    mix_dh(b, n, ephemeral, to->unencrypted_ephemeral) &&
	    /* se */
	    mix_dh(b, n, ephemeral, peer->public_key) &&
	    /* psk */
	    mix_psk(b, n, peer->secret->preshared) &&
	    /* {} */
	    encrypt_and_hash(b, n, msg->encrypted_nothing, NULL, 0))
		kp = split(peer, now, n, false, le32toh(to->sender));
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (!kp)
		return false;
	msg->type = htole32(WG_RESPONSE);
	msg->sender = htole32(kp->index.value);
	msg->receiver = to->sender;
	return true;
}

struct wg_peer *wg_initiation_answer(struct wg_device *dev, wg_time now,
				     const struct wg_msg_initiation *msg,
				     struct wg_msg_response *response)
{
	struct noise n;
	struct wg_peer *peer = consume_initiation(dev, now, &n, msg);

	if (peer && !create_response(peer, now, &n, msg, response))
		peer = NULL;
	sodium_memzero(&n, sizeof(n));
	return peer;
}

struct wg_peer *wg_response_consume(struct wg_device *dev, wg_time now,
				    const struct wg_msg_response *msg)
{
	struct wg_blake2s *b = dev->blake2s;
	struct wg_index *index = wg_index_find(dev, le32toh(msg->receiver));
	struct noise n;
	uint8_t nothing[1];

	if (!index || index->is_keypair)
		return NULL;
	struct wg_peer *peer = index->peer;
	const struct wg_peer_secrets *own = peer->secret;
	memcpy(n.chaining_key, own->chaining_key, WG_KEY_LEN);
	memcpy(n.hash, own->hash, WG_KEY_LEN);

	/* e */
	bool ok = mix_ephemeral(b, &n, msg->unencrypted_ephemeral) &&
		  /* ee */
		  mix_dh(b, &n, own->ephemeral, msg->unencrypted_ephemeral) &&
		  /* se */
		  mix_dh(b, &n, dev->vault->private_key, msg->unencrypted_ephemeral) &&
		  /* psk */
		  mix_psk(b, &n, own->preshared) &&
		  /* {} */
		  decrypt_and_hash(b, &n, nothing, msg->encrypted_nothing,
				   sizeof(msg->encrypted_nothing)) &&
		  split(peer, now, &n, true, le32toh(msg->sender));
	if (ok)
		wg_handshake_clear(peer);
	sodium_memzero(&n, sizeof(n));
	return ok ? peer : NULL;
}
