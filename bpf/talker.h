/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * talker.h: who sends what is dropped (R3). One drop in ESC_TALKER_SAMPLE, chosen at random, is
 * looked at: the table's cost is shared by all of them, and a sender that is one of many thousands
 * seldom gets in. The least recently used entry makes room, so a source with more than its share of
 * 1/ESC_TALKERS_MAX stays.
 */
#ifndef ESC_BPF_TALKER_H
#define ESC_BPF_TALKER_H

#include "budget.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_TALKERS_MAX);
	__type(key, struct esc_source_key);
	__type(value, struct esc_talker);
} black_talkers SEC(".maps");

/* Neighbours by MAC address, others by IP address; false: the frame does not say. */
static __always_inline bool esc_talker_key(struct esc_cursor c, __u32 kind,
					   struct esc_source_key *key)
{
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));
	esc_addr from;

	if (!eth)
		return false;
	if (kind == ESC_ATTACK_neighbour) {
		*key = esc_source_of_mac(eth->h_source);
		return true;
	}
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = esc_pull(&c, sizeof(*ip));

		if (!ip)
			return false;
		esc_map_ip4(&from, ip->saddr);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));

		if (!ip || esc_ip6_local_only(&ip->saddr) || esc_ip6_group(&ip->saddr))
			return false;
		from = ip->saddr;
	} else {
		return false;
	}
	*key = esc_source_of(&from);
	return true;
}

/* A global function: verified by itself, and off the way of packets that are not looked at. */
__attribute__((noinline)) int esc_talker_note(struct xdp_md *ctx, __u32 reason)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	__u32 kind = esc_attack_kind(reason);
	struct esc_talker *found, fresh = {};
	struct esc_source_key key;
	__u64 now;

	if (kind >= ESC_ATTACK_KINDS || !esc_talker_key(c, kind, &key))
		return 0;
	now = bpf_ktime_get_ns();
	found = bpf_map_lookup_elem(&black_talkers, &key);
	if (found) {
		__sync_fetch_and_add(&found->packets[kind], ESC_TALKER_SAMPLE);
		found->last = now;
		return 0;
	}
	fresh.packets[kind] = ESC_TALKER_SAMPLE;
	fresh.first = now;
	fresh.last = now;
	bpf_map_update_elem(&black_talkers, &key, &fresh, BPF_NOEXIST);
	return 0;
}

static __always_inline void esc_talker_sample(struct xdp_md *ctx, __u32 reason)
{
	if (bpf_get_prandom_u32() % ESC_TALKER_SAMPLE == 0)
		esc_talker_note(ctx, reason);
}

#endif
