/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allowedips.h: AllowedIPs, WireGuard paper, section 2 (cryptokey routing): longest prefix -> peer
 * (R8, R10). Two path-compressed binary tries in one array of nodes: one for IPv4 (prefixes inside
 * ::ffff:0:0/96), one for everything else, so that ::/0 does not swallow IPv4.
 *
 * Room for ESC_PREFIXES_MAX prefixes is taken at once; no call allocates later. The owner is an
 * opaque pointer with a list head that its owner keeps.
 */
#ifndef ESC_NOISE_ALLOWEDIPS_H
#define ESC_NOISE_ALLOWEDIPS_H

#include <stdbool.h>
#include <stdint.h>

struct wg_allowedips;

/* Part of whoever can own prefixes; all zero = owns none. */
struct wg_prefix_owner {
	uint32_t first; /* node number of its first prefix */
};

struct wg_allowedips *wg_allowedips_new(void); /* NULL: out of memory */
void wg_allowedips_free(struct wg_allowedips *t);

/* Addresses and lengths as in wg.h. 0; -EINVAL: len > 128; -ENOMEM: ESC_PREFIXES_MAX are there. */
int wg_allowedips_add(struct wg_allowedips *t, struct wg_prefix_owner *owner,
		      const uint8_t addr[16], uint8_t len);
/* Nothing happens unless this owner has exactly this prefix. */
void wg_allowedips_remove(struct wg_allowedips *t, struct wg_prefix_owner *owner,
			  const uint8_t addr[16], uint8_t len);
void wg_allowedips_clear(struct wg_allowedips *t, struct wg_prefix_owner *owner);
struct wg_prefix_owner *wg_allowedips_lookup(const struct wg_allowedips *t, const uint8_t addr[16]);

#endif
