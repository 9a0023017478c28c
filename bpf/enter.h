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

static __always_inline __u32 esc_enter_judge(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_red_split();
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	esc_addr dst;
	__u8 mac[ETH_ALEN];

	if (!cfg)
		return ESC_RED_OUT_off;
	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return ESC_RED_OUT_short_frame;
	esc_map_ip4(&dst, ip->saddr);
	if (esc_prefix_has(&secure, &dst, ESC_SECURE_IPV4))
		return ESC_RED_OUT_source;
	esc_map_ip4(&dst, ip->daddr);
	return esc_hop_find(ESC_HOPS(red), &dst, false, mac) == ESC_HOP_OK ? ESC_RED_OUT_no_flow
									   : ESC_RED_OUT_no_route;
}

/* XDP_PASS: it is sent. */
static __always_inline int esc_enter(struct xdp_md *ctx)
{
	__u32 reason = esc_enter_judge(ctx);

	esc_count_packet(&red_out_stats, reason, ctx->data_end - ctx->data);
	return reason == ESC_RED_OUT_let_in ? XDP_PASS : XDP_DROP;
}

#endif
