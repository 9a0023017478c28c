/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red_node.h: the node and the good packets that the tests of the red XDP program share. The
 * AF_XDP socket is bound to nothing: a test run stops at the verdict.
 */
#ifndef ESC_TESTS_BPF_RED_NODE_H
#define ESC_TESTS_BPF_RED_NODE_H

#include "red.skel.h"
#include "run.h"

#define NODE4		     "10.1.0.1"
#define HOST4		     "10.1.0.5"
#define SITE4		     "10.2.0.7" /* in 10.2.0.0/24 */
#define OPEN4		     "10.3.0.7"
#define NODE6		     "fd00:1::1"
#define HOST6		     "fd00:1::5"
#define SITE6		     "fd00:2::7" /* in fd00:2::/64 */
#define OPEN6		     "fd00:3::7"
#define LL_NODE		     "fe80::1"
#define LL_HOST		     "fe80::2"

#define NAME(id, kind, text) #id,
static const char *const names[] = {ESC_RED_REASONS(NAME)};

/* Reasons that only router mode or services have: their rows are in red_split.c. */
#define BIT(reason) (1ull << ESC_RED_##reason)
#define SPLIT_REASONS                                                                              \
	(BIT(to_black) | BIT(hairpin) | BIT(hairpin_refused) | BIT(service) | BIT(ttl) |           \
	 BIT(too_big) | BIT(denied) | BIT(no_route) | BIT(quiet) | BIT(protocol) |                 \
	 BIT(transport) | BIT(fragment_lost) | BIT(icmp_error))

static struct run run = {.name = "red", .reasons = ESC_RED_REASON_COUNT, .reason_name = names};
static struct red_bpf *skel;
static int socket_fd = -1;

static void fill_secure(const char *prefix, uint32_t len)
{
	bool six = strchr(prefix, ':');
	struct esc_lpm_key key = {.prefixlen = six ? len : 96 + len};
	uint8_t family = six ? ESC_SECURE_IPV6 : ESC_SECURE_IPV4;

	map_key(prefix, key.addr);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.secure), &key, &family, BPF_ANY), 0);
}

static int set_up(void **state)
{
	(void)state;
	run.prog = bpf_program__fd(skel->progs.red);
	run.stats = bpf_map__fd(skel->maps.red_stats);
	fill_cfg(bpf_map__fd(skel->maps.red_cfg), true, 0, ESC_ABI_VERSION);
	fill_addr(bpf_map__fd(skel->maps.red_addr), NODE4);
	fill_addr(bpf_map__fd(skel->maps.red_addr), NODE6);
	fill_addr(bpf_map__fd(skel->maps.red_addr), LL_NODE);
	fill_secure("10.2.0.0", 24);
	fill_secure("fd00:2::", 64);
	fill_xsk(bpf_map__fd(skel->maps.red_xsks), 0, socket_fd);
	return 0;
}

/* NULL, or the step that failed with errno. */
static const char *load_node(void)
{
	libbpf_set_print(quiet);
	skel = red_bpf__open_and_load();
	if (!skel)
		return "cannot load the program";
	socket_fd = socket(AF_XDP, SOCK_RAW, 0);
	return socket_fd < 0 ? "cannot open an AF_XDP socket" : NULL;
}

static void unload_node(void)
{
	close(socket_fd);
	red_bpf__destroy(skel);
}

/* --- good packets ----------------------------------------------------------------------------- */

static inline void site4(struct pkt *p)
{
	pkt_udp(p, HOST4, SITE4, 5000, 100);
}

static inline void site6(struct pkt *p)
{
	pkt_udp(p, HOST6, SITE6, 5000, 100);
}

static inline void site_echo4(struct pkt *p)
{
	pkt_echo(p, HOST4, SITE4, 56);
}

static inline void open4(struct pkt *p)
{
	pkt_udp(p, HOST4, OPEN4, 5000, 100);
}

static inline void open6(struct pkt *p)
{
	pkt_udp(p, HOST6, OPEN6, 5000, 100);
}

static inline void own_udp4(struct pkt *p)
{
	pkt_udp(p, HOST4, NODE4, 22, 100);
}

static inline void own_udp6(struct pkt *p)
{
	pkt_udp(p, HOST6, NODE6, 22, 100);
}

static inline void echo4(struct pkt *p)
{
	pkt_echo(p, HOST4, NODE4, 56);
}

static inline void echo6(struct pkt *p)
{
	pkt_echo(p, HOST6, NODE6, 56);
}

