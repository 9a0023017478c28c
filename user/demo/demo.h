/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.h: `esclusa demo`, by concern:
 *
 *   demo.c     the command: what happens in which order, and that everything goes again
 *   lab.c      five namespaces and the cables between them
 *   node.c     two nodes: keys, files, processes
 *   traffic.c  ping, iperf3, and a planted plaintext
 *   capture.c  what the wires saw
 *   report.c   what a person reads
 *   exec.c     other programs, in namespaces, without a shell
 *
 * Functions return 0 or a negative errno and have said why; results are in struct demo.
 */
#ifndef ESC_DEMO_DEMO_H
#define ESC_DEMO_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/encode.h"
#include "demo/exec.h"

#define DEMO_SITES   2
#define DEMO_NET     "esclusa-internet"
#define DEMO_PORT    51820
#define DEMO_PATH    96
#define DEMO_RUN_DIR "/run/esclusa-demo" /* keys and state; exists while a lab does */

struct demo_site {
	const char *name; /* of the node, and in the report */
	const char *lan_ns;
	const char *node_ns;
	const char *wire;	       /* the router's end of the black cable */
	const char *host4, *host6;     /* LAN host */
	const char *gate4, *gate6;     /* the node's red addresses */
	const char *black4, *black6;   /* the node's black addresses */
	const char *router4, *router6; /* the router's on that cable */
	const char *lan4, *lan6;       /* prefixes */
};

extern const struct demo_site demo_site[DEMO_SITES];

struct demo_node {
	struct exec_job job;
	int ready; /* descriptor of its NOTIFY_SOCKET */
	uint8_t public_key[ESC_KEY_LEN];
	int exit_code;
};

struct demo_ping {
	const char *what;
	unsigned int sent, received;
	double min, avg, max; /* milliseconds */
};

struct demo_flow {
	const char *what, *file;
	double mbit;
	double lost; /* per cent; UDP */
	bool udp;
};

/* Frames of captures, by kind. */
struct demo_wire {
	uint64_t handshake, cookie, data, arp, nd, other;
	uint64_t bytes;
	uint64_t marker; /* frames with the planted plaintext */
};

enum { DEMO_PINGS = 3, DEMO_FLOWS = 5, DEMO_MARKER = 40, DEMO_COPIES = 100 };

struct demo {
	bool keep, colour;
	char dir[DEMO_PATH]; /* artefacts */
	struct demo_node node[DEMO_SITES];
	char marker[DEMO_MARKER + 1];
	unsigned int answered;	  /* of the first two packets */
	unsigned int copies_back; /* of the planted plaintext, from the other site, unchanged */
	struct demo_ping ping[DEMO_PINGS];
	struct demo_flow flow[DEMO_FLOWS];
	unsigned int pings, flows;
	struct demo_wire wire; /* black side, both cables */
	struct demo_wire lan;  /* LAN A, for comparison */
	uint64_t strangers;    /* frames that are neither WireGuard nor ARP nor ND, whole run */
	bool wire_complete;    /* the captures were read to their ends */
	unsigned int failed;   /* checks */
};

/* --- lab.c --- */
/* Is a lab there (of another demo, or kept)? */
bool lab_exists(void);
int lab_up(void);
/* Ends what still runs in the namespaces, removes them and DEMO_RUN_DIR. Fine if there is none. */
void lab_down(void);

/* --- node.c --- */
int node_up(struct demo *d);
/* Ends both and fills exit_code; -errno if they did not end by themselves. */
void node_down(struct demo *d);

/* --- traffic.c --- */
/* The first packets, which wait for a handshake and for neighbours. */
int traffic_begin(struct demo *d);
int traffic_pings(struct demo *d);
int traffic_marker(struct demo *d);
int traffic_flows(struct demo *d);

/* --- capture.c --- */
struct demo_captures {
	struct exec_job job[DEMO_SITES + 1];
};

/* Everything on both black cables (what nodes send) and on LAN A. */
int capture_start(struct demo *d, struct demo_captures *c);
/* Only what should not be there, at full speed: for as long as the nodes run. */
int capture_strangers(struct demo *d, struct demo_captures *c);
void capture_stop(struct demo_captures *c);
/* Read all files of both; d->wire, d->lan, d->strangers. 0 or -errno. */
int capture_read(struct demo *d);

/* --- report.c --- */
/* "what ...": a step begins; then how it ended. */
void report_step(const char *what);
void report_done(const struct demo *d, int err);
/* The whole report; counts the checks that failed. */
void report_all(struct demo *d);
/* How to use a kept lab. */
void report_kept(const struct demo *d);
/* The results in d->dir/report.json. */
int report_json(const struct demo *d);

#endif
