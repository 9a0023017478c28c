/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h: what the crypto process knows, and the functions that its files offer each other.
 *
 *   crypto.c     start, loop, sleep, stop      control.c   messages of control, peers
 *   seal.c       red ring -> black NIC         open.c      black NIC -> red ring
 *   handshake.c  handshakes and timers         path.c      endpoint -> addresses on the wire
 *   stage.c      packets that wait for a session
 *   load.c       under load or not, and what handshakes may cost
 */
#ifndef ESC_CRYPTO_STATE_H
#define ESC_CRYPTO_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf_abi.h"
#include "crypto/load.h"
#include "crypto/outer.h"
#include "desc.h"
#include "frames/frames.h"
#include "guard.h"
#include "hop/hop.h"
#include "ipc/msg.h"
#include "noise/wg.h"
#include "ring/ring.h"
#include "select.h"
#include "status.h"
#include "xsk/xsk.h"

#define BATCH ESC_AEAD_BATCH_MAX

/*
 * Black frame while sealing: headers end at MSG_OFFSET, ciphertext begins on a cache line.
 * Red frame while opening: the IP packet begins at PLAIN_OFFSET, so that red has room for its
 * Ethernet header.
 */
#define MSG_OFFSET   112u
#define PLAIN_OFFSET 128u

/* Packets that wait for a session: per peer (oldest goes first) and together per lane. */
#define STAGED_PER_PEER 64u
#define STAGED_PER_LANE (ESC_FRAMES_PER_QUEUE / 4u)

/*
 * A peer that left so many initiations in a row unanswered is silent: packets for it do not wait,
 * their senders hear at once that it cannot be reached. The last of them goes out after 10 s: one
 * may be lost, and under load the first one only earns a cookie.
 */
#define SILENT_AFTER 3u

/* Handshake messages that wait for their turn, and how many a round may take. */
#define HANDSHAKES_WAITING   2048u
#define HANDSHAKES_PER_ROUND 4u

_Static_assert(MSG_OFFSET >= OUTER_V6_LEN, "outer headers fit");
_Static_assert((MSG_OFFSET + WG_DATA_HEADER_LEN) % 64 == 0, "ciphertext is aligned");

/* The red packet memory as crypto sees it: someone else's, only its bounds are known. */
struct red_memory {
	uint8_t *base;
	uint32_t frame_size;
	uint64_t size;
};

struct lane {
	uint32_t index;
	struct esc_xsk xsk;
	struct esc_ring_end plain_out, plain_out_ret, plain_in_free, plain_in;
	esc_desc empty[2 * BATCH]; /* red frames taken from plain_in_free and not used yet */
	uint32_t empties;
	uint32_t ret_new, in_new; /* put into plain_out_ret and plain_in, not yet published */
	uint32_t staged;	  /* packets of this lane that wait for a session */
};

struct staged_packet {
	esc_desc desc;
	uint32_t lane;
};

struct path_cache {
	struct wg_endpoint endpoint; /* what it was made for */
	struct outer_path path;
	uint64_t generation;
	uint64_t expires;
};

/* What this process keeps per peer, beside the protocol core's own state. */
struct peer_slot {
	struct path_cache cache;
	struct wg_endpoint learned_at; /* endpoint whose packets came from learned_mac */
	uint8_t learned_mac[6];
	struct staged_packet staged[STAGED_PER_PEER];
	uint32_t staged_head, staged_count;
	struct wg_out handshake;  /* waits for its path; len 0 = none */
	uint32_t unanswered;	  /* initiations since the last session, or since it was changed */
	bool announce;		  /* the node moved: the peer has to hear from us */
	struct wg_endpoint shown; /* endpoint in the status memory */
};

struct waiting_handshake {
	struct wg_endpoint from;
	uint8_t mac[6];
	uint16_t len;
	uint8_t msg[WG_INITIATION_LEN];
};

