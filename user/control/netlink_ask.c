/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the kernel. It answers inside sendto(), so none of them waits. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/addr.h"
#include "control/netlink_int.h"

#define ANSWER_SIZE 32768

struct nlmsghdr *esc_netlink_question(char *buf, uint16_t type, uint16_t flags,
				      struct esc_netlink *nl)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

int esc_netlink_ask(struct esc_netlink *nl, struct nlmsghdr *nlh, mnl_cb_t fn, void *arg)
{
	const unsigned int seq = nlh->nlmsg_seq, port = mnl_socket_get_portid(nl->ask);
	const bool one = !(nlh->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK));
	char buf[ANSWER_SIZE];
	int more = MNL_CB_OK;

	if (mnl_socket_sendto(nl->ask, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (more == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(nl->ask, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)n, seq, port, fn, arg);
		if (one) /* a single answer, with no end marker behind it */
			break;
	}
	return more < 0 ? -errno : 0;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const uint8_t addr[16])
{
	if (esc_addr_is_v4(addr))
		mnl_attr_put(nlh, type, 4, addr + 12);
	else
		mnl_attr_put(nlh, type, 16, addr);
}

static uint8_t family_of(const uint8_t addr[16])
{
	return esc_addr_is_v4(addr) ? AF_INET : AF_INET6;
}

/* --- addresses --------------------------------------------------------------------------- */

/* Order of a device's addresses in the list; the lowest rank comes first. */
enum addr_rank { RANK_V4, RANK_V4_MORE, RANK_V6, RANK_V6_LESS, RANK_LINK_LOCAL, RANKS };

struct addr_walk {
	uint32_t ifindex, n, max;
	bool all;
	enum addr_rank rank; /* the one that this pass collects */
	uint8_t (*addr)[16];
};

static enum addr_rank rank_of(const struct ifaddrmsg *ifa, uint32_t flags)
{
	if (ifa->ifa_family == AF_INET)
		return flags & IFA_F_SECONDARY ? RANK_V4_MORE : RANK_V4;
	if (ifa->ifa_scope == RT_SCOPE_LINK)
		return RANK_LINK_LOCAL;
	return flags & (IFA_F_DEPRECATED | IFA_F_TEMPORARY) ? RANK_V6_LESS : RANK_V6;
}

static int one_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct addr_walk *w = arg;
	const struct nlattr *attr, *local = NULL, *addr = NULL;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
	    ifa->ifa_index != w->ifindex)
		return MNL_CB_OK;
	uint32_t flags = ifa->ifa_flags;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr; /* on a point-to-point device IFA_ADDRESS is the peer's */
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			addr = attr;
		if (mnl_attr_get_type(attr) == IFA_FLAGS && mnl_attr_get_payload_len(attr) == 4)
			flags = mnl_attr_get_u32(attr);
	}
	if (!local)
		local = addr;
	bool unready = flags & (IFA_F_DADFAILED | IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC);
	if (!local || rank_of(ifa, flags) != w->rank || (unready && !w->all) || w->n == w->max)
		return MNL_CB_OK;
	if (esc_netlink_addr_attr(local, ifa->ifa_family, w->addr[w->n]))
		w->n++;
	return MNL_CB_OK;
}

int esc_netlink_addrs(struct esc_netlink *nl, uint32_t ifindex, bool all, uint8_t (*addr)[16],
		      uint32_t max)
{
	struct addr_walk w = {.ifindex = ifindex, .max = max, .all = all, .addr = addr};
	char buf[256];

	for (w.rank = 0; w.rank < RANKS; w.rank++) {
		struct nlmsghdr *nlh = esc_netlink_question(buf, RTM_GETADDR, NLM_F_DUMP, nl);
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
		int err = esc_netlink_ask(nl, nlh, one_addr, &w);
		if (err)
			return err;
	}
	return (int)w.n;
}

/* --- routes ------------------------------------------------------------------------------ */

struct route_answer {
	uint8_t dst[16];
	uint32_t ifindex;
	struct esc_route route;
	bool ok;
};

bool esc_netlink_via_attr(const struct nlattr *attr, uint8_t out[16])
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len == sizeof(*via) + 16 && via->rtvia_family == AF_INET6)
		memcpy(out, via->rtvia_addr, 16);
	else if (len == sizeof(*via) + 4 && via->rtvia_family == AF_INET)
		esc_addr_from_v4(out, via->rtvia_addr);
	else
		return false;
	return true;
}

