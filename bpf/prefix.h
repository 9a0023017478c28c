/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * prefix.h: sets of prefixes (`secure`, `black_secure`, `black_lan`): LPM tries of a prefix's
 * family, and what kind of unicast address is nobody's in the internet.
 */
#ifndef ESC_BPF_PREFIX_H
#define ESC_BPF_PREFIX_H

#include "parse.h"

#define ESC_PREFIX_SET(name)                                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                               \
		__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);                          \
		__uint(max_entries, ESC_PREFIXES_MAX);                                             \
		__type(key, struct esc_lpm_key);                                                   \
		__type(value, __u8);                                                               \
	} name SEC(".maps")

/*
 * Longest prefix. The family in the value keeps ::/0 away from IPv4: every IPv4 prefix is longer
 * than every IPv6 prefix that covers the mapped addresses, so the wrong family means no match.
 */
static __always_inline bool esc_prefix_has(void *set, const esc_addr *a, __u8 family)
{
	struct esc_lpm_key key = {.prefixlen = 128};
	const __u8 *found;

	__builtin_memcpy(key.addr, a, sizeof(key.addr));
	found = bpf_map_lookup_elem(set, &key);
	return found && *found == family;
}

static __always_inline __u8 esc_family(bool ip6)
{
	return ip6 ? ESC_SECURE_IPV6 : ESC_SECURE_IPV4;
}

/* No router forwards to or from such an address, whatever its routes say. */
static __always_inline bool esc_unforwardable(const esc_addr *a, bool ip6)
{
	__be32 ip = a->s6_addr32[3];

	if (ip6)
		return esc_ip6_local_only(a) || esc_ip6_group(a) || esc_ip6_link_local(a);
	return esc_ip4_local_only(ip) || esc_ip4_group(ip) || esc_ip4_link_local(ip);
}

/* RFC 4193: unique local; the border of a site is the end of its way (4.3). */
static __always_inline bool esc_ip6_unique_local(const esc_addr *a)
{
	return (a->s6_addr[0] & 0xfe) == 0xfc;
}

/* 2000::/3, the only addresses that IANA gave out for the internet (RFC 4291, 2.4). */
static __always_inline bool esc_ip6_global(const esc_addr *a)
{
	return a->s6_addr[0] >> 5 == 1;
}

#endif
