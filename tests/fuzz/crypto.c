/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crypto process against a hostile red and a hostile network: any descriptors, any bytes in
 * red memory, any frames from the black NIC, and authentic packets with any content. The data path
 * is the real one; AF_XDP's rings lie in plain memory and this program plays the kernel.
 * Sanitizers judge memory; the ledger and the counters are checked after each input.
 */
#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "crypto/state.h"

#define FRAMES ESC_FRAMES_PER_QUEUE
#define SIZE   ESC_FRAME_SMALL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct crypto *c;
static struct lane *lane;
static struct wg_device *far;
static struct wg_peer *far_peer, *near_peer;
static uint32_t kernel[4][4]; /* producer, consumer, flags of rx, tx, fill, comp */
static void *slots[4];
static uint64_t now = 1000000000;
static uint64_t packets_out, packets_in; /* descriptors of red and frames of the NIC, taken */

static void rnd(void *arg, void *buf, size_t len)
{
	(void)arg;
	randombytes_buf_deterministic(buf, len, (const unsigned char[32]){(uint8_t)now});
	now++;
}

static uint64_t unix_ns(void *arg)
{
	(void)arg;
	return now;
}

static void *key_new(void *arg, const uint8_t key[32])
{
	(void)arg;
	return c->aead.provider->key_new(c->aead.ctx, key);
}

static void key_free(void *arg, void *key)
{
	(void)arg;
	c->aead.provider->key_free(c->aead.ctx, key);
}

static void fake_prod(struct xsk_ring_prod *r, int i, size_t size)
{
	slots[i] = calloc(ESC_XSK_RING, size);
	*r = (struct xsk_ring_prod){.mask = ESC_XSK_RING - 1,
				    .size = ESC_XSK_RING,
				    .cached_cons = ESC_XSK_RING,
				    .producer = &kernel[i][0],
				    .consumer = &kernel[i][1],
				    .flags = &kernel[i][2],
				    .ring = slots[i]};
}

static void fake_cons(struct xsk_ring_cons *r, int i, size_t size)
{
	slots[i] = calloc(ESC_XSK_RING, size);
	*r = (struct xsk_ring_cons){.mask = ESC_XSK_RING - 1,
				    .size = ESC_XSK_RING,
				    .producer = &kernel[i][0],
				    .consumer = &kernel[i][1],
				    .flags = &kernel[i][2],
				    .ring = slots[i]};
}

/* The kernel's part: a frame from the fill ring, with these bytes, to the RX ring. */
static void kernel_receives(const uint8_t *frame, size_t len)
{
	if (kernel[2][0] == kernel[2][1] || len > SIZE - ESC_XDP_HEADROOM)
		return;
	uint64_t addr = ((uint64_t *)slots[2])[kernel[2][1]++ & (ESC_XSK_RING - 1)];
	addr += ESC_XDP_HEADROOM;
	memcpy(c->frames.base + addr, frame, len);
	((struct xdp_desc *)slots[0])[kernel[0][0]++ & (ESC_XSK_RING - 1)] =
		(struct xdp_desc){.addr = addr, .len = (uint32_t)len};
}

static void kernel_sends(void)
{
	while (kernel[1][0] != kernel[1][1]) {
		struct xdp_desc d =
			((struct xdp_desc *)slots[1])[kernel[1][1]++ & (ESC_XSK_RING - 1)];
		((uint64_t *)slots[3])[kernel[3][0]++ & (ESC_XSK_RING - 1)] = d.addr;
	}
	esc_xsk_complete(&lane->xsk);
}

static void handshake(void)
{
	const struct wg_endpoint near_ep = {.addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .port = 1};
	const struct wg_endpoint far_ep = {.addr = {[10] = 0xff, 0xff, 192, 0, 2, 2}, .port = 2};
	struct wg_out out, answer;
	struct wg_tx_slot tx;
	struct wg_peer *p;

	wg_peer_set_endpoint(far_peer, &near_ep);
	wg_tx_begin(far_peer, now, false, &tx);
	if (wg_poll(far, now, &p, &out) != WG_ACT_SEND)
		abort();
	wg_receive(c->wg, now, &far_ep, out.bytes, out.len, false, &answer);
	wg_receive(far, now, &near_ep, answer.bytes, answer.len, false, &out);
	if (!wg_peer_has_session(far_peer, now))
		abort();
}

