/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * budget.h: what the black domain spends on handshakes and neighbours: token buckets, per source,
 * per CPU and for all together.
 */
#ifndef ESC_BPF_BUDGET_H
#define ESC_BPF_BUDGET_H

#include "bucket.h"
#include "parse.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_limits);
} black_limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_bucket);
} black_checks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_SOURCES_DEFAULT);
	__type(key, struct esc_source_key);
	__type(value, struct esc_source);
} black_sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_buckets);
} black_buckets SEC(".maps");

/*
 * Whether this CPU has time for one more mac1. Without such a bound a flood of wrong ones takes the
 * time that the NIC's queue needs, and the tunnel's packets are lost there.
 */
static __always_inline bool esc_check_take(const struct esc_limits *l)
{
	__u32 zero = 0;
	struct esc_bucket *own = bpf_map_lookup_elem(&black_checks, &zero);
	struct esc_rate r = esc_rate_of(l->mac_rate, 1);

	if (r.depth < ESC_MAC_BURST_NS)
		r.depth = ESC_MAC_BURST_NS;
	return own && esc_bucket_take(own, r, bpf_ktime_get_ns());
}

/* The key of an address: IPv4 whole, IPv6 its /64. */
static __always_inline struct esc_source_key esc_source_of(const esc_addr *a)
{
	struct esc_source_key key;

	__builtin_memcpy(&key, a, sizeof(key));
	if (!esc_ip6_local_only(a))
		__builtin_memset(key.addr + 8, 0, 8);
	return key;
}

static __always_inline struct esc_source_key esc_source_of_mac(const __u8 mac[ETH_ALEN])
{
	struct esc_source_key key = {{0xff}};

	__builtin_memcpy(key.addr + 10, mac, ETH_ALEN);
	return key;
}

/*
 * The source's bucket; `found` is its entry. A source that has none gets one with a full bucket, at
 * the expense of the one not heard of for longest.
 */
static __always_inline bool esc_source_take(struct esc_source *found,
					    const struct esc_source_key *key, bool proven,
					    struct esc_rate r, __u64 now)
{
	struct esc_source fresh = {};

	if (found)
		return esc_bucket_take(proven ? &found->proven : &found->unproven, r, now);
	return esc_bucket_take(proven ? &fresh.proven : &fresh.unproven, r, now) &&
	       !bpf_map_update_elem(&black_sources, key, &fresh, BPF_ANY);
}

/*
 * ARP or ND from this MAC address. Senders not heard of lately share the upper half of the total
 * bucket; a flood from invented ones so leaves the other half to the gateway.
 */
static __always_inline bool esc_neighbour_take(const __u8 mac[ETH_ALEN])
{
	struct esc_source_key key = esc_source_of_mac(mac);
	__u32 zero = 0;
	const struct esc_limits *l = bpf_map_lookup_elem(&black_limits, &zero);
	struct esc_buckets *all = bpf_map_lookup_elem(&black_buckets, &zero);
	struct esc_source *found = bpf_map_lookup_elem(&black_sources, &key);
	__u64 now = bpf_ktime_get_ns();
	struct esc_rate own, total;

	if (!l || !all)
		return false;
	own = esc_rate_of(l->neighbour_rate, l->neighbour_burst);
	total.token = own.token >= 10 ? own.token / 10 : own.token; /* ten times rate, burst */
	total.depth = found ? own.depth : own.depth / 2;
	return esc_bucket_has(&all->neighbour, total, now) &&
	       esc_source_take(found, &key, false, own, now) &&
	       esc_bucket_take(&all->neighbour, total, now);
}

#endif
