/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * inbound.h: what the internet sends outside of the tunnels (R5, R11): the first firewall. The
 * caller has seen that it is a sound IP packet to the node's MAC address, and no WireGuard message.
 */
#ifndef ESC_BPF_INBOUND_H
#define ESC_BPF_INBOUND_H

#include "split_black.h"

/* In clear nothing comes from the LAN, from the node itself, or from a secure site. */
static __always_inline bool esc_inbound_from(const esc_addr *src, bool ip6,
					     const struct esc_split_cfg *cfg)
{
	if (esc_unforwardable(src, ip6) || (ip6 && esc_ip6_unique_local(src)) ||
	    (!ip6 && esc_own4(cfg, src)))
		return false;
	return !esc_prefix_has(&black_lan, src, esc_family(ip6)) &&
	       !esc_prefix_has(&black_secure, src, esc_family(ip6));
}

/* To the node's translated address, or to a host of the LAN that has a global one. */
static __always_inline bool esc_inbound_to(const esc_addr *dst, bool ip6,
					   const struct esc_split_cfg *cfg)
{
	if (!(cfg->families & (ip6 ? ESC_SPLIT_IPV6 : ESC_SPLIT_IPV4)))
		return false;
	if (!ip6)
		return esc_own4(cfg, dst);
	return esc_ip6_global(dst) && esc_prefix_has(&black_lan, dst, ESC_SECURE_IPV6);
}

static __always_inline bool esc_inbound_addresses(const struct xdp_md *ctx, esc_addr *src,
						  esc_addr *dst, bool *ip6)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));
	const struct iphdr *ip4 = c.pos;
	const struct ipv6hdr *v6 = c.pos;

	if (!eth || !esc_pull(&c, sizeof(*ip4)))
		return false;
	*ip6 = eth->h_proto == bpf_htons(ETH_P_IPV6);
	if (!*ip6) {
		esc_map_ip4(src, ip4->saddr);
		esc_map_ip4(dst, ip4->daddr);
		return true;
	}
	if ((const void *)(v6 + 1) > c.end)
		return false;
	*src = v6->saddr;
	*dst = v6->daddr;
	return true;
}

/*
 * enum esc_black_reason; to_lan: esc_nat_in() decides. `otherwise`: what it is in encryptor mode,
 * and where it is for nobody behind this node. A function of its own, as is all of this: what is on
 * the stack while esc_nat_in() runs is taken from what it may use.
 */
__attribute__((noinline)) int esc_inbound(struct xdp_md *ctx, __u32 otherwise)
{
	const struct esc_split_cfg *cfg = esc_split();
	esc_addr src, dst;
	bool ip6;

	if (!cfg || !esc_inbound_addresses(ctx, &src, &dst, &ip6) ||
	    !esc_inbound_to(&dst, ip6, cfg))
		return (int)otherwise;
	if (esc_split_over(cfg, bpf_ktime_get_coarse_ns()))
		return ESC_BLACK_off;
	return esc_inbound_from(&src, ip6, cfg) ? ESC_BLACK_to_lan : ESC_BLACK_source;
}

/* A translated packet: enum esc_black_reason. Nobody can be told: what is too big is lost. */
__attribute__((noinline)) int esc_inbound_fits(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};

	return cfg && esc_pull(&c, ETH_HLEN) && esc_left(&c) <= cfg->red_mtu ? ESC_BLACK_to_lan
									     : ESC_BLACK_lan_mtu;
}

#endif
