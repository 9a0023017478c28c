/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf_int.h: shared by bpf.c (all programs, the tunnel) and split_bpf.c (router mode). */
#ifndef ESC_CONTROL_BPF_INT_H
#define ESC_CONTROL_BPF_INT_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "black.skel.h"
#include "black_out.skel.h"
#include "control/bpf.h"
#include "control/split_bpf.h"
#include "egress.skel.h"
#include "red.skel.h"
#include "red_out.skel.h"

struct reading;

/* What is attached to one NIC. */
struct hook {
	char nic[ESC_NIC_MAX + 1];
	uint32_t ifindex; /* 0 = not attached */
	int link;
	bool generic;
};

/* Router mode; all zero in the other one. */
struct split_state {
	bool router;
	uint32_t slot; /* of the policy in force */
	struct esc_split_cfg cfg;
	struct ring_buffer *wants[ESC_SIDES];
	struct reading *reading; /* of the wants, now */
	uint64_t *ports;	 /* nat_ports, mapped */
	struct esc_lpm_key *lan;
	uint32_t lans;
};

struct esc_bpf {
	char node[ESC_NAME_MAX + 1];
	struct black_bpf *black;
	struct red_bpf *red;
	struct black_out_bpf *black_out;
	struct red_out_bpf *red_out;
	struct egress_bpf *egress;
	struct hook hook[ESC_SIDES];
	struct split_state split;
	int cpus;
};

/* --- split_bpf.c --- */

/* Sizes and flags of router mode's maps in an object that is open and not loaded. 0 or -errno. */
int esc_split_size(struct bpf_object *obj, const struct esc_model *m);
/* An object that is going to be loaded uses the maps of one that is, by their names. 0 or -errno.
 */
int esc_split_share(struct bpf_object *to, const struct bpf_object *from);
/* All objects are loaded. 0 or -errno. */
int esc_split_open(struct esc_bpf *b, const struct esc_model *m);
void esc_split_close(struct esc_bpf *b);
/* The NIC becomes a way out, with the program that sees what goes there; ifindex 0: none. */
int esc_split_device(struct esc_bpf *b, enum esc_side side, uint32_t ifindex);
/* The black domain's own copy of a secure prefix. 0 or -errno. */
int esc_split_secure(struct esc_bpf *b, const struct esc_lpm_key *key, uint8_t family, bool add);

#endif
