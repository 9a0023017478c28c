/* SPDX-License-Identifier: BSD-2-Clause */
/* The log never holds a process up. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

static int saved;

/* From now on standard error is this descriptor. */
static void divert(int fd)
{
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void restore(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void fill(int fd)
{
	static const char bytes[512];

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

static void full(int fds[2])
{
	uint64_t start = esc_now();

	fill(fds[1]);
	divert(fds[1]);
	for (int i = 0; i < 10; i++)
		esc_err("line %d", i);
	restore();
	close(fds[0]);
	close(fds[1]);
	assert_true(esc_now() - start < 60 * ESC_S); /* it would have waited for ever */
}

static void test_a_pipe_that_nobody_reads(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	full(fds);
}

static void test_a_journal_that_hangs(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	full(fds);
}

static void test_a_reader_gets_every_line(void **state)
{
	char text[64] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	divert(fds[1]);
	unsetenv("JOURNAL_STREAM");
	unsetenv("ESCLUSA_LOG");
	esc_log_init("n", NULL);
	esc_warn("one");
	esc_info("two");
	esc_debug("not asked for");
	restore();
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	close(fds[0]);
	close(fds[1]);
	assert_string_equal(text, "esclusa[n]: warning: one\nesclusa[n]: two\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pipe_that_nobody_reads),
		cmocka_unit_test(test_a_journal_that_hangs),
		cmocka_unit_test(test_a_reader_gets_every_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