/* A message from the far peer with a right tag and this plaintext, from its usual place. */
static void authentic(uint8_t *plain, size_t len, uint8_t tos)
{
	uint8_t buf[SIZE];
	struct outer_path path = {.local_port = 2, .remote_port = 1};
	struct wg_tx_slot tx;

	if (len > 1500 || wg_tx_begin(far_peer, now, !len, &tx) != WG_TX_OK)
		return;
	uint8_t *msg = buf + MSG_OFFSET;
	struct wg_msg_data h = {htole32(WG_DATA), htole32(tx.receiver), htole64(tx.counter)};
	memcpy(msg, &h, sizeof(h));
	struct esc_aead_job job = {.key = tx.key,
				   .counter = tx.counter,
				   .in = plain,
				   .out = msg + sizeof(h),
				   .len = (uint32_t)len};
	c->aead.provider->seal(c->aead.ctx, &job, 1);
	esc_addr_parse("192.0.2.2", path.local);
	esc_addr_parse("192.0.2.1", path.remote);
	uint32_t total = (uint32_t)len + WG_DATA_OVERHEAD;
	uint32_t head = outer_write(msg, total, &path, tos, 0);
	kernel_receives(msg - head, head + total);
}

static void set_up(void)
{
	static struct esc_guard guard[2];
	static struct esc_buckets budgets;
	struct wg_env env = {NULL, rnd, unix_ns, key_new, key_free, &guard[0]};
	uint8_t k1[32] = {8}, k2[32] = {16}, p1[32], p2[32]; /* the low bits are clamped */
	const uint8_t any[16] = {0}, any4[16] = {[10] = 0xff, [11] = 0xff};
	char why[256];

	c = calloc(1, sizeof(*c));
	c->link = aligned_alloc(64, (sizeof(*c->link) + 63) & ~63ul);
	c->status = calloc(1, sizeof(*c->status));
	c->peer = calloc(ESC_PEERS_MAX, sizeof(*c->peer));
	c->red = (struct red_memory){malloc(FRAMES * SIZE), SIZE, FRAMES * SIZE};
	memset(c->link, 0, sizeof(*c->link));
	c->start = (struct esc_msg_start){.queues = 1, .frame_size = SIZE, .frames = FRAMES};
	c->nic.inner_mtu = 1420;
	c->now = now;
	if (sodium_init() < 0 || esc_aead_select(&c->aead, "sodium", why) ||
	    esc_frames_init(&c->frames, malloc(FRAMES * SIZE), FRAMES, SIZE))
		abort();
	lane = &c->lane[0];
	lane->xsk = (struct esc_xsk){.fd = -1, .frames = &c->frames};
	fake_cons(&lane->xsk.rx, 0, sizeof(struct xdp_desc));
	fake_prod(&lane->xsk.tx, 1, sizeof(struct xdp_desc));
	fake_prod(&lane->xsk.fill, 2, sizeof(uint64_t));
	fake_cons(&lane->xsk.comp, 3, sizeof(uint64_t));
	esc_xsk_refill(&lane->xsk);
	c->guard = &guard[0];
	c->budgets = &budgets;
	c->wg = wg_device_new(&env);
	c->hops = esc_hops_new(16);
	env.guard = &guard[1];
	far = wg_device_new(&env);
	crypto_scalarmult_base(p1, k1);
	crypto_scalarmult_base(p2, k2);
	wg_device_set_key(c->wg, k1, now);
	wg_device_set_key(far, k2, now);
	if (wg_peer_add(c->wg, 0, p2, now, &near_peer) || wg_peer_add(far, 0, p1, now, &far_peer) ||
	    wg_prefix_add(near_peer, any, 0) || wg_prefix_add(near_peer, any4, 96))
		abort();
	esc_addr_parse("192.0.2.1", c->nic.addr[0]);
	c->nic.addrs = 1;
	handshake();
	c->now = now;
	/* the far peer's first packet confirms the session and teaches its MAC address */
	authentic(NULL, 0, 0);
	packets_in += open_lane(c, lane);
}

static void work(void)
{
	packets_in += open_lane(c, lane);
	packets_out += seal_lane(c, lane);
	handshake_round(c, 0);
	rings_publish(lane);
}

static void attach_rings(void)
{
	struct esc_ring *r = c->link->ring[0];

	lane->ret_new = lane->in_new = 0;
	for (int i = 0; i < ESC_RINGS_PER_LANE; i++) {
		atomic_store(&r[i].prod, 0);
		atomic_store(&r[i].cons, 0);
	}
	esc_ring_attach(&lane->plain_out, &r[ESC_RING_PLAIN_OUT]);
	esc_ring_attach(&lane->plain_out_ret, &r[ESC_RING_PLAIN_OUT_RET]);
	esc_ring_attach(&lane->plain_in_free, &r[ESC_RING_PLAIN_IN_FREE]);
	esc_ring_attach(&lane->plain_in, &r[ESC_RING_PLAIN_IN]);
}

