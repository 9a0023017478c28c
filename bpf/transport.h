/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * transport.h: an IP packet as firewalls and NAT see it: addresses, and what identifies its
 * conversation. Used by both domains' programs of router mode. Whatever it accepts lies wholly in
 * the frame, and its transport header at a fixed place: IPv4 options and IPv6 extension headers
 * other than one Fragment are refused.
 */
#ifndef ESC_BPF_TRANSPORT_H
#define ESC_BPF_TRANSPORT_H

#include <linux/tcp.h>

#include "parse.h"
#include "split.h"

#define ESC_AT_L3  ((__u32)ETH_HLEN)
#define ESC_AT_L44 (ESC_AT_L3 + (__u32)sizeof(struct iphdr))
#define ESC_AT_L46 (ESC_AT_L3 + (__u32)sizeof(struct ipv6hdr))

struct esc_ip6_fragment {
	__u8 next, reserved;
	__be16 offset; /* in units of 8 bytes, from bit 3; bit 0: more follow */
	__be32 id;
};

enum esc_packet_what {
	ESC_PACKET_PORTS, /* TCP, UDP */
	ESC_PACKET_ECHO,
	ESC_PACKET_ECHO_REPLY,
	ESC_PACKET_ICMP_ERROR,
	ESC_PACKET_FRAGMENT, /* not the first of its packet: no transport header */
};

enum esc_packet_bad {
	ESC_PACKET_OK,
	ESC_PACKET_SHORT,     /* the frame ends before the header */
	ESC_PACKET_ETHERTYPE, /* neither IPv4 nor IPv6 */
	ESC_PACKET_HEADER,    /* IP header: version, length, checksum, options */
	ESC_PACKET_PROTOCOL,  /* nothing that is forwarded */
	ESC_PACKET_TRANSPORT, /* malformed transport header */
};

struct esc_packet {
	esc_addr src, dst;
	__be16 src_port, dst_port; /* echo: the identifier in both */
	__u8 ip6;		   /* 1: IPv6 */
	__u8 proto;		   /* IPPROTO_*; FRAGMENT: what the fragment says */
	__u8 what;		   /* enum esc_packet_what */
	__u8 first_fragment;	   /* more follow this one */
	__u32 frag_id;		   /* of fragments, as in the packet */
	__u32 len;		   /* of the IP packet */
	__u32 l4;		   /* where the transport header begins in the frame */
};

/* ICMP (RFC 792) and ICMPv6 (RFC 4443) beside those of parse.h. */
enum {
	ESC_ICMP_ECHO_REPLY = 0,
	ESC_ICMP_UNREACHABLE = 3,
	ESC_ICMP_TIME_EXCEEDED = 11,
	ESC_ICMP_PARAMETER = 12,
	ESC_ICMP6_UNREACHABLE = 1, /* first and ... */
	ESC_ICMP6_TOO_BIG = 2,
	ESC_ICMP6_TIME_EXCEEDED = 3,
	ESC_ICMP6_PARAMETER = 4, /* ... last error that is forwarded */
	ESC_ICMP6_ECHO_REPLY = 129,
};

static __always_inline bool esc_icmp4_error(__u8 type)
{
	return type == ESC_ICMP_UNREACHABLE || type == ESC_ICMP_TIME_EXCEEDED ||
	       type == ESC_ICMP_PARAMETER;
}

static __always_inline bool esc_icmp6_error(__u8 type)
{
	return type >= ESC_ICMP6_UNREACHABLE && type <= ESC_ICMP6_PARAMETER;
}

static __always_inline int esc_packet_icmp(struct esc_packet *p, const struct esc_icmp *h,
					   __u32 len)
{
	__u8 echo = p->ip6 ? ESC_ICMP6_ECHO : ESC_ICMP_ECHO;
	__u8 reply = p->ip6 ? ESC_ICMP6_ECHO_REPLY : ESC_ICMP_ECHO_REPLY;

	if (!h || len < sizeof(*h))
		return ESC_PACKET_TRANSPORT;
	if (p->ip6 ? esc_icmp6_error(h->type) : esc_icmp4_error(h->type)) {
		p->what = ESC_PACKET_ICMP_ERROR;
		return p->first_fragment ? ESC_PACKET_TRANSPORT : ESC_PACKET_OK;
	}
	if ((h->type != echo && h->type != reply) || h->code)
		return ESC_PACKET_PROTOCOL;
	p->what = h->type == echo ? ESC_PACKET_ECHO : ESC_PACKET_ECHO_REPLY;
	__builtin_memcpy(&p->src_port, &h->rest, sizeof(p->src_port)); /* the first half of it */
	p->dst_port = p->src_port;
	return ESC_PACKET_OK;
}

static __always_inline int esc_packet_tcp(struct esc_packet *p, const struct tcphdr *h, __u32 len)
{
	if (!h || len < sizeof(*h) || h->doff < 5 || (!p->first_fragment && h->doff * 4u > len) ||
	    !h->source || !h->dest)
		return ESC_PACKET_TRANSPORT;
	p->what = ESC_PACKET_PORTS;
	p->src_port = h->source;
	p->dst_port = h->dest;
	return ESC_PACKET_OK;
}

