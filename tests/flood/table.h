/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* table.h: what the flood's BPF program and its user space share. */
#ifndef ESC_FLOOD_TABLE_H
#define ESC_FLOOD_TABLE_H

#include <linux/types.h>

#include "blake2s.h"

#define FLOOD_FRAMES_MAX 16384u
#define FLOOD_HEAD_MAX	 256u /* bytes of a frame that may differ from the others', and one */
#define FLOOD_RANDOM_MAX 4

struct flood_frame {
	__u8 bytes[FLOOD_HEAD_MAX];
};

struct flood_plan {
	__u64 end;	/* CLOCK_MONOTONIC, ns */
	__u64 interval; /* ns between frames; 0: as fast as it goes */
	__u64 count;	/* frames at most */
	__u32 ifindex;
	__u32 frames;			   /* entries of the table that are in use */
	__u32 head;			   /* bytes of each that are used */
	__u32 spread;			   /* 1: invented source address and port */
	__u32 random_at[FLOOD_RANDOM_MAX]; /* offsets of 32-bit words in the frame; 0: no more */
	__u32 macs;			   /* 1, 2: then mac1, and mac2, of this initiation: */
	__u32 message_at;
	struct esc_blake2s_state key[2]; /* after their keys (guard.h) */
};

struct flood_state {
	__u64 sent, next;
	__u32 turn, over;
};

#endif
