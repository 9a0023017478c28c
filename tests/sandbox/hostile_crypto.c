/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A crypto process in an attacker's hands: what it hands to red on the first lane, and what it
 * writes into the red packet memory, which it may, while red reads it.
 */
#include <string.h>
#include <unistd.h>

#include "crypto/state.h"
#include "hostile.h"
#include "ipc/fds.h"

#define LAN	 0x0a010002u /* 10.1.0.2 */
#define FAR_HOST 0x0a020002u

/* A frame that red gave for plaintext: then red looks at what is in it. */
static bool own_packet(struct crypto *c, struct lane *l, esc_desc *d, uint8_t **packet)
{
	if (!l->empties) {
		if (!esc_ring_avail(&l->plain_in_free, 1))
			return false;
		l->empty[l->empties++] = esc_ring_peek(&l->plain_in_free, 0);
		esc_ring_consume(&l->plain_in_free, 1);
	}
	uint32_t addr = esc_desc_addr(l->empty[--l->empties]) + PLAIN_OFFSET;
	*packet = c->red.base + addr;
	*d = esc_desc_make(addr, (uint16_t)hostile_packet(*packet, FAR_HOST, LAN), 0);
	return true;
}

static void flip_slots(struct crypto *c, struct lane *l)
{
	esc_desc good[32];
	uint32_t n = 0;
	uint8_t *packet;

	while (n < 32 && own_packet(c, l, &good[n], &packet))
		n++;
	hostile_flip_slots(&l->plain_in, n, good);
}

static void flip_bytes(struct crypto *c, struct lane *l)
{
	uint8_t *packet;
	esc_desc d;

	if (own_packet(c, l, &d, &packet))
		hostile_flip_bytes(&l->plain_in, d, packet);
}

/* Frames that red holds itself, and those that it gave to the kernel: their bytes change. */
static void scribble_frames(struct crypto *c)
{
	for (int i = 0; i < 200; i++) {
		uint64_t x = hostile_random();

		memset(c->red.base + x % (c->red.size - 256), (int)(x >> 56), (x >> 48) & 255);
	}
}

static void scribble(struct crypto *c)
{
	static const uint64_t most = UINT64_MAX - 1;

	c->link->abi_version = (uint32_t)hostile_random();
	c->link->lanes = (uint32_t)hostile_random();
	hostile_cursor(&c->link->ring[ESC_QUEUES_MAX - 1][0].prod);
	atomic_store(&c->link->red_bell.sleeping, (uint32_t)hostile_random());
	if (write(ESC_FD_RED_WAKE, &most, sizeof(most)) < 0)
		return; /* it is full already */
}

static struct lane *idle_lane(struct crypto *c)
{
	struct lane *idle = &c->lane[0];

	for (uint32_t q = 1; q < c->start.queues; q++) {
		if (c->lane[q].plain_in.mine < idle->plain_in.mine)
			idle = &c->lane[q];
	}
	return idle;
}

void hostile_crypto(void *crypto)
{
	static uint32_t volley;
	static struct lane *l;
	struct crypto *c = crypto;
	const uint32_t n = 1 + (uint32_t)hostile_random() % 200;
	const uint32_t frames = (uint32_t)(c->red.size / c->red.frame_size);
	uint8_t *packet;
	esc_desc d;

	if (!l)
		l = idle_lane(c);
	switch (volley++ % 12) {
	case 0:
		hostile_wild(&l->plain_in, n);
		break;
	case 1:
		hostile_wild(&l->plain_out_ret, n);
		break;
	case 2:
		hostile_edges(&l->plain_in, n, frames, c->red.frame_size);
		break;
	case 3:
		hostile_edges(&l->plain_out_ret, n, frames, c->red.frame_size);
		break;
	case 4:
		if (own_packet(c, l, &d, &packet))
			hostile_twice(&l->plain_in, n, d);
		break;
	case 5: /* back on the wrong ring */
		if (own_packet(c, l, &d, &packet))
			hostile_twice(&l->plain_out_ret, n, d);
		break;
	case 6:
		flip_slots(c, l);
		break;
	case 7:
	case 8:
		flip_bytes(c, l);
		break;
	case 9:
		hostile_cursor(volley & 16 ? &l->plain_in.shared->prod
					   : &l->plain_out_ret.shared->prod);
		break;
	case 10:
		hostile_cursor(volley & 16 ? &l->plain_out.shared->cons
					   : &l->plain_in_free.shared->cons);
		break;
	default:
		scribble(c);
		scribble_frames(c);
	}
	esc_bell_ring(&c->link->red_bell, ESC_FD_RED_WAKE);
}

void hostile_crypto_talk(void *crypto)
{
	struct crypto *c = crypto;

	hostile_talk(c->status, sizeof(*c->status), true);
}
