/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/egress.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

/*
 * First of all filters, because one that lets a packet pass ends the walk; a handle of its own,
 * so that it never replaces another program's filter.
 */
#define GUARD_PRIORITY 1
#define GUARD_HANDLE   0xe5c

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

int esc_egress_attach(uint32_t ifindex, int prog_fd)
{
	struct bpf_tc_hook hook = {
		.sz = sizeof(hook), .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS};
	struct bpf_tc_opts opts = {.sz = sizeof(opts),
				   .handle = GUARD_HANDLE,
				   .priority = GUARD_PRIORITY,
				   .prog_fd = prog_fd,
				   .flags = BPF_TC_F_REPLACE};
	libbpf_print_fn_t print = libbpf_set_print(quiet); /* a hook that exists is no news */
	int err = bpf_tc_hook_create(&hook);

	libbpf_set_print(print);
	if (err && err != -EEXIST)
		return err;
	return bpf_tc_attach(&hook, &opts);
}

struct filter_walk {
	int ifindex;
	bool found;
};

static int one_filter(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(nlh);
	struct filter_walk *w = arg;

	if (nlh->nlmsg_type == RTM_NEWTFILTER && t->tcm_ifindex == w->ifindex)
		w->found = true;
	return MNL_CB_OK;
}

/* Errors count as "yes": a qdisc too many does no harm, someone's filter removed does. */
static bool has_filters(uint32_t ifindex, uint32_t parent)
{
	struct filter_walk w = {.ifindex = (int)ifindex};
	char buf[8192];
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!s)
		return true;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *t = mnl_nlmsg_put_extra_header(nlh, sizeof(*t));
	nlh->nlmsg_type = RTM_GETTFILTER;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = (int)ifindex;
	t->tcm_parent = parent;
	int more = mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
	while (more == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		more = n < 0 ? MNL_CB_ERROR : mnl_cb_run(buf, (size_t)n, 1, 0, one_filter, &w);
	}
	mnl_socket_close(s);
	return w.found || more < 0;
}

void esc_egress_detach(uint32_t ifindex)
{
	struct bpf_tc_hook hook = {
		.sz = sizeof(hook), .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS};
	struct bpf_tc_opts opts = {
		.sz = sizeof(opts), .handle = GUARD_HANDLE, .priority = GUARD_PRIORITY};
	libbpf_print_fn_t print = libbpf_set_print(quiet); /* the NIC may be gone */

	bpf_tc_detach(&hook, &opts);
	if (!has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)) &&
	    !has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS))) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		bpf_tc_hook_destroy(&hook);
	}
	libbpf_set_print(print);
}
