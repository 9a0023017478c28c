/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * defence.h: what section [Guard] of the node's file sets (R3): how much of what the black program
 * lets through, and what counts as an attack. The values are fixed while a node runs.
 */
#ifndef ESC_CONTROL_DEFENCE_H
#define ESC_CONTROL_DEFENCE_H

#include <stdint.h>

#include "bpf_abi.h"

/* Packets that crypto refused, although the black program had let them pass, are a kind, too. */
#define ESC_DETECT_FORGED ((unsigned int)ESC_ATTACK_KINDS)
#define ESC_DETECT_KINDS  (ESC_DETECT_FORGED + 1)

struct esc_detect_conf {
	uint32_t threshold[ESC_DETECT_KINDS]; /* refused packets per second; 0: from what is normal
					       */
	uint32_t alarm_after;		      /* seconds above it until there is an attack */
	uint32_t calm_after;		      /* seconds well below it until it is over */
};

struct esc_defence {
	struct esc_limits limits;
	uint32_t sources; /* size of black_sources */
	struct esc_detect_conf detect;
};

#define ESC_SOURCES_MIN	  1024u
#define ESC_SOURCES_MAX	  (1u << 20)
#define ESC_RATE_MAX	  1000000u
#define ESC_BURST_MAX	  1000000u
#define ESC_MAC_RATE_MAX  100000000u
#define ESC_THRESHOLD_MAX 1000000000u

extern const struct esc_defence esc_defence_default;

/* "mac1": stable names of the kinds, in the file, in JSON and in the audit log. */
const char *esc_detect_id(unsigned int kind);
/* The same for people. */
const char *esc_detect_text(unsigned int kind);

#endif