static int one_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct route_answer *a = arg;
	const struct nlattr *attr;
	uint32_t oif = 0;
	bool src = false, bad = false;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return MNL_CB_OK;
	memcpy(a->route.via, a->dst, 16);
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			oif = mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : 0;
			break;
		case RTA_GATEWAY:
			bad |= !esc_netlink_addr_attr(attr, rtm->rtm_family, a->route.via);
			break;
		case RTA_VIA: /* a gateway of the other family */
			bad |= !esc_netlink_via_attr(attr, a->route.via);
			break;
		case RTA_PREFSRC:
			src = esc_netlink_addr_attr(attr, rtm->rtm_family, a->route.src);
			break;
		}
	}
	a->ok = rtm->rtm_type == RTN_UNICAST && oif == a->ifindex && src && !bad;
	return MNL_CB_OK;
}

static int found(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWROUTE)
		*(bool *)arg = true;
	return MNL_CB_OK;
}

static struct nlmsghdr *route_question(struct esc_netlink *nl, char *buf, uint32_t ifindex,
				       const uint8_t dst[16], uint32_t flags)
{
	struct nlmsghdr *nlh = esc_netlink_question(buf, RTM_GETROUTE, 0, nl);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = family_of(dst);
	rtm->rtm_dst_len = esc_addr_is_v4(dst) ? 32 : 128;
	rtm->rtm_flags = flags;
	put_addr(nlh, RTA_DST, dst);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	return nlh;
}

static int no_route(int err)
{
	switch (err) {
	case -EHOSTUNREACH: /* these are what routing tables and rules answer */
	case -EACCES:
	case -EINVAL:
	case -EAGAIN:
		return -ENETUNREACH;
	default:
		return err;
	}
}

/*
 * Asked for a device, the kernel takes any IPv4 destination for on-link when no route has it, so
 * the table is asked first whether there is a real route (RTM_F_FIB_MATCH).
 */
int esc_netlink_route(struct esc_netlink *nl, uint32_t ifindex, const uint8_t dst[16],
		      struct esc_route *route)
{
	struct route_answer a = {.ifindex = ifindex};
	bool exists = false;
	char buf[256];

	memcpy(a.dst, dst, 16);
	struct nlmsghdr *nlh = route_question(nl, buf, ifindex, dst, RTM_F_FIB_MATCH);
	int err = esc_netlink_ask(nl, nlh, found, &exists);
	if (err || !exists)
		return err ? no_route(err) : -ENETUNREACH;
	err = esc_netlink_ask(nl, route_question(nl, buf, ifindex, dst, 0), one_route, &a);
	if (err || !a.ok)
		return err ? no_route(err) : -ENETUNREACH;
	*route = a.route;
	return 0;
}

/* --- neighbours -------------------------------------------------------------------------- */

static int one_neigh(const struct nlmsghdr *nlh, void *arg)
{
	uint32_t ifindex;

	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		esc_netlink_parse_neigh(nlh, &ifindex, arg);
	return MNL_CB_OK;
}

static struct ndmsg *put_neigh(struct nlmsghdr *nlh, const uint8_t addr[16], uint32_t ifindex)
{
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));

	nd->ndm_family = family_of(addr);
	nd->ndm_ifindex = (int)ifindex;
	put_addr(nlh, NDA_DST, addr);
	return nd;
}

int esc_netlink_neigh(struct esc_netlink *nl, uint32_t ifindex, const uint8_t addr[16],
		      struct esc_neigh *n)
{
	char buf[256];
	struct nlmsghdr *nlh = esc_netlink_question(buf, RTM_GETNEIGH, 0, nl);

	*n = (struct esc_neigh){0};
	memcpy(n->addr, addr, 16);
	put_neigh(nlh, addr, ifindex);
	int err = esc_netlink_ask(nl, nlh, one_neigh, n);
	return err == -ENOENT ? 0 : err;
}

int esc_netlink_probe(struct esc_netlink *nl, uint32_t ifindex, const uint8_t addr[16])
{
	char buf[256];
	struct nlmsghdr *nlh =
		esc_netlink_question(buf, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, nl);

	put_neigh(nlh, addr, ifindex)->ndm_flags = NTF_USE;
	return esc_netlink_ask(nl, nlh, NULL, NULL);
}
