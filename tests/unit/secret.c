/* SPDX-License-Identifier: BSD-2-Clause */
/* How secrets come in: lines, files, terminals; and what a process does that handles them. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "keystore/secret.h"

static struct esc_secret *secret;

static int a_pipe_with(const char *bytes, size_t len)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 65536) < 0, 0);
	assert_int_equal(write(fds[1], bytes, len), len);
	close(fds[1]);
	return fds[0];
}

static void is(const char *expect)
{
	assert_int_equal(secret->len, strlen(expect));
	assert_memory_equal(secret->bytes, expect, secret->len);
}

static void lines_are_read_one_by_one(void **state)
{
	static const char text[] = "first\n\nthird, without an end";
	int fd = a_pipe_with(text, strlen(text));

	(void)state;
	assert_int_equal(esc_secret_line(secret, fd), 0);
	is("first");
	assert_int_equal(esc_secret_line(secret, fd), 0);
	is("");
	assert_int_equal(esc_secret_line(secret, fd), 0);
	is("third, without an end");
	assert_int_equal(esc_secret_line(secret, fd), -ENODATA);
	close(fd);
}

static void a_line_that_is_too_long_is_refused_and_skipped(void **state)
{
	char text[ESC_CREDENTIAL_MAX + 8];
	int fd;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + ESC_CREDENTIAL_MAX, "\nnext\n", 6); /* exactly as long as may be */
	fd = a_pipe_with(text, ESC_CREDENTIAL_MAX + 6);
	assert_int_equal(esc_secret_line(secret, fd), 0);
	assert_int_equal(secret->len, ESC_CREDENTIAL_MAX);
	close(fd);
	memcpy(text + ESC_CREDENTIAL_MAX, "x\nnext\n", 7);
	fd = a_pipe_with(text, ESC_CREDENTIAL_MAX + 7);
	assert_int_equal(esc_secret_line(secret, fd), -EMSGSIZE);
	assert_int_equal(secret->len, 0);
	assert_true(sodium_is_zero((const uint8_t *)secret->bytes, sizeof(secret->bytes)));
	assert_int_equal(esc_secret_line(secret, fd), 0);
	is("next");
	close(fd);
}

static int file_with(const char *bytes, size_t len, mode_t mode, bool line)
{
	char path[] = "/tmp/esc-secret-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	int err = esc_secret_file(secret, path, line);
	unlink(path);
	return err;
}

static void files_are_one_line_or_all_bytes(void **state)
{
	char big[ESC_CREDENTIAL_MAX + 1] = {0};

	(void)state;
	assert_int_equal(file_with("a word\n", 7, 0600, true), 0);
	is("a word");
	assert_int_equal(file_with("a word\r\n", 8, 0400, true), 0);
	is("a word");
	assert_int_equal(file_with("a word\n", 7, 0600, false), 0);
	is("a word\n");
	assert_int_equal(file_with("two\nlines\n", 10, 0600, true), -EINVAL);
	assert_int_equal(file_with("nul\0", 4, 0600, true), -EINVAL);
	assert_int_equal(secret->len, 0);
	assert_int_equal(file_with("nul\0", 4, 0600, false), 0);
	assert_int_equal(secret->len, 4);
	assert_int_equal(file_with("a word", 6, 0604, true), -EPERM);
	assert_int_equal(file_with("a word", 6, 0602, true), -EPERM);
	assert_int_equal(file_with(big, sizeof(big) - 1, 0600, false), 0);
	assert_int_equal(file_with(big, sizeof(big), 0600, false), -EMSGSIZE);
	assert_int_equal(secret->len, 0);
	assert_int_equal(esc_secret_file(secret, "/nonexistent", true), -ENOENT);
}

/* --- terminals -----------------------------------------------------------------------------------
 */

static bool echoes(int terminal)
{
	struct termios t;

	assert_int_equal(tcgetattr(terminal, &t), 0);
	return t.c_lflag & ECHO;
}

static void wait_until(int terminal, bool echo)
{
	for (int i = 0; i < 12000 && echoes(terminal) != echo; i++)
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	assert_int_equal(echoes(terminal), echo);
}

/* A child asks at the terminal; exit 0: it got "pass word". */
static pid_t ask(int terminal)
{
	pid_t pid = fork();

	if (!pid) {
		const struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		int err = esc_secret_ask(secret, terminal, "Say: ");

		_exit(err || secret->len != 9 || memcmp(secret->bytes, "pass word", 9) ? 1 : 0);
	}
	wait_until(terminal, false);
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_terminal_is_silent_while_it_is_asked(void **state)
{
	char shown[64] = "";
	int master, terminal;

	(void)state;
	assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
	pid_t pid = ask(terminal);
	/* Stopped and continued, it asks on. */
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	kill(pid, SIGCONT);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_int_equal(write(master, "pass word\n", 10), 10);
	assert_int_equal(end_of(pid), 0);
	assert_true(echoes(terminal));
	assert_true(read(master, shown, sizeof(shown) - 1) > 0);
	assert_non_null(strstr(shown, "Say: "));
	assert_null(strstr(shown, "pass"));
	close(master);
	close(terminal);
}

static void signals_end_it_after_the_terminal_echoes_again(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	int master, terminal;

	(void)state;
	assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		pid_t pid = ask(terminal);

		kill(pid, signals[i]);
		int status = end_of(pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
		assert_true(echoes(terminal));
	}
	close(master);
	close(terminal);
	int fd = a_pipe_with("x", 1);
	assert_int_equal(esc_secret_ask(secret, fd, "Say: "), -ENOTTY);
	close(fd);
}

/* --- the process
 * ----------------------------------------------------------------------------------- */

static unsigned long locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %lu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void a_process_with_secrets_guards_itself(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (!pid) {
		struct rlimit core;
		bool ok;

		esc_secret_guard_process();
		ok = !prctl(PR_GET_DUMPABLE) && !getrlimit(RLIMIT_CORE, &core) && !core.rlim_max;
		void *later = malloc(4u << 20);
		ok = ok && later && (geteuid() || locked_kib() > 4096);
		free(later);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(end_of(pid), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	secret = esc_secret_new();
	return secret ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	esc_secret_free(secret);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_one_by_one),
		cmocka_unit_test(a_line_that_is_too_long_is_refused_and_skipped),
		cmocka_unit_test(files_are_one_line_or_all_bytes),
		cmocka_unit_test(a_terminal_is_silent_while_it_is_asked),
		cmocka_unit_test(signals_end_it_after_the_terminal_echoes_again),
		cmocka_unit_test(a_process_with_secrets_guards_itself),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
