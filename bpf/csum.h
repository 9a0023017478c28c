/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * csum.h: the internet checksum: incremental updates (RFC 1624, equation 3) and sums over memory.
 * Sums are of words as they are in memory: one's complement addition does not care which byte of
 * a word comes first (RFC 1071, 2), as long as all words begin at even places.
 */
#ifndef ESC_BPF_CSUM_H
#define ESC_BPF_CSUM_H

#include "parse.h"

static __always_inline __u16 esc_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* The sum of `len` bytes, a constant and a multiple of 4. */
static __always_inline __u64 esc_csum_words(const void *at, __u32 len)
{
	const esc_u32 *w = at;
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < len / 4; i++)
		sum += w[i];
	return sum;
}

/* What replacing one word by another adds to the sum of everything. */
static __always_inline __u64 esc_csum_diff2(__be16 from, __be16 to)
{
	return (__u64)(__u16)~from + to;
}

static __always_inline __u64 esc_csum_diff4(__be32 from, __be32 to)
{
	return (__u64)(__u32)~from + to;
}

/* The checksum field `check` after the words that it covers changed by `diff`. */
static __always_inline __be16 esc_csum_update(__be16 check, __u64 diff)
{
	return (__be16)~esc_csum_fold((__u64)(__u16)~check + diff);
}

/* An address of the header becomes `to`, its checksum follows; what that adds to other sums. */
static __always_inline __u64 esc_csum_set_addr4(struct iphdr *ip, bool dst, __be32 to)
{
	__u64 diff = esc_csum_diff4(dst ? ip->daddr : ip->saddr, to);

	if (dst)
		ip->daddr = to;
	else
		ip->saddr = to;
	ip->check = esc_csum_update(ip->check, diff);
	return diff;
}

/* As esc_csum_update(), of UDP over IPv4 (RFC 768): 0 is no checksum, and a sum of 0 is written as
 * all ones. */
static __always_inline __be16 esc_csum_update_udp(__be16 check, __u64 diff)
{
	__be16 sum = esc_csum_update(check, diff);

	if (!check)
		return 0;
	return sum ? sum : 0xffff;
}

#endif
