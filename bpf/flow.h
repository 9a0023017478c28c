/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * flow.h: what the red domain goes by in router mode: its settings, its policy, and the flows that
 * the LAN began or an opening let in, as the LAN sees them. Shared by red.bpf.c and red_out.bpf.c.
 *
 * A flow knows nothing of TCP's states: what the LAN goes on sending by a rule that allows it makes
 * it anew, so a table that was too small pushes out the oldest and nothing ends.
 */
#ifndef ESC_BPF_FLOW_H
#define ESC_BPF_FLOW_H

#include "bucket.h"
#include "frag.h"
#include "hop.h"
#include "policy.h"
#include "quote.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_split_cfg);
} red_split SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct esc_policy);
} red_policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_CONNECTIONS_DEFAULT);
	__type(key, struct esc_conn_key);
	__type(value, struct esc_flow);
} red_flow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_FRAGMENTS_MAX);
	__type(key, struct esc_frag_key);
	__type(value, struct esc_frag);
} red_frag SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * ESC_HITS);
	__type(key, __u32);
	__type(value, struct esc_count);
} red_hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, ESC_ADDRS_MAX);
	__type(key, struct esc_addr_key);
	__type(value, __u8);
} red_addr SEC(".maps");

ESC_PREFIX_SET(secure);

ESC_HOP_MAPS(red);

/* A flow that is used is written to at most so often. */
#define ESC_FLOW_STEP_NS NS_PER_SECOND

/* The settings, of both modes; NULL: nobody wrote them. */
static __always_inline const struct esc_split_cfg *esc_red_settings(void)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&red_split, &zero);

	return cfg && cfg->abi_version == ESC_ABI_VERSION ? cfg : NULL;
}

/* NULL: router mode is off. */
static __always_inline const struct esc_split_cfg *esc_red_split(void)
{
	const struct esc_split_cfg *cfg = esc_red_settings();

	return cfg && cfg->on == 1 ? cfg : NULL;
}

static __always_inline const struct esc_policy *esc_red_policy(const struct esc_split_cfg *cfg)
{
	__u32 slot = cfg->policy & 1;

	return bpf_map_lookup_elem(&red_policy, &slot);
}

/* An address of the red NIC. One from an IPv6 header is not in ::/64. */
static __always_inline bool esc_red_own(const esc_addr *a)
{
	return bpf_map_lookup_elem(&red_addr, a);
}

static __always_inline bool esc_in_lan(const esc_addr *a, bool ip6)
{
	return esc_hop_route(&red_route, a, ip6);
}

/* TCP's longest: its states are the black domain's. */
static __always_inline __u64 esc_flow_timeout(const struct esc_split_cfg *cfg, __u8 proto)
{
	__u32 s = proto == IPPROTO_TCP	 ? cfg->timeout[ESC_CONN_ESTABLISHED]
		  : proto == IPPROTO_UDP ? cfg->timeout[ESC_CONN_UDP_REPLIED]
					 : cfg->timeout[ESC_CONN_ICMP];

	return s * NS_PER_SECOND;
}

/* A flow that is alive, or NULL. */
static __always_inline struct esc_flow *esc_flow_find(const struct esc_conn_key *k, __u64 now)
{
	struct esc_flow *f = bpf_map_lookup_elem(&red_flow, k);

	return f && f->expires > now ? f : NULL;
}

/* `f`: as found, or NULL for a new one. */
static __always_inline void esc_flow_keep(const struct esc_conn_key *k, struct esc_flow *f,
					  const struct esc_split_cfg *cfg, __u64 now)
{
	struct esc_flow fresh = {.expires = now + esc_flow_timeout(cfg, k->proto)};

	if (!f)
		bpf_map_update_elem(&red_flow, k, &fresh, BPF_ANY);
	else if (fresh.expires - f->expires > ESC_FLOW_STEP_NS)
		f->expires = fresh.expires;
}

/* The flow of what an error quotes: the LAN's own packet (`mine`), or one that came to it. */
static __always_inline void esc_flow_quoted(const struct esc_quote *q, bool mine,
					    struct esc_conn_key *k)
{
	bool ports = q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP;

	__builtin_memset(k, 0, sizeof(*k));
	__builtin_memcpy(k->lan, mine ? &q->src : &q->dst, sizeof(k->lan));
	__builtin_memcpy(k->remote, mine ? &q->dst : &q->src, sizeof(k->remote));
	k->lan_port = mine ? q->src_port : q->dst_port;
	k->remote_port = !ports ? 0 : mine ? q->dst_port : q->src_port;
	k->proto = q->proto;
}

/*
 * Whether *p, an ICMP error from the LAN (out) or to it, is about a packet of a flow, and goes to
 * who sent that packet.
 */
static __always_inline bool esc_flow_error(struct xdp_md *ctx, const struct esc_packet *p, bool out,
					   __u64 now)
{
	struct esc_quote about = {};
	struct esc_conn_key key;

	if (!esc_quote_parse(ctx, p, &about) || !esc_same_addr(&p->dst, &about.src))
		return false;
	esc_flow_quoted(&about, !out, &key);
	return esc_flow_find(&key, now);
}

#endif
