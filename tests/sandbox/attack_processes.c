/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks on other processes, and by new ones. */
#include <fcntl.h>
#include <sched.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "attack.h"

/* Known from before the lock: asking is a system call too. */
static pid_t self;

__attribute__((constructor)) static void remember(void)
{
	self = getpid();
}

/* An attack on each process that there may be: 0 if it worked on any but ourselves. */
static int on_others(int (*attack)(pid_t pid))
{
	int err = ESRCH;

	for (pid_t pid = 1; pid < 65536; pid++) {
		if (pid == self)
			continue;
		int now = attack(pid);

		if (!now)
			return 0;
		if (now != ESRCH)
			err = now;
	}
	return err;
}

/* Signal 0 asks for the same permission as any other. */
static int kill_one(pid_t pid)
{
	return TRIED(kill(pid, 0));
}

static int kill_others(const struct target *t)
{
	(void)t;
	return on_others(kill_one);
}

static int trace_one(pid_t pid)
{
	int err = TRIED(ptrace(PTRACE_SEIZE, pid, 0, 0));

	if (!err)
		ptrace(PTRACE_DETACH, pid, 0, 0);
	return err;
}

static int trace_others(const struct target *t)
{
	(void)t;
	return on_others(trace_one);
}

/* EFAULT: the address is wrong, but the process may be read. */
static int read_one(pid_t pid)
{
	char byte;
	const struct iovec mine = {&byte, 1}, theirs = {(void *)4096, 1};
	int err = TRIED(process_vm_readv(pid, &mine, 1, &theirs, 1, 0));

	return err == EFAULT ? 0 : err;
}

static int read_others(const struct target *t)
{
	(void)t;
	return on_others(read_one);
}

static int write_one(pid_t pid)
{
	char byte = 0;
	const struct iovec mine = {&byte, 1}, theirs = {(void *)4096, 1};
	int err = TRIED(process_vm_writev(pid, &mine, 1, &theirs, 1, 0));

	return err == EFAULT ? 0 : err;
}

static int write_others(const struct target *t)
{
	(void)t;
	return on_others(write_one);
}

