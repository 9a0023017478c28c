/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * service.h: services of the node that the LAN may use: [Firewall] Local, in both modes. Only they,
 * and only what is whole, reach the node's own kernel beside ARP, neighbour discovery and echo.
 */
#ifndef ESC_BPF_SERVICE_H
#define ESC_BPF_SERVICE_H

#include "flow.h"

enum esc_service_to { ESC_SERVICE_TO_OWN, ESC_SERVICE_TO_ALL };

static __always_inline bool esc_service_listed(const struct esc_policy *policy,
					       const struct esc_packet *p, bool broadcast)
{
	__u16 port = bpf_ntohs(p->dst_port);

	for (__u32 i = 0; i < ESC_SERVICES_MAX; i++) {
		const struct esc_service *s = &policy->service[i];

		if (i >= policy->services)
			break;
		if (s->port == port && s->proto == p->proto && (s->broadcast || !broadcast))
			return true;
	}
	return false;
}

/* 255.255.255.255 (RFC 2131), ff02::1:2 (RFC 8415, 7.1), each in a frame to the same. */
static __always_inline bool esc_service_all(const struct ethhdr *eth, const struct esc_packet *p)
{
	const esc_u16 *mac = (const esc_u16 *)eth->h_dest;
	const __be32 *to = p->dst.s6_addr32;

	if (!p->ip6)
		return (mac[0] & mac[1] & mac[2]) == 0xffff && to[3] == 0xffffffff;
	return mac[0] == bpf_htons(0x3333) && mac[1] == bpf_htons(1) && mac[2] == bpf_htons(2) &&
	       to[0] == bpf_htonl(0xff020000) && !to[1] && !to[2] && to[3] == bpf_htonl(0x00010002);
}

/*
 * A host of the LAN; who asks all servers may have no address yet (IPv4) or a link-local one. The
 * encryptor does not know its LAN: the kernel answers on the red NIC or, by the egress guard, not.
 */
static __always_inline bool esc_service_from(const struct esc_packet *p, bool all)
{
	__be32 ip = p->src.s6_addr32[3];

	if (all && !p->ip6 && !ip)
		return true;
	if (p->ip6 && esc_ip6_link_local(&p->src))
		return true;
	if (esc_unforwardable(&p->src, p->ip6))
		return false;
	return !esc_red_split() || esc_in_lan(&p->src, p->ip6);
}

/*
 * 1: the frame is for a service. TO_OWN: the caller has checked MAC addresses, and that it goes to
 * an own address and does not come from one.
 */
__attribute__((noinline)) int esc_service(struct xdp_md *ctx, __u32 to)
{
	const struct esc_split_cfg *cfg = esc_red_settings();
	const struct ethhdr *eth = (void *)(long)ctx->data;
	const struct esc_policy *policy = cfg ? esc_red_policy(cfg) : NULL;
	struct esc_packet p = {};
	bool all = to != ESC_SERVICE_TO_OWN;

	if (!policy || !policy->services || esc_packet_parse(ctx, &p) ||
	    p.what != ESC_PACKET_PORTS || p.first_fragment)
		return 0;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end || (all && !esc_service_all(eth, &p)))
		return 0;
	return esc_service_from(&p, all) && esc_service_listed(policy, &p, all);
}

#endif
