/* SPDX-License-Identifier: BSD-2-Clause */
/* frames.c: the headers around a hostile message, and the table of frames. */
#include "flood.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"

uint16_t flood_checksum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

void flood_ip_checksum(uint8_t *frame)
{
	struct iphdr *ip = (void *)(frame + sizeof(struct ethhdr));

	ip->check = 0;
	ip->check = flood_checksum((const uint8_t *)ip, sizeof(*ip), 0);
}

uint32_t flood_message_at(const struct flood *f)
{
	return (uint32_t)(sizeof(struct ethhdr) + sizeof(struct udphdr) +
			  (esc_addr_is_v4(f->to.addr) ? sizeof(struct iphdr)
						      : sizeof(struct ip6_hdr)));
}

static void ip_header(const struct flood *f, uint8_t *at, const struct wg_endpoint *from,
		      uint16_t payload)
{
	if (esc_addr_is_v4(f->to.addr)) {
		struct iphdr ip = {.version = 4,
				   .ihl = 5,
				   .ttl = 64,
				   .protocol = IPPROTO_UDP,
				   .tot_len = htons((uint16_t)(sizeof(ip) + payload))};

		memcpy(&ip.saddr, from->addr + 12, 4);
		memcpy(&ip.daddr, f->to.addr + 12, 4);
		ip.check = flood_checksum((const uint8_t *)&ip, sizeof(ip), 0);
		memcpy(at, &ip, sizeof(ip));
	} else {
		struct ip6_hdr ip = {.ip6_flow = htonl(6u << 28),
				     .ip6_plen = htons(payload),
				     .ip6_nxt = IPPROTO_UDP,
				     .ip6_hlim = 64};

		memcpy(&ip.ip6_src, from->addr, 16);
		memcpy(&ip.ip6_dst, f->to.addr, 16);
		memcpy(at, &ip, sizeof(ip));
	}
}

int flood_add(struct flood *f, const struct wg_endpoint *from, const uint8_t *msg, uint32_t len)
{
	uint32_t head = flood_message_at(f);
	uint8_t frame[FLOOD_FRAME_MAX];
	struct ethhdr eth = {.h_proto = htons(esc_addr_is_v4(f->to.addr) ? ETH_P_IP : ETH_P_IPV6)};
	/* No checksum: IPv4 allows it, and behind an IPv6 header only authentication matters. */
	struct udphdr udp = {.source = htons(from->port),
			     .dest = htons(f->to.port),
			     .len = htons((uint16_t)(sizeof(udp) + len))};

	if (len > sizeof(frame) - head)
		return -1;
	memcpy(eth.h_dest, f->mac, 6);
	memcpy(eth.h_source, f->own_mac, 6);
	memcpy(frame, &eth, sizeof(eth));
	ip_header(f, frame + sizeof(eth), from, (uint16_t)(sizeof(udp) + len));
	memcpy(frame + head - sizeof(udp), &udp, sizeof(udp));
	memcpy(frame + head, msg, len);
	return flood_add_raw(f, frame, head + len);
}

int flood_add_raw(struct flood *f, const uint8_t *frame, uint32_t len)
{
	if (len > sizeof(f->frame) || (f->plan.frames && len != f->len))
		return -1;
	if (!f->plan.frames) {
		memcpy(f->frame, frame, len);
		f->len = len;
		f->plan.head = len < FLOOD_HEAD_MAX ? len : FLOOD_HEAD_MAX - 1;
	}
	if (f->plan.frames == FLOOD_FRAMES_MAX)
		return 1;
	memcpy(f->table[f->plan.frames++].bytes, frame, f->plan.head);
	return 0;
}

void flood_random_at(struct flood *f, uint32_t offset)
{
	for (int i = 0; i < FLOOD_RANDOM_MAX; i++) {
		if (!f->plan.random_at[i]) {
			f->plan.random_at[i] = offset;
			return;
		}
	}
}
