/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/detect.h"

#include <string.h>

#include "base/clock.h"

/* Of moving averages: weight of a new second while it is calm, and during an attack. */
#define LEARN	     (1.0 / 128)
#define LEARN_ATTACK (1.0 / 1024)

/* Timers are late, never early; but a second of theirs need not be one of this clock. */
#define TOLERANCE(ns) ((ns) - (ns) / 10)

/*
 * Bounds of thresholds that are not set, packets per second. The lower ones: what a healthy node
 * can have on a bad day, for example 250 peers that try to connect with a key of yesterday.
 */
static const struct {
	uint32_t low, high;
} bounds[ESC_DETECT_KINDS] = {
	[ESC_ATTACK_malformed] = {500, 10000}, [ESC_ATTACK_mac1] = {100, 2000},
	[ESC_ATTACK_mac2] = {100, 2000},       [ESC_ATTACK_rate] = {100, 2000},
	[ESC_ATTACK_session] = {500, 10000},   [ESC_ATTACK_neighbour] = {200, 4000},
	[ESC_DETECT_FORGED] = {200, 4000},
};

static void set_threshold(struct esc_detect *d, unsigned int k)
{
	double t = 2 * d->mean[k] + 4 * d->deviation[k];

	if (d->conf->threshold[k])
		d->threshold[k] = d->conf->threshold[k];
	else if (t < bounds[k].low)
		d->threshold[k] = bounds[k].low;
	else if (t > bounds[k].high)
		d->threshold[k] = bounds[k].high;
	else
		d->threshold[k] = (uint64_t)t;
}

void esc_detect_init(struct esc_detect *d, const struct esc_detect_conf *conf)
{
	*d = (struct esc_detect){.conf = conf};
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		set_threshold(d, k);
}

uint64_t esc_attack_packets(const struct esc_attack *a)
{
	uint64_t sum = 0;

	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		sum += a->packets[k];
	return sum;
}

/* --- one second ------------------------------------------------------------------------------- */

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to >= from ? to - from : to;
}

static uint64_t per_second(uint64_t packets, uint64_t ns)
{
	return (uint64_t)((double)packets * (double)ESC_S / (double)ns);
}

/* Packets by kind since the last sample; false: there is nothing to compare with. */
static bool measure(struct esc_detect *d, const struct esc_detect_sample *s,
		    uint64_t packets[ESC_DETECT_KINDS])
{
	bool comparable = d->last.now && s->now > d->last.now;

	d->total = 0;
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++) {
		bool counts = comparable && !(s->forgiven & 1u << k);

		packets[k] = counts ? grown(d->last.black[k], s->black[k]) +
					      grown(d->last.crypto[k], s->crypto[k])
				    : 0;
		d->rate[k] = counts ? per_second(packets[k], s->now - d->last.now) : 0;
		d->total += d->rate[k];
	}
	return comparable;
}

static void learn(struct esc_detect *d, unsigned int k)
{
	double x = (double)d->rate[k], off;

	/* What can never be normal is not learned, and a burst not in one go. */
	if (d->attacked && d->rate[k] > bounds[k].high / 2)
		return;
	if (!d->attacked && d->rate[k] > d->threshold[k])
		x = (double)d->threshold[k];
	off = x > d->mean[k] ? x - d->mean[k] : d->mean[k] - x;
	d->mean[k] += (x - d->mean[k]) * (d->attacked ? LEARN_ATTACK : LEARN);
	d->deviation[k] += (off - d->deviation[k]) * (d->attacked ? LEARN_ATTACK : LEARN);
}

/* --- from calm to attack and back ------------------------------------------------------------- */

/* Bits of the kinds above their thresholds, divided by this. */
static uint32_t kinds_above(const struct esc_detect *d, uint32_t divisor)
{
	uint32_t kinds = 0;

	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		if (d->rate[k] > d->threshold[k] / divisor)
			kinds |= 1u << k;
	return kinds;
}

static void account(struct esc_detect *d, const struct esc_detect_sample *s, uint32_t loud,
		    const uint64_t packets[ESC_DETECT_KINDS])
{
	struct esc_attack *a = &d->now;

	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		a->packets[k] += packets[k];
	a->kinds |= loud;
	a->under_load |= s->under_load;
	if (d->total > a->peak)
		a->peak = d->total;
	if (loud)
		d->last_loud = s->time;
}

static enum esc_detect_news end_attack(struct esc_detect *d)
{
	d->attacked = false;
	d->loud = 0;
	d->now.end = d->last_loud;
	memmove(d->past + 1, d->past, sizeof(d->past) - sizeof(d->past[0]));
	d->past[0] = d->now;
	if (d->pasts < ESC_ATTACKS_KEPT)
		d->pasts++;
	return ESC_DETECT_END;
}

bool esc_detect_stop(struct esc_detect *d)
{
	return d->attacked && end_attack(d) == ESC_DETECT_END;
}

static enum esc_detect_news judge(struct esc_detect *d, uint32_t loud, uint64_t ns)
{
	if (d->attacked) {
		d->quiet = kinds_above(d, 2) ? 0 : d->quiet + ns;
		return d->quiet >= TOLERANCE(d->conf->calm_after * ESC_S) ? end_attack(d)
									  : ESC_DETECT_NOTHING;
	}
	if (loud)
		d->loud += ns;
	else
		d->loud -= ns / 2 < d->loud ? ns / 2 : d->loud;
	if (d->loud < TOLERANCE(d->conf->alarm_after * ESC_S))
		return ESC_DETECT_NOTHING;
	d->attacked = true;
	d->quiet = 0;
	d->now.id = ++d->attacks;
	return ESC_DETECT_START;
}

enum esc_detect_news esc_detect_feed(struct esc_detect *d, const struct esc_detect_sample *s)
{
	enum esc_detect_news news = ESC_DETECT_NOTHING;
	uint64_t packets[ESC_DETECT_KINDS], ns = s->now - d->last.now;

	if (measure(d, s, packets)) {
		uint32_t loud = kinds_above(d, 1);

		if (loud && !esc_detect_alert(d))
			d->now = (struct esc_attack){.start = s->time - ns / ESC_S};
		account(d, s, loud, packets);
		news = judge(d, loud, ns);
		for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++) {
			if (!(s->forgiven & 1u << k))
				learn(d, k);
			set_threshold(d, k);
		}
	}
	d->last = *s;
	return news;
}
