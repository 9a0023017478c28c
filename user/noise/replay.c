/* SPDX-License-Identifier: BSD-2-Clause */
/* replay.c: the anti-replay window of RFC 6479 without bit shifting (R2). */
#include "noise/replay.h"

_Static_assert(!(WG_WINDOW_WORDS & (WG_WINDOW_WORDS - 1)), "words are addressed by a mask");
_Static_assert(WG_WINDOW_REDUNDANT >= 64, "the word that is filled must be outside the window");

static uint64_t word_of(uint64_t counter)
{
	return counter / 64 & (WG_WINDOW_WORDS - 1);
}

bool wg_replay_fresh(const struct wg_replay *r, uint64_t counter)
{
	if (counter >= WG_REJECT_AFTER_MESSAGES)
		return false;
	if (counter > r->newest)
		return true;
	if (r->newest - counter > WG_WINDOW_SIZE)
		return false;
	return !(r->seen[word_of(counter)] >> counter % 64 & 1);
}

bool wg_replay_mark(struct wg_replay *r, uint64_t counter)
{
	if (!wg_replay_fresh(r, counter))
		return false;
	if (counter > r->newest) {
		uint64_t word = r->newest / 64;
		uint64_t ahead = counter / 64 - word;

		if (ahead > WG_WINDOW_WORDS)
			ahead = WG_WINDOW_WORDS;
		while (ahead--)
			r->seen[++word & (WG_WINDOW_WORDS - 1)] = 0;
		r->newest = counter;
	}
	r->seen[word_of(counter)] |= 1ull << counter % 64;
	return true;
}
