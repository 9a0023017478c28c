/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat.h: the black domain's firewall and NAT (R5, R11): which packets belong to a connection, and
 * their translation in place. Ethernet addresses, routes, MTU, secure prefixes, impossible sources
 * and the guard are the callers' business.
 *
 * A LAN host that writes to the node's own IPv4 address (hairpinning, RFC 4787, REQ-9) is served by
 * esc_nat_out() and then esc_nat_in() on the same packet: its source becomes own address and port,
 * then its destination becomes the other host. Nothing from the internet has that source.
 */
#ifndef ESC_BPF_NAT_H
#define ESC_BPF_NAT_H

#include "bucket.h"
#include "conn.h"
#include "nat_frag.h"
#include "nat_icmp.h"
#include "nat_key.h"
#include "nat_port.h"
#include "nat_rewrite.h"
#include "policy.h"

/*
 * What the internet begins through openings shares conn_new with what the LAN begins: no flood of
 * it may turn that table over before answers to the LAN come.
 */
#define ESC_OPENED_RATE	 512u /* per second */
#define ESC_OPENED_BURST 128u

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_bucket);
} nat_opened SEC(".maps");

static __always_inline bool esc_nat_may_open(__u64 now)
{
	__u32 zero = 0;
	struct esc_bucket *b = bpf_map_lookup_elem(&nat_opened, &zero);

	return b && esc_bucket_take(b, esc_rate_of(ESC_OPENED_RATE, ESC_OPENED_BURST), now);
}

static __always_inline bool esc_nat_serves(const struct esc_split_cfg *cfg,
					   const struct esc_packet *p)
{
	return cfg->families & (p->ip6 ? ESC_SPLIT_IPV6 : ESC_SPLIT_IPV4);
}

/* --- from the LAN -----------------------------------------------------------------------------
 */

/* The first packet of a connection: own port (host order) or a negated enum esc_conn_verdict. */
static __attribute__((noinline)) int esc_nat_begin_out(struct xdp_md *ctx, struct esc_packet *p,
						       struct esc_conn_key *key)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	const struct esc_split_cfg *cfg = esc_split();
	const struct esc_policy *policy;
	int port;

	if (!p || !key || !cfg)
		return -ESC_CONN_DENIED;
	if (!esc_conn_begins(ctx, p))
		return p->proto == IPPROTO_TCP ? -ESC_CONN_STATE : -ESC_CONN_DENIED;
	policy = esc_nat_policy(cfg);
	if (!policy || esc_policy_verdict(policy, p) != ESC_ALLOW)
		return -ESC_CONN_DENIED;
	port = p->ip6 ? bpf_ntohs(key->lan_port) : esc_nat_take(cfg, key, now);
	if (port < 0)
		return port;
	return esc_conn_begin(ctx, p, key, ESC_FROM_LAN, (__u16)port, cfg, now);
}

static __always_inline int esc_nat_out_bad(int bad)
{
	switch (bad) {
	case ESC_PACKET_SHORT:
		return ESC_BLACK_OUT_short_frame;
	case ESC_PACKET_ETHERTYPE:
		return ESC_BLACK_OUT_ethertype;
	case ESC_PACKET_HEADER:
		return ESC_BLACK_OUT_ip_header;
	case ESC_PACKET_PROTOCOL:
		return ESC_BLACK_OUT_protocol;
	default:
		return ESC_BLACK_OUT_transport;
	}
}

static __always_inline int esc_nat_out_refused(int verdict)
{
	switch (-verdict) {
	case ESC_CONN_STATE:
		return ESC_BLACK_OUT_conn_state;
	case ESC_CONN_FULL:
		return ESC_BLACK_OUT_conn_full;
	case ESC_CONN_NO_PORT:
		return ESC_BLACK_OUT_no_port;
	default:
		return ESC_BLACK_OUT_denied;
	}
}

/*
 * TCP, UDP, echo; enum esc_black_out_reason. A global function, as its counterpart below, so that
 * the stack of this way and of ICMP errors' do not add up.
 */
__attribute__((noinline)) int esc_nat_out_conn(struct xdp_md *ctx, struct esc_packet *p)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_conn_key key;
	esc_addr from;
	int port;

	if (!p || !cfg)
		return ESC_BLACK_OUT_off;
	from = p->src;
	esc_packet_key(p, true, &key);
	port = esc_conn_packet(ctx, p, &key, ESC_FROM_LAN, cfg, bpf_ktime_get_coarse_ns());
	if (port == -ESC_CONN_NONE)
		port = esc_nat_begin_out(ctx, p, &key);
	if (port < 0)
		return esc_nat_out_refused(port);
	if (!p->ip6)
		esc_map_ip4(&from, esc_nat_own4(cfg));
	if (p->first_fragment && esc_nat_frag_begin(p, &from, ESC_FRAG_OUT))
		return ESC_BLACK_OUT_fragment_lost;
	if (!esc_nat_rewrite(ctx, p, true, from.s6_addr32[3], bpf_htons((__u16)port)))
		return ESC_BLACK_OUT_transport;
	return ESC_BLACK_OUT_sent;
}

