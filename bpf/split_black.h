/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * split_black.h: what the black domain goes by in router mode: its own copies of the settings, the
 * policy and the prefixes. Shared by black.bpf.c and black_out.bpf.c.
 */
#ifndef ESC_BPF_SPLIT_BLACK_H
#define ESC_BPF_SPLIT_BLACK_H

#include "hop.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_split_cfg);
} black_split SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct esc_policy);
} black_policy SEC(".maps");

ESC_PREFIX_SET(black_secure);
ESC_PREFIX_SET(black_lan);

ESC_HOP_MAPS(black);

/* NULL: router mode is off. */
static __always_inline const struct esc_split_cfg *esc_black_split(void)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&black_split, &zero);

	return cfg && cfg->on == 1 && cfg->abi_version == ESC_ABI_VERSION ? cfg : NULL;
}

#endif
