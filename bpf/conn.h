/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * conn.h: the black domain's settings and connections (R11). A connection that nobody answered yet
 * is in conn_new, where a flood pushes out the oldest; its first answer moves it to conn, which
 * nothing is pushed out of. An entry that has expired counts as none. Programs delete nothing from
 * conn; control does, not before an entry has been expired for a second: until then another CPU may
 * still write into it. Entries of conn_new are replaced; written into are their timers and counters
 * alone, which do no harm where the entry has just become another connection's.
 *
 * Counters and TCP windows are not locked: the packets of one direction of a connection come one
 * after the other, from one queue of a NIC.
 */
#ifndef ESC_BPF_CONN_H
#define ESC_BPF_CONN_H

#include "tcp.h"
#include "transport.h"

/* Control sets the sizes before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_split_cfg);
} black_split SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ESC_CONNECTIONS_DEFAULT / 4);
	__type(key, struct esc_conn_key);
	__type(value, struct esc_conn);
} conn_new SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESC_CONNECTIONS_DEFAULT);
	__type(key, struct esc_conn_key);
	__type(value, struct esc_conn);
} conn SEC(".maps");

/* What is too large for the stack that all functions of a program share. */
struct esc_conn_work {
	struct esc_conn fresh;
	__u8 options[64]; /* at most ESC_TCP_OPTIONS_MAX, but see esc_between_1_and_64() */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_conn_work);
} conn_work SEC(".maps");

/* Functions below return the connection's own port (host order), or one of these, negated. */
enum esc_conn_verdict {
	ESC_CONN_NONE = 1, /* no connection */
	ESC_CONN_STATE,	   /* the connection does not expect it */
	ESC_CONN_FULL,
	ESC_CONN_DENIED,
	ESC_CONN_NO_PORT,
};

/* The settings, or NULL while nothing may pass outside of the tunnel. */
static __always_inline const struct esc_split_cfg *esc_split(void)
{
	__u32 zero = 0;
	const struct esc_split_cfg *cfg = bpf_map_lookup_elem(&black_split, &zero);

	return cfg && cfg->on == 1 && cfg->abi_version == ESC_ABI_VERSION ? cfg : NULL;
}

static __always_inline struct esc_conn_work *esc_conn_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&conn_work, &zero);
}

/* A connection that is alive, or NULL. Only to be looked at: it may be in either table. */
static __always_inline const struct esc_conn *esc_conn_find(const struct esc_conn_key *key,
							    __u64 now)
{
	const struct esc_conn *c = bpf_map_lookup_elem(&conn, key);

	if (c && c->expires > now)
		return c;
	c = bpf_map_lookup_elem(&conn_new, key);
	return c && c->expires > now ? c : NULL;
}

static __always_inline __u32 esc_conn_opener(const struct esc_conn *c)
{
	return c->flags & ESC_CONN_FROM_OUTSIDE ? ESC_FROM_REMOTE : ESC_FROM_LAN;
}

static __always_inline __u64 esc_conn_until(const struct esc_split_cfg *cfg, __u8 state, __u64 now)
{
	return state < ESC_CONN_STATES ? now + cfg->timeout[state] * 1000000000ull : now;
}

/* --- one packet of a connection ---------------------------------------------------------------
 */

static long esc_conn_option(__u32 i, struct esc_tcp_options *o)
{
	(void)i;
	return esc_tcp_option(o);
}

/* What a SYN's `len` bytes of options at `at` of the frame say of its window's scale. */
__attribute__((noinline)) int esc_conn_scale(struct xdp_md *ctx, __u32 at, __u32 len)
{
	struct esc_tcp_options o = {.len = len, .scale = ESC_TCP_SCALE_NONE};
	struct esc_conn_work *work = esc_conn_work();

	if (!work || !len || len > ESC_TCP_OPTIONS_MAX ||
	    bpf_xdp_load_bytes(ctx, at, work->options, esc_between_1_and_64(len)))
		return ESC_TCP_SCALE_NONE;
	o.option = work->options;
	bpf_loop(ESC_TCP_OPTIONS_MAX, esc_conn_option, &o, 0);
	return (int)o.scale;
}

