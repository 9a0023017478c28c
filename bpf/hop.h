/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * hop.h: where a frame goes next on one NIC: the longest route, its gateway or the destination
 * itself, and that neighbour's MAC address. Control mirrors the kernel's tables into these maps and
 * resolves what the ring buffer asks for; a packet does not wait for that, its sender repeats it.
 */
#ifndef ESC_BPF_HOP_H
#define ESC_BPF_HOP_H

#include "prefix.h"
#include "split.h"

#define ESC_HOP_MAPS(side)                                                                         \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                               \
		__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);                          \
		__uint(max_entries, ESC_ROUTES_MAX);                                               \
		__type(key, struct esc_lpm_key);                                                   \
		__type(value, struct esc_next);                                                    \
	} side##_route SEC(".maps");                                                               \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, ESC_NEIGH_MAX);                                                \
		__type(key, struct esc_addr_key);                                                  \
		__type(value, struct esc_neigh_hop);                                               \
	} side##_neigh SEC(".maps");                                                               \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                \
		__uint(max_entries, ESC_WANTS_SIZE);                                               \
	} side##_wants SEC(".maps")

/* The NICs to redirect to; the program in an entry sees what goes out there (split.h). */
#define ESC_DEV_MAP(name)                                                                          \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_DEVMAP);                                                 \
		__uint(max_entries, ESC_DEVS);                                                     \
		__type(key, __u32);                                                                \
		__type(value, struct bpf_devmap_val);                                              \
	} name SEC(".maps")

/* The maps of one NIC. */
struct esc_hops {
	void *route, *neigh, *wants;
};

#define ESC_HOPS(side) ((struct esc_hops){&side##_route, &side##_neigh, &side##_wants})

enum esc_hop { ESC_HOP_OK, ESC_HOP_NO_ROUTE, ESC_HOP_NO_NEIGHBOUR };

/* The route of an address, or NULL. As in esc_prefix_has(), ::/0 does not speak for IPv4. */
static __always_inline const struct esc_next *esc_hop_route(void *route, const esc_addr *a,
							    bool ip6)
{
	struct esc_lpm_key key = {.prefixlen = 128};
	const struct esc_next *n;

	__builtin_memcpy(key.addr, a, sizeof(key.addr));
	n = bpf_map_lookup_elem(route, &key);
	return n && n->family == esc_family(ip6) ? n : NULL;
}

static __always_inline void esc_hop_want(void *wants, const esc_addr *a)
{
	bpf_ringbuf_output(wants, (void *)a, sizeof(struct esc_neigh_want), 0);
}

/* Control may have written the time, by a finer clock: it can be a little ahead. */
static __always_inline bool esc_hop_due(const struct esc_neigh_hop *known, __u64 now, __u64 after)
{
	return (__s64)(now - known->asked) >= (__s64)after;
}

/* Nobody knows it: ask once, and again while somebody goes on sending there. */
static __always_inline void esc_hop_ask(struct esc_hops h, struct esc_neigh_hop *known,
					const esc_addr *a, __u64 now)
{
	struct esc_neigh_hop fresh = {.asked = now};

	if (known) {
		if (!esc_hop_due(known, now, ESC_NEIGH_RETRY_NS))
			return;
		known->asked = now;
	} else if (bpf_map_update_elem(h.neigh, a, &fresh, BPF_NOEXIST)) {
		return; /* another CPU asked, or too many are being asked for */
	}
	esc_hop_want(h.wants, a);
}

/* MAC address of the next hop towards dst. */
static __always_inline enum esc_hop esc_hop_find(struct esc_hops h, const esc_addr *dst, bool ip6,
						 __u8 mac[ETH_ALEN])
{
	const struct esc_next *next = esc_hop_route(h.route, dst, ip6);
	__u64 now = bpf_ktime_get_coarse_ns();
	struct esc_neigh_hop *known;
	esc_addr hop;

	if (!next)
		return ESC_HOP_NO_ROUTE;
	__builtin_memcpy(&hop, next->via, sizeof(hop));
	if (esc_ip6_unspecified(&hop))
		hop = *dst;
	known = bpf_map_lookup_elem(h.neigh, &hop);
	if (!known || known->valid != 1) {
		esc_hop_ask(h, known, &hop, now);
		return ESC_HOP_NO_NEIGHBOUR;
	}
	if (esc_hop_due(known, now, ESC_NEIGH_REFRESH_NS)) {
		known->asked = now;
		esc_hop_want(h.wants, &hop);
	}
	__builtin_memcpy(mac, known->mac, ETH_ALEN);
	return ESC_HOP_OK;
}

/* What will be sent to that address soon finds its neighbour resolved. */
static __always_inline void esc_hop_prepare(struct esc_hops h, const esc_addr *dst, bool ip6)
{
	__u8 mac[ETH_ALEN];

	esc_hop_find(h, dst, ip6, mac);
}

#endif
