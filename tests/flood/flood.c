/* SPDX-License-Identifier: BSD-2-Clause */
/* flood: sends hostile packets out of a device; prints what it sent as a line of JSON. */
#include "flood.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/encode.h"
#include "flood.skel.h"

/* Frames per call: setting one up costs about 25 ms, and most turns of a slow flood send nothing.
 */
#define ROUND	    (1u << 20)
#define ROUND_PACED (1u << 22)

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: flood KIND DEVICE MAC ADDRESS:PORT [OPTION...]\n"
		"  --from ADDRESS:PORT  one source; without it invented ones, or the capture's\n"
		"  --spread             invented sources for what was captured\n"
		"  --key KEY            the target's public key\n"
		"  --capture FILE       pcap of the target's traffic\n"
		"  --private FILE       a peer's private key\n"
		"  --size BYTES         of a data message (128)\n"
		"  --rate N             frames per second; without it as fast as it goes\n"
		"  --seconds N          how long (1)\n"
		"  --count N            how many frames at most\n"
		"kinds:\n");
	for (const struct flood_kind *k = flood_kinds; k->name; k++)
		fprintf(stderr, "  %-12s %s\n", k->name, k->text);
	return 2;
}

static bool device_mac(struct flood *f)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", f->device);
	ok = fd >= 0 && !ioctl(fd, SIOCGIFHWADDR, &req);
	if (ok)
		memcpy(f->own_mac, req.ifr_hwaddr.sa_data, 6);
	else
		fprintf(stderr, "flood: device %s: %s\n", f->device, strerror(errno));
	if (fd >= 0)
		close(fd);
	f->plan.ifindex = if_nametoindex(f->device);
	return ok;
}

static bool options(struct flood *f, int argc, char **argv)
{
	static const struct option names[] = {
		{"from", 1, NULL, 'f'},	   {"spread", 0, NULL, 'x'},  {"key", 1, NULL, 'k'},
		{"capture", 1, NULL, 'c'}, {"private", 1, NULL, 'p'}, {"size", 1, NULL, 's'},
		{"rate", 1, NULL, 'r'},	   {"seconds", 1, NULL, 't'}, {"count", 1, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (!esc_endpoint_parse(optarg, f->from.addr, &f->from.port))
				return false;
			break;
		case 'x':
			f->plan.spread = 1;
			break;
		case 'k':
			if (!esc_key_from_base64(f->key, optarg))
				return false;
			f->have_key = true;
			break;
		case 'c':
			f->capture = optarg;
			break;
		case 'p':
			f->private_key = optarg;
			break;
		case 's':
			f->size = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			f->rate = strtod(optarg, NULL);
			break;
		case 't':
			f->seconds = strtod(optarg, NULL);
			break;
		case 'n':
			f->count = strtoull(optarg, NULL, 10);
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool arguments(struct flood *f, int argc, char **argv)
{
	unsigned int m[6];
	int n;

	if (!options(f, argc, argv) || argc - optind != 4)
		return false;
	argv += optind;
	for (f->kind = flood_kinds; f->kind->name && strcmp(f->kind->name, argv[0]);)
		f->kind++;
	f->device = argv[1];
	if (sscanf(argv[2], "%x:%x:%x:%x:%x:%x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &n) !=
		    6 ||
	    argv[2][n] || !esc_endpoint_parse(argv[3], f->to.addr, &f->to.port) || !f->kind->name)
		return false;
	for (int i = 0; i < 6; i++)
		f->mac[i] = (uint8_t)m[i];
	if (f->from.port && esc_addr_is_v4(f->from.addr) != esc_addr_is_v4(f->to.addr))
		return false;
	if (!(f->kind->needs & (FLOOD_NEEDS_CAPTURE | FLOOD_RAW)) && !f->from.port)
		f->plan.spread = 1;
	return (f->have_key || !(f->kind->needs & FLOOD_NEEDS_KEY)) &&
	       (f->capture || !(f->kind->needs & FLOOD_NEEDS_CAPTURE)) &&
	       (f->private_key || !(f->kind->needs & FLOOD_NEEDS_PRIVATE)) &&
	       (f->from.port || !(f->kind->needs & FLOOD_NEEDS_FROM)) && f->seconds > 0 &&
	       f->rate >= 0;
}

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static int send_all(struct flood *f, const struct flood_bpf *bpf)
{
	while (!stopped && monotonic() < f->plan.end && bpf->bss->state.sent < f->plan.count) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->frame, .data_size_in = f->len,
			    .repeat = f->plan.interval ? ROUND_PACED : ROUND,
			    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
		int err = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.flood), &opts);

		if (err && err != -EINTR) {
			fprintf(stderr, "flood: BPF_PROG_TEST_RUN: %s\n", strerror(-err));
			return 1;
		}
	}
	return 0;
}

static int run(struct flood *f)
{
	const struct sigaction act = {.sa_handler = stop};
	struct flood_bpf *bpf = flood_bpf__open();
	uint64_t begin, end;
	double seconds;
	int err;

	if (!bpf)
		return 1;
	begin = monotonic();
	f->plan.end = begin + (uint64_t)(f->seconds * 1e9);
	f->plan.interval = f->rate > 0 ? (uint64_t)(1e9 / f->rate) : 0;
	f->plan.count = f->count ? f->count : UINT64_MAX;
	memcpy((void *)&bpf->rodata->plan, &f->plan, sizeof(f->plan));
	err = flood_bpf__load(bpf);
	for (uint32_t i = 0; i < f->plan.frames && !err; i++)
		err = bpf_map_update_elem(bpf_map__fd(bpf->maps.frames), &i, &f->table[i], 0);
	if (err) {
		fprintf(stderr, "flood: loading its program: %s\n", strerror(-err));
		return 1;
	}
	sigaction(SIGTERM, &act, NULL);
	fputs("sending\n", stderr); /* labs wait for it, and may end it from now on */
	err = send_all(f, bpf);
	end = monotonic(); /* the last call ends later, but sends nothing after the plan's end */
	seconds = (double)((end < f->plan.end ? end : f->plan.end) - begin) / 1e9;
	printf("{\"kind\":\"%s\",\"sent\":%" PRIu64 ",\"seconds\":%.3f,\"pps\":%.0f}\n",
	       f->kind->name, (uint64_t)bpf->bss->state.sent, seconds,
	       (double)bpf->bss->state.sent / seconds);
	flood_bpf__destroy(bpf);
	return err;
}

int main(int argc, char **argv)
{
	static struct flood_frame table[FLOOD_FRAMES_MAX];
	static struct flood f = {.size = 128, .seconds = 1, .table = table};

	if (sodium_init() < 0)
		return 1;
	if (!arguments(&f, argc, argv))
		return usage();
	if (!device_mac(&f))
		return 1;
	if (f.kind->build(&f) < 0 || !f.plan.frames) {
		fprintf(stderr, "flood: no frames of kind %s to send\n", f.kind->name);
		return 1;
	}
	return run(&f);
}
