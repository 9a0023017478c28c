/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip.h: an IP packet as the red process sees it, and Internet checksums (RFC 1071, RFC 1624).
 */
#ifndef ESC_RED_IP_H
#define ESC_RED_IP_H

#include <stdbool.h>
#include <stdint.h>

#define ETH_LEN	     14u
#define IPV4_LEN     20u
#define IPV6_LEN     40u
#define ICMP_LEN     8u
#define TTL_START    64u

#define NO_TRANSPORT 59u /* IPPROTO_NONE */

/* One packet, checked: header and `len` bytes are inside the frame. */
struct packet {
	uint8_t *ip;
	uint32_t len;	 /* the header's own total length */
	uint32_t header; /* IPv4: with options; IPv6: 40 */
	uint32_t upper;	 /* where the transport begins, behind IPv6 extension headers; <= len */
	uint8_t src[16], dst[16];
	uint8_t protocol; /* at `upper`; NO_TRANSPORT if extension headers hide it */
	bool v4;
	bool df;	      /* must not be fragmented here: DF, or IPv6 */
	bool later_fragment;  /* not the first one: begins within the payload */
	bool fragment;	      /* any fragment of several */
	uint32_t fragment_at; /* where in the payload it begins, bytes */
	uint32_t fragment_id; /* only of IPv6 fragments, of every IPv4 packet; host order */
};

/*
 * Check [ip, ip+room) and take it apart; false: not a whole IP packet, or an IPv4 header whose
 * checksum is wrong (RFC 1812, 5.2.2).
 */
bool packet_parse(uint8_t *ip, uint32_t room, struct packet *p);
/*
 * The same for the beginning of a packet that an ICMP error quotes: `len` is what there is of it,
 * at least its header, and a checksum that routers on the way did not mend does not matter.
 */
bool packet_parse_quote(uint8_t *ip, uint32_t room, struct packet *p);

/* A single host's address that packets may be routed from and to: see addr_routable() in ip.c. */
bool addr_routable(const uint8_t addr[16]);

uint8_t packet_ttl(const struct packet *p);
/* One hop less; the IPv4 header checksum follows. The TTL must be at least 2. */
void packet_age(struct packet *p);

/* Sum of 16-bit words; start a checksum with sum = 0 and end it with checksum_end(). */
uint32_t checksum_add(uint32_t sum, const uint8_t *data, uint32_t len);
/* Network byte order, complemented. */
uint16_t checksum_end(uint32_t sum);
/* IPv6 pseudo-header. */
uint32_t checksum_pseudo6(const uint8_t src[16], const uint8_t dst[16], uint32_t len,
			  uint8_t protocol);
/* A 16-bit word changed from `from` to `to` (host order): mend the checksum at `check`. */
void checksum_replace(uint8_t *check, uint16_t from, uint16_t to);

/* IPv4 header without options and its checksum. */
void ipv4_write(uint8_t *ip, const uint8_t src[16], const uint8_t dst[16], uint32_t len,
		uint8_t protocol);
void ipv6_write(uint8_t *ip, const uint8_t src[16], const uint8_t dst[16], uint32_t len,
		uint8_t protocol);

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

#endif
