/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * red.bpf.c: every frame from the LAN, in one reason of ESC_RED_REASONS. What is for a secure
 * site goes to the red process, whatever else is said about it; ARP, ND, echo and listed services
 * (service.h) to an own address go to the kernel, which so never gets a packet to forward. In
 * router mode the rest goes to the black NIC as far as policy lets it (outbound.h), or is answered;
 * in encryptor mode nothing else goes anywhere.
 */
#include "outbound.h"
#include "service.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_nic_cfg);
} red_cfg SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_RED_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct esc_count);
} red_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, ESC_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} red_xsks SEC(".maps");

ESC_DEV_MAP(red_devs);

/* An address from an IPv6 header: must not meet the map's IPv4 entries. */
static __always_inline bool is_own6(const esc_addr *a)
{
	return !esc_ip6_local_only(a) && esc_red_own(a);
}

/* A build for one test: blind, it takes all for internet traffic that may leave. */
#ifndef ESC_TEST_BLIND
#define ESC_TEST_BLIND 0
#endif

static __always_inline bool is_secure(const esc_addr *a, __u8 family)
{
	return !ESC_TEST_BLIND && esc_prefix_has(&secure, a, family);
}

static __always_inline int not_for_us(enum esc_l2 l2)
{
	return l2 == ESC_L2_OTHER ? ESC_RED_not_for_us_l2 : ESC_RED_multicast;
}

/* Any target: the kernel answers for its own addresses and learns its neighbours. */
static __always_inline int arp(struct esc_cursor c, enum esc_l2 l2)
{
	const struct esc_arp *a = esc_pull(&c, sizeof(*a));

	if (l2 != ESC_L2_OWN && l2 != ESC_L2_BROADCAST)
		return not_for_us(l2);
	if (!a)
		return ESC_RED_short_frame;
	return esc_arp_sound(a) ? ESC_RED_arp : ESC_RED_arp_bad;
}

/*
 * Neighbour and router solicitations, neighbour advertisements, for an own address or on-link
 * multicast. Solicitations of routers are harmless, the kernel acts on none by itself; a router
 * advertisement daemon on the node needs them. RA and redirects would let a LAN host reroute
 * the node.
 */
static __always_inline int nd(struct esc_cursor c, const struct ipv6hdr *ip, __u32 len)
{
	struct esc_cursor at = c;
	const struct esc_icmp *icmp = esc_pull(&at, sizeof(*icmp));
	const struct esc_nd *m = esc_pull(&c, sizeof(*m));

	if (icmp && icmp->type == ESC_ND_RS && esc_nd_on_link(ip, icmp))
		return ESC_RED_nd;
	return m && esc_nd_sound(ip, m, len) ? ESC_RED_nd : ESC_RED_nd_bad;
}

/* To an own address only echo, whole and without options, reaches the kernel. */
static __always_inline int own4(struct esc_cursor c, const struct iphdr *ip, __u32 len)
{
	const struct esc_icmp *icmp = esc_pull(&c, sizeof(*icmp));

	if (ip->ihl != 5 || esc_ip4_fragment(ip) || ip->protocol != IPPROTO_ICMP || !icmp ||
	    len < sizeof(*icmp) || icmp->type != ESC_ICMP_ECHO || icmp->code)
		return ESC_RED_own_addr;
	return ESC_RED_echo;
}

/*
 * Options, fragments and checksums beyond the header's lengths are the two hosts' business.
 * to_black: for neither a secure site nor the node.
 */
static __always_inline int ipv4(struct esc_cursor c, enum esc_l2 l2)
{
	__u32 left = esc_left(&c), total;
	const struct iphdr *ip = esc_pull(&c, sizeof(*ip));
	esc_addr src, dst;

	if (l2 != ESC_L2_OWN)
		return not_for_us(l2);
	if (!ip)
		return ESC_RED_short_frame;
	if (ip->version != 4 || ip->ihl < 5)
		return ESC_RED_ip_header;
	total = bpf_ntohs(ip->tot_len);
	if (total < ip->ihl * 4u || total > left)
		return ESC_RED_ip_length;
	esc_map_ip4(&src, ip->saddr);
	esc_map_ip4(&dst, ip->daddr);
	if (esc_ip4_local_only(ip->saddr) || esc_ip4_group(ip->saddr) || esc_red_own(&src))
		return ESC_RED_source;
	if (esc_red_own(&dst))
		return own4(c, ip, total - (__u32)sizeof(*ip));
	if (esc_ip4_group(ip->daddr))
		return ESC_RED_multicast;
	if (esc_ip4_local_only(ip->daddr) || esc_ip4_link_local(ip->daddr))
		return ESC_RED_not_secure;
	if (esc_ip4_link_local(ip->saddr))
		return ESC_RED_source;
	return is_secure(&dst, ESC_SECURE_IPV4) ? ESC_RED_to_red : ESC_RED_to_black;
}

static __always_inline int own6(struct esc_cursor c, const struct ipv6hdr *ip, __u32 len)
{
	struct esc_cursor at = c;
	const struct esc_icmp *icmp = esc_pull(&at, sizeof(*icmp));

	if (ip->nexthdr != IPPROTO_ICMPV6 || !icmp || len < sizeof(*icmp))
		return ESC_RED_own_addr;
	if (esc_is_nd(icmp))
		return nd(c, ip, len);
	return icmp->type == ESC_ICMP6_ECHO && !icmp->code ? ESC_RED_echo : ESC_RED_own_addr;
}