/* *s must be all zero. False: the frame has no such header. */
static __always_inline bool esc_conn_read_segment(struct xdp_md *ctx, const struct esc_packet *p,
						  struct esc_segment *s)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	__u32 header, l4 = p->l4, end = p->len + ETH_HLEN;
	const struct tcphdr *t;

	if (l4 > ESC_AT_L46 + sizeof(struct esc_ip6_fragment))
		return false;
	esc_pull(&c, l4);
	t = esc_pull(&c, sizeof(*t));
	if (!t)
		return false;
	header = t->doff * 4u;
	s->seq = bpf_ntohl(t->seq);
	s->ack = bpf_ntohl(t->ack_seq);
	s->win = bpf_ntohs(t->window);
	s->flags = ((const __u8 *)t)[13];
	s->len = end > l4 + header ? end - l4 - header : 0;
	s->partial = p->first_fragment;
	s->scale = ESC_TCP_SCALE_NONE;
	if (s->flags & ESC_TH_SYN)
		s->scale = (__u8)esc_conn_scale(ctx, l4 + (__u32)sizeof(*t),
						header - (__u32)sizeof(*t));
	return true;
}

/* enum esc_tcp_verdict. */
__attribute__((noinline)) int esc_conn_tcp(struct xdp_md *ctx, struct esc_packet *p,
					   struct esc_conn *c, __u32 from)
{
	struct esc_segment s = {};

	if (!p || !c || !esc_conn_read_segment(ctx, p, &s))
		return ESC_TCP_REFUSED;
	return esc_tcp_segment(c->tcp, &c->state, from, from == esc_conn_opener(c), &s);
}

/*
 * UDP and echo: only the LAN keeps it alive (RFC 4787, REQ-6; RFC 5508, 3.2). Who began asks, the
 * other side answers.
 */
static __always_inline bool esc_conn_datagram(const struct esc_packet *p, struct esc_conn *c,
					      __u32 from)
{
	bool opener = from == esc_conn_opener(c);

	if (p->what != ESC_PACKET_PORTS)
		return opener == (p->what == ESC_PACKET_ECHO);
	if (!opener)
		c->state = ESC_CONN_UDP_REPLIED;
	return true;
}

/* 0, or a negated enum esc_conn_verdict; ESC_CONN_NONE: it ends here, a new one begins. */
static __always_inline int esc_conn_step(struct xdp_md *ctx, struct esc_packet *p,
					 struct esc_conn *c, __u32 from,
					 const struct esc_split_cfg *cfg, __u64 now)
{
	int fits;

	if (p->proto == IPPROTO_TCP) {
		fits = esc_conn_tcp(ctx, p, c, from);
		if (fits != ESC_TCP_FITS)
			return fits == ESC_TCP_AGAIN ? -ESC_CONN_NONE : -ESC_CONN_STATE;
	} else if (!esc_conn_datagram(p, c, from)) {
		return -ESC_CONN_DENIED;
	}
	if (p->proto == IPPROTO_TCP || from == ESC_FROM_LAN)
		c->expires = esc_conn_until(cfg, c->state, now);
	if (from == ESC_FROM_LAN) {
		c->out_packets++;
		c->out_bytes += p->len;
	} else {
		c->in_packets++;
		c->in_bytes += p->len;
	}
	return 0;
}

/* IPv4 from the internet: not by another own port of the same host. */
static __always_inline bool esc_conn_port_fits(const struct esc_packet *p, const struct esc_conn *c,
					       __u32 from)
{
	return p->ip6 || from == ESC_FROM_LAN || c->port == p->dst_port;
}

/*
 * A packet of a connection that was not answered yet. The step is made on a copy: if the answer
 * finds no room in conn, the connection stays as it was, and the answer's sender tries again.
 * A refused connection (RST) needs no room.
 */
