/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat.h: the black domain's firewall and NAT (R5, R11): which packets belong to a connection, and
 * their translation in place. Ethernet addresses, routes, MTU, secure prefixes and the guard are
 * the callers' business; so is that a packet which is dropped may have been changed.
 *
 * A LAN host that writes to the node's own IPv4 address (hairpinning, RFC 4787, REQ-9) is served by
 * esc_nat_out() and then esc_nat_in() on the same packet.
 */
#ifndef ESC_BPF_NAT_H
#define ESC_BPF_NAT_H

#include "conn.h"
#include "csum.h"
#include "nat_frag.h"
#include "nat_icmp.h"
#include "nat_port.h"
#include "policy.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct esc_policy);
} black_policy SEC(".maps");

/*
 * From the LAN to the internet. enum esc_black_out_reason; ESC_BLACK_OUT_sent: it belongs to a
 * connection, its source is the node's (IPv4) and its TTL is one less.
 */
__attribute__((noinline)) int esc_nat_out(struct xdp_md *ctx)
{
	struct esc_packet p = {};

	if (esc_packet_parse(ctx, &p))
		return ESC_BLACK_OUT_transport;
	if (p.what == ESC_PACKET_FRAGMENT)
		return esc_nat_frag_follow(ctx, &p, ESC_FRAG_OUT) ? ESC_BLACK_OUT_fragment_lost
								  : ESC_BLACK_OUT_sent;
	if (p.what == ESC_PACKET_ICMP_ERROR)
		return esc_nat_icmp_out(ctx, &p);
	return ESC_BLACK_OUT_denied;
}

/*
 * From the internet to the LAN. enum esc_black_reason; ESC_BLACK_to_lan: it belongs to a
 * connection, its destination is a host of the LAN and its TTL is one less.
 */
__attribute__((noinline)) int esc_nat_in(struct xdp_md *ctx)
{
	struct esc_packet p = {};

	if (esc_packet_parse(ctx, &p))
		return ESC_BLACK_no_connection;
	if (p.what == ESC_PACKET_FRAGMENT)
		return esc_nat_frag_follow(ctx, &p, ESC_FRAG_IN) ? ESC_BLACK_fragment_lost
								 : ESC_BLACK_to_lan;
	if (p.what == ESC_PACKET_ICMP_ERROR)
		return esc_nat_icmp_in(ctx, &p);
	return ESC_BLACK_no_connection;
}

#endif
