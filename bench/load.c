/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load: packet generator, packet counter and WireGuard peer for measurements in labs. Root, inside
 * network namespaces only. Results are lines of JSON on standard output.
 */
#include "load.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "load.skel.h"

#define DISCARD_PORT 9
#define FLOOD_ROUND  200000 /* frames per call: setting one up costs about 25 ms */

double load_seconds(void)
{
	return (double)esc_now() / 1e9;
}

void load_key(uint32_t seed, uint32_t i, uint8_t private_key[32], uint8_t public_key[32])
{
	uint32_t material[2] = {seed, i};

	crypto_generichash(private_key, 32, (const void *)material, sizeof(material), NULL, 0);
	private_key[0] &= 248;
	private_key[31] = (private_key[31] & 127) | 64;
	crypto_scalarmult_base(public_key, private_key);
}

static uint16_t ip_checksum(const struct iphdr *ip)
{
	const uint8_t *p = (const uint8_t *)ip;
	uint32_t sum = 0;

	for (unsigned int i = 0; i < sizeof(*ip); i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~(sum + (sum >> 16)));
}

/* Ethernet + IPv4 + UDP to the discard port; size is the IP length. Returns the frame length. */
static uint32_t make_frame(uint8_t *frame, const char *dmac, const char *src, const char *dst,
			   uint32_t size)
{
	struct ethhdr eth = {.h_source = {2, 0, 0, 0, 0, 1}, .h_proto = htons(ETH_P_IP)};
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = 64,
			   .protocol = IPPROTO_UDP,
			   .tot_len = htons((uint16_t)size)};
	struct udphdr udp = {.source = htons(1009),
			     .dest = htons(DISCARD_PORT),
			     .len = htons((uint16_t)(size - sizeof(ip)))};
	unsigned int m[6];

	if (sscanf(dmac, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6 ||
	    inet_pton(AF_INET, src, &ip.saddr) != 1 || inet_pton(AF_INET, dst, &ip.daddr) != 1)
		return 0;
	for (int i = 0; i < 6; i++)
		eth.h_dest[i] = (uint8_t)m[i];
	ip.check = ip_checksum(&ip);
	memset(frame, 0, sizeof(eth) + size);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &udp, sizeof(udp));
	return (uint32_t)sizeof(eth) + size;
}

/* flood DEV DST-MAC SRC-IP DST-IP IP-LENGTH SECONDS [SPREAD [PORTS [fresh]]]: see load.bpf.c */
int load_flood(int argc, char **argv)
{
	static uint8_t frame[4096];
	struct load_bpf *bpf = load_bpf__open();

	if (argc < 7 || !bpf) {
		fprintf(stderr, "usage: load flood DEV DMAC SRC DST LENGTH SECONDS [SPREAD "
				"[PORTS [fresh]]]\n");
		return 2;
	}
	uint32_t size = (uint32_t)strtoul(argv[5], NULL, 10);
	if (size < 28 || size > 1500)
		return 2;
	uint32_t len = make_frame(frame, argv[2], argv[3], argv[4], size);
	bpf->rodata->out_ifindex = if_nametoindex(argv[1]);
	bpf->rodata->spread = argc > 7 ? (uint32_t)strtoul(argv[7], NULL, 10) : 1;
	bpf->rodata->ports = argc > 8 ? (uint32_t)strtoul(argv[8], NULL, 10) : 0;
	bpf->rodata->fresh = argc > 9;
	memcpy((void *)bpf->rodata->head, frame, sizeof(bpf->rodata->head));
	if (!len || !bpf->rodata->out_ifindex || load_bpf__load(bpf)) {
		fprintf(stderr, "load flood: bad arguments or BPF not loadable\n");
		return 1;
	}
	double begin = load_seconds(), end = begin + strtod(argv[6], NULL);
	uint64_t sent = 0;
	while (load_seconds() < end) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
			    .repeat = FLOOD_ROUND, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
		int err = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.flood), &opts);
		if (err) {
			fprintf(stderr, "load flood: BPF_PROG_TEST_RUN: %s\n", strerror(-err));
			return 1;
		}
		sent += FLOOD_ROUND;
	}
	printf("{\"sent\":%llu,\"seconds\":%.3f}\n", (unsigned long long)sent,
	       load_seconds() - begin);
	load_bpf__destroy(bpf);
	return 0;
}

static uint64_t counted(const struct load_bpf *bpf)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *v = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*v)), sum = 0;
	uint32_t zero = 0;

	if (v && !bpf_map_lookup_elem(bpf_map__fd(bpf->maps.counted), &zero, v)) {
		for (int i = 0; i < cpus; i++)
			sum += v[i];
	}
	free(v);
	return sum;
}

/* sink DEV WARM-UP-SECONDS SECONDS: count what arrives after the warm-up */
int load_sink(int argc, char **argv)
{
	struct load_bpf *bpf = load_bpf__open_and_load();

	if (argc < 4 || !bpf) {
		fprintf(stderr, "usage: load sink DEV WARM-UP SECONDS\n");
		return 2;
	}
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int link = bpf_link_create(bpf_program__fd(bpf->progs.sink), (int)if_nametoindex(argv[1]),
				   BPF_XDP, &opts);
	if (link < 0) {
		fprintf(stderr, "load sink: XDP on %s: %s\n", argv[1], strerror(-link));
		return 1;
	}
	usleep((useconds_t)(strtod(argv[2], NULL) * 1e6));
	double begin = load_seconds();
	uint64_t before = counted(bpf);
	usleep((useconds_t)(strtod(argv[3], NULL) * 1e6));
	double seconds = load_seconds() - begin;
	uint64_t packets = counted(bpf) - before;
	printf("{\"packets\":%llu,\"seconds\":%.3f,\"pps\":%.0f}\n", (unsigned long long)packets,
	       seconds, (double)packets / seconds);
	close(link);
	load_bpf__destroy(bpf);
	return 0;
}

static int print_key(int argc, char **argv)
{
	uint8_t priv[32], pub[32];
	char text[64];

	if (argc < 4)
		return 2;
	load_key((uint32_t)strtoul(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10), priv,
		 pub);
	sodium_bin2base64(text, sizeof(text), !strcmp(argv[3], "public") ? pub : priv, 32,
			  sodium_base64_VARIANT_ORIGINAL);
	puts(text);
	return 0;
}

int main(int argc, char **argv)
{
	if (sodium_init() < 0)
		return 1;
	if (argc > 1 && !strcmp(argv[1], "flood"))
		return load_flood(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "sink"))
		return load_sink(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "peer"))
		return load_peer(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "forward"))
		return load_forward(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "key"))
		return print_key(argc - 1, argv + 1);
	fprintf(stderr, "usage: load flood|sink|peer|forward|key ...\n");
	return 2;
}