static __attribute__((noinline)) int esc_conn_unanswered(struct xdp_md *ctx, struct esc_packet *p,
							 struct esc_conn_key *key, __u32 from)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	const struct esc_split_cfg *cfg = esc_split();
	struct esc_conn_work *work = esc_conn_work();
	struct esc_conn *found;
	int verdict;

	if (!p || !key || !cfg || !work)
		return -ESC_CONN_NONE;
	found = bpf_map_lookup_elem(&conn_new, key);
	if (!found || found->expires <= now)
		return -ESC_CONN_NONE;
	if (!esc_conn_port_fits(p, found, from))
		return -ESC_CONN_DENIED;
	if (p->proto != IPPROTO_TCP && from == esc_conn_opener(found)) {
		verdict = esc_conn_step(ctx, p, found, from, cfg, now);
		return verdict ? verdict : bpf_ntohs(found->port);
	}
	__builtin_memcpy(&work->fresh, found, sizeof(work->fresh));
	verdict = esc_conn_step(ctx, p, &work->fresh, from, cfg, now);
	if (verdict)
		return verdict;
	if (from == esc_conn_opener(&work->fresh) || work->fresh.state == ESC_CONN_CLOSE) {
		bpf_map_update_elem(&conn_new, key, &work->fresh, BPF_EXIST);
	} else {
		if (bpf_map_update_elem(&conn, key, &work->fresh, BPF_ANY))
			return -ESC_CONN_FULL;
		bpf_map_delete_elem(&conn_new, key);
	}
	return bpf_ntohs(work->fresh.port);
}

/* A packet of a connection, if there is one. */
static __always_inline int esc_conn_packet(struct xdp_md *ctx, struct esc_packet *p,
					   struct esc_conn_key *key, __u32 from,
					   const struct esc_split_cfg *cfg, __u64 now)
{
	struct esc_conn *c = bpf_map_lookup_elem(&conn, key);
	int verdict;

	if (!c || c->expires <= now)
		return esc_conn_unanswered(ctx, p, key, from);
	if (!esc_conn_port_fits(p, c, from))
		return -ESC_CONN_DENIED;
	verdict = esc_conn_step(ctx, p, c, from, cfg, now);
	if (verdict == -ESC_CONN_NONE)
		c->expires = now;
	return verdict ? verdict : bpf_ntohs(c->port);
}

/* --- a new one --------------------------------------------------------------------------------
 */

/* What may begin a connection at all: TCP only with a SYN, unknown ones are not picked up. */
static __always_inline bool esc_conn_begins(struct xdp_md *ctx, const struct esc_packet *p)
{
	struct esc_cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	const __u8 *t;

	if (p->proto != IPPROTO_TCP)
		return p->what == ESC_PACKET_PORTS || p->what == ESC_PACKET_ECHO;
	if (p->l4 > ESC_AT_L46 + sizeof(struct esc_ip6_fragment))
		return false;
	esc_pull(&c, p->l4);
	t = esc_pull(&c, sizeof(struct tcphdr));
	return t && (t[13] & (ESC_TH_FIN | ESC_TH_SYN | ESC_TH_RST | ESC_TH_ACK)) == ESC_TH_SYN;
}

/* Its first packet. */
static __always_inline int esc_conn_begin(struct xdp_md *ctx, struct esc_packet *p,
					  const struct esc_conn_key *key, __u32 from, __u16 port,
					  const struct esc_split_cfg *cfg, __u64 now)
{
	struct esc_conn_work *work = esc_conn_work();
	struct esc_conn *c;
	int verdict;

	if (!work)
		return -ESC_CONN_FULL;
	c = &work->fresh;
	__builtin_memset(c, 0, sizeof(*c));
	c->began = now;
	c->port = bpf_htons(port);
	c->flags = from == ESC_FROM_REMOTE ? ESC_CONN_FROM_OUTSIDE : 0;
	c->state = p->proto == IPPROTO_TCP   ? ESC_CONN_SYN_SENT
		   : p->proto == IPPROTO_UDP ? ESC_CONN_UDP_UNREPLIED
					     : ESC_CONN_ICMP;
	c->expires = esc_conn_until(cfg, c->state, now);
	verdict = esc_conn_step(ctx, p, c, from, cfg, now);
	if (verdict)
		return verdict;
	return bpf_map_update_elem(&conn_new, key, c, BPF_ANY) ? -ESC_CONN_FULL : port;
}

#endif
