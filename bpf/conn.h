/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * conn.h: the black domain's settings and table of connections (R11). A connection that nobody
 * answered yet is in conn_new, where a flood pushes out the oldest; the first answer moves it to
 * conn, which nothing is pushed out of. An entry that has expired counts as none; control sweeps.
 * Counters of a connection are not atomic: each direction of one is handled by one CPU.
 */
#ifndef ESC_BPF_CONN_H
#define ESC_BPF_CONN_H

#include "transport.h"

/* Control sets the sizes before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_split_cfg);
} black_split SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_CONNECTIONS_DEFAULT / 4);
	__type(key, struct esc_conn_key);
	__type(value, struct esc_conn);
} conn_new SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESC_CONNECTIONS_DEFAULT);
	__type(key, struct esc_conn_key);
	__type(value, struct esc_conn);
} conn SEC(".maps");

/* The settings, or NULL while nothing may pass outside of the tunnel. */
static __always_inline const struct esc_split_cfg *esc_split(void)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&black_split, &zero);

	return cfg && cfg->on == 1 && cfg->abi_version == ESC_ABI_VERSION ? cfg : NULL;
}

/* A connection that is alive, or NULL. */
static __always_inline struct esc_conn *esc_conn_find(const struct esc_conn_key *key, __u64 now)
{
	struct esc_conn *c = bpf_map_lookup_elem(&conn, key);

	if (c && c->expires > now)
		return c;
	c = bpf_map_lookup_elem(&conn_new, key);
	return c && c->expires > now ? c : NULL;
}

#endif
