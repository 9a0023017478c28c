/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * black_node.h: the node and the good packets that the tests of the black XDP program share. The
 * AF_XDP socket is bound to nothing: a test run stops at the verdict.
 */
#ifndef ESC_TESTS_BPF_BLACK_NODE_H
#define ESC_TESTS_BPF_BLACK_NODE_H

#ifdef OWN_CLOCK /* the same program, see clock.h */
#include "test/guard.skel.h"
#define black_bpf		 guard_bpf
#define black_bpf__open_and_load guard_bpf__open_and_load
#define black_bpf__destroy	 guard_bpf__destroy
#else
#include "black.skel.h"
#endif
#include "guard_node.h"
#include "noise/wire.h"
#include "run.h"

#define PORT		     51820
#define NODE4		     "192.0.2.1"
#define PEER4		     "192.0.2.2"
#define NODE6		     "2001:db8::1"
#define PEER6		     "2001:db8::2"
#define LL_NODE		     "fe80::1"
#define LL_HOST		     "fe80::2"

#define NAME(id, kind, text) #id,
static const char *const names[] = {ESC_BLACK_REASONS(NAME)};

/* Reasons that only router mode or DHCP have: their rows are in black_split.c. */
#define BIT(reason) (1ull << ESC_BLACK_##reason)
#define SPLIT_REASONS                                                                              \
	(BIT(to_lan) | BIT(dhcp) | BIT(no_connection) | BIT(conn_state) | BIT(conn_full) |         \
	 BIT(icmp_error) | BIT(fragment_lost) | BIT(ttl) | BIT(lan_mtu))

static struct run run = {.name = "black", .reasons = ESC_BLACK_REASON_COUNT, .reason_name = names};
static struct black_bpf *skel;
static struct guard_node node;
static int socket_fd = -1;

static int set_up(void **state)
{
	(void)state;
	run.prog = bpf_program__fd(skel->progs.black);
	run.stats = bpf_map__fd(skel->maps.black_stats);
	fill_cfg(bpf_map__fd(skel->maps.black_cfg), true, PORT, ESC_ABI_VERSION);
	fill_addr(bpf_map__fd(skel->maps.black_addr), NODE4);
	fill_addr(bpf_map__fd(skel->maps.black_addr), NODE6);
	fill_addr(bpf_map__fd(skel->maps.black_addr), LL_NODE);
	fill_xsk(bpf_map__fd(skel->maps.black_xsks), 0, socket_fd);
	guard_reset(&node);
	return 0;
}

/* NULL, or the step that failed with errno. */
static const char *load_node(void)
{
	libbpf_set_print(quiet);
	skel = black_bpf__open_and_load();
	if (!skel)
		return "cannot load the program";
	guard_start(&node, bpf_map__fd(skel->maps.black_guard),
		    bpf_map__fd(skel->maps.black_limits), bpf_map__fd(skel->maps.black_buckets));
	socket_fd = socket(AF_XDP, SOCK_RAW, 0);
	return socket_fd < 0 ? "cannot open an AF_XDP socket" : NULL;
}

static void unload_node(void)
{
	close(socket_fd);
	black_bpf__destroy(skel);
}

/* --- good packets ----------------------------------------------------------------------------- */

static inline void wanted(struct pkt *p, const char *src, const char *dst, uint8_t type,
			  uint32_t len)
{
	pkt_wg(p, src, dst, PORT, type, len);
	pkt_wanted(&node, p);
}

static inline void initiation4(struct pkt *p)
{
	wanted(p, PEER4, NODE4, WG_INITIATION, WG_INITIATION_LEN);
}

static inline void response4(struct pkt *p)
{
	wanted(p, PEER4, NODE4, WG_RESPONSE, WG_RESPONSE_LEN);
}

static inline void cookie4(struct pkt *p)
{
	wanted(p, PEER4, NODE4, WG_COOKIE, WG_COOKIE_REPLY_LEN);
}

static inline void data4(struct pkt *p)
{
	wanted(p, PEER4, NODE4, WG_DATA, 128);
}

static inline void big4(struct pkt *p)
{
	wanted(p, PEER4, NODE4, WG_DATA, 1452);
}

