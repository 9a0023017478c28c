/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/inner.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "base/addr.h"

#define ECN_CE 3u

static bool parse_v4(const uint8_t *packet, uint32_t len, struct inner *in)
{
	struct iphdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, packet, sizeof(ip));
	in->len = ntohs(ip.tot_len);
	in->ecn = ip.tos & 3;
	in->v4 = true;
	esc_addr_from_v4(in->src, &ip.saddr);
	esc_addr_from_v4(in->dst, &ip.daddr);
	return ip.version == 4 && ip.ihl >= 5 && in->len <= len && in->len >= ip.ihl * 4u;
}

static bool parse_v6(const uint8_t *packet, uint32_t len, struct inner *in)
{
	struct ip6_hdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, packet, sizeof(ip));
	in->len = ntohs(ip.ip6_plen) + (uint32_t)sizeof(ip);
	in->ecn = (ntohl(ip.ip6_flow) >> 20) & 3;
	in->v4 = false;
	memcpy(in->src, &ip.ip6_src, 16);
	memcpy(in->dst, &ip.ip6_dst, 16);
	return ntohl(ip.ip6_flow) >> 28 == 6 && in->len <= len && !esc_addr_is_v4(in->src) &&
	       !esc_addr_is_v4(in->dst);
}

bool inner_parse(const uint8_t *packet, uint32_t len, struct inner *ip)
{
	if (!len)
		return false;
	switch (*(const volatile uint8_t *)packet >> 4) {
	case 4:
		return parse_v4(packet, len, ip);
	case 6:
		return parse_v6(packet, len, ip);
	default:
		return false;
	}
}

void inner_set_ce(uint8_t *packet, const struct inner *ip)
{
	if (!ip->v4) {
		packet[1] |= ECN_CE << 4;
		return;
	}
	struct iphdr h;
	memcpy(&h, packet, sizeof(h));
	/* RFC 1624: the low byte of the first word grows by the bits that are set. */
	uint32_t sum = (uint16_t)~ntohs(h.check) + (ECN_CE - (h.tos & 3u));
	h.tos |= ECN_CE;
	h.check = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	memcpy(packet, &h, sizeof(h));
}
