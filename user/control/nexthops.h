/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nexthops.h: router mode (R5): the kernel's routes and neighbours of one NIC, as the programs of
 * that side have them in *_route and *_neigh (maps/split.h). The kernel's tables are the only
 * ones: what comes there or goes is done to the maps, nothing is kept here but what routes to
 * write differ from. Who the kernel does not know is asked for when a program wants it; gateways
 * are kept known.
 */
#ifndef ESC_CONTROL_NEXTHOPS_H
#define ESC_CONTROL_NEXTHOPS_H

#include <stdint.h>

#include "bpf_abi.h"
#include "control/netlink.h"
#include "split.h"

/* Gateways that are kept known whether there is traffic or not; others as traffic wants them. */
#define ESC_GATEWAYS_MAX 64u

struct esc_nexthops;

/* The kernel (netlink.h) and the maps (split_bpf.h) in a node. All return 0 or -errno. */
struct esc_nexthops_ops {
	/* How many there are, or -errno; as esc_netlink_routes(). */
	int (*routes)(void *arg, struct esc_table_route *out, uint32_t max);
	int (*neighs)(void *arg, void (*fn)(void *arg, const struct esc_neigh *n), void *fn_arg);
	int (*neigh)(void *arg, const uint8_t addr[16], struct esc_neigh *n);
	int (*probe)(void *arg, const uint8_t addr[16]);
	/* next, hop: NULL removes, and what is not there is removed. */
	int (*set_route)(void *arg, const struct esc_lpm_key *to, const struct esc_next *next);
	int (*set_neigh)(void *arg, const uint8_t addr[16], const uint8_t mac[6]);
	/* Keys of the neighbour map: how many, at most max. */
	uint32_t (*known)(void *arg, uint8_t (*addr)[16], uint32_t max);
};

/* NULL: out of memory. `now` is esc_now() time. `side` is for messages. */
struct esc_nexthops *esc_nexthops_new(const struct esc_nexthops_ops *ops, void *arg,
				      const char *side);
void esc_nexthops_free(struct esc_nexthops *h);

/*
 * Routes, rules or addresses changed. New routes are in the map before old ones go. What cannot be
 * read or written is logged, and tried again the next time.
 */
void esc_nexthops_routes(struct esc_nexthops *h, uint64_t now);
/* The NIC is new or up again, or news was lost: read all neighbours. */
void esc_nexthops_neighs(struct esc_nexthops *h);
/* The kernel's neighbour table changed. */
void esc_nexthops_news(struct esc_nexthops *h, const struct esc_neigh *n);
/* A program wants this neighbour. */
void esc_nexthops_want(struct esc_nexthops *h, const uint8_t addr[16]);
/* Once a second or so: keep gateways known. */
void esc_nexthops_tick(struct esc_nexthops *h, uint64_t now);

/* ESC_SPLIT_*: families that have a route beyond the link itself (any but fe80::/10). */
uint32_t esc_nexthops_families(const struct esc_nexthops *h);
/* The prefixes of all routes but default ones: what is behind this NIC. Calls fn for each. */
void esc_nexthops_prefixes(const struct esc_nexthops *h,
			   void (*fn)(void *arg, const struct esc_lpm_key *to), void *arg);

#endif
