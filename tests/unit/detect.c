/* SPDX-License-Identifier: BSD-2-Clause */
/* Calm, attack, calm again: with made-up clocks and rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/detect.h"

#define START_TIME 1000000u

static const struct esc_detect_conf usual = {.alarm_after = 2, .calm_after = 30};

struct rig {
	struct esc_detect d;
	struct esc_detect_sample s;
	unsigned int starts, ends;
};

static void rig_open(struct rig *r, const struct esc_detect_conf *conf)
{
	memset(r, 0, sizeof(*r));
	esc_detect_init(&r->d, conf);
	r->s.now = 77 * ESC_S;
	r->s.time = START_TIME;
	assert_int_equal(esc_detect_feed(&r->d, &r->s), ESC_DETECT_NOTHING);
}

/* A second of `packets` of a kind; says what news it made. */
static enum esc_detect_news second(struct rig *r, unsigned int kind, uint64_t packets)
{
	r->s.now += ESC_S;
	r->s.time++;
	if (kind == ESC_DETECT_FORGED)
		r->s.crypto[kind] += packets;
	else
		r->s.black[kind] += packets;
	enum esc_detect_news news = esc_detect_feed(&r->d, &r->s);
	r->starts += news == ESC_DETECT_START;
	r->ends += news == ESC_DETECT_END;
	return news;
}

static void seconds(struct rig *r, unsigned int n, unsigned int kind, uint64_t packets)
{
	for (unsigned int i = 0; i < n; i++)
		second(r, kind, packets);
}

static void flood_starts_after_two_seconds_and_ends_after_thirty(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	seconds(&r, 10, ESC_ATTACK_mac1, 0);
	assert_false(esc_detect_alert(&r.d));
	assert_int_equal(second(&r, ESC_ATTACK_mac1, 5000), ESC_DETECT_NOTHING);
	assert_true(esc_detect_alert(&r.d));
	assert_int_equal(second(&r, ESC_ATTACK_mac1, 9000), ESC_DETECT_START);
	assert_true(r.d.attacked);
	assert_int_equal(r.d.total, 9000);
	assert_int_equal(second(&r, ESC_ATTACK_mac1, 7000), ESC_DETECT_NOTHING);
	for (int i = 0; i < 26; i++)
		assert_int_equal(second(&r, ESC_ATTACK_mac1, 10), ESC_DETECT_NOTHING);
	assert_int_equal(second(&r, ESC_ATTACK_mac1, 10), ESC_DETECT_END); /* 27: within 10 % */
	assert_false(r.d.attacked);
	assert_int_equal(r.d.pasts, 1);

	const struct esc_attack *a = &r.d.past[0];
	assert_int_equal(a->id, 1);
	assert_int_equal(a->kinds, 1u << ESC_ATTACK_mac1);
	assert_int_equal(a->peak, 9000);
	assert_int_equal(esc_attack_packets(a), 21000 + 27 * 10);
	assert_int_equal(a->start, START_TIME + 10);
	assert_int_equal(a->end, START_TIME + 13);
	seconds(&r, 1000, ESC_ATTACK_mac1, 10);
	assert_int_equal(r.starts, 1);
}

static void bursts_and_rates_below_the_limit_are_no_attack(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	for (int i = 0; i < 200; i++) { /* one second in three */
		second(&r, ESC_ATTACK_session, 1000000);
		seconds(&r, 2, ESC_ATTACK_session, 0);
	}
	seconds(&r, 500, ESC_ATTACK_mac1, 100);
	assert_int_equal(r.starts, 0);
}

static void attack_that_pauses_or_changes_its_kind_is_seen(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	for (int i = 0; i < 4; i++) {
		second(&r, ESC_ATTACK_rate, 1000);
		second(&r, ESC_ATTACK_rate, 0);
	}
	assert_int_equal(r.starts, 1);
	rig_open(&r, &usual);
	for (int i = 0; i < 20; i++)
		second(&r, i % 2 ? ESC_ATTACK_mac2 : ESC_ATTACK_malformed, 3000);
	assert_int_equal(r.starts, 1);
	assert_int_equal(r.ends, 0);
	assert_int_equal(r.d.now.kinds, 1u << ESC_ATTACK_mac2 | 1u << ESC_ATTACK_malformed);
}

