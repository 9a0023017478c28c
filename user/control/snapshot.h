/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.h: what `esclusa show` shows, gathered at one moment; and the two ways to write it. */
#ifndef ESC_CONTROL_SNAPSHOT_H
#define ESC_CONTROL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "bpf_abi.h"
#include "control/conns.h"
#include "control/detect.h"
#include "control/live.h"
#include "control/model.h"
#include "control/nic.h"
#include "status.h"

struct esc_snap_process {
	const char *domain;
	char user[40];
	pid_t pid; /* 0 = not running */
	uid_t uid;
	uint64_t wakeups;
	uint32_t layers, waived; /* of its sandbox: in force, left out (ipc/sandbox.h) */
	bool complete;		 /* every layer that there is for it */
};

struct esc_snap_nic {
	const struct esc_nic *nic;
	const char *side;
	bool present, generic, zero_copy;
	uint32_t addrs;
	const uint8_t (*addr)[16];
};

struct esc_snap_frames {
	uint64_t total, place[ESC_PLACE_COUNT], lost;
};

/* One reason of one domain. */
struct esc_snap_reason {
	const char *domain, *id, *text;
	enum esc_kind kind;
	bool has_bytes; /* BPF programs count bytes too */
	uint64_t packets, bytes;
};

enum {
	ESC_SNAP_REASONS = (int)ESC_BLACK_REASON_COUNT + (int)ESC_RED_REASON_COUNT +
			   (int)ESC_RP_COUNT + (int)ESC_CR_COUNT + (int)ESC_EGRESS_COUNT +
			   (int)ESC_BLACK_OUT_COUNT + (int)ESC_RED_OUT_COUNT +
			   2 * (int)ESC_KERNEL_DROP_COUNT
};

/* Router mode. Bytes: whole frames outside of the tunnels, WireGuard messages of the peers. */
struct esc_snap_router {
	const struct esc_split_conf *conf;
	struct esc_conns_counts conns;
	uint32_t max, max_new; /* sizes of the tables */
	uint64_t evicted;
	struct esc_count split_out, split_in, tunnel_out, tunnel_in;
	struct esc_count hit[ESC_HITS];
};

struct esc_snapshot {
	const struct esc_model *model;
	const struct esc_crypto_status *crypto; /* for peers; NULL: not running */
	const char *state;
	const char *waiting_for;
	const char *provider;
	uint64_t now, started; /* UNIX seconds */
	uint32_t restarts;
	const char *last_failure;	    /* why processes had to be restarted; "" */
	bool lsm;			    /* the BPF LSM layer is in force and knows this node */
	struct esc_snap_process process[3]; /* control, red, crypto */
	struct esc_snap_nic nic[ESC_SIDES];
	struct esc_snap_reason reason[ESC_SNAP_REASONS]; /* grouped by domain */
	uint32_t reasons;
	struct esc_snap_frames frames[ESC_SIDES];
	uint64_t violation[ESC_SIDES][ESC_VIOLATION_COUNT]; /* by who counted: black = crypto */
	uint64_t icmp_sent, mss_clamped;
	uint64_t handshakes_sent, handshakes_done, keepalives_sent;
	bool under_load;
	const struct esc_detect *detect;
	const struct esc_snap_router *router; /* NULL: encryptor mode */
	struct esc_snap_router outside;
};

struct node;

/* Everything points into the node: use it at once. */
void esc_snapshot_take(const struct node *n, struct esc_snapshot *s);

/* "running"; "waiting", "restarting", "starting", "zeroized", "stopping". */
const char *esc_node_state(const struct node *n);

/* Ids of enum esc_place and enum esc_violation. */
const char *esc_place_id(unsigned int place);
const char *esc_place_text(unsigned int place);
const char *esc_violation_id(unsigned int violation);
const char *esc_violation_text(unsigned int violation);

uint64_t esc_frames_sum(const struct esc_snap_frames *f);

/* One JSON document with a newline; one screen of text. false: the stream failed. */
bool esc_show_json(const struct esc_snapshot *s, FILE *f);
bool esc_show_text(const struct esc_snapshot *s, FILE *f);

#endif
