// SPDX-License-Identifier: BSD-2-Clause
/*
 * xdp_cost.c: what each verdict of the black XDP program costs, and how many packets of it one CPU
 * can take: BPF_PROG_TEST_RUN, one frame over and over, so program and maps in cache and no driver.
 * Rounds go over all rows in turn; the best round of a row counts. -j prints JSON. Root.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/socket.h>

#include "../tests/bpf/guard_node.h"
#include "base/json.h"
#include "black.skel.h"

#define ROUNDS 9
#define REPEAT 50000
#define PORT   51820
#define NODE4  "192.0.2.1"
#define HOST4  "192.0.2.2"
#define NODE6  "2001:db8::1"
#define HOST6  "2001:db8::2"

static struct guard_node node;
static struct black_bpf *skel;

/* --- frames; what the node knows when they come ----------------------------------------------- */

static void message(struct pkt *p, uint8_t type, uint32_t len)
{
	pkt_wg(p, HOST4, NODE4, PORT, type, len);
	pkt_wanted(&node, p);
}

static void data(struct pkt *p)
{
	message(p, WG_DATA, 1452);
}

static void data6(struct pkt *p)
{
	pkt_wg(p, HOST6, NODE6, PORT, WG_DATA, 1432);
	pkt_wanted(&node, p);
}

static void unknown_index(struct pkt *p)
{
	data(p);
	pkt_index(p, SESSION + 1);
}

static void initiation(struct pkt *p)
{
	message(p, WG_INITIATION, WG_INITIATION_LEN);
}

static void response(struct pkt *p)
{
	message(p, WG_RESPONSE, WG_RESPONSE_LEN);
}

static void wrong_mac1(struct pkt *p)
{
	initiation(p);
	pkt_message(p)[mac1_at(WG_INITIATION)] ^= 1;
}

static void response_wrong_mac1(struct pkt *p)
{
	response(p);
	pkt_message(p)[mac1_at(WG_RESPONSE)] ^= 1;
}

static void no_time(struct pkt *p)
{
	struct esc_limits l = limits_open();

	l.mac_rate = 1000; /* one in 10000 frames, and no debt that the next row feels */
	guard_limits(&node, &l);
	wrong_mac1(p);
}

static void replayed(struct pkt *p)
{
	struct esc_limits l = limits_open();

	l.replay_ms = 0;
	guard_limits(&node, &l);
	initiation(p);
}

/* Hardly more than the bursts. */
static void limit(uint32_t source_burst, uint32_t total_burst, uint32_t cookie_burst)
{
	struct esc_limits l = limits_open();

	l.source_burst = source_burst;
	l.total_burst = total_burst;
	l.cookie_burst = cookie_burst;
	l.source_rate = l.total_rate = l.cookie_rate = 1;
	guard_limits(&node, &l);
}

static void load_begins(void)
{
	for (uint32_t i = 1; i <= 2; i++)
		wg_midstate(&node.guard->cookie[i], node.secret[i], WG_KEY_LEN);
	node.guard->cookie_number = 2;
	node.guard->under_load = 1;
}

static void mac2_newest(struct pkt *p)
{
	load_begins();
	initiation(p);
	pkt_mac2(&node, p, node.secret[2]);
}

static void no_mac2(struct pkt *p)
{
	load_begins();
	limit(0, 0, 0);
	initiation(p);
}

static void wrong_mac2(struct pkt *p)
{
	mac2_newest(p);
	limit(0, 0, 0);
	pkt_message(p)[mac1_at(WG_INITIATION) + WG_MAC_LEN] ^= 1;
}

static void one_source(struct pkt *p)
{
	limit(1, 1000000000, 0);
	initiation(p);
}

static void many_sources(struct pkt *p)
{
	limit(1000000000, 0, 0);
	initiation(p);
}

static void arp(struct pkt *p)
{
	pkt_arp(p, 1, HOST4, NODE4);
}

static void arp_for_another(struct pkt *p)
{
	pkt_arp(p, 1, HOST4, HOST4);
}

static void arp_flood(struct pkt *p)
{
	struct esc_limits l = limits_open();

	l.neighbour_rate = 1;
	l.neighbour_burst = 1;
	guard_limits(&node, &l);
	arp(p);
}

static void nd(struct pkt *p)
{
	pkt_nd(p, 135, HOST6, NODE6, NODE6);
}

static void redirect(struct pkt *p)
{
	pkt_nd(p, 137, HOST6, NODE6, HOST6);
}