struct crypto {
	struct esc_msg_start start;
	struct esc_link *link;
	struct esc_crypto_status *status;
	struct esc_guard *guard;
	const struct esc_buckets *budgets; /* the black program writes them */
	struct red_memory red;
	struct esc_frames frames; /* the black UMEM */
	struct esc_aead aead;
	struct wg_device *wg;
	uint8_t public_key[32]; /* of the key store's key; all zero: there is none */
	struct esc_hops *hops;
	struct esc_msg_nic nic;
	uint16_t listen_port;
	uint16_t ip_id;
	uint64_t now;
	uint64_t path_generation; /* changes when any cached path may have */
	struct load load;
	struct lane lane[ESC_QUEUES_MAX];
	struct peer_slot *peer; /* [ESC_PEERS_MAX] */
	struct waiting_handshake waiting[HANDSHAKES_WAITING];
	uint32_t waiting_head, waiting_count;
	struct batch_op
		*batch; /* changes that wait for COMMIT (control.c); guarded: it holds keys */
	uint32_t batch_len;
	uint64_t spin_time;
	bool stopping;
	bool zeroized; /* no key is left: end, and touch nothing on the way */
};

static inline void count(struct crypto *c, enum esc_crypto_reason r)
{
	esc_cell_add(&c->status->reason[r], 1);
}

static inline struct peer_slot *slot_of(struct crypto *c, const struct wg_peer *peer)
{
	return &c->peer[wg_peer_id(peer)];
}

/* --- seal.c --- */

/* Seal what red queued on this lane; returns packets taken. */
uint32_t seal_lane(struct crypto *c, struct lane *l);
/* Seal packets that waited for this peer. */
void seal_staged(struct crypto *c, struct wg_peer *peer);
void send_keepalive(struct crypto *c, struct wg_peer *peer);
/* Give a red frame back with its fate; red sees it after rings_publish(). */
void return_frame(struct crypto *c, struct lane *l, esc_desc d, enum esc_ret ret);

/* Let red see what this round produced; false: nothing. */
bool rings_publish(struct lane *l);

/* --- open.c --- */

/* Open what arrived on this lane's queue; returns frames taken. */
uint32_t open_lane(struct crypto *c, struct lane *l);

/* --- handshake.c --- */

void handshake_enqueue(struct crypto *c, const struct outer_in *in);
/* Work on waiting handshake messages beside so many data packets; returns how many are left. */
uint32_t handshake_round(struct crypto *c, uint32_t data);
/* Do what the protocol's timers ask for. */
void timers_round(struct crypto *c);
/* Paths may have changed: send what waited for one. */
void paths_changed(struct crypto *c);

/* --- path.c --- */

enum path_state { PATH_OK, PATH_RESOLVING, PATH_NONE };

/* Where packets for this peer go now; *path is the peer's own and lasts until the next round. */
enum path_state peer_path(struct crypto *c, struct wg_peer *peer, const struct outer_path **path);
/* Authenticated packets of a peer come from this MAC address. */
void path_learn(struct crypto *c, struct wg_peer *peer, const uint8_t mac[6]);
/* The path from the node to `to` through the neighbour with this MAC address. */
void path_fill(const struct crypto *c, const struct wg_endpoint *to, const uint8_t mac[6],
	       struct outer_path *path);
bool same_endpoint(const struct wg_endpoint *a, const struct wg_endpoint *b);

/* --- stage.c --- */

void stage_packet(struct crypto *c, struct wg_peer *peer, struct lane *l, esc_desc d);
bool stage_take(struct crypto *c, struct peer_slot *s, struct staged_packet *p);
/* Give all packets that wait for this peer back to red. */
void stage_drop(struct crypto *c, struct peer_slot *s, enum esc_crypto_reason why,
		enum esc_ret ret);

/* --- crypto.c --- */

/* Wipe every key: the private one, preshared ones, sessions, handshakes, the cookie's. */
void crypto_wipe(struct crypto *c);

/* --- control.c --- */

/* Make room for batches, before the process locks itself in; wipe it. 0 or -ENOMEM. */
int crypto_control_open(struct crypto *c);
void crypto_control_close(struct crypto *c);
/* Take what control sent. 0, or -errno: the connection is unusable and the process must end. */
int crypto_control_round(struct crypto *c);
void crypto_want(const uint8_t dst[16]);
/* Show a peer's endpoint and session to control; cheap if nothing changed. */
void peer_publish(struct crypto *c, struct wg_peer *peer);
/* A handshake with this peer was completed. */
void peer_session(struct crypto *c, struct wg_peer *peer);

#endif
