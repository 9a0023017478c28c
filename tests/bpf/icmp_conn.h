/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp_conn.h: connections in the NAT's tables, packets of them as each side sees them, and ICMP
 * errors about those, for nat_icmp.c and nat_icmp_forged.c. All checksums are from scratch.
 */
#ifndef ESC_TESTS_BPF_ICMP_CONN_H
#define ESC_TESTS_BPF_ICMP_CONN_H

#include <linux/bpf.h>

#include "reference.h"
#include "split.h"
#include "test/nat.skel.h"

#define OWN4	    "192.0.2.1"
#define ROUTER4	    "203.0.113.77"
#define ROUTER6	    "2001:db8:77::1"
#define LAN_ROUTER4 "10.1.0.254"
#define CONNS	    300
#define WINDOW	    20000u

enum { OUT, IN };

/* A connection as the test knows it. */
struct known {
	bool six;
	uint8_t proto;
	char lan[48], remote[48];
	uint16_t lan_port, remote_port, own_port; /* echo: no remote_port */
	uint32_t end[2];			  /* what LAN, remote have sent ends here */
	struct esc_conn_key key;
};

static struct nat_bpf *skel;
static int prog[2];
static struct known known[CONNS];

static inline uint32_t table(uint8_t proto)
{
	return proto == 6 ? ESC_PORTS_TCP : proto == 17 ? ESC_PORTS_UDP : ESC_PORTS_ICMP;
}

static inline void put_owner(uint8_t proto, uint16_t port, uint64_t owner)
{
	uint32_t slot = esc_port_slot(table(proto), port);

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.nat_ports), &slot, &owner, BPF_ANY), 0);
}

static inline void put_conn(struct known *k, int map, uint64_t expires)
{
	struct esc_conn c = {.expires = expires, .port = htons(k->own_port)};
	struct esc_nat_key inner = {.port = htons(k->lan_port), .proto = k->proto};

	memset(&k->key, 0, sizeof(k->key));
	map_key(k->lan, k->key.lan);
	map_key(k->remote, k->key.remote);
	k->key.lan_port = htons(k->lan_port);
	k->key.remote_port = htons(k->remote_port);
	k->key.proto = k->proto;
	c.state = ESC_CONN_ESTABLISHED;
	for (int i = 0; i < 2; i++)
		c.tcp[i] = (struct esc_tcp_side){
			.end = k->end[i], .max_end = k->end[i] + 9, .max_win = WINDOW, .seen = 1};
	assert_int_equal(bpf_map_update_elem(map, &k->key, &c, BPF_ANY), 0);
	if (k->six)
		return;
	memcpy(inner.lan, k->key.lan + 12, 4);
	put_owner(k->proto, k->own_port, esc_port_owner(&inner));
}

static inline void make_known(struct known *k, uint32_t n)
{
	static const uint8_t protos[2][3] = {{6, 17, 1}, {6, 17, 58}};

	k->six = n % 2;
	k->proto = protos[k->six][n / 2 % 3];
	snprintf(k->lan, sizeof(k->lan), k->six ? "2001:db8:1::%u" : "10.1.0.%u", 2 + n % 100);
	snprintf(k->remote, sizeof(k->remote), k->six ? "2001:db8:9:%u::9" : "198.51.100.%u",
		 1 + n % 50);
	k->lan_port = (uint16_t)(1025 + n * 200);
	k->own_port = k->six ? k->lan_port : (uint16_t)(1025 + (n * 7919 % 60000));
	k->remote_port = k->proto == 6 || k->proto == 17 ? (uint16_t)(1 + random32() % 65535) : 0;
	k->end[0] = random32();
	k->end[1] = random32();
}

static inline int set_up(void **state)
{
	struct esc_split_cfg cfg = {.abi_version = ESC_ABI_VERSION,
				    .on = 1,
				    .families = ESC_SPLIT_IPV4 | ESC_SPLIT_IPV6,
				    .port_first = 1024,
				    .port_last = 65535};
	uint32_t zero = 0;

	(void)state;
	address(AF_INET, OWN4, cfg.own4);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.black_split), &zero, &cfg, 0),
			 0);
	for (uint32_t n = 0; n < CONNS; n++) {
		make_known(&known[n], n);
		put_conn(&known[n], bpf_map__fd(n % 5 ? skel->maps.conn : skel->maps.conn_new),
			 UINT64_MAX);
	}
	return 0;
}

/*
 * A packet of the connection: from the LAN (OUT) or to it, as the LAN sees it or, `black`, as the
 * internet does. `seed` decides all the rest of it.
 */
