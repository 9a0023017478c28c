/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_frag.h: fragments of the black domain's connections (frag.h). Global functions: verified by
 * themselves, and off the way of packets that are whole.
 */
#ifndef ESC_BPF_NAT_FRAG_H
#define ESC_BPF_NAT_FRAG_H

#include "conn.h"
#include "frag.h"
#include "ttl.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_FRAGMENTS_MAX);
	__type(key, struct esc_frag_key);
	__type(value, struct esc_frag);
} black_frag SEC(".maps");

/*
 * A first fragment of a connection. *p is the packet as received; *addr takes the place of its
 * source (out) or destination (in). 0; not 0: it cannot be remembered.
 */
__attribute__((noinline)) int esc_nat_frag_begin(struct esc_packet *p, esc_addr *addr, __u32 way)
{
	const struct esc_split_cfg *cfg = esc_split();

	if (!p || !addr || !cfg)
		return -1;
	return esc_frag_begin(&black_frag, p, way == ESC_FRAG_IN ? ESC_FRAG_IN : ESC_FRAG_OUT, addr,
			      cfg, bpf_ktime_get_coarse_ns())
		       ? 0
		       : -1;
}

/* A later fragment: 0, translated; not 0: its first one is not known. */
__attribute__((noinline)) int esc_nat_frag_follow(struct xdp_md *ctx, struct esc_packet *p,
						  __u32 way)
{
	enum esc_frag_way w = way == ESC_FRAG_IN ? ESC_FRAG_IN : ESC_FRAG_OUT;
	const struct esc_frag *f;

	if (!p)
		return -1;
	f = esc_frag_follow(&black_frag, p, w, bpf_ktime_get_coarse_ns());
	if (!f || !esc_frag_translate(ctx, p, w, f))
		return -1;
	return esc_ttl_take(ctx, p->ip6) ? 0 : -1;
}

#endif
