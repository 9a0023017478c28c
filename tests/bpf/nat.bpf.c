/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat.bpf.c: the entry points of bpf/nat.h as programs that BPF_PROG_TEST_RUN accepts (it refuses
 * programs of a devmap, as the ones that call them are). The verdict is the reason.
 */
#include "nat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int nat_out(struct xdp_md *ctx)
{
	return esc_nat_out(ctx);
}

SEC("xdp")
int nat_in(struct xdp_md *ctx)
{
	return esc_nat_in(ctx);
}
