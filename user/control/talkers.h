/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * talkers.h: who sends most of what is refused: readings of black_talkers, one a second while it
 * matters, become a list of the main sources of an attack. Memory is bounded whatever comes:
 * the space-saving sketch (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and
 * top-k elements in data streams, ICDT 2005) never misses a source with more than
 * 1/ESC_TALKERS_HELD of all packets that the table showed. No I/O.
 */
#ifndef ESC_CONTROL_TALKERS_H
#define ESC_CONTROL_TALKERS_H

#include <stdint.h>

#include "bpf_abi.h"

#define ESC_TALKERS_HELD  128u
#define ESC_TALKERS_SHOWN 5u
#define ESC_TALKER_STR	  56u

struct esc_talker_reading {
	struct esc_source_key key;
	struct esc_talker talker;
};

/* A source and what it sent, estimated from samples. */
struct esc_talker_share {
	struct esc_source_key key;
	uint64_t packets;
	uint64_t surplus; /* so many of them may be another's */
	uint32_t kinds;	  /* bits of enum esc_attack_kind */
};

struct esc_talkers {
	struct esc_talker_reading *last; /* sorted by key */
	uint32_t lasts, max;
	struct esc_talker_share held[ESC_TALKERS_HELD];
	uint32_t helds;
	uint64_t total;
};

int esc_talkers_open(struct esc_talkers *t, uint32_t max); /* of a reading. 0 or -ENOMEM */
void esc_talkers_close(struct esc_talkers *t);
/* Forget all; the next reading is what later ones are compared with. */
void esc_talkers_reset(struct esc_talkers *t);
/*
 * A reading of n <= max entries, which are sorted in place. Sources that are new since `since`
 * (CLOCK_MONOTONIC, ns) count from their beginning, others from their last reading.
 */
void esc_talkers_feed(struct esc_talkers *t, struct esc_talker_reading *r, uint32_t n,
		      uint64_t since);
/* The largest ones that sent at least 2 % of everything, for certain: how many. */
uint32_t esc_talkers_top(struct esc_talkers *t, struct esc_talker_share out[ESC_TALKERS_SHOWN]);

/* "192.0.2.1", "2001:db8::/64", "02:00:00:00:00:01"; returns buf. */
const char *esc_talker_format(const struct esc_source_key *key, char buf[ESC_TALKER_STR]);

#endif
