/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h: what the red process knows, and the functions that its files offer each other.
 *
 *   red.c      start, loop, sleep, stop      out.c      LAN -> crypto, frames coming back
 *   in.c       crypto -> LAN                 answer.c   ICMP errors on both ways
 *   pending.c  packets that wait for a neighbour
 *   split.c    packets that are fragmented here
 *   control.c  messages of control
 */
#ifndef ESC_RED_STATE_H
#define ESC_RED_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "desc.h"
#include "frames/frames.h"
#include "hop/hop.h"
#include "ipc/msg.h"
#include "red/firewall.h"
#include "red/icmp.h"
#include "red/ip.h"
#include "ring/ring.h"
#include "status.h"
#include "xsk/xsk.h"

#define BATCH 64u

/* Where the IP packet of a frame that red itself fills begins: room for Ethernet before it. */
#define IP_OFFSET 128u

/* Empty frames that crypto holds per lane, ready for plaintext. */
#define EMPTIES_AT_CRYPTO (ESC_FRAMES_PER_QUEUE / 4u)

/*
 * Packets that crypto holds per lane, at most: a LAN that sends faster than crypto seals, or to
 * silent peers, must leave frames for receiving and for the other direction.
 */
#define PACKETS_AT_CRYPTO (3u * ESC_FRAMES_PER_QUEUE / 8u)

/* Packets that wait for a neighbour: all together, per destination, and for how long. */
#define PENDING_MAX	64u
#define PENDING_PER_DST 8u
#define PENDING_TIME	1000000000ull

/* What may be done so many times at once, and then once per period (ns): a token bucket. */
struct rate {
	uint32_t burst;
	uint64_t period;
};

/*
 * ICMP errors: 100 per second and direction (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)). What other
 * sites provoke does not take path MTU discovery from the LAN.
 */
#define ICMP_RATE ((struct rate){50, 1000000000ull / 100})

/* Questions to control: a remote site that scans the LAN must not keep it busy. */
#define WANT_RATE ((struct rate){256, 1000000000ull / 1000})

struct lane {
	uint32_t index;
	struct esc_xsk xsk;
	struct esc_ring_end plain_out, plain_out_ret, plain_in_free, plain_in;
	uint32_t out_new; /* descriptors put into plain_out, not yet published */
	uint32_t empties; /* frames in crypto's hands for plaintext */
	uint32_t packets; /* frames in crypto's hands with packets to seal */
};

struct pending {
	uint64_t until;
	uint64_t addr; /* of the IP packet */
	uint32_t lane;
	uint8_t dst[16];
};

struct red {
	struct esc_msg_start start;
	struct esc_link *link;
	struct esc_red_status *status;
	struct esc_frames frames;
	struct esc_hops *hops;
	struct firewall *firewall;
	struct esc_msg_nic nic;
	uint64_t now;
	/* When each bucket will be full again. */
	uint64_t lan_icmp_full, tunnel_icmp_full, want_full;
	struct pending pending[PENDING_MAX]; /* the first pending_count, oldest first */
	uint32_t pending_count;
	struct lane lane[ESC_QUEUES_MAX];
	uint64_t spin_time;
	bool stopping;
};

static inline void count(struct red *r, enum esc_red_proc_reason why)
{
	esc_cell_add(&r->status->reason[why], 1);
}

static inline uint64_t addr_of(const struct red *r, const uint8_t *p)
{
	return (uint64_t)(p - r->frames.base);
}

static inline uint32_t offset_of(const struct red *r, uint64_t addr)
{
	return (uint32_t)addr & (r->frames.frame_size - 1);
}

/* Bytes from addr to the end of its frame. */
static inline uint32_t room_at(const struct red *r, uint64_t addr)
{
	return r->frames.frame_size - offset_of(r, addr);
}

static inline void free_busy(struct red *r, uint64_t addr)
{
	esc_frame_free(&r->frames, esc_frame_of(&r->frames, addr), ESC_PLACE_busy);
}

/* The end of a packet here: its frame is free again. */
static inline enum esc_red_proc_reason dropped(struct red *r, const uint8_t *ip,
					       enum esc_red_proc_reason why)
{
	free_busy(r, addr_of(r, ip));
	return why;
}