static inline void echo_link_local(struct pkt *p)
{
	pkt_echo(p, LL_HOST, LL_NODE, 56);
}

static inline void echo_all_nodes(struct pkt *p)
{
	pkt_echo(p, LL_HOST, "ff02::1", 56);
}

static inline void arp_request(struct pkt *p)
{
	pkt_arp(p, 1, HOST4, NODE4);
}

static inline void arp_reply(struct pkt *p)
{
	pkt_arp(p, 2, HOST4, NODE4);
	memcpy(p->data, MAC_NODE, 6);
}

static inline void arp_announcement(struct pkt *p)
{
	pkt_arp(p, 1, HOST4, HOST4);
}

static inline void ns_multicast(struct pkt *p)
{
	pkt_nd(p, 135, LL_HOST, "ff02::1:ff00:1", NODE6);
}

static inline void ns_unicast(struct pkt *p)
{
	pkt_nd(p, 135, HOST6, NODE6, NODE6);
}

static inline void ns_probe(struct pkt *p)
{
	pkt_nd(p, 135, "::", "ff02::1:ff00:9", "fd00:1::9");
}

static inline void na_all_nodes(struct pkt *p)
{
	pkt_nd(p, 136, HOST6, "ff02::1", HOST6);
}

static inline void na_no_source(struct pkt *p)
{
	pkt_nd(p, 136, "::", "ff02::1", HOST6);
}

static inline void rs_multicast(struct pkt *p)
{
	pkt_nd(p, 133, "::", "ff02::2", "::");
}

static inline void rs_unicast(struct pkt *p)
{
	pkt_nd(p, 133, LL_HOST, LL_NODE, "::");
}

static inline void ra_multicast(struct pkt *p)
{
	pkt_nd(p, 134, LL_HOST, "ff02::1", "::");
}

static inline void redirect(struct pkt *p)
{
	pkt_nd(p, 137, LL_HOST, LL_NODE, HOST6);
}

static inline void mld_report(struct pkt *p)
{
	pkt_nd(p, 143, LL_HOST, "ff02::16", "::");
}

/* An ND type that is only payload of a packet between two hosts. */
static inline void ns_to_site(struct pkt *p)
{
	pkt_nd(p, 135, HOST6, SITE6, SITE6);
}

static inline void mdns4(struct pkt *p)
{
	pkt_udp(p, HOST4, "224.0.0.251", 5353, 100);
	memcpy(p->data, MAC_IP4_GROUP, 6);
}

static inline void mdns6(struct pkt *p)
{
	pkt_udp(p, LL_HOST, "ff02::fb", 5353, 100);
	memcpy(p->data, "\x33\x33\0\0\0\xfb", 6);
}

static inline void link_local6(struct pkt *p)
{
	pkt_udp(p, LL_HOST, "fe80::9", 5000, 100);
}

static inline void from_link_local6(struct pkt *p)
{
	pkt_udp(p, LL_HOST, SITE6, 5000, 100);
}

static inline void from_link_local4(struct pkt *p)
{
	pkt_udp(p, "169.254.7.7", SITE4, 5000, 100);
}

static inline void link_local4(struct pkt *p)
{
	pkt_udp(p, HOST4, "169.254.7.7", 5000, 100);
}

static inline void loopback4(struct pkt *p)
{
	pkt_udp(p, HOST4, "127.0.0.1", 5000, 100);
}

static inline void loopback6(struct pkt *p)
{
	pkt_udp(p, HOST6, "::1", 5000, 100);
}

static inline void mapped_site(struct pkt *p)
{
	pkt_udp(p, HOST6, "::ffff:" SITE4, 5000, 100);
}

static inline void mapped_own(struct pkt *p)
{
	pkt_echo(p, HOST6, "::ffff:" NODE4, 56);
}

static inline void mapped_source(struct pkt *p)
{
	pkt_udp(p, "::ffff:" HOST4, SITE6, 5000, 100);
}

static inline void bare_ip6(struct pkt *p)
{
	pkt_ip(p, HOST6, SITE6, 59, 0);
}

static const pkt_builder passing[] = {site4,	    site6,	     site_echo4,  echo4,
				      echo6,	    echo_link_local, arp_request, arp_reply,
				      ns_multicast, ns_unicast,	     ns_probe,	  na_all_nodes,
				      rs_multicast, rs_unicast,	     ns_to_site};
#define PASSING (sizeof(passing) / sizeof(passing[0]))

#endif
