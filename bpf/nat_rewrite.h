/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_rewrite.h: the translation of a packet in place: an address, a port or identifier, TTL, and
 * the checksums over them. IPv6 keeps its addresses: nothing but the hop limit changes.
 */
#ifndef ESC_BPF_NAT_REWRITE_H
#define ESC_BPF_NAT_REWRITE_H

#include "csum.h"
#include "transport.h"
#include "ttl.h"

/* `diff` of the addresses counts in TCP's and UDP's pseudo header, not in ICMP's sum. */
static __always_inline bool esc_nat_rewrite_l4(struct esc_cursor c, __u8 proto, bool out,
					       __be16 port, __u64 diff)
{
	struct esc_icmp *icmp = c.pos;
	struct udphdr *udp = c.pos;
	struct tcphdr *tcp = c.pos;
	__be16 *at;

	if (proto == IPPROTO_TCP) {
		if (!esc_pull(&c, sizeof(*tcp)))
			return false;
		at = out ? &tcp->source : &tcp->dest;
		tcp->check = esc_csum_update(tcp->check, diff + esc_csum_diff2(*at, port));
	} else if (proto == IPPROTO_UDP) {
		if (!esc_pull(&c, sizeof(*udp)))
			return false;
		at = out ? &udp->source : &udp->dest;
		udp->check = esc_csum_update_udp(udp->check, diff + esc_csum_diff2(*at, port));
	} else {
		if (!esc_pull(&c, sizeof(*icmp)))
			return false;
		at = (__be16 *)&icmp->rest;
		icmp->check = esc_csum_update(icmp->check, esc_csum_diff2(*at, port));
	}
	*at = port;
	return true;
}

/* The source (out) or destination becomes `addr` and `port`. False: the frame is too short. */
static __always_inline bool esc_nat_rewrite(struct xdp_md *ctx, const struct esc_packet *p,
					    bool out, __be32 addr, __be16 port)
{
	struct esc_cursor c = {(void *)(long)ctx->data + ESC_AT_L3, (void *)(long)ctx->data_end};
	struct iphdr *ip;
	__be32 *at;
	__u64 diff;

	if (!esc_ttl_take(ctx, p->ip6))
		return false;
	if (p->ip6)
		return true;
	ip = esc_pull(&c, sizeof(*ip));
	if (!ip)
		return false;
	at = out ? &ip->saddr : &ip->daddr;
	diff = esc_csum_diff4(*at, addr);
	ip->check = esc_csum_update(ip->check, diff);
	*at = addr;
	return esc_nat_rewrite_l4(c, p->proto, out, port, diff);
}

#endif
