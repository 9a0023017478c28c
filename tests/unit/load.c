/* SPDX-License-Identifier: BSD-2-Clause */
/* Under load or not, and the share of handshakes, with a clock that the tests turn (R3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/load.h"

#define START (1000 * ESC_S)

static struct load load;
static uint64_t now;
static uint32_t changes;

static int start(void **state)
{
	(void)state;
	load = (struct load){0};
	now = START;
	changes = 0;
	return 0;
}

/* Refused messages at this rate for this long; counts how often the answer changes. */
static void flood(uint32_t rate, uint64_t time)
{
	uint64_t end = now + time;

	for (; now < end; now += ESC_S / rate) {
		bool was = load.on;

		load_message(&load, now);
		changes += load_look(&load, now) != was;
	}
}

/* Nothing happens; the clock turns as often as the process asks to be woken. */
static void quiet(uint64_t time)
{
	uint64_t end = now + time;

	while (load_next(&load) <= end) {
		if (load_next(&load) > now)
			now = load_next(&load);
		assert_false(load_look(&load, now));
	}
	now = end;
}

static void mistakes_are_no_load(void **state)
{
	(void)state;
	assert_int_equal(load_next(&load), UINT64_MAX);
	flood(LOAD_RATE / 2, 3600 * ESC_S);
	assert_false(load.on);
	assert_int_equal(load_next(&load), UINT64_MAX); /* nothing to wake up for */
}

static void a_flood_is_one_within_a_second(void **state)
{
	(void)state;
	flood(500, ESC_S);
	assert_true(load.on);
}

static void a_burst_is_one(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < LOAD_ENTER - 1; i++)
		load_message(&load, now);
	assert_false(load_look(&load, now));
	load_message(&load, now);
	assert_true(load_look(&load, now));
}

static void a_long_queue_is_one(void **state)
{
	(void)state;
	load_waiting(&load, now, LOAD_WAITING - 1);
	assert_false(load_look(&load, now));
	load_waiting(&load, now, LOAD_WAITING);
	assert_true(load_look(&load, now));
}

static void what_the_budgets_refused_is_one(void **state)
{
	(void)state;
	load.refused_at = 77; /* of before this process */
	load_budgets(&load, now, 77);
	assert_false(load_look(&load, now));
	load_budgets(&load, now, 78);
	assert_true(load_look(&load, now));
	quiet(60 * ESC_S);
	load_budgets(&load, now, 78);
	assert_false(load_look(&load, now));
}

static void ends_after_a_calm_period_and_not_before(void **state)
{
	uint64_t drain = LOAD_ENTER * ESC_S / LOAD_RATE;

	(void)state;
	flood(1000, 5 * ESC_S);
	assert_true(load.on);
	assert_true(load_next(&load) <= now + drain + LOAD_CALM);
	now = load_next(&load) - 1;
	assert_true(load_look(&load, now));
	load_message(&load, now); /* one more: not calm yet */
	assert_true(load_look(&load, now + 2));
	now = load_next(&load);
	assert_false(load_look(&load, now));
	assert_int_equal(load_next(&load), UINT64_MAX);
}

/* What the black program lets through, to be answered with cookies, keeps the load up. */
static void does_not_flap_while_cookies_are_asked_for(void **state)
{
	(void)state;
	flood(5000, 600 * ESC_S);
	assert_true(load.on);
	assert_int_equal(changes, 1);
}

/*
 * The worst case: once mac2 is asked for, nothing of the flood arrives here any more. Each time the
 * calm lasts longer; the whole of a day-long flood costs few looks at it.
 */
static void flood_that_vanishes_under_load_is_let_in_ever_more_seldom(void **state)
{
	uint64_t off = 0, end = START + 24 * 3600 * ESC_S;
	uint32_t times = 0;

	(void)state;
	while (now < end) {
		uint64_t from = now;
		while (!load.on)
			flood(500, ESC_S / 500);
		off += now - from;
		times++;
		quiet(load_next(&load) - now);
		assert_false(load.on);
	}
	assert_true(times < 24 * 3600 / 300);
	assert_true(off < 24 * 3600 * ESC_S / 400);
	quiet(LOAD_CALM_MAX); /* real calm: the next one begins with a short period again */
	flood(500, ESC_S);
	assert_true(load.on);
	assert_int_equal(load.calm, LOAD_CALM);
}

/* Who forges an address gets its budget, not more, and nobody else's. */
static void known_addresses_have_budgets_of_their_own(void **state)
{
	const int last = ESC_KNOWN_BUCKETS * ESC_KNOWN_WAYS - 1;
	uint32_t passed = 0;

	(void)state;
	for (uint64_t end = now + 10 * ESC_S; now < end; now += ESC_S / 5000)
		passed += load_known(&load, now, 7);
	assert_in_range(passed, 10 * LOAD_KNOWN_RATE, 10 * LOAD_KNOWN_RATE + LOAD_KNOWN_BURST);
	for (uint32_t i = 0; i < LOAD_KNOWN_BURST; i++) {
		assert_true(load_known(&load, now, 6));
		assert_true(load_known(&load, now, last));
	}
	assert_false(load_known(&load, now, 6));
	assert_true(load_known(&load, now + ESC_S / LOAD_KNOWN_RATE, 6));
	assert_false(load_known(&load, now, -1));
	assert_false(load_known(&load, now, last + 1));
}

/* A loop that has a data packet in every round, and handshakes that never end. */
static void handshakes_take_a_fifth_of_the_time(void **state)
{
	const uint64_t data_cost[] = {1000, 30000, 300000}, cost[] = {45000, 200000, 5 * ESC_MS};

	(void)state;
	for (int d = 0; d < 3; d++) {
		for (int h = 0; h < 3; h++) {
			uint64_t spent = 0, begin = now, end = now + 20 * ESC_S;

			load.turn_at = 0;
			while (now < end) {
				now += data_cost[d];
				if (!load_turn(&load, now, true))
					continue;
				load_spent(&load, now, now + cost[h]);
				now += cost[h];
				spent += cost[h];
			}
			assert_true(spent <= (now - begin) / LOAD_SHARE + cost[h]);
			assert_true(spent >= (now - begin) / LOAD_SHARE / 3); /* nor starve */
		}
	}
	assert_true(load_turn(&load, load.turn_at - 1, false)); /* nobody else needs the time */
}

#define T(f) cmocka_unit_test_setup(f, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mistakes_are_no_load),
		T(a_flood_is_one_within_a_second),
		T(a_burst_is_one),
		T(a_long_queue_is_one),
		T(what_the_budgets_refused_is_one),
		T(ends_after_a_calm_period_and_not_before),
		T(does_not_flap_while_cookies_are_asked_for),
		T(flood_that_vanishes_under_load_is_let_in_ever_more_seldom),
		T(known_addresses_have_budgets_of_their_own),
		T(handshakes_take_a_fifth_of_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
