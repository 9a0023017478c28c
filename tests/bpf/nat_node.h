/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_node.h: the black domain's NAT and firewall under test: its settings, its clock, packets with
 * right checksums, and runs in both directions that give back the packet as it left. What a test
 * expects of a checksum is computed from all bytes, not updated.
 */
#ifndef ESC_TESTS_BPF_NAT_NODE_H
#define ESC_TESTS_BPF_NAT_NODE_H

#include <sched.h>

#include "run.h"
#include "split.h"
#include "test/nat.skel.h"

#define OWN4	    "192.0.2.1"
#define LAN4	    "10.1.0.5"
#define LAN4_B	    "10.1.0.6"
#define REMOTE4	    "198.51.100.7"
#define REMOTE4_B   "198.51.100.8"
#define LAN6	    "2001:db8:1::5"
#define REMOTE6	    "2001:db8:9::7"

#define CONNECTIONS 1024
#define NEW	    512

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define OUT_NAME(id, kind, text) #id,
static const char *const out_names[] = {ESC_BLACK_OUT_REASONS(OUT_NAME)};
static const char *const in_names[] = {ESC_BLACK_REASONS(OUT_NAME)};

static struct nat_bpf *skel;
static struct esc_split_cfg cfg;
static struct esc_policy policy;

/* --- the node --------------------------------------------------------------------------------- */

static inline void set_cfg(void)
{
	uint32_t zero = 0;

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.black_split), &zero, &cfg, BPF_ANY), 0);
}

static inline void set_policy(void)
{
	uint32_t slot = cfg.policy;

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.black_policy), &slot, &policy, BPF_ANY),
		0);
}

static inline void empty(struct bpf_map *map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

static inline uint32_t entries(struct bpf_map *map)
{
	uint8_t key[64];
	uint32_t n = 0;

	for (void *at = NULL; !bpf_map_get_next_key(bpf_map__fd(map), at, key); at = key)
		n++;
	return n;
}

static inline void set_port(uint32_t table, uint16_t port, uint64_t owner)
{
	uint32_t slot = esc_port_slot(table, port);

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.nat_ports), &slot, &owner, BPF_ANY), 0);
}

static inline uint64_t port_owner(uint32_t table, uint16_t port)
{
	uint32_t slot = esc_port_slot(table, port);
	uint64_t owner = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.nat_ports), &slot, &owner), 0);
	return owner;
}

/* All of a range, in calls of the kernel that take many. */
static inline void set_ports(uint32_t table, uint32_t first, uint32_t last, uint64_t owner)
{
	static uint32_t keys[65536];
	static uint64_t values[65536];
	uint32_t n = last - first + 1;

	for (uint32_t i = 0; i < n; i++) {
		keys[i] = esc_port_slot(table, (uint16_t)(first + i));
		values[i] = owner;
	}
	assert_int_equal(
		bpf_map_update_batch(bpf_map__fd(skel->maps.nat_ports), keys, values, &n, NULL), 0);
}

/* A node without connections that lets everything out and nothing in. */
static inline int fresh_node(void **state)
{
	(void)state;
	skel->data->clock_ns += 24 * 3600 * 1000000000ull;
	empty(skel->maps.conn);
	empty(skel->maps.conn_new);
	empty(skel->maps.nat_map);
	empty(skel->maps.black_frag);
	for (uint32_t t = 0; t < ESC_PORTS_TABLES; t++)
		set_ports(t, 0, 65535, ESC_PORT_FREE);
	cfg = (struct esc_split_cfg){
		.abi_version = ESC_ABI_VERSION,
		.on = 1,
		.families = ESC_SPLIT_IPV4 | ESC_SPLIT_IPV6,
		.port_first = 1024,
		.port_last = 65535,
		.black_mtu = 1500,
		.red_mtu = 1500,
		.timeout = {120, 300, 60, 240, 240, 7440, 240, 240, 240},
		.fragment_timeout = 30,
	};
	address(AF_INET, OWN4, cfg.own4);
	set_cfg();
	memset(&policy, 0, sizeof(policy));
	policy.otherwise = ESC_ALLOW;
	set_policy();
	return 0;
}

