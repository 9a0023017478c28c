/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * black.bpf.c: the whole black domain of a node: every frame from the internet ends here, in one
 * reason of ESC_BLACK_REASONS. To the crypto process goes what has the form of a WireGuard
 * message to an own address and the listen port and may be worth its time (admit.h); to the kernel
 * ARP and ND about own addresses, within limits, and DHCP's answers where the address comes by
 * DHCP. In router mode what is of a connection of the LAN, or opens one, goes to the red NIC,
 * translated (inbound.h); nothing else goes anywhere. Attached natively or generically.
 */
#include "admit.h"
#include "dhcp.h"
#include "inbound.h"
#include "own.h"
#include "talker.h"

/* Message lengths (WireGuard paper, 5.4); data: header and tag, the smallest is a keepalive. */
#define WG_INITIATION_SIZE 148
#define WG_RESPONSE_SIZE   92
#define WG_COOKIE_SIZE	   64
#define WG_DATA_MIN	   32

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_nic_cfg);
} black_cfg SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_BLACK_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct esc_count);
} black_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, ESC_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} black_xsks SEC(".maps");

ESC_DEV_MAP(black_devs);

static __always_inline int arp(struct esc_cursor c, enum esc_l2 l2)
{
	const struct esc_arp *a = esc_pull(&c, sizeof(*a));
	esc_addr target;

	if (l2 != ESC_L2_OWN && l2 != ESC_L2_BROADCAST)
		return ESC_BLACK_not_for_us_l2;
	if (!a)
		return ESC_BLACK_short_frame;
	if (!esc_arp_sound(a))
		return ESC_BLACK_arp_bad;
	/* Only what concerns us: gratuitous announcements of others cannot move a gateway. */
	esc_map_ip4(&target, *(const esc_u32 *)a->target_ip);
	return esc_is_own(&target) ? ESC_BLACK_arp : ESC_BLACK_arp_bad;
}

/*
 * Solicitations for an own address, advertisements sent to one. To all nodes only what somebody
 * advertises about an own address: that is how a duplicate shows. RA and redirects would let a
 * neighbour reroute the node; they end here.
 */
static __always_inline int nd(struct esc_cursor c, const struct ipv6hdr *ip, __u32 len)
{
	const struct esc_nd *m = esc_pull(&c, sizeof(*m));
	bool ours;

	if (!m || !esc_nd_sound(ip, m, len))
		return ESC_BLACK_nd_bad;
	if (m->icmp.type == ESC_ND_NS)
		ours = esc_is_own6(&m->target) &&
		       (esc_is_own6(&ip->daddr) || esc_is_solicited_node(&ip->daddr, &m->target));
	else
		ours = esc_is_own6(&ip->daddr) ||
		       (esc_is_all_nodes(&ip->daddr) && esc_is_own6(&m->target));
	return ours ? ESC_BLACK_nd : ESC_BLACK_nd_bad;
}

/*
 * Type in the first byte, three reserved zero bytes, and its length. Data need not be a multiple
 * of 16: WireGuard pads to that, but not beyond the tunnel's MTU.
 */
static __always_inline int message(struct esc_cursor c, __u32 len, const esc_addr *from,
				   __be16 port)
{
	struct esc_cursor at = c;
	const esc_u32 *type = esc_pull(&at, sizeof(*type)), *msg;

	if (len < sizeof(*type) || !type)
		return ESC_BLACK_wg_length;
	if (*type == bpf_htonl(4u << 24)) {
		msg = esc_pull(&c, WG_DATA_MIN);
		return len >= WG_DATA_MIN && msg ? esc_admit_session(msg) : ESC_BLACK_wg_length;
	}
	if (*type == bpf_htonl(1u << 24)) {
		msg = esc_pull(&c, WG_INITIATION_SIZE);
		return len == WG_INITIATION_SIZE && msg ? esc_admit_initiation(msg, from, port)
							: ESC_BLACK_wg_length;
	}
	if (*type == bpf_htonl(2u << 24)) {
		msg = esc_pull(&c, WG_RESPONSE_SIZE);
		return len == WG_RESPONSE_SIZE && msg ? esc_admit_response(msg)
						      : ESC_BLACK_wg_length;
	}
	if (*type == bpf_htonl(3u << 24)) {
		msg = esc_pull(&c, WG_COOKIE_SIZE);
		return len == WG_COOKIE_SIZE && msg ? esc_admit_session(msg) : ESC_BLACK_wg_length;
	}
	return ESC_BLACK_wg_type;
}

