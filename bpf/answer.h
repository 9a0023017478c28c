/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * answer.h: a frame of a LAN host becomes, in place, the ICMP error about it (RFC 792, RFC 4443),
 * ready to be sent back where it came from: so that traceroute and path MTU discovery work, and
 * denied connections fail at once (R10). Who must not be answered is not (RFC 1122, 3.2.2; RFC
 * 1812, 4.3.2.7; RFC 4443, 2.4 e), and all answers together have a budget: a LAN host that forges
 * its source cannot make the node flood another one.
 */
#ifndef ESC_BPF_ANSWER_H
#define ESC_BPF_ANSWER_H

#include "bucket.h"
#include "packet_sum.h"
#include "transport.h"

enum esc_answer_what {
	ESC_ANSWER_TTL,	    /* time exceeded in transit */
	ESC_ANSWER_TOO_BIG, /* packet too big; IPv4 without DF, too: the node fragments nothing */
	ESC_ANSWER_DENIED,  /* administratively prohibited */
	ESC_ANSWER_NO_ROUTE,
};

/* What of the packet comes back: as much as a host must be able to receive has room for. */
#define ESC_ANSWER_HDR4	  (sizeof(struct iphdr) + sizeof(struct esc_icmp))
#define ESC_ANSWER_HDR6	  (sizeof(struct ipv6hdr) + sizeof(struct esc_icmp))
#define ESC_ANSWER_QUOTE4 (576u - (__u32)ESC_ANSWER_HDR4)  /* RFC 1812, 4.3.2.3 */
#define ESC_ANSWER_QUOTE6 (1280u - (__u32)ESC_ANSWER_HDR6) /* RFC 4443, 2.4 c */
#define ESC_ANSWER_HOPS	  64
#define ESC_ANSWER_TOS	  0xc0 /* internetwork control (RFC 1812, 4.3.2.5) */

/* All answers' budget. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_bucket);
} red_answers SEC(".maps");

struct esc_answer_hdr4 {
	struct ethhdr eth;
	struct iphdr ip;
	struct esc_icmp icmp;
} __attribute__((packed));

struct esc_answer_hdr6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct esc_icmp icmp;
} __attribute__((packed));

/* What an answer needs to know of the frame, which it overwrites. */
struct esc_answer {
	esc_addr to;
	__u8 to_mac[ETH_ALEN], own_mac[ETH_ALEN];
	__u32 quote; /* bytes */
	__u8 ip6;
};

/* ICMP that asks, or answers one who asked; all else may be an error. */
static __always_inline bool esc_answer_to_icmp(const struct esc_icmp *h, __u8 ask, __u8 reply)
{
	return h && (h->type == ask || h->type == reply);
}

static __always_inline bool esc_answer_may4(struct esc_cursor c, const struct esc_split_cfg *cfg,
					    struct esc_answer *a)
{
	__u32 left = esc_left(&c), len, own;
	const struct iphdr *ip = esc_pull(&c, sizeof(*ip));

	if (!ip || ip->ihl != 5)
		return false;
	__builtin_memcpy(&own, cfg->red4, sizeof(own));
	len = bpf_ntohs(ip->tot_len);
	if (len < sizeof(*ip) || len > left || ip->frag_off & bpf_htons(0x1fff) || !own ||
	    ip->saddr == own || ip->daddr == own || esc_ip4_local_only(ip->saddr) ||
	    esc_ip4_group(ip->saddr) || esc_ip4_local_only(ip->daddr) || esc_ip4_group(ip->daddr))
		return false;
	if (ip->protocol == IPPROTO_ICMP &&
	    !esc_answer_to_icmp(esc_pull(&c, sizeof(struct esc_icmp)), ESC_ICMP_ECHO,
				ESC_ICMP_ECHO_REPLY))
		return false;
	esc_map_ip4(&a->to, ip->saddr);
	a->quote = len > ESC_ANSWER_QUOTE4 ? ESC_ANSWER_QUOTE4 : len;
	return true;
}

