/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.h: the writer's side of maps/guard.h (R3): tells the black program what the core knows,
 * in the order that a reader on another processor relies on. What is published is what the core
 * itself goes by: a message that one of them takes, the other takes too.
 */
#ifndef ESC_NOISE_PUBLISH_H
#define ESC_NOISE_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "guard.h"
#include "noise/wire.h"

/* Forget what a dead writer left and begin; the end leaves nothing behind. */
void wg_guard_begin(struct esc_guard *g);
void wg_guard_end(struct esc_guard *g);

/* The slot of this index; value 0 frees it. */
static inline uint32_t wg_guard_slot(uint32_t value)
{
	return value & (ESC_SESSION_SLOTS - 1);
}
void wg_guard_session(struct esc_guard *g, uint32_t slot, uint32_t value);

/* mac1's key, from the public key; NULL: no key, handshakes end. */
void wg_guard_mac1(struct esc_guard *g, const uint8_t key[WG_KEY_LEN]);

/*
 * Cookie secrets: write the one that is to have this number, show it as the newest, wipe one that
 * is not valid any more. Before the first is shown, the one before it must be written too.
 */
void wg_guard_cookie_write(struct esc_guard *g, uint32_t number, const uint8_t secret[WG_KEY_LEN]);
void wg_guard_cookie_show(struct esc_guard *g, uint32_t number); /* 0: none is valid */
void wg_guard_cookie_wipe(struct esc_guard *g, uint32_t number);

/*
 * Addresses of peers: enter() the address of one more peer; false if its bucket is full, then
 * leave() must not be called for it. peers[] counts per entry.
 */
struct wg_known_peers {
	uint16_t peers[ESC_KNOWN_BUCKETS][ESC_KNOWN_WAYS];
};
bool wg_guard_enter(struct esc_guard *g, struct wg_known_peers *k, const uint8_t addr[16]);
void wg_guard_leave(struct esc_guard *g, struct wg_known_peers *k, const uint8_t addr[16]);
/* The number of its entry, below ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS; -1: not known. */
int wg_guard_find(const struct esc_guard *g, const uint8_t addr[16]);

#endif