/*
 * An LRU table keeps up to 128 spare entries for each CPU that wrote to it. The small ones here
 * would push out what is in use if the test moved about on many CPUs.
 */
static inline bool stay_on_this_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return !sched_setaffinity(0, sizeof(one), &one);
}

/* NULL, or the step that failed with errno. */
static inline const char *load_node(void)
{
	if (!stay_on_this_cpu())
		return "cannot stay on one CPU";
	libbpf_set_print(quiet);
	skel = nat_bpf__open();
	if (!skel)
		return "cannot open the program";
	bpf_map__set_max_entries(skel->maps.conn, CONNECTIONS);
	bpf_map__set_max_entries(skel->maps.conn_new, NEW);
	return nat_bpf__load(skel) ? "cannot load the program" : NULL;
}

/* --- packets ---------------------------------------------------------------------------------- */

struct end {
	const char *addr;
	uint16_t port;
};

/* The sum of `n` bytes from `at` (RFC 1071), on top of `sum`. */
static inline uint32_t sum_bytes(const uint8_t *at, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	return sum;
}

static inline uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline bool is_ip6(const struct pkt *p)
{
	return get16(p->data + AT_TYPE) == 0x86dd;
}

static inline uint8_t proto_of(const struct pkt *p)
{
	return p->data[is_ip6(p) ? AT_IP6_NEXT : AT_IP4_PROTO];
}

static inline uint8_t *l4_of(struct pkt *p)
{
	return p->data + (is_ip6(p) ? AT_L4_6 : AT_L4_4);
}

static inline uint8_t *ttl_of(struct pkt *p)
{
	return p->data + AT_IP4 + (is_ip6(p) ? 7 : 8);
}

