/* SPDX-License-Identifier: BSD-2-Clause */
/* What tells a process that hangs from one that works or waits for its turn; systemd's watchdog. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "control/notify.h"
#include "control/watchdog.h"

#define LIMIT ESC_WATCHDOG_LIMIT_NS

/* --- judgement on what is seen ----------------------------------------------------------- */

/* Asked at 1 s, when it had used 7 s of a processor. */
static struct esc_watchdog asked(void)
{
	return (struct esc_watchdog){.stat = -1,
				     .sent = 1,
				     .last_asked = ESC_S,
				     .waiting = ESC_S,
				     .cpu = 7 * ESC_S,
				     .last_cpu = 7 * ESC_S};
}

static const char *seen(struct esc_watchdog *w, uint64_t after, char state, uint64_t used)
{
	return esc_watchdog_weigh(w, ESC_S + after,
				  (struct esc_sign){.cpu = 7 * ESC_S + used, .state = state});
}

static void test_stopped_or_traced_is_seen_at_once(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	assert_string_equal(seen(&w, ESC_MS, 'T', 0), "is stopped");
	assert_string_equal(seen(&w, ESC_MS, 't', 0), "is stopped");
}

static void test_asleep_is_judged_when_late_only(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	assert_null(seen(&w, 300 * ESC_MS, 'S', 0));
	assert_null(seen(&w, 400 * ESC_MS, 'S', 0));
	assert_null(seen(&w, LIMIT - 1, 'S', 0));
	assert_string_equal(seen(&w, LIMIT, 'S', 0), "does not answer: it sleeps");
}

static void test_uninterruptible_sleep_is_a_sleep(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	assert_null(seen(&w, 400 * ESC_MS, 'D', 0));
	assert_non_null(seen(&w, LIMIT, 'D', 0));
}

/* A busy process is met asleep now and then, but it ran between two looks. */
static void test_short_sleeps_of_a_working_process_are_fine(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		assert_null(seen(&w, 400 * ESC_MS + i * 100 * ESC_MS, 'S', (i + 1) * ESC_MS));
	w = asked();
	for (uint64_t i = 0; i < 20; i++)
		assert_null(seen(&w, 400 * ESC_MS + i * 100 * ESC_MS, i & 1 ? 'S' : 'R', 0));
}

static void test_spinning_is_processor_time_without_an_answer(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	assert_null(seen(&w, LIMIT - 1, 'R', 450 * ESC_MS));
	assert_string_equal(seen(&w, LIMIT, 'R', 450 * ESC_MS), "does not answer: it spins");
	w = asked();
	assert_null(seen(&w, LIMIT, 'R', ESC_WATCHDOG_CPU_NS - 1));
	/* It is the process's time that counts: on a slow machine the verdict comes later. */
	assert_null(seen(&w, 3 * ESC_S, 'R', ESC_WATCHDOG_CPU_NS - 1));
	assert_non_null(seen(&w, 3 * ESC_S, 'R', ESC_WATCHDOG_CPU_NS));
}

static void test_starved_is_forgiven_for_seconds_not_for_ever(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	for (uint64_t t = 300 * ESC_MS; t < ESC_WATCHDOG_STARVED_NS; t += 100 * ESC_MS)
		assert_null(seen(&w, t, 'R', t / 100));
	assert_string_equal(seen(&w, ESC_WATCHDOG_STARVED_NS, 'R', ESC_MS),
			    "does not get to answer");
}

static void test_unknown_state_is_not_held_against_it(void **state)
{
	struct esc_watchdog w = asked();

	(void)state;
	assert_null(seen(&w, 400 * ESC_MS, '?', 0));
	assert_null(seen(&w, LIMIT, '?', 0));
	assert_null(seen(&w, 2 * LIMIT, '?', 0));
	assert_non_null(seen(&w, ESC_WATCHDOG_STARVED_NS, '?', 0));
}

/* --- questions and answers --------------------------------------------------------------- */

static void test_questions_have_their_time_and_number(void **state)
{
	struct esc_watchdog w = {.stat = -1};
	uint32_t seq = 0;

	(void)state;
	assert_true(esc_watchdog_ask(&w, ESC_S, &seq));
	assert_int_equal(seq, 1);
	assert_int_equal(w.waiting, ESC_S);
	assert_false(esc_watchdog_ask(&w, ESC_S + ESC_WATCHDOG_ASK_NS - 1, &seq));
	/* Asked again, it has been waiting since the first time. */
	assert_true(esc_watchdog_ask(&w, ESC_S + ESC_WATCHDOG_ASK_NS, &seq));
	assert_int_equal(seq, 2);
	assert_int_equal(w.waiting, ESC_S);
	assert_true(esc_watchdog_answer(&w, 2));
	assert_int_equal(w.waiting, 0);
	assert_null(esc_watchdog_judge(&w, 1000 * ESC_S));
}

