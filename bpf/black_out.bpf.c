/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * black_out.bpf.c: the egress guard: the last look at what red hands to the black NIC (leave.h). In
 * the devmap entry of the black NIC, so that no program can send there without it.
 */
#include "leave.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp/devmap")
int black_out(struct xdp_md *ctx)
{
	return esc_leave(ctx);
}
