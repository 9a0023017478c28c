/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink_int.h: shared by netlink.c (sockets, news), netlink_ask.c (questions) and
 * netlink_table.c (whole tables).
 */
#ifndef ESC_CONTROL_NETLINK_INT_H
#define ESC_CONTROL_NETLINK_INT_H

#include <libmnl/libmnl.h>

#include "control/netlink.h"

struct esc_netlink {
	struct mnl_socket *news, *ask;
	unsigned int seq;
	struct esc_netlink_ops ops;
	void *arg;
};

/* The neighbour that an RTM_NEWNEIGH or RTM_DELNEIGH message is about. false: none of ours. */
bool esc_netlink_parse_neigh(const struct nlmsghdr *nlh, uint32_t *ifindex, struct esc_neigh *n);

/* An IPv4 or IPv6 address attribute as 16 bytes; false if its length is wrong. */
bool esc_netlink_addr_attr(const struct nlattr *attr, int family, uint8_t out[16]);

/* The gateway of an RTA_VIA attribute, of either family; false if it is malformed. */
bool esc_netlink_via_attr(const struct nlattr *attr, uint8_t out[16]);

/* Begin a question in buf. */
struct nlmsghdr *esc_netlink_question(char *buf, uint16_t type, uint16_t flags,
				      struct esc_netlink *nl);
/* Send it and give every answer to fn. 0 or the kernel's -errno. */
int esc_netlink_ask(struct esc_netlink *nl, struct nlmsghdr *nlh, mnl_cb_t fn, void *arg);

#endif