static __always_inline int esc_packet_udp(struct esc_packet *p, const struct udphdr *h, __u32 len)
{
	if (!h || len < sizeof(*h) || !h->source || !h->dest ||
	    (!p->first_fragment && bpf_ntohs(h->len) != len))
		return ESC_PACKET_TRANSPORT;
	p->what = ESC_PACKET_PORTS;
	p->src_port = h->source;
	p->dst_port = h->dest;
	return ESC_PACKET_OK;
}

/* `len` bytes of transport, all in the frame. */
static __always_inline int esc_packet_transport(struct esc_packet *p, struct esc_cursor c,
						__u32 len)
{
	if (p->proto == IPPROTO_TCP)
		return esc_packet_tcp(p, esc_pull(&c, sizeof(struct tcphdr)), len);
	if (p->proto == IPPROTO_UDP)
		return esc_packet_udp(p, esc_pull(&c, sizeof(struct udphdr)), len);
	if (p->proto == (p->ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return esc_packet_icmp(p, esc_pull(&c, sizeof(struct esc_icmp)), len);
	return ESC_PACKET_PROTOCOL;
}

/*
 * Not the first fragment; it begins at byte `at` of what was fragmented. No link is so small that
 * one would begin inside the least transport header: that is an attempt to change the ports or
 * flags that the first one was judged by (RFC 1858, RFC 3128).
 */
static __always_inline int esc_packet_fragment(struct esc_packet *p, __u32 at)
{
	p->what = ESC_PACKET_FRAGMENT;
	return at < sizeof(struct tcphdr) ? ESC_PACKET_TRANSPORT : ESC_PACKET_OK;
}

static __always_inline int esc_packet4(struct esc_packet *p, struct esc_cursor c)
{
	__u32 left = esc_left(&c);
	const struct iphdr *ip = esc_pull(&c, sizeof(*ip));

	if (!ip)
		return ESC_PACKET_SHORT;
	p->len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl != 5 || p->len < sizeof(*ip) || p->len > left ||
	    !esc_ip4_checksum_ok(ip))
		return ESC_PACKET_HEADER;
	esc_map_ip4(&p->src, ip->saddr);
	esc_map_ip4(&p->dst, ip->daddr);
	p->proto = ip->protocol;
	p->l4 = ESC_AT_L44;
	if (esc_ip4_fragment(ip)) {
		p->frag_id = ip->id;
		if (ip->frag_off & bpf_htons(0x1fff))
			return esc_packet_fragment(p, 8u * (bpf_ntohs(ip->frag_off) & 0x1fff));
		p->first_fragment = 1;
	}
	return esc_packet_transport(p, c, p->len - (__u32)sizeof(*ip));
}

static __always_inline int esc_packet6(struct esc_packet *p, struct esc_cursor c)
{
	const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));
	const struct esc_ip6_fragment *f;
	__u32 len;

	if (!ip)
		return ESC_PACKET_SHORT;
	len = bpf_ntohs(ip->payload_len);
	p->len = len + (__u32)sizeof(*ip);
	if (ip->version != 6 || len > esc_left(&c))
		return ESC_PACKET_HEADER;
	if (esc_ip6_local_only(&ip->saddr) || esc_ip6_local_only(&ip->daddr))
		return ESC_PACKET_HEADER;
	p->src = ip->saddr;
	p->dst = ip->daddr;
	p->ip6 = 1;
	p->proto = ip->nexthdr;
	p->l4 = ESC_AT_L46;
	if (ip->nexthdr == IPPROTO_FRAGMENT) {
		f = esc_pull(&c, sizeof(*f));
		if (!f || len < sizeof(*f))
			return ESC_PACKET_HEADER;
		len -= (__u32)sizeof(*f);
		p->l4 += (__u32)sizeof(*f);
		p->proto = f->next;
		p->frag_id = f->id;
		if (f->offset & bpf_htons(0xfff8))
			return esc_packet_fragment(p, bpf_ntohs(f->offset) & 0xfff8);
		p->first_fragment = (f->offset & bpf_htons(1)) != 0;
	}
	return esc_packet_transport(p, c, len);
}

/* *p must be all zero. enum esc_packet_bad; *p is meaningful where it is ESC_PACKET_OK. */
static __always_inline int esc_packet_parse(const struct xdp_md *ctx, struct esc_packet *p)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));

	if (!eth)
		return ESC_PACKET_SHORT;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return esc_packet4(p, c);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return esc_packet6(p, c);
	return ESC_PACKET_ETHERTYPE;
}

/* The key of the conversation, from a packet of the LAN (out) or to it (not translated). */
static __always_inline void esc_packet_key(const struct esc_packet *p, bool out,
					   struct esc_conn_key *k)
{
	bool echo = p->what == ESC_PACKET_ECHO || p->what == ESC_PACKET_ECHO_REPLY;

	__builtin_memset(k, 0, sizeof(*k));
	__builtin_memcpy(k->lan, out ? &p->src : &p->dst, sizeof(k->lan));
	__builtin_memcpy(k->remote, out ? &p->dst : &p->src, sizeof(k->remote));
	k->lan_port = out ? p->src_port : p->dst_port;
	k->remote_port = echo ? 0 : out ? p->dst_port : p->src_port;
	k->proto = p->proto;
}

#endif
