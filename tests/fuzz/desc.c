/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile crypto process against red: any descriptors, any cursors, any bytes in red's packet
 * memory at any time (R2, R6). An input is a list of steps: what, how many bytes, the bytes.
 * Sanitizers judge memory; the frame ledger is checked after each input.
 */
#include <stdint.h>

#include "../unit/red_packets.h"
#include "../unit/red_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct red_lab lab;
static esc_desc held[16]; /* what crypto took and may give back, or not, or twice */
static uint32_t held_next;

/* Descriptors as they are in the input; a rest moves the producer's cursor anywhere. */
static void write_ring(enum esc_ring_id id, const uint8_t *p, size_t len)
{
	struct esc_ring *r = &lab.r->link->ring[0][id];
	uint32_t prod = atomic_load(&r->prod);

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t d;

		memcpy(&d, p, 8);
		atomic_store(&r->slot[prod++ & (ESC_RING_SLOTS - 1)], d);
	}
	if (len)
		prod += (uint32_t)p[0] << (p[0] & 31);
	atomic_store(&r->prod, prod);
}

/* Descriptors that come close: a frame that crypto has, with the input's offset, length, flags. */
static void write_near(enum esc_ring_id id, const uint8_t *p, size_t len)
{
	for (; len >= 6; p += 6, len -= 6) {
		uint32_t frame = esc_desc_addr(held[p[0] & 15]) & ~(LAB_SIZE - 1);
		esc_desc d = esc_desc_make(frame + (uint32_t)(read16(p + 1) & (LAB_SIZE - 1)),
					   (uint16_t)read16(p + 3), p[5]);

		write_ring(id, (const uint8_t *)&d, sizeof(d));
	}
}

static void take(struct esc_ring_end *ring, uint32_t n)
{
	while (n-- && esc_ring_avail(ring, 1)) {
		held[held_next++ & 15] = esc_ring_peek(ring, 0);
		esc_ring_consume(ring, 1);
	}
}

static void scribble(uint8_t which, const uint8_t *p, size_t len)
{
	esc_desc d = held[which & 15];
	uint8_t *frame = lab.r->frames.base + (esc_desc_addr(d) & ~(LAB_SIZE - 1));

	memcpy(frame + (which >> 4) * 16, p, len < LAB_SIZE - 240 ? len : LAB_SIZE - 240);
}

static void step(uint8_t op, const uint8_t *p, size_t len)
{
	struct esc_ring *r = lab.r->link->ring[0];
	uint8_t frame[LAB_SIZE], dst[16];

	switch (op & 15) {
	case 0:
		write_ring(ESC_RING_PLAIN_IN, p, len);
		break;
	case 1:
		write_ring(ESC_RING_PLAIN_OUT_RET, p, len);
		break;
	case 2:
		write_near(ESC_RING_PLAIN_IN, p, len);
		break;
	case 3:
		write_near(ESC_RING_PLAIN_OUT_RET, p, len);
		break;
	case 4:
		take(&lab.lane[0].out, op >> 4);
		break;
	case 5:
		take(&lab.lane[0].empty, op >> 4);
		break;
	case 6:
	case 7:
		if (len)
			scribble(p[0], p + 1, len - 1);
		break;
	case 8:
		lab_from_lan(&lab, 0, p, len);
		break;
	case 9: /* consumer cursors of crypto's own invention */
		if (len >= 4)
			memcpy(&r[op & 16 ? ESC_RING_PLAIN_OUT : ESC_RING_PLAIN_IN_FREE].cons, p,
			       4);
		break;
	case 10:
		while (lab_wanted(&lab, dst))
			lab_hop_addr(&lab, dst, (op >> 4) % 3);
		break;
	case 11:
		lab.r->now += (uint64_t)(op >> 4) * 100000000;
		break;
	case 12:
		while (lab_to_lan(&lab, 0, frame))
			;
		break;
	default:
		red_round(lab.r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t ip[128];

	if (!lab.r)
		lab_open(&lab, 1, 1500, 1420);
	lab_reset(&lab);
	held_next = 0;
	red_round(lab.r);
	size_t ip_len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 100);
	for (int i = 0; i < 8; i++)
		lab_from_lan(&lab, 0, ip, ip_len);
	red_round(lab.r);
	take(&lab.lane[0].out, 8);
	take(&lab.lane[0].empty, 8);
	for (size_t at = 0; at + 3 <= size;) {
		size_t len = (size_t)(data[at + 1] | (data[at + 2] & 7) << 8), left = size - at - 3;

		len = len < left ? len : left;
		step(data[at], data + at + 3, len);
		at += 3 + len;
	}
	for (int i = 0; i < 130; i++)
		red_round(lab.r);
	if (!lab_books_ok(&lab))
		lab_fail("the frame ledger is wrong");
	return 0;
}