static void slow_ramp_is_an_attack_at_the_upper_bound_at_the_latest(void **state)
{
	uint64_t rate;
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	for (rate = 0; rate < 4000 && !r.starts; rate++) /* one more each minute: 3 days */
		seconds(&r, 60, ESC_ATTACK_mac1, rate);
	assert_int_equal(r.starts, 1);
	assert_in_range(rate, 100, 2002);
	seconds(&r, 86400, ESC_ATTACK_mac1, 4000);
	assert_int_equal(r.ends, 0);
}

static void noisy_network_becomes_normal(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	seconds(&r, 1200, ESC_ATTACK_malformed, 3000);
	assert_int_equal(r.starts, 1);
	assert_int_equal(r.ends, 1);
	for (int i = 0; i < 40000; i++) /* and stays so */
		second(&r, ESC_ATTACK_malformed, 2500 + (uint64_t)(i * 7919 % 1000));
	assert_int_equal(r.starts, 1);
	seconds(&r, 3, ESC_ATTACK_malformed, 60000);
	assert_int_equal(r.starts, 2);
	seconds(&r, 60, ESC_ATTACK_malformed, 3000);
	assert_int_equal(r.ends, 2);
}

static void long_attack_above_the_bound_never_becomes_normal(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	seconds(&r, 100000, ESC_ATTACK_session, 50000);
	assert_int_equal(r.starts, 1);
	assert_int_equal(r.ends, 0);
	seconds(&r, 28, ESC_ATTACK_session, 0);
	assert_int_equal(r.ends, 1);
	seconds(&r, 2, ESC_ATTACK_session, 600); /* nothing was learned from it */
	assert_int_equal(r.starts, 2);
}

static void counters_that_begin_again_are_no_flood(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	r.s.black[ESC_ATTACK_mac1] = r.s.crypto[ESC_DETECT_FORGED] = 1000000000;
	rig_open(&r, &usual);
	r.s.black[ESC_ATTACK_mac1] = 1000000000;
	r.d.last = r.s;
	seconds(&r, 10, ESC_ATTACK_mac1, 5);
	r.s.black[ESC_ATTACK_mac1] = 0;
	seconds(&r, 3, ESC_ATTACK_mac1, 7);
	assert_int_equal(r.starts, 0);
	assert_int_equal(r.d.rate[ESC_ATTACK_mac1], 7);
	/* Crypto is restarted: black's part of the same kind goes on. */
	r.s.black[ESC_ATTACK_mac2] = r.s.crypto[ESC_ATTACK_mac2] = 1000000;
	r.d.last = r.s;
	r.s.crypto[ESC_ATTACK_mac2] = 0;
	second(&r, ESC_ATTACK_mac2, 3);
	assert_int_equal(r.d.rate[ESC_ATTACK_mac2], 3);
}

static void first_counters_are_compared_with_nothing(void **state)
{
	struct rig r = {.starts = 0};

	(void)state;
	esc_detect_init(&r.d, &usual);
	r.s.black[ESC_ATTACK_mac1] = 1000000000; /* of an instance before */
	r.s.now = ESC_S;
	assert_int_equal(esc_detect_feed(&r.d, &r.s), ESC_DETECT_NOTHING);
	assert_int_equal(r.d.total, 0);
	assert_int_equal(esc_detect_feed(&r.d, &r.s), ESC_DETECT_NOTHING); /* no time passed */
	seconds(&r, 5, ESC_ATTACK_mac1, 0);
	assert_int_equal(r.starts, 0);
}

static void thresholds_that_are_set_do_not_move(void **state)
{
	struct esc_detect_conf conf = usual;
	struct rig r;

	(void)state;
	conf.threshold[ESC_ATTACK_malformed] = 100000;
	conf.threshold[ESC_ATTACK_neighbour] = 5;
	rig_open(&r, &conf);
	seconds(&r, 5000, ESC_ATTACK_malformed, 100000);
	assert_int_equal(r.starts, 0);
	seconds(&r, 2, ESC_ATTACK_malformed, 100001);
	assert_int_equal(r.starts, 1);
	rig_open(&r, &conf);
	seconds(&r, 5000, ESC_ATTACK_neighbour, 6);
	assert_int_equal(r.starts, 1);
	assert_int_equal(r.ends, 0);
	assert_int_equal(r.d.threshold[ESC_ATTACK_neighbour], 5);
}