static inline void keepalive4(struct pkt *p)
{
	wanted(p, PEER4, NODE4, WG_DATA, WG_DATA_OVERHEAD);
}

static inline void initiation6(struct pkt *p)
{
	wanted(p, PEER6, NODE6, WG_INITIATION, WG_INITIATION_LEN);
}

static inline void data6(struct pkt *p)
{
	wanted(p, PEER6, NODE6, WG_DATA, 128);
}

static inline void data_link_local(struct pkt *p)
{
	wanted(p, LL_HOST, LL_NODE, WG_DATA, 128);
}

static inline void arp_request(struct pkt *p)
{
	pkt_arp(p, 1, PEER4, NODE4);
}

static inline void arp_reply(struct pkt *p)
{
	pkt_arp(p, 2, PEER4, NODE4);
	memcpy(p->data, MAC_NODE, 6);
}

static inline void arp_probe(struct pkt *p)
{
	pkt_arp(p, 1, "0.0.0.0", NODE4);
}

static inline void arp_announcement(struct pkt *p)
{
	pkt_arp(p, 1, PEER4, PEER4);
}

static inline void ns_multicast(struct pkt *p)
{
	pkt_nd(p, 135, LL_HOST, "ff02::1:ff00:1", NODE6);
}

static inline void ns_unicast(struct pkt *p)
{
	pkt_nd(p, 135, PEER6, NODE6, NODE6);
}

static inline void ns_probe(struct pkt *p)
{
	pkt_nd(p, 135, "::", "ff02::1:ff00:1", NODE6);
}

static inline void ns_probe_unicast(struct pkt *p)
{
	pkt_nd(p, 135, "::", NODE6, NODE6);
}

static inline void ns_mapped(struct pkt *p)
{
	pkt_nd(p, 135, PEER6, NODE6, "::ffff:" NODE4);
}

static inline void na_unicast(struct pkt *p)
{
	pkt_nd(p, 136, PEER6, NODE6, PEER6);
}

static inline void na_all_nodes(struct pkt *p)
{
	pkt_nd(p, 136, PEER6, "ff02::1", NODE6);
}

static inline void na_unsolicited(struct pkt *p)
{
	pkt_nd(p, 136, PEER6, "ff02::1", PEER6);
}

static inline void na_no_source(struct pkt *p)
{
	pkt_nd(p, 136, "::", "ff02::1", NODE6);
}

static inline void router_solicitation(struct pkt *p)
{
	pkt_nd(p, 133, LL_HOST, "ff02::2", "::");
}

static inline void router_advertisement(struct pkt *p)
{
	pkt_nd(p, 134, LL_HOST, "ff02::1", "::");
}

static inline void redirect(struct pkt *p)
{
	pkt_nd(p, 137, LL_HOST, LL_NODE, PEER6);
}

static inline void mld_report(struct pkt *p)
{
	pkt_nd(p, 143, LL_HOST, "ff02::16", "::");
}

static inline void echo4(struct pkt *p)
{
	pkt_echo(p, PEER4, NODE4, 56);
}

static inline void echo6(struct pkt *p)
{
	pkt_echo(p, PEER6, NODE6, 56);
}

static inline void mapped_destination(struct pkt *p)
{
	wanted(p, PEER6, "::ffff:" NODE4, WG_DATA, 128);
}

static inline void mapped_source(struct pkt *p)
{
	wanted(p, "::ffff:" PEER4, NODE6, WG_DATA, 128);
}

static inline void dns4(struct pkt *p)
{
	pkt_udp(p, PEER4, NODE4, 53, 40);
}

static inline void empty_udp(struct pkt *p)
{
	pkt_udp(p, PEER4, NODE4, PORT, 0);
}

static inline void bare_ip4(struct pkt *p)
{
	pkt_ip(p, PEER4, NODE4, 17, 0);
}

static const pkt_builder passing[] = {
	initiation4,  response4,  cookie4,	   data4,	big4,	     keepalive4,
	initiation6,  data6,	  data_link_local, arp_request, arp_reply,   arp_probe,
	ns_multicast, ns_unicast, ns_probe,	   na_unicast,	na_all_nodes};
#define PASSING (sizeof(passing) / sizeof(passing[0]))

#endif
