/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load forward: one process, two AF_XDP sockets, one memcpy per packet: the floor that the
 * kernel's path sets for any encryptor of this design.
 */
#include "load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "load.skel.h"
#include "xsk/xsk.h"

#define FRAMES	   4096u
#define FRAME_SIZE 2048u
#define BATCH	   64u

struct side {
	struct esc_frames frames;
	struct esc_xsk xsk;
};

static int open_side(struct side *s, const char *device)
{
	struct esc_xsk_opts opts = {.ifindex = if_nametoindex(device), .umem_fd = -1};
	const char *what = "packet memory";
	bool zero_copy;
	void *mem = mmap(NULL, (size_t)FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err = -1;

	if (mem != MAP_FAILED && fd >= 0 && !esc_frames_init(&s->frames, mem, FRAMES, FRAME_SIZE))
		err = esc_xsk_open(&s->xsk, fd, &s->frames, &opts, &zero_copy, &what);
	if (err)
		fprintf(stderr, "load forward: %s: %s: %s\n", device, what, strerror(-err));
	return err;
}

static uint32_t forward(struct side *in, struct side *out)
{
	struct xdp_desc desc[BATCH];
	uint32_t n = esc_xsk_recv(&in->xsk, desc, BATCH);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t frame;

		if (esc_frame_alloc(&out->frames, ESC_PLACE_busy, &frame)) {
			uint64_t addr = esc_frame_addr(&out->frames, frame);

			memcpy(out->frames.base + addr, in->frames.base + desc[i].addr,
			       desc[i].len);
			if (!esc_xsk_send(&out->xsk, addr, desc[i].len))
				esc_frame_free(&out->frames, frame, ESC_PLACE_busy);
		}
		esc_frame_free(&in->frames, esc_frame_of(&in->frames, desc[i].addr),
			       ESC_PLACE_busy);
	}
	esc_xsk_kick(&out->xsk);
	esc_xsk_refill(&in->xsk);
	return n;
}

/* forward IN-DEV OUT-DEV SECONDS */
int load_forward(int argc, char **argv)
{
	struct load_bpf *bpf = load_bpf__open_and_load();
	static struct side in, out;
	uint32_t zero = 0;

	if (argc < 4 || !bpf) {
		fprintf(stderr, "usage: load forward IN-DEV OUT-DEV SECONDS\n");
		return 2;
	}
	if (open_side(&in, argv[1]) || open_side(&out, argv[2]))
		return 1;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	if (bpf_map_update_elem(bpf_map__fd(bpf->maps.sockets), &zero, &in.xsk.fd, 0) ||
	    bpf_link_create(bpf_program__fd(bpf->progs.grab), (int)if_nametoindex(argv[1]), BPF_XDP,
			    &opts) < 0) {
		perror("load forward: XDP");
		return 1;
	}
	double end = load_seconds() + strtod(argv[3], NULL);
	struct pollfd fd = {.fd = in.xsk.fd, .events = POLLIN};
	while (load_seconds() < end) {
		if (!forward(&in, &out))
			poll(&fd, 1, 10);
	}
	return 0;
}