/* Take a token; *full is the bucket. false: none left. */
static inline bool rate_allows(const struct red *r, struct rate rate, uint64_t *full)
{
	uint64_t from = *full > r->now ? *full : r->now;

	if (from + rate.period > r->now + rate.burst * rate.period)
		return false;
	*full = from + rate.period;
	return true;
}

/* --- red.c --- */

/* One look at everything but control; returns how much there was to do. */
uint32_t red_round(struct red *r);
/* A free frame, now busy; its IP packet begins at the result. NULL: none left. */
uint8_t *frame_for_packet(struct red *r);
bool own_address(const struct red *r, const uint8_t addr[16]);
/* Between two hosts that may talk through a router, and not forged in the node's own name. */
bool addresses_ok(const struct red *r, const struct packet *p);
/* The node's address of the same family on the red NIC; NULL: none. */
const uint8_t *source_for(const struct red *r, const uint8_t addr[16]);
/* Hand on a packet in a busy frame; false: not possible now, the frame is still busy. */
typedef bool (*send_fn)(struct red *r, struct lane *l, const struct packet *p,
			const uint8_t mac[6]);
/* A send_fn: write the Ethernet header before the packet and queue it for the LAN. */
bool send_to_lan(struct red *r, struct lane *l, const struct packet *p, const uint8_t mac[6]);

/* --- out.c --- */

/* What the LAN sent on this lane's queue; returns frames taken. */
uint32_t out_lane(struct red *r, struct lane *l);
/* Frames that crypto is done with; returns how many. */
uint32_t returned_lane(struct red *r, struct lane *l);
/* Hand a packet in a busy frame to crypto; false: it has enough, the frame is still busy. */
bool out_queue(struct red *r, struct lane *l, const struct packet *p);
/* Show crypto what was queued; returns how many packets. */
uint32_t out_publish(struct lane *l);
/*
 * One packet in a busy frame, [ip, ip+room), behind ETH_LEN bytes that tell who sent it. Returns
 * its fate; every path takes care of the frame.
 */
enum esc_red_proc_reason out_packet(struct red *r, struct lane *l, uint8_t *ip, uint32_t room);

/* --- in.c --- */

/* What crypto opened; returns frames taken. */
uint32_t in_lane(struct red *r, struct lane *l);
/* Give crypto empty frames for plaintext. */
void in_stock(struct red *r, struct lane *l);
/* As out_packet(); ESC_RP_COUNT: it waits, and is counted when it leaves (pending.c). */
enum esc_red_proc_reason in_packet(struct red *r, struct lane *l, uint8_t *ip, uint32_t room);
/* The last step of in_packet: next hop known, waiting if it may, or none. */
enum esc_red_proc_reason in_forward(struct red *r, struct lane *l, const struct packet *p,
				    bool may_wait);

/* --- answer.c --- */

/* Send an ICMP error about p to the LAN host that sent it; mac: its own or its router's. */
bool answer_lan(struct red *r, struct lane *l, const struct packet *p, const uint8_t mac[6],
		enum icmp_error what, uint32_t mtu);
/* Send an ICMP error about p back through the tunnel. */
bool answer_tunnel(struct red *r, struct lane *l, const struct packet *p, enum icmp_error what,
		   uint32_t mtu);

/* --- pending.c --- */

/* Keep a packet until its neighbour is known; false: no room, the frame is still busy. */
bool pending_add(struct red *r, struct lane *l, const struct packet *p);
/* Something is known about dst (NULL: time went by): send, answer, or keep on waiting. */
void pending_round(struct red *r, const uint8_t *dst);
/* When the next packet has waited long enough; UINT64_MAX: none waits. */
uint64_t pending_next(const struct red *r);

/* --- split.c --- */

/* Fragment p to mtu and send each piece; p's own frame stays busy. false: not all of them. */
bool split_packet(struct red *r, struct lane *l, const struct packet *p, uint32_t mtu, send_fn send,
		  const uint8_t mac[6]);

/* --- control.c --- */

int red_control_round(struct red *r);
/* Ask for the next hop of dst, unless there were too many questions. */
void red_want(struct red *r, const uint8_t dst[16]);

#endif
