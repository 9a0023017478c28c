/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood.h: a generator of hostile packets for labs and measurements; root, in a network namespace.
 * Sends only what table.h's program sends: bounded in time and number.
 */
#ifndef ESC_FLOOD_H
#define ESC_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "noise/wg.h"
#include "noise/wire.h"
#include "table.h"

#define FLOOD_FRAME_MAX 1514u

struct flood_kind;
struct wg_blake2s;
struct wg_cookie_maker;

struct flood {
	const struct flood_kind *kind;
	/* from the command line */
	const char *device, *capture, *private_key;
	uint8_t mac[6], own_mac[6]; /* the target's, the device's */
	struct wg_endpoint to;
	struct wg_endpoint from; /* port 0: invented ones */
	uint8_t key[WG_KEY_LEN]; /* the target's public key */
	bool have_key;
	uint32_t size; /* of a message, where the kind leaves it open */
	double rate, seconds;
	uint64_t count;
	/* what is sent */
	struct flood_plan plan;
	struct flood_frame *table;
	uint8_t frame[FLOOD_FRAME_MAX]; /* what all have behind the head */
	uint32_t len;
};

enum {
	FLOOD_NEEDS_KEY = 1,
	FLOOD_NEEDS_CAPTURE = 2,
	FLOOD_NEEDS_FROM = 4,
	FLOOD_NEEDS_PRIVATE = 8,
	FLOOD_RAW = 16, /* no source to invent behind an IP header */
};

struct flood_kind {
	const char *name;
	int (*build)(struct flood *f);
	int needs;
	const char *text;
};

extern const struct flood_kind flood_kinds[];

/* --- frames.c: where frames begin --------------------------------------------------------- */

/* Appends a frame that carries this message; all must have one length. */
int flood_add(struct flood *f, const struct wg_endpoint *from, const uint8_t *msg, uint32_t len);
/* Appends a frame as it is. */
int flood_add_raw(struct flood *f, const uint8_t *frame, uint32_t len);
/* Where the message begins in a frame. */
uint32_t flood_message_at(const struct flood *f);
/* An IP header that was changed after flood_add() gets its checksum. */
void flood_ip_checksum(uint8_t *frame);
/* Internet checksum of an even or odd number of bytes, and of what was summed before. */
uint16_t flood_checksum(const uint8_t *p, uint32_t len, uint32_t sum);
void flood_random_at(struct flood *f, uint32_t offset);

/* --- capture.c ---------------------------------------------------------------------------- */

/*
 * Calls `each` for WireGuard messages of this type to f->to in the capture (pcap), oldest first;
 * ends when it does not return 0. Returns how many there were, or -1.
 */
int flood_capture(const struct flood *f, uint32_t type,
		  int (*each)(struct flood *f, const struct wg_endpoint *from, const uint8_t *msg,
			      uint32_t len, void *arg),
		  struct flood *pass, void *arg);

/* --- cookie.c ----------------------------------------------------------------------------- */

/*
 * Asks the target for a cookie from f->from, a bound UDP socket's address, until there is one; the
 * target must be under load by then. Needs WG_COOKIE_LEN bytes at m->cookie.
 */
int flood_get_cookie(struct flood *f, struct wg_blake2s *b, struct wg_cookie_maker *m);

/* A random initiation, with the MACs that the maker has for it. */
bool flood_initiation(struct wg_blake2s *b, struct wg_cookie_maker *m, uint8_t msg[148]);

/* --- peer.c ------------------------------------------------------------------------------- */

/* That many initiations of the peer whose private key is in f->private_key. */
int flood_peer(struct flood *f, uint32_t count);

#endif
