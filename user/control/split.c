/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Router mode (R5, R11): what the programs need to know to forward without a process: settings,
 * policy, routes, neighbours, own ports. In encryptor mode nothing here does anything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/split_bpf.h"

/*
 * A LAN host that scans a large prefix makes a neighbour wanted by each packet. So many are asked
 * for, then nothing is read for a while: 200 a second cost control little, and what of the kernel's
 * table is in use stays there. Records wait in the ring, and programs that find it full ask again.
 */
#define WANTS_TURN   32u
#define WANTS_NS     (160 * ESC_MS)

#define ANSWER_RATE  100u /* ICMP errors to the LAN, per second */
#define ANSWER_BURST 50u

/* Router mode, and split_open() did its work. */
static bool is_open(const struct node *n)
{
	return n->side[ESC_SIDE_BLACK].nexthops && n->side[ESC_SIDE_RED].nexthops;
}

/* --- settings ---------------------------------------------------------------------------- */

/* The first address of a family, as the kernel prefers them; IPv6: a global one. */
static const uint8_t *preferred(const struct side *s, bool v4)
{
	for (uint32_t i = 0; i < s->addrs; i++) {
		const uint8_t *a = s->addr[i];
		bool link_local = a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
		if (esc_addr_is_v4(a) == v4 && !link_local)
			return a;
	}
	return NULL;
}

static uint32_t families(const struct node *n)
{
	const struct side *black = &n->side[ESC_SIDE_BLACK];
	uint32_t routed = esc_nexthops_families(black->nexthops), own = 0;

	for (uint32_t i = 0; i < black->addrs; i++)
		own |= esc_addr_is_v4(black->addr[i]) ? ESC_SPLIT_IPV4 : ESC_SPLIT_IPV6;
	return routed & own;
}

static void compose(const struct node *n, const struct esc_split_conf *conf,
		    struct esc_split_cfg *cfg)
{
	const struct side *black = &n->side[ESC_SIDE_BLACK], *red = &n->side[ESC_SIDE_RED];
	const uint8_t *own4 = preferred(black, true), *red4 = preferred(red, true);
	const uint8_t *red6 = preferred(red, false);

	*cfg = (struct esc_split_cfg){
		.abi_version = ESC_ABI_VERSION,
		.on = n->split_on,
		.families = families(n),
		.port_first = conf->port_first,
		.port_last = conf->port_last,
		.black_mtu = black->nic.mtu,
		.red_mtu = red->nic.mtu,
		.fragment_timeout = conf->fragment_timeout,
		.answer_rate = ANSWER_RATE,
		.answer_burst = ANSWER_BURST,
	};
	if (n->split_on)
		cfg->until = esc_bpf_now() + ESC_SPLIT_ALIVE_NS;
	memcpy(cfg->timeout, conf->timeout, sizeof(cfg->timeout));
	memcpy(cfg->black_mac, black->nic.mac, sizeof(cfg->black_mac));
	memcpy(cfg->red_mac, red->nic.mac, sizeof(cfg->red_mac));
	if (own4)
		memcpy(cfg->own4, own4 + 12, sizeof(cfg->own4));
	else /* it may come back, and connections with it */
		memcpy(cfg->own4, esc_bpf_split_cfg(n->bpf)->own4, sizeof(cfg->own4));
	if (red4)
		memcpy(cfg->red4, red4 + 12, sizeof(cfg->red4));
	if (red6)
		memcpy(cfg->red6, red6, sizeof(cfg->red6));
}

/* Replies to connections of another address never come: end them before there are new ones. */
static void end_old_address(struct node *n, const struct esc_split_cfg *next)
{
	static const uint8_t none[4];
	struct esc_split_cfg now = *esc_bpf_split_cfg(n->bpf);

	if (!memcmp(now.own4, none, sizeof(none)) ||
	    !memcmp(now.own4, next->own4, sizeof(now.own4)))
		return;
	now.families &= ~(uint32_t)ESC_SPLIT_IPV4;
	if (!esc_bpf_split(n->bpf, &now))
		connections_flush4(n);
	esc_info("the black IPv4 address is %u.%u.%u.%u now: IPv4 connections of the LAN end",
		 next->own4[0], next->own4[1], next->own4[2], next->own4[3]);
}

