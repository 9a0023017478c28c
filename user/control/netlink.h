/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.h: the kernel's links, addresses, routes and neighbours (rtnetlink(7), through libmnl):
 * questions that are answered at once, and news.
 *
 * Privileges: questions and news need none; esc_netlink_probe() needs CAP_NET_ADMIN.
 */
#ifndef ESC_CONTROL_NETLINK_H
#define ESC_CONTROL_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct esc_netlink;

enum esc_neigh_state {
	ESC_NEIGH_NONE, /* unknown to the kernel, or being asked for */
	ESC_NEIGH_FAILED,
	ESC_NEIGH_STALE, /* valid, but not confirmed for a while */
	ESC_NEIGH_VALID,
};

struct esc_neigh {
	uint8_t addr[16];
	uint8_t mac[6]; /* STALE and VALID */
	enum esc_neigh_state state;
	bool incomplete; /* NONE: the kernel is asking already */
	bool gone;	 /* news: its entry was removed */
};

struct esc_route {
	uint8_t via[16]; /* gateway, or the destination itself when it is on the link */
	uint8_t src[16]; /* own address that the kernel prefers */
};

/* An entry of the main routing table. Several of one prefix: the lowest metric is in force. */
struct esc_table_route {
	uint8_t to[16];
	uint8_t len;	  /* IPv4: 96 + n */
	bool unreachable; /* of whatever kind; such a route is of all devices */
	uint8_t via[16];  /* all zero: on the link */
	uint32_t metric;
};

/* News. Called from esc_netlink_read(); `ifindex` is the device that they are about. */
struct esc_netlink_ops {
	void (*link)(void *arg, uint32_t ifindex, const char *name, bool gone);
	void (*addr)(void *arg, uint32_t ifindex);
	void (*route)(void *arg); /* a route, rule or next-hop object of any device */
	void (*neigh)(void *arg, uint32_t ifindex, const struct esc_neigh *n);
	void (*lost)(void *arg); /* there was more news than the kernel kept: ask again */
};

/* 0 and *nl, or -errno. */
int esc_netlink_open(struct esc_netlink **nl, const struct esc_netlink_ops *ops, void *arg);
void esc_netlink_close(struct esc_netlink *nl);
int esc_netlink_fd(const struct esc_netlink *nl); /* readable when there is news */
void esc_netlink_read(struct esc_netlink *nl);

/*
 * Addresses of a device, IPv4 first, then global IPv6, then link-local; in each group those that
 * the kernel prefers first. all: those too that duplicate address detection has not passed yet.
 * Returns how many (at most max), or -errno.
 */
int esc_netlink_addrs(struct esc_netlink *nl, uint32_t ifindex, bool all, uint8_t (*addr)[16],
		      uint32_t max);

/*
 * The route that packets to dst take on this device, though another device may have a better
 * one. 0; -ENETUNREACH: there is none, or dst is not a unicast address; other -errno.
 */
int esc_netlink_route(struct esc_netlink *nl, uint32_t ifindex, const uint8_t dst[16],
		      struct esc_route *route);

/*
 * The main table's routes to unicast addresses that go out on this device, in no order; one of
 * several next hops: the first one there. Returns how many there are: at most max were written.
 * Or -errno.
 */
int esc_netlink_routes(struct esc_netlink *nl, uint32_t ifindex, struct esc_table_route *out,
		       uint32_t max);

/* Every neighbour of this device, as esc_netlink_neigh() has it. 0 or -errno. */
int esc_netlink_neighs(struct esc_netlink *nl, uint32_t ifindex,
		       void (*fn)(void *arg, const struct esc_neigh *n), void *arg);

/* What the kernel's neighbour table says (state NONE if nothing). 0 or -errno. */
int esc_netlink_neigh(struct esc_netlink *nl, uint32_t ifindex, const uint8_t addr[16],
		      struct esc_neigh *n);

/*
 * Make the kernel resolve or confirm a neighbour as if it had sent a packet to it (NTF_USE). The
 * entry is an ordinary one that the kernel's garbage collection removes: nothing is left behind,
 * unlike with NTF_MANAGED. The outcome is news. 0 or -errno.
 */
int esc_netlink_probe(struct esc_netlink *nl, uint32_t ifindex, const uint8_t addr[16]);

#endif
