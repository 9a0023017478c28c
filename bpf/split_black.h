/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * split_black.h: what the black domain goes by in router mode, beside its connections (nat.h): its
 * own copies of the prefixes, and where packets go next on its NIC. Shared by black.bpf.c and
 * black_out.bpf.c.
 */
#ifndef ESC_BPF_SPLIT_BLACK_H
#define ESC_BPF_SPLIT_BLACK_H

#include "hop.h"
#include "nat.h"

ESC_PREFIX_SET(black_secure);
ESC_PREFIX_SET(black_lan);

ESC_HOP_MAPS(black);

static __always_inline bool esc_own4(const struct esc_split_cfg *cfg, const esc_addr *a)
{
	return a->s6_addr32[3] == *(const esc_u32 *)cfg->own4;
}

#endif
