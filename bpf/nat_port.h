/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_port.h: which own port stands for which inner endpoint (RFC 4787, 4.1 and 4.2).
 */
#ifndef ESC_BPF_NAT_PORT_H
#define ESC_BPF_NAT_PORT_H

#include "conn.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESC_CONNECTIONS_DEFAULT + ESC_CONNECTIONS_DEFAULT / 4);
	__type(key, struct esc_nat_key);
	__type(value, struct esc_nat_map);
} nat_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ESC_PORTS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} nat_ports SEC(".maps");

static __always_inline __u32 esc_nat_table(__u8 proto)
{
	return proto == IPPROTO_TCP   ? ESC_PORTS_TCP
	       : proto == IPPROTO_UDP ? ESC_PORTS_UDP
				      : ESC_PORTS_ICMP;
}

/* The owner of an own port or identifier (network order), ESC_PORT_FREE or ESC_PORT_RESERVED. */
static __always_inline __u64 esc_nat_owner(__u8 proto, __be16 port)
{
	__u32 slot = esc_port_slot(esc_nat_table(proto), bpf_ntohs(port));
	const __u64 *owner = bpf_map_lookup_elem(&nat_ports, &slot);

	return owner ? *owner : ESC_PORT_FREE;
}

/* esc_port_owner() backwards: the inner endpoint of an owner, into the key of a connection. */
static __always_inline void esc_nat_inner(__u64 owner, struct esc_conn_key *k)
{
	esc_addr lan;

	esc_map_ip4(&lan, bpf_htonl((__u32)owner));
	__builtin_memcpy(k->lan, &lan, sizeof(k->lan));
	k->lan_port = (__be16)(owner >> 32);
}

#endif
