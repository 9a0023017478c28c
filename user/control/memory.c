/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "desc.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Copies of packets on their way out count against it; the default holds a small burst. */
#define SEND_BUFFER (16 << 20)

static int sealed_memfd(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int map_status(struct esc_memory *m, enum esc_side side, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, m->status[side], 0);

	if (p == MAP_FAILED)
		return -errno;
	m->status_map[side] = p;
	return 0;
}

static int fill_link(int fd, uint32_t lanes)
{
	struct esc_link *link =
		mmap(NULL, sizeof(*link), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (link == MAP_FAILED)
		return -errno;
	link->abi_version = ESC_ABI_VERSION;
	link->lanes = lanes;
	munmap(link, sizeof(*link));
	return 0;
}

static int open_xsk(void)
{
	const int size = SEND_BUFFER;
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size))) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int open_bells(struct esc_memory *m)
{
	m->red_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->red_wake < 0)
		return -errno;
	m->crypto_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return m->crypto_wake < 0 ? -errno : 0;
}

static int open_memfds(struct esc_memory *m, uint32_t queues, uint32_t frame_size)
{
	const size_t umem = (size_t)queues * ESC_FRAMES_PER_QUEUE * frame_size;
	const struct {
		int *fd;
		const char *name;
		size_t size;
	} want[] = {
		{&m->red_umem, "esclusa-red-umem", umem},
		{&m->black_umem, "esclusa-black-umem", umem},
		{&m->link, "esclusa-link", sizeof(struct esc_link)},
		{&m->status[ESC_SIDE_RED], "esclusa-red-status", sizeof(struct esc_red_status)},
		{&m->status[ESC_SIDE_BLACK], "esclusa-crypto-status",
		 sizeof(struct esc_crypto_status)},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		*want[i].fd = sealed_memfd(want[i].name, want[i].size);
		if (*want[i].fd < 0)
			return *want[i].fd;
	}
	return 0;
}

static int open_all(struct esc_memory *m, uint32_t queues, uint32_t frame_size, const char **what)
{
	*what = "making the packet memories";
	int err = open_memfds(m, queues, frame_size);
	if (!err)
		err = fill_link(m->link, queues);
	if (!err)
		err = map_status(m, ESC_SIDE_RED, sizeof(*m->red));
	if (!err)
		err = map_status(m, ESC_SIDE_BLACK, sizeof(*m->crypto));
	if (err)
		return err;
	m->red = m->status_map[ESC_SIDE_RED];
	m->crypto = m->status_map[ESC_SIDE_BLACK];
	*what = "making the wake-up descriptors";
	err = open_bells(m);
	*what = "making the AF_XDP sockets";
	for (int side = 0; side < ESC_SIDES && !err; side++) {
		for (uint32_t q = 0; q < queues && !err; q++) {
			m->xsk[side][q] = open_xsk();
			if (m->xsk[side][q] < 0)
				err = m->xsk[side][q];
		}
	}
	return err;
}

void esc_memory_init(struct esc_memory *m)
{
	*m = (struct esc_memory){.red_umem = -1,
				 .black_umem = -1,
				 .link = -1,
				 .red_wake = -1,
				 .crypto_wake = -1,
				 .guard = -1,
				 .budgets = -1,
				 .status = {-1, -1}};
	for (int side = 0; side < ESC_SIDES; side++) {
		for (uint32_t q = 0; q < ESC_QUEUES_MAX; q++)
			m->xsk[side][q] = -1;
	}
}

int esc_memory_open(struct esc_memory *m, uint32_t queues, uint32_t frame_size, const char **what)
{
	esc_memory_init(m);
	int err = open_all(m, queues, frame_size, what);
	if (err)
		esc_memory_close(m);
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void esc_memory_hand_over(struct esc_memory *m)
{
	int *const fds[] = {&m->red_umem,    &m->black_umem, &m->link,	   &m->red_wake,
			    &m->crypto_wake, &m->status[0],  &m->status[1]};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close_fd(fds[i]);
	for (int side = 0; side < ESC_SIDES; side++) {
		for (uint32_t q = 0; q < ESC_QUEUES_MAX; q++)
			close_fd(&m->xsk[side][q]);
	}
}

void esc_memory_close(struct esc_memory *m)
{
	esc_memory_hand_over(m);
	if (m->status_map[ESC_SIDE_RED])
		munmap(m->status_map[ESC_SIDE_RED], sizeof(*m->red));
	if (m->status_map[ESC_SIDE_BLACK])
		munmap(m->status_map[ESC_SIDE_BLACK], sizeof(*m->crypto));
	esc_memory_init(m);
}
