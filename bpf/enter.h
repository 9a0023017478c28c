/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * enter.h: the second firewall (R5): what may enter the LAN from the internet, judged by the red
 * domain's own tables, as if the black domain had not looked at it.
 */
#ifndef ESC_BPF_ENTER_H
#define ESC_BPF_ENTER_H

#include "flow.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_RED_OUT_COUNT);
	__type(key, __u32);
	__type(value, struct esc_count);
} red_out_stats SEC(".maps");

static __always_inline int esc_enter_bad(int bad)
{
	switch (bad) {
	case ESC_PACKET_SHORT:
		return ESC_RED_OUT_short_frame;
	case ESC_PACKET_PROTOCOL:
		return ESC_RED_OUT_protocol;
	case ESC_PACKET_TRANSPORT:
		return ESC_RED_OUT_transport;
	case ESC_PACKET_ETHERTYPE:
		return ESC_RED_OUT_ethertype;
	default:
		return ESC_RED_OUT_ip_header;
	}
}

/* From where neither the LAN nor a secure site is, to a host of the LAN that is not the node. */
static __always_inline int esc_enter_addresses(const struct esc_packet *p)
{
	if (esc_unforwardable(&p->src, p->ip6) || (p->ip6 && esc_ip6_unique_local(&p->src)) ||
	    esc_in_lan(&p->src, p->ip6) || esc_prefix_has(&secure, &p->src, esc_family(p->ip6)))
		return ESC_RED_OUT_source;
	if (esc_unforwardable(&p->dst, p->ip6) || !esc_in_lan(&p->dst, p->ip6) ||
	    esc_red_own(&p->dst))
		return ESC_RED_OUT_destination;
	return ESC_RED_OUT_let_in;
}

/* Not by a reply. Whether a TCP segment is one that may open is the black domain's question. */
static __always_inline bool esc_enter_opens(const struct esc_packet *p,
					    const struct esc_split_cfg *cfg)
{
	const struct esc_policy *policy = esc_red_policy(cfg);

	return policy && p->what != ESC_PACKET_ECHO_REPLY &&
	       esc_policy_opening(policy, p, true) < ESC_OPENINGS_MAX;
}

static __always_inline int esc_enter_flow(const struct esc_packet *p,
					  const struct esc_split_cfg *cfg, __u64 now)
{
	struct esc_conn_key key;
	struct esc_flow *flow;

	esc_packet_key(p, false, &key);
	flow = esc_flow_find(&key, now);
	if (!flow) {
		if (!esc_enter_opens(p, cfg))
			return ESC_RED_OUT_no_flow;
		esc_flow_keep(&key, NULL, cfg, now);
	}
	if (p->first_fragment && !esc_frag_begin(&red_frag, p, ESC_FRAG_IN, &p->dst, cfg, now))
		return ESC_RED_OUT_fragment_lost;
	return ESC_RED_OUT_let_in;
}

/* The next hop in the LAN and both MAC addresses. */
static __always_inline int esc_enter_hop(struct xdp_md *ctx, const struct esc_packet *p,
					 const struct esc_split_cfg *cfg)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 mac[ETH_ALEN];

	/* It has a route: esc_enter_addresses(). */
	if (esc_hop_find(ESC_HOPS(red), &p->dst, p->ip6, mac) != ESC_HOP_OK)
		return ESC_RED_OUT_no_neighbour;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return ESC_RED_OUT_short_frame;
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, cfg->red_mac, ETH_ALEN);
	return ESC_RED_OUT_let_in;
}

static __noinline int esc_enter_judge(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_red_split();
	__u64 now = bpf_ktime_get_coarse_ns();
	struct esc_packet p = {};
	int reason;

	if (!cfg)
		return ESC_RED_OUT_off;
	reason = esc_packet_parse(ctx, &p);
	if (reason)
		return esc_enter_bad(reason);
	reason = esc_enter_addresses(&p);
	if (reason != ESC_RED_OUT_let_in)
		return reason;
	if (p.what == ESC_PACKET_FRAGMENT)
		reason = esc_frag_follow(&red_frag, &p, ESC_FRAG_IN, now)
				 ? ESC_RED_OUT_let_in
				 : ESC_RED_OUT_fragment_lost;
	else if (p.what == ESC_PACKET_ICMP_ERROR)
		reason = esc_flow_error(ctx, &p, false, now) ? ESC_RED_OUT_let_in
							     : ESC_RED_OUT_icmp_error;
	else
		reason = esc_enter_flow(&p, cfg, now);
	return reason == ESC_RED_OUT_let_in ? esc_enter_hop(ctx, &p, cfg) : reason;
}

/* XDP_PASS: it is sent. */
static __always_inline int esc_enter(struct xdp_md *ctx)
{
	__u64 bytes = esc_frame_size(ctx);
	__u32 reason = esc_enter_judge(ctx);

	esc_count_packet(&red_out_stats, reason, bytes);
	return reason == ESC_RED_OUT_let_in ? XDP_PASS : XDP_DROP;
}

#endif
