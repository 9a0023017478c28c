/* SPDX-License-Identifier: BSD-2-Clause */
/* News from the kernel about the two NICs, and next hops for the process of each side. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"

/* Changes come in bursts (a NIC that goes up, a routing daemon): look once after each. */
#define SETTLE_NS (20 * ESC_MS)

static const char *wanted_name(const struct side *s)
{
	return s->side == ESC_SIDE_BLACK ? s->node->model->black : s->node->model->red;
}

/* --- a NIC ------------------------------------------------------------------------------- */

static void say_changes(const struct side *s, const struct esc_nic *now)
{
	const struct esc_nic *was = &s->nic;

	if (!was->ifindex)
		return;
	if (was->up != now->up)
		esc_warn("%s is %s", now->name, now->up ? "up again" : "down");
	if (was->mtu != now->mtu)
		esc_info("%s: MTU is %u now", now->name, now->mtu);
	if (memcmp(was->mac, now->mac, sizeof(was->mac)) != 0)
		esc_info("%s: MAC address changed", now->name);
}

static void gone(struct side *s)
{
	if (!s->nic.ifindex)
		return;
	esc_warn("%s disappeared; waiting for it to come back", s->nic.name);
	s->nic.ifindex = 0;
	s->addrs = 0;
	plane_lost_nic(s->node, s->side);
}

static void read_addrs(struct side *s)
{
	int n = esc_netlink_addrs(s->node->netlink, s->nic.ifindex, false, s->addr, ESC_ADDRS_MAX);

	if (n < 0)
		esc_warn("reading the addresses of %s: %s", s->nic.name, strerror(-n));
	else
		s->addrs = (uint32_t)n;
}

/* The frames that the processes have may be too small for a larger MTU. */
static void check_frames(struct node *n)
{
	uint32_t a = n->side[0].nic.mtu, b = n->side[1].nic.mtu;
	uint32_t size = esc_frame_size(a, b);

	if (n->phase != PHASE_RUNNING || (size && size <= n->frame_size))
		return;
	if (!size) {
		esc_warn("MTU %u is more than a packet buffer holds (%u); larger packets are lost",
			 a > b ? a : b, esc_frame_mtu(ESC_FRAME_LARGE));
		return;
	}
	esc_info("larger packet buffers are needed: starting the processes again");
	plane_down(n);
}

void links_look(struct side *s)
{
	struct node *n = s->node;
	struct esc_nic now;
	int err = esc_nic_read(wanted_name(s), &now);

	if (err || (s->nic.ifindex && s->nic.ifindex != now.ifindex))
		gone(s);
	if (err)
		return;
	bool mtu = s->nic.mtu != now.mtu, mac = memcmp(s->nic.mac, now.mac, 6) != 0;
	say_changes(s, &now);
	s->nic = now;
	read_addrs(s);
	if (n->phase == PHASE_WAITING)
		return;
	if (mac)
		plane_set_on(n, n->phase == PHASE_RUNNING);
	plane_tell_nic(n, s->side);
	if (mtu && s->side == ESC_SIDE_BLACK) /* red answers too-big for the tunnel's MTU */
		plane_tell_nic(n, ESC_SIDE_RED);
	check_frames(n);
}

/* --- news -------------------------------------------------------------------------------- */

static void look_soon(struct side *s, bool nic)
{
	s->look_nic |= nic;
	if (!s->look.due)
		esc_loop_arm(&s->node->loop, &s->look, SETTLE_NS);
}

static void look(void *arg)
{
	struct side *s = arg;
	struct node *n = s->node;
	bool nic = s->look_nic;

	s->look_nic = false;
	if (n->phase == PHASE_STOPPING)
		return;
	if (nic)
		links_look(s);
	esc_resolver_refresh(s->resolver, esc_now());
	if (s->nic.ifindex)
		split_look(s, nic);
	if (nic && n->phase == PHASE_WAITING && *n->waiting_for)
		plane_up(n);
}

