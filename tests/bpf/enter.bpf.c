/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * enter.bpf.c: the second firewall as a program that BPF_PROG_TEST_RUN accepts: it refuses programs
 * of a devmap. `outbound` is the red program's part of the same tables.
 */
#include "enter.h"
#include "outbound.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int enter(struct xdp_md *ctx)
{
	return esc_enter(ctx);
}

SEC("xdp")
int outbound(struct xdp_md *ctx)
{
	return esc_outbound(ctx);
}
