/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red_rig.h: a red process's data path in one program. The AF_XDP rings lie in plain memory and
 * the caller plays the kernel, the LAN, crypto and control. Everything else is the real code.
 *
 * Descriptors 3 (control), 8 and 9 (bells) are taken over, as in the real process. Errors of the
 * rig itself end the program.
 */
#ifndef ESC_TESTS_RED_RIG_H
#define ESC_TESTS_RED_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "ipc/fds.h"
#include "red/state.h"

#define LAB_LANES_MAX 2u
#define LAB_SIZE      ESC_FRAME_SMALL

static const uint8_t lab_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t lab_host_mac[6] = {2, 0, 0, 0, 0, 5};

/* The kernel's side of one AF_XDP socket, and crypto's side of one lane. */
struct red_lab_lane {
	uint32_t cursor[4][3]; /* producer, consumer, flags of rx, tx, fill, completion */
	void *slots[4];
	struct esc_ring_end out, ret, empty, in; /* crypto's ends */
};

struct red_lab {
	struct red *r;
	struct red_lab_lane lane[LAB_LANES_MAX];
	int control; /* control's end of the socket */
};

static inline void lab_fail(const char *what)
{
	fprintf(stderr, "rig: %s\n", what);
	abort();
}

static inline void *lab_zeroed(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) & ~(size_t)63);

	if (!p)
		lab_fail("out of memory");
	return memset(p, 0, n);
}

static inline void lab_prod(struct red_lab_lane *k, struct xsk_ring_prod *ring, int i, size_t size)
{
	k->slots[i] = lab_zeroed(ESC_XSK_RING * size);
	*ring = (struct xsk_ring_prod){.mask = ESC_XSK_RING - 1,
				       .size = ESC_XSK_RING,
				       .cached_cons = ESC_XSK_RING,
				       .producer = &k->cursor[i][0],
				       .consumer = &k->cursor[i][1],
				       .flags = &k->cursor[i][2],
				       .ring = k->slots[i]};
}

static inline void lab_cons(struct red_lab_lane *k, struct xsk_ring_cons *ring, int i, size_t size)
{
	k->slots[i] = lab_zeroed(ESC_XSK_RING * size);
	*ring = (struct xsk_ring_cons){.mask = ESC_XSK_RING - 1,
				       .size = ESC_XSK_RING,
				       .producer = &k->cursor[i][0],
				       .consumer = &k->cursor[i][1],
				       .flags = &k->cursor[i][2],
				       .ring = k->slots[i]};
}

/* Rings as at the start, on both sides. */
static inline void lab_attach(struct red_lab *lab, uint32_t q)
{
	struct red_lab_lane *k = &lab->lane[q];
	struct lane *l = &lab->r->lane[q];
	struct esc_ring *ring = lab->r->link->ring[q];

	for (int i = 0; i < ESC_RINGS_PER_LANE; i++) {
		atomic_store(&ring[i].prod, 0);
		atomic_store(&ring[i].cons, 0);
	}
	esc_ring_attach(&l->plain_out, &ring[ESC_RING_PLAIN_OUT]);
	esc_ring_attach(&l->plain_out_ret, &ring[ESC_RING_PLAIN_OUT_RET]);
	esc_ring_attach(&l->plain_in_free, &ring[ESC_RING_PLAIN_IN_FREE]);
	esc_ring_attach(&l->plain_in, &ring[ESC_RING_PLAIN_IN]);
	esc_ring_attach(&k->out, &ring[ESC_RING_PLAIN_OUT]);
	esc_ring_attach(&k->ret, &ring[ESC_RING_PLAIN_OUT_RET]);
	esc_ring_attach(&k->empty, &ring[ESC_RING_PLAIN_IN_FREE]);
	esc_ring_attach(&k->in, &ring[ESC_RING_PLAIN_IN]);
}

