/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h: is the node under load, and what may handshakes cost (R3)? Times are esc_now()'s.
 *
 * Under load handshakes from unknown addresses need a cookie. What counts is work for nobody:
 * initiations that were refused, cookies that were asked for. Authenticated handshakes do not
 * count, however many peers come at once. The node is under load
 *   from: LOAD_ENTER refused messages within seconds, a long queue, or an initiation with a right
 *	   mac1 that the black program had no budget for: somebody's may be among those;
 *   to:   a calm period. It begins at LOAD_CALM and doubles whenever the next load follows soon,
 *	   for once mac2 is asked for most of a flood ends in the black program, unseen here.
 */
#ifndef ESC_CRYPTO_LOAD_H
#define ESC_CRYPTO_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "guard.h"

/*
 * More refused messages per second than mistakes explain, and so many at once. Both are well below
 * what the black program lets through by default: crypto must notice before its budgets do harm.
 */
#define LOAD_RATE     64u
#define LOAD_ENTER    256u
#define LOAD_WAITING  512u /* handshake messages in the queue */

#define LOAD_CALM     (10 * ESC_S)
#define LOAD_CALM_MAX (320 * ESC_S)

/*
 * Handshake messages per second, and at once, that a known address may send without a cookie; the
 * rest is asked for one. The black program lets more pass when cookies are cheap, and anybody can
 * forge the address.
 */
#define LOAD_KNOWN_RATE	 20u
#define LOAD_KNOWN_BURST 50u

/* While data packets wait, handshakes get one part of the time in so many. */
#define LOAD_SHARE 5u

struct load {
	bool on;
	uint64_t busy_until; /* all counted messages have drained, at LOAD_RATE */
	uint64_t calm;	     /* how long it has to stay so */
	uint64_t left_at;    /* 0: never */
	uint64_t refused_at; /* the black program's, as seen last */
	uint64_t turn_at;    /* next handshake, if data packets wait */
	uint64_t full_at[ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS]; /* budget of a known address */
};

/* What happened. */
void load_message(struct load *l, uint64_t now); /* refused, or answered with a cookie */
void load_waiting(struct load *l, uint64_t now, uint32_t messages);
void load_budgets(struct load *l, uint64_t now, uint64_t refused_at); /* struct esc_buckets */

/* Is the node under load now? */
bool load_look(struct load *l, uint64_t now);
/* When to look again if nothing happens; UINT64_MAX: not before something does. */
uint64_t load_next(const struct load *l);

/* Under load: may a message of this known address (wg_known()) go without a cookie? */
bool load_known(struct load *l, uint64_t now, int known);

/* May a handshake message be worked on now? And it was, from then to then. */
bool load_turn(const struct load *l, uint64_t now, bool data_waits);
void load_spent(struct load *l, uint64_t from, uint64_t to);

#endif
