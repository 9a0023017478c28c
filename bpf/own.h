/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * own.h: the addresses of the black NIC, as control knows them.
 */
#ifndef ESC_BPF_OWN_H
#define ESC_BPF_OWN_H

#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, ESC_ADDRS_MAX);
	__type(key, struct esc_addr_key);
	__type(value, __u8);
} black_addr SEC(".maps");

static __always_inline bool esc_is_own(const esc_addr *a)
{
	return bpf_map_lookup_elem(&black_addr, a);
}

/* An address from an IPv6 header: must not meet the map's IPv4 entries. */
static __always_inline bool esc_is_own6(const esc_addr *a)
{
	return !esc_ip6_local_only(a) && esc_is_own(a);
}

#endif