static void vlan(struct pkt *p)
{
	data(p);
	put16(p->data + AT_TYPE, 0x8100);
}

static void other_mac(struct pkt *p)
{
	data(p);
	memcpy(p->data, MAC_OTHER, 6);
}

static void cut(struct pkt *p)
{
	data(p);
	p->len = AT_L4_4 - 1;
}

/* A good data packet with one byte of its IPv4 header changed. */
static void byte(struct pkt *p, uint32_t at, uint8_t v)
{
	data(p);
	p->data[at] = v;
	pkt_ip4_fix(p);
}

static void bad_checksum(struct pkt *p)
{
	data(p);
	p->data[AT_IP4_SUM] ^= 1;
}

static void options(struct pkt *p)
{
	byte(p, AT_IP4, 0x46);
}

static void fragment(struct pkt *p)
{
	byte(p, AT_IP4_FRAG, 0x20);
}

static void too_long(struct pkt *p)
{
	byte(p, AT_IP4_LEN, 0xff);
}

static void other_address(struct pkt *p)
{
	byte(p, AT_IP4_DST + 3, 9);
}

static void loopback(struct pkt *p)
{
	byte(p, AT_IP4_SRC, 127);
}

static void tcp(struct pkt *p)
{
	byte(p, AT_IP4_PROTO, 6);
}

static void other_port(struct pkt *p)
{
	data(p);
	put16(p->data + AT_L4_4 + 2, 53);
}

static void udp_length(struct pkt *p)
{
	data(p);
	put16(p->data + AT_L4_4 + 4, 9);
}

static void other_type(struct pkt *p)
{
	data(p);
	*pkt_message(p) = 5;
}

static void other_length(struct pkt *p)
{
	data(p);
	*pkt_message(p) = WG_INITIATION;
}

#define NAME(id, kind, text) #id,
static const char *const reasons[] = {ESC_BLACK_REASONS(NAME)};

