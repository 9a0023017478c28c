/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split_node.h: a node in router mode, as the tests of its four programs share it: settings,
 * policy, prefixes and next hops; packets with right checksums; runs that keep the books of run.h
 * and give back the frame as it left.
 */
#ifndef ESC_TESTS_BPF_SPLIT_NODE_H
#define ESC_TESTS_BPF_SPLIT_NODE_H

#include "reference.h"
#include "split.h"

#define OWN4	   "192.0.2.1" /* the black address */
#define GATE4	   "192.0.2.254"
#define GATE6	   "fe80::fe"
#define RED4	   "10.1.0.1"
#define RED6	   "2001:db8:1::1"
#define LAN4	   "10.1.0.5"
#define LAN4_B	   "10.1.0.6"
#define LAN6	   "2001:db8:1::5"
#define LAN6_LOCAL "fd00:1::5" /* of the LAN, too */
#define WEB4	   "198.51.100.7"
#define WEB6	   "2001:db8:9::7"
#define SECURE4	   "10.2.0.7"
#define SECURE6	   "2001:db8:2::7"

#define MAC_GATE   "\x02\x00\x00\x00\x00\x0a"
#define MAC_LAN	   "\x02\x00\x00\x00\x00\x0b"
#define MAC_BLACK  "\x02\x00\x00\x00\x00\x0c"

/* Programs read the coarse clock, which stands still while the CPU that turns it does. */
#define COARSE_NS 5000000000ull

#define MTU_BLACK 1400
#define MTU_RED	  1300

/* --- what control writes ---------------------------------------------------------------------- */

static inline struct esc_split_cfg split_settings(void)
{
	struct esc_split_cfg cfg = {
		.abi_version = ESC_ABI_VERSION,
		.on = 1,
		.families = ESC_SPLIT_IPV4 | ESC_SPLIT_IPV6,
		.port_first = 1024,
		.port_last = 65535,
		.black_mtu = MTU_BLACK,
		.red_mtu = MTU_RED,
		.timeout = {120, 300, 60, 240, 240, 7440, 240, 240, 240},
		.fragment_timeout = 30,
		.answer_rate = 1000000,
		.answer_burst = 1000000,
	};

	memcpy(cfg.black_mac, MAC_BLACK, 6);
	memcpy(cfg.red_mac, MAC_NODE, 6);
	address(AF_INET, OWN4, cfg.own4);
	address(AF_INET, RED4, cfg.red4);
	address(AF_INET6, RED6, cfg.red6);
	return cfg;
}

static inline void put_map(struct bpf_map *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY), 0);
}

static inline void put_settings(struct bpf_map *map, const struct esc_split_cfg *cfg)
{
	uint32_t zero = 0;

	put_map(map, &zero, cfg);
}

static inline struct esc_lpm_key prefix_key(const char *prefix, uint32_t len)
{
	struct esc_lpm_key key = {.prefixlen = strchr(prefix, ':') ? len : 96 + len};

	map_key(prefix, key.addr);
	return key;
}

static inline uint8_t family_of(const char *text)
{
	return strchr(text, ':') ? ESC_SECURE_IPV6 : ESC_SECURE_IPV4;
}

static inline void put_prefix(struct bpf_map *map, const char *prefix, uint32_t len)
{
	struct esc_lpm_key key = prefix_key(prefix, len);
	uint8_t family = family_of(prefix);

	put_map(map, &key, &family);
}

/* `via` NULL: on the link. */
static inline void put_route(struct bpf_map *map, const char *prefix, uint32_t len, const char *via)
{
	struct esc_lpm_key key = prefix_key(prefix, len);
	struct esc_next next = {.family = family_of(prefix)};

	if (via)
		map_key(via, next.via);
	put_map(map, &key, &next);
}

static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* `mac` NULL: being asked for. */
static inline void put_neigh(struct bpf_map *map, const char *addr, const char *mac)
{
	struct esc_neigh_hop hop = {.asked = monotonic_ns() + COARSE_NS, .valid = mac != NULL};
	struct esc_addr_key key;

	map_key(addr, key.addr);
	if (mac)
		memcpy(hop.mac, mac, 6);
	put_map(map, &key, &hop);
}

/* A test run ends at the verdict: any device will do. */
static inline void put_dev(struct bpf_map *map, uint32_t slot)
{
	struct bpf_devmap_val val = {.ifindex = 1};

	put_map(map, &slot, &val);
}