static int tell(struct node *n, const struct esc_split_conf *conf)
{
	struct esc_split_cfg cfg;

	compose(n, conf, &cfg);
	end_old_address(n, &cfg);
	int err = esc_bpf_split(n->bpf, &cfg);
	if (err)
		esc_err("settings of router mode into the programs: %s", strerror(-err));
	return err;
}

void split_tell(struct node *n)
{
	if (is_open(n))
		tell(n, &n->model->split);
}

static int reserve(struct node *n, const struct esc_split_conf *conf)
{
	uint32_t taken;
	int err = esc_bpf_reserve(n->bpf, n->model->listen_port, &conf->policy, &taken);

	if (err)
		esc_err("reserving the ports of [Firewall] and the listen port: %s",
			strerror(-err));
	else if (taken)
		esc_warn("%u port%s of [Firewall], or the listen port, had connections of the LAN: "
			 "they end",
			 taken, taken == 1 ? "" : "s");
	return err;
}

int split_policy(struct node *n, const struct esc_split_conf *conf)
{
	if (!is_open(n))
		return 0;
	int err = reserve(n, conf);
	if (!err)
		err = esc_bpf_policy(n->bpf, &conf->policy);
	if (err)
		esc_err("the policy of [Split] and [Firewall] into the programs: %s",
			strerror(-err));
	return err ? err : tell(n, conf);
}

/* --- next hops --------------------------------------------------------------------------- */

struct lan {
	struct esc_lpm_key *key;
	uint32_t n;
};

/*
 * Of IPv6 only global addresses go outside: unique local ones are the site's (RFC 4193, 4.3), and
 * a guard that does not know them refuses them.
 */
static void lan_prefix(void *arg, const struct esc_lpm_key *to)
{
	struct lan *l = arg;

	if (esc_addr_is_v4(to->addr) || (to->addr[0] & 0xe0) == 0x20)
		l->key[l->n++] = *to;
}

static void tell_lan(struct node *n)
{
	struct lan l = {.key = calloc(ESC_ROUTES_MAX, sizeof(*l.key))};
	int err = l.key ? 0 : -ENOMEM;

	if (!err) {
		esc_nexthops_prefixes(n->side[ESC_SIDE_RED].nexthops, lan_prefix, &l);
		err = esc_bpf_lan(n->bpf, l.key, l.n);
	}
	if (err)
		esc_err("the LAN's prefixes into the black domain's programs: %s", strerror(-err));
	free(l.key);
}

void split_look(struct side *s, bool nic)
{
	struct node *n = s->node;

	if (!s->nexthops)
		return;
	esc_nexthops_routes(s->nexthops, esc_now());
	if (nic)
		esc_nexthops_neighs(s->nexthops);
	if (s->side == ESC_SIDE_RED)
		tell_lan(n);
	split_tell(n);
}

/* The kernel hears answers about neighbours only now: what was asked before would be lost. */
void split_set_on(struct node *n, bool on)
{
	bool was_on = n->split_on;

	if (!is_open(n))
		return;
	for (int i = 0; i < ESC_SIDES && on && !was_on; i++)
		split_look(&n->side[i], true);
	if (on)
		reserve(n, &n->model->split);
	n->split_on = on;
	split_tell(n);
}

void split_neigh(struct side *s, const struct esc_neigh *neigh)
{
	if (s->nexthops)
		esc_nexthops_news(s->nexthops, neigh);
}

void split_tick(struct node *n)
{
	if (n->split_on) /* it is alive */
		split_tell(n);
	for (int i = 0; i < ESC_SIDES; i++) {
		if (n->side[i].nexthops)
			esc_nexthops_tick(n->side[i].nexthops, esc_now());
	}
}

