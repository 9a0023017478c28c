/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * counters.h: what happened to each packet, one reason per packet and domain.
 *
 * Each list below is complete for its domain: every packet that a domain takes in ends in exactly
 * one of its reasons, so the reasons add up to the packets received. X(id, kind, text): kind is
 * PASS (went on towards its destination), LOCAL (answered or handed to the node's own kernel) or
 * DROP. The text is what `esclusa show` prints; the id is the JSON name. Indices are not stable
 * across versions, names are.
 */
#ifndef ESC_MAPS_COUNTERS_H
#define ESC_MAPS_COUNTERS_H

/* Black XDP program: a frame from the internet. */
#define ESC_BLACK_REASONS(X)                                                                       \
	X(to_crypto, PASS, "WireGuard message to crypto")                                          \
	X(arp, LOCAL, "ARP for an own address, to the kernel")                                     \
	X(nd, LOCAL, "neighbour discovery, to the kernel")                                         \
	X(no_socket, DROP, "no crypto socket on this queue")                                       \
	X(off, DROP, "node not ready")                                                             \
	X(short_frame, DROP, "truncated header")                                                   \
	X(ethertype, DROP, "not IPv4, IPv6 or ARP")                                                \
	X(not_for_us_l2, DROP, "not the node's MAC address")                                       \
	X(arp_bad, DROP, "ARP not for an own address, or malformed")                               \
	X(nd_bad, DROP, "neighbour discovery malformed or refused")                                \
	X(ip_header, DROP, "bad IP header")                                                        \
	X(ip_options, DROP, "IP options or extension headers")                                     \
	X(fragment, DROP, "outer fragment")                                                        \
	X(ip_length, DROP, "IP length does not fit the frame")                                     \
	X(not_own_addr, DROP, "not an own address")                                                \
	X(not_udp, DROP, "not UDP")                                                                \
	X(udp_port, DROP, "not the listen port")                                                   \
	X(udp_length, DROP, "UDP length does not match")                                           \
	X(wg_type, DROP, "not a WireGuard message")                                                \
	X(wg_length, DROP, "wrong length for its WireGuard type")                                  \
	X(source, DROP, "impossible source address or port")                                       \
	X(no_session, DROP, "receiver index that does not exist")                                  \
	X(mac_rate, DROP, "more handshakes than there is time to check")                           \
	X(mac1, DROP, "handshake with a wrong mac1")                                               \
	X(replay, DROP, "initiation that was seen before")                                         \
	X(mac2, DROP, "under load: initiation without a valid mac2")                               \
	X(source_rate, DROP, "too many handshakes from one source")                                \
	X(total_rate, DROP, "too many handshakes in total")                                        \
	X(neighbour_rate, DROP, "too many ARP or neighbour discovery messages")                    \
	X(to_lan, PASS, "of a connection, to the red NIC")                                         \
	X(dhcp, LOCAL, "DHCP answer, to the kernel")                                               \
	X(no_connection, DROP, "no connection, and nothing that opens one")                        \
	X(conn_state, DROP, "TCP segment that its connection does not expect")                     \
	X(conn_full, DROP, "no room for connections")                                              \
	X(icmp_error, DROP, "ICMP error about nothing that was sent")                              \
	X(fragment_lost, DROP, "fragment whose first one is not known")                            \
	X(ttl, DROP, "TTL expired")                                                                \
	X(lan_mtu, DROP, "larger than the LAN's MTU")

/* Red XDP program: a frame from the LAN. */
#define ESC_RED_REASONS(X)                                                                         \
	X(to_red, PASS, "for a secure site, to red")                                               \
	X(arp, LOCAL, "ARP, to the kernel")                                                        \
	X(nd, LOCAL, "neighbour discovery, to the kernel")                                         \
	X(echo, LOCAL, "echo to an own address, to the kernel")                                    \
	X(no_socket, DROP, "no red socket on this queue")                                          \
	X(off, DROP, "node not ready")                                                             \
	X(short_frame, DROP, "truncated header")                                                   \
	X(ethertype, DROP, "not IPv4, IPv6 or ARP")                                                \
	X(not_for_us_l2, DROP, "other host's MAC address")                                         \
	X(arp_bad, DROP, "ARP malformed")                                                          \
	X(nd_bad, DROP, "neighbour discovery malformed or refused")                                \
	X(ip_header, DROP, "bad IP header")                                                        \
	X(ip_length, DROP, "IP length does not fit the frame")                                     \
	X(own_addr, DROP, "own address, not ARP, ND or echo")                                      \
	X(multicast, DROP, "multicast or broadcast")                                               \
	X(source, DROP, "impossible source address")                                               \
	X(not_secure, DROP, "not for a secure site")                                               \
	X(to_black, PASS, "for the internet, to the black NIC")                                    \
	X(hairpin, PASS, "for a LAN host's own public port, back to the LAN")                      \
	X(hairpin_refused, DROP, "for an own public port, which does not take it")                 \
	X(service, LOCAL, "service of the node, to the kernel")                                    \
	X(ttl, ANSWER, "TTL expired, answered")                                                    \
	X(too_big, ANSWER, "larger than the black MTU, answered")                                  \
	X(denied, ANSWER, "denied by [Split], answered")                                           \
	X(no_route, ANSWER, "no way to the internet, answered")                                    \
	X(quiet, DROP, "as one of these, but no answer allowed, or too many")                      \
	X(protocol, DROP, "protocol or ICMP type that is not forwarded")                           \
	X(transport, DROP, "malformed transport header")                                           \
	X(fragment_lost, DROP, "fragment whose first one is not known")                            \
	X(icmp_error, DROP, "ICMP error about nothing that was received")

/*
 * black_out, the guard of what red hands to the black NIC: the last look before the internet.
 * It cannot answer; what can be answered is the red program's to find out.
 */
#define ESC_BLACK_OUT_REASONS(X)                                                                   \
	X(sent, PASS, "to the internet")                                                           \
	X(off, DROP, "router mode is off")                                                         \
	X(short_frame, DROP, "truncated header")                                                   \
	X(ethertype, DROP, "not IPv4 or IPv6")                                                     \
	X(ip_header, DROP, "bad IP header or length, or options")                                  \
	X(secure, DROP, "for a secure prefix, in clear")                                           \
	X(source, DROP, "from an address that must not leave")                                     \
	X(destination, DROP, "to an address that is not in the internet")                          \
	X(ttl, DROP, "TTL expired")                                                                \
	X(too_big, DROP, "larger than the black MTU")                                              \
	X(protocol, DROP, "protocol or ICMP type that is not forwarded")                           \
	X(transport, DROP, "malformed transport header")                                           \
	X(denied, DROP, "no connection, and no rule that lets it out")                             \
	X(conn_state, DROP, "TCP segment that its connection does not expect")                     \
	X(conn_full, DROP, "no room for connections")                                              \
	X(no_port, DROP, "no own port left")                                                       \
	X(fragment_lost, DROP, "fragment whose first one is not known")                            \
	X(icmp_error, DROP, "ICMP error about nothing that was received")                          \
	X(no_route, DROP, "no route on the black NIC")                                             \
	X(no_neighbour, DROP, "next hop not resolved yet")                                         \
	X(leak, DROP, "would have left with an address that is not the node's")

/* red_out, the second firewall: what the black program hands to the red NIC. */
#define ESC_RED_OUT_REASONS(X)                                                                     \
	X(let_in, PASS, "into the LAN")                                                            \
	X(off, DROP, "router mode is off")                                                         \
	X(short_frame, DROP, "truncated header")                                                   \
	X(ethertype, DROP, "not IPv4 or IPv6")                                                     \
	X(ip_header, DROP, "bad IP header or length, or options")                                  \
	X(source, DROP, "from an address that cannot be outside")                                  \
	X(destination, DROP, "not for a host of the LAN")                                          \
	X(protocol, DROP, "protocol or ICMP type that is not forwarded")                           \
	X(transport, DROP, "malformed transport header")                                           \
	X(no_flow, DROP, "nobody in the LAN began it, and nothing opens it")                       \
	X(fragment_lost, DROP, "fragment whose first one is not known")                            \
	X(icmp_error, DROP, "ICMP error about nothing that the LAN sent")                          \
	X(no_neighbour, DROP, "LAN host not resolved yet")

/* Red process, from the LAN towards crypto (out_*) and from crypto towards the LAN (in_*). */
#define ESC_RED_PROC_REASONS(X)                                                                    \
	X(out_to_crypto, PASS, "to crypto")                                                        \
	X(out_ttl, LOCAL, "TTL expired, answered")                                                 \
	X(out_too_big, LOCAL, "larger than the tunnel's MTU, answered")                            \
	X(out_bad_ip, DROP, "bad IP header")                                                       \
	X(out_bad_addr, DROP, "from or to an address that is no host's to use here")               \
	X(out_too_big_quiet, DROP, "larger than the tunnel's MTU, no answer allowed")              \
	X(out_ring_full, DROP, "ring to crypto full")                                              \
	X(in_to_lan, PASS, "to the LAN")                                                           \
	X(in_echo, LOCAL, "echo to the node's red address, answered")                              \
	X(in_ttl, LOCAL, "TTL expired, answered")                                                  \
	X(in_too_big, LOCAL, "larger than the LAN's MTU, answered")                                \
	X(in_no_neighbour, LOCAL, "no neighbour on the LAN, answered")                             \
	X(in_bad_ip, DROP, "bad IP header")                                                        \
	X(in_bad_addr, DROP, "from or to an address that is no host's to use here")                \
	X(in_firewall, DROP, "denied by [Firewall]")                                               \
	X(in_own_addr, DROP, "for the node itself, not echo")                                      \
	X(in_pending_full, DROP, "too many packets waiting for neighbours")                        \
	X(in_tx_full, DROP, "LAN transmit ring full")

/* Crypto process, sealing (out_*): IP packets from red. */
#define ESC_CRYPTO_OUT_REASONS(X)                                                                  \
	X(out_sealed, PASS, "sealed and sent")                                                     \
	X(out_bad_ip, DROP, "bad IP header from red")                                              \
	X(out_no_peer, DROP, "no peer for the destination")                                        \
	X(out_no_endpoint, DROP, "peer has no endpoint")                                           \
	X(out_no_session, DROP, "handshake not answered")                                          \
	X(out_staged_full, DROP, "waited too long for a handshake")                                \
	X(out_no_path, DROP, "endpoint not reachable on the black NIC")                            \
	X(out_too_big, DROP, "larger than the black MTU allows")                                   \
	X(out_tx_full, DROP, "black transmit ring full")

/* Crypto process, opening (in_*): messages from the black NIC. */
#define ESC_CRYPTO_IN_REASONS(X)                                                                   \
	X(in_opened, PASS, "opened, to red")                                                       \
	X(in_keepalive, LOCAL, "keepalive")                                                        \
	X(in_handshake, LOCAL, "handshake message, accepted")                                      \
	X(in_cookie, LOCAL, "cookie reply, accepted")                                              \
	X(in_cookie_sent, LOCAL, "handshake answered with a cookie")                               \
	X(in_bad_frame, DROP, "malformed frame")                                                   \
	X(in_bad_handshake, DROP, "handshake refused")                                             \
	X(in_handshake_full, DROP, "too many handshakes waiting")                                  \
	X(in_ecn, DROP, "congestion mark on a packet that cannot carry it")                        \
	X(in_no_index, DROP, "unknown receiver index")                                             \
	X(in_expired, DROP, "session key expired")                                                 \
	X(in_bad_tag, DROP, "authentication failed")                                               \
	X(in_replay, DROP, "replayed or too old")                                                  \
	X(in_bad_ip, DROP, "bad inner IP header")                                                  \
	X(in_source, DROP, "inner source not in the peer's AllowedIPs")                            \
	X(in_no_frame, DROP, "red returned no empty frame")

/* Broken promises of the other side of a ring, process or kernel; counted, never trusted. */
#define ESC_VIOLATIONS(X)                                                                          \
	X(ring_cursor, DROP, "impossible ring cursor")                                             \
	X(desc_range, DROP, "descriptor outside the packet memory")                                \
	X(desc_owner, DROP, "descriptor for a frame not handed over")                              \
	X(kernel_desc, DROP, "AF_XDP descriptor for a frame that the kernel does not have")

/*
 * Packets that an XDP program handed to an AF_XDP socket and that the kernel could not deliver:
 * what a PASS reason of XDP counts and the process behind it does not.
 */
#define ESC_KERNEL_DROPS(X)                                                                        \
	X(rx_ring_full, DROP, "receive ring full: the process was too slow")                       \
	X(rx_dropped, DROP, "no free frame, or the packet does not fit one")

/* Where a frame of a UMEM is: exactly one place at any time. */
#define ESC_PLACES(X)                                                                              \
	X(free, PASS, "free list")                                                                 \
	X(fill, PASS, "kernel, for receiving")                                                     \
	X(busy, PASS, "being worked on")                                                           \
	X(tx, PASS, "kernel, being sent")                                                          \
	X(peer_full, PASS, "other process, with a packet")                                         \
	X(peer_empty, PASS, "other process, empty")                                                \
	X(held, PASS, "waiting for a neighbour")

/* ANSWER: an XDP program sent an ICMP error back in the packet's place. */
enum esc_kind { ESC_KIND_PASS, ESC_KIND_LOCAL, ESC_KIND_ANSWER, ESC_KIND_DROP };

#define ESC_BLACK_ENUM(id, kind, text)	     ESC_BLACK_##id,
#define ESC_RED_ENUM(id, kind, text)	     ESC_RED_##id,
#define ESC_BLACK_OUT_ENUM(id, kind, text)   ESC_BLACK_OUT_##id,
#define ESC_RED_OUT_ENUM(id, kind, text)     ESC_RED_OUT_##id,
#define ESC_RED_PROC_ENUM(id, kind, text)    ESC_RP_##id,
#define ESC_CRYPTO_ENUM(id, kind, text)	     ESC_CR_##id,
#define ESC_VIOLATION_ENUM(id, kind, text)   ESC_VIOLATION_##id,
#define ESC_KERNEL_DROP_ENUM(id, kind, text) ESC_KERNEL_DROP_##id,
#define ESC_PLACE_ENUM(id, kind, text)	     ESC_PLACE_##id,

enum esc_black_reason { ESC_BLACK_REASONS(ESC_BLACK_ENUM) ESC_BLACK_REASON_COUNT };
enum esc_red_reason { ESC_RED_REASONS(ESC_RED_ENUM) ESC_RED_REASON_COUNT };
enum esc_black_out_reason { ESC_BLACK_OUT_REASONS(ESC_BLACK_OUT_ENUM) ESC_BLACK_OUT_COUNT };
enum esc_red_out_reason { ESC_RED_OUT_REASONS(ESC_RED_OUT_ENUM) ESC_RED_OUT_COUNT };
enum esc_red_proc_reason { ESC_RED_PROC_REASONS(ESC_RED_PROC_ENUM) ESC_RP_COUNT };
enum esc_crypto_reason {
	ESC_CRYPTO_OUT_REASONS(ESC_CRYPTO_ENUM) ESC_CRYPTO_IN_REASONS(ESC_CRYPTO_ENUM) ESC_CR_COUNT
};
enum esc_violation { ESC_VIOLATIONS(ESC_VIOLATION_ENUM) ESC_VIOLATION_COUNT };
enum esc_kernel_drop { ESC_KERNEL_DROPS(ESC_KERNEL_DROP_ENUM) ESC_KERNEL_DROP_COUNT };
enum esc_place { ESC_PLACES(ESC_PLACE_ENUM) ESC_PLACE_COUNT };

#endif
