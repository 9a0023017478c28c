/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * dhcp.h: DHCP on the black NIC, for a node whose address comes that way (RFC 2131, RFC 8415): by
 * form, not by content. What is in an answer is the client's business, which is no part of a node.
 */
#ifndef ESC_BPF_DHCP_H
#define ESC_BPF_DHCP_H

#include "parse.h"

enum {
	ESC_DHCP4_SERVER = 67,
	ESC_DHCP4_CLIENT = 68,
	ESC_DHCP6_CLIENT = 546,
	ESC_DHCP6_SERVER = 547,
};

/* The fixed part of a message up to its cookie. */
struct esc_bootp {
	__u8 op, hw_type, hw_len, hops;
	__u8 rest[232];
	__be32 cookie;
};
#define ESC_BOOTP_REQUEST 1
#define ESC_BOOTP_REPLY	  2
#define ESC_BOOTP_COOKIE  0x63825363

_Static_assert(sizeof(struct esc_bootp) == 240, "BOOTP message with DHCP's cookie");

/* A whole UDP datagram of exactly `len` bytes between these ports (host order). */
static __always_inline bool esc_dhcp_udp(struct esc_cursor *c, __u32 len, __u16 from, __u16 to)
{
	const struct udphdr *u = esc_pull(c, sizeof(*u));

	return u && len >= sizeof(*u) && bpf_ntohs(u->len) == len && u->source == bpf_htons(from) &&
	       u->dest == bpf_htons(to);
}

/* `op`: ESC_BOOTP_*. Without options or fragments. */
static __always_inline bool esc_dhcp4(struct esc_cursor c, const struct iphdr *ip, __u8 op)
{
	bool request = op == ESC_BOOTP_REQUEST;
	__u32 len = bpf_ntohs(ip->tot_len);
	const struct esc_bootp *m;

	if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP ||
	    esc_ip4_fragment(ip) || !esc_ip4_checksum_ok(ip))
		return false;
	if (len < sizeof(*ip) + sizeof(struct udphdr) + sizeof(*m) ||
	    !esc_dhcp_udp(&c, len - (__u32)sizeof(*ip),
			  request ? ESC_DHCP4_CLIENT : ESC_DHCP4_SERVER,
			  request ? ESC_DHCP4_SERVER : ESC_DHCP4_CLIENT))
		return false;
	m = esc_pull(&c, sizeof(*m));
	return m && m->op == op && m->hw_type == 1 && m->hw_len == ETH_ALEN &&
	       m->cookie == bpf_htonl(ESC_BOOTP_COOKIE);
}

/* Between link-local addresses, or from one to ff02::1:2. */
static __always_inline bool esc_dhcp6(struct esc_cursor c, const struct ipv6hdr *ip, bool request)
{
	const __be32 *to = ip->daddr.s6_addr32;
	bool all = to[0] == bpf_htonl(0xff020000) && !to[1] && !to[2] &&
		   to[3] == bpf_htonl(0x00010002);

	return ip->version == 6 && ip->nexthdr == IPPROTO_UDP && esc_ip6_link_local(&ip->saddr) &&
	       (esc_ip6_link_local(&ip->daddr) || (request && all)) &&
	       esc_dhcp_udp(&c, bpf_ntohs(ip->payload_len),
			    request ? ESC_DHCP6_CLIENT : ESC_DHCP6_SERVER,
			    request ? ESC_DHCP6_SERVER : ESC_DHCP6_CLIENT);
}

#endif
