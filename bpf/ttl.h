/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ttl.h: time to live, hop limit of a packet that is forwarded (RFC 1812, 5.3.1; RFC 8200, 3).
 */
#ifndef ESC_BPF_TTL_H
#define ESC_BPF_TTL_H

#include "csum.h"

/* The packet may be forwarded: more than 1 is left. */
static __always_inline bool esc_ttl_left(const struct xdp_md *ctx, bool ip6)
{
	struct esc_cursor c = {(void *)(long)ctx->data + ETH_HLEN, (void *)(long)ctx->data_end};
	const struct iphdr *ip4 = c.pos;
	const struct ipv6hdr *ip = c.pos;

	if (!esc_pull(&c, sizeof(*ip4)))
		return false;
	return (ip6 ? ip->hop_limit : ip4->ttl) > 1;
}

/* One less; false where none is left. IPv4's checksum follows. */
static __always_inline bool esc_ttl_take(const struct xdp_md *ctx, bool ip6)
{
	struct esc_cursor c = {(void *)(long)ctx->data + ETH_HLEN, (void *)(long)ctx->data_end};
	struct iphdr *ip4 = c.pos;
	struct ipv6hdr *ip = c.pos;

	if (!esc_pull(&c, sizeof(*ip4)))
		return false;
	if (ip6) {
		if (ip->hop_limit <= 1)
			return false;
		ip->hop_limit--;
		return true;
	}
	if (ip4->ttl <= 1)
		return false;
	ip4->check = esc_csum_update(ip4->check, esc_csum_diff2(bpf_htons(1u << 8), 0));
	ip4->ttl--;
	return true;
}

#endif
