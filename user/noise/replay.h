/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h: which counters of a session were seen (R2): the sliding bitmap of RFC 6479. A counter
 * is fresh if it is at most WG_WINDOW_SIZE behind the newest one and was not marked before.
 * All zero is a window that saw nothing.
 */
#ifndef ESC_NOISE_REPLAY_H
#define ESC_NOISE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "noise/wire.h"

#define WG_WINDOW_WORDS (WG_WINDOW_BITS / 64)

struct wg_replay {
	uint64_t newest;
	uint64_t seen[WG_WINDOW_WORDS]; /* counter c: bit c % 64 of word c / 64 % WG_WINDOW_WORDS */
};

/* Is it fresh? Changes nothing: for a packet that is not authenticated yet. */
bool wg_replay_fresh(const struct wg_replay *r, uint64_t counter);

/* Mark it; false if it was not fresh. Only for authenticated packets. */
bool wg_replay_mark(struct wg_replay *r, uint64_t counter);

#endif
