/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * outbound.h: what the LAN sends outside of the tunnels (R5, R11): the red domain's firewall. The
 * caller has seen that it is a packet to the node's MAC address, from and to unicast addresses that
 * may be on a wire, and that its destination is neither secure nor the node's own red address.
 *
 * Hairpin, a LAN host writing to the black address (RFC 4787, REQ-9), is the one place where the
 * red program uses the black domain's tables: the packet would be translated out and in again by
 * the black programs, and does not leave for that.
 */
#ifndef ESC_BPF_OUTBOUND_H
#define ESC_BPF_OUTBOUND_H

#include "answer.h"
#include "flow.h"
#include "nat.h"
#include "ttl.h"

static __always_inline int esc_outbound_bad(int bad)
{
	switch (bad) {
	case ESC_PACKET_SHORT:
		return ESC_RED_short_frame;
	case ESC_PACKET_PROTOCOL:
		return ESC_RED_protocol;
	case ESC_PACKET_TRANSPORT:
		return ESC_RED_transport;
	case ESC_PACKET_ETHERTYPE:
		return ESC_RED_ethertype;
	default:
		return ESC_RED_ip_header;
	}
}

/*
 * Sources are hosts of the LAN, or somebody forges them. IPv6 is not translated, so only global
 * addresses can be answered, and unique local ones end at the site's border.
 */
static __always_inline int esc_outbound_addresses(const struct esc_packet *p,
						  const struct esc_split_cfg *cfg)
{
	if (!esc_in_lan(&p->src, p->ip6))
		return ESC_RED_source;
	if (esc_in_lan(&p->dst, p->ip6))
		return ESC_RED_not_secure;
	if (!(cfg->families & (p->ip6 ? ESC_SPLIT_IPV6 : ESC_SPLIT_IPV4)))
		return ESC_RED_no_route;
	if (p->ip6 && (!esc_ip6_global(&p->src) || esc_ip6_unique_local(&p->dst)))
		return ESC_RED_no_route;
	return ESC_RED_to_black;
}

/* The policy lets it begin; counted by rule. */
static __always_inline bool esc_outbound_begins(const struct esc_packet *p,
						const struct esc_split_cfg *cfg)
{
	const struct esc_policy *policy = esc_red_policy(cfg);
	__u32 rule;

	if (!policy || p->what == ESC_PACKET_ECHO_REPLY)
		return false;
	rule = esc_policy_rule(policy, p);
	esc_count_packet(&red_hits, (cfg->policy & 1) * ESC_HITS + rule, p->len);
	return esc_policy_says(policy, rule) == ESC_ALLOW;
}

static __always_inline int esc_outbound_fits(const struct xdp_md *ctx, const struct esc_packet *p,
					     const struct esc_split_cfg *cfg)
{
	if (!esc_ttl_left(ctx, p->ip6))
		return ESC_RED_ttl;
	return p->len > cfg->black_mtu ? ESC_RED_too_big : ESC_RED_to_black;
}

/* What has ports or an identifier. It is remembered only if it goes. */
static __always_inline int esc_outbound_flow(const struct xdp_md *ctx, const struct esc_packet *p,
					     const struct esc_split_cfg *cfg, __u64 now)
{
	struct esc_conn_key key;
	struct esc_flow *flow;
	int reason;

	esc_packet_key(p, true, &key);
	flow = esc_flow_find(&key, now);
	if (!flow && !esc_outbound_begins(p, cfg))
		return ESC_RED_denied;
	reason = esc_outbound_fits(ctx, p, cfg);
	if (reason != ESC_RED_to_black)
		return reason;
	if (p->first_fragment && !esc_frag_begin(&red_frag, p, ESC_FRAG_OUT, &p->src, cfg, now))
		return ESC_RED_fragment_lost;
	if (!flow)
		esc_hop_prepare(ESC_HOPS(red), &p->src, p->ip6); /* for the first answer */
	esc_flow_keep(&key, flow, cfg, now);
	return ESC_RED_to_black;
}

/* enum esc_red_reason; to_black and hairpin: it may go; not_secure: router mode is off. */
__attribute__((noinline)) int esc_outbound(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_red_split();
	__u64 now = bpf_ktime_get_coarse_ns();
	struct esc_packet p = {};
	int reason;

	if (!cfg)
		return ESC_RED_not_secure;
	if (esc_split_over(cfg, now))
		return ESC_RED_off;
	reason = esc_packet_parse(ctx, &p);
	if (reason)
		return esc_outbound_bad(reason);
	reason = esc_outbound_addresses(&p, cfg);
	if (reason != ESC_RED_to_black)
		return reason;
	if (p.what == ESC_PACKET_FRAGMENT)
		reason = esc_frag_follow(&red_frag, &p, ESC_FRAG_OUT, now)
				 ? esc_outbound_fits(ctx, &p, cfg)
				 : ESC_RED_fragment_lost;
	else if (p.what == ESC_PACKET_ICMP_ERROR)
		reason = esc_flow_error(ctx, &p, true, now) ? esc_outbound_fits(ctx, &p, cfg)
							    : ESC_RED_icmp_error;
	else
		reason = esc_outbound_flow(ctx, &p, cfg, now);
	if (reason == ESC_RED_to_black && !p.ip6 &&
	    p.dst.s6_addr32[3] == *(const esc_u32 *)cfg->own4)
		return ESC_RED_hairpin;
	return reason;
}

/* Out and in again, in place. enum esc_red_reason. */
static __always_inline int esc_outbound_hairpin(struct xdp_md *ctx)
{
	if (esc_nat_out(ctx) != ESC_BLACK_OUT_sent || esc_nat_in(ctx) != ESC_BLACK_to_lan)
		return ESC_RED_hairpin_refused;
	return ESC_RED_hairpin;
}

/* Tell the sender (reasons of kind ANSWER), in the packet's place. 1: done; 0: not allowed. */
__attribute__((noinline)) int esc_outbound_answer(struct xdp_md *ctx, __u32 reason)
{
	const struct esc_split_cfg *cfg = esc_red_split();
	enum esc_answer_what what = reason == ESC_RED_ttl	? ESC_ANSWER_TTL
				    : reason == ESC_RED_too_big ? ESC_ANSWER_TOO_BIG
				    : reason == ESC_RED_denied	? ESC_ANSWER_DENIED
								: ESC_ANSWER_NO_ROUTE;

	return cfg && esc_answer(ctx, what, cfg->black_mtu, cfg);
}

#endif
