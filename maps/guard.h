/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * guard.h: what crypto tells the black program so that floods end in the NIC's driver (R3): how to
 * check mac1 and mac2, whether to ask for mac2, which sessions exist, where peers were seen last.
 * One array map of one value, mapped by crypto, which writes it without a system call; the program
 * only reads it. Nothing in it is a long-term secret, or derived from one: mac1's key
 * comes from the public key, a cookie secret lives for 120 s and is here as a state from which MACs
 * can be made, not as a key.
 *
 * Writer: crypto alone. A state is written into a slot that no reader looks at, then its number is
 * published (store-release); readers use what the number names and, for cookies, the one before.
 * Words are in host byte order, addresses in network order, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef ESC_MAPS_GUARD_H
#define ESC_MAPS_GUARD_H

#include <linux/types.h>

#include "blake2s.h"
#include "sizes.h"

/* A session's index names its slot by its low bits. Four per peer, and as many again. */
#define ESC_SESSION_SLOTS 8192u

/* Endpoints of peers, by a hash of the address: a bucket has room for ESC_KNOWN_WAYS. */
#define ESC_KNOWN_BUCKETS 1024u
#define ESC_KNOWN_WAYS	  4u

struct esc_known {
	__u8 addr[16]; /* all zero: free */
};

struct esc_guard {
	__u32 abi_version; /* ESC_ABI_VERSION once crypto has written the rest; else handshakes drop
			    */
	__u32 under_load;  /* 1: handshakes need a valid mac2, but for those from known addresses */
	__u32 mac1_number; /* of the newest: mac1[number % 2]; 0: no key yet, handshakes drop */
	/*
	 * Of the newest secret: cookie[number % 4]; the one before it, number - 1, is valid as
	 * well. 0: none is valid. What is not valid is wiped, so that no MAC must be taken for one
	 * of its.
	 */
	__u32 cookie_number;
	/* MACs after the block that holds the key: the same start for every message. */
	struct esc_blake2s_state mac1[2];
	struct esc_blake2s_state cookie[4]; /* the key is a cookie secret */
	__u32 session[ESC_SESSION_SLOTS];   /* [index % ESC_SESSION_SLOTS] = index; 0: none */
	struct esc_known known[ESC_KNOWN_BUCKETS][ESC_KNOWN_WAYS];
};

/*
 * Which bucket: only crypto chooses what is in there, so any spread will do. Words, not bytes: it
 * is on the way of every forged handshake.
 */
static inline __u32 esc_known_bucket(const __u8 addr[16])
{
	__u32 h = 2166136261u;

	for (__u32 i = 0; i < 4; i++) {
		__u32 word;

		__builtin_memcpy(&word, addr + i * sizeof(word), sizeof(word));
		h = (h ^ word) * 0x9e3779b1u;
	}
	return (h ^ h >> 15) % ESC_KNOWN_BUCKETS;
}

_Static_assert((ESC_SESSION_SLOTS & (ESC_SESSION_SLOTS - 1)) == 0, "a power of two");
_Static_assert(ESC_SESSION_SLOTS >= 4 * ESC_PEERS_MAX, "room for all sessions");
_Static_assert(ESC_KNOWN_BUCKETS *ESC_KNOWN_WAYS >= 2 * ESC_PEERS_MAX, "and for all endpoints");
_Static_assert(sizeof(struct esc_guard) == 16 + 6 * 32 + 4 * 8192 + 16 * 4096, "layout");

#endif
