/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* lsm_guard.h: the egress guard (egress.bpf.c) stays on its interface. */
#ifndef ESC_BPF_LSM_GUARD_H
#define ESC_BPF_LSM_GUARD_H

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "lsm_state.h"

/* --- the egress guard -------------------------------------------------------------------- */

struct walk {
	const unsigned char *data;
	__u32 len, at, netns;
	bool trusted, refused;
};

/* Groups of four: new, delete, get, set. */
static __always_inline bool changes_tc(__u32 type)
{
	__u32 group = type & ~3u;

	return type != group + 2 &&
	       (group == RTM_NEWQDISC || group == RTM_NEWTFILTER || group == RTM_NEWCHAIN);
}

/* One message to the kernel's traffic control, about the hook that the guard hangs on? */
static long one_message(__u32 i, struct walk *w)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg t;
	} m = {0};
	struct esc_lsm_object key = {.type = w->netns};
	const __u32 one = 1;

	if (w->at >= w->len || w->len - w->at < sizeof(m.h) ||
	    bpf_probe_read_kernel(&m, sizeof(m), w->data + w->at) || m.h.nlmsg_len < sizeof(m.h))
		return 1;
	w->at += NLMSG_ALIGN(m.h.nlmsg_len);
	if (m.h.nlmsg_len < sizeof(m) || !changes_tc(m.h.nlmsg_type) ||
	    (TC_H_MAJ(m.t.tcm_parent) != TC_H_MAJ(TC_H_CLSACT) &&
	     TC_H_MAJ(m.t.tcm_handle) != TC_H_MAJ(TC_H_CLSACT)))
		return 0;
	key.id = (__u32)m.t.tcm_ifindex;
	if (!w->trusted)
		w->refused |= !!bpf_map_lookup_elem(&lsm_objects, &key);
	else if (m.h.nlmsg_type == RTM_NEWTFILTER)
		bpf_map_update_elem(&lsm_objects, &key, &one, BPF_ANY);
	else if (m.h.nlmsg_type == RTM_DELTFILTER)
		bpf_map_delete_elem(&lsm_objects, &key);
	return 0;
}

/* What a trusted task puts a filter on is guarded until it takes it off. */
SEC("lsm/netlink_send")
int BPF_PROG(lsm_netlink, struct sock *sk, struct sk_buff *skb, int ret)
{
	struct walk w = {0};

	if (ret || !can_read || sk->sk_protocol != NETLINK_ROUTE || !on())
		return ret;
	w.data = skb->data;
	w.len = skb->len;
	w.netns = sk->__sk_common.skc_net.net->ns.inum;
	w.trusted = trusted();
	bpf_loop(w.len / NLMSG_HDRLEN, one_message, &w, 0);
	return w.refused ? refuse(ESC_LSM_guard) : 0;
}

#endif
