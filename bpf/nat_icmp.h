/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_icmp.h: ICMP errors about packets of connections, in both directions (RFC 5508, REQ-3 to
 * REQ-7). An error is let through, and translated together with what it quotes, if the quoted
 * packet is one that the connection has sent: the connection exists, and a TCP sequence number lies
 * in what may be on its way; so who does not see the traffic cannot reset a connection or shrink
 * its MTU (RFC 5927). Errors change nothing of a connection, not its state and not its timers
 * (RFC 5508, REQ-6; RFC 5382, REQ-10). Behind the quote (RFC 4884) nothing is looked at.
 */
#ifndef ESC_BPF_NAT_ICMP_H
#define ESC_BPF_NAT_ICMP_H

#include "conn.h"
#include "nat_key.h"
#include "quote.h"
#include "tcp.h"
#include "ttl.h"

/* A peer whose window is not known, or closed, is sent a segment (a SYN, a probe) all the same. */
#define ESC_ICMP_WINDOW_MIN 1500u

/*
 * A segment that `from` has sent and that may not have arrived yet: at most the other side's window
 * before the end of all that it sent.
 */
static __always_inline bool esc_icmp_seq_ok(const struct esc_conn *c, enum esc_tcp_from from,
					    __u32 seq)
{
	const struct esc_tcp_side *s = &c->tcp[from];
	__u32 win = c->tcp[!from].max_win;

	if (win < ESC_ICMP_WINDOW_MIN)
		win = ESC_ICMP_WINDOW_MIN;
	return s->seen & ESC_TCP_SYN && s->end - seq <= win;
}

/* A word of the quote changes, and with it what the error's own checksum covers. */
static __always_inline void esc_icmp_put(__be16 *at, __be16 to, __u64 *all)
{
	*all += esc_csum_diff2(*at, to);
	*at = to;
}

/*
 * IPv4: what the error quotes gets the other source (in) or destination; so does the error, which
 * goes there or comes from there. All sums that are in it follow.
 */
static __always_inline bool esc_icmp_translate(const struct xdp_md *ctx, const struct esc_quote *q,
					       bool in, __be32 addr, __be16 port)
{
	struct esc_cursor c = {(void *)(long)ctx->data + ESC_AT_L3, (void *)(long)ctx->data_end};
	struct iphdr *outer = esc_pull(&c, sizeof(*outer));
	struct esc_icmp *icmp = esc_pull(&c, sizeof(*icmp));
	struct iphdr *ip = esc_pull(&c, sizeof(*ip));
	struct esc_quote_l4 *h = esc_pull(&c, sizeof(*h));
	__u64 address, ports, all;
	__be16 *rest, was, *tcp;

	if (!outer || !icmp || !ip || !h)
		return false;
	esc_csum_set_addr4(outer, in, addr);
	was = ip->check;
	address = esc_csum_set_addr4(ip, !in, addr);
	all = address + esc_csum_diff2(was, ip->check);
	ports = esc_csum_diff2(in ? q->src_port : q->dst_port, port);
	rest = (__be16 *)&h->rest;
	if (q->proto == IPPROTO_ICMP) {
		esc_icmp_put(&rest[0], port, &all);
		esc_icmp_put(&h->word[1], esc_csum_update(h->word[1], ports), &all);
	} else {
		esc_icmp_put(&h->word[in ? 0 : 1], port, &all);
	}
	if (q->proto == IPPROTO_UDP)
		esc_icmp_put(&rest[1], esc_csum_update_udp(rest[1], address + ports), &all);
	if (q->proto == IPPROTO_TCP && q->left >= ESC_QUOTE_TCP_SUM_END) {
		tcp = esc_pull(&c, ESC_QUOTE_TCP_SUM_END - sizeof(*h));
		if (!tcp)
			return false;
		tcp += (ESC_QUOTE_TCP_SUM_END - sizeof(*h)) / sizeof(*tcp) - 1;
		esc_icmp_put(tcp, esc_csum_update(*tcp, address + ports), &all);
	}
	icmp->check = esc_csum_update(icmp->check, all);
	return true;
}

/*
 * What would answer the quoted packet: it comes from where that went. In place of the error, of
 * which only the family counts from here on: the stack has no room for both.
 */
static __always_inline void esc_icmp_reply(const struct esc_quote *q, struct esc_packet *r)
{
	bool ports = q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP;

	r->src = q->dst;
	r->dst = q->src;
	r->src_port = q->dst_port;
	r->dst_port = q->src_port;
	r->proto = q->proto;
	r->what = ports ? ESC_PACKET_PORTS : ESC_PACKET_ECHO_REPLY;
}

/* The connection that has sent what is quoted, or NULL. */
static __always_inline const struct esc_conn *esc_icmp_conn(const struct esc_conn_key *k,
							    const struct esc_quote *q, bool in)
{
	const struct esc_conn *c = esc_conn_find(k, bpf_ktime_get_coarse_ns());

	if (!c || (in && c->port != q->src_port))
		return NULL;
	if (q->proto == IPPROTO_TCP &&
	    !esc_icmp_seq_ok(c, in ? ESC_FROM_LAN : ESC_FROM_REMOTE, q->seq))
		return NULL;
	return c;
}

/*
 * From the LAN, about a packet that came in; enum esc_black_out_reason. An error of a router of the
 * LAN leaves with the node's address, too (RFC 5508, REQ-5).
 */
__attribute__((noinline)) int esc_nat_icmp_out(struct xdp_md *ctx, struct esc_packet *p)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_quote q = {0};
	const struct esc_conn *c;
	struct esc_conn_key k;

	if (!p || !cfg)
		return ESC_BLACK_OUT_off;
	if (!esc_quote_parse(ctx, p, &q) || !esc_same_addr(&q.src, &p->dst))
		return ESC_BLACK_OUT_icmp_error;
	esc_icmp_reply(&q, p);
	esc_packet_key(p, true, &k);
	c = esc_icmp_conn(&k, &q, false);
	if (!c)
		return ESC_BLACK_OUT_icmp_error;
	if (!p->ip6 && !esc_icmp_translate(ctx, &q, false, esc_nat_own4(cfg), c->port))
		return ESC_BLACK_OUT_icmp_error;
	return esc_ttl_take(ctx, p->ip6) ? ESC_BLACK_OUT_sent : ESC_BLACK_OUT_ttl;
}

/*
 * From the internet, about a packet that left; enum esc_black_reason. IPv4 is to the node's own
 * address. The source stays: it may be any router on the way (RFC 5508, REQ-4).
 */
__attribute__((noinline)) int esc_nat_icmp_in(struct xdp_md *ctx, struct esc_packet *p)
{
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_quote q = {0};
	struct esc_conn_key k;
	__be32 lan;

	if (!p || !cfg)
		return ESC_BLACK_off;
	if (!esc_quote_parse(ctx, p, &q) || !esc_same_addr(&q.src, &p->dst))
		return ESC_BLACK_icmp_error;
	esc_icmp_reply(&q, p);
	if (!esc_nat_in_key(cfg, p, &k) || !esc_icmp_conn(&k, &q, true))
		return ESC_BLACK_icmp_error;
	__builtin_memcpy(&lan, k.lan + 12, sizeof(lan));
	if (!p->ip6 && !esc_icmp_translate(ctx, &q, true, lan, k.lan_port))
		return ESC_BLACK_icmp_error;
	return esc_ttl_take(ctx, p->ip6) ? ESC_BLACK_to_lan : ESC_BLACK_ttl;
}

#endif
