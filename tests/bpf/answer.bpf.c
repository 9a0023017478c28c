/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * answer.bpf.c: each answer as a program, for answer.c. XDP_DROP: no answer.
 */
#include "clock.h"

#include "answer.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_split_cfg);
} settings SEC(".maps");

static __always_inline int answer(struct xdp_md *ctx, enum esc_answer_what what, __u32 mtu)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&settings, &zero);

	return cfg && esc_answer(ctx, what, mtu, cfg) ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int ttl(struct xdp_md *ctx)
{
	return answer(ctx, ESC_ANSWER_TTL, 0);
}

SEC("xdp")
int too_big(struct xdp_md *ctx)
{
	return answer(ctx, ESC_ANSWER_TOO_BIG, 1280);
}

SEC("xdp")
int denied(struct xdp_md *ctx)
{
	return answer(ctx, ESC_ANSWER_DENIED, 0);
}

SEC("xdp")
int no_route(struct xdp_md *ctx)
{
	return answer(ctx, ESC_ANSWER_NO_ROUTE, 0);
}
