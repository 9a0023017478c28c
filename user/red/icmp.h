/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.h: ICMP and ICMPv6 messages that a router sends (RFC 792, 1122, 1812, 4443). Pure: bytes
 * in, bytes out.
 */
#ifndef ESC_RED_ICMP_H
#define ESC_RED_ICMP_H

#include "red/ip.h"

enum icmp_error {
	ICMP_ERROR_TTL,	    /* time exceeded in transit */
	ICMP_ERROR_TOO_BIG, /* fragmentation needed / packet too big; takes an MTU */
	ICMP_ERROR_HOST,    /* host / address unreachable, as the kernel's WireGuard says */
};

/* Longest message that icmp_error() writes: RFC 1812, 4.3.2.3 and RFC 4443, 2.4 (c). */
#define ICMP_ERROR_V4_MAX 576u
#define ICMP_ERROR_V6_MAX 1280u

/*
 * May an error be sent about this packet? Not about an ICMP error, a later fragment, or a packet
 * whose source or destination is not one host (RFC 1812, 4.3.2.7; RFC 4443, 2.4 (e)).
 */
bool icmp_may_answer(const struct packet *p);

/*
 * Write a whole IP packet with the error about p, from `own` (same family as p), to out, which
 * holds `room` bytes. Returns its length, 0 if it does not fit.
 */
uint32_t icmp_error(uint8_t *out, uint32_t room, const struct packet *p, const uint8_t own[16],
		    enum icmp_error what, uint32_t mtu);

/* Is p a whole echo request without IP options or extension headers? */
bool icmp_is_echo_request(const struct packet *p);
/* Turn an echo request into its reply, in place. */
void icmp_echo_reply(struct packet *p);

#endif
