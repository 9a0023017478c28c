/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * leave.h: the egress guard (R5, R6): what may leave on the black NIC, judged as if nobody had
 * looked at it before: whatever the red program says, nothing for a secure prefix leaves in clear,
 * and nothing with an address of the LAN but IPv6 that is global.
 */
#ifndef ESC_BPF_LEAVE_H
#define ESC_BPF_LEAVE_H

#include "split_black.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_BLACK_OUT_COUNT);
	__type(key, __u32);
	__type(value, struct esc_count);
} black_out_stats SEC(".maps");

/* A frame's addresses and size, and nothing else: transport is the connections' business. */
struct esc_leave {
	esc_addr src, dst;
	__u32 len;  /* of the IP packet */
	__u32 more; /* bytes behind it */
	__u8 ip6;
	__u8 pad[3];
};

static __always_inline int esc_leave_parse(const struct xdp_md *ctx, struct esc_leave *l)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));
	const struct iphdr *ip4 = c.pos;
	const struct ipv6hdr *ip6 = c.pos;
	__u32 left;

	if (!eth)
		return ESC_BLACK_OUT_short_frame;
	left = esc_left(&c);
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if (!esc_pull(&c, sizeof(*ip4)))
			return ESC_BLACK_OUT_short_frame;
		l->len = bpf_ntohs(ip4->tot_len);
		if (ip4->version != 4 || ip4->ihl != 5 || l->len < sizeof(*ip4) || l->len > left)
			return ESC_BLACK_OUT_ip_header;
		esc_map_ip4(&l->src, ip4->saddr);
		esc_map_ip4(&l->dst, ip4->daddr);
		l->more = left - l->len;
		return ESC_BLACK_OUT_sent;
	}
	if (eth->h_proto != bpf_htons(ETH_P_IPV6))
		return ESC_BLACK_OUT_ethertype;
	if (!esc_pull(&c, sizeof(*ip6)))
		return ESC_BLACK_OUT_short_frame;
	l->len = bpf_ntohs(ip6->payload_len) + (__u32)sizeof(*ip6);
	if (ip6->version != 6 || l->len > left)
		return ESC_BLACK_OUT_ip_header;
	l->src = ip6->saddr;
	l->dst = ip6->daddr;
	l->more = left - l->len;
	l->ip6 = 1;
	return ESC_BLACK_OUT_sent;
}

/* Secure comes first: whatever else is wrong with a packet, that one has to be known. */
static __always_inline int esc_leave_to(const struct esc_leave *l)
{
	/* A mapped address in an IPv6 header must not meet the sets' IPv4 entries. */
	if (l->ip6 && (esc_ip6_local_only(&l->dst) || esc_ip6_local_only(&l->src)))
		return ESC_BLACK_OUT_destination;
	if (esc_prefix_has(&black_secure, &l->dst, esc_family(l->ip6)))
		return ESC_BLACK_OUT_secure;
	if (esc_unforwardable(&l->dst, l->ip6) || (l->ip6 && esc_ip6_unique_local(&l->dst)) ||
	    esc_prefix_has(&black_lan, &l->dst, esc_family(l->ip6)))
		return ESC_BLACK_OUT_destination;
	return ESC_BLACK_OUT_sent;
}

/* Before its translation: a host of the LAN, and in IPv6 a global one. */
static __always_inline bool esc_leave_from(const struct esc_leave *l)
{
	if (esc_unforwardable(&l->src, l->ip6) || (l->ip6 && !esc_ip6_global(&l->src)))
		return false;
	return esc_prefix_has(&black_lan, &l->src, esc_family(l->ip6));
}

static __noinline int esc_leave_before(struct xdp_md *ctx, const struct esc_split_cfg *cfg)
{
	struct esc_leave l = {};
	int reason = esc_leave_parse(ctx, &l);

	if (reason == ESC_BLACK_OUT_sent)
		reason = esc_leave_to(&l);
	if (reason != ESC_BLACK_OUT_sent)
		return reason;
	if (!esc_leave_from(&l))
		return ESC_BLACK_OUT_source;
	if (!(cfg->families & (l.ip6 ? ESC_SPLIT_IPV6 : ESC_SPLIT_IPV4)))
		return ESC_BLACK_OUT_no_route;
	return l.len > cfg->black_mtu ? ESC_BLACK_OUT_too_big : ESC_BLACK_OUT_sent;
}

/* The next hop and both MAC addresses. */
static __noinline int esc_leave_hop(struct xdp_md *ctx, const struct esc_split_cfg *cfg)
{
	struct esc_leave l = {};
	struct ethhdr *eth;
	__u8 mac[ETH_ALEN];
	int reason = esc_leave_parse(ctx, &l);

	if (reason != ESC_BLACK_OUT_sent)
		return reason;
	switch (esc_hop_find(ESC_HOPS(black), &l.dst, l.ip6, mac)) {
	case ESC_HOP_OK:
		break;
	case ESC_HOP_NO_ROUTE:
		return ESC_BLACK_OUT_no_route;
	default:
		return ESC_BLACK_OUT_no_neighbour;
	}
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return ESC_BLACK_OUT_short_frame;
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, cfg->black_mac, ETH_ALEN);
	return ESC_BLACK_OUT_sent;
}

static __always_inline bool esc_leave_own_mac(const struct xdp_md *ctx,
					      const struct esc_split_cfg *cfg)
{
	const esc_u16 *src = (void *)(long)ctx->data + ETH_ALEN;
	const esc_u16 *own = (const esc_u16 *)cfg->black_mac;

	return (const void *)(src + 3) <= (void *)(long)ctx->data_end && src[0] == own[0] &&
	       src[1] == own[1] && src[2] == own[2];
}

/*
 * The finished frame, parsed anew: nothing that was found out about it before counts. Bytes behind
 * the IP packet do not leave: nobody has looked at them. XDP's frames have no tags beside them.
 */
static __noinline int esc_leave_guard(struct xdp_md *ctx, const struct esc_split_cfg *cfg)
{
	struct esc_leave l = {};

	if (esc_leave_parse(ctx, &l) != ESC_BLACK_OUT_sent ||
	    esc_leave_to(&l) != ESC_BLACK_OUT_sent || !esc_leave_own_mac(ctx, cfg) ||
	    l.len > cfg->black_mtu)
		return ESC_BLACK_OUT_leak;
	if (l.ip6 ? !esc_leave_from(&l) : !esc_own4(cfg, &l.src))
		return ESC_BLACK_OUT_leak;
	if (l.more && bpf_xdp_adjust_tail(ctx, -(int)l.more))
		return ESC_BLACK_OUT_leak;
	return ESC_BLACK_OUT_sent;
}

static __always_inline int esc_leave_judge(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_split();
	int reason;

	if (!cfg)
		return ESC_BLACK_OUT_off;
	reason = esc_leave_before(ctx, cfg);
	if (reason == ESC_BLACK_OUT_sent)
		reason = esc_nat_out(ctx);
	if (reason == ESC_BLACK_OUT_sent)
		reason = esc_leave_hop(ctx, cfg);
	if (reason == ESC_BLACK_OUT_sent)
		reason = esc_leave_guard(ctx, cfg);
	return reason;
}

/* XDP_PASS: it is sent. Counted as it came. */
static __always_inline int esc_leave(struct xdp_md *ctx)
{
	__u64 bytes = esc_frame_size(ctx);
	__u32 reason = esc_leave_judge(ctx);

	esc_count_packet(&black_out_stats, reason, bytes);
	return reason == ESC_BLACK_OUT_sent ? XDP_PASS : XDP_DROP;
}

#endif
