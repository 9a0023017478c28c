/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * parse.h: headers that the XDP and tc programs look at. Everything here is a pure question about
 * bytes already inside [pos, end); nothing decides a packet's fate. A length from a header is
 * compared with the frame before it is used, a header is pulled before it is read.
 */
#ifndef ESC_BPF_PARSE_H
#define ESC_BPF_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf_abi.h"

/* Addresses of both families in the form of the maps' keys (IPv4-mapped). */
typedef struct in6_addr esc_addr;
_Static_assert(sizeof(esc_addr) == sizeof(struct esc_addr_key), "map keys are addresses");

typedef __u16 __attribute__((__may_alias__)) esc_u16;
typedef __u32 __attribute__((__may_alias__)) esc_u32;

static __always_inline bool esc_same_addr(const esc_addr *a, const esc_addr *b)
{
	return !((a->s6_addr32[0] ^ b->s6_addr32[0]) | (a->s6_addr32[1] ^ b->s6_addr32[1]) |
		 (a->s6_addr32[2] ^ b->s6_addr32[2]) | (a->s6_addr32[3] ^ b->s6_addr32[3]));
}

struct esc_cursor {
	void *pos;
	void *end;
};

/* The next `size` bytes, or NULL if the frame ends before. */
static __always_inline void *esc_pull(struct esc_cursor *c, __u64 size)
{
	void *p = c->pos;

	if (p + size > c->end)
		return NULL;
	c->pos = p + size;
	return p;
}

static __always_inline __u32 esc_left(const struct esc_cursor *c)
{
	return (__u32)(c->end - c->pos);
}

/*
 * The frame's size. Volatile, because a compiler that keeps ctx->data for later spills as many bits
 * as it is declared to have, and no pointer survives that.
 */
static __always_inline __u64 esc_frame_size(const struct xdp_md *ctx)
{
	return (__u64) * (const volatile __u32 *)&ctx->data_end -
	       (__u64) * (const volatile __u32 *)&ctx->data;
}

/*
 * A length from 1 to 64, in a form in which every verifier sees that it is one: that of Linux 6.1
 * learns nothing from "not 0".
 */
static __always_inline __u32 esc_between_1_and_64(__u32 n)
{
	n--;
	asm volatile("%0 &= 63" : "+r"(n));
	return n + 1;
}

/* Per-CPU array of esc_count by reason: the only place where a packet is counted. */
static __always_inline void esc_count_packet(void *stats, __u32 reason, __u64 bytes)
{
	struct esc_count *count = bpf_map_lookup_elem(stats, &reason);

	if (!count)
		return;
	count->packets++;
	count->bytes += bytes;
}

/* --- Ethernet --------------------------------------------------------------------------------- */

enum esc_l2 { ESC_L2_OWN, ESC_L2_BROADCAST, ESC_L2_IPV6_GROUP, ESC_L2_GROUP, ESC_L2_OTHER };

static __always_inline enum esc_l2 esc_l2_class(const struct ethhdr *eth, const __u8 own[ETH_ALEN])
{
	const esc_u16 *d = (const esc_u16 *)eth->h_dest, *o = (const esc_u16 *)own;

	if (d[0] == o[0] && d[1] == o[1] && d[2] == o[2])
		return ESC_L2_OWN;
	if ((d[0] & d[1] & d[2]) == 0xffff)
		return ESC_L2_BROADCAST;
	if (d[0] == bpf_htons(0x3333)) /* RFC 2464, 7 */
		return ESC_L2_IPV6_GROUP;
	return eth->h_dest[0] & 1 ? ESC_L2_GROUP : ESC_L2_OTHER;
}

/* --- ARP (RFC 826) ---------------------------------------------------------------------------- */

struct esc_arp {
	__be16 hw_type, proto_type;
	__u8 hw_len, proto_len;
	__be16 op;
	__u8 sender_mac[ETH_ALEN], sender_ip[4];
	__u8 target_mac[ETH_ALEN], target_ip[4];
};
_Static_assert(sizeof(struct esc_arp) == 28, "ARP for IPv4 over Ethernet");

/*
 * A request or reply for IPv4 over Ethernet. A sender that claims a group MAC address must not be
 * believed (RFC 1812, 3.3.2). A sender that claims an own IP address passes: the kernel or a
 * conflict detector (RFC 5227) needs to see it.
 */
static __always_inline bool esc_arp_sound(const struct esc_arp *a)
{
	return a->hw_type == bpf_htons(1) && a->proto_type == bpf_htons(ETH_P_IP) &&
	       a->hw_len == ETH_ALEN && a->proto_len == 4 &&
	       (a->op == bpf_htons(1) || a->op == bpf_htons(2)) && !(a->sender_mac[0] & 1) &&
	       a->sender_ip[0] != 127 && a->sender_ip[0] < 224;
}

/* --- IPv4 ------------------------------------------------------------------------------------- */

static __always_inline void esc_map_ip4(esc_addr *to, __be32 ip)
{
	to->s6_addr32[0] = 0;
	to->s6_addr32[1] = 0;
	to->s6_addr32[2] = bpf_htonl(0xffff);
	to->s6_addr32[3] = ip;
}

