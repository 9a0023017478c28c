/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf.h: the black domain's programs, as control handles them: load, attach, fill their maps,
 * read their counters. XDP programs hang on bpf_links that are pinned with the maps under
 * /sys/fs/bpf/esclusa/NAME/, so they stay and drop everything when all processes are gone; the
 * next start replaces them in place. The egress guard is a tc filter on the black NIC.
 *
 * Privileges: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON (loading on some kernels), CAP_SYS_ADMIN only
 * to mount the BPF file system where it is not.
 */
#ifndef ESC_CONTROL_BPF_H
#define ESC_CONTROL_BPF_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf_abi.h"
#include "control/defence.h"
#include "control/nic.h"
#include "control/talkers.h"
#include "ipc/msg.h"
#include "selftest/selftest.h"
#include "split.h"

struct esc_bpf;

/*
 * The self-test of this process (selftest/selftest.h), with the BPF objects that are embedded in
 * it. Before anything else of this file. 0 or -EIO. Needs no privileges.
 */
int esc_bpf_selftest(esc_selftest_report *report, void *arg);

enum esc_bpf_stats {
	ESC_STATS_BLACK,
	ESC_STATS_BLACK_OUT,
	ESC_STATS_RED,
	ESC_STATS_RED_OUT,
	ESC_STATS_EGRESS,
	ESC_STATS_HITS, /* router mode: of the rules of the policy in force; ESC_HITS of them */
};

/*
 * Load the programs, all of them refusing packets, with the limits and table sizes of this
 * configuration. 0 and *b; -errno after saying why.
 */
int esc_bpf_open(struct esc_bpf **b, const struct esc_model *m);
/* Detach everything, remove the pins and what was made for them. NULL is fine. */
void esc_bpf_close(struct esc_bpf *b);

/* Attach to a NIC (black: the egress guard first). 0; -errno after saying why and what to do. */
int esc_bpf_attach(struct esc_bpf *b, enum esc_side side, const struct esc_nic *nic);
void esc_bpf_detach(struct esc_bpf *b, enum esc_side side);
bool esc_bpf_attached(const struct esc_bpf *b, enum esc_side side);
bool esc_bpf_generic(const struct esc_bpf *b, enum esc_side side);

/* Maps. 0 or -errno. */
int esc_bpf_configure(struct esc_bpf *b, enum esc_side side, const struct esc_nic_cfg *cfg);
int esc_bpf_addrs(struct esc_bpf *b, enum esc_side side, const uint8_t (*addr)[16], uint32_t n);
int esc_bpf_socket(struct esc_bpf *b, enum esc_side side, uint32_t queue, int xsk);
/* Descriptors of maps for crypto: black_guard, black_buckets. Valid until esc_bpf_close(). */
void esc_bpf_for_crypto(const struct esc_bpf *b, int *guard, int *buckets);
int esc_bpf_secure(struct esc_bpf *b, const struct esc_prefix *p, bool add);
/*
 * Router mode: this policy is in force for all programs at once (it is written to the slot that is
 * not in use, then the settings name that slot). Connections stay. 0; -errno: nothing changed.
 */
int esc_bpf_policy(struct esc_bpf *b, const struct esc_policy *p);

/* Counters summed over all CPUs; n entries. 0 or -errno. */
int esc_bpf_stats(struct esc_bpf *b, enum esc_bpf_stats which, struct esc_count *out, uint32_t n);
/* What the black program noticed about refused packets: at most max sources. Count or -errno. */
int esc_bpf_talkers(struct esc_bpf *b, struct esc_talker_reading *out, uint32_t max);

#endif