static int steal_one(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return errno;
	int err = TRIED(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
	close(pidfd);
	return err;
}

static int steal_descriptor(const struct target *t)
{
	(void)t;
	return on_others(steal_one);
}

static int look_one(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ESRCH : errno;
	close(fd);
	return 0;
}

static int look_at_others(const struct target *t)
{
	(void)t;
	return on_others(look_one);
}

static int limits_one(pid_t pid)
{
	struct rlimit now;

	return TRIED(prlimit(pid, RLIMIT_NOFILE, NULL, &now)); /* as hard as to set */
}

static int limit_others(const struct target *t)
{
	(void)t;
	return on_others(limits_one);
}

/* EINVAL: no processor to run on, but it was ours to say. */
static int pin_one(pid_t pid)
{
	cpu_set_t none;

	CPU_ZERO(&none);
	int err = TRIED(sched_setaffinity(pid, sizeof(none), &none));
	return err == EINVAL ? 0 : err;
}

static int pin_others(const struct target *t)
{
	(void)t;
	return on_others(pin_one);
}

static int compare_one(pid_t pid)
{
	return TRIED(syscall(SYS_kcmp, self, pid, KCMP_FILE, 0, 0));
}

static int compare_others(const struct target *t)
{
	(void)t;
	return on_others(compare_one);
}

static int owner_one(pid_t pid)
{
	int err = TRIED(fcntl(ESC_FD_CONTROL, F_SETOWN, pid));

	if (!err)
		fcntl(ESC_FD_CONTROL, F_SETOWN, 0);
	return err;
}

/* A descriptor that sends its signals, F_SETSIG's choice, to somebody else. */
static int signal_by_socket(const struct target *t)
{
	(void)t;
	int err = TRIED(fcntl(ESC_FD_CONTROL, F_SETSIG, SIGKILL));
	return err ? err : on_others(owner_one);
}

/* --- new processes -------------------------------------------------------------------------- */

/* The child of one that worked ends at once. */
static int born(long pid)
{
	if (pid < 0)
		return errno;
	if (!pid)
		_exit(0);
	waitpid((pid_t)pid, NULL, 0);
	return 0;
}

static int fork_process(const struct target *t)
{
	(void)t;
	return born(syscall(SYS_fork));
}

static int clone_process(const struct target *t)
{
	(void)t;
	return born(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int clone3_process(const struct target *t)
{
	struct clone_args args = {.exit_signal = SIGCHLD};

	(void)t;
	return born(syscall(SYS_clone3, &args, sizeof(args)));
}

static int vfork_process(const struct target *t)
{
	(void)t;
	pid_t pid = vfork();
	if (!pid)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int thread_main(void *unused)
{
	(void)unused;
	syscall(SYS_exit, 0);
	return 0;
}

static int start_thread(const struct target *t)
{
	static char stack[65536] __attribute__((aligned(16)));

	(void)t;
	return TRIED(clone(thread_main, stack + sizeof(stack),
			   CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				   CLONE_SYSVSEM,
			   NULL));
}

/* Success would not return: then the test finds no result, and a shell. */
static int try_exec(const char *path)
{
	char *const argv[] = {(char *)path, NULL};
	char *const envp[] = {NULL};

	execve(path, argv, envp);
	return errno;
}

static int exec_shell(const struct target *t)
{
	(void)t;
	return try_exec("/bin/sh");
}

static int exec_setuid(const struct target *t)
{
	(void)t;
	return try_exec("/usr/bin/su");
}

static int exec_self(const struct target *t)
{
	(void)t;
	return try_exec("/proc/self/exe");
}

/* A program in memory needs no file system. ENOEXEC: it was allowed, and is not a program. */
static int exec_shared(const struct target *t)
{
	char *const argv[] = {(char *)"x", NULL};

	(void)t;
	syscall(SYS_execveat, ESC_FD_STATUS, "", argv, NULL, AT_EMPTY_PATH);
	return errno == ENOEXEC ? 0 : errno;
}

static int exec_new_memory(const struct target *t)
{
	char *const argv[] = {(char *)"x", NULL};
	int fd = (int)syscall(SYS_memfd_create, "attack", 0);

	(void)t;
	if (fd < 0)
		return errno;
	syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH);
	int err = errno == ENOEXEC ? 0 : errno;
	close(fd);
	return err;
}

static const struct rlimit more = {4096, 4096};
static const struct sched_param urgent = {.sched_priority = 1};
static char key_press = 'x';

const struct attack attacks_on_processes[] = {
	{.name = "kill_others", .run = kill_others},
	{.name = "trace_others", .run = trace_others},
	{.name = "read_others", .run = read_others},
	{.name = "write_others", .run = write_others},
	{.name = "steal_descriptor", .run = steal_descriptor},
	{.name = "look_at_others", .run = look_at_others},
	{.name = "limit_others", .run = limit_others},
	{.name = "pin_others", .run = pin_others},
	{.name = "compare_others", .run = compare_others},
	{.name = "signal_by_socket", .run = signal_by_socket},
	{.name = "fork_process", .run = fork_process},
	{.name = "vfork_process", .run = vfork_process},
	{.name = "clone_process", .run = clone_process},
	{.name = "clone3_process", .run = clone3_process},
	{.name = "start_thread", .run = start_thread},
	{.name = "exec_shell", .run = exec_shell},
	{.name = "exec_setuid", .run = exec_setuid},
	{.name = "exec_self", .run = exec_self},
	{.name = "exec_shared", .run = exec_shared},
	{.name = "exec_new_memory", .run = exec_new_memory},
	CALL("type_at_terminal", SYS_ioctl, ESC_FD_LOG, TIOCSTI, P(&key_press)),
	CALL("more_descriptors", SYS_prlimit64, 0, RLIMIT_NOFILE, P(&more), 0),
	CALL("more_processes", SYS_prlimit64, 0, RLIMIT_NPROC, P(&more), 0),
	CALL("core_files", SYS_prlimit64, 0, RLIMIT_CORE, P(&more), 0),
	CALL("real_time", SYS_sched_setscheduler, 0, SCHED_FIFO, P(&urgent)),
	CALL("higher_priority", SYS_setpriority, PRIO_PROCESS, 0, -20),
	CALL("real_time_disk", SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 1 << 13),
	{0},
};
