/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_key.h: whose connection a packet from the internet would belong to: by the own port's owner,
 * or by the opening that reserves it.
 */
#ifndef ESC_BPF_NAT_KEY_H
#define ESC_BPF_NAT_KEY_H

#include "conn.h"
#include "nat_port.h"
#include "policy.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct esc_policy);
} black_policy SEC(".maps");

static __always_inline const struct esc_policy *esc_nat_policy(const struct esc_split_cfg *cfg)
{
	__u32 slot = cfg->policy;

	return bpf_map_lookup_elem(&black_policy, &slot);
}

static __always_inline __be32 esc_nat_own4(const struct esc_split_cfg *cfg)
{
	__be32 own;

	__builtin_memcpy(&own, cfg->own4, sizeof(own));
	return own;
}

/* The inner endpoint that an opening names for a packet to the node's own IPv4 address. */
static __always_inline bool esc_nat_forward(const struct esc_policy *policy,
					    const struct esc_packet *p, struct esc_conn_key *key)
{
	__u32 i = esc_policy_opening(policy, p, false);
	const struct esc_opening *o;

	if (i >= ESC_OPENINGS_MAX)
		return false;
	o = &policy->opening[esc_policy_bound(i, ESC_OPENINGS_MAX - 1)];
	__builtin_memcpy(key->lan, o->to, sizeof(key->lan));
	key->lan_port = bpf_htons((__u16)(o->to_port + bpf_ntohs(p->dst_port) - o->port_first));
	return true;
}

/*
 * The key of the connection that a packet from the internet would belong to. False: it cannot
 * belong to any; for IPv4, what a scanner sends ends with one look into an array.
 */
static __always_inline bool esc_nat_in_key(const struct esc_split_cfg *cfg,
					   const struct esc_packet *p, struct esc_conn_key *key)
{
	const struct esc_policy *policy;
	__u64 owner;

	esc_packet_key(p, false, key);
	if (p->ip6)
		return true;
	owner = esc_nat_owner(p->proto, p->dst_port);
	if (owner == ESC_PORT_FREE)
		return false;
	if (owner != ESC_PORT_RESERVED) {
		esc_nat_inner(owner, key);
		return true;
	}
	policy = esc_nat_policy(cfg);
	return policy && esc_nat_forward(policy, p, key);
}

#endif