/* `len` bytes of IP payload, all of them in the frame. The checksum is left to authentication. */
static __always_inline int udp(struct esc_cursor c, __u32 len, const esc_addr *from,
			       __be16 listen_port)
{
	const struct udphdr *u = esc_pull(&c, sizeof(*u));

	if (len < sizeof(*u) || !u)
		return ESC_BLACK_udp_length;
	if (u->dest != listen_port)
		return ESC_BLACK_udp_port;
	if (bpf_ntohs(u->len) != len)
		return ESC_BLACK_udp_length;
	if (!u->source) /* could never be answered (RFC 768) */
		return ESC_BLACK_source;
	return message(c, len - (__u32)sizeof(*u), from, u->source);
}

/* Last, because it is a lookup, and most of a flood ends before. */
static __always_inline int not_from_us(int reason, const esc_addr *from)
{
	return reason == ESC_BLACK_to_crypto && esc_is_own(from) ? ESC_BLACK_source : reason;
}

static __always_inline int ipv4(struct esc_cursor c, enum esc_l2 l2, __be16 listen_port)
{
	__u32 left = esc_left(&c), total;
	const struct iphdr *ip = esc_pull(&c, sizeof(*ip));
	esc_addr src, dst;

	if (l2 != ESC_L2_OWN)
		return ESC_BLACK_not_for_us_l2;
	if (!ip)
		return ESC_BLACK_short_frame;
	if (ip->version != 4 || ip->ihl < 5)
		return ESC_BLACK_ip_header;
	if (ip->ihl > 5)
		return ESC_BLACK_ip_options;
	if (!esc_ip4_checksum_ok(ip)) /* the source becomes the peer's endpoint */
		return ESC_BLACK_ip_header;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || total > left)
		return ESC_BLACK_ip_length;
	if (esc_ip4_fragment(ip))
		return ESC_BLACK_fragment;
	esc_map_ip4(&src, ip->saddr);
	esc_map_ip4(&dst, ip->daddr);
	if (!esc_is_own(&dst))
		return ESC_BLACK_not_own_addr;
	if (esc_ip4_local_only(ip->saddr) || esc_ip4_group(ip->saddr))
		return ESC_BLACK_source;
	if (ip->protocol != IPPROTO_UDP)
		return ESC_BLACK_not_udp;
	return not_from_us(udp(c, total - (__u32)sizeof(*ip), &src, listen_port), &src);
}

static __always_inline int ipv6_unicast(struct esc_cursor c, const struct ipv6hdr *ip, __u32 len,
					__be16 listen_port)
{
	if (!esc_is_own6(&ip->daddr))
		return ESC_BLACK_not_own_addr;
	if (esc_ip6_local_only(&ip->saddr) || esc_ip6_group(&ip->saddr))
		return ESC_BLACK_source;
	if (ip->nexthdr == IPPROTO_FRAGMENT)
		return ESC_BLACK_fragment;
	if (esc_ip6_extension(ip->nexthdr))
		return ESC_BLACK_ip_options;
	if (ip->nexthdr != IPPROTO_UDP)
		return ESC_BLACK_not_udp;
	return not_from_us(udp(c, len, &ip->saddr, listen_port), &ip->saddr);
}

static __always_inline int ipv6(struct esc_cursor c, enum esc_l2 l2, __be16 listen_port)
{
	const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));
	__u32 len;

	if (l2 != ESC_L2_OWN && l2 != ESC_L2_IPV6_GROUP)
		return ESC_BLACK_not_for_us_l2;
	if (!ip)
		return ESC_BLACK_short_frame;
	if (ip->version != 6)
		return ESC_BLACK_ip_header;
	len = bpf_ntohs(ip->payload_len);
	if (len > esc_left(&c))
		return ESC_BLACK_ip_length;
	if (ip->nexthdr == IPPROTO_ICMPV6) {
		struct esc_cursor at = c;
		const struct esc_icmp *icmp = esc_pull(&at, sizeof(*icmp));

		if (icmp && len >= sizeof(*icmp) && esc_is_nd(icmp))
			return l2 == ESC_L2_OWN || esc_ip6_group(&ip->daddr) ? nd(c, ip, len)
									     : ESC_BLACK_nd_bad;
	}
	if (l2 != ESC_L2_OWN)
		return ESC_BLACK_not_for_us_l2;
	return ipv6_unicast(c, ip, len, listen_port);
}

