/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * split.h: router mode (R5, R11): what the programs of both NICs and control share about traffic
 * that stays outside of the tunnel.
 *
 * Two firewalls stand one behind the other, and neither uses the other's state. The red domain
 * (red.bpf.c, red_out.bpf.c) knows flows: what the LAN began, as the LAN sees it. The black domain
 * (black_out.bpf.c, black.bpf.c) knows connections: what left the node, and its translation (NAT).
 * Each has its own copy of the policy, of the secure prefixes and of the settings.
 *
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; addresses and be16 are in network order. Times
 * are CLOCK_MONOTONIC in ns (the coarse clock is good enough).
 */
#ifndef ESC_MAPS_SPLIT_H
#define ESC_MAPS_SPLIT_H

#include <linux/types.h>

#include "bpf_abi.h"

/* --- settings: black_split, red_split, arrays of one --------------------------------------------
 */

/*
 * What becomes of a connection (names as conntrack(8) has them). The first three are of protocols
 * without a handshake; a connection is UNREPLIED or SYN_SENT until the other side answered.
 */
enum esc_conn_state {
	ESC_CONN_UDP_UNREPLIED,
	ESC_CONN_UDP_REPLIED,
	ESC_CONN_ICMP,
	ESC_CONN_SYN_SENT,
	ESC_CONN_SYN_RECV,
	ESC_CONN_ESTABLISHED,
	ESC_CONN_FIN_WAIT,  /* one side has nothing more to say */
	ESC_CONN_TIME_WAIT, /* both have not */
	ESC_CONN_CLOSE,	    /* reset */
	ESC_CONN_STATES,
};

enum { ESC_SPLIT_IPV4 = 1, ESC_SPLIT_IPV6 = 2 };

struct esc_split_cfg {
	__u32 abi_version; /* another one than ESC_ABI_VERSION: off */
	__u32 on;	   /* 0: encryptor mode, or not ready; all split traffic is dropped */
	__u32 families; /* ESC_SPLIT_*: those that the black NIC has an address and a route for */
	__u32 policy;	/* which of the two slots of *_policy is in force */
	__u8 own4[4];	/* the black NIC's IPv4 address: source of all translated packets */
	__u16 port_first, port_last; /* NAT ports of who had one from 1024 on (RFC 4787, REQ-3) */
	__u32 black_mtu, red_mtu;
	__u8 black_mac[6], red_mac[6];
	__u32 timeout[ESC_CONN_STATES];	 /* s */
	__u32 fragment_timeout;		 /* s */
	__u32 answer_rate, answer_burst; /* ICMP errors to the LAN, per second and at once */
	__u8 red4[4], red6[16]; /* the red NIC's addresses: where they come from; 0: they do not */
	__u64 until; /* control is dead if it did not put this off; CLOCK_MONOTONIC, ns; 0: no end
		      */
};

/* Programs outlive control, but do not forward by what nobody keeps up to date. */
#define ESC_SPLIT_ALIVE_NS 5000000000ull

static inline int esc_split_over(const struct esc_split_cfg *cfg, __u64 now)
{
	return cfg->until && now >= cfg->until;
}

/* --- policy: black_policy, red_policy, arrays of two ------------------------------------------ */

#define ESC_RULES_MAX	 256u
#define ESC_OPENINGS_MAX 64u
#define ESC_SERVICES_MAX 16u

enum esc_verdict { ESC_DENY, ESC_ALLOW };

/* What may leave the LAN outside of the tunnel: the first rule that fits decides. */
struct esc_rule {
	__u8 from[16], to[16];
	__u8 from_len, to_len;	     /* 0: any, both families; IPv4 is 96 + n */
	__u8 proto;		     /* IPPROTO_*; ICMP stands for ICMPv6, too; 0: any */
	__u8 verdict;		     /* enum esc_verdict */
	__u16 port_first, port_last; /* of the destination, host order; 0 to 65535 without ports */
};

