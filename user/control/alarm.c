/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alarm.c: detect.h at work: once a second it gets the counters of the black program and of crypto,
 * and what it finds goes to the log, the audit log and those who follow. While it is calm this is
 * one reading of some counters; the table of sources is read only when something happens.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/show_attack.h"

/* Peers go on sending on sessions of a crypto process that is gone, until they give up (15 s). */
#define SESSIONS_NS (20 * ESC_S)

#define UPDATE_NS   (10 * ESC_S)

/* What crypto had to refuse itself, or to answer with a cookie. */
static const struct {
	enum esc_crypto_reason reason;
	unsigned int kind;
} crypto_kinds[] = {
	{ESC_CR_in_cookie_sent, ESC_ATTACK_mac2}, {ESC_CR_in_handshake_full, ESC_ATTACK_rate},
	{ESC_CR_in_bad_frame, ESC_DETECT_FORGED}, {ESC_CR_in_bad_handshake, ESC_DETECT_FORGED},
	{ESC_CR_in_no_index, ESC_DETECT_FORGED},  {ESC_CR_in_expired, ESC_DETECT_FORGED},
	{ESC_CR_in_bad_tag, ESC_DETECT_FORGED},	  {ESC_CR_in_replay, ESC_DETECT_FORGED},
};

int alarm_open(struct node *n)
{
	struct alarm *a = &n->alarm;

	esc_detect_init(&a->detect, &n->model->defence.detect);
	a->reading = calloc(ESC_TALKERS_MAX, sizeof(*a->reading));
	return a->reading ? esc_talkers_open(&a->talkers, ESC_TALKERS_MAX) : -ENOMEM;
}

void alarm_close(struct node *n)
{
	free(n->alarm.reading);
	esc_talkers_close(&n->alarm.talkers);
}

/* --- what happened in the last second --------------------------------------------------------- */

/* As the programs count time: without that of a suspended machine. */
static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * ESC_S + (uint64_t)ts.tv_nsec;
}

static int take_sample(const struct node *n, struct esc_detect_sample *s)
{
	const struct esc_crypto_status *crypto = n->memory.crypto;
	struct esc_count black[ESC_BLACK_REASON_COUNT];
	int err = esc_bpf_stats(n->bpf, ESC_STATS_BLACK, black, ESC_BLACK_REASON_COUNT);

	*s = (struct esc_detect_sample){.now = monotonic(), .time = esc_unix_now() / ESC_S};
	for (unsigned int i = 0; i < ESC_BLACK_REASON_COUNT && !err; i++) {
		unsigned int kind = esc_attack_kind(i);
		if (kind < ESC_ATTACK_KINDS)
			s->black[kind] += black[i].packets;
	}
	for (size_t i = 0; i < sizeof(crypto_kinds) / sizeof(crypto_kinds[0]) && crypto; i++)
		s->crypto[crypto_kinds[i].kind] +=
			esc_cell_get(&crypto->reason[crypto_kinds[i].reason]);
	s->under_load = crypto && esc_cell_get(&crypto->under_load);
	if (n->phase != PHASE_RUNNING || esc_now() - n->running_since < SESSIONS_NS)
		s->forgiven = 1u << ESC_ATTACK_session;
	return err;
}

static void find_sources(struct node *n, uint64_t since)
{
	struct alarm *a = &n->alarm;
	int count;

	if (!esc_detect_alert(&a->detect)) {
		a->watching = false;
		return;
	}
	if (!a->watching)
		esc_talkers_reset(&a->talkers);
	a->watching = true;
	count = esc_bpf_talkers(n->bpf, a->reading, ESC_TALKERS_MAX);
	if (count < 0)
		return; /* the attack is seen without it */
	esc_talkers_feed(&a->talkers, a->reading, (uint32_t)count, since);
	a->detect.now.sources = esc_talkers_top(&a->talkers, a->detect.now.source);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void say_start(struct node *n)
{
	const struct esc_detect *d = &n->alarm.detect;
	char kinds[ESC_ATTACK_STR], sources[ESC_ATTACK_STR];

	esc_warn("under attack: %llu packets/s refused: %s%s%s. See: esclusa show %s",
		 (unsigned long long)d->total, esc_attack_kinds(d->now.kinds, kinds),
		 d->now.sources ? "; most from " : "", esc_attack_sources(&d->now, sources),
		 n->model->name);
	record_attack(n, &d->now);
	monitor_attack(n, "attack_start", &d->now, d->total);
}

static void say_end(struct node *n, const char *what)
{
	const struct esc_attack *a = &n->alarm.detect.past[0];
	char kinds[ESC_ATTACK_STR];

	esc_info("%s: %llu s, peak %llu packets/s, %llu packets refused: %s", what,
		 (unsigned long long)(a->end > a->start ? a->end - a->start : 0),
		 (unsigned long long)a->peak, (unsigned long long)esc_attack_packets(a),
		 esc_attack_kinds(a->kinds, kinds));
	record_attack(n, a);
	monitor_attack(n, "attack_end", a, n->alarm.detect.total);
}

void alarm_tick(struct node *n)
{
	struct alarm *a = &n->alarm;
	uint64_t before = a->detect.last.now;
	struct esc_detect_sample s;

	if (take_sample(n, &s))
		return;
	enum esc_detect_news news = esc_detect_feed(&a->detect, &s);
	find_sources(n, before);
	if (s.under_load != a->under_load)
		monitor_under_load(n, s.under_load);
	a->under_load = s.under_load;
	if (news == ESC_DETECT_START) {
		a->update_due = s.now + UPDATE_NS;
		say_start(n);
	} else if (news == ESC_DETECT_END) {
		say_end(n, "the attack is over");
	} else if (a->detect.attacked && s.now >= a->update_due) {
		a->update_due += UPDATE_NS;
		monitor_attack(n, "attack_update", &a->detect.now, a->detect.total);
	}
}

void alarm_stop(struct node *n)
{
	if (esc_detect_stop(&n->alarm.detect))
		say_end(n, "stopped during an attack");
}