static void forgiven_kinds_do_not_count(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	r.s.forgiven = 1u << ESC_ATTACK_session;
	seconds(&r, 20, ESC_ATTACK_session, 1000000);
	assert_int_equal(r.starts, 0);
	assert_int_equal(r.d.total, 0);
	assert_int_equal(r.d.threshold[ESC_ATTACK_session], 500);
	seconds(&r, 2, ESC_ATTACK_mac1, 1000);
	assert_int_equal(r.starts, 1);
}

static void load_alone_neither_begins_an_attack_nor_keeps_it_up(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	r.s.under_load = true;
	seconds(&r, 100, ESC_ATTACK_rate, 20);
	assert_int_equal(r.starts, 0);
	seconds(&r, 2, ESC_ATTACK_rate, 2000);
	seconds(&r, 28, ESC_ATTACK_rate, 0);
	assert_int_equal(r.starts, 1);
	assert_int_equal(r.ends, 1);
	assert_true(r.d.past[0].under_load);
}

static void rate_at_the_threshold_does_not_flap(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	for (int i = 0; i < 600; i++)
		second(&r, ESC_ATTACK_mac1, i % 4 < 3 ? 1500 : 900);
	assert_int_equal(r.starts, 1);
	assert_int_equal(r.ends, 0);
}

static void late_samples_are_taken_for_what_they_are(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	r.s.now += 9 * ESC_S; /* control was stopped: 10 s in one */
	second(&r, ESC_ATTACK_mac1, 900);
	assert_int_equal(r.d.rate[ESC_ATTACK_mac1], 90);
	assert_int_equal(r.starts, 0);
	r.s.now += 9 * ESC_S;
	assert_int_equal(second(&r, ESC_ATTACK_mac1, 100000), ESC_DETECT_START);
	assert_int_equal(r.d.now.peak, 10000);
}

static void last_attacks_are_remembered(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	for (uint64_t i = 1; i <= 20; i++) {
		seconds(&r, 3, ESC_DETECT_FORGED, 10000 + i);
		seconds(&r, 40, ESC_DETECT_FORGED, 0);
	}
	assert_int_equal(r.d.attacks, 20);
	assert_int_equal(r.d.pasts, ESC_ATTACKS_KEPT);
	for (uint32_t i = 0; i < ESC_ATTACKS_KEPT; i++) {
		assert_int_equal(r.d.past[i].id, 20 - i);
		assert_int_equal(r.d.past[i].peak, 10020 - i);
	}
}

static void attack_that_lasts_is_over_when_nobody_looks(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &usual);
	assert_false(esc_detect_stop(&r.d));
	seconds(&r, 5, ESC_ATTACK_mac1, 1000);
	second(&r, ESC_ATTACK_mac1, 0);
	assert_true(esc_detect_stop(&r.d));
	assert_int_equal(r.d.pasts, 1);
	assert_int_equal(r.d.past[0].end, START_TIME + 5);
	assert_false(esc_detect_stop(&r.d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood_starts_after_two_seconds_and_ends_after_thirty),
		cmocka_unit_test(bursts_and_rates_below_the_limit_are_no_attack),
		cmocka_unit_test(attack_that_pauses_or_changes_its_kind_is_seen),
		cmocka_unit_test(slow_ramp_is_an_attack_at_the_upper_bound_at_the_latest),
		cmocka_unit_test(noisy_network_becomes_normal),
		cmocka_unit_test(long_attack_above_the_bound_never_becomes_normal),
		cmocka_unit_test(counters_that_begin_again_are_no_flood),
		cmocka_unit_test(first_counters_are_compared_with_nothing),
		cmocka_unit_test(thresholds_that_are_set_do_not_move),
		cmocka_unit_test(forgiven_kinds_do_not_count),
		cmocka_unit_test(load_alone_neither_begins_an_attack_nor_keeps_it_up),
		cmocka_unit_test(rate_at_the_threshold_does_not_flap),
		cmocka_unit_test(late_samples_are_taken_for_what_they_are),
		cmocka_unit_test(last_attacks_are_remembered),
		cmocka_unit_test(attack_that_lasts_is_over_when_nobody_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
