/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat.bpf.c: the entry points of bpf/nat.h as programs that BPF_PROG_TEST_RUN accepts (it refuses
 * programs of a devmap, as the ones that call them are). The verdict is the reason.
 */
#include "clock.h"

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

/* What one packet costs: TEST_RUN repeats on the same bytes, so they are put back each time. */
#define COST_BYTES 58

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[COST_BYTES]);
} cost_bytes SEC(".maps");

static __always_inline int cost(struct xdp_md *ctx, int (*pass)(struct xdp_md *))
{
	int reason = 0;
	__u32 zero = 0;
	__u8 *before = bpf_map_lookup_elem(&cost_bytes, &zero);

	if (!before || bpf_xdp_load_bytes(ctx, 0, before, COST_BYTES))
		return -1;
	if (pass)
		reason = pass(ctx);
	bpf_xdp_store_bytes(ctx, 0, before, COST_BYTES);
	return reason;
}

SEC("xdp")
int cost_out(struct xdp_md *ctx)
{
	return cost(ctx, esc_nat_out);
}

SEC("xdp")
int cost_in(struct xdp_md *ctx)
{
	return cost(ctx, esc_nat_in);
}

SEC("xdp")
int cost_none(struct xdp_md *ctx)
{
	return cost(ctx, NULL);
}
