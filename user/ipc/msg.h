/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg.h: the control plane between control and the packet processes: fixed-size messages over a
 * SOCK_SEQPACKET socketpair, one message per packet. This is the only header that control shares
 * with the domains, besides maps/. Red and crypto have no socket between them.
 *
 * A receiver accepts a message only if its length is exactly what its type says and its type is
 * one that the sender's side may send; anything else is fatal to the connection (esc_msg_recv).
 * Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. Ports are in host order.
 *
 * Peer changes form a batch: the receiver keeps them and applies all at MSG_COMMIT, so no packet
 * ever sees half of a batch; it answers MSG_ACK. Control validated the batch before.
 */
#ifndef ESC_IPC_MSG_H
#define ESC_IPC_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sizes.h"
#include "split.h"

enum esc_msg_type {
	/* control -> crypto */
	ESC_MSG_CRYPTO_START = 1, /* first message; struct esc_msg_crypto_start */
	ESC_MSG_DEVICE,		  /* private key and listen port; batched */
	ESC_MSG_PEER_SET,	  /* create a peer or change what `fields` names; batched */
	ESC_MSG_PEER_REMOVE,	  /* batched */
	ESC_MSG_PEER_PREFIX,	  /* add, remove or clear AllowedIPs; batched */
	ESC_MSG_COMMIT,
	/* control -> red */
	ESC_MSG_RED_START,
	ESC_MSG_FIREWALL, /* what secure sites may begin; in parts, the last one applies all */
	/* control -> both */
	ESC_MSG_NIC, /* MAC, MTU, link state and own addresses of the NIC, at start and on change */
	ESC_MSG_HOP, /* answer to WANT, and again whenever the answer changes */
	ESC_MSG_STOP, /* return frames, finish the ledger, exit 0 */
	ESC_MSG_PING, /* are you there? */
	/* control -> crypto */
	ESC_MSG_ZEROIZE, /* wipe every key at once, answer ZEROIZED, exit 0 */
	/* crypto or red -> control */
	ESC_MSG_READY,	  /* set-up done, privileges gone, packets may come */
	ESC_MSG_ACK,	  /* answer to COMMIT */
	ESC_MSG_WANT,	  /* the next hop of `dst` is needed; repeated while in use */
	ESC_MSG_STAMP,	  /* crypto: newest TAI64N stamps of a peer, to be kept on disk */
	ESC_MSG_LOG,	  /* a line for the log: no secrets, no packet bytes */
	ESC_MSG_PONG,	  /* answer to PING, with its number */
	ESC_MSG_ZEROIZED, /* crypto: no key is left in this process */
	ESC_MSG_TYPE_END,
};

struct esc_prefix {
	uint8_t addr[16];
	uint8_t len; /* 0..128; IPv4 a.b.c.d/n is 96 + n */
	uint8_t pad[3];
};

/* Both *_START: the start-up facts that the descriptors (see fds.h) do not tell. */
struct esc_msg_start {
	uint32_t abi_version;
	uint32_t queues;
	uint32_t ifindex;
	uint32_t frame_size; /* of both UMEMs */
	uint32_t frames;     /* of each UMEM, = queues * ESC_FRAMES_PER_QUEUE */
	uint32_t inner_mtu;  /* largest inner IP packet */
	uint32_t uid, gid;   /* to become; 0 = stay (tests without root) */
	uint8_t copy_mode;   /* 1 = XDP_COPY asked for; 0 = zero-copy where it works */
	uint8_t generic;     /* 1 = the XDP program runs in generic mode */
	uint8_t pad[2];
	uint32_t waived; /* ESC_LAYER_BITs of ipc/sandbox.h that the administrator gave up */
	char name[ESC_NAME_MAX + 1];
	/* crypto only: */
	char provider[256]; /* auto, ipsec-mb, openssl, sodium or a path */
	char keystore[256]; /* path of the key store; "": the key comes with DEVICE */
};

enum { ESC_DEVICE_KEY = 1, ESC_DEVICE_PORT = 2 };

struct esc_msg_device {
	uint32_t fields; /* ESC_DEVICE_* */
	uint16_t listen_port;
	uint16_t pad;
	uint8_t private_key[32]; /* wiped by both sides once used */
};

enum {
	ESC_PEER_PSK = 1,
	ESC_PEER_ENDPOINT = 2,
	ESC_PEER_KEEPALIVE = 4,
	ESC_PEER_STAMP = 8,
	ESC_PEER_CONNECT = 16, /* had a session before crypto was restarted: handshake now */
};

