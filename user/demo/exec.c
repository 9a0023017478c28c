/* SPDX-License-Identifier: BSD-2-Clause */
#include "demo/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define WORDS_MAX   48
#define COMMAND_MAX 1024
#define RUN_MS	    60000u
#define STOP_MS	    10000u

#define SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static sigset_t watched, before;
static bool interrupted, cleaning;

int exec_init(void)
{
	sigemptyset(&watched);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGHUP);
	sigaddset(&watched, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &watched, &before))
		return -errno;
	/* sudo's secure path and a user's own often lack a system directory. */
	return setenv("PATH", SYSTEM_PATH, 1) ? -errno : 0;
}

bool exec_interrupted(void)
{
	return interrupted;
}

void exec_cleaning(void)
{
	cleaning = true;
}

bool exec_have(const char *program)
{
	static const char path[] = SYSTEM_PATH;
	char file[256];

	for (const char *dir = path; *dir;) {
		size_t len = strcspn(dir, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)len, dir, program);
		if (!access(file, X_OK))
			return true;
		dir += len + (dir[len] == ':');
	}
	return false;
}

/* Waits for a signal, or that time. SIGCHLD only ends the wait. */
static void wait_signal(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / ESC_S), .tv_nsec = (long)(ns % ESC_S)};
	int sig = sigtimedwait(&watched, NULL, &ts);

	if (sig > 0 && sig != SIGCHLD)
		interrupted = true;
}

static bool give_up(void)
{
	return interrupted && !cleaning;
}

int exec_sleep(unsigned int ms)
{
	uint64_t end = esc_now() + ms * ESC_MS;

	for (uint64_t now = esc_now(); now < end && !give_up(); now = esc_now())
		wait_signal(end - now);
	return give_up() ? -EINTR : 0;
}

/* --- in the child ------------------------------------------------------------------------------
 */

static int enter(const char *ns)
{
	char path[128];

	if (!ns)
		return 0;
	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return err;
}

/*
 * In a process group of its own: a Ctrl-C on the terminal reaches the demo alone, which then ends
 * things in order. With survive false nothing outlives a demo that is killed.
 */
static int child_begin(const struct exec_job *job, const char *ns, int out, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || setpgid(0, 0))
		return -errno;
	if (!job->survive) {
		if (prctl(PR_SET_PDEATHSIG, SIGTERM))
			return -errno;
		if (getppid() != parent)
			return -ESRCH;
	}
	if (out < 0)
		out = null;
	if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return -errno;
	if (sigprocmask(SIG_SETMASK, &before, NULL))
		return -errno;
	return enter(ns);
}

static _Noreturn void child_exec(char *command)
{
	char *argv[WORDS_MAX + 1];
	size_t n = 0;

	for (char *word = strsep(&command, " "); word && n < WORDS_MAX;
	     word = strsep(&command, " "))
		argv[n++] = word;
	argv[n] = NULL;
	if (command) {
		dprintf(2, "more than %d words after %s\n", WORDS_MAX, argv[0]);
		_exit(127);
	}
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* --- starting ----------------------------------------------------------------------------------
 */

static int start(struct exec_job *job, const char *ns, int out, char *command)
{
	pid_t parent = getpid();

	if (give_up())
		return -EINTR;
	job->pid = fork();
	if (job->pid < 0) {
		job->pid = 0;
		return -errno;
	}
	if (job->pid)
		return 0;
	int err = child_begin(job, ns, out, parent);
	if (!err)
		child_exec(command);
	dprintf(2, "cannot enter %s: %s\n", ns ? ns : "a process", strerror(-err));
	_exit(127);
}

int exec_start(struct exec_job *job, const char *ns, const char *log, const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list ap;
	int out = -1;

	va_start(ap, fmt);
	int n = vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(command))
		return -E2BIG;
	if (log) {
		out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (out < 0)
			return -errno;
	}
	int err = start(job, ns, out, command);
	if (out >= 0)
		close(out);
	return err;
}

int exec_fork(struct exec_job *job, const char *ns, int (*run)(const void *arg), const void *arg)
{
	pid_t parent = getpid();

	if (give_up())
		return -EINTR;
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0) {
		job->pid = 0;
		return -errno;
	}
	if (!job->pid)
		_exit(child_begin(job, ns, -1, parent) ? 127 : run(arg));
	return 0;
}

/* --- ending -------------------------------------------------------------------------------------
 */

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* true: it ended, *status is set. */
static bool reap(struct exec_job *job, int *status)
{
	int raw = 0;

	if (waitpid(job->pid, &raw, WNOHANG) != job->pid)
		return false;
	job->pid = 0;
	*status = exit_status(raw);
	return true;
}

static bool reap_within(struct exec_job *job, unsigned int ms, bool obey, int *status)
{
	uint64_t end = esc_now() + ms * ESC_MS;

	for (;;) {
		if (reap(job, status))
			return true;
		uint64_t now = esc_now();
		if (now >= end || (obey && give_up()))
			return false;
		/* A SIGCHLD of another child may have been merged with this one's. */
		wait_signal(end - now < 50 * ESC_MS ? end - now : 50 * ESC_MS);
	}
}

int exec_stop(struct exec_job *job)
{
	int status = 0;

	if (!job->pid)
		return 0;
	kill(job->pid, SIGTERM);
	if (reap_within(job, STOP_MS, false, &status))
		return status;
	kill(job->pid, SIGKILL);
	reap_within(job, STOP_MS, false, &status);
	return -ETIMEDOUT;
}

int exec_wait(struct exec_job *job, unsigned int ms)
{
	int status = 0;

	if (!job->pid)
		return -ECHILD;
	if (reap_within(job, ms, true, &status))
		return status;
	exec_stop(job);
	return give_up() ? -EINTR : -ETIMEDOUT;
}

bool exec_running(struct exec_job *job)
{
	int status;

	return job->pid && !reap(job, &status);
}

static void read_all(int fd, char *out, size_t size)
{
	size_t len = 0;

	while (len + 1 < size) {
		ssize_t n = pread(fd, out + len, size - 1 - len, (off_t)len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
}

int exec_run(const char *ns, char *out, size_t size, const char *fmt, ...)
{
	struct exec_job job = {0};
	char command[COMMAND_MAX];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(command))
		return -E2BIG;
	int fd = memfd_create("output", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int status = start(&job, ns, fd, command);
	if (!status)
		status = exec_wait(&job, RUN_MS);
	if (out)
		read_all(fd, out, size);
	close(fd);
	return status;
}

int exec_read(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	read_all(fd, out, size);
	close(fd);
	return 0;
}
