/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/outer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/addr.h"

#define V4_FRAGMENT 0x3fff /* more-fragments flag and offset */

static bool parse_udp(const uint8_t *p, uint32_t len, struct outer_in *in)
{
	struct udphdr udp;

	if (len < sizeof(udp))
		return false;
	memcpy(&udp, p, sizeof(udp));
	if (ntohs(udp.len) != len)
		return false;
	in->from.port = ntohs(udp.source);
	in->msg = p + sizeof(udp);
	in->len = len - (uint32_t)sizeof(udp);
	return in->from.port != 0;
}

static bool parse_v4(const uint8_t *p, uint32_t len, struct outer_in *in)
{
	struct iphdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, p, sizeof(ip));
	uint32_t total = ntohs(ip.tot_len);
	if (ip.version != 4 || ip.ihl != 5 || total > len || total < sizeof(ip) ||
	    ip.protocol != IPPROTO_UDP || (ntohs(ip.frag_off) & V4_FRAGMENT))
		return false;
	esc_addr_from_v4(in->from.addr, &ip.saddr);
	esc_addr_from_v4(in->from.local, &ip.daddr);
	in->ecn = ip.tos & 3;
	return parse_udp(p + sizeof(ip), total - (uint32_t)sizeof(ip), in);
}

static bool parse_v6(const uint8_t *p, uint32_t len, struct outer_in *in)
{
	struct ip6_hdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, p, sizeof(ip));
	uint32_t flow = ntohl(ip.ip6_flow);
	uint32_t payload = ntohs(ip.ip6_plen);
	if (flow >> 28 != 6 || payload > len - sizeof(ip) || ip.ip6_nxt != IPPROTO_UDP)
		return false;
	memcpy(in->from.addr, &ip.ip6_src, 16);
	memcpy(in->from.local, &ip.ip6_dst, 16);
	if (esc_addr_is_v4(in->from.addr) || esc_addr_is_v4(in->from.local))
		return false; /* that form stands for IPv4 in here */
	in->ecn = (flow >> 20) & 3;
	return parse_udp(p + sizeof(ip), payload, in);
}

bool outer_parse(const uint8_t *frame, uint32_t frame_len, struct outer_in *in)
{
	struct ethhdr eth;

	if (frame_len < sizeof(eth))
		return false;
	memcpy(&eth, frame, sizeof(eth));
	memcpy(in->mac, eth.h_source, sizeof(in->mac));
	const uint8_t *p = frame + sizeof(eth);
	uint32_t len = frame_len - (uint32_t)sizeof(eth);
	if (eth.h_proto == htons(ETH_P_IP))
		return parse_v4(p, len, in);
	if (eth.h_proto == htons(ETH_P_IPV6))
		return parse_v6(p, len, in);
	return false;
}

/* One's complement sum of big-endian 16-bit words, taken eight bytes at a time (RFC 1071). */
static uint64_t sum_words(const void *data, uint32_t len, uint64_t sum)
{
	const uint8_t *p = data;
	uint64_t word, carry = 0;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		sum += word;
		carry += sum < word;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		sum += word;
		carry += sum < word;
	}
	sum += carry;
	return sum + (sum < carry);
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

static void write_eth(uint8_t *p, const struct outer_path *path, uint16_t proto)
{
	struct ethhdr eth = {.h_proto = htons(proto)};

	memcpy(eth.h_dest, path->dst_mac, sizeof(eth.h_dest));
	memcpy(eth.h_source, path->src_mac, sizeof(eth.h_source));
	memcpy(p, &eth, sizeof(eth));
}

static struct udphdr make_udp(const struct outer_path *path, uint32_t len)
{
	return (struct udphdr){
		.source = htons(path->local_port),
		.dest = htons(path->remote_port),
		.len = htons((uint16_t)(len + sizeof(struct udphdr))),
	};
}

/*
 * IPv4: no UDP checksum, as RFC 768 allows: the message is authenticated. Not DF: a path with a
 * smaller MTU may fragment towards a peer that reassembles.
 */
static uint32_t write_v4(uint8_t *msg, uint32_t len, const struct outer_path *path, uint8_t tos,
			 uint16_t id)
{
	struct udphdr udp = make_udp(path, len);
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = tos,
		.tot_len = htons((uint16_t)(len + sizeof(udp) + sizeof(ip))),
		.id = htons(id),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
	};

	memcpy(&ip.saddr, path->local + 12, 4);
	memcpy(&ip.daddr, path->remote + 12, 4);
	ip.check = fold(sum_words(&ip, sizeof(ip), 0));
	memcpy(msg - sizeof(udp), &udp, sizeof(udp));
	memcpy(msg - sizeof(udp) - sizeof(ip), &ip, sizeof(ip));
	write_eth(msg - OUTER_V4_LEN, path, ETH_P_IP);
	return OUTER_V4_LEN;
}

/* IPv6: the UDP checksum is mandatory (RFC 8200, 8.1) and no driver of ours offloads it. */
static uint32_t write_v6(uint8_t *msg, uint32_t len, const struct outer_path *path, uint8_t tos)
{
	struct udphdr udp = make_udp(path, len);
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28 | (uint32_t)tos << 20),
		.ip6_plen = udp.len,
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = 64,
	};

	memcpy(&ip.ip6_src, path->local, 16);
	memcpy(&ip.ip6_dst, path->remote, 16);
	uint64_t sum = (uint64_t)udp.len + htons(IPPROTO_UDP); /* pseudo-header */
	sum = sum_words(&ip.ip6_src, 32, sum);
	sum = sum_words(&udp, sizeof(udp), sum);
	udp.check = fold(sum_words(msg, len, sum));
	if (!udp.check)
		udp.check = 0xffff;
	memcpy(msg - sizeof(udp), &udp, sizeof(udp));
	memcpy(msg - sizeof(udp) - sizeof(ip), &ip, sizeof(ip));
	write_eth(msg - OUTER_V6_LEN, path, ETH_P_IPV6);
	return OUTER_V6_LEN;
}

uint32_t outer_write(uint8_t *msg, uint32_t len, const struct outer_path *path, uint8_t tos,
		     uint16_t id)
{
	return esc_addr_is_v4(path->remote) ? write_v4(msg, len, path, tos, id)
					    : write_v6(msg, len, path, tos);
}
