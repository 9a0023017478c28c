/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * blake2s.h: the compression function of BLAKE2s (RFC 7693, 3.1 and 3.2), the one computation that
 * both ends of guard.h perform: crypto makes states with it, the black program carries them on.
 * Everything is unrolled and constant, without a table: a BPF program has none. Time depends on no
 * input.
 */
#ifndef ESC_MAPS_BLAKE2S_H
#define ESC_MAPS_BLAKE2S_H

#include <linux/types.h>

#define ESC_BLAKE2S_BLOCK 64u

/* After the blocks so far; guard.h publishes those after the block that holds a key. */
struct esc_blake2s_state {
	__u32 h[8];
};

/* Initialization vector (2.6). */
#define ESC_BLAKE2S_IV0	       0x6a09e667u
#define ESC_BLAKE2S_IV1	       0xbb67ae85u
#define ESC_BLAKE2S_IV2	       0x3c6ef372u
#define ESC_BLAKE2S_IV3	       0xa54ff53au
#define ESC_BLAKE2S_IV4	       0x510e527fu
#define ESC_BLAKE2S_IV5	       0x9b05688cu
#define ESC_BLAKE2S_IV6	       0x1f83d9abu
#define ESC_BLAKE2S_IV7	       0x5be0cd19u

#define ESC_BLAKE2S_ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))

/* The mixing function G. */
#define ESC_BLAKE2S_G(a, b, c, d, x, y)                                                            \
	do {                                                                                       \
		(a) += (b) + (x);                                                                  \
		(d) = ESC_BLAKE2S_ROTR((d) ^ (a), 16);                                             \
		(c) += (d);                                                                        \
		(b) = ESC_BLAKE2S_ROTR((b) ^ (c), 12);                                             \
		(a) += (b) + (y);                                                                  \
		(d) = ESC_BLAKE2S_ROTR((d) ^ (a), 8);                                              \
		(c) += (d);                                                                        \
		(b) = ESC_BLAKE2S_ROTR((b) ^ (c), 7);                                              \
	} while (0)

/*
 * One round: columns, then diagonals; the arguments are a line of the table SIGMA (2.7). At its end
 * the compiler forgets the block and reads it again in the next one: a copy on the stack would take
 * most of what a BPF program has (512 bytes, its callers' included).
 */
#define ESC_BLAKE2S_ROUND(m, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \
	do {                                                                                       \
		ESC_BLAKE2S_G(v0, v4, v8, v12, (m)[s0], (m)[s1]);                                  \
		ESC_BLAKE2S_G(v1, v5, v9, v13, (m)[s2], (m)[s3]);                                  \
		ESC_BLAKE2S_G(v2, v6, v10, v14, (m)[s4], (m)[s5]);                                 \
		ESC_BLAKE2S_G(v3, v7, v11, v15, (m)[s6], (m)[s7]);                                 \
		ESC_BLAKE2S_G(v0, v5, v10, v15, (m)[s8], (m)[s9]);                                 \
		ESC_BLAKE2S_G(v1, v6, v11, v12, (m)[s10], (m)[s11]);                               \
		ESC_BLAKE2S_G(v2, v7, v8, v13, (m)[s12], (m)[s13]);                                \
		ESC_BLAKE2S_G(v3, v4, v9, v14, (m)[s14], (m)[s15]);                                \
		__asm__ volatile("" ::: "memory");                                                 \
	} while (0)

/*
 * Take one block in. `m` are its 16 words, little-endian ones in host order; `count` is the number
 * of bytes taken in so far, this block's included (below 2^32); `last` says that none follows.
 */
static inline __attribute__((always_inline)) void
esc_blake2s_compress(struct esc_blake2s_state *s, const __u32 m[16], __u32 count, __u32 last)
{
	__u32 v0 = s->h[0], v1 = s->h[1], v2 = s->h[2], v3 = s->h[3];
	__u32 v4 = s->h[4], v5 = s->h[5], v6 = s->h[6], v7 = s->h[7];
	__u32 v8 = ESC_BLAKE2S_IV0, v9 = ESC_BLAKE2S_IV1, v10 = ESC_BLAKE2S_IV2;
	__u32 v11 = ESC_BLAKE2S_IV3, v12 = ESC_BLAKE2S_IV4 ^ count, v13 = ESC_BLAKE2S_IV5;
	__u32 v14 = last ? ~ESC_BLAKE2S_IV6 : ESC_BLAKE2S_IV6, v15 = ESC_BLAKE2S_IV7;

	ESC_BLAKE2S_ROUND(m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	ESC_BLAKE2S_ROUND(m, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
	ESC_BLAKE2S_ROUND(m, 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
	ESC_BLAKE2S_ROUND(m, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
	ESC_BLAKE2S_ROUND(m, 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
	ESC_BLAKE2S_ROUND(m, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
	ESC_BLAKE2S_ROUND(m, 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
	ESC_BLAKE2S_ROUND(m, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
	ESC_BLAKE2S_ROUND(m, 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
	ESC_BLAKE2S_ROUND(m, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
	s->h[0] ^= v0 ^ v8;
	s->h[1] ^= v1 ^ v9;
	s->h[2] ^= v2 ^ v10;
	s->h[3] ^= v3 ^ v11;
	s->h[4] ^= v4 ^ v12;
	s->h[5] ^= v5 ^ v13;
	s->h[6] ^= v6 ^ v14;
	s->h[7] ^= v7 ^ v15;
}

#endif
