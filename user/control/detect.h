/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * detect.h: is this node under attack (R3)? Once a second it is told how many packets were refused,
 * by kind; it says when an attack starts and ends, and remembers the last ones. No I/O, no clock.
 *
 * A second is loud when one kind is above its threshold. An attack starts after alarm_after loud
 * seconds, where two that are not loud undo one that was, so that one which pauses or changes its
 * kind is seen and a single burst is not. It is over after calm_after seconds in which every kind
 * was below half its threshold. That crypto is under load is noted, and decides nothing: many
 * peers at once may do that, and it stays so for a while by intention.
 *
 * A threshold that is not set follows what is normal here: 2 x mean + 4 x deviation, moving
 * averages over about two minutes of calm, and never outside the bounds of its kind. What goes on
 * as an attack becomes normal in about ten minutes if it is less than half of the upper bound
 * (scanners, a noisy network); more than that is never normal, however slowly it grew.
 */
#ifndef ESC_CONTROL_DETECT_H
#define ESC_CONTROL_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "control/defence.h"
#include "control/talkers.h"

#define ESC_ATTACKS_KEPT 16u

/* Totals since some beginning, which comes again when a total is smaller than before. */
struct esc_detect_sample {
	uint64_t now;  /* monotonic ns */
	uint64_t time; /* UNIX seconds */
	uint64_t black[ESC_DETECT_KINDS], crypto[ESC_DETECT_KINDS];
	uint32_t forgiven; /* bits of kinds that mean nothing at the moment */
	bool under_load;   /* crypto is */
};

struct esc_attack {
	uint64_t id;	     /* 1, 2, 3 ... since the node started */
	uint64_t start, end; /* UNIX seconds; the end is the last loud one, 0: it lasts */
	uint64_t peak;	     /* packets per second, all kinds together */
	uint64_t packets[ESC_DETECT_KINDS];
	uint32_t kinds; /* bits: those that were above their thresholds */
	bool under_load;
	uint32_t sources;
	struct esc_talker_share source[ESC_TALKERS_SHOWN]; /* the largest first */
};

struct esc_detect {
	const struct esc_detect_conf *conf;
	struct esc_detect_sample last; /* now = 0: none yet */
	double mean[ESC_DETECT_KINDS], deviation[ESC_DETECT_KINDS];
	uint64_t rate[ESC_DETECT_KINDS], threshold[ESC_DETECT_KINDS]; /* per second */
	uint64_t total;						      /* of the rates */
	uint64_t loud, quiet;					      /* ns */
	uint64_t last_loud;					      /* UNIX seconds */
	bool attacked;
	struct esc_attack now;			  /* the one that lasts, or may become one */
	uint64_t attacks;			  /* that have started */
	struct esc_attack past[ESC_ATTACKS_KEPT]; /* ended; the newest first */
	uint32_t pasts;
};

enum esc_detect_news { ESC_DETECT_NOTHING, ESC_DETECT_START, ESC_DETECT_END };

/* conf is the caller's, and stays. */
void esc_detect_init(struct esc_detect *d, const struct esc_detect_conf *conf);
/* START: d->now began. END: d->past[0] is over. */
enum esc_detect_news esc_detect_feed(struct esc_detect *d, const struct esc_detect_sample *s);
/* There is an attack, or there may be one soon: find out who sends. */
static inline bool esc_detect_alert(const struct esc_detect *d)
{
	return d->attacked || d->loud;
}
/* Nobody looks any more: an attack that lasts is over. false: there is none. */
bool esc_detect_stop(struct esc_detect *d);
uint64_t esc_attack_packets(const struct esc_attack *a); /* all kinds together */

#endif
