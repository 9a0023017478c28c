/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * flow.h: what the red domain goes by in router mode: its settings, its policy, and which flows the
 * LAN began or an opening let in. Shared by red.bpf.c and red_out.bpf.c.
 */
#ifndef ESC_BPF_FLOW_H
#define ESC_BPF_FLOW_H

#include "hop.h"

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

ESC_PREFIX_SET(secure);

ESC_HOP_MAPS(red);

/* NULL: router mode is off. */
static __always_inline const struct esc_split_cfg *esc_red_split(void)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&red_split, &zero);

	return cfg && cfg->on == 1 && cfg->abi_version == ESC_ABI_VERSION ? cfg : NULL;
}

#endif