/* RFC 791, 3.1: the sum of a header without options is all ones. */
static __always_inline bool esc_ip4_checksum_ok(const struct iphdr *ip)
{
	const esc_u32 *w = (const esc_u32 *)ip;
	__u64 sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static __always_inline bool esc_ip4_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(0x3fff); /* more fragments, or an offset */
}

static __always_inline __u8 esc_ip4_net(__be32 ip)
{
	return (__u8)(bpf_ntohl(ip) >> 24);
}

/* "This" network and loopback never appear on a wire (RFC 1122, 3.2.1.3). */
static __always_inline bool esc_ip4_local_only(__be32 ip)
{
	return esc_ip4_net(ip) == 0 || esc_ip4_net(ip) == 127;
}

/* Multicast, reserved and limited broadcast. */
static __always_inline bool esc_ip4_group(__be32 ip)
{
	return esc_ip4_net(ip) >= 224;
}

/* Never forwarded by a router (RFC 3927, 7). */
static __always_inline bool esc_ip4_link_local(__be32 ip)
{
	return bpf_ntohl(ip) >> 16 == 0xa9fe;
}

/* --- IPv6 ------------------------------------------------------------------------------------- */

static __always_inline bool esc_ip6_group(const esc_addr *a)
{
	return a->s6_addr[0] == 0xff;
}

static __always_inline bool esc_ip6_link_local(const esc_addr *a)
{
	return (a->s6_addr32[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool esc_ip6_unspecified(const esc_addr *a)
{
	return !(a->s6_addr32[0] | a->s6_addr32[1] | a->s6_addr32[2] | a->s6_addr32[3]);
}

/*
 * ::/64, where unspecified, loopback, IPv4-compatible and IPv4-mapped are. No host is there, and a
 * mapped address in a packet would meet the IPv4 entries of the maps.
 */
static __always_inline bool esc_ip6_local_only(const esc_addr *a)
{
	return !(a->s6_addr32[0] | a->s6_addr32[1]);
}

/* Headers that may stand between IPv6 and the transport, but for Fragment. */
static __always_inline bool esc_ip6_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_AH || next == IPPROTO_MH || next == 139 /* HIP */ ||
	       next == 140 /* Shim6 */;
}

/* --- ICMP and neighbour discovery (RFC 4861) -------------------------------------------------- */

enum {
	ESC_ICMP_ECHO = 8,
	ESC_ICMP6_ECHO = 128,
	ESC_ND_RS = 133, /* first and ... */
	ESC_ND_NS = 135,
	ESC_ND_NA = 136,
	ESC_ND_REDIRECT = 137, /* ... last type of RFC 4861 */
};

struct esc_icmp {
	__u8 type, code;
	__be16 check;
	__be32 rest;
};

struct esc_nd {
	struct esc_icmp icmp;
	esc_addr target;
};

static __always_inline bool esc_is_nd(const struct esc_icmp *icmp)
{
	return icmp->type >= ESC_ND_RS && icmp->type <= ESC_ND_REDIRECT;
}

/* Hop limit 255: nobody beyond the link can have sent it. */
static __always_inline bool esc_nd_on_link(const struct ipv6hdr *ip, const struct esc_icmp *icmp)
{
	return ip->hop_limit == 255 && icmp->code == 0 && !esc_ip6_group(&ip->saddr);
}

/* ff02::1:ffXX:XXXX of the address (RFC 4291, 2.7.1). */
static __always_inline bool esc_is_solicited_node(const esc_addr *group, const esc_addr *of)
{
	return group->s6_addr32[0] == bpf_htonl(0xff020000) && !group->s6_addr32[1] &&
	       group->s6_addr32[2] == bpf_htonl(1) &&
	       group->s6_addr32[3] == (of->s6_addr32[3] | bpf_htonl(0xff000000));
}

/* ff02::1 */
static __always_inline bool esc_is_all_nodes(const esc_addr *a)
{
	return a->s6_addr32[0] == bpf_htonl(0xff020000) && !a->s6_addr32[1] && !a->s6_addr32[2] &&
	       a->s6_addr32[3] == bpf_htonl(1);
}

/*
 * Neighbour solicitation and advertisement as RFC 4861, 7.1 wants them, up to what the kernel
 * checks itself (checksum, options). `len` is the IPv6 payload's length.
 */
static __always_inline bool esc_nd_sound(const struct ipv6hdr *ip, const struct esc_nd *nd,
					 __u32 len)
{
	if (len < sizeof(*nd) || !esc_nd_on_link(ip, &nd->icmp) || esc_ip6_group(&nd->target))
		return false;
	if (nd->icmp.type == ESC_ND_NS) /* without a source: a probe for duplicates */
		return !esc_ip6_unspecified(&ip->saddr) ||
		       esc_is_solicited_node(&ip->daddr, &nd->target);
	return nd->icmp.type == ESC_ND_NA && !esc_ip6_unspecified(&ip->saddr);
}

#endif
