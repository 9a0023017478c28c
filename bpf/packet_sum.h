/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * packet_sum.h: the checksum of a part of a packet, read whole: for ICMP errors alone, all else is
 * updated. A global function, verified by itself.
 */
#ifndef ESC_BPF_PACKET_SUM_H
#define ESC_BPF_PACKET_SUM_H

#include "csum.h"

#define ESC_PACKET_SUM_MAX 1536u

/* The folded sum of `len` bytes from `at` in the frame; -1: not there, or more than _MAX. */
__attribute__((noinline)) int esc_packet_sum(struct xdp_md *ctx, __u32 at, __u32 len)
{
	__u32 sum = 0, n;
	__u8 part[64];

	if (len > ESC_PACKET_SUM_MAX)
		return -1;
	for (__u32 i = 0; i < ESC_PACKET_SUM_MAX / sizeof(part) && len; i++) {
		n = esc_between_1_and_64(len < sizeof(part) ? len : sizeof(part));
		__builtin_memset(part, 0, sizeof(part));
		if (bpf_xdp_load_bytes(ctx, at, part, n))
			return -1;
		sum = (__u32)bpf_csum_diff(NULL, 0, (void *)part, sizeof(part), sum);
		at += n;
		len -= n;
	}
	return esc_csum_fold(sum);
}

#endif
