/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * red_lab.h: the red process's real data path with this program around it as kernel, LAN, crypto
 * process and control. AF_XDP's rings lie in plain memory. For unit tests and fuzz targets.
 *
 *   node: 192.168.1.1, fd00:1::1, fe80::1    LAN MTU 1500, tunnel MTU 1420
 */
#ifndef ESC_TESTS_RED_LAB_H
#define ESC_TESTS_RED_LAB_H

#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "ipc/fds.h"
#include "red/state.h"

#define LAB_FRAMES     ESC_FRAMES_PER_QUEUE
#define LAB_FRAME_SIZE ESC_FRAME_SMALL
#define LAB_UMEM       ((size_t)LAB_FRAMES * LAB_FRAME_SIZE)
#define LAB_PAGE       4096u
#define LAB_S	       1000000000ull

static const uint8_t lab_node_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t lab_host_mac[6] = {2, 0, 0, 0, 0, 0x55};

enum { LAB_RX, LAB_TX, LAB_FILL, LAB_COMP };

struct red_lab {
	struct red r;
	struct lane *lane;
	struct { /* what the kernel has of each ring */
		uint32_t prod, cons, flags;
		union {
			struct xdp_desc *desc;
			uint64_t *addr;
		} slot;
	} kernel[4];
	/* crypto's ends of the rings */
	struct esc_ring_end plain_out, plain_out_ret, plain_in_free, plain_in;
	int control; /* control's end of the socket */
};

#define lab_must(ok)                                                                               \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #ok);           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline void lab_addr(uint8_t out[16], const char *s)
{
	lab_must(esc_addr_parse(s, out));
}

