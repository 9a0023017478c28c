/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "control/netlink_int.h"

/* One datagram of news fits: the kernel makes none larger than this. */
#define NEWS_SIZE 32768

bool esc_netlink_addr_attr(const struct nlattr *attr, int family, uint8_t out[16])
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (family == AF_INET && len == 4) {
		esc_addr_from_v4(out, mnl_attr_get_payload(attr));
		return true;
	}
	if (family != AF_INET6 || len != 16)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), 16);
	return true;
}

static enum esc_neigh_state neigh_state(uint16_t nud, bool has_mac)
{
	if (nud & NUD_FAILED)
		return ESC_NEIGH_FAILED;
	if (!has_mac)
		return ESC_NEIGH_NONE;
	if (nud & NUD_STALE)
		return ESC_NEIGH_STALE;
	return nud & (NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT) ? ESC_NEIGH_VALID
									     : ESC_NEIGH_NONE;
}

bool esc_netlink_parse_neigh(const struct nlmsghdr *nlh, uint32_t *ifindex, struct esc_neigh *n)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool has_addr = false, has_mac = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*nd) || nd->ndm_flags & NTF_PROXY)
		return false;
	*n = (struct esc_neigh){0};
	mnl_attr_for_each(attr, nlh, sizeof(*nd))
	{
		if (mnl_attr_get_type(attr) == NDA_DST)
			has_addr = esc_netlink_addr_attr(attr, nd->ndm_family, n->addr);
		if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == 6) {
			memcpy(n->mac, mnl_attr_get_payload(attr), 6);
			has_mac = true;
		}
	}
	*ifindex = (uint32_t)nd->ndm_ifindex;
	n->incomplete = nd->ndm_state & NUD_INCOMPLETE;
	n->gone = nlh->nlmsg_type == RTM_DELNEIGH;
	n->state = n->gone ? ESC_NEIGH_NONE : neigh_state(nd->ndm_state, has_mac);
	return has_addr;
}

static void link_news(struct esc_netlink *nl, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	const char *name = "";

	/* Bridges speak of their ports with the same message in another family. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) || ifi->ifi_family != AF_UNSPEC)
		return;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
	}
	nl->ops.link(nl->arg, (uint32_t)ifi->ifi_index, name, nlh->nlmsg_type == RTM_DELLINK);
}

static int news(const struct nlmsghdr *nlh, void *arg)
{
	struct esc_netlink *nl = arg;
	const struct ifaddrmsg *ifa;
	struct esc_neigh n;
	uint32_t ifindex;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_news(nl, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		ifa = mnl_nlmsg_get_payload(nlh);
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifa))
			nl->ops.addr(nl->arg, ifa->ifa_index);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (esc_netlink_parse_neigh(nlh, &ifindex, &n))
			nl->ops.neigh(nl->arg, ifindex, &n);
		break;
	default: /* routes, rules and next-hop objects: all that was subscribed to besides */
		nl->ops.route(nl->arg);
	}
	return MNL_CB_OK;
}

void esc_netlink_read(struct esc_netlink *nl)
{
	char buf[NEWS_SIZE];
	ssize_t n = mnl_socket_recvfrom(nl->news, buf, sizeof(buf));

	if (n > 0)
		mnl_cb_run(buf, (size_t)n, 0, 0, news, nl);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		nl->ops.lost(nl->arg);
}

int esc_netlink_fd(const struct esc_netlink *nl)
{
	return mnl_socket_get_fd(nl->news);
}

static int subscribe(struct mnl_socket *s)
{
	static const int groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	 RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP,
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];
		if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			return -errno;
	}
	return 0;
}

int esc_netlink_open(struct esc_netlink **out, const struct esc_netlink_ops *ops, void *arg)
{
	struct esc_netlink *nl = calloc(1, sizeof(*nl));
	int err = 0;

	if (!nl)
		return -ENOMEM;
	nl->ops = *ops;
	nl->arg = arg;
	nl->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	nl->ask = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl->news || !nl->ask || mnl_socket_bind(nl->news, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_bind(nl->ask, 0, MNL_SOCKET_AUTOPID))
		err = -errno;
	if (!err)
		err = subscribe(nl->news);
	if (err) {
		esc_netlink_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

void esc_netlink_close(struct esc_netlink *nl)
{
	if (!nl)
		return;
	if (nl->news)
		mnl_socket_close(nl->news);
	if (nl->ask)
		mnl_socket_close(nl->ask);
	free(nl);
}