static void want(void *arg, const uint8_t addr[16])
{
	struct side *s = arg;

	esc_nexthops_want(s->nexthops, addr);
}

/* After a flood, programs may wait for neighbours that nobody asked for. */
static void wants_event(void *arg, uint32_t events)
{
	struct side *s = arg;
	uint32_t n = esc_bpf_wants(s->node->bpf, s->side, WANTS_TURN, want, s);

	(void)events;
	if (n < WANTS_TURN && s->wants_flood)
		esc_nexthops_neighs(s->nexthops);
	s->wants_flood = n == WANTS_TURN;
	esc_loop_unwatch(&s->node->loop, &s->wants);
	esc_loop_arm(&s->node->loop, &s->wants_pause, WANTS_NS);
}

static void wants_again(void *arg)
{
	struct side *s = arg;

	if (s->wants_flood)
		wants_event(s, 0);
	else
		esc_loop_watch(&s->node->loop, &s->wants, EPOLLIN);
}

/* --- the kernel and the maps, as nexthops.c wants them ------------------------------------ */

static int ask_routes(void *arg, struct esc_table_route *out, uint32_t max)
{
	const struct side *s = arg;

	if (!s->nic.ifindex || !s->nic.up)
		return 0;
	return esc_netlink_routes(s->node->netlink, s->nic.ifindex, out, max);
}

static int ask_neighs(void *arg, void (*fn)(void *arg, const struct esc_neigh *n), void *fn_arg)
{
	const struct side *s = arg;

	if (!s->nic.ifindex)
		return 0;
	return esc_netlink_neighs(s->node->netlink, s->nic.ifindex, fn, fn_arg);
}

static int ask_neigh(void *arg, const uint8_t addr[16], struct esc_neigh *neigh)
{
	const struct side *s = arg;

	if (!s->nic.ifindex || !s->nic.up)
		return -ENETDOWN;
	return esc_netlink_neigh(s->node->netlink, s->nic.ifindex, addr, neigh);
}

static int probe(void *arg, const uint8_t addr[16])
{
	const struct side *s = arg;

	return esc_netlink_probe(s->node->netlink, s->nic.ifindex, addr);
}

static int set_route(void *arg, const struct esc_lpm_key *to, const struct esc_next *next)
{
	const struct side *s = arg;

	return esc_bpf_route(s->node->bpf, s->side, to, next);
}

static int set_neigh(void *arg, const uint8_t addr[16], const uint8_t mac[6])
{
	const struct side *s = arg;

	return esc_bpf_neigh(s->node->bpf, s->side, addr, mac);
}

static uint32_t known(void *arg, uint8_t (*addr)[16], uint32_t max)
{
	const struct side *s = arg;

	return esc_bpf_neighs(s->node->bpf, s->side, addr, max);
}

int split_open(struct node *n)
{
	static const struct esc_nexthops_ops ops = {
		.routes = ask_routes,
		.neighs = ask_neighs,
		.neigh = ask_neigh,
		.probe = probe,
		.set_route = set_route,
		.set_neigh = set_neigh,
		.known = known,
	};
	int err = 0;

	for (int i = 0; i < ESC_SIDES && n->model->mode == ESC_MODE_ROUTER && !err; i++) {
		struct side *s = &n->side[i];
		s->nexthops = esc_nexthops_new(&ops, s, i == ESC_SIDE_RED ? "red" : "black");
		if (!s->nexthops)
			return -ENOMEM;
		s->wants_pause = (struct esc_timer){.fn = wants_again, .arg = s};
		s->wants = (struct esc_watch){
			.fd = esc_bpf_wants_fd(n->bpf, s->side), .fn = wants_event, .arg = s};
		err = esc_loop_watch(&n->loop, &s->wants, EPOLLIN);
	}
	if (err)
		esc_err("waiting for neighbours that programs want: %s", strerror(-err));
	return err;
}

void split_close(struct node *n)
{
	for (int i = 0; i < ESC_SIDES; i++)
		esc_nexthops_free(n->side[i].nexthops);
}
