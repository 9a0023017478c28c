/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * policy.h: what [Split] and [Firewall] say about a packet that begins a connection (R11). Both
 * domains use it, each on its own copy of the policy.
 */
#ifndef ESC_BPF_POLICY_H
#define ESC_BPF_POLICY_H

#include "transport.h"

struct esc_policy_query {
	const struct esc_policy *policy;
	const struct esc_packet *packet;
	__u32 found;
	__u32 inner;
};

/* An index that the verifier sees to be bounded, wherever the compiler compared it before. */
static __always_inline __u64 esc_policy_bound(__u64 i, const __u64 mask)
{
	asm volatile("%0 &= %1" : "+r"(i) : "i"(mask));
	return i;
}
_Static_assert(!(ESC_RULES_MAX & (ESC_RULES_MAX - 1)), "a mask bounds rules");
_Static_assert(!(ESC_OPENINGS_MAX & (ESC_OPENINGS_MAX - 1)), "a mask bounds openings");

/* `len` bits, up to 128. */
static __always_inline bool esc_policy_inside(const esc_addr *addr, const __u8 prefix[16], __u8 len)
{
	const esc_u32 *p = (const esc_u32 *)prefix;
	__u32 differ;

	for (__u32 i = 0; i < 4 && len > 32 * i; i++) {
		differ = bpf_ntohl(addr->s6_addr32[i] ^ p[i]);
		if (len < 32 * i + 32)
			differ >>= (32 * i + 32 - len) & 31;
		if (differ)
			return false;
	}
	return true;
}

/* ICMP stands for both families' echo. */
static __always_inline bool esc_policy_proto(__u8 rule, __u8 packet)
{
	return !rule || rule == packet || (rule == IPPROTO_ICMP && packet == IPPROTO_ICMPV6);
}

static long esc_policy_try_rule(__u32 i, struct esc_policy_query *q)
{
	const struct esc_packet *p = q->packet;
	__u16 port = bpf_ntohs(p->dst_port);
	const struct esc_rule *r;

	if (i >= ESC_RULES_MAX)
		return 1;
	r = &q->policy->rule[esc_policy_bound(i, ESC_RULES_MAX - 1)];
	if (!esc_policy_proto(r->proto, p->proto) || port < r->port_first || port > r->port_last ||
	    !esc_policy_inside(&p->dst, r->to, r->to_len) ||
	    !esc_policy_inside(&p->src, r->from, r->from_len))
		return 0;
	q->found = i;
	return 1;
}

/* The first rule that fits a packet from the LAN; ESC_RULES_MAX: none. For red_hits, too. */
static __always_inline __u32 esc_policy_rule(const struct esc_policy *policy,
					     const struct esc_packet *p)
{
	struct esc_policy_query q = {policy, p, ESC_RULES_MAX, 0};

	bpf_loop(policy->rules < ESC_RULES_MAX ? policy->rules : ESC_RULES_MAX, esc_policy_try_rule,
		 &q, 0);
	return q.found;
}

/* What that rule (or ESC_RULES_MAX) says: enum esc_verdict. */
static __always_inline __u32 esc_policy_says(const struct esc_policy *policy, __u32 rule)
{
	__u32 verdict = policy->otherwise;

	if (rule < ESC_RULES_MAX)
		verdict = policy->rule[esc_policy_bound(rule, ESC_RULES_MAX - 1)].verdict;

	return verdict == ESC_ALLOW ? ESC_ALLOW : ESC_DENY;
}

static __always_inline __u32 esc_policy_verdict(const struct esc_policy *policy,
						const struct esc_packet *p)
{
	return esc_policy_says(policy, esc_policy_rule(policy, p));
}

static __always_inline bool esc_policy_is_ip4(const __u8 addr[16])
{
	const esc_u32 *w = (const esc_u32 *)addr;

	return !w[0] && !w[1] && w[2] == bpf_htonl(0xffff);
}

static long esc_policy_try_opening(__u32 i, struct esc_policy_query *q)
{
	const struct esc_packet *p = q->packet;
	__u16 port = bpf_ntohs(p->dst_port), first, last;
	const struct esc_opening *o;
	bool ip4;

	if (i >= ESC_OPENINGS_MAX)
		return 1;
	o = &q->policy->opening[esc_policy_bound(i, ESC_OPENINGS_MAX - 1)];
	ip4 = esc_policy_is_ip4(o->to);
	first = ip4 && q->inner ? o->to_port : o->port_first;
	last = (__u16)(first + (o->port_last - o->port_first));
	if (ip4 == p->ip6 || o->proto != p->proto ||
	    !esc_policy_inside(&p->src, o->from, o->from_len))
		return 0;
	if (p->what == ESC_PACKET_PORTS && (port < first || port > last))
		return 0;
	if ((p->ip6 || q->inner) && !esc_policy_inside(&p->dst, o->to, o->to_len))
		return 0;
	q->found = i;
	return 1;
}

/*
 * The opening for a packet from the internet; ESC_OPENINGS_MAX: none. `inner`: its destination is
 * translated already; if not, the caller has checked that IPv4 goes to the node's own address.
 */
static __always_inline __u32 esc_policy_opening(const struct esc_policy *policy,
						const struct esc_packet *p, bool inner)
{
	struct esc_policy_query q = {policy, p, ESC_OPENINGS_MAX, inner};

	bpf_loop(policy->openings < ESC_OPENINGS_MAX ? policy->openings : ESC_OPENINGS_MAX,
		 esc_policy_try_opening, &q, 0);
	return q.found;
}

#endif