static inline void empty_map(struct bpf_map *map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

/*
 * UDP to port 53 is denied, the rest of UDP, TCP and echo allowed. Open: UDP 8000 to 8001 of the
 * black address is LAN4:9000; TCP 443 and echo of LAN6.
 */
static inline struct esc_policy split_policy(void)
{
	struct esc_policy p = {
		.rules = 4,
		.openings = 3,
		.services = 3,
		.otherwise = ESC_DENY,
		.rule = {{.proto = 17, .verdict = ESC_DENY, .port_first = 53, .port_last = 53},
			 {.proto = 17, .verdict = ESC_ALLOW, .port_last = 65535},
			 {.proto = 6, .verdict = ESC_ALLOW, .port_last = 65535},
			 {.proto = 1, .verdict = ESC_ALLOW, .port_last = 65535}},
		.opening = {{.to_len = 128,
			     .proto = 17,
			     .port_first = 8000,
			     .port_last = 8001,
			     .to_port = 9000},
			    {.to_len = 128, .proto = 6, .port_first = 443, .port_last = 443},
			    {.to_len = 128, .proto = 58}},
		.service = {{.port = 67, .proto = 17, .broadcast = 1},
			    {.port = 547, .proto = 17, .broadcast = 1},
			    {.port = 53, .proto = 17}},
	};

	map_key(LAN4, p.opening[0].to);
	map_key(LAN6, p.opening[1].to);
	map_key(LAN6, p.opening[2].to);
	return p;
}

/* --- packets ---------------------------------------------------------------------------------- */

static inline void pkt_sums(struct pkt *p)
{
	ref_fix(p->data + AT_IP4, p->len - AT_IP4);
}

static inline void pkt_sent_udp(struct pkt *p, const char *src, uint16_t from, const char *dst,
				uint16_t to, uint32_t payload)
{
	pkt_udp(p, src, dst, to, payload);
	put16(p->data + (strchr(src, ':') ? AT_L4_6 : AT_L4_4), from);
	pkt_sums(p);
}

enum { TCP_SYN = 2, TCP_ACK = 16 };

static inline void pkt_tcp(struct pkt *p, const char *src, uint16_t from, const char *dst,
			   uint16_t to, uint8_t flags)
{
	uint8_t *h;

	pkt_ip(p, src, dst, 6, 20);
	h = pkt_add(p, NULL, 20);
	put16(h, from);
	put16(h + 2, to);
	h[12] = 0x50;
	h[13] = flags;
	put16(h + 14, 65535);
	pkt_sums(p);
}

static inline void pkt_ping(struct pkt *p, const char *src, const char *dst, bool reply)
{
	bool six = strchr(src, ':');
	uint8_t *h;

	pkt_echo(p, src, dst, 32);
	h = p->data + (six ? AT_L4_6 : AT_L4_4);
	h[0] = six ? (reply ? 129 : 128) : (reply ? 0 : 8);
	put16(h + 4, 77);
	pkt_sums(p);
}

/* IPv4 fragment at `at` bytes of packet `id`; `more` follow. The first has UDP's header. */
static inline void pkt_fragment(struct pkt *p, const char *src, const char *dst, uint16_t id,
				uint32_t at, bool more)
{
	pkt_udp(p, src, dst, 5000, 72);
	put16(p->data + AT_IP4 + 4, id);
	put16(p->data + AT_IP4_FRAG, (more ? 0x2000 : 0) | at / 8);
	if (!at)
		put16(p->data + AT_UDP_LEN_4, 2000);
	pkt_ip4_fix(p);
}

/* Whoever `src` is tells `dst` that this packet of its did not arrive. */
static inline void pkt_unreachable(struct pkt *p, const char *src, const char *dst,
				   const struct pkt *about)
{
	bool six = strchr(src, ':');
	uint32_t quote = about->len - AT_IP4;

	pkt_ip(p, src, dst, six ? 58 : 1, 8 + quote);
	*pkt_add(p, NULL, 8) = six ? 1 : 3;
	pkt_add(p, about->data + AT_IP4, quote);
	pkt_sums(p);
}

/* --- runs ------------------------------------------------------------------------------------- */

/* As run_expect(); the frame as it left is in *out. */
static inline void run_to(struct run *r, const struct pkt *in, struct pkt *out, int verdict,
			  uint32_t reason, const char *what)
{
	int got = run_change(r->prog, in, out);

	r->total.packets++;
	r->total.bytes += in->len;
	r->expect[reason].packets++;
	r->expect[reason].bytes += in->len;
	r->seen |= 1ull << reason;
	if (got != verdict || run_counter(r, reason).packets != r->expect[reason].packets) {
		for (uint32_t i = 0; i < r->reasons; i++) {
			if (run_counter(r, i).packets > r->expect[i].packets)
				print_error("counted: %s\n", r->reason_name[i]);
		}
		fail_msg("%s: %s: verdict %d instead of %d for %s", r->name, what, got, verdict,
			 r->reason_name[reason]);
	}
}

/* The frame, unchanged. */
static inline void run_same(struct run *r, const struct pkt *in, int verdict, uint32_t reason,
			    const char *what)
{
	static struct pkt out;

	run_to(r, in, &out, verdict, reason, what);
	assert_same_frame(&out, in);
}

/* *p as a router forwards it: TTL one less, between these MAC addresses. */
static inline void pkt_forwarded(struct pkt *p, const char *dst_mac, const char *src_mac)
{
	bool six = get16(p->data + AT_TYPE) == 0x86dd;

	p->data[AT_IP4 + (six ? 7 : 8)]--;
	if (!six)
		pkt_ip4_fix(p);
	memcpy(p->data + AT_DST_MAC, dst_mac, 6);
	memcpy(p->data + AT_SRC_MAC, src_mac, 6);
}

/* --- asking for neighbours -------------------------------------------------------------------- */

struct wants {
	uint32_t n;
	uint8_t last[16];
};

static inline int wants_one(void *ctx, void *data, size_t size)
{
	struct wants *w = ctx;

	assert_int_equal(size, sizeof(struct esc_neigh_want));
	memcpy(w->last, data, sizeof(w->last));
	w->n++;
	return 0;
}

/* Everything that was asked for since the last call. */
static inline struct wants wants_read(struct bpf_map *map)
{
	struct wants w = {0};
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(map), wants_one, &w, NULL);

	assert_non_null(rb);
	assert_true(ring_buffer__consume(rb) >= 0);
	ring_buffer__free(rb);
	return w;
}

static inline void assert_wanted(struct bpf_map *map, uint32_t n, const char *addr)
{
	struct wants w = wants_read(map);
	uint8_t key[16];

	assert_int_equal(w.n, n);
	if (!n)
		return;
	map_key(addr, key);
	assert_memory_equal(w.last, key, sizeof(key));
}

#endif