/* To the own MAC address, or to all as a client without an address may ask (RFC 2131, 4.1). */
static __always_inline bool is_dhcp(struct esc_cursor c, __be16 proto, enum esc_l2 l2)
{
	const struct iphdr *ip4 = c.pos;
	const struct ipv6hdr *ip6 = c.pos;

	if (proto == bpf_htons(ETH_P_IP))
		return (l2 == ESC_L2_OWN || l2 == ESC_L2_BROADCAST) && esc_pull(&c, sizeof(*ip4)) &&
		       esc_dhcp4(c, ip4, ESC_BOOTP_REPLY);
	return proto == bpf_htons(ETH_P_IPV6) && l2 == ESC_L2_OWN && esc_pull(&c, sizeof(*ip6)) &&
	       esc_dhcp6(c, ip6, false);
}

static __noinline int classify(struct xdp_md *ctx)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));
	__u32 zero = 0;
	const struct esc_nic_cfg *cfg = bpf_map_lookup_elem(&black_cfg, &zero);

	if (!cfg || cfg->on != 1 || cfg->abi_version != ESC_ABI_VERSION)
		return ESC_BLACK_off;
	if (!eth)
		return ESC_BLACK_short_frame;
	if (cfg->flags & ESC_NIC_DHCP && is_dhcp(c, eth->h_proto, esc_l2_class(eth, cfg->mac)))
		return ESC_BLACK_dhcp;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return ipv4(c, esc_l2_class(eth, cfg->mac), cfg->listen_port);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return ipv6(c, esc_l2_class(eth, cfg->mac), cfg->listen_port);
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return arp(c, esc_l2_class(eth, cfg->mac));
	return ESC_BLACK_ethertype;
}

/*
 * What the kernel gets is rationed: each message costs it a context that data packets need. A
 * function of its own, because what it has on the stack is taken from what NAT may use.
 */
static __noinline int to_kernel(struct xdp_md *ctx, int reason)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));

	return eth && esc_neighbour_take(eth->h_source) ? reason : ESC_BLACK_neighbour_rate;
}

/* No WireGuard message, but a sound IP packet to the node's MAC address, which may have options. */
static __always_inline int decide(struct xdp_md *ctx, int reason)
{
	switch (reason) {
	case ESC_BLACK_fragment:
	case ESC_BLACK_not_own_addr:
	case ESC_BLACK_not_udp:
	case ESC_BLACK_udp_port:
		reason = esc_inbound(ctx, reason);
		if (reason == ESC_BLACK_to_lan)
			reason = esc_nat_in(ctx);
		return reason == ESC_BLACK_to_lan ? esc_inbound_fits(ctx) : reason;
	default:
		return reason;
	}
}

/* The redirects answer XDP_DROP, the flags, where nobody is. *reason follows what became of it. */
static __always_inline int act(struct xdp_md *ctx, __u32 *reason)
{
	int action;

	if (*reason == ESC_BLACK_to_crypto)
		action = bpf_redirect_map(&black_xsks, ctx->rx_queue_index, XDP_DROP);
	else
		action = bpf_redirect_map(&black_devs, ESC_DEV_RED, XDP_DROP);
	if (action == XDP_REDIRECT)
		return action;
	*reason = *reason == ESC_BLACK_to_crypto ? ESC_BLACK_no_socket : ESC_BLACK_off;
	return XDP_DROP;
}

#define LOCAL_BIT(id, kind, text) | (__u64)(ESC_KIND_##kind == ESC_KIND_LOCAL) << ESC_BLACK_##id

SEC("xdp")
int black(struct xdp_md *ctx)
{
	const __u64 local = 0 ESC_BLACK_REASONS(LOCAL_BIT);
	__u64 bytes = esc_frame_size(ctx); /* as it came */
	__u32 reason = decide(ctx, classify(ctx));
	int action = XDP_DROP;

	if (local >> reason & 1) {
		reason = to_kernel(ctx, reason);
		action = local >> reason & 1 ? XDP_PASS : XDP_DROP;
	} else if (reason == ESC_BLACK_to_crypto || reason == ESC_BLACK_to_lan) {
		action = act(ctx, &reason);
	}
	esc_count_packet(&black_stats, reason, bytes);
	if (action == XDP_DROP)
		esc_talker_sample(ctx, reason);
	return action;
}