/*
 * What the internet may begin: IPv4 to port_first..port_last of the node's own address goes to
 * `to`, port to_port + the same distance; IPv6 goes to `to` itself, whose port does not change.
 */
struct esc_opening {
	__u8 from[16], to[16];
	__u8 from_len;
	__u8 to_len; /* 128; IPv6: a prefix may be open */
	__u8 proto;  /* IPPROTO_TCP, IPPROTO_UDP; IPv6: IPPROTO_ICMPV6 (echo), too */
	__u8 reserved;
	__u16 port_first, port_last, to_port; /* host order */
	__u16 reserved2;
};

/* A port of the node itself that the LAN may use: DHCP, DNS. To an own address or broadcast. */
struct esc_service {
	__u16 port;	/* host order */
	__u8 proto;	/* IPPROTO_TCP, IPPROTO_UDP */
	__u8 broadcast; /* DHCP: also to 255.255.255.255 and ff02::1:2 */
};

struct esc_policy {
	__u32 rules, openings, services;
	__u32 otherwise; /* enum esc_verdict, where no rule fits */
	struct esc_rule rule[ESC_RULES_MAX];
	struct esc_opening opening[ESC_OPENINGS_MAX];
	struct esc_service service[ESC_SERVICES_MAX];
};

/* red_hits: per-CPU array of esc_count, by slot * ESC_HITS + rule; the last one: no rule fits. */
#define ESC_HITS (ESC_RULES_MAX + 1u)

/* --- connections and flows
 * ------------------------------------------------------------------------ */

/*
 * Seen from the LAN. An ICMP echo's identifier is lan_port, remote_port is 0. IPv4 and IPv6 differ
 * in their addresses.
 */
struct esc_conn_key {
	__u8 lan[16], remote[16];
	__be16 lan_port, remote_port;
	__u8 proto;  /* IPPROTO_TCP, UDP, ICMP, ICMPV6 */
	__u8 pad[3]; /* 0 */
};

/* One side of a TCP connection, of what it sent: as much of its window as was seen. */
struct esc_tcp_side {
	__u32 end;     /* sequence number behind the last byte */
	__u32 max_end; /* the highest that the other side's windows ever allowed */
	__u32 max_win; /* the largest window that it advertised, scaled */
	__u8 scale;
	__u8 seen; /* bits: what was sent; bpf/tcp.h */
	__u16 pad;
};

enum { ESC_CONN_FROM_OUTSIDE = 1 }; /* an opening let it in */

/* conn_new (LRU hash: not answered yet) and conn (hash: answered; never pushed out by new ones). */
struct esc_conn {
	__u64 expires;
	__u64 began;
	__u64 out_packets, out_bytes, in_packets, in_bytes; /* whole IP packets */
	__be16 port; /* the own port or identifier that stands for lan_port; IPv6: lan_port */
	__u8 state;  /* enum esc_conn_state */
	__u8 flags;
	__u32 pad;
	struct esc_tcp_side tcp[2]; /* LAN, remote */
};

enum esc_tcp_from { ESC_FROM_LAN, ESC_FROM_REMOTE };

/* red_flow: LRU hash of esc_conn_key. What the LAN goes on sending renews what was pushed out. */
struct esc_flow {
	__u64 expires;
};

/* --- NAT: ports
 * ------------------------------------------------------------------------------------ */

/* nat_map: hash; the mapping of an inner endpoint, whoever it talks to (RFC 4787, REQ-1). */
struct esc_nat_key {
	__u8 lan[4];
	__be16 port;
	__u8 proto;
	__u8 pad;
};

struct esc_nat_map {
	__u64 used; /* when a connection began with it last */
	__be16 port;
	__u16 pad[3];
};

/*
 * nat_ports: array of the owners of all own ports, by esc_port_slot(). A port is taken by compare
 * and exchange, so that two never own it. Control alone frees ports.
 */
