/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * admit.h: which well-formed WireGuard messages are worth crypto's time (R3). What needs a session
 * is looked up, what carries MACs is checked while there is time, and what is left to anybody who
 * knows the node's public key is rationed. Never stricter about MACs and sessions than the protocol
 * core itself.
 */
#ifndef ESC_BPF_ADMIT_H
#define ESC_BPF_ADMIT_H

#include "budget.h"
#include "mac.h"
#include "replay.h"

/* Only read here. The kernel refuses to map what is BPF_F_RDONLY_PROG for writing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_guard);
} black_guard SEC(".maps");

/* NULL: crypto has not written yet, or is another version. */
static __always_inline const struct esc_guard *esc_guard(void)
{
	__u32 zero = 0;
	const struct esc_guard *guard = bpf_map_lookup_elem(&black_guard, &zero);

	return guard && guard->abi_version == ESC_ABI_VERSION ? guard : NULL;
}

static __always_inline bool esc_session_exists(const struct esc_guard *guard, __u32 index)
{
	return index && guard->session[index % ESC_SESSION_SLOTS] == index;
}

/* Somebody who proved to be a peer was last seen at this address. */
static __always_inline bool esc_is_known(const struct esc_guard *guard, const esc_addr *from)
{
	__u32 bucket = esc_known_bucket(from->s6_addr);
	const esc_u32 *a = (const esc_u32 *)from;

	for (__u32 i = 0; i < ESC_KNOWN_WAYS; i++) {
		const esc_u32 *k =
			(const esc_u32 *)guard->known[bucket % ESC_KNOWN_BUCKETS][i].addr;

		if (a[0] == k[0] && a[1] == k[1] && a[2] == k[2] && a[3] == k[3])
			return true;
	}
	return false;
}

/* Tell crypto, but not more often than it looks: CPUs share that line of memory. */
static __always_inline void esc_refused(struct esc_buckets *all, __u64 now)
{
	if (now - *(const volatile __u64 *)&all->refused_at > NS_PER_SECOND / 1000)
		*(volatile __u64 *)&all->refused_at = now;
}

/*
 * An initiation that the core would work on: its mac1 is right and, under load, its mac2. A known
 * source has a budget of its own; all others share one, and none may have more than its part.
 * Invented sources find the shared one empty before they get an entry, so that they push no real
 * one out.
 */
static __always_inline int esc_ration(const struct esc_limits *l, struct esc_buckets *all,
				      const struct esc_source_key *key, bool known, bool proven)
{
	__u64 now = bpf_ktime_get_ns();
	struct esc_rate total = esc_rate_of(l->total_rate, l->total_burst), own;

	own = known ? esc_rate_of(l->known_rate, l->known_burst)
		    : esc_rate_of(l->source_rate, l->source_burst);
	if (!known && !esc_bucket_has(&all->total, total, now)) {
		if (!proven)
			esc_refused(all, now);
		return ESC_BLACK_total_rate;
	}
	if (!esc_source_take(bpf_map_lookup_elem(&black_sources, key), key, proven, own, now)) {
		if (!proven)
			esc_refused(all, now);
		return ESC_BLACK_source_rate;
	}
	if (!known)
		esc_bucket_take(&all->total, total, now);
	return ESC_BLACK_to_crypto;
}

/* Under load, without a valid mac2: crypto answers with a cookie. */
static __always_inline int esc_ration_cookies(const struct esc_limits *l, struct esc_buckets *all,
					      const struct esc_source_key *key, bool known)
{
	__u64 now = bpf_ktime_get_ns();

	if (known && esc_source_take(bpf_map_lookup_elem(&black_sources, key), key, false,
				     esc_rate_of(l->known_rate, l->known_burst), now))
		return ESC_BLACK_to_crypto;
	if (esc_bucket_take(&all->cookie, esc_rate_of(l->cookie_rate, l->cookie_burst), now))
		return ESC_BLACK_to_crypto;
	esc_refused(all, now);
	return ESC_BLACK_mac2;
}

/* `msg` is a whole initiation. */
static __always_inline int esc_admit_initiation(const esc_u32 *msg, const esc_addr *from,
						__be16 port)
{
	const struct esc_guard *guard = esc_guard();
	__u32 zero = 0;
	const struct esc_limits *l = bpf_map_lookup_elem(&black_limits, &zero);
	struct esc_buckets *all = bpf_map_lookup_elem(&black_buckets, &zero);
	struct esc_source_key key;
	struct esc_seen_key seen;
	bool under_load, known;
	int reason;

	if (!guard || !l || !all)
		return ESC_BLACK_mac1;
	known = esc_is_known(guard, from);
	if (!known && !esc_check_take(l))
		return ESC_BLACK_mac_rate;
	if (!esc_mac1_valid(guard, msg, INITIATION_WORDS))
		return ESC_BLACK_mac1;
	seen = esc_seen_key_of(msg + INITIATION_WORDS);
	if (esc_is_replay(l, &seen))
		return ESC_BLACK_replay;
	under_load = *(const volatile __u32 *)&guard->under_load;
	key = esc_source_of(from);
	if (under_load && !esc_mac2_valid(guard, from, port, msg))
		reason = esc_ration_cookies(l, all, &key, known);
	else
		reason = esc_ration(l, all, &key, known, under_load);
	if (reason == ESC_BLACK_to_crypto)
		esc_remember(&seen);
	return reason;
}

/*
 * `msg` is a whole response. An index that answers an initiation is not to be guessed, so there is
 * no budget; mac2 is left to the core, which asks for it under load.
 */
static __always_inline int esc_admit_response(const esc_u32 *msg)
{
	const struct esc_guard *guard = esc_guard();

	if (!guard || !esc_session_exists(guard, msg[2]))
		return ESC_BLACK_no_session;
	return esc_mac1_valid(guard, msg, RESPONSE_WORDS) ? ESC_BLACK_to_crypto : ESC_BLACK_mac1;
}

/* Data or cookie reply: at least type and receiver are there. */
static __always_inline int esc_admit_session(const esc_u32 *msg)
{
	const struct esc_guard *guard = esc_guard();

	return guard && esc_session_exists(guard, msg[1]) ? ESC_BLACK_to_crypto
							  : ESC_BLACK_no_session;
}

#endif
