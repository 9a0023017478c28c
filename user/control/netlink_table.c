/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole tables of the kernel: routes and neighbours of a device. */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/addr.h"
#include "control/netlink_int.h"

/* --- routes ------------------------------------------------------------------------------ */

struct route_walk {
	uint32_t ifindex, n, max;
	struct esc_table_route *out;
};

/* The first of several next hops that is on the device and alive. */
static bool one_of(const struct nlattr *multipath, int family, uint32_t ifindex, uint8_t via[16])
{
	const struct rtnexthop *nh = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(*nh) && nh->rtnh_len >= sizeof(*nh) && nh->rtnh_len <= left) {
		const struct nlattr *attr;
		bool ok = (uint32_t)nh->rtnh_ifindex == ifindex &&
			  !(nh->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN));

		memset(via, 0, 16);
		mnl_attr_for_each_payload((const void *)(nh + 1), nh->rtnh_len - sizeof(*nh))
		{
			if (mnl_attr_get_type(attr) == RTA_GATEWAY)
				ok &= esc_netlink_addr_attr(attr, family, via);
			if (mnl_attr_get_type(attr) == RTA_VIA)
				ok &= esc_netlink_via_attr(attr, via);
		}
		if (ok)
			return true;
		size_t step = RTNH_ALIGN(nh->rtnh_len);
		if (step >= left)
			break;
		left -= step;
		nh = (const struct rtnexthop *)((const char *)nh + step);
	}
	return false;
}

static bool take_type(uint8_t type, struct esc_table_route *r)
{
	r->unreachable = type == RTN_UNREACHABLE || type == RTN_BLACKHOLE || type == RTN_PROHIBIT;
	return r->unreachable || type == RTN_UNICAST;
}

static bool take_route(const struct nlmsghdr *nlh, uint32_t ifindex, struct esc_table_route *r)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const bool v4 = rtm->rtm_family == AF_INET;
	const struct nlattr *attr, *multipath = NULL;
	uint32_t table = rtm->rtm_table, oif = 0;
	bool bad = !take_type(rtm->rtm_type, r);

	r->len = (uint8_t)(rtm->rtm_dst_len + (v4 ? 96 : 0));
	if (v4) /* the default route names no destination */
		esc_addr_from_v4(r->to, (const uint8_t[4]){0});
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_TABLE:
			if (mnl_attr_get_payload_len(attr) == 4)
				table = mnl_attr_get_u32(attr);
			break;
		case RTA_DST:
			bad |= !esc_netlink_addr_attr(attr, rtm->rtm_family, r->to);
			break;
		case RTA_OIF:
			oif = mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : 0;
			break;
		case RTA_PRIORITY:
			r->metric =
				mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : 0;
			break;
		case RTA_GATEWAY:
			bad |= !esc_netlink_addr_attr(attr, rtm->rtm_family, r->via);
			break;
		case RTA_VIA:
			bad |= !esc_netlink_via_attr(attr, r->via);
			break;
		case RTA_MULTIPATH:
			multipath = attr;
			break;
		}
	}
	if (bad || table != RT_TABLE_MAIN || r->len > 128 || rtm->rtm_src_len || rtm->rtm_tos)
		return false;
	if (r->unreachable)
		return true;
	if (multipath)
		return one_of(multipath, rtm->rtm_family, ifindex, r->via);
	return oif == ifindex && !(rtm->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN));
}

static int one_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct esc_table_route r = {0};
	struct route_walk *w = arg;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
	    rtm->rtm_flags & RTM_F_CLONED || !take_route(nlh, w->ifindex, &r))
		return MNL_CB_OK;
	if (w->n < w->max)
		w->out[w->n] = r;
	w->n++;
	return MNL_CB_OK;
}

int esc_netlink_routes(struct esc_netlink *nl, uint32_t ifindex, struct esc_table_route *out,
		       uint32_t max)
{
	struct route_walk w = {.ifindex = ifindex, .max = max, .out = out};
	const uint8_t families[] = {AF_INET, AF_INET6};
	char buf[256];

	for (size_t i = 0; i < sizeof(families); i++) {
		struct nlmsghdr *nlh = esc_netlink_question(buf, RTM_GETROUTE, NLM_F_DUMP, nl);
		struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

		rtm->rtm_family = families[i];
		int err = esc_netlink_ask(nl, nlh, one_route, &w);
		if (err)
			return err;
	}
	return (int)w.n;
}

/* --- neighbours -------------------------------------------------------------------------- */

struct neigh_walk {
	uint32_t ifindex;
	void (*fn)(void *arg, const struct esc_neigh *n);
	void *arg;
};

static int one_neigh(const struct nlmsghdr *nlh, void *arg)
{
	const struct neigh_walk *w = arg;
	struct esc_neigh n;
	uint32_t ifindex;

	if (nlh->nlmsg_type == RTM_NEWNEIGH && esc_netlink_parse_neigh(nlh, &ifindex, &n) &&
	    ifindex == w->ifindex)
		w->fn(w->arg, &n);
	return MNL_CB_OK;
}

int esc_netlink_neighs(struct esc_netlink *nl, uint32_t ifindex,
		       void (*fn)(void *arg, const struct esc_neigh *n), void *arg)
{
	struct neigh_walk w = {.ifindex = ifindex, .fn = fn, .arg = arg};
	char buf[256];
	struct nlmsghdr *nlh = esc_netlink_question(buf, RTM_GETNEIGH, NLM_F_DUMP, nl);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg));
	return esc_netlink_ask(nl, nlh, one_neigh, &w);
}