/* Where the checksum is in the transport header. */
static inline uint32_t l4_sum_at(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* The sum of transport and pseudo header with the checksum as it is: all ones if it is right. */
static inline uint16_t l4_sum(struct pkt *p)
{
	uint8_t *l4 = l4_of(p), proto = proto_of(p);
	uint32_t len = p->len - (uint32_t)(l4 - p->data), sum = 0;

	if (is_ip6(p))
		sum = sum_bytes(p->data + AT_IP6_SRC, 32, len + proto);
	else if (proto != 1)
		sum = sum_bytes(p->data + AT_IP4_SRC, 8, len + proto);
	return sum_fold(sum_bytes(l4, len, sum));
}

/* Checksums of a packet that is complete. */
static inline void seal(struct pkt *p)
{
	uint8_t *at = l4_of(p) + l4_sum_at(proto_of(p));
	uint16_t sum;

	if (!is_ip6(p))
		pkt_ip4_fix(p);
	put16(at, 0);
	sum = (uint16_t)~l4_sum(p);
	put16(at, proto_of(p) == 17 && !sum ? 0xffff : sum);
}

static inline void payload(struct pkt *p, uint32_t n)
{
	uint8_t *at = pkt_add(p, NULL, n);

	for (uint32_t i = 0; i < n; i++)
		at[i] = (uint8_t)(i * 7 + 1);
}

static inline void udp(struct pkt *p, struct end from, struct end to, uint32_t n)
{
	uint8_t *h;

	pkt_ip(p, from.addr, to.addr, 17, 8 + n);
	h = pkt_add(p, NULL, 8);
	put16(h, from.port);
	put16(h + 2, to.port);
	put16(h + 4, 8 + n);
	payload(p, n);
	seal(p);
}

struct seg {
	uint32_t seq, ack, len;
	uint8_t flags;
	uint16_t win;
	int scale; /* 0: no option; else the option's value + 1 */
};

static inline void tcp(struct pkt *p, struct end from, struct end to, struct seg s)
{
	uint32_t options = s.scale ? 8 : 0;
	uint8_t *h;

	pkt_ip(p, from.addr, to.addr, 6, 20 + options + s.len);
	h = pkt_add(p, NULL, 20 + options);
	put16(h, from.port);
	put16(h + 2, to.port);
	put16(h + 4, s.seq >> 16);
	put16(h + 6, s.seq & 0xffff);
	put16(h + 8, s.ack >> 16);
	put16(h + 10, s.ack & 0xffff);
	h[12] = (uint8_t)((20 + options) / 4 << 4);
	h[13] = s.flags;
	put16(h + 14, s.win);
	if (s.scale) {
		memcpy(h + 20, "\x02\x04\x05\xb4\x01\x03\x03", 7);
		h[27] = (uint8_t)(s.scale - 1);
	}
	payload(p, s.len);
	seal(p);
}

/* The identifier is the asker's port. */
static inline void echo(struct pkt *p, struct end from, struct end to, bool reply)
{
	bool six = strchr(from.addr, ':');
	uint8_t *h;

	pkt_ip(p, from.addr, to.addr, six ? 58 : 1, 8 + 56);
	h = pkt_add(p, NULL, 8);
	h[0] = six ? (reply ? 129 : 128) : (reply ? 0 : 8);
	put16(h + 4, reply ? to.port : from.port);
	put16(h + 6, 9);
	payload(p, 56);
	seal(p);
}

/* --- runs ------------------------------------------------------------------------------------- */

static inline int run_prog(struct bpf_program *prog, const struct pkt *in, struct pkt *out)
{
	struct bpf_test_run_opts opts = {
		.sz = sizeof(opts),
		.data_in = in->data,
		.data_size_in = in->len,
		.data_out = out->data,
		.data_size_out = sizeof(out->data),
		.repeat = 1,
	};

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		fail_msg("test run of %u bytes: %s", in->len, strerror(errno));
	out->len = opts.data_size_out;
	return (int)opts.retval;
}

/* The packet as it leaves is in *p. */
static inline void out_is(struct pkt *p, enum esc_black_out_reason reason, const char *what)
{
	static struct pkt after;
	int got = run_prog(skel->progs.nat_out, p, &after);

	if (got != (int)reason)
		fail_msg("%s: out: %s instead of %s", what, out_names[got], out_names[reason]);
	if (reason != ESC_BLACK_OUT_sent)
		assert_memory_equal(after.data, p->data, p->len);
	*p = after;
}

static inline void in_is(struct pkt *p, enum esc_black_reason reason, const char *what)
{
	static struct pkt after;
	int got = run_prog(skel->progs.nat_in, p, &after);

	if (got != (int)reason)
		fail_msg("%s: in: %s instead of %s", what, in_names[got], in_names[reason]);
	if (reason != ESC_BLACK_to_lan)
		assert_memory_equal(after.data, p->data, p->len);
	*p = after;
}

/* *p is this packet, TTL one less, to the byte. */
static inline void same_bytes(const struct pkt *p, struct pkt *expected, const char *what)
{
	(*ttl_of(expected))--;
	if (!is_ip6(expected))
		pkt_ip4_fix(expected);
	if (p->len != expected->len)
		fail_msg("%s: %u bytes instead of %u", what, p->len, expected->len);
	for (uint32_t i = 0; i < p->len; i++) {
		if (p->data[i] != expected->data[i])
			fail_msg("%s: byte %u is %02x instead of %02x", what, i, p->data[i],
				 expected->data[i]);
	}
}

static inline uint16_t source_port(struct pkt *p)
{
	return (uint16_t)get16(l4_of(p) + (proto_of(p) == 1 ? 4 : 0));
}

/* --- what the tables say ---------------------------------------------------------------------- */

static inline struct esc_conn_key conn_key(uint8_t proto, struct end lan, struct end remote)
{
	struct esc_conn_key key = {
		.lan_port = htons(lan.port), .remote_port = htons(remote.port), .proto = proto};

	map_key(lan.addr, key.lan);
	map_key(remote.addr, key.remote);
	return key;
}

/* False: not there. */
static inline bool lookup(struct bpf_map *map, struct esc_conn_key key, struct esc_conn *c)
{
	return !bpf_map_lookup_elem(bpf_map__fd(map), &key, c);
}

/* Seconds that an entry of either table has left. */
static inline uint64_t seconds_left(struct esc_conn_key key)
{
	struct esc_conn c;

	assert_true(lookup(skel->maps.conn, key, &c) || lookup(skel->maps.conn_new, key, &c));
	return (c.expires - skel->data->clock_ns) / 1000000000;
}

static inline void pass_seconds(uint32_t seconds)
{
	skel->data->clock_ns += seconds * 1000000000ull;
}

#endif