static inline void lab_open_lane(struct red_lab *lab, uint32_t q)
{
	struct red_lab_lane *k = &lab->lane[q];
	struct lane *l = &lab->r->lane[q];

	l->index = q;
	l->xsk = (struct esc_xsk){.fd = -1, .frames = &lab->r->frames};
	lab_cons(k, &l->xsk.rx, 0, sizeof(struct xdp_desc));
	lab_prod(k, &l->xsk.tx, 1, sizeof(struct xdp_desc));
	lab_prod(k, &l->xsk.fill, 2, sizeof(uint64_t));
	lab_cons(k, &l->xsk.comp, 3, sizeof(uint64_t));
	lab_attach(lab, q);
	esc_xsk_refill(&l->xsk);
}

/* Give a descriptor the number that the process knows it by. */
static inline void lab_place(int fd, int number)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	close(fd);
	if (fd < 0 || high < 0 || dup2(high, number) < 0)
		lab_fail("no descriptors");
	close(high);
}

static inline void lab_descriptors(struct red_lab *lab)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair))
		lab_fail("no descriptors");
	lab->control = fcntl(pair[1], F_DUPFD_CLOEXEC, 20);
	close(pair[1]);
	lab_place(pair[0], ESC_FD_CONTROL);
	lab_place(eventfd(0, EFD_NONBLOCK), ESC_FD_RED_WAKE);
	lab_place(eventfd(0, EFD_NONBLOCK), ESC_FD_CRYPTO_WAKE);
}

static inline void lab_send(struct red_lab *lab, struct esc_msg *m)
{
	if (esc_msg_send(lab->control, m) || red_control_round(lab->r))
		lab_fail("message to red");
}

/* What sites may begin. */
static inline void lab_policy(struct red_lab *lab, const struct esc_rule *rule, uint32_t rules,
			      enum esc_verdict otherwise)
{
	uint32_t first = 0;

	do {
		struct esc_msg m = {.type = ESC_MSG_FIREWALL};
		struct esc_msg_firewall *w = &m.u.firewall;

		*w = (struct esc_msg_firewall){
			.first = first, .rules = rules, .otherwise = otherwise};
		w->count = rules - first < ESC_MSG_RULES ? rules - first : ESC_MSG_RULES;
		if (w->count)
			memcpy(w->rule, rule + first, w->count * sizeof(*rule));
		lab_send(lab, &m);
		first += w->count;
	} while (first < rules);
}

/* A node with 10.1.0.1, fd00:1::1 and fe80::1 on its LAN; it is time 1000 s. */
static inline void lab_open(struct red_lab *lab, uint32_t lanes, uint32_t mtu, uint32_t inner_mtu)
{
	static const char *const own[] = {"10.1.0.1", "fd00:1::1", "fe80::1"};
	struct red *r = lab_zeroed(sizeof(*r));
	uint32_t frames = lanes * ESC_FRAMES_PER_QUEUE;
	uint8_t *umem = lab_zeroed((size_t)frames * LAB_SIZE);

	memset(lab, 0, sizeof(*lab));
	lab->r = r;
	r->start.queues = lanes;
	r->start.frame_size = LAB_SIZE;
	r->start.frames = frames;
	r->link = lab_zeroed(sizeof(*r->link));
	r->status = lab_zeroed(sizeof(*r->status));
	r->now = 1000000000000ull;
	r->nic.mtu = mtu;
	r->nic.inner_mtu = inner_mtu;
	memcpy(r->nic.mac, lab_mac, 6);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		esc_addr_parse(own[i], r->nic.addr[r->nic.addrs++]);
	if (sodium_init() < 0 || !(r->hops = esc_hops_new(256)) ||
	    !(r->firewall = firewall_new(256)) ||
	    esc_frames_init(&r->frames, umem, frames, LAB_SIZE))
		lab_fail("out of memory");
	lab_descriptors(lab);
	lab_policy(lab, NULL, 0, ESC_ALLOW);
	for (uint32_t q = 0; q < lanes; q++)
		lab_open_lane(lab, q);
}