/* Behind another extension header than Fragment there may be anything, an error, too. */
static __always_inline bool esc_answer_may6(struct esc_cursor c, const struct esc_split_cfg *cfg,
					    struct esc_answer *a)
{
	const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));
	const struct esc_ip6_fragment *f;
	esc_addr own;
	__u32 len;
	__u8 next;

	if (!ip)
		return false;
	__builtin_memcpy(&own, cfg->red6, sizeof(own));
	len = bpf_ntohs(ip->payload_len);
	if (len > esc_left(&c) || esc_ip6_unspecified(&own) || esc_ip6_local_only(&ip->saddr) ||
	    esc_ip6_local_only(&ip->daddr) || esc_ip6_group(&ip->saddr) ||
	    esc_ip6_group(&ip->daddr) || esc_same_addr(&ip->saddr, &own) ||
	    esc_same_addr(&ip->daddr, &own))
		return false;
	next = ip->nexthdr;
	if (next == IPPROTO_FRAGMENT) {
		f = esc_pull(&c, sizeof(*f));
		if (!f || f->offset & bpf_htons(0xfff8))
			return false;
		next = f->next;
	}
	if (next == IPPROTO_FRAGMENT || esc_ip6_extension(next) ||
	    (next == IPPROTO_ICMPV6 && !esc_answer_to_icmp(esc_pull(&c, sizeof(struct esc_icmp)),
							   ESC_ICMP6_ECHO, ESC_ICMP6_ECHO_REPLY)))
		return false;
	a->to = ip->saddr;
	a->ip6 = 1;
	len += (__u32)sizeof(*ip);
	a->quote = len > ESC_ANSWER_QUOTE6 ? ESC_ANSWER_QUOTE6 : len;
	return true;
}

/* Whether this frame may be answered at all; *a from it. */
static __always_inline bool esc_answer_may(const struct xdp_md *ctx,
					   const struct esc_split_cfg *cfg, struct esc_answer *a)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));

	if (!eth || (eth->h_dest[0] | eth->h_source[0]) & 1)
		return false;
	__builtin_memcpy(a->to_mac, eth->h_source, sizeof(a->to_mac));
	__builtin_memcpy(a->own_mac, eth->h_dest, sizeof(a->own_mac));
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return esc_answer_may4(c, cfg, a);
	return eth->h_proto == bpf_htons(ETH_P_IPV6) && esc_answer_may6(c, cfg, a);
}

static __always_inline bool esc_answer_budget(const struct esc_split_cfg *cfg)
{
	__u32 zero = 0;
	struct esc_bucket *b = bpf_map_lookup_elem(&red_answers, &zero);

	return b && esc_bucket_take(b, esc_rate_of(cfg->answer_rate, cfg->answer_burst),
				    bpf_ktime_get_ns());
}

static __always_inline struct esc_icmp esc_answer_icmp(bool ip6, enum esc_answer_what what,
						       __u32 mtu)
{
	struct esc_icmp h = {.type = ip6 ? ESC_ICMP6_UNREACHABLE : ESC_ICMP_UNREACHABLE};

	switch (what) {
	case ESC_ANSWER_TTL:
		h.type = ip6 ? ESC_ICMP6_TIME_EXCEEDED : ESC_ICMP_TIME_EXCEEDED;
		break;
	case ESC_ANSWER_TOO_BIG:
		h.type = ip6 ? ESC_ICMP6_TOO_BIG : ESC_ICMP_UNREACHABLE;
		h.code = ip6 ? 0 : 4;	 /* fragmentation needed */
		h.rest = bpf_htonl(mtu); /* RFC 1191, 4: in the lower half */
		break;
	case ESC_ANSWER_DENIED:
		h.code = ip6 ? 1 : 13;
		break;
	case ESC_ANSWER_NO_ROUTE:
		break;
	}
	return h;
}

