/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen.h: ephemeral keys of initiations that were authentic (R3). An initiation's sender makes a
 * new one each time, so whoever sends one again only repeats what he heard: that costs a look here
 * and no Diffie-Hellman. Memory is fixed; a new one may push out an old one, which then costs one
 * Diffie-Hellman again: its time stamp is what refuses it in any case.
 */
#ifndef ESC_NOISE_SEEN_H
#define ESC_NOISE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "noise/wire.h"

#define WG_SEEN 4096u /* a power of two: those of an hour, if all peers renew their keys */

struct wg_seen {
	uint8_t key[16]; /* random: nobody can choose what pushes out what */
	uint64_t hash[WG_SEEN];
};

bool wg_seen(const struct wg_seen *s, const uint8_t ephemeral[WG_KEY_LEN]);
void wg_seen_add(struct wg_seen *s, const uint8_t ephemeral[WG_KEY_LEN]);

#endif
