/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * red_out.bpf.c: the second firewall: what the black program hands to the red NIC (enter.h). In the
 * devmap entry of the red NIC, so that no program can send there without it.
 */
#include "enter.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp/devmap")
int red_out(struct xdp_md *ctx)
{
	return esc_enter(ctx);
}
