/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * bpf_abi.h: keys and values of the BPF maps that control fills and reads. Addresses and ports
 * are in network byte order, everything else in host byte order. IPv4 addresses are stored as
 * IPv4-mapped IPv6 (::ffff:a.b.c.d), so one map serves both families.
 */
#ifndef ESC_MAPS_BPF_ABI_H
#define ESC_MAPS_BPF_ABI_H

#include <linux/types.h>

#include "counters.h"
#include "sizes.h"

/*
 * Map and program names (15 characters at most), also the names of their pins under
 * /sys/fs/bpf/esclusa/NAME/:
 *
 *   black.bpf.o   program black      maps black_cfg black_addr black_stats black_xsks
 *   red.bpf.o     program red        maps red_cfg red_addr red_stats red_xsks secure
 *   egress.bpf.o  program egress     maps egress_stats   (tc clsact on the black NIC: lets only
 *                                    ARP and ND of the node's own kernel leave; R6)
 */

/* *_cfg: array of one. A program drops everything (reason `off`) until `on` is 1. */
struct esc_nic_cfg {
	__u32 abi_version;
	__u32 on;
	__u16 listen_port; /* network order; black only */
	__u8 mac[6];	   /* own MAC address */
	__u32 reserved;
};

/*
 * *_addr: hash of own addresses; the value is 1. `secure`: LPM trie of the prefixes of secure
 * sites; the value is the prefix's family, so that ::/0 does not speak for IPv4 as well. No IPv6
 * prefix inside ::ffff:0:0/96 may be entered.
 */
enum esc_secure { ESC_SECURE_IPV4 = 4, ESC_SECURE_IPV6 = 6 };

struct esc_addr_key {
	__u8 addr[16];
};

struct esc_lpm_key {
	__u32 prefixlen; /* 96 + n for IPv4 */
	__u8 addr[16];
};

/* *_stats: per-CPU array indexed by reason. */
struct esc_count {
	__u64 packets;
	__u64 bytes;
};

enum esc_egress_reason { ESC_EGRESS_arp, ESC_EGRESS_nd, ESC_EGRESS_dropped, ESC_EGRESS_COUNT };

_Static_assert(sizeof(struct esc_nic_cfg) == 20, "esc_nic_cfg layout");
_Static_assert(sizeof(struct esc_lpm_key) == 20, "esc_lpm_key layout");
_Static_assert(sizeof(struct esc_count) == 16, "esc_count layout");

#endif