static __always_inline int group6(struct esc_cursor c, const struct ipv6hdr *ip, __u32 len)
{
	struct esc_cursor at = c;
	const struct esc_icmp *icmp = esc_pull(&at, sizeof(*icmp));

	if (ip->nexthdr == IPPROTO_ICMPV6 && icmp && len >= sizeof(*icmp) && esc_is_nd(icmp))
		return nd(c, ip, len);
	return ESC_RED_multicast;
}

static __always_inline int unicast6(struct esc_cursor c, const struct ipv6hdr *ip, __u32 len)
{
	if (esc_ip6_local_only(&ip->saddr) || esc_ip6_group(&ip->saddr) || esc_red_own(&ip->saddr))
		return ESC_RED_source;
	if (is_own6(&ip->daddr))
		return own6(c, ip, len);
	if (esc_ip6_local_only(&ip->daddr) || esc_ip6_link_local(&ip->daddr))
		return ESC_RED_not_secure;
	if (esc_ip6_link_local(&ip->saddr)) /* no router forwards it (RFC 4291, 2.5.6) */
		return ESC_RED_source;
	return is_secure(&ip->daddr, ESC_SECURE_IPV6) ? ESC_RED_to_red : ESC_RED_to_black;
}

static __always_inline int ipv6(struct esc_cursor c, enum esc_l2 l2)
{
	const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));
	__u32 len;

	if (l2 != ESC_L2_OWN && l2 != ESC_L2_IPV6_GROUP)
		return not_for_us(l2);
	if (!ip)
		return ESC_RED_short_frame;
	if (ip->version != 6)
		return ESC_RED_ip_header;
	len = bpf_ntohs(ip->payload_len);
	if (len > esc_left(&c))
		return ESC_RED_ip_length;
	if (esc_ip6_group(&ip->daddr))
		return group6(c, ip, len);
	return l2 == ESC_L2_OWN ? unicast6(c, ip, len) : not_for_us(l2);
}

static __noinline int classify(struct xdp_md *ctx)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));
	__u32 zero = 0;
	const struct esc_nic_cfg *cfg = bpf_map_lookup_elem(&red_cfg, &zero);

	if (!cfg || cfg->on != 1 || cfg->abi_version != ESC_ABI_VERSION)
		return ESC_RED_off;
	if (!eth)
		return ESC_RED_short_frame;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return ipv4(c, esc_l2_class(eth, cfg->mac));
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return ipv6(c, esc_l2_class(eth, cfg->mac));
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return arp(c, esc_l2_class(eth, cfg->mac));
	return ESC_RED_ethertype;
}

/* What the classifier leaves open: services, and what is outside of the tunnels. */
static __always_inline int decide(struct xdp_md *ctx, int reason)
{
	switch (reason) {
	case ESC_RED_own_addr:
		return esc_service(ctx, ESC_SERVICE_TO_OWN) ? ESC_RED_service : reason;
	case ESC_RED_multicast:
		return esc_service(ctx, ESC_SERVICE_TO_ALL) ? ESC_RED_service : reason;
	case ESC_RED_to_black:
		if (ESC_TEST_BLIND)
			return reason;
		reason = esc_outbound(ctx);
		return reason == ESC_RED_hairpin ? esc_outbound_hairpin(ctx) : reason;
	default:
		return reason;
	}
}

/* The redirects answer XDP_DROP, the flags, where nobody is. *reason follows what became of it. */
static __always_inline int act(struct xdp_md *ctx, __u32 *reason)
{
	int action = XDP_DROP;
	__u32 none = ESC_RED_off;

	switch (*reason) {
	case ESC_RED_to_red:
		action = bpf_redirect_map(&red_xsks, ctx->rx_queue_index, XDP_DROP);
		none = ESC_RED_no_socket;
		break;
	case ESC_RED_to_black:
		action = bpf_redirect_map(&red_devs, ESC_DEV_BLACK, XDP_DROP);
		break;
	case ESC_RED_hairpin:
		action = bpf_redirect_map(&red_devs, ESC_DEV_RED, XDP_DROP);
		break;
	}
	if (action == XDP_REDIRECT)
		return action;
	*reason = none;
	return XDP_DROP;
}

#define PASS_BIT(id, kind, text)   | (__u64)(ESC_KIND_##kind == ESC_KIND_PASS) << ESC_RED_##id
#define LOCAL_BIT(id, kind, text)  | (__u64)(ESC_KIND_##kind == ESC_KIND_LOCAL) << ESC_RED_##id
#define ANSWER_BIT(id, kind, text) | (__u64)(ESC_KIND_##kind == ESC_KIND_ANSWER) << ESC_RED_##id

SEC("xdp")
int red(struct xdp_md *ctx)
{
	const __u64 pass = 0 ESC_RED_REASONS(PASS_BIT), local = 0 ESC_RED_REASONS(LOCAL_BIT);
	const __u64 answer = 0 ESC_RED_REASONS(ANSWER_BIT);
	__u64 bytes = esc_frame_size(ctx); /* as it came */
	__u32 reason = decide(ctx, classify(ctx));
	int action = XDP_DROP;

	if (pass >> reason & 1) {
		action = act(ctx, &reason);
	} else if (local >> reason & 1) {
		action = XDP_PASS;
	} else if (answer >> reason & 1) {
		/* Not XDP_TX: a veth whose other end has no program leaves such frames lying. */
		if (esc_outbound_answer(ctx, reason))
			action = bpf_redirect(ctx->ingress_ifindex, 0);
		else
			reason = ESC_RED_quiet;
	}
	esc_count_packet(&red_stats, reason, bytes);
	return action;
}
