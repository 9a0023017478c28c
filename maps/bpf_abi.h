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
 *                                    black_guard (guard.h), black_limits, black_checks,
 *                                    black_sources, black_seen, black_buckets, black_talkers,
 *                                    black_devs
 *   red.bpf.o     program red        maps red_cfg red_addr red_stats red_xsks secure red_devs
 *   black_out.bpf.o, red_out.bpf.o   programs of that name, maps black_out_stats, red_out_stats
 *   egress.bpf.o  program egress     maps egress_cfg egress_stats, black_addr of black (tc clsact
 *                                    on the black NIC: lets only ARP, ND and DHCP requests of the
 *                                    node's own kernel leave; R6)
 *
 * Shared (split.h): red, red_out: red_split red_policy red_flow red_frag red_hits red_route
 * red_neigh red_wants red_addr secure; black, black_out: black_split black_policy black_secure
 * black_lan black_route black_neigh black_wants; these two and red (hairpin): conn_new conn nat_map
 * nat_ports black_frag.
 */

/* *_cfg: array of one. A program drops everything (reason `off`) until `on` is 1. */
struct esc_nic_cfg {
	__u32 abi_version;
	__u32 on;
	__u16 listen_port; /* network order; black only */
	__u8 mac[6];	   /* own MAC address */
	__u32 flags;	   /* ESC_NIC_* */
};

/* The address comes by DHCP: the client's requests may leave, answers reach the kernel. Black. */
enum { ESC_NIC_DHCP = 1 };

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
 * black_limits: array of one, written by control before `on`. Rates are per second, bursts in
 * messages; a rate or burst of 0 lets nothing pass, so a node without limits is closed. What passes
 * a bucket is counted nowhere else; a bucket that is empty drops (mac_rate, source_rate,
 * total_rate, mac2, neighbour_rate).
 */
struct esc_limits {
	__u32 source_rate, source_burst; /* one source's initiations; with mac2 another as many */
	__u32 total_rate, total_burst; /* all initiations that may cost a DH, of unknown sources */
	__u32 cookie_rate, cookie_burst; /* all initiations to be answered with a cookie */
	__u32 known_rate, known_burst;	 /* as source_*, from where a peer was seen; not in total */
	__u32 neighbour_rate, neighbour_burst; /* one sender's ARP and ND; in total 10 times that */
	__u32 mac_rate;	 /* initiations of unknown sources whose mac1 each CPU computes */
	__u32 replay_ms; /* no rate: an initiation that passed longer ago passes no more */
};

/* The burst of mac_rate: what comes in this time, but never less than one message. */
#define ESC_MAC_BURST_NS 4000000u

/* A token bucket as the time (CLOCK_MONOTONIC, ns) at which it will be full again. */
struct esc_bucket {
	__u64 full_at;
};

/* black_checks: per-CPU array of one struct esc_bucket, that of mac_rate. */

/*
 * black_sources: LRU hash of who sent initiations with a right mac1, or ARP and ND. A key is an
 * IPv4 address, the /64 of an IPv6 address (the other half is zero), or a neighbour's MAC address
 * in the last six bytes behind ff: (no packet comes from an IPv6 group).
 */
struct esc_source_key {
	__u8 addr[16];
};

/* Who can only write an address of others cannot empty the bucket of who receives there. */
struct esc_source {
	struct esc_bucket unproven; /* without mac2; ARP and ND */
	struct esc_bucket proven;   /* with a valid mac2 */
};

/*
 * black_seen: LRU hash of initiations that went to crypto, by their mac1, a MAC of all that matters
 * in them. The value is when the first one did (CLOCK_MONOTONIC, ns).
 */
struct esc_seen_key {
	__u8 mac1[16];
};

/*
 * black_buckets: array of one, mmap-able, written by the program. refused_at tells, to a
 * millisecond, when a budget last refused an initiation with a right mac1 and without a valid mac2
 * (CLOCK_MONOTONIC, ns; 0: never). From then on crypto should ask for cookies, however little work
 * it has: a peer whose address somebody forges gets through with one.
 */
struct esc_buckets {
	struct esc_bucket total, cookie, neighbour;
	__u64 refused_at;
};

/*
 * black_talkers: LRU hash of sources whose packets were dropped, keys as above, one counter per
 * kind. One drop in ESC_TALKER_SAMPLE is looked at and counts for all of them: memory and cost are
 * bounded, and who sends much stays in it.
 */
#define ESC_TALKER_SAMPLE 16u

enum esc_attack_kind {
	ESC_ATTACK_malformed, /* whatever is dropped before session and MACs are looked at */
	ESC_ATTACK_mac1,
	ESC_ATTACK_mac2,
	ESC_ATTACK_rate,
	ESC_ATTACK_session,
	ESC_ATTACK_neighbour,
	ESC_ATTACK_KINDS,
};

/* The kind of a reason (enum esc_black_reason); ESC_ATTACK_KINDS: it is not about an attack. */
static inline __u32 esc_attack_kind(__u32 reason)
{
	switch (reason) {
	case ESC_BLACK_to_crypto:
	case ESC_BLACK_arp:
	case ESC_BLACK_nd:
	case ESC_BLACK_off:
	case ESC_BLACK_no_socket:
	case ESC_BLACK_to_lan:
	case ESC_BLACK_dhcp:
	case ESC_BLACK_ttl:
	case ESC_BLACK_lan_mtu:
		return ESC_ATTACK_KINDS;
	case ESC_BLACK_mac1:
	case ESC_BLACK_mac_rate: /* not looked at, but of the same flood */
		return ESC_ATTACK_mac1;
	case ESC_BLACK_mac2:
		return ESC_ATTACK_mac2;
	case ESC_BLACK_replay:
	case ESC_BLACK_source_rate:
	case ESC_BLACK_total_rate:
		return ESC_ATTACK_rate;
	case ESC_BLACK_no_session:
		return ESC_ATTACK_session;
	case ESC_BLACK_arp_bad:
	case ESC_BLACK_nd_bad:
	case ESC_BLACK_neighbour_rate:
		return ESC_ATTACK_neighbour;
	default:
		return ESC_ATTACK_malformed;
	}
}

struct esc_talker {
	__u64 packets[ESC_ATTACK_KINDS];
	__u64 first, last; /* CLOCK_MONOTONIC, ns */
};

/* *_stats: per-CPU array indexed by reason. */
struct esc_count {
	__u64 packets;
	__u64 bytes;
};

enum esc_egress_reason {
	ESC_EGRESS_arp,
	ESC_EGRESS_nd,
	ESC_EGRESS_dhcp,
	ESC_EGRESS_dropped,
	ESC_EGRESS_COUNT,
};

_Static_assert(sizeof(struct esc_nic_cfg) == 20, "esc_nic_cfg layout");
_Static_assert(sizeof(struct esc_buckets) == 32, "esc_buckets layout");
_Static_assert(sizeof(struct esc_limits) == 48, "esc_limits layout");
_Static_assert(sizeof(struct esc_lpm_key) == 20, "esc_lpm_key layout");
_Static_assert(sizeof(struct esc_count) == 16, "esc_count layout");

#endif