static __always_inline bool esc_answer_write4(struct xdp_md *ctx, const struct esc_split_cfg *cfg,
					      const struct esc_answer *a, struct esc_icmp icmp,
					      __u64 sum)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	struct esc_answer_hdr4 *h = esc_pull(&c, sizeof(*h));

	if (!h)
		return false;
	__builtin_memcpy(h->eth.h_dest, a->to_mac, sizeof(h->eth.h_dest));
	__builtin_memcpy(h->eth.h_source, a->own_mac, sizeof(h->eth.h_source));
	h->eth.h_proto = bpf_htons(ETH_P_IP);
	h->ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = ESC_ANSWER_TOS,
		.tot_len = bpf_htons((__u16)(ESC_ANSWER_HDR4 + a->quote)),
		.frag_off = bpf_htons(0x4000), /* DF: the identification may be 0 (RFC 6864) */
		.ttl = ESC_ANSWER_HOPS,
		.protocol = IPPROTO_ICMP,
		.daddr = a->to.s6_addr32[3],
	};
	__builtin_memcpy(&h->ip.saddr, cfg->red4, sizeof(h->ip.saddr));
	h->ip.check = (__be16)~esc_csum_fold(esc_csum_words(&h->ip, sizeof(h->ip)));
	icmp.check = (__be16)~esc_csum_fold(sum + esc_csum_words(&icmp, sizeof(icmp)));
	h->icmp = icmp;
	return true;
}

static __always_inline bool esc_answer_write6(struct xdp_md *ctx, const struct esc_split_cfg *cfg,
					      const struct esc_answer *a, struct esc_icmp icmp,
					      __u64 sum)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	struct esc_answer_hdr6 *h = esc_pull(&c, sizeof(*h));
	__u16 len = (__u16)(sizeof(icmp) + a->quote);

	if (!h)
		return false;
	__builtin_memcpy(h->eth.h_dest, a->to_mac, sizeof(h->eth.h_dest));
	__builtin_memcpy(h->eth.h_source, a->own_mac, sizeof(h->eth.h_source));
	h->eth.h_proto = bpf_htons(ETH_P_IPV6);
	h->ip = (struct ipv6hdr){
		.version = 6,
		.priority = ESC_ANSWER_TOS >> 4,
		.payload_len = bpf_htons(len),
		.nexthdr = IPPROTO_ICMPV6,
		.hop_limit = ESC_ANSWER_HOPS,
		.daddr = a->to,
	};
	__builtin_memcpy(&h->ip.saddr, cfg->red6, sizeof(h->ip.saddr));
	/* RFC 8200, 8.1: the addresses, the length, and the protocol are summed, too. */
	sum += esc_csum_words(&h->ip.saddr, 2 * sizeof(h->ip.saddr)) + bpf_htonl(len) +
	       bpf_htonl(IPPROTO_ICMPV6);
	icmp.check = (__be16)~esc_csum_fold(sum + esc_csum_words(&icmp, sizeof(icmp)));
	h->icmp = icmp;
	return true;
}

/*
 * Make the frame the answer: true, and it can be sent back. False: no answer is allowed, or there
 * were too many; what is left of the frame must be dropped. `mtu` is for ESC_ANSWER_TOO_BIG. The
 * frame was sent to the node's own MAC address; pointers into it are no longer valid afterwards.
 */
static __noinline bool esc_answer(struct xdp_md *ctx, enum esc_answer_what what, __u32 mtu,
				  const struct esc_split_cfg *cfg)
{
	struct esc_answer a = {0};
	struct esc_icmp icmp;
	__u32 grow;
	int sum;

	if (!esc_answer_may(ctx, cfg, &a) || !esc_answer_budget(cfg))
		return false;
	sum = esc_packet_sum(ctx, ESC_AT_L3, a.quote);
	if (sum < 0)
		return false;
	icmp = esc_answer_icmp(a.ip6, what, mtu);
	grow = a.ip6 ? ESC_ANSWER_HDR6 : ESC_ANSWER_HDR4;
	if (bpf_xdp_adjust_tail(ctx, (int)(ESC_AT_L3 + a.quote - bpf_xdp_get_buff_len(ctx))) ||
	    bpf_xdp_adjust_head(ctx, -(int)grow))
		return false;
	return a.ip6 ? esc_answer_write6(ctx, cfg, &a, icmp, (__u64)sum)
		     : esc_answer_write4(ctx, cfg, &a, icmp, (__u64)sum);
}

#endif