static inline void packet(struct pkt *p, const struct known *k, int way, bool black, uint32_t seed)
{
	const char *near = black && !k->six ? OWN4 : k->lan;
	uint16_t near_port = black ? k->own_port : k->lan_port;
	uint32_t header = k->proto == 6 ? 20 : 8, len = header + seed % 1200;
	uint8_t *l4;

	pkt_ip(p, way == OUT ? near : k->remote, way == OUT ? k->remote : near, k->proto, len);
	if (!k->six)
		put16(p->data + AT_IP4 + 4, seed >> 8);
	l4 = pkt_add(p, NULL, len);
	for (uint32_t i = header; i < len; i++)
		l4[i] = (uint8_t)(seed >> i % 24);
	if (header == 20 || k->proto == 17) {
		put16(l4, way == OUT ? near_port : k->remote_port);
		put16(l4 + 2, way == OUT ? k->remote_port : near_port);
	}
	if (k->proto == 17) {
		put16(l4 + 4, len);
	} else if (k->proto == 6) {
		uint32_t seq = k->end[way == OUT ? 0 : 1] - seed % (WINDOW + 1);

		put16(l4 + 4, seq >> 16);
		put16(l4 + 6, seq & 0xffff);
		l4[12] = 0x50;
		l4[13] = 0x10;
	} else {
		l4[0] = (k->six ? 128 : 8) + (way == OUT ? 0 : k->six ? 1 : -8);
		put16(l4 + 4, near_port);
		put16(l4 + 6, seed);
	}
	ref_fix(p->data + 14, p->len - 14);
	if (k->proto == 17 && !k->six && seed % 8 == 0) /* UDP without a checksum */
		put16(l4 + 6, 0);
}

struct error {
	uint8_t type, code;
	uint32_t rest;
	uint32_t quote; /* bytes; then `extra` ones of extensions */
	uint32_t extra;
};

/* The error about the packet `about` (a frame). */
static inline void error_about(struct pkt *p, const struct pkt *about, const char *src,
			       const char *dst, const struct error *e)
{
	bool six = strchr(src, ':');
	uint8_t *icmp;

	pkt_ip(p, src, dst, six ? 58 : 1, 8 + e->quote + e->extra);
	icmp = pkt_add(p, NULL, 8);
	icmp[0] = e->type;
	icmp[1] = e->code;
	put16(icmp + 4, e->rest >> 16);
	put16(icmp + 6, e->rest & 0xffff);
	pkt_add(p, about->data + 14, e->quote);
	for (uint32_t i = 0; i < e->extra; i++)
		*pkt_add(p, NULL, 1) = (uint8_t)(i * 37 + 1);
	ref_fix(p->data + 14, p->len - 14);
}

static inline struct error random_error(const struct known *k, const struct pkt *about)
{
	static const uint8_t types[2][4] = {{3, 11, 12, 3}, {1, 2, 3, 4}};
	uint32_t least = k->six ? 48 : 28, whole = about->len - 14, most = whole;
	struct error e = {.type = types[k->six][random32() % 4],
			  .code = (uint8_t)(random32() % 16),
			  .rest = random32()};

	if (random32() % 3 == 0)
		most = least;
	if (most > 1232)
		most = 1232;
	e.quote = least + (most > least ? random32() % (most - least + 1) : 0);
	if (e.quote == 37) /* half of TCP's checksum: stays as it is */
		e.quote = 36;
	if (e.quote >= 128 && random32() % 4 == 0) /* RFC 4884, 3 */
		e.extra = random32() % 60;
	return e;
}

static inline const char *far_end(const struct known *k)
{
	if (random32() % 2)
		return k->remote;
	return k->six ? ROUTER6 : ROUTER4;
}

/* The error as the program gets it, and as it must leave. */
static inline void both_sides(const struct known *k, int way, uint32_t seed, struct pkt *in,
			      struct pkt *want)
{
	const char *own = k->six ? k->lan : OWN4, *far = far_end(k);
	struct pkt lan, black;
	struct error e;

	packet(&lan, k, !way, false, seed);
	packet(&black, k, !way, true, seed);
	e = random_error(k, &lan);
	if (way == IN) {
		error_about(in, &black, far, own, &e);
		error_about(want, &lan, far, k->lan, &e);
	} else {
		error_about(in, &lan, !k->six && random32() % 4 == 0 ? LAN_ROUTER4 : k->lan,
			    k->remote, &e);
		error_about(want, &black, own, k->remote, &e);
	}
	want->data[k->six ? AT_IP6_HOPS : AT_IP4 + 8]--;
	if (!k->six)
		pkt_ip4_fix(want);
}

static inline int pass(int way)
{
	return way == IN ? ESC_BLACK_to_lan : (int)ESC_BLACK_OUT_sent;
}

static inline int refused(int way)
{
	return way == IN ? ESC_BLACK_icmp_error : (int)ESC_BLACK_OUT_icmp_error;
}

/* The test program's main(). */
static inline int run_nat(int (*tests)(void))
{
	int failed;

	libbpf_set_print(quiet);
	skel = nat_bpf__open_and_load();
	if (!skel)
		return cannot_run("cannot load the program", errno);
	prog[OUT] = bpf_program__fd(skel->progs.nat_out);
	prog[IN] = bpf_program__fd(skel->progs.nat_in);
	failed = tests();
	nat_bpf__destroy(skel);
	return failed;
}

#endif