/* Packet memory between two pages that nobody may touch. */
static inline uint8_t *lab_umem(void)
{
	uint8_t *p =
		mmap(NULL, LAB_UMEM + 2 * LAB_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	lab_must(p != MAP_FAILED && !mprotect(p + LAB_PAGE, LAB_UMEM, PROT_READ | PROT_WRITE));
	return p + LAB_PAGE;
}

static inline void lab_prod(struct red_lab *lab, struct xsk_ring_prod *r, int i)
{
	*r = (struct xsk_ring_prod){.cached_cons = ESC_XSK_RING,
				    .mask = ESC_XSK_RING - 1,
				    .size = ESC_XSK_RING,
				    .producer = &lab->kernel[i].prod,
				    .consumer = &lab->kernel[i].cons,
				    .ring = lab->kernel[i].slot.desc,
				    .flags = &lab->kernel[i].flags};
}

static inline void lab_cons(struct red_lab *lab, struct xsk_ring_cons *r, int i)
{
	*r = (struct xsk_ring_cons){.mask = ESC_XSK_RING - 1,
				    .size = ESC_XSK_RING,
				    .producer = &lab->kernel[i].prod,
				    .consumer = &lab->kernel[i].cons,
				    .ring = lab->kernel[i].slot.desc,
				    .flags = &lab->kernel[i].flags};
}

static inline void lab_rings(struct red_lab *lab)
{
	struct esc_ring *ring = lab->r.link->ring[0];
	struct lane *l = lab->lane;

	memset(lab->r.link, 0, offsetof(struct esc_link, ring[1])); /* one lane is used */
	esc_ring_attach(&l->plain_out, &ring[ESC_RING_PLAIN_OUT]);
	esc_ring_attach(&l->plain_out_ret, &ring[ESC_RING_PLAIN_OUT_RET]);
	esc_ring_attach(&l->plain_in_free, &ring[ESC_RING_PLAIN_IN_FREE]);
	esc_ring_attach(&l->plain_in, &ring[ESC_RING_PLAIN_IN]);
	lab->plain_out = l->plain_out;
	lab->plain_out_ret = l->plain_out_ret;
	lab->plain_in_free = l->plain_in_free;
	lab->plain_in = l->plain_in;
	for (int i = 0; i < 4; i++)
		lab->kernel[i].prod = lab->kernel[i].cons = lab->kernel[i].flags = 0;
	l->xsk = (struct esc_xsk){.fd = -1, .frames = &lab->r.frames};
	lab_cons(lab, &l->xsk.rx, LAB_RX);
	lab_prod(lab, &l->xsk.tx, LAB_TX);
	lab_prod(lab, &l->xsk.fill, LAB_FILL);
	lab_cons(lab, &l->xsk.comp, LAB_COMP);
}

/* Everything as at start: all frames home, nothing known about the LAN, all counters 0. */
static inline void lab_reset(struct red_lab *lab)
{
	struct red *r = &lab->r;

	esc_hops_free(r->hops);
	r->hops = esc_hops_new(256);
	esc_frames_fini(&r->frames);
	lab_must(r->hops &&
		 !esc_frames_init(&r->frames, r->frames.base, LAB_FRAMES, LAB_FRAME_SIZE));
	memset(r->status, 0, sizeof(*r->status));
	memset(r->pending, 0, sizeof(r->pending));
	r->pending_count = 0;
	r->icmp_full = r->want_full = 0;
	r->now = 1000 * LAB_S;
	r->stopping = false;
	r->start = (struct esc_msg_start){
		.queues = 1, .frame_size = LAB_FRAME_SIZE, .frames = LAB_FRAMES};
	r->nic = (struct esc_msg_nic){.up = 1, .mtu = 1500, .inner_mtu = 1420, .addrs = 3};
	memcpy(r->nic.mac, lab_node_mac, 6);
	lab_addr(r->nic.addr[0], "192.168.1.1");
	lab_addr(r->nic.addr[1], "fe80::1");
	lab_addr(r->nic.addr[2], "fd00:1::1");
	*lab->lane = (struct lane){0};
	lab_rings(lab);
	esc_xsk_refill(&lab->lane->xsk);
	in_stock(r, lab->lane);
}

static inline struct red_lab *lab_new(void)
{
	struct red_lab *lab = calloc(1, sizeof(*lab));
	int pair[2];

	lab_must(lab && sodium_init() >= 0);
	lab_must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
	lab->control = fcntl(pair[1], F_DUPFD_CLOEXEC, 100);
	lab_must(lab->control >= 0 && dup2(pair[0], ESC_FD_CONTROL) == ESC_FD_CONTROL);
	lab->lane = &lab->r.lane[0];
	for (int i = 0; i < 4; i++)
		lab->kernel[i].slot.desc = calloc(ESC_XSK_RING, sizeof(struct xdp_desc));
	lab->r.link = aligned_alloc(64, (sizeof(*lab->r.link) + 63) & ~63ul);
	lab->r.status = calloc(1, sizeof(*lab->r.status));
	lab->r.frames.base = lab_umem();
	lab_must(lab->r.link && lab->r.status);
	lab_reset(lab);
	return lab;
}

static inline void lab_free(struct red_lab *lab)
{
	for (int i = 0; i < 4; i++)
		free(lab->kernel[i].slot.desc);
	esc_hops_free(lab->r.hops);
	munmap(lab->r.frames.base - LAB_PAGE, LAB_UMEM + 2 * LAB_PAGE);
	esc_frames_fini(&lab->r.frames);
	free(lab->r.link);
	free(lab->r.status);
	close(lab->control);
	close(ESC_FD_CONTROL);
	free(lab);
}

/* One look at everything, as the process's own loop takes it. */
static inline void lab_round(struct red_lab *lab)
{
	struct red *r = &lab->r;

	out_lane(r, lab->lane);
	in_lane(r, lab->lane);
	returned_lane(r, lab->lane);
	in_stock(r, lab->lane);
	pending_round(r, NULL);
	out_publish(lab->lane);
	esc_xsk_refill(&lab->lane->xsk);
}

/* --- the LAN ----------------------------------------------------------------------------- */

/* An Ethernet frame from the LAN; false: red gave the kernel no room for it. */
static inline bool lab_lan_frame(struct red_lab *lab, const uint8_t *frame, size_t len)
{
	if (lab->kernel[LAB_FILL].prod == lab->kernel[LAB_FILL].cons ||
	    len > LAB_FRAME_SIZE - ESC_XDP_HEADROOM)
		return false;
	uint32_t from = lab->kernel[LAB_FILL].cons++ & (ESC_XSK_RING - 1);
	uint64_t addr = lab->kernel[LAB_FILL].slot.addr[from] + ESC_XDP_HEADROOM;

	memcpy(lab->r.frames.base + addr, frame, len);
	lab->kernel[LAB_RX].slot.desc[lab->kernel[LAB_RX].prod++ & (ESC_XSK_RING - 1)] =
		(struct xdp_desc){.addr = addr, .len = (uint32_t)len};
	return true;
}

/* An IP packet from a host of the LAN, and red's look at it. */
static inline void lab_lan_sends(struct red_lab *lab, const uint8_t *ip, size_t len)
{
	uint8_t frame[LAB_FRAME_SIZE];

	lab_must(len <= sizeof(frame) - ETH_LEN);
	memcpy(frame, lab_node_mac, 6);
	memcpy(frame + 6, lab_host_mac, 6);
	put16(frame + 12, ip[0] >> 4 == 4 ? 0x0800 : 0x86dd);
	memcpy(frame + ETH_LEN, ip, len);
	lab_must(lab_lan_frame(lab, frame, ETH_LEN + len));
	lab_round(lab);
}

/* The next frame that red sent to the LAN, copied; 0: none. The NIC is done with it at once. */
static inline uint32_t lab_lan_gets(struct red_lab *lab, uint8_t frame[LAB_FRAME_SIZE])
{
	if (lab->kernel[LAB_TX].prod == lab->kernel[LAB_TX].cons)
		return 0;
	uint32_t from = lab->kernel[LAB_TX].cons++ & (ESC_XSK_RING - 1);
	struct xdp_desc d = lab->kernel[LAB_TX].slot.desc[from];

	lab_must(esc_frames_valid(&lab->r.frames, d.addr, d.len));
	memcpy(frame, lab->r.frames.base + d.addr, d.len);
	lab->kernel[LAB_COMP].slot.addr[lab->kernel[LAB_COMP].prod++ & (ESC_XSK_RING - 1)] = d.addr;
	esc_xsk_complete(&lab->lane->xsk);
	return d.len;
}

/* --- crypto ------------------------------------------------------------------------------ */

/* The next descriptor that red wants sealed; false: none. */
static inline bool lab_crypto_takes(struct red_lab *lab, esc_desc *d)
{
	if (!esc_ring_avail(&lab->plain_out, 1))
		return false;
	*d = esc_ring_peek(&lab->plain_out, 0);
	esc_ring_consume(&lab->plain_out, 1);
	lab_must(esc_frames_valid(&lab->r.frames, esc_desc_addr(*d), esc_desc_len(*d)));
	return true;
}

static inline void lab_crypto_returns(struct red_lab *lab, esc_desc d, uint16_t ret)
{
	lab_must(esc_ring_push(&lab->plain_out_ret, esc_desc_make(esc_desc_addr(d), 0, ret)));
	lab_round(lab);
}

/* Take the next packet for the tunnel, copied, and give its frame back; 0: none. */
static inline uint32_t lab_tunnel_gets(struct red_lab *lab, uint8_t ip[LAB_FRAME_SIZE])
{
	esc_desc d;

	if (!lab_crypto_takes(lab, &d))
		return 0;
	memcpy(ip, lab->r.frames.base + esc_desc_addr(d), esc_desc_len(d));
	lab_crypto_returns(lab, d, ESC_RET_OK);
	return esc_desc_len(d);
}

static inline bool lab_crypto_empty(struct red_lab *lab, esc_desc *d)
{
	if (!esc_ring_avail(&lab->plain_in_free, 1))
		return false;
	*d = esc_ring_peek(&lab->plain_in_free, 0);
	esc_ring_consume(&lab->plain_in_free, 1);
	return true;
}

/* An authenticated packet for the LAN, and red's look at it. */
static inline void lab_tunnel_sends(struct red_lab *lab, const uint8_t *ip, size_t len)
{
	esc_desc d = 0;

	lab_must(lab_crypto_empty(lab, &d) && len <= LAB_FRAME_SIZE - 128);
	uint32_t addr = esc_desc_addr(d) + 128;
	memcpy(lab->r.frames.base + addr, ip, len);
	lab_must(esc_ring_push(&lab->plain_in, esc_desc_make(addr, (uint16_t)len, 0)));
	lab_round(lab);
}

/* --- control ----------------------------------------------------------------------------- */

static inline void lab_hop(struct red_lab *lab, const uint8_t dst[16], uint8_t state)
{
	struct esc_msg m = {.type = ESC_MSG_HOP};

	memcpy(m.u.hop.dst, dst, 16);
	memcpy(m.u.hop.mac, lab_host_mac, 6);
	m.u.hop.state = state;
	lab_must(!esc_msg_send(lab->control, &m) && !red_control_round(&lab->r));
	lab_round(lab);
}

/* How often red asked, and for what last. */
static inline uint32_t lab_wants(struct red_lab *lab, uint8_t dst[16])
{
	struct esc_msg m;
	uint32_t n = 0;

	for (; esc_msg_recv(lab->control, &m) == 1; n++) {
		lab_must(m.type == ESC_MSG_WANT);
		memcpy(dst, m.u.want.dst, 16);
	}
	return n;
}

/* --- checks ------------------------------------------------------------------------------ */

static inline uint64_t lab_reasons(const struct red_lab *lab)
{
	uint64_t sum = 0;

	for (int i = 0; i < ESC_RP_COUNT; i++)
		sum += esc_cell_get(&lab->r.status->reason[i]);
	return sum;
}

/* Every frame is in one place, each place counts right, the free list holds what is free. */
static inline void lab_check_frames(const struct red_lab *lab)
{
	const struct esc_frames *f = &lab->r.frames;
	uint32_t count[ESC_PLACE_COUNT] = {0}, sum = 0;

	for (uint32_t i = 0; i < f->total; i++)
		count[f->place[i]]++;
	for (int p = 0; p < ESC_PLACE_COUNT; p++) {
		lab_must(count[p] == f->count[p]);
		sum += count[p];
	}
	lab_must(sum == f->total && count[ESC_PLACE_free] == f->nfree);
	lab_must(count[ESC_PLACE_busy] == 0 && count[ESC_PLACE_held] == lab->r.pending_count);
}

/* --- packets ----------------------------------------------------------------------------- */

/* The slow, obvious Internet checksum: 16-bit words, byte by byte. */
static inline uint16_t lab_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of a transport in an IP packet without options, pseudo-header included: 0xffff is right. */
static inline uint16_t lab_transport_sum(const uint8_t *ip, size_t len, bool pseudo)
{
	uint32_t head = ip[0] >> 4 == 4 ? 20 : 40;
	uint8_t protocol = head == 20 ? ip[9] : ip[6];
	uint32_t sum = 0;

	if (pseudo) {
		sum = (uint32_t)(len - head) + protocol;
		sum += head == 20 ? lab_sum(ip + 12, 8, 0) : lab_sum(ip + 8, 32, 0);
	}
	return lab_sum(ip + head, len - head, sum);
}

struct lab_ip {
	const char *src, *dst;
	uint8_t protocol;
	uint8_t ttl;
	uint16_t fragment; /* IPv4: flags and offset */
	uint32_t payload;  /* bytes behind the IP header */
};

/* Write a packet with a counting pattern as payload; returns its length. */
static inline uint32_t lab_build(uint8_t *ip, const struct lab_ip *w)
{
	uint8_t src[16], dst[16];

	lab_addr(src, w->src);
	lab_addr(dst, w->dst);
	bool v4 = esc_addr_is_v4(src);
	uint32_t head = v4 ? 20 : 40;
	memset(ip, 0, head);
	for (uint32_t i = 0; i < w->payload; i++)
		ip[head + i] = (uint8_t)(i * 5 + 1);
	if (v4) {
		ip[0] = 0x45;
		put16(ip + 2, (uint16_t)(head + w->payload));
		put16(ip + 4, 0x1234);
		put16(ip + 6, w->fragment);
		ip[8] = w->ttl;
		ip[9] = w->protocol;
		memcpy(ip + 12, src + 12, 4);
		memcpy(ip + 16, dst + 12, 4);
		put16(ip + 10, (uint16_t)~lab_sum(ip, 20, 0));
	} else {
		ip[0] = 0x60;
		put16(ip + 4, (uint16_t)w->payload);
		ip[6] = w->protocol;
		ip[7] = w->ttl;
		memcpy(ip + 8, src, 16);
		memcpy(ip + 24, dst, 16);
	}
	return head + w->payload;
}

/* The transport's checksum at `at` bytes behind an IP header without options. */
static inline void lab_seal_sum(uint8_t *ip, uint32_t len, uint32_t at, bool pseudo)
{
	uint8_t *check = ip + (ip[0] >> 4 == 4 ? 20 : 40) + at;

	put16(check, 0);
	put16(check, (uint16_t)~lab_transport_sum(ip, len, pseudo));
}

#endif