struct esc_msg_peer_set {
	uint32_t id;	 /* < ESC_PEERS_MAX */
	uint32_t fields; /* ESC_PEER_*; a new id starts with none of them set */
	uint8_t public_key[32];
	uint8_t preshared_key[32]; /* all zero = none */
	uint8_t endpoint[16];
	uint16_t endpoint_port;
	uint16_t keepalive;			/* seconds, 0 = off */
	uint8_t stamp_sent[12], stamp_seen[12]; /* TAI64N from an earlier run */
};

struct esc_msg_peer_remove {
	uint32_t id;
};

enum esc_prefix_op { ESC_PREFIX_ADD, ESC_PREFIX_REMOVE, ESC_PREFIX_CLEAR };

struct esc_msg_peer_prefix {
	uint32_t id;
	uint32_t op;		  /* enum esc_prefix_op; ADD moves a prefix that another peer has */
	struct esc_prefix prefix; /* not for CLEAR */
};

struct esc_msg_commit {
	uint32_t seq;
};

struct esc_msg_nic {
	uint8_t mac[6];
	uint8_t up;
	uint8_t pad;
	uint32_t mtu;	    /* of this NIC */
	uint32_t inner_mtu; /* largest inner IP packet: black MTU - 80; red gets it too */
	uint32_t addrs;
	uint8_t addr[ESC_ADDRS_MAX][16]; /* first IPv4 and first global IPv6 are the preferred */
};

enum esc_hop_state {
	ESC_HOP_RESOLVING,   /* a route exists, the neighbour is being asked for */
	ESC_HOP_OK,	     /* src and mac are valid */
	ESC_HOP_UNREACHABLE, /* no route through this NIC, or the neighbour does not answer */
};

struct esc_msg_hop {
	uint8_t dst[16];
	uint8_t src[16]; /* own address that the routing table prefers towards dst */
	uint8_t mac[6];	 /* destination MAC address */
	uint8_t state;	 /* enum esc_hop_state */
	uint8_t pad;
};

struct esc_msg_want {
	uint8_t dst[16];
};

/*
 * Rules `first` to `first + count - 1` of `rules`. A part follows the one before it, without a gap;
 * first = 0 begins a policy anew. It is in force, as a whole, with its last rule.
 */
#define ESC_MSG_RULES 12u

struct esc_msg_firewall {
	uint32_t first, count, rules;
	uint32_t otherwise; /* enum esc_verdict, where no rule fits */
	struct esc_rule rule[ESC_MSG_RULES];
};

struct esc_msg_ping {
	uint32_t seq;
};

struct esc_msg_ready {
	uint32_t zero_copy;
	uint32_t layers;	/* ESC_LAYER_BITs that are in force */
	uint8_t public_key[32]; /* crypto: of the key store's key; all zero: none */
	char provider[128];	/* crypto: what was chosen and how fast; red: empty */
};

struct esc_msg_ack {
	uint32_t seq;
	int32_t error; /* 0 or -errno */
};

struct esc_msg_stamp {
	uint8_t public_key[32];
	uint8_t sent[12], seen[12];
};

struct esc_msg_log {
	uint8_t level; /* syslog level */
	char text[511];
};

struct esc_msg {
	uint32_t type; /* enum esc_msg_type */
	uint32_t len;  /* bytes of the union that belong to the type */
	union {
		struct esc_msg_start start;
		struct esc_msg_device device;
		struct esc_msg_peer_set peer_set;
		struct esc_msg_peer_remove peer_remove;
		struct esc_msg_peer_prefix peer_prefix;
		struct esc_msg_commit commit;
		struct esc_msg_nic nic;
		struct esc_msg_hop hop;
		struct esc_msg_firewall firewall;
		struct esc_msg_ping ping; /* PING and PONG */
		struct esc_msg_ready ready;
		struct esc_msg_ack ack;
		struct esc_msg_want want;
		struct esc_msg_stamp stamp;
		struct esc_msg_log log;
	} u;
};

/* Bytes of the union that a message of this type carries; -1 for an unknown type. */
int esc_msg_size(uint32_t type);

/*
 * Send a message; type is m->type, m->len is filled in. 0, or -errno (-EAGAIN only on a
 * non-blocking descriptor whose queue is full). Never raises SIGPIPE.
 */
int esc_msg_send(int fd, struct esc_msg *m);

/*
 * Receive one message. 1: m is valid. 0: the other side closed. -EAGAIN: nothing there.
 * -EPROTO: malformed. Other -errno from recv. Strings in m are NUL-terminated on return.
 */
int esc_msg_recv(int fd, struct esc_msg *m);

#endif
