/* SPDX-License-Identifier: BSD-2-Clause */
#include "hostile.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>

#include "base/clock.h"

/* xorshift64: the same volleys in every run. */
uint64_t hostile_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/*
 * Room is not asked for: whoever is hostile writes over what was not read yet. But a ring whose
 * cursors are impossible is a dead one, and the other side safe: so go on from where it is.
 */
static void push(struct esc_ring_end *ring, esc_desc d)
{
	uint32_t cons = atomic_load(&ring->shared->cons);

	if (ring->mine - cons > ESC_RING_SLOTS)
		ring->mine = cons;
	esc_ring_put(ring, 0, d);
	esc_ring_publish(ring, 1);
}

void hostile_wild(struct esc_ring_end *ring, uint32_t n)
{
	while (n--)
		push(ring, hostile_random());
}

void hostile_edges(struct esc_ring_end *ring, uint32_t n, uint32_t frames, uint32_t frame_size)
{
	static const uint32_t near[] = {0, 1, 13, 14, 15, 127, 128, 255, 256};

	while (n--) {
		uint64_t x = hostile_random();
		uint32_t frame = (uint32_t)(x % (frames + 2)); /* two of them do not exist */
		uint32_t offset = near[(x >> 32) % 9];
		uint32_t len = frame_size - offset + (uint32_t)(x >> 48) % 5 - 2;

		if (x >> 47 & 1)
			offset = frame_size - offset;
		push(ring, esc_desc_make(frame * frame_size + offset, (uint16_t)len,
					 (uint16_t)(x >> 40)));
	}
}

void hostile_twice(struct esc_ring_end *ring, uint32_t n, esc_desc d)
{
	while (n--)
		push(ring, d);
}

void hostile_flip_slots(struct esc_ring_end *ring, uint32_t n, const esc_desc *good)
{
	uint32_t first = ring->mine;
	uint64_t end = esc_now() + FLIP_TIME;

	for (uint32_t i = 0; i < n; i++)
		push(ring, good[i]);
	for (uint32_t i = 0; esc_now() < end; i++) {
		_Atomic uint64_t *slot = ring->shared->slot;
		esc_desc wild = hostile_random();

		for (uint32_t k = 0; k < n; k++)
			atomic_store_explicit(&slot[(first + k) & (ESC_RING_SLOTS - 1)],
					      i & 1 ? wild : good[k], memory_order_relaxed);
	}
}

/*
 * What parsers trust most: version and header length, total length, fragment, protocol; and the
 * first bytes of what follows, where TCP and its options are.
 */
void hostile_flip_bytes(struct esc_ring_end *ring, esc_desc d, uint8_t *packet)
{
	uint64_t end = esc_now() + FLIP_TIME;
	uint8_t before[80];

	memcpy(before, packet, sizeof(before));
	push(ring, d);
	while (esc_now() < end) {
		for (int i = 0; i < 64; i++) {
			uint64_t x = hostile_random();
			volatile uint8_t *byte = packet + x % sizeof(before);

			*byte = (uint8_t)(x >> 32);
			*byte = before[x % sizeof(before)];
		}
	}
}

void hostile_cursor(_Atomic uint32_t *cursor)
{
	uint32_t now = atomic_load(cursor);
	uint64_t end = esc_now() + FLIP_TIME;

	while (esc_now() < end) {
		atomic_store(cursor, (uint32_t)(hostile_random() >> 32));
		atomic_store(cursor, now + (uint32_t)hostile_random() % 5000);
		atomic_store(cursor, now - (uint32_t)hostile_random() % 5000);
	}
	atomic_store(cursor, now);
}

uint32_t hostile_packet(uint8_t *ip, uint32_t src, uint32_t dst)
{
	struct iphdr h = {.version = 4,
			  .ihl = 5 + (hostile_random() & 1) * 10,
			  .ttl = 64,
			  .protocol = IPPROTO_TCP,
			  .saddr = htonl(src),
			  .daddr = htonl(dst)};
	uint32_t len = h.ihl * 4u + 40 + (uint32_t)hostile_random() % 1200, sum = 0;

	h.tot_len = htons((uint16_t)len);
	memset(ip, 1, len); /* options: no operation */
	memcpy(ip, &h, sizeof(h));
	for (uint32_t i = 0; i < h.ihl * 4u; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	h.check = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	memcpy(ip, &h, sizeof(h));
	ip[h.ihl * 4u + 12] = 0xa0; /* ten words of TCP header, all of it options */
	ip[h.ihl * 4u + 13] = 0x02; /* SYN */
	return len;
}