enum { ESC_PORTS_TCP, ESC_PORTS_UDP, ESC_PORTS_ICMP, ESC_PORTS_TABLES };
#define ESC_PORTS_MAX	  (ESC_PORTS_TABLES * 65536u)
#define ESC_PORT_FREE	  0ull
#define ESC_PORT_RESERVED (1ull << 63) /* the listen port, and the ports of openings */
/* Beside its owner: nobody can take it, and control frees it unless a connection turns up. */
#define ESC_PORT_LEAVING (1ull << 62)

/* `port` in host order. */
static inline __u32 esc_port_slot(__u32 table, __u16 port)
{
	return table * 65536u + port;
}

/* Never ESC_PORT_FREE: the protocol is in it. */
static inline __u64 esc_port_owner(const struct esc_nat_key *k)
{
	return (__u64)k->lan[0] << 24 | (__u64)k->lan[1] << 16 | (__u64)k->lan[2] << 8 |
	       (__u64)k->lan[3] | (__u64)(__u16)k->port << 32 | (__u64)k->proto << 48;
}

/* --- fragments: black_frag, red_frag, LRU hashes ------------------------------------------------
 */

/* Fragments follow the first one of their packet, which has the ports. `from`, `to` as received. */
struct esc_frag_key {
	__u8 from[16], to[16];
	__u32 id;   /* as in the packet */
	__u8 proto; /* IPv4; IPv6: 0, only the first fragment's counts (RFC 8200, 4.5) */
	__u8 in;    /* 1: from the internet; no direction finds the other's */
	__u8 pad[2];
};

struct esc_frag {
	__u64 expires;
	__u8 addr[16]; /* in place of `from` (out) or `to` (in) */
};

/* --- next hops: *_route (LPM trie), *_neigh (hash of esc_addr_key), *_wants (ring buffer) --------
 */

struct esc_next {
	__u8 via[16]; /* all zero: on the link */
	__u8 family;  /* of the prefix (enum esc_secure): ::/0 does not speak for IPv4 */
	__u8 pad[3];
};

/* A neighbour in use is asked for again after this long, so that control keeps it resolved. */
#define ESC_NEIGH_REFRESH_NS (30ull * 1000000000ull)
#define ESC_NEIGH_RETRY_NS   1000000000ull /* one that did not answer */
#define ESC_NEIGH_MAX	     8192u
#define ESC_ROUTES_MAX	     4096u
#define ESC_WANTS_SIZE	     65536u /* bytes */

struct esc_neigh_hop {
	__u64 asked; /* when the program asked for it last */
	__u8 mac[6];
	__u8 valid; /* 0: being asked for */
	__u8 pad;
};

/* A record of *_wants: a neighbour that control shall resolve. */
struct esc_neigh_want {
	__u8 addr[16];
};

/*
 * black_secure, black_lan: LPM tries as `secure` is (bpf_abi.h), of the black domain: prefixes that
 * never leave in clear, and those of the LAN (in IPv6 the only sources that may leave).
 */

/* red_devs, black_devs: devmaps; struct bpf_devmap_val: the NIC and the program that sees what goes
 * out there. */
enum { ESC_DEV_BLACK, ESC_DEV_RED, ESC_DEVS };

#define ESC_CONNECTIONS_DEFAULT 65536u
#define ESC_CONNECTIONS_MIN	1024u
#define ESC_CONNECTIONS_MAX	(1u << 20)
#define ESC_FRAGMENTS_MAX	4096u

_Static_assert(sizeof(struct esc_conn_key) == 40, "esc_conn_key layout");
_Static_assert(sizeof(struct esc_rule) == 40, "esc_rule layout");
_Static_assert(sizeof(struct esc_opening) == 44, "esc_opening layout");
_Static_assert(sizeof(struct esc_conn) == 88, "esc_conn layout");
_Static_assert(sizeof(struct esc_nat_key) == 8, "esc_nat_key layout");

#endif
