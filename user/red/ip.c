/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/ip.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>

#include "base/addr.h"

/* Longer chains of extension headers than any honest one are not followed. */
#define EXTENSIONS_MAX 8

static bool read_v4(struct packet *p, uint32_t room)
{
	const uint8_t *ip = p->ip;

	if (room < IPV4_LEN)
		return false;
	p->v4 = true;
	p->header = (ip[0] & 15u) * 4u;
	p->len = get16(ip + 2);
	p->protocol = ip[9];
	uint16_t frag = get16(ip + 6);
	p->df = frag & IP_DF;
	p->later_fragment = frag & IP_OFFMASK;
	p->fragment = p->later_fragment || (frag & IP_MF);
	p->fragment_at = (frag & IP_OFFMASK) * 8u;
	p->fragment_id = get16(ip + 4);
	esc_addr_from_v4(p->src, ip + 12);
	esc_addr_from_v4(p->dst, ip + 16);
	p->upper = p->header;
	return p->header >= IPV4_LEN && p->header <= room && p->len >= p->header;
}

/* Length of the extension header at h, of which 8 bytes are there; 0: not one (RFC 8200, 4). */
static uint32_t extension_length(uint8_t protocol, const uint8_t *h)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (h[1] + 1u) * 8u;
	case IPPROTO_AH:
		return (h[1] + 2u) * 4u; /* RFC 4302, 2.2 */
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

/* Behind a later fragment's header there is payload, not a transport header. */
static void find_upper(struct packet *p)
{
	p->upper = IPV6_LEN;
	for (int i = 0; i <= EXTENSIONS_MAX && !p->later_fragment; i++) {
		static const uint8_t nothing[8];
		const uint8_t *h = p->len - p->upper >= 8 ? p->ip + p->upper : nothing;
		uint32_t len = extension_length(p->protocol, h);

		if (!len)
			return;
		if (len > p->len - p->upper)
			break;
		if (p->protocol == IPPROTO_FRAGMENT) {
			p->fragment = true;
			p->fragment_at = get16(h + 2) & 0xfff8;
			p->later_fragment = p->fragment_at;
			p->fragment_id = (uint32_t)get16(h + 4) << 16 | get16(h + 6);
		}
		p->protocol = h[0];
		p->upper += len;
	}
	if (!p->later_fragment)
		p->protocol = NO_TRANSPORT;
}

static bool read_v6(struct packet *p, uint32_t room)
{
	const uint8_t *ip = p->ip;

	if (room < IPV6_LEN)
		return false;
	p->v4 = false;
	p->header = IPV6_LEN;
	p->len = get16(ip + 4) + IPV6_LEN;
	p->protocol = ip[6];
	p->df = true;
	p->fragment = p->later_fragment = false;
	p->fragment_at = p->fragment_id = 0;
	memcpy(p->src, ip + 8, 16);
	memcpy(p->dst, ip + 24, 16);
	return !esc_addr_is_v4(p->src) && !esc_addr_is_v4(p->dst);
}

/* The header alone; p->len is what it says. */
static bool read_header(uint8_t *ip, uint32_t room, struct packet *p)
{
	p->ip = ip;
	if (!room)
		return false;
	if (ip[0] >> 4 == 4)
		return read_v4(p, room);
	return ip[0] >> 4 == 6 && read_v6(p, room);
}

bool packet_parse(uint8_t *ip, uint32_t room, struct packet *p)
{
	if (!read_header(ip, room, p) || p->len > room)
		return false;
	if (p->v4)
		return !checksum_end(checksum_add(0, ip, p->header));
	find_upper(p);
	return true;
}

bool packet_parse_quote(uint8_t *ip, uint32_t room, struct packet *p)
{
	if (!read_header(ip, room, p))
		return false;
	if (p->len > room)
		p->len = room;
	if (!p->v4)
		find_upper(p);
	return true;
}

/*
 * Not "this" network, loopback, link-local, multicast, reserved or broadcast (RFC 1812, 5.3.7;
 * RFC 3927, 7), not in ::/64 where unspecified, loopback and mapped addresses are, not link-local
 * or multicast (RFC 4291, 2.5 and 2.7).
 */
bool addr_routable(const uint8_t a[16])
{
	static const uint8_t zero[8];

	if (esc_addr_is_v4(a))
		return a[12] != 0 && a[12] != 127 && a[12] < 224 && !(a[12] == 169 && a[13] == 254);
	return memcmp(a, zero, sizeof(zero)) != 0 && a[0] != 0xff &&
	       !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

uint8_t packet_ttl(const struct packet *p)
{
	return p->ip[p->v4 ? 8 : 7];
}

void packet_age(struct packet *p)
{
	if (!p->v4) {
		p->ip[7]--;
		return;
	}
	uint16_t before = get16(p->ip + 8);
	p->ip[8]--;
	checksum_replace(p->ip + 10, before, get16(p->ip + 8));
}

uint32_t checksum_add(uint32_t sum, const uint8_t *data, uint32_t len)
{
	for (; len >= 2; data += 2, len -= 2)
		sum += get16(data);
	if (len)
		sum += (uint32_t)data[0] << 8;
	return (sum & 0xffff) + (sum >> 16);
}

uint16_t checksum_end(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint32_t checksum_pseudo6(const uint8_t src[16], const uint8_t dst[16], uint32_t len,
			  uint8_t protocol)
{
	uint32_t sum = checksum_add(0, src, 16);

	sum = checksum_add(sum, dst, 16);
	return sum + (len >> 16) + (len & 0xffff) + protocol;
}

void checksum_replace(uint8_t *check, uint16_t from, uint16_t to)
{
	uint32_t sum = (uint16_t)~get16(check) + (uint32_t)(uint16_t)~from + to;

	put16(check, checksum_end(sum));
}

void ipv4_write(uint8_t *ip, const uint8_t src[16], const uint8_t dst[16], uint32_t len,
		uint8_t protocol)
{
	memset(ip, 0, IPV4_LEN);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)len);
	ip[8] = TTL_START;
	ip[9] = protocol;
	memcpy(ip + 12, src + 12, 4);
	memcpy(ip + 16, dst + 12, 4);
	put16(ip + 10, checksum_end(checksum_add(0, ip, IPV4_LEN)));
}

void ipv6_write(uint8_t *ip, const uint8_t src[16], const uint8_t dst[16], uint32_t len,
		uint8_t protocol)
{
	memset(ip, 0, 8);
	ip[0] = 0x60;
	put16(ip + 4, (uint16_t)(len - IPV6_LEN));
	ip[6] = protocol;
	ip[7] = TTL_START;
	memcpy(ip + 8, src, 16);
	memcpy(ip + 24, dst, 16);
}
