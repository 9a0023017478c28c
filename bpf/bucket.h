/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * bucket.h: token buckets. A bucket is the time at which it will be full again; taking a token
 * moves that time on. Nothing is locked: where two CPUs take from one bucket in the same instant
 * one token is paid for both, so a race lets through at most as many messages more as there are
 * CPUs.
 */
#ifndef ESC_BPF_BUCKET_H
#define ESC_BPF_BUCKET_H

#include "parse.h"

#define NS_PER_SECOND 1000000000ull

struct esc_rate {
	__u64 token; /* ns until one comes back; 0: nothing passes */
	__u64 depth; /* ns until an empty bucket is full */
};

static __always_inline struct esc_rate esc_rate_of(__u64 per_second, __u64 burst)
{
	struct esc_rate r = {0};

	if (per_second && per_second <= NS_PER_SECOND) {
		r.token = NS_PER_SECOND / per_second;
		r.depth = r.token * burst;
	}
	return r;
}

/* Whether a token is there. */
static __always_inline bool esc_bucket_has(const struct esc_bucket *b, struct esc_rate r, __u64 now)
{
	__u64 full_at = *(const volatile __u64 *)&b->full_at;

	return r.token && (full_at > now ? full_at : now) + r.token <= now + r.depth;
}

static __always_inline bool esc_bucket_take(struct esc_bucket *b, struct esc_rate r, __u64 now)
{
	__u64 full_at = *(const volatile __u64 *)&b->full_at;

	if (full_at < now)
		full_at = now;
	if (!r.token || full_at + r.token > now + r.depth)
		return false;
	*(volatile __u64 *)&b->full_at = full_at + r.token;
	return true;
}

#endif
