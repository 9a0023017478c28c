/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * nat_icmp.h: ICMP errors about packets of connections.
 */
#ifndef ESC_BPF_NAT_ICMP_H
#define ESC_BPF_NAT_ICMP_H

#include "conn.h"
#include "csum.h"
#include "nat_port.h"

/* From the LAN, about a packet that came in; enum esc_black_out_reason. */
__attribute__((noinline)) int esc_nat_icmp_out(struct xdp_md *ctx, struct esc_packet *p)
{
	return p && ctx->data ? ESC_BLACK_OUT_icmp_error : ESC_BLACK_OUT_off;
}

/* From the internet, about a packet that left; enum esc_black_reason. */
__attribute__((noinline)) int esc_nat_icmp_in(struct xdp_md *ctx, struct esc_packet *p)
{
	return p && ctx->data ? ESC_BLACK_icmp_error : ESC_BLACK_off;
}

#endif
