/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outer.h: Ethernet, IP and UDP headers around WireGuard messages on the black NIC.
 */
#ifndef ESC_CRYPTO_OUTER_H
#define ESC_CRYPTO_OUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "noise/wg.h"

#define OUTER_ETH_LEN 14u
#define OUTER_V4_LEN  (OUTER_ETH_LEN + 20u + 8u)
#define OUTER_V6_LEN  (OUTER_ETH_LEN + 40u + 8u)

/* A received frame, taken apart. */
struct outer_in {
	struct wg_endpoint from; /* addr, port: theirs; local: ours */
	uint8_t mac[6];		 /* who handed the frame to us */
	uint8_t ecn;		 /* of the outer header */
	const uint8_t *msg;	 /* UDP payload */
	uint32_t len;
};

/* Where a frame goes. */
struct outer_path {
	uint8_t dst_mac[6], src_mac[6];
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port; /* host order */
};

/* Take a frame apart; the XDP program checked it before, this does not rely on that. */
bool outer_parse(const uint8_t *frame, uint32_t frame_len, struct outer_in *in);

/*
 * Write the headers in front of a complete message at msg, which must have OUTER_V6_LEN bytes of
 * room before it. tos: the outer traffic class (DSCP 0, ECN of the inner packet). id: IPv4
 * identification. Returns the bytes before msg that the frame begins with.
 */
uint32_t outer_write(uint8_t *msg, uint32_t len, const struct outer_path *path, uint8_t tos,
		     uint16_t id);

#endif
