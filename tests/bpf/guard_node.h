/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_node.h: crypto's part of the node under test: keys, MACs and what it publishes in guard.h,
 * written through shared memory as crypto does. MACs come from libcrypto. Failures end the program.
 */
#ifndef ESC_TESTS_BPF_GUARD_NODE_H
#define ESC_TESTS_BPF_GUARD_NODE_H

#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf_abi.h"
#include "guard.h"
#include "noise/cookie.h"
#include "noise/midstate.h"
#include "packet.h"

#define SESSION 0x5e551001u /* an index that exists */

struct guard_node {
	struct esc_guard *guard;	   /* black_guard, mapped */
	const struct esc_buckets *buckets; /* black_buckets, mapped */
	int limits;
	struct wg_blake2s *blake2s;
	struct wg_mac_keys keys;
	uint8_t secret[3][WG_KEY_LEN]; /* cookie secrets 1, 2, 3 */
};

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static inline void *map_memory(int fd, size_t size, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, (size + page - 1) / page * page, prot, MAP_SHARED, fd, 0);

	must(p != MAP_FAILED, "cannot map a BPF map");
	return p;
}

static inline void guard_limits(const struct guard_node *n, const struct esc_limits *l)
{
	uint32_t zero = 0;

	must(!bpf_map_update_elem(n->limits, &zero, l, BPF_ANY), "cannot write black_limits");
}

/* No bucket of these is ever empty, and nothing is a replay. */
static inline struct esc_limits limits_open(void)
{
	const uint32_t n = 1000000000;

	return (struct esc_limits){
		.mac_rate = n,
		.source_rate = n,
		.source_burst = n,
		.total_rate = n,
		.total_burst = n,
		.cookie_rate = n,
		.cookie_burst = n,
		.known_rate = n,
		.known_burst = n,
		.neighbour_rate = n / 10,
		.neighbour_burst = n / 10,
		.replay_ms = UINT32_MAX,
	};
}

/* A key, one session, no load, no cookie, no peer seen, no limit. */
static inline void guard_reset(struct guard_node *n)
{
	struct esc_limits open = limits_open();

	memset(n->guard, 0, sizeof(*n->guard));
	wg_midstate(&n->guard->mac1[1], n->keys.mac1, sizeof(n->keys.mac1));
	n->guard->mac1_number = 1;
	n->guard->session[SESSION % ESC_SESSION_SLOTS] = SESSION;
	n->guard->abi_version = ESC_ABI_VERSION;
	guard_limits(n, &open);
}

/* Crypto asks for mac2, with the first secret's cookies. */
static inline void guard_load(struct guard_node *n)
{
	wg_midstate(&n->guard->cookie[1], n->secret[0], WG_KEY_LEN);
	n->guard->cookie_number = 1;
	n->guard->under_load = 1;
}

/* Maps of sources, talkers and initiations seen: their keys have one size. */
static inline void map_forget(int map)
{
	uint8_t key[sizeof(struct esc_source_key)];

	_Static_assert(sizeof(key) == sizeof(struct esc_seen_key), "all these maps");
	while (!bpf_map_get_next_key(map, NULL, key))
		must(!bpf_map_delete_elem(map, key), "cannot empty a map");
}

static inline uint32_t map_entries(int map)
{
	uint8_t key[sizeof(struct esc_source_key)], *at = NULL;
	uint32_t n = 0;

	while (!bpf_map_get_next_key(map, at, key)) {
		at = key;
		n++;
	}
	return n;
}

/* A peer was seen at this address. */
static inline void guard_know(struct guard_node *n, const char *text)
{
	struct esc_known known = {{0}};

	map_key(text, known.addr);
	n->guard->known[esc_known_bucket(known.addr)][ESC_KNOWN_WAYS - 1] = known;
}

static inline void guard_start(struct guard_node *n, int guard, int limits, int buckets)
{
	static const uint8_t public_key[WG_KEY_LEN] = {1, 2, 3, 4};

	n->limits = limits;
	n->blake2s = wg_blake2s_new();
	must(n->blake2s && wg_mac_keys_init(n->blake2s, &n->keys, public_key), "libcrypto");
	n->guard = (struct esc_guard *)map_memory(guard, sizeof(struct esc_guard),
						  PROT_READ | PROT_WRITE);
	n->buckets = (const struct esc_buckets *)map_memory(buckets, sizeof(struct esc_buckets),
							    PROT_READ);
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < WG_KEY_LEN; j++)
			n->secret[i][j] = (uint8_t)random32();
	guard_reset(n);
}

/* --- messages --------------------------------------------------------------------------------- */

static inline bool pkt_is_six(const struct pkt *p)
{
	return get16(p->data + AT_TYPE) == 0x86dd;
}

static inline uint8_t *pkt_message(struct pkt *p)
{
	return p->data + (pkt_is_six(p) ? AT_L4_6 : AT_L4_4) + 8;
}

/* By its type: where the receiver's index is, and mac1; 0: it has none. */
static inline uint32_t receiver_at(uint8_t type)
{
	return type == WG_RESPONSE ? 8 : type == WG_COOKIE || type == WG_DATA ? 4 : 0;
}

static inline uint32_t mac1_at(uint8_t type)
{
	return type == WG_INITIATION ? WG_INITIATION_LEN - 32
	       : type == WG_RESPONSE ? WG_RESPONSE_LEN - 32
				     : 0;
}

static inline void pkt_index(struct pkt *p, uint32_t index)
{
	uint8_t *msg = pkt_message(p);

	memcpy(msg + receiver_at(msg[0]), &index, sizeof(index));
}

static inline void pkt_mac1(const struct guard_node *n, struct pkt *p)
{
	uint8_t *msg = pkt_message(p);
	uint32_t at = mac1_at(msg[0]);

	must(wg_mac(n->blake2s, msg + at, n->keys.mac1, WG_KEY_LEN, msg, at, NULL, 0), "MAC");
}

/* Make the message in the frame one that the node wants: for its session, with a right mac1. */
static inline void pkt_wanted(const struct guard_node *n, struct pkt *p)
{
	if (receiver_at(*pkt_message(p)))
		pkt_index(p, SESSION);
	if (mac1_at(*pkt_message(p)))
		pkt_mac1(n, p);
}

/* mac2 with the cookie that the frame's source gets under a secret. */
static inline void pkt_mac2(const struct guard_node *n, struct pkt *p,
			    const uint8_t secret[WG_KEY_LEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t *msg = pkt_message(p), from[16], cookie[WG_COOKIE_LEN];
	uint32_t at = mac1_at(msg[0]) + WG_MAC_LEN;

	if (pkt_is_six(p)) {
		memcpy(from, p->data + AT_IP6_SRC, 16);
	} else {
		memcpy(from, mapped, sizeof(mapped));
		memcpy(from + 12, p->data + AT_IP4_SRC, 4);
	}
	must(wg_mac(n->blake2s, cookie, secret, WG_KEY_LEN, from, 16, msg - 8, 2) &&
		     wg_mac(n->blake2s, msg + at, cookie, WG_COOKIE_LEN, msg, at, NULL, 0),
	     "MAC");
}

#endif
