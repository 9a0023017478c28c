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
 *                                    black_guard (guard.h), black_limits, black_sources,
 *                                    black_buckets, black_talkers
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

/*
 * black_limits: array of one, written by control. Rates are per second, bursts in messages. What
 * passes a bucket is counted nowhere else; a bucket that is empty drops (source_rate, total_rate,
 * neighbour_rate).
 */
struct esc_limits {
	__u32 source_rate, source_burst; /* handshakes of one source, with a right MAC */
	__u32 total_rate, total_burst; /* initiations without mac2, from sources that no peer has */
	__u32 cookie_rate, cookie_burst; /* under load: the same, to be answered with a cookie */
	__u32 known_rate, known_burst;	 /* per source: initiations from where a peer was seen */
	__u32 neighbour_rate, neighbour_burst; /* ARP and ND, per sender and in total 10 times */
	__u32 reserved[2];
};

/* black_sources: LRU hash; IPv4 /32, IPv6 /64 (the other half is zero). */
struct esc_source_key {
	__u8 addr[16];
};

/* A token bucket as the time (CLOCK_MONOTONIC, ns) at which it will be full again. */
struct esc_bucket {
	__u64 full_at;
};

enum esc_bucket_total { ESC_BUCKET_total, ESC_BUCKET_cookie, ESC_BUCKET_neighbour, ESC_BUCKETS };

/*
 * black_talkers: LRU hash of sources whose packets were dropped, one counter per kind: memory is
 * bounded, and who sends much stays in it (the program samples when there is little else to do).
 */
enum esc_attack_kind {
	ESC_ATTACK_malformed, /* whatever is dropped before the MACs */
	ESC_ATTACK_mac1,
	ESC_ATTACK_mac2,
	ESC_ATTACK_rate,
	ESC_ATTACK_session,
	ESC_ATTACK_neighbour,
	ESC_ATTACK_KINDS,
};

struct esc_talker {
	__u64 packets[ESC_ATTACK_KINDS];
	__u64 first, last; /* CLOCK_MONOTONIC, ns */
};

/* *_stats: per-CPU array indexed by reason. */
struct esc_count {
	__u64 packets;
	__u64 bytes;
};

enum esc_egress_reason { ESC_EGRESS_arp, ESC_EGRESS_nd, ESC_EGRESS_dropped, ESC_EGRESS_COUNT };

_Static_assert(sizeof(struct esc_nic_cfg) == 20, "esc_nic_cfg layout");
_Static_assert(sizeof(struct esc_limits) == 48, "esc_limits layout");
_Static_assert(sizeof(struct esc_lpm_key) == 20, "esc_lpm_key layout");
_Static_assert(sizeof(struct esc_count) == 16, "esc_count layout");

#endif
