/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * egress.bpf.c: what the node's own kernel may send on the black NIC: ARP in the name of the NIC's
 * own addresses, neighbour solicitations and advertisements, exactly as long as their headers say,
 * and a DHCP client's requests where the address comes by DHCP. Everything else that a route or a
 * program on the node would send there is plaintext on the internet and ends here.
 * AF_XDP transmission does not pass the queueing layer, so ciphertext is not concerned.
 * Attach as a direct-action classifier to clsact egress.
 */
#include <linux/pkt_cls.h>

#include "dhcp.h"
#include "own.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_EGRESS_COUNT);
	__type(key, __u32);
	__type(value, struct esc_count);
} egress_stats SEC(".maps");

/* Only the version and the flags count here. Nobody wrote it: no DHCP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_nic_cfg);
} egress_cfg SEC(".maps");

static __always_inline bool dhcp_allowed(void)
{
	__u32 zero = 0;
	const struct esc_nic_cfg *cfg = bpf_map_lookup_elem(&egress_cfg, &zero);

	return cfg && cfg->abi_version == ESC_ABI_VERSION && cfg->flags & ESC_NIC_DHCP;
}

/*
 * The kernel asks in the name of whoever's packet waits for the answer: an address of the red NIC,
 * too. Nobody's (0.0.0.0) is a probe for a duplicate.
 */
static __always_inline bool from_own(const struct esc_arp *a)
{
	__be32 ip;
	esc_addr own;

	__builtin_memcpy(&ip, a->sender_ip, sizeof(ip));
	esc_map_ip4(&own, ip);
	return !ip || esc_is_own(&own);
}

static __always_inline int arp(struct esc_cursor c, __u32 left)
{
	const struct esc_arp *a = esc_pull(&c, sizeof(*a));

	/* At most the padding of the smallest frame behind it. */
	if (!a || !esc_arp_sound(a) || left > ETH_ZLEN - ETH_HLEN || !from_own(a))
		return ESC_EGRESS_dropped;
	return ESC_EGRESS_arp;
}

static __always_inline int nd(struct esc_cursor c, __u32 left)
{
	const struct ipv6hdr *ip = esc_pull(&c, sizeof(*ip));
	const struct esc_nd *m = esc_pull(&c, sizeof(*m));
	__u32 len;

	if (!ip || !m || ip->version != 6 || ip->nexthdr != IPPROTO_ICMPV6)
		return ESC_EGRESS_dropped;
	len = bpf_ntohs(ip->payload_len);
	if (len != left - (__u32)sizeof(*ip) || !esc_nd_sound(ip, m, len))
		return ESC_EGRESS_dropped;
	return ESC_EGRESS_nd;
}

/* A client's request, exactly as long as its headers say. */
static __always_inline int dhcp(struct esc_cursor c, __be16 proto, __u32 left)
{
	const struct iphdr *ip4 = c.pos;
	const struct ipv6hdr *ip6 = c.pos;
	bool sound;

	if (proto == bpf_htons(ETH_P_IP))
		sound = esc_pull(&c, sizeof(*ip4)) && bpf_ntohs(ip4->tot_len) == left &&
			esc_dhcp4(c, ip4, ESC_BOOTP_REQUEST);
	else
		sound = esc_pull(&c, sizeof(*ip6)) &&
			bpf_ntohs(ip6->payload_len) + (__u32)sizeof(*ip6) == left &&
			esc_dhcp6(c, ip6, true);
	return sound && dhcp_allowed() ? ESC_EGRESS_dhcp : ESC_EGRESS_dropped;
}

static __always_inline int classify(const struct __sk_buff *skb)
{
	struct esc_cursor c = {(void *)(long)skb->data, (void *)(long)skb->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));

	/* A tag may wait beside the frame; the node speaks on the untagged link only. */
	if (!eth || skb->vlan_present)
		return ESC_EGRESS_dropped;
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return arp(c, skb->len - ETH_HLEN);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return dhcp(c, eth->h_proto, skb->len - ETH_HLEN);
	if (eth->h_proto != bpf_htons(ETH_P_IPV6))
		return ESC_EGRESS_dropped;
	if (nd(c, skb->len - ETH_HLEN) == ESC_EGRESS_nd)
		return ESC_EGRESS_nd;
	return dhcp(c, eth->h_proto, skb->len - ETH_HLEN);
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	__u32 reason = classify(skb);

	esc_count_packet(&egress_stats, reason, skb->len);
	return reason == ESC_EGRESS_dropped ? TC_ACT_SHOT : TC_ACT_OK;
}