static void link_news(void *arg, uint32_t ifindex, const char *name, bool deleted)
{
	struct node *n = arg;

	for (int i = 0; i < ESC_SIDES; i++) {
		struct side *s = &n->side[i];
		if (deleted && ifindex == s->nic.ifindex)
			gone(s); /* at once: its sockets and its program are gone */
		else if (!deleted && (ifindex == s->nic.ifindex || !strcmp(name, wanted_name(s))))
			look_soon(s, true);
	}
}

static void addr_news(void *arg, uint32_t ifindex)
{
	struct node *n = arg;

	for (int i = 0; i < ESC_SIDES; i++) {
		if (n->side[i].nic.ifindex == ifindex)
			look_soon(&n->side[i], true);
	}
}

static void route_news(void *arg)
{
	struct node *n = arg;

	for (int i = 0; i < ESC_SIDES; i++)
		look_soon(&n->side[i], false);
}

static void neigh_news(void *arg, uint32_t ifindex, const struct esc_neigh *neigh)
{
	struct node *n = arg;

	for (int i = 0; i < ESC_SIDES; i++) {
		if (n->side[i].nic.ifindex != ifindex)
			continue;
		esc_resolver_neigh(n->side[i].resolver, neigh, esc_now());
		split_neigh(&n->side[i], neigh);
	}
}

static void lost_news(void *arg)
{
	struct node *n = arg;

	esc_debug("the kernel had more news than control read; looking at everything again");
	for (int i = 0; i < ESC_SIDES; i++)
		look_soon(&n->side[i], true);
}

static void news_event(void *arg, uint32_t events)
{
	(void)events;
	esc_netlink_read(arg);
}

/* --- next hops --------------------------------------------------------------------------- */

static int ask_route(void *arg, const uint8_t dst[16], struct esc_route *route)
{
	const struct side *s = arg;

	if (!s->nic.ifindex || !s->nic.up)
		return -ENETDOWN;
	return esc_netlink_route(s->node->netlink, s->nic.ifindex, dst, route);
}

static int ask_neigh(void *arg, const uint8_t addr[16], struct esc_neigh *neigh)
{
	const struct side *s = arg;

	return esc_netlink_neigh(s->node->netlink, s->nic.ifindex, addr, neigh);
}

static void probe(void *arg, const uint8_t addr[16])
{
	const struct side *s = arg;
	int err = esc_netlink_probe(s->node->netlink, s->nic.ifindex, addr);

	if (err)
		esc_debug("asking for a neighbour on %s: %s", s->nic.name, strerror(-err));
}

static void send_hop(void *arg, const struct esc_msg_hop *hop)
{
	struct side *s = arg;
	struct esc_msg m = {.type = ESC_MSG_HOP, .u.hop = *hop};

	child_send(&s->child, &m);
}

/* --- set-up ------------------------------------------------------------------------------ */

int links_open(struct node *n)
{
	static const struct esc_netlink_ops ops = {
		.link = link_news,
		.addr = addr_news,
		.route = route_news,
		.neigh = neigh_news,
		.lost = lost_news,
	};
	static const struct esc_resolver_ops hops = {
		.route = ask_route,
		.neigh = ask_neigh,
		.probe = probe,
		.send = send_hop,
	};
	int err = esc_netlink_open(&n->netlink, &ops, n);

	if (err)
		return err;
	n->news = (struct esc_watch){
		.fd = esc_netlink_fd(n->netlink), .fn = news_event, .arg = n->netlink};
	for (int i = 0; i < ESC_SIDES; i++) {
		struct side *s = &n->side[i];
		s->look = (struct esc_timer){.fn = look, .arg = s};
		s->resolver = esc_resolver_new(&hops, s);
		if (!s->resolver)
			return -ENOMEM;
	}
	return esc_loop_watch(&n->loop, &n->news, EPOLLIN);
}

void links_close(struct node *n)
{
	for (int i = 0; i < ESC_SIDES; i++)
		esc_resolver_free(n->side[i].resolver);
	esc_netlink_close(n->netlink);
}
