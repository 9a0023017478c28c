/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * egress.bpf.c: what the node's own kernel may send on the black NIC: ARP, neighbour
 * solicitations and advertisements, exactly as long as their headers say. Everything else that a
 * route or a program on the node would send there is plaintext on the internet and ends here.
 * AF_XDP transmission does not pass the queueing layer, so ciphertext is not concerned.
 * Attach as a direct-action classifier to clsact egress.
 */
#include <linux/pkt_cls.h>

#include "parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_EGRESS_COUNT);
	__type(key, __u32);
	__type(value, struct esc_count);
} egress_stats SEC(".maps");

static __always_inline int arp(struct esc_cursor c, __u32 left)
{
	const struct esc_arp *a = esc_pull(&c, sizeof(*a));

	/* At most the padding of the smallest frame behind it. */
	if (!a || !esc_arp_sound(a) || left > ETH_ZLEN - ETH_HLEN)
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

static __always_inline int classify(const struct __sk_buff *skb)
{
	struct esc_cursor c = {(void *)(long)skb->data, (void *)(long)skb->data_end};
	const struct ethhdr *eth = esc_pull(&c, sizeof(*eth));

	/* A tag may wait beside the frame; the node speaks on the untagged link only. */
	if (!eth || skb->vlan_present)
		return ESC_EGRESS_dropped;
	if (eth->h_proto == bpf_htons(ETH_P_ARP))
		return arp(c, skb->len - ETH_HLEN);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return nd(c, skb->len - ETH_HLEN);
	return ESC_EGRESS_dropped;
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	__u32 reason = classify(skb);

	esc_count_packet(&egress_stats, reason, skb->len);
	return reason == ESC_EGRESS_dropped ? TC_ACT_SHOT : TC_ACT_OK;
}
