/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A red process in an attacker's hands: what it hands to crypto on its first lane. Its books are
 * lost with the first volley, which is why it ends itself when it has had its time.
 */
#include <unistd.h>

#include "hostile.h"
#include "ipc/fds.h"
#include "red/state.h"

#define LAN	 0x0a010002u /* 10.1.0.2 */
#define FAR_HOST 0x0a020002u

static esc_desc packet_somewhere(struct red *r, uint8_t **packet)
{
	uint32_t frame = (uint32_t)(hostile_random() % r->frames.total);
	uint32_t addr = (uint32_t)esc_frame_addr(&r->frames, frame) + IP_OFFSET;

	*packet = r->frames.base + addr;
	return esc_desc_make(addr, (uint16_t)hostile_packet(*packet, LAN, FAR_HOST), 0);
}

static void flip_slots(struct red *r, struct esc_ring_end *ring)
{
	esc_desc good[32];
	uint8_t *packet;

	for (uint32_t i = 0; i < 32; i++)
		good[i] = packet_somewhere(r, &packet);
	hostile_flip_slots(ring, 32, good);
}

static void flip_bytes(struct red *r, struct lane *l)
{
	uint8_t *packet;
	esc_desc d = packet_somewhere(r, &packet);

	hostile_flip_bytes(&l->plain_out, d, packet);
}

/* The same frame as a packet to seal and as room for plaintext. */
static void both_ways(struct red *r, struct lane *l)
{
	uint8_t *packet;
	esc_desc d = packet_somewhere(r, &packet);

	hostile_twice(&l->plain_in_free, 100, esc_desc_make(esc_desc_addr(d) - IP_OFFSET, 0, 0));
	hostile_twice(&l->plain_out, 100, d);
}

static void scribble(struct red *r)
{
	static const uint64_t most = UINT64_MAX - 1; /* an eventfd that is full */

	r->link->abi_version = (uint32_t)hostile_random();
	r->link->lanes = (uint32_t)hostile_random();
	hostile_cursor(&r->link->ring[ESC_QUEUES_MAX - 1][0].prod);
	atomic_store(&r->link->crypto_bell.sleeping, (uint32_t)hostile_random());
	if (write(ESC_FD_CRYPTO_WAKE, &most, sizeof(most)) < 0)
		return; /* it is full already */
}

static struct lane *idle_lane(struct red *r)
{
	struct lane *idle = &r->lane[0];

	for (uint32_t q = 1; q < r->start.queues; q++) {
		if (r->lane[q].plain_in.mine < idle->plain_in.mine)
			idle = &r->lane[q];
	}
	return idle;
}

void hostile_red(void *red)
{
	static uint32_t volley;
	static struct lane *l;
	struct red *r = red;
	const uint32_t n = 1 + (uint32_t)hostile_random() % 200;
	uint8_t *packet;

	if (!l)
		l = idle_lane(r);
	switch (volley++ % 12) {
	case 0:
		hostile_wild(&l->plain_out, n);
		break;
	case 1:
		hostile_wild(&l->plain_in_free, n);
		break;
	case 2:
		hostile_edges(&l->plain_out, n, r->frames.total, r->frames.frame_size);
		break;
	case 3:
		hostile_edges(&l->plain_in_free, n, r->frames.total, r->frames.frame_size);
		break;
	case 4:
		hostile_twice(&l->plain_out, n, packet_somewhere(r, &packet));
		break;
	case 5:
		both_ways(r, l);
		break;
	case 6:
		flip_slots(r, &l->plain_out);
		break;
	case 7:
		flip_slots(r, &l->plain_in_free);
		break;
	case 8:
		flip_bytes(r, l);
		break;
	case 9:
		hostile_cursor(volley & 16 ? &l->plain_out.shared->prod
					   : &l->plain_in_free.shared->prod);
		break;
	case 10:
		hostile_cursor(volley & 16 ? &l->plain_out_ret.shared->cons
					   : &l->plain_in.shared->cons);
		break;
	default:
		scribble(r);
	}
	esc_bell_ring(&r->link->crypto_bell, ESC_FD_CRYPTO_WAKE);
}

void hostile_red_talk(void *red)
{
	struct red *r = red;

	hostile_talk(r->status, sizeof(*r->status), false);
}
