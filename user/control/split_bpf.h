/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split_bpf.h: router mode's maps (maps/split.h), as control handles them: R5, R11. Nothing here
 * lets a packet through by itself: without settings that say `on`, programs drop all of it. The
 * policy is bpf.h's esc_bpf_policy().
 *
 * Privileges: CAP_BPF and CAP_NET_ADMIN. Everything returns 0 or -errno unless it says otherwise.
 */
#ifndef ESC_CONTROL_SPLIT_BPF_H
#define ESC_CONTROL_SPLIT_BPF_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf_abi.h"
#include "control/nic.h"
#include "split.h"

struct esc_bpf;

/* bpf_ktime_get_coarse_ns(): a finer clock would be ahead of what programs compare it with. */
uint64_t esc_bpf_now(void);

/* Settings of both domains; `policy` is not the caller's. `on`: the black domain's first. */
int esc_bpf_split(struct esc_bpf *b, const struct esc_split_cfg *cfg);
/* What was given last; before the first time, and in encryptor mode, all zero. */
const struct esc_split_cfg *esc_bpf_split_cfg(const struct esc_bpf *b);

/*
 * Own ports that NAT never gives away: the listen port (host order), and those of the openings of
 * p. Mappings of ports that hosts had until now are removed: *taken of them.
 */
int esc_bpf_reserve(struct esc_bpf *b, uint16_t listen_port, const struct esc_policy *p,
		    uint32_t *taken);

/* The LAN's prefixes, for the black domain: new ones first, then others go. */
int esc_bpf_lan(struct esc_bpf *b, const struct esc_lpm_key *key, uint32_t n);

/* Next hops of a side. NULL removes; what is not there is removed. */
int esc_bpf_route(struct esc_bpf *b, enum esc_side side, const struct esc_lpm_key *to,
		  const struct esc_next *next);
int esc_bpf_neigh(struct esc_bpf *b, enum esc_side side, const uint8_t addr[16],
		  const uint8_t mac[6]);
/* All that programs know or ask for: how many, at most max. */
uint32_t esc_bpf_neighs(struct esc_bpf *b, enum esc_side side, uint8_t (*addr)[16], uint32_t max);

/* Readable when a program wants a neighbour; -1 in encryptor mode. */
int esc_bpf_wants_fd(const struct esc_bpf *b, enum esc_side side);
/* What programs want, the oldest first. Returns how many there were: at most max. */
uint32_t esc_bpf_wants(struct esc_bpf *b, enum esc_side side, uint32_t max,
		       void (*fn)(void *arg, const uint8_t addr[16]), void *arg);

/* For conns.h: descriptors of its maps by enum esc_conns_map, and nat_ports mapped. */
int esc_bpf_conns(const struct esc_bpf *b, int fd[3]);
uint64_t *esc_bpf_ports(const struct esc_bpf *b);

#endif
