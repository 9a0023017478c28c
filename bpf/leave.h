/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * leave.h: the egress guard (R5, R6): what may leave on the black NIC, judged as if nobody had
 * looked at it before.
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

static __always_inline __u32 esc_leave_judge(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_black_split();
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	esc_addr dst;
	__u8 mac[ETH_ALEN];

	if (!cfg)
		return ESC_BLACK_OUT_off;
	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return ESC_BLACK_OUT_short_frame;
	esc_map_ip4(&dst, ip->daddr);
	if (esc_prefix_has(&black_secure, &dst, ESC_SECURE_IPV4))
		return ESC_BLACK_OUT_secure;
	if (esc_prefix_has(&black_lan, &dst, ESC_SECURE_IPV4))
		return ESC_BLACK_OUT_destination;
	return esc_hop_find(ESC_HOPS(black), &dst, false, mac) == ESC_HOP_OK
		       ? ESC_BLACK_OUT_denied
		       : ESC_BLACK_OUT_no_route;
}

/* XDP_PASS: it is sent. */
static __always_inline int esc_leave(struct xdp_md *ctx)
{
	__u32 reason = esc_leave_judge(ctx);

	esc_count_packet(&black_out_stats, reason, ctx->data_end - ctx->data);
	return reason == ESC_BLACK_OUT_sent ? XDP_PASS : XDP_DROP;
}

#endif
