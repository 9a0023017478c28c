/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cookie.h: mac1, mac2 and cookie replies; WireGuard paper, 5.3, 5.4.4, 5.4.7 (R3). mac1 proves
 * that the sender knows the receiver's public key; mac2 that it receives at its source address.
 * msg with len is always a whole initiation or response: its last 32 bytes are struct wg_msg_macs.
 */
#ifndef ESC_NOISE_COOKIE_H
#define ESC_NOISE_COOKIE_H

#include "noise/primitives.h"
#include "noise/wg.h"

/* Keys that derive from a public key: no secrets. */
struct wg_mac_keys {
	uint8_t mac1[WG_KEY_LEN];
	uint8_t cookie[WG_KEY_LEN];
};

bool wg_mac_keys_init(struct wg_blake2s *b, struct wg_mac_keys *keys,
		      const uint8_t public_key[WG_KEY_LEN]);

/*
 * Receiver: one per device. There are no secrets until a cookie is asked for, then always two that
 * are valid: cookies are made with the newest, for WG_COOKIE_SECRET_TIME, and are valid for at
 * least as long after that. When nobody asked for one while a secret was the newest, both go.
 */
struct wg_cookie_checker {
	struct wg_mac_keys keys; /* of the own public key */
	const struct wg_env *env;
	uint8_t (*secret)[WG_KEY_LEN]; /* [number % 2]; 2 of them, in the device's locked memory */
	uint32_t number;	       /* of the newest; grows for ever */
	wg_time change_at;	       /* WG_NEVER: there are no secrets */
	bool asked;		       /* for a cookie, since the newest was made */
};

/* secret: two, wiped. */
void wg_cookie_init(struct wg_cookie_checker *c, const struct wg_env *env,
		    uint8_t (*secret)[WG_KEY_LEN]);
/* Change the secrets if it is time; the functions below do so themselves. */
void wg_cookie_change(struct wg_cookie_checker *c, wg_time now);
void wg_cookie_wipe(struct wg_cookie_checker *c);

bool wg_mac1_valid(struct wg_blake2s *b, const struct wg_cookie_checker *c, const uint8_t *msg,
		   size_t len);
/* mac2 over the cookie that was made for this address and port with a secret that is valid. */
bool wg_mac2_valid(struct wg_blake2s *b, struct wg_cookie_checker *c, wg_time now,
		   const struct wg_endpoint *from, const uint8_t *msg, size_t len);
/* Answer msg, whose sender index is at its usual place, with a cookie for `from`. */
bool wg_cookie_make(struct wg_blake2s *b, struct wg_cookie_checker *c, wg_time now,
		    const struct wg_endpoint *from, const uint8_t *msg, size_t len,
		    struct wg_msg_cookie *reply);

/* Sender: one per peer. */
struct wg_cookie_maker {
	struct wg_mac_keys keys;  /* of the peer's public key */
	uint8_t *cookie;	  /* WG_COOKIE_LEN bytes of the device's locked memory */
	wg_time cookie_until;	  /* 0: none */
	uint8_t sent[WG_MAC_LEN]; /* newest mac1: a reply must answer it */
	bool awaiting;		  /* sent was not answered yet */
};

/* Write mac1, and mac2 if there is a cookie, into the message's end. */
bool wg_macs_add(struct wg_blake2s *b, struct wg_cookie_maker *m, wg_time now, uint8_t *msg,
		 size_t len);
/* Take the cookie; false if the reply does not answer the newest message. */
bool wg_cookie_take(struct wg_cookie_maker *m, wg_time now, const struct wg_msg_cookie *reply);

#endif
