/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inner.h: what crypto looks at in an inner IP packet: lengths, addresses, ECN. The packet lies
 * in red memory, which red may change at any moment: the header is copied once and only the copy
 * is looked at.
 */
#ifndef ESC_CRYPTO_INNER_H
#define ESC_CRYPTO_INNER_H

#include <stdbool.h>
#include <stdint.h>

struct inner {
	uint8_t src[16], dst[16];
	uint32_t len; /* the IP header's own total length, <= the bytes given */
	uint8_t ecn;
	bool v4;
};

/* false: not a whole IPv4 or IPv6 packet. */
bool inner_parse(const uint8_t *packet, uint32_t len, struct inner *ip);

/* RFC 6040, 4.2: set CE on an ECN-capable packet (IPv4 header checksum kept right). */
void inner_set_ce(uint8_t *packet, const struct inner *ip);

#endif
