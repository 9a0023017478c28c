/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * mac.h: mac1 and mac2 of a handshake message that is whole in the frame (WireGuard paper, 5.4.4),
 * from the states that crypto publishes in guard.h. Block and state are in a per-CPU map value: the
 * stack of a BPF program holds only what the compression itself needs.
 */
#ifndef ESC_BPF_MAC_H
#define ESC_BPF_MAC_H

#include "guard.h"
#include "parse.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a message's words are little-endian");

#define MAC_WORDS    4
#define BLOCK_WORDS  16
#define COOKIE_INPUT 18 /* source address and port */

/* Words of a message before its mac1. */
#define INITIATION_WORDS 29
#define RESPONSE_WORDS	 15

struct esc_mac_work {
	struct esc_blake2s_state s;
	__u32 m[BLOCK_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_mac_work);
} black_mac SEC(".maps");

/* A global function: the verifier walks through it once, not once per call. */
__attribute__((noinline)) int esc_mac_compress(struct esc_mac_work *w, __u32 count, __u32 last)
{
	if (!w)
		return 0;
	esc_blake2s_compress(&w->s, w->m, count, last);
	return 0;
}

/* Take in `n` words; the hash has `count` bytes then, the key's block included. */
static __always_inline void esc_mac_words(struct esc_mac_work *w, const esc_u32 *words, int n,
					  __u32 count, __u32 last)
{
	for (int i = 0; i < BLOCK_WORDS; i++)
		w->m[i] = i < n ? words[i] : 0;
	esc_mac_compress(w, count, last);
}

static __always_inline bool esc_mac_is(const struct esc_mac_work *w, const esc_u32 *mac)
{
	return !((w->s.h[0] ^ mac[0]) | (w->s.h[1] ^ mac[1]) | (w->s.h[2] ^ mac[2]) |
		 (w->s.h[3] ^ mac[3]));
}

/* All words before a MAC at word n; what is in w->s before is the state after the key. */
static __always_inline bool esc_mac_check(struct esc_mac_work *w, const esc_u32 *msg, int n)
{
	int done = 0;

	for (; n - done > BLOCK_WORDS; done += BLOCK_WORDS)
		esc_mac_words(w, msg + done, BLOCK_WORDS,
			      ESC_BLAKE2S_BLOCK + 4 * (done + BLOCK_WORDS), 0);
	esc_mac_words(w, msg + done, n - done, ESC_BLAKE2S_BLOCK + 4 * n, 1);
	return esc_mac_is(w, msg + n);
}

/*
 * The number is read once. The state's address depends on it, so the state is read after it, and
 * crypto does not write the newest state (guard.h).
 */
static __always_inline bool esc_mac1_valid(const struct esc_guard *guard, const esc_u32 *msg, int n)
{
	__u32 zero = 0, number = *(const volatile __u32 *)&guard->mac1_number;
	struct esc_mac_work *w = bpf_map_lookup_elem(&black_mac, &zero);

	if (!w || !number)
		return false;
	w->s = guard->mac1[number % 2];
	return esc_mac_check(w, msg, n);
}

/*
 * The cookie of this source under one secret, then the MAC that is keyed with it.
 * cookie = MAC(secret, address || port)
 */
static __always_inline bool esc_mac2_from(struct esc_mac_work *w,
					  const struct esc_blake2s_state *secret,
					  const esc_addr *from, __be16 port, const esc_u32 *msg)
{
	const esc_u32 *words = (const esc_u32 *)from;

	w->s = *secret;
	for (int i = 0; i < BLOCK_WORDS; i++)
		w->m[i] = i < 4 ? words[i] : i == 4 ? port : 0;
	esc_mac_compress(w, ESC_BLAKE2S_BLOCK + COOKIE_INPUT, 1);

	for (int i = 0; i < MAC_WORDS; i++)
		w->m[i] = w->s.h[i];
	for (int i = MAC_WORDS; i < BLOCK_WORDS; i++)
		w->m[i] = 0;
	w->s = (struct esc_blake2s_state){{ESC_BLAKE2S_IV0 ^ (0x01010000u | 16 << 8 | 16),
					   ESC_BLAKE2S_IV1, ESC_BLAKE2S_IV2, ESC_BLAKE2S_IV3,
					   ESC_BLAKE2S_IV4, ESC_BLAKE2S_IV5, ESC_BLAKE2S_IV6,
					   ESC_BLAKE2S_IV7}};
	esc_mac_compress(w, ESC_BLAKE2S_BLOCK, 0);
	return esc_mac_check(w, msg, INITIATION_WORDS + MAC_WORDS);
}

/*
 * Of an initiation, with the newest cookie secret or the one before. All zero is what a sender
 * without a cookie writes: not worth ten compressions.
 */
static __always_inline bool esc_mac2_valid(const struct esc_guard *guard, const esc_addr *from,
					   __be16 port, const esc_u32 *msg)
{
	const esc_u32 *mac2 = msg + INITIATION_WORDS + MAC_WORDS;
	__u32 zero = 0, number = *(const volatile __u32 *)&guard->cookie_number;
	struct esc_mac_work *w = bpf_map_lookup_elem(&black_mac, &zero);

	if (!w || !number || !(mac2[0] | mac2[1] | mac2[2] | mac2[3]))
		return false;
	if (esc_mac2_from(w, &guard->cookie[number % 4], from, port, msg))
		return true;
	return number > 1 && esc_mac2_from(w, &guard->cookie[(number - 1) % 4], from, port, msg);
}

#endif