static void test_answers_nobody_asked_for_are_refused(void **state)
{
	struct esc_watchdog w = {.stat = -1};
	uint32_t seq;

	(void)state;
	assert_false(esc_watchdog_answer(&w, 0));
	assert_false(esc_watchdog_answer(&w, 1));
	assert_true(esc_watchdog_ask(&w, ESC_S, &seq));
	assert_false(esc_watchdog_answer(&w, seq + 1));
	assert_false(esc_watchdog_answer(&w, UINT32_MAX));
	assert_true(esc_watchdog_answer(&w, seq));
	assert_false(esc_watchdog_answer(&w, seq));
}

static void test_time_that_control_itself_lost_does_not_count(void **state)
{
	struct esc_watchdog w = {.stat = -1};
	uint32_t seq;

	(void)state;
	assert_true(esc_watchdog_ask(&w, ESC_S, &seq));
	esc_watchdog_forgive(&w, 100 * ESC_S);
	assert_null(esc_watchdog_judge(&w, 100 * ESC_S + LIMIT));
	assert_true(esc_watchdog_answer(&w, seq));
	esc_watchdog_forgive(&w, 200 * ESC_S);
	assert_int_equal(w.waiting, 0);
}

/* --- real processes ---------------------------------------------------------------------- */

static pid_t child(void (*life)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "odd) S (name"); /* proc(5) does not quote it */
	life();
	_exit(0);
}

static void sleeps(void)
{
	for (;;)
		pause();
}

static void spins(void)
{
	for (volatile unsigned int i = 0;; i++)
		;
}

/* However late this process itself looks. */
static const char *verdict_on(pid_t pid, uint64_t *after)
{
	struct esc_watchdog w;
	const char *why = NULL;
	uint32_t seq;

	esc_watchdog_open(&w, pid);
	usleep(50000); /* for it to begin its life */
	uint64_t start = esc_now();
	assert_true(esc_watchdog_ask(&w, start, &seq));
	while (!why) {
		usleep(50000);
		why = esc_watchdog_judge(&w, esc_now());
	}
	*after = esc_now() - start;
	esc_watchdog_close(&w);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return why;
}

static void test_a_process_that_sleeps(void **state)
{
	uint64_t after;

	(void)state;
	assert_string_equal(verdict_on(child(sleeps), &after), "does not answer: it sleeps");
	assert_true(after >= LIMIT);
}

static void test_a_process_that_spins(void **state)
{
	uint64_t after;

	(void)state;
	assert_string_equal(verdict_on(child(spins), &after), "does not answer: it spins");
	assert_true(after >= LIMIT);
}

static void test_a_process_that_is_stopped(void **state)
{
	pid_t pid = child(spins);
	uint64_t after;

	(void)state;
	kill(pid, SIGSTOP);
	assert_string_equal(verdict_on(pid, &after), "is stopped");
}

/* --- systemd ----------------------------------------------------------------------------- */

static void test_systemd_says_how_often_it_wants_to_hear(void **state)
{
	char pid[16];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(esc_notify_watchdog(), 0);
	setenv("WATCHDOG_USEC", "2000000", 1);
	assert_int_equal(esc_notify_watchdog(), 2 * ESC_S);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
	assert_int_equal(esc_notify_watchdog(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(esc_notify_watchdog(), 2 * ESC_S);
	for (const char *const *bad = (const char *const[]){"", "x", "5s", "-1", NULL}; *bad;
	     bad++) {
		setenv("WATCHDOG_USEC", *bad, 1);
		assert_int_equal(esc_notify_watchdog(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stopped_or_traced_is_seen_at_once),
		cmocka_unit_test(test_asleep_is_judged_when_late_only),
		cmocka_unit_test(test_uninterruptible_sleep_is_a_sleep),
		cmocka_unit_test(test_short_sleeps_of_a_working_process_are_fine),
		cmocka_unit_test(test_spinning_is_processor_time_without_an_answer),
		cmocka_unit_test(test_starved_is_forgiven_for_seconds_not_for_ever),
		cmocka_unit_test(test_unknown_state_is_not_held_against_it),
		cmocka_unit_test(test_questions_have_their_time_and_number),
		cmocka_unit_test(test_answers_nobody_asked_for_are_refused),
		cmocka_unit_test(test_time_that_control_itself_lost_does_not_count),
		cmocka_unit_test(test_a_process_that_sleeps),
		cmocka_unit_test(test_a_process_that_spins),
		cmocka_unit_test(test_a_process_that_is_stopped),
		cmocka_unit_test(test_systemd_says_how_often_it_wants_to_hear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