static inline void lab_close(struct red_lab *lab)
{
	for (uint32_t q = 0; q < lab->r->start.queues; q++) {
		for (int i = 0; i < 4; i++)
			free(lab->lane[q].slots[i]);
	}
	close(lab->control);
	close(ESC_FD_CONTROL);
	close(ESC_FD_RED_WAKE);
	close(ESC_FD_CRYPTO_WAKE);
	free(lab->r->frames.base);
	esc_frames_fini(&lab->r->frames);
	esc_hops_free(lab->r->hops);
	firewall_free(lab->r->firewall);
	free(lab->r->link);
	free(lab->r->status);
	free(lab->r);
}

/* --- the kernel ---------------------------------------------------------------------------- */

/* A frame arrives; false: no frame in the fill ring, or it is too long. */
static inline bool lab_receive(struct red_lab *lab, uint32_t q, const uint8_t *frame, size_t len)
{
	struct red_lab_lane *k = &lab->lane[q];

	if (k->cursor[2][0] == k->cursor[2][1] || len > LAB_SIZE - ESC_XDP_HEADROOM)
		return false;
	uint64_t addr = ((uint64_t *)k->slots[2])[k->cursor[2][1]++ & (ESC_XSK_RING - 1)];
	addr += ESC_XDP_HEADROOM;
	memcpy(lab->r->frames.base + addr, frame, len);
	((struct xdp_desc *)k->slots[0])[k->cursor[0][0]++ & (ESC_XSK_RING - 1)] =
		(struct xdp_desc){.addr = addr, .len = (uint32_t)len};
	return true;
}

