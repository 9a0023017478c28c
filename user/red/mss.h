/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ESC_RED_MSS_H
#define ESC_RED_MSS_H

#include "red/ip.h"

/*
 * Lower the MSS option of a TCP SYN so that its segments fit into packets of mtu bytes (R10;
 * RFC 879, RFC 6691: MSS = MTU - 40 for IPv4, - 60 for IPv6). Never raises it, touches nothing
 * else, walks options within the packet only. true: changed.
 */
bool mss_clamp(struct packet *p, uint32_t mtu);

#endif
