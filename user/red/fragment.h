/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ESC_RED_FRAGMENT_H
#define ESC_RED_FRAGMENT_H

#include "red/ip.h"

/* Where a fragment goes: room bytes for it, or NULL to give up; emit() gets the finished one. */
struct fragment_sink {
	void *arg;
	uint8_t *(*room)(void *arg, uint32_t size);
	void (*emit)(void *arg, uint8_t *ip, uint32_t len);
};

/*
 * Split an IPv4 packet that may be split into fragments of at most mtu bytes (RFC 791, 3.2; a
 * fragment may be split again). Returns how many were emitted; 0 if it may not be split, or if
 * there was not room for all of them (the first ones may have been emitted).
 */
uint32_t fragment_v4(const struct packet *p, uint32_t mtu, const struct fragment_sink *sink);

#endif