static struct row {
	const char *what;
	enum esc_black_reason reason;
	void (*build)(struct pkt *p);
	uint32_t ns;
} rows[] = {
	{"data, IPv4", ESC_BLACK_to_crypto, data, 0},
	{"data, IPv6", ESC_BLACK_to_crypto, data6, 0},
	{"response", ESC_BLACK_to_crypto, response, 0},
	{"initiation", ESC_BLACK_to_crypto, initiation, 0},
	{"initiation with mac2, under load", ESC_BLACK_to_crypto, mac2_newest, 0},
	{"ARP", ESC_BLACK_arp, arp, 0},
	{"ND", ESC_BLACK_nd, nd, 0},
	{"cut in its IP header", ESC_BLACK_short_frame, cut, 0},
	{"VLAN", ESC_BLACK_ethertype, vlan, 0},
	{"another MAC address", ESC_BLACK_not_for_us_l2, other_mac, 0},
	{"ARP for another", ESC_BLACK_arp_bad, arp_for_another, 0},
	{"ND redirect", ESC_BLACK_nd_bad, redirect, 0},
	{"IPv4 checksum", ESC_BLACK_ip_header, bad_checksum, 0},
	{"IPv4 options", ESC_BLACK_ip_options, options, 0},
	{"fragment", ESC_BLACK_fragment, fragment, 0},
	{"IP length", ESC_BLACK_ip_length, too_long, 0},
	{"another IP address", ESC_BLACK_not_own_addr, other_address, 0},
	{"TCP", ESC_BLACK_not_udp, tcp, 0},
	{"another port", ESC_BLACK_udp_port, other_port, 0},
	{"UDP length", ESC_BLACK_udp_length, udp_length, 0},
	{"message type", ESC_BLACK_wg_type, other_type, 0},
	{"message length", ESC_BLACK_wg_length, other_length, 0},
	{"impossible source", ESC_BLACK_source, loopback, 0},
	{"unknown receiver index", ESC_BLACK_no_session, unknown_index, 0},
	{"initiation, no time for mac1", ESC_BLACK_mac_rate, no_time, 0},
	{"initiation, wrong mac1", ESC_BLACK_mac1, wrong_mac1, 0},
	{"response, wrong mac1", ESC_BLACK_mac1, response_wrong_mac1, 0},
	{"initiation, replayed", ESC_BLACK_replay, replayed, 0},
	{"no mac2, under load", ESC_BLACK_mac2, no_mac2, 0},
	{"wrong mac2, under load", ESC_BLACK_mac2, wrong_mac2, 0},
	{"one source, right mac1", ESC_BLACK_source_rate, one_source, 0},
	{"many sources, right mac1", ESC_BLACK_total_rate, many_sources, 0},
	{"ARP flood", ESC_BLACK_neighbour_rate, arp_flood, 0},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- the node --------------------------------------------------------------------------------- */

static void own_address(const char *text)
{
	struct esc_addr_key key;
	uint8_t one = 1;

	map_key(text, key.addr);
	must(!bpf_map_update_elem(bpf_map__fd(skel->maps.black_addr), &key, &one, BPF_ANY),
	     "cannot write black_addr");
}

static void start_node(void)
{
	struct esc_nic_cfg cfg = {
		.abi_version = ESC_ABI_VERSION, .on = 1, .listen_port = htons(PORT)};
	uint32_t zero = 0;
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	memcpy(cfg.mac, MAC_NODE, sizeof(cfg.mac));
	skel = black_bpf__open_and_load();
	must(skel, "cannot load the black program (as root?)");
	must(fd >= 0 &&
		     !bpf_map_update_elem(bpf_map__fd(skel->maps.black_xsks), &zero, &fd, BPF_ANY),
	     "cannot open an AF_XDP socket");
	must(!bpf_map_update_elem(bpf_map__fd(skel->maps.black_cfg), &zero, &cfg, BPF_ANY),
	     "cannot write black_cfg");
	own_address(NODE4);
	own_address(NODE6);
	guard_start(&node, bpf_map__fd(skel->maps.black_guard),
		    bpf_map__fd(skel->maps.black_limits), bpf_map__fd(skel->maps.black_buckets));
}

static uint64_t counted(uint32_t reason)
{
	static struct esc_count cpu[1024];
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0;

	must(cpus > 0 && cpus <= 1024 &&
		     !bpf_map_lookup_elem(bpf_map__fd(skel->maps.black_stats), &reason, cpu),
	     "cannot read black_stats");
	for (int i = 0; i < cpus; i++)
		sum += cpu[i].packets;
	return sum;
}

/* ns per packet; almost all of them must have ended as the row says. */
static uint32_t measure(const struct row *r)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = REPEAT);
	uint64_t before = counted(r->reason);
	struct pkt p;

	guard_reset(&node);
	r->build(&p);
	opts.data_in = p.data;
	opts.data_size_in = p.len;
	must(!bpf_prog_test_run_opts(bpf_program__fd(skel->progs.black), &opts),
	     "BPF_PROG_TEST_RUN");
	if (counted(r->reason) - before < REPEAT / 100 * 99) {
		fprintf(stderr, "bench/xdp_cost: %s does not end in %s\n", r->what,
			reasons[r->reason]);
		exit(1);
	}
	return opts.duration;
}

static void print(struct esc_json *j, const struct row *r, uint32_t least)
{
	double ratio = (double)r->ns / least, mpps = 1e3 / r->ns;

	if (!j) {
		printf("%-14s %-34s %6u %8.1f %8.2f\n", reasons[r->reason], r->what, r->ns, ratio,
		       mpps);
		return;
	}
	esc_json_object(j, NULL);
	esc_json_str(j, "reason", reasons[r->reason]);
	esc_json_str(j, "packet", r->what);
	esc_json_u64(j, "ns", r->ns);
	esc_json_u64(j, "percent_of_cheapest", (uint64_t)(ratio * 100 + 0.5));
	esc_json_u64(j, "packets_per_second", (uint64_t)(mpps * 1e6));
	esc_json_end(j);
}

int main(int argc, char **argv)
{
	const bool json = argc == 2 && !strcmp(argv[1], "-j");
	uint32_t least = UINT32_MAX;
	struct esc_json j;

	if (argc > 1 && !json) {
		fprintf(stderr, "usage: xdp_cost [-j]   ns per packet for each verdict\n");
		return 2;
	}
	start_node();
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ROWS; i++) {
			uint32_t ns = measure(&rows[i]);

			if (!round || ns < rows[i].ns)
				rows[i].ns = ns;
		}
	}
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].ns < least)
			least = rows[i].ns;
	if (json) {
		esc_json_init(&j, stdout);
		esc_json_array(&j, NULL);
	} else {
		printf("%-14s %-34s %6s %8s %8s\n", "reason", "packet", "ns", "ratio", "Mpps");
	}
	for (size_t i = 0; i < ROWS; i++)
		print(json ? &j : NULL, &rows[i], least);
	if (!json)
		return 0;
	esc_json_end(&j);
	return esc_json_finish(&j) ? 0 : 1;
}
