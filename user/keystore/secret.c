/* SPDX-License-Identifier: BSD-2-Clause */
#include "keystore/secret.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static bool may_lock_all(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur >= 2 * ESC_KDF_MEM_MAX)
		return true;
	return !capng_get_caps_process() &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_IPC_LOCK) == 1;
}

void esc_secret_guard_process(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	/* A limit that is too small would make Argon2id fail for want of memory. */
	if (may_lock_all())
		mlockall(MCL_CURRENT | MCL_FUTURE);
}

struct esc_secret *esc_secret_new(void)
{
	struct esc_secret *s = sodium_malloc(sizeof(*s));

	if (s)
		s->len = 0;
	return s;
}

void esc_secret_free(struct esc_secret *s)
{
	sodium_free(s);
}

static void wipe(struct esc_secret *s)
{
	sodium_memzero(s, sizeof(*s));
}

/* A signal came that ends the process, while a terminal was waited for. */
static volatile sig_atomic_t caught;

/* --- lines --------------------------------------------------------------------------------- */

/* 0: there is a character or (*c = '\n') the end; -EINTR: a signal came first. */
static int read_char(int fd, const sigset_t *wait_mask, char *c)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	/* Signals are blocked but for this wait, so that none slips in between. */
	if (wait_mask && ppoll(&p, 1, NULL, wait_mask) < 0)
		return -errno;
	ssize_t n = read(fd, c, 1);
	if (n < 0)
		return -errno;
	if (!n)
		*c = '\n';
	return n ? 0 : -ENODATA;
}

/* *end: the input ended before a character came. */
static int read_line(struct esc_secret *s, int fd, const sigset_t *wait_mask, bool *end)
{
	bool too_long = false;
	char c = 0;
	int err = 0;

	s->len = 0;
	while (c != '\n') {
		err = read_char(fd, wait_mask, &c);
		if (err == -EINTR && (!wait_mask || !caught)) /* no signal that ends it */
			continue;
		if (err || c == '\n')
			break;
		if (s->len == sizeof(s->bytes))
			too_long = true;
		else
			s->bytes[s->len++] = c;
	}
	c = 0;
	*end = err == -ENODATA && !s->len;
	if (err == -ENODATA)
		err = 0;
	if (!err && too_long)
		err = -EMSGSIZE;
	if (err)
		wipe(s);
	return err;
}

int esc_secret_line(struct esc_secret *s, int fd)
{
	bool end;
	int err = read_line(s, fd, NULL, &end);

	return err ? err : end ? -ENODATA : 0;
}

/* --- terminals ----------------------------------------------------------------------------- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define ENDING (sizeof(ending) / sizeof(ending[0]))

static void on_signal(int sig)
{
	caught = sig;
}

struct quiet {
	struct termios termios;
	sigset_t mask;
	struct sigaction action[ENDING];
};

/* No echo; signals wait until the terminal is as it was. Ctrl-Z waits for the end of the line. */
static int begin_quiet(struct quiet *q, int fd)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct termios silent = q->termios;
	sigset_t block;

	caught = 0;
	sigemptyset(&block);
	sigaddset(&block, SIGTSTP);
	for (size_t i = 0; i < ENDING; i++)
		sigaddset(&block, ending[i]);
	sigprocmask(SIG_BLOCK, &block, &q->mask);
	for (size_t i = 0; i < ENDING; i++) {
		sigaction(ending[i], NULL, &q->action[i]);
		if (q->action[i].sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
	}
	silent.c_lflag = (silent.c_lflag & ~(tcflag_t)ECHO) | ECHONL | ICANON | ISIG;
	return tcsetattr(fd, TCSAFLUSH, &silent) ? -errno : 0;
}

static void end_quiet(const struct quiet *q, int fd)
{
	tcsetattr(fd, TCSAFLUSH, &q->termios);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &q->action[i], NULL);
	if (caught)
		raise(caught); /* blocked still: it comes with the next line */
	sigprocmask(SIG_SETMASK, &q->mask, NULL);
}

static void write_prompt(int fd, const char *prompt)
{
	size_t len = strlen(prompt);

	if (write(fd, prompt, len) < 0 && write(STDERR_FILENO, prompt, len) < 0)
		return; /* nobody sees it; the line is read all the same */
}

int esc_secret_ask(struct esc_secret *s, int fd, const char *prompt)
{
	struct quiet q;
	sigset_t wait_mask;
	bool end;

	s->len = 0;
	if (tcgetattr(fd, &q.termios))
		return -errno;
	int err = begin_quiet(&q, fd);
	if (!err) {
		write_prompt(fd, prompt);
		wait_mask = q.mask;
		sigaddset(&wait_mask, SIGTSTP);
		for (size_t i = 0; i < ENDING; i++)
			sigdelset(&wait_mask, ending[i]);
		err = read_line(s, fd, &wait_mask, &end);
	}
	end_quiet(&q, fd);
	return err;
}

/* --- files ------------------------------------------------------------------------------------ */

/* All of it, or -EMSGSIZE. */
static int read_file(struct esc_secret *s, int fd)
{
	char c;

	for (;;) {
		bool full = s->len == sizeof(s->bytes);
		ssize_t n = read(fd, full ? &c : s->bytes + s->len,
				 full ? 1 : sizeof(s->bytes) - s->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		if (full)
			return -EMSGSIZE;
		s->len += (size_t)n;
	}
}

int esc_secret_file(struct esc_secret *s, const char *path, bool line)
{
	struct stat st;
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	s->len = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISREG(st.st_mode) && st.st_mode & S_IRWXO)
		err = -EPERM;
	if (!err)
		err = read_file(s, fd);
	close(fd);
	if (!err && line) {
		if (s->len && s->bytes[s->len - 1] == '\n')
			s->len--;
		if (s->len && s->bytes[s->len - 1] == '\r')
			s->len--;
		if (memchr(s->bytes, '\n', s->len) || memchr(s->bytes, 0, s->len))
			err = -EINVAL;
	}
	if (err)
		wipe(s);
	return err;
}
