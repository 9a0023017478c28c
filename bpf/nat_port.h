/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_port.h: which own port stands for which inner endpoint (RFC 4787, 4; RFC 5382, 4 and 7; RFC
 * 5508, 3). One own port for an endpoint, whoever it talks to; one endpoint for an own port, taken
 * by compare and exchange. Control alone frees ports, and takes those that are reserved.
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

/*
 * Ports that are tried at random; with nine tenths of a range in use one attempt in a million
 * finds none. UDP's parity is given up for the last quarter of them.
 */
#define ESC_NAT_TRIES	     128u
#define ESC_NAT_TRIES_PARITY 96u
#define ESC_NAT_WELL_KNOWN   1024u

static __always_inline __u32 esc_nat_table(__u8 proto)
{
	return proto == IPPROTO_TCP   ? ESC_PORTS_TCP
	       : proto == IPPROTO_UDP ? ESC_PORTS_UDP
				      : ESC_PORTS_ICMP;
}

static __always_inline __u64 *esc_nat_slot(__u8 proto, __u16 port)
{
	__u32 slot = esc_port_slot(esc_nat_table(proto), port);

	return bpf_map_lookup_elem(&nat_ports, &slot);
}

/* The owner of an own port or identifier (network order), ESC_PORT_FREE or ESC_PORT_RESERVED. */
static __always_inline __u64 esc_nat_owner(__u8 proto, __be16 port)
{
	const __u64 *owner = esc_nat_slot(proto, bpf_ntohs(port));

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

/* The port is this owner's, now or already. */
static __always_inline bool esc_nat_claim(__u8 proto, __u16 port, __u64 owner)
{
	__u64 *slot = esc_nat_slot(proto, port), was;

	if (!slot)
		return false;
	was = __sync_val_compare_and_swap(slot, ESC_PORT_FREE, owner);
	return was == ESC_PORT_FREE || was == owner;
}

/* Gives back a port that nobody else saw yet. */
static __always_inline void esc_nat_return(__u8 proto, __u16 port, __u64 owner)
{
	__u64 *slot = esc_nat_slot(proto, port);

	if (slot)
		__sync_val_compare_and_swap(slot, owner, ESC_PORT_FREE);
}

/* A search among the ports first..last. */
struct esc_nat_search {
	__u64 owner;
	__u32 first, last;
	__u32 want; /* the host's port */
	int found;  /* -1: none yet */
	__u8 proto;
};

/* Identifiers: any. Ports below 1024 stay there, others do not get there (RFC 4787, REQ-3). */
static __always_inline void esc_nat_range(const struct esc_split_cfg *cfg, struct esc_nat_search *s)
{
	if (s->proto == IPPROTO_ICMP) {
		s->first = 0;
		s->last = 65535;
	} else if (s->want < ESC_NAT_WELL_KNOWN) {
		s->first = 1;
		s->last = ESC_NAT_WELL_KNOWN - 1;
	} else {
		s->first =
			cfg->port_first > ESC_NAT_WELL_KNOWN ? cfg->port_first : ESC_NAT_WELL_KNOWN;
		s->last = cfg->port_last;
	}
}

static long esc_nat_try(__u32 i, struct esc_nat_search *s)
{
	__u32 port = s->first + bpf_get_prandom_u32() % (s->last - s->first + 1);

	if (s->proto == IPPROTO_UDP && i < ESC_NAT_TRIES_PARITY) /* RFC 4787, REQ-4 */
		port ^= (port ^ s->want) & 1;
	if (port < s->first || port > s->last)
		return 0;
	if (!esc_nat_claim(s->proto, (__u16)port, s->owner))
		return 0;
	s->found = (int)port;
	return 1;
}

/* A free port, taken: the host's own one where possible. -1: none was found. */
static __always_inline int esc_nat_choose(const struct esc_split_cfg *cfg,
					  const struct esc_nat_key *k, __u64 owner)
{
	struct esc_nat_search s = {
		.owner = owner, .want = bpf_ntohs(k->port), .found = -1, .proto = k->proto};

	esc_nat_range(cfg, &s);
	if (s.first > s.last)
		return -1;
	if (s.want >= s.first && s.want <= s.last && esc_nat_claim(s.proto, (__u16)s.want, owner))
		return (int)s.want;
	bpf_loop(ESC_NAT_TRIES, esc_nat_try, &s, 0);
	return s.found;
}

/*
 * The own port (host order) of the inner endpoint in *key, its old one or a new one, for a
 * connection that is about to begin; or a negated enum esc_conn_verdict. A port that control freed
 * in this moment is taken again, or another one is.
 */
static __always_inline int esc_nat_take(const struct esc_split_cfg *cfg,
					const struct esc_conn_key *key, __u64 now)
{
	struct esc_nat_key k = {.port = key->lan_port, .proto = key->proto};
	struct esc_nat_map *m, fresh = {.used = now};
	__u64 owner;
	int port;

	__builtin_memcpy(k.lan, key->lan + 12, sizeof(k.lan));
	owner = esc_port_owner(&k);
	m = bpf_map_lookup_elem(&nat_map, &k);
	if (m) {
		m->used = now;
		port = bpf_ntohs(m->port);
		if (esc_nat_claim(k.proto, (__u16)port, owner))
			return port;
	}
	port = esc_nat_choose(cfg, &k, owner);
	if (port < 0)
		return -ESC_CONN_NO_PORT;
	fresh.port = bpf_htons((__u16)port);
	if (!bpf_map_update_elem(&nat_map, &k, &fresh, m ? BPF_ANY : BPF_NOEXIST))
		return port;
	m = bpf_map_lookup_elem(&nat_map, &k); /* another CPU was faster, or no room */
	if (!m || m->port != fresh.port)
		esc_nat_return(k.proto, (__u16)port, owner);
	return m ? bpf_ntohs(m->port) : -ESC_CONN_NO_PORT;
}

#endif
