/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * quote.h: the packet that an ICMP error is about, as far as the error quotes it (RFC 792,
 * RFC 4443): from its IP header to eight bytes of transport at least.
 */
#ifndef ESC_BPF_QUOTE_H
#define ESC_BPF_QUOTE_H

#include "packet_sum.h"
#include "transport.h"

/* The eight bytes of transport that every error has. */
struct esc_quote_l4 {
	__be16 word[2]; /* TCP, UDP: ports; ICMP: type and code, checksum */
	__be32 rest;	/* TCP: sequence number; echo: identifier, number; UDP: length, checksum */
};

/* A quote as long as this holds TCP's checksum. */
#define ESC_QUOTE_TCP_SUM_END 18u

struct esc_quote {
	esc_addr src, dst;
	__be16 src_port, dst_port; /* echo: the identifier in both */
	__u32 seq;		   /* TCP, host order */
	__u32 left;		   /* bytes from the transport header to the error's end */
	__u8 proto;
};

/* The ICMP message's checksum is right, over all of it (RFC 5508, REQ-3). */
static __always_inline bool esc_quote_sum_ok(struct xdp_md *ctx, const struct esc_packet *p)
{
	__u32 len = p->len - (p->l4 - ESC_AT_L3);
	__u64 sum = 0;
	int part;

	if (p->ip6)
		sum = esc_csum_words(&p->src, sizeof(p->src)) +
		      esc_csum_words(&p->dst, sizeof(p->dst)) + bpf_htonl(len) +
		      bpf_htonl(IPPROTO_ICMPV6);
	part = esc_packet_sum(ctx, p->l4, len);
	return part >= 0 && esc_csum_fold(sum + (__u32)part) == 0xffff;
}

/* Only echo is ever forwarded, but for errors; and there is no error about an error. */
static __always_inline bool esc_quote_echo(const struct esc_quote_l4 *h, __u8 ask, __u8 reply)
{
	__u8 type = (__u8)(bpf_ntohs(h->word[0]) >> 8);

	return !(h->word[0] & bpf_htons(0xff)) && (type == ask || type == reply);
}

static __always_inline bool esc_quote_l4(struct esc_cursor c, bool ip6, struct esc_quote *q)
{
	const struct esc_quote_l4 *h = esc_pull(&c, sizeof(*h));

	if (!h || q->left < sizeof(*h))
		return false;
	if (q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP) {
		q->src_port = h->word[0];
		q->dst_port = h->word[1];
		q->seq = bpf_ntohl(h->rest);
		return true;
	}
	if (q->proto != (ip6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ||
	    !esc_quote_echo(h, ip6 ? ESC_ICMP6_ECHO : ESC_ICMP_ECHO,
			    ip6 ? ESC_ICMP6_ECHO_REPLY : ESC_ICMP_ECHO_REPLY))
		return false;
	__builtin_memcpy(&q->src_port, &h->rest, sizeof(q->src_port));
	q->dst_port = q->src_port;
	return true;
}

/* Whole packets only: what was fragmented has no ports, but for the first one of it. */
static __always_inline bool esc_quote4(struct esc_cursor c, struct esc_quote *q)
{
	const struct iphdr *ip = esc_pull(&c, sizeof(*ip));

	if (!ip || q->left < sizeof(*ip) || ip->version != 4 || ip->ihl != 5 ||
	    bpf_ntohs(ip->tot_len) < sizeof(*ip) + sizeof(struct esc_quote_l4) ||
	    ip->frag_off & bpf_htons(0x1fff) || !esc_ip4_checksum_ok(ip))
		return false;
	q->left -= (__u32)sizeof(*ip);
	q->proto = ip->protocol;
	esc_map_ip4(&q->src, ip->saddr);
	esc_map_ip4(&q->dst, ip->daddr);
	return esc_quote_l4(c, false, q);
}

static __always_inline bool esc_quote6(struct esc_cursor c, struct esc_quote *q)
{
	const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));
	const struct esc_ip6_fragment *f;

	if (!ip || q->left < sizeof(*ip) || ip->version != 6 || esc_ip6_local_only(&ip->saddr) ||
	    esc_ip6_local_only(&ip->daddr))
		return false;
	q->left -= (__u32)sizeof(*ip);
	q->proto = ip->nexthdr;
	q->src = ip->saddr;
	q->dst = ip->daddr;
	if (q->proto == IPPROTO_FRAGMENT) {
		f = esc_pull(&c, sizeof(*f));
		if (!f || q->left < sizeof(*f) || f->offset & bpf_htons(0xfff8))
			return false;
		q->left -= (__u32)sizeof(*f);
		q->proto = f->next;
	}
	return esc_quote_l4(c, true, q);
}

/*
 * What the ICMP error *p is about. False: it cannot be believed, or is about nothing that is ever
 * forwarded. *q must be all zero.
 */
static __always_inline bool esc_quote_parse(struct xdp_md *ctx, const struct esc_packet *p,
					    struct esc_quote *q)
{
	__u32 l4 = p->ip6 ? ESC_AT_L46 : ESC_AT_L44;
	struct esc_cursor c;

	/* The error itself is no fragment, not even a whole one. */
	if (p->l4 != l4 || p->len < l4 - ESC_AT_L3 + sizeof(struct esc_icmp) ||
	    !esc_quote_sum_ok(ctx, p))
		return false;
	c.pos = (void *)(long)ctx->data;
	c.end = (void *)(long)ctx->data_end;
	q->left = p->len - (l4 - ESC_AT_L3) - (__u32)sizeof(struct esc_icmp);
	if (p->ip6)
		return esc_pull(&c, ESC_AT_L46 + sizeof(struct esc_icmp)) && esc_quote6(c, q);
	return esc_pull(&c, ESC_AT_L44 + sizeof(struct esc_icmp)) && esc_quote4(c, q);
}

#endif