/*
 * From the LAN to the internet. enum esc_black_out_reason; ESC_BLACK_OUT_sent: it belongs to a
 * connection, its source is the node's (IPv4) and its TTL is one less.
 */
__attribute__((noinline)) int esc_nat_out(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_packet p = {};
	int bad;

	if (!cfg)
		return ESC_BLACK_OUT_off;
	bad = esc_packet_parse(ctx, &p);
	if (bad)
		return esc_nat_out_bad(bad);
	if (!esc_nat_serves(cfg, &p))
		return ESC_BLACK_OUT_off;
	if (!esc_ttl_left(ctx, p.ip6))
		return ESC_BLACK_OUT_ttl;
	if (p.what == ESC_PACKET_FRAGMENT)
		return esc_nat_frag_follow(ctx, &p, ESC_FRAG_OUT) ? ESC_BLACK_OUT_fragment_lost
								  : ESC_BLACK_OUT_sent;
	if (p.what == ESC_PACKET_ICMP_ERROR)
		return esc_nat_icmp_out(ctx, &p);
	return esc_nat_out_conn(ctx, &p);
}

/* --- from the internet ------------------------------------------------------------------------
 */

/* The first packet of a connection that an opening lets in. */
static __attribute__((noinline)) int esc_nat_begin_in(struct xdp_md *ctx, struct esc_packet *p,
						      struct esc_conn_key *key)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	const struct esc_split_cfg *cfg = esc_split();
	const struct esc_policy *policy;

	if (!p || !key || !cfg || !esc_conn_begins(ctx, p))
		return -ESC_CONN_DENIED;
	policy = esc_nat_policy(cfg);
	if (!policy || esc_policy_opening(policy, p, false) >= ESC_OPENINGS_MAX)
		return -ESC_CONN_DENIED;
	if (!esc_nat_may_open(now))
		return -ESC_CONN_FULL;
	return esc_conn_begin(ctx, p, key, ESC_FROM_REMOTE, bpf_ntohs(p->dst_port), cfg, now);
}

static __always_inline int esc_nat_in_bad(int bad)
{
	switch (bad) {
	case ESC_PACKET_SHORT:
		return ESC_BLACK_short_frame;
	case ESC_PACKET_ETHERTYPE:
		return ESC_BLACK_ethertype;
	case ESC_PACKET_HEADER:
		return ESC_BLACK_ip_header;
	default:
		return ESC_BLACK_no_connection;
	}
}

static __always_inline int esc_nat_in_refused(int verdict)
{
	switch (-verdict) {
	case ESC_CONN_STATE:
		return ESC_BLACK_conn_state;
	case ESC_CONN_FULL:
		return ESC_BLACK_conn_full;
	default:
		return ESC_BLACK_no_connection;
	}
}

__attribute__((noinline)) int esc_nat_in_conn(struct xdp_md *ctx, struct esc_packet *p)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_conn_key key;
	esc_addr to;
	int port;

	if (!p || !cfg)
		return ESC_BLACK_off;
	if (!esc_nat_in_key(cfg, p, &key))
		return ESC_BLACK_no_connection;
	port = esc_conn_packet(ctx, p, &key, ESC_FROM_REMOTE, cfg, bpf_ktime_get_coarse_ns());
	if (port == -ESC_CONN_NONE)
		port = esc_nat_begin_in(ctx, p, &key);
	if (port < 0)
		return esc_nat_in_refused(port);
	__builtin_memcpy(&to, key.lan, sizeof(to));
	if (p->first_fragment && esc_nat_frag_begin(p, &to, ESC_FRAG_IN))
		return ESC_BLACK_fragment_lost;
	if (!esc_nat_rewrite(ctx, p, false, to.s6_addr32[3], key.lan_port))
		return ESC_BLACK_no_connection;
	return ESC_BLACK_to_lan;
}

/*
 * From the internet to the LAN. enum esc_black_reason; ESC_BLACK_to_lan: it belongs to a
 * connection, its destination is a host of the LAN and its TTL is one less.
 */
__attribute__((noinline)) int esc_nat_in(struct xdp_md *ctx)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_packet p = {};
	int bad;

	if (!cfg)
		return ESC_BLACK_off;
	bad = esc_packet_parse(ctx, &p);
	if (bad)
		return esc_nat_in_bad(bad);
	if (!esc_nat_serves(cfg, &p))
		return ESC_BLACK_off;
	if (!p.ip6 && p.dst.s6_addr32[3] != esc_nat_own4(cfg))
		return ESC_BLACK_not_own_addr;
	if (!esc_ttl_left(ctx, p.ip6))
		return ESC_BLACK_ttl;
	if (p.what == ESC_PACKET_FRAGMENT)
		return esc_nat_frag_follow(ctx, &p, ESC_FRAG_IN) ? ESC_BLACK_fragment_lost
								 : ESC_BLACK_to_lan;
	if (p.what == ESC_PACKET_ICMP_ERROR)
		return esc_nat_icmp_in(ctx, &p);
	return esc_nat_in_conn(ctx, &p);
}

#endif