/* An IP packet from the LAN host. */
static inline bool lab_from_lan(struct red_lab *lab, uint32_t q, const uint8_t *ip, size_t len)
{
	uint8_t frame[ETH_LEN + LAB_SIZE];

	if (len > LAB_SIZE)
		return false;
	memcpy(frame, lab_mac, 6);
	memcpy(frame + 6, lab_host_mac, 6);
	frame[12] = len && ip[0] >> 4 == 6 ? 0x86 : 0x08;
	frame[13] = len && ip[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(frame + ETH_LEN, ip, len);
	return lab_receive(lab, q, frame, ETH_LEN + len);
}

/* The next frame that red sends, completed; its length, 0 if there is none. */
static inline size_t lab_to_lan(struct red_lab *lab, uint32_t q, uint8_t frame[LAB_SIZE])
{
	struct red_lab_lane *k = &lab->lane[q];

	if (k->cursor[1][0] == k->cursor[1][1])
		return 0;
	struct xdp_desc d =
		((struct xdp_desc *)k->slots[1])[k->cursor[1][1]++ & (ESC_XSK_RING - 1)];
	if (!esc_frames_valid(&lab->r->frames, d.addr, d.len))
		lab_fail("red sends what is not in one frame");
	memcpy(frame, lab->r->frames.base + d.addr, d.len);
	((uint64_t *)k->slots[3])[k->cursor[3][0]++ & (ESC_XSK_RING - 1)] = d.addr;
	esc_xsk_complete(&lab->r->lane[q].xsk);
	return d.len;
}

/* --- crypto -------------------------------------------------------------------------------- */

/* The next packet for crypto; 0 if there is none. */
static inline esc_desc lab_crypto_takes(struct red_lab *lab, uint32_t q)
{
	struct esc_ring_end *out = &lab->lane[q].out;

	if (!esc_ring_avail(out, 1))
		return 0;
	esc_desc d = esc_ring_peek(out, 0);
	esc_ring_consume(out, 1);
	if (!esc_frames_valid(&lab->r->frames, esc_desc_addr(d), esc_desc_len(d)))
		lab_fail("red queues what is not in one frame");
	return d;
}

static inline uint8_t *lab_bytes(struct red_lab *lab, esc_desc d)
{
	return lab->r->frames.base + esc_desc_addr(d);
}

static inline void lab_crypto_returns(struct red_lab *lab, uint32_t q, esc_desc d, uint16_t why)
{
	if (!esc_ring_push(&lab->lane[q].ret, esc_desc_make(esc_desc_addr(d), 0, why)))
		lab_fail("PLAIN_OUT_RET is full");
}

/* A packet from another site; false: red gave no empty frame. */
static inline bool lab_from_tunnel(struct red_lab *lab, uint32_t q, const uint8_t *ip, size_t len)
{
	struct red_lab_lane *k = &lab->lane[q];

	if (!esc_ring_avail(&k->empty, 1) || len > LAB_SIZE - 128)
		return false;
	uint32_t addr = esc_desc_addr(esc_ring_peek(&k->empty, 0)) + 128;
	esc_ring_consume(&k->empty, 1);
	memcpy(lab->r->frames.base + addr, ip, len);
	return esc_ring_push(&k->in, esc_desc_make(addr, (uint16_t)len, 0));
}

/* --- control --------------------------------------------------------------------------------- */

/* The next question; false: none. */
static inline bool lab_wanted(struct red_lab *lab, uint8_t dst[16])
{
	struct esc_msg m;

	if (esc_msg_recv(lab->control, &m) != 1 || m.type != ESC_MSG_WANT)
		return false;
	memcpy(dst, m.u.want.dst, 16);
	return true;
}

static inline void lab_hop_addr(struct red_lab *lab, const uint8_t dst[16], uint8_t state)
{
	struct esc_msg m = {.type = ESC_MSG_HOP};

	memcpy(m.u.hop.dst, dst, 16);
	memcpy(m.u.hop.mac, lab_host_mac, 6);
	m.u.hop.state = state;
	lab_send(lab, &m);
}

static inline void lab_hop(struct red_lab *lab, const char *dst, uint8_t state)
{
	uint8_t addr[16];

	esc_addr_parse(dst, addr);
	lab_hop_addr(lab, addr, state);
}

/* --- books ----------------------------------------------------------------------------------- */

/* Every frame is somewhere, and none is still being worked on. */
static inline bool lab_books_ok(const struct red_lab *lab)
{
	const struct esc_frames *f = &lab->r->frames;
	uint32_t place[ESC_PLACE_COUNT] = {0}, sum = 0;
	bool same = true;

	for (uint32_t i = 0; i < f->total; i++)
		place[f->place[i]]++;
	for (int p = 0; p < ESC_PLACE_COUNT; p++) {
		same = same && place[p] == f->count[p];
		sum += f->count[p];
	}
	return same && sum == f->total && !f->count[ESC_PLACE_busy] &&
	       f->nfree == f->count[ESC_PLACE_free];
}

/*
 * As at the start, for a fuzz target's next input: nobody waits, crypto has no frame, rings and
 * hops are empty. What the kernel has for receiving stays there. Counters go on.
 */
static inline void lab_reset(struct red_lab *lab)
{
	struct red *r = lab->r;
	uint8_t frame[LAB_SIZE], dst[16];

	r->now += 2 * PENDING_TIME;
	pending_round(r, NULL);
	for (uint32_t q = 0; q < r->start.queues; q++) {
		out_publish(&r->lane[q]);
		while (lab_to_lan(lab, q, frame))
			;
		r->lane[q].empties = r->lane[q].packets = 0;
		lab_attach(lab, q);
	}
	for (uint32_t i = 0; i < r->frames.total; i++) {
		enum esc_place at = r->frames.place[i];

		if (at == ESC_PLACE_peer_full || at == ESC_PLACE_peer_empty)
			esc_frame_free(&r->frames, i, at);
	}
	while (lab_wanted(lab, dst))
		;
	esc_hops_free(r->hops);
	r->hops = esc_hops_new(256);
	if (!r->hops)
		lab_fail("out of memory");
	r->now = 1000000000000ull;
	r->lan_icmp_full = r->tunnel_icmp_full = r->want_full = 0;
}

static inline uint64_t lab_count(const struct red_lab *lab, enum esc_red_proc_reason why)
{
	return esc_cell_get(&lab->r->status->reason[why]);
}

/* All reasons together: as many as packets came in, less those that wait. */
static inline uint64_t lab_counted(const struct red_lab *lab)
{
	uint64_t sum = 0;

	for (int i = 0; i < ESC_RP_COUNT; i++)
		sum += esc_cell_get(&lab->r->status->reason[i]);
	return sum;
}

#endif
