/* SPDX-License-Identifier: BSD-2-Clause */
/* Setting up AF_XDP sockets: kernel documentation, networking/af_xdp.rst. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "xsk/xsk.h"

/* A queue that its last owner's end has not freed yet: two seconds of patience. */
#define BUSY_TRIES   400
#define BUSY_WAIT_NS 5000000

/* One of the four rings: its size, where the kernel has it, and libxdp's view of it. */
struct ring_spec {
	int option;
	off_t pgoff;
	size_t desc_size;
	const char *what;
};

static const struct ring_spec specs[4] = {
	{XDP_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc), "RX ring"},
	{XDP_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc), "TX ring"},
	{XDP_UMEM_FILL_RING, (off_t)XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t), "fill ring"},
	{XDP_UMEM_COMPLETION_RING, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t),
	 "completion ring"},
};

static int register_umem(int fd, const struct esc_frames *f)
{
	struct xdp_umem_reg reg = {
		.addr = (uintptr_t)f->base,
		.len = (uint64_t)f->total * f->frame_size,
		.chunk_size = f->frame_size,
	};

	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? -errno : 0;
}

static void attach_prod(struct xsk_ring_prod *r, void *map, const struct xdp_ring_offset *off)
{
	r->mask = ESC_XSK_RING - 1;
	r->size = ESC_XSK_RING;
	r->producer = (__u32 *)((char *)map + off->producer);
	r->consumer = (__u32 *)((char *)map + off->consumer);
	r->flags = (__u32 *)((char *)map + off->flags);
	r->ring = (char *)map + off->desc;
	r->cached_prod = *r->producer;
	r->cached_cons = *r->consumer + ESC_XSK_RING; /* libxdp keeps it one ring ahead */
}

static void attach_cons(struct xsk_ring_cons *r, void *map, const struct xdp_ring_offset *off)
{
	r->mask = ESC_XSK_RING - 1;
	r->size = ESC_XSK_RING;
	r->producer = (__u32 *)((char *)map + off->producer);
	r->consumer = (__u32 *)((char *)map + off->consumer);
	r->flags = (__u32 *)((char *)map + off->flags);
	r->ring = (char *)map + off->desc;
	r->cached_prod = *r->producer;
	r->cached_cons = *r->consumer;
}

static int map_rings(struct esc_xsk *x, const char **what)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);

	*what = "reading the ring offsets";
	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		return -errno;
	if (len != sizeof(off))
		return -EPROTO;
	const struct xdp_ring_offset *offs[4] = {&off.rx, &off.tx, &off.fr, &off.cr};
	for (int i = 0; i < 4; i++) {
		*what = specs[i].what;
		x->map_len[i] = offs[i]->desc + ESC_XSK_RING * specs[i].desc_size;
		x->map[i] = mmap(NULL, x->map_len[i], PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_POPULATE, x->fd, specs[i].pgoff);
		if (x->map[i] == MAP_FAILED) {
			x->map[i] = NULL;
			return -errno;
		}
	}
	attach_cons(&x->rx, x->map[0], &off.rx);
	attach_prod(&x->tx, x->map[1], &off.tx);
	attach_prod(&x->fill, x->map[2], &off.fr);
	attach_cons(&x->comp, x->map[3], &off.cr);
	return 0;
}

static int try_bind(int fd, const struct esc_xsk_opts *o, uint16_t flags)
{
	struct sockaddr_xdp sa = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = flags,
		.sxdp_ifindex = o->ifindex,
		.sxdp_queue_id = o->queue,
		.sxdp_shared_umem_fd = o->umem_fd >= 0 ? (uint32_t)o->umem_fd : 0,
	};

	return bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
}

/* Some drivers refuse a bind that names neither mode, so each is asked for by name. */
static int bind_queue(int fd, const struct esc_xsk_opts *o)
{
	if (o->umem_fd >= 0) /* the mode is the first socket's */
		return try_bind(fd, o, XDP_SHARED_UMEM);
	int err = o->copy ? -EOPNOTSUPP : try_bind(fd, o, XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP);
	if (err)
		err = try_bind(fd, o, XDP_COPY | XDP_USE_NEED_WAKEUP);
	return err;
}

/* The kernel lets go of a queue some time after the process ended that had it. */
static int bind_freed_queue(int fd, const struct esc_xsk_opts *o)
{
	int err = bind_queue(fd, o);

	for (int tries = 0; err == -EBUSY && tries < BUSY_TRIES; tries++) {
		nanosleep(&(struct timespec){.tv_nsec = BUSY_WAIT_NS}, NULL);
		err = bind_queue(fd, o);
	}
	return err;
}

int esc_xsk_open(struct esc_xsk *x, int fd, struct esc_frames *frames,
		 const struct esc_xsk_opts *opts, bool *zero_copy, const char **what)
{
	static const int slots = ESC_XSK_RING;
	struct xdp_options got = {0};
	socklen_t len = sizeof(got);
	int err;

	*x = (struct esc_xsk){.fd = fd, .frames = frames};
	*what = "registering the packet memory";
	err = opts->umem_fd < 0 ? register_umem(fd, frames) : 0;
	if (err)
		return err;
	for (int i = 0; i < 4; i++) {
		*what = specs[i].what;
		if (setsockopt(fd, SOL_XDP, specs[i].option, &slots, sizeof(slots)))
			return -errno;
	}
	err = map_rings(x, what);
	if (!err) {
		*what = "binding to the NIC queue";
		err = bind_freed_queue(fd, opts);
	}
	if (!err && getsockopt(fd, SOL_XDP, XDP_OPTIONS, &got, &len))
		err = -errno;
	if (err) {
		esc_xsk_close(x);
		return err;
	}
	*zero_copy = got.flags & XDP_OPTIONS_ZEROCOPY;
	esc_xsk_refill(x);
	return 0;
}

void esc_xsk_close(struct esc_xsk *x)
{
	for (int i = 0; i < 4; i++) {
		if (x->map[i])
			munmap(x->map[i], x->map_len[i]);
		x->map[i] = NULL;
	}
}
