/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * leave.bpf.c: the egress guard as a program that BPF_PROG_TEST_RUN accepts: it refuses programs of
 * a devmap. The guard's last look alone, too: what comes before it makes it impossible to reach.
 */
#include "leave.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int leave(struct xdp_md *ctx)
{
	return esc_leave(ctx);
}

/* As if everything before the guard had let the frame pass, and had changed nothing. */
SEC("xdp")
int guard(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_split();
	__u64 bytes = esc_frame_size(ctx);
	__u32 reason = cfg ? esc_leave_guard(ctx, cfg) : ESC_BLACK_OUT_off;

	esc_count_packet(&black_out_stats, reason, bytes);
	return reason == ESC_BLACK_OUT_sent ? XDP_PASS : XDP_DROP;
}
