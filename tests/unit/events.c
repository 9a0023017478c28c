/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for those who follow: in order, bounded, and nobody misses one without being told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/events.h"

static void put(struct esc_events *e, unsigned int number)
{
	char *line = NULL;

	assert_true(asprintf(&line, "event %u", number) > 0);
	assert_int_equal(esc_events_put(e, line), 0);
}

static void expect(const struct esc_events *e, uint64_t *cursor, unsigned int number)
{
	char text[32];
	uint64_t lost;
	const char *line = esc_events_get(e, cursor, &lost);

	snprintf(text, sizeof(text), "event %u", number);
	assert_non_null(line);
	assert_string_equal(line, text);
	assert_int_equal(lost, 0);
}

static void readers_get_every_line_in_order(void **state)
{
	struct esc_events e = {.next = 0};
	uint64_t fast = 0, slow = 0, late, lost;

	(void)state;
	assert_null(esc_events_get(&e, &fast, &lost));
	for (unsigned int i = 0; i < 3 * ESC_EVENTS_KEPT; i++) {
		put(&e, i);
		expect(&e, &fast, i);
		assert_null(esc_events_get(&e, &fast, &lost));
		if (i % 3 == 2 && slow < i)
			expect(&e, &slow, (unsigned int)slow);
		if (i == ESC_EVENTS_KEPT + 10)
			break;
	}
	late = e.next;
	assert_null(esc_events_get(&e, &late, &lost));
	put(&e, 7777);
	expect(&e, &late, 7777);
	esc_events_free(&e);
}

static void slow_reader_learns_how_much_it_missed(void **state)
{
	struct esc_events e = {.next = 0};
	uint64_t cursor = 0, lost;

	(void)state;
	for (unsigned int i = 0; i < ESC_EVENTS_KEPT; i++)
		put(&e, i);
	expect(&e, &cursor, 0); /* full, nothing lost */
	for (unsigned int i = 0; i < 11; i++)
		put(&e, ESC_EVENTS_KEPT + i);
	const char *line = esc_events_get(&e, &cursor, &lost);
	assert_int_equal(lost, 10);
	assert_string_equal(line, "event 11");
	expect(&e, &cursor, 12);
	esc_events_free(&e);
	assert_null(e.line[0]);
}

static void line_that_is_too_long_is_refused(void **state)
{
	struct esc_events e = {.next = 0};
	char *line = malloc(ESC_EVENT_LINE + 2);
	uint64_t cursor = 0, lost;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', ESC_EVENT_LINE + 1);
	line[ESC_EVENT_LINE + 1] = '\0';
	assert_int_equal(esc_events_put(&e, line), -EMSGSIZE);
	assert_null(esc_events_get(&e, &cursor, &lost));
	esc_events_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_get_every_line_in_order),
		cmocka_unit_test(slow_reader_learns_how_much_it_missed),
		cmocka_unit_test(line_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