/* What red hands over: descriptors from the input, or plausible ones. */
static void red_writes(int ring, const uint8_t *p, size_t len)
{
	struct esc_ring *r = &c->link->ring[0][ring];
	uint32_t prod = atomic_load(&r->prod);

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t d;

		memcpy(&d, p, 8);
		atomic_store(&r->slot[prod++ & (ESC_RING_SLOTS - 1)], d);
	}
	if (len) /* a few bytes left: a cursor of red's own invention */
		prod += (uint32_t)p[0] << (p[0] & 31);
	atomic_store(&r->prod, prod);
}

/* Make the bytes an IP packet of this length, so that more than its header is looked at. */
static void mend(uint8_t *ip, size_t len)
{
	if (len >= 40 && ip[0] & 1) {
		ip[0] = 0x60 | (ip[0] >> 4);
		ip[4] = (uint8_t)((len - 40) >> 8);
		ip[5] = (uint8_t)(len - 40);
	} else if (len >= 20) {
		ip[0] = 0x45;
		ip[2] = (uint8_t)(len >> 8);
		ip[3] = (uint8_t)len;
	}
}

/* Bytes in red memory, and a descriptor for them. */
static void red_packet(uint32_t addr, const uint8_t *p, size_t len, bool mended)
{
	esc_desc d = esc_desc_make(addr, (uint16_t)len, 0);

	memcpy(c->red.base + addr, p, len);
	if (mended)
		mend(c->red.base + addr, len);
	red_writes(ESC_RING_PLAIN_OUT, (const uint8_t *)&d, sizeof(d));
}

static uint64_t counted(int from, int to)
{
	uint64_t sum = 0;

	for (int i = from; i < to; i++)
		sum += esc_cell_get(&c->status->reason[i]);
	return sum;
}

/* Everything that came in ended in one reason and no frame is still being worked on. */
static void check_books(void)
{
	uint64_t out = counted(0, ESC_CR_in_opened), in = counted(ESC_CR_in_opened, ESC_CR_COUNT);
	uint64_t sum = 0;

	if (out != packets_out || in != packets_in) {
		fprintf(stderr, "out: %lu packets, %lu reasons; in: %lu packets, %lu reasons\n",
			(unsigned long)packets_out, (unsigned long)out, (unsigned long)packets_in,
			(unsigned long)in);
		abort();
	}

	for (int i = 0; i < ESC_PLACE_COUNT; i++)
		sum += c->frames.count[i];
	if (sum != FRAMES || c->frames.count[ESC_PLACE_busy]) {
		fprintf(stderr, "ledger: %lu frames, %u busy\n", (unsigned long)sum,
			c->frames.count[ESC_PLACE_busy]);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t plain[SIZE];

	if (!c)
		set_up();
	attach_rings();
	lane->empties = 0;
	for (size_t at = 0; at + 3 <= size;) {
		uint8_t op = data[at];
		size_t len = (size_t)(data[at + 1] | (data[at + 2] & 7) << 8), left = size - at - 3;
		const uint8_t *p = data + at + 3;

		len = len < left ? len : left;
		at += 3 + len;
		switch (op % 6) {
		case 0:
			red_writes(ESC_RING_PLAIN_OUT, p, len);
			break;
		case 1:
			red_writes(ESC_RING_PLAIN_IN_FREE, p, len);
			break;
		case 2:
			red_packet((op >> 4) * 16u * SIZE, p, len, op & 8);
			break;
		case 3:
			kernel_receives(p, len);
			break;
		case 4:
			memcpy(plain, p, len);
			if (op & 8)
				mend(plain, len);
			red_writes(ESC_RING_PLAIN_IN_FREE, (const uint8_t *)&(uint64_t){op * SIZE},
				   8);
			authentic(plain, len, op >> 6);
			break;
		default:
			work();
		}
	}
	for (int i = 0; i < 80; i++) {
		work();
		kernel_sends();
		esc_xsk_refill(&lane->xsk);
	}
	stage_drop(c, &c->peer[0], ESC_CR_out_no_session, ESC_RET_OK);
	check_books();
	return 0;
}
