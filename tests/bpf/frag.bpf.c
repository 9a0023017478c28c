/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * frag.bpf.c: what the programs of router mode do with a fragment, for frag.c: `out` and `in` parse
 * a frame; a first fragment begins, with a fixed address in place of the LAN's or of the node's; a
 * later one follows. XDP_TX: may pass; XDP_DROP: lost; XDP_ABORTED: transport.h refuses it.
 */
#include "clock.h"

#include "frag.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_FRAGMENTS_MAX);
	__type(key, struct esc_frag_key);
	__type(value, struct esc_frag);
} frags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_split_cfg);
} settings SEC(".maps");

static __always_inline int fragment(struct xdp_md *ctx, enum esc_frag_way way)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&settings, &zero);
	const struct esc_frag *found;
	__u64 now = bpf_ktime_get_ns();
	struct esc_packet p = {0};
	esc_addr addr;

	if (!cfg || esc_packet_parse(ctx, &p))
		return XDP_ABORTED;
	esc_map_ip4(&addr, way == ESC_FRAG_IN ? bpf_htonl(0x0a010005) : bpf_htonl(0xc0000201));
	if (p.first_fragment)
		return esc_frag_begin(&frags, &p, way, &addr, cfg, now) ? XDP_TX : XDP_DROP;
	if (p.what != ESC_PACKET_FRAGMENT)
		return XDP_PASS;
	found = esc_frag_follow(&frags, &p, way, now);
	return found && esc_frag_translate(ctx, &p, way, found) ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int out(struct xdp_md *ctx)
{
	return fragment(ctx, ESC_FRAG_OUT);
}

SEC("xdp")
int in(struct xdp_md *ctx)
{
	return fragment(ctx, ESC_FRAG_IN);
}
