/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * sizes.h: sizes that every part of the node agrees on. Included by BPF programs and by user
 * space; nothing here may need a libc header.
 */
#ifndef ESC_MAPS_SIZES_H
#define ESC_MAPS_SIZES_H

#define ESC_ABI_VERSION 1u

/* NIC queues that a node uses on each side; lane i joins red queue i and black queue i. */
#define ESC_QUEUES_MAX 16u

/* Peers of one node; a peer's id is its slot in the shared status memory. R8 asks for 250. */
#define ESC_PEERS_MAX 1024u

/* AllowedIPs prefixes of one node, all peers together; also the size of red's LPM maps. */
#define ESC_PREFIXES_MAX 16384u

/* Own addresses per NIC, IPv4 and IPv6 together. */
#define ESC_ADDRS_MAX 64u

/* Entries of black_sources unless the configuration says otherwise, and of black_talkers. */
#define ESC_SOURCES_DEFAULT 16384u
#define ESC_TALKERS_MAX	    4096u

/* Initiations that the black program remembers, and after how many ms a copy is a replay. */
#define ESC_SEEN_MAX  8192u
#define ESC_REPLAY_MS 1000u

/* Slots of each AF_XDP ring (RX, TX, fill, completion): a power of two. */
#define ESC_XSK_RING 2048u

/* Frames of a UMEM per queue. Shared rings have as many slots, so none of them can run full. */
#define ESC_FRAMES_PER_QUEUE 4096u

/* UMEM chunk: the small one while both MTUs fit, the large one up to a page (aligned mode). */
#define ESC_FRAME_SMALL 2048u
#define ESC_FRAME_LARGE 4096u

/* What the kernel leaves in front of a received packet (XDP_PACKET_HEADROOM). */
#define ESC_XDP_HEADROOM 256u

#define ESC_NAME_MAX	 15u /* node name, as long as a network device's */
#define ESC_LABEL_MAX	 63u /* peer name */

#endif
