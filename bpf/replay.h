/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * replay.h: initiations that crypto has been given before (R3). Whoever repeats what he recorded
 * needs no key to get past mac1, and would use up the budgets of the address where he recorded it.
 * A peer never sends an initiation twice (WireGuard paper, 5.4.2: a fresh ephemeral and time stamp
 * each), and the core refuses the second one, so nothing is lost with it.
 *
 * Copies pass while the first one is young: otherwise somebody who sees the wire could send a copy
 * ahead, from elsewhere, and the peer's own message were the one that is dropped.
 */
#ifndef ESC_BPF_REPLAY_H
#define ESC_BPF_REPLAY_H

#include "budget.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_SEEN_MAX);
	__type(key, struct esc_seen_key);
	__type(value, __u64);
} black_seen SEC(".maps");

static __always_inline struct esc_seen_key esc_seen_key_of(const esc_u32 *mac1)
{
	struct esc_seen_key key;

	__builtin_memcpy(&key, mac1, sizeof(key));
	return key;
}

static __always_inline bool esc_is_replay(const struct esc_limits *l,
					  const struct esc_seen_key *key)
{
	const __u64 *first = bpf_map_lookup_elem(&black_seen, key);

	return first && bpf_ktime_get_ns() - *first > l->replay_ms * 1000000ull;
}

/* Only what passed the budgets: they bound how fast entries come. */
static __always_inline void esc_remember(const struct esc_seen_key *key)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&black_seen, key, &now, BPF_NOEXIST);
}

#endif
