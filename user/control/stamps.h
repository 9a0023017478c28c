/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stamps.h: the newest TAI64N time stamps of each peer's handshakes, kept in STATE/NAME.stamps
 * across restarts: so a handshake that was recorded earlier cannot be replayed to a node that
 * just started, and a clock that was set back does not lock the node out of its peers (WireGuard
 * paper, 5.1). Not secret, but 0600 like all of the node's state.
 */
#ifndef ESC_CONTROL_STAMPS_H
#define ESC_CONTROL_STAMPS_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"
#include "sizes.h"

#define ESC_STAMPS_MAX (2u * ESC_PEERS_MAX) /* peers of now, and some that were removed */

struct esc_stamps {
	char path[320];
	bool dirty;
	uint32_t n;
	struct esc_msg_stamp stamp[ESC_STAMPS_MAX];
};

/*
 * Read what an earlier run kept, making the folder. A missing file is an empty one; a damaged
 * line is left out with a warning. 0, or -errno after saying why.
 */
int esc_stamps_open(struct esc_stamps *s, const char *dir, const char *node);

/* NULL: none known. */
const struct esc_msg_stamp *esc_stamps_find(const struct esc_stamps *s, const uint8_t key[32]);

/*
 * Newer stamps of a peer; stamps never go back. keep() tells whether a key belongs to a peer of
 * now: when the table is full, one that does not makes room. true: something changed.
 */
bool esc_stamps_put(struct esc_stamps *s, const struct esc_msg_stamp *m,
		    bool (*keep)(void *arg, const uint8_t key[32]), void *arg);

/* Write the file if anything changed (replaced as a whole, synced). 0 or -errno. */
int esc_stamps_flush(struct esc_stamps *s);

#endif
