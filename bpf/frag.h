/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * frag.h: fragments. The first one of a packet has the ports: it is judged and translated as any
 * packet, and leaves an entry. Those behind it are judged by that entry alone, and only their
 * address is translated. One that comes before its first, or fragment_timeout after it, is lost.
 * RFC 4787, REQ-14 wants such to be kept back; that would be memory which any stranger can fill.
 *
 * Together with transport.h, which refuses a first fragment without the whole minimum of its
 * transport header, and a later one that would overlap it, no fragment can change what the first
 * one was judged by (RFC 1858, RFC 3128, RFC 7112).
 *
 * `map` is black_frag or red_frag: each domain remembers for itself.
 */
#ifndef ESC_BPF_FRAG_H
#define ESC_BPF_FRAG_H

#include "csum.h"
#include "transport.h"

enum esc_frag_way { ESC_FRAG_OUT, ESC_FRAG_IN };

static __always_inline void esc_frag_key_of(const struct esc_packet *p, enum esc_frag_way way,
					    struct esc_frag_key *k)
{
	__builtin_memset(k, 0, sizeof(*k));
	__builtin_memcpy(k->from, &p->src, sizeof(k->from));
	__builtin_memcpy(k->to, &p->dst, sizeof(k->to));
	k->id = p->frag_id;
	k->proto = p->ip6 ? 0 : p->proto;
	k->in = way == ESC_FRAG_IN;
}

/*
 * *p, a first fragment as it was received, may pass; `addr` replaces its source (out) or its
 * destination (in). False where that cannot be remembered: the others will be lost, so this one
 * need not go.
 */
static __always_inline bool esc_frag_begin(void *map, const struct esc_packet *p,
					   enum esc_frag_way way, const esc_addr *addr,
					   const struct esc_split_cfg *cfg, __u64 now)
{
	struct esc_frag f = {.expires = now + cfg->fragment_timeout * 1000000000ull};
	struct esc_frag_key k;

	esc_frag_key_of(p, way, &k);
	__builtin_memcpy(f.addr, addr, sizeof(f.addr));
	return !bpf_map_update_elem(map, &k, &f, BPF_ANY);
}

/* *p, a later fragment as it was received: the entry that its first one left, or NULL: lost. */
static __always_inline const struct esc_frag *esc_frag_follow(void *map, const struct esc_packet *p,
							      enum esc_frag_way way, __u64 now)
{
	const struct esc_frag *f;
	struct esc_frag_key k;

	esc_frag_key_of(p, way, &k);
	f = bpf_map_lookup_elem(map, &k);
	return f && now < f->expires ? f : NULL;
}

/* Translate a later fragment (IPv6: nothing to translate). False: the frame is shorter than *p. */
static __always_inline bool esc_frag_translate(const struct xdp_md *ctx, const struct esc_packet *p,
					       enum esc_frag_way way, const struct esc_frag *f)
{
	struct esc_cursor c = {(void *)(long)ctx->data + ESC_AT_L3, (void *)(long)ctx->data_end};
	struct iphdr *ip = esc_pull(&c, sizeof(*ip));
	__be32 to;

	if (p->ip6)
		return true;
	if (!ip)
		return false;
	__builtin_memcpy(&to, f->addr + 12, sizeof(to));
	esc_csum_set_addr4(ip, way == ESC_FRAG_IN, to);
	return true;
}

#endif
