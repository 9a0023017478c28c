/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h: WireGuard's messages as they are on the wire and every limit of the protocol.
 * WireGuard paper, 5.4 (messages) and 6.1 (constants). All integers are little-endian.
 */
#ifndef ESC_NOISE_WIRE_H
#define ESC_NOISE_WIRE_H

#include <stdint.h>

enum wg_message_type {
	WG_INITIATION = 1,
	WG_RESPONSE = 2,
	WG_COOKIE = 3,
	WG_DATA = 4,
};

#define WG_KEY_LEN	    32
#define WG_TAG_LEN	    16
#define WG_MAC_LEN	    16
#define WG_COOKIE_LEN	    16
#define WG_TIMESTAMP_LEN    12
#define WG_COOKIE_NONCE_LEN 24

struct wg_msg_macs {
	uint8_t mac1[WG_MAC_LEN];
	uint8_t mac2[WG_MAC_LEN];
};

struct wg_msg_initiation {
	uint32_t type; /* one byte of type, three reserved zero bytes */
	uint32_t sender;
	uint8_t unencrypted_ephemeral[WG_KEY_LEN];
	uint8_t encrypted_static[WG_KEY_LEN + WG_TAG_LEN];
	uint8_t encrypted_timestamp[WG_TIMESTAMP_LEN + WG_TAG_LEN];
	struct wg_msg_macs macs;
};

struct wg_msg_response {
	uint32_t type;
	uint32_t sender;
	uint32_t receiver;
	uint8_t unencrypted_ephemeral[WG_KEY_LEN];
	uint8_t encrypted_nothing[WG_TAG_LEN];
	struct wg_msg_macs macs;
};

struct wg_msg_cookie {
	uint32_t type;
	uint32_t receiver;
	uint8_t nonce[WG_COOKIE_NONCE_LEN];
	uint8_t encrypted_cookie[WG_COOKIE_LEN + WG_TAG_LEN];
};

/* Header of a data message; ciphertext and tag follow. */
struct wg_msg_data {
	uint32_t type;
	uint32_t receiver;
	uint64_t counter;
};

#define WG_INITIATION_LEN   148
#define WG_RESPONSE_LEN	    92
#define WG_COOKIE_REPLY_LEN 64
#define WG_DATA_HEADER_LEN  16
#define WG_DATA_OVERHEAD    (WG_DATA_HEADER_LEN + WG_TAG_LEN)
#define WG_PADDING	    16 /* plaintext is padded to this, but never beyond the tunnel's MTU */

_Static_assert(sizeof(struct wg_msg_initiation) == WG_INITIATION_LEN, "initiation length");
_Static_assert(sizeof(struct wg_msg_response) == WG_RESPONSE_LEN, "response length");
_Static_assert(sizeof(struct wg_msg_cookie) == WG_COOKIE_REPLY_LEN, "cookie reply length");
_Static_assert(sizeof(struct wg_msg_data) == WG_DATA_HEADER_LEN, "data header length");

#define WG_SECOND 1000000000ull

/* 6.1 and 6.5: timers, in nanoseconds */
#define WG_REKEY_AFTER_TIME    (120 * WG_SECOND)
#define WG_REJECT_AFTER_TIME   (180 * WG_SECOND)
#define WG_REKEY_ATTEMPT_TIME  (90 * WG_SECOND)
#define WG_REKEY_TIMEOUT       (5 * WG_SECOND)
#define WG_KEEPALIVE_TIMEOUT   (10 * WG_SECOND)
#define WG_REKEY_JITTER	       (WG_SECOND / 3) /* random, added to REKEY_TIMEOUT */
#define WG_COOKIE_SECRET_TIME  (120 * WG_SECOND)
#define WG_COOKIE_LATENCY      (5 * WG_SECOND)
#define WG_INITIATION_INTERVAL (WG_SECOND / 50) /* between accepted initiations of one peer */

/* 6.1: messages */
#define WG_WINDOW_BITS		 8192ull /* RFC 6479, bits kept */
#define WG_WINDOW_REDUNDANT	 64ull	 /* one word is always being cleared */
#define WG_WINDOW_SIZE		 (WG_WINDOW_BITS - WG_WINDOW_REDUNDANT)
#define WG_REKEY_AFTER_MESSAGES	 (1ull << 60)
#define WG_REJECT_AFTER_MESSAGES (UINT64_MAX - WG_WINDOW_SIZE - 1)

#endif
