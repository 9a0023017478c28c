/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "control/launch.h"
#include "ipc/fds.h"
#include "ipc/sandbox.h"

/* The table of ipc/fds.h: source[i] becomes descriptor i. */
static int list_fds(enum esc_side side, const struct esc_memory *m, uint32_t queues, int control,
		    int null, bool terminal, int source[ESC_SPAWN_FDS])
{
	source[0] = terminal ? STDIN_FILENO : null;
	source[1] = null;
	source[ESC_FD_LOG] = STDERR_FILENO;
	source[ESC_FD_CONTROL] = control;
	source[ESC_FD_STATUS] = m->status[side];
	source[ESC_FD_LINK] = m->link;
	source[ESC_FD_RED_UMEM] = m->red_umem;
	source[ESC_FD_BLACK_UMEM] = side == ESC_SIDE_BLACK ? m->black_umem : null;
	source[ESC_FD_RED_WAKE] = m->red_wake;
	source[ESC_FD_CRYPTO_WAKE] = m->crypto_wake;
	source[ESC_FD_GUARD] = side == ESC_SIDE_BLACK ? m->guard : null;
	source[ESC_FD_BUDGETS] = side == ESC_SIDE_BLACK ? m->budgets : null;
	for (uint32_t q = 0; q < queues; q++)
		source[ESC_FD_XSK + q] = m->xsk[side][q];
	return (int)(ESC_FD_XSK + queues);
}

/* In two steps, because a source may have the number that another one is to get. */
static bool place_fds(const int *source, int n)
{
	int high[ESC_SPAWN_FDS];

	for (int i = 0; i < n; i++) {
		high[i] = fcntl(source[i], F_DUPFD_CLOEXEC, ESC_SPAWN_FDS);
		if (high[i] < 0)
			return false;
	}
	for (int i = 0; i < n; i++) {
		if (dup2(high[i], i) < 0)
			return false;
	}
	return !close_range((unsigned int)n, ~0u, 0);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL); /* fails for SIGKILL and SIGSTOP, which need no reset */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What of control's environment a packet process gets to see. */
static const char *const keep_env[] = {
	"ESCLUSA_LOG=", "JOURNAL_STREAM=", "CREDENTIALS_DIRECTORY=", /* where, not what */
#ifdef ESC_TEST_HOOKS
	"ESCLUSA_ATTACK=", /* proc/hook.h */
#endif
};
#define KEEP_ENV (sizeof(keep_env) / sizeof(keep_env[0]))

static void choose_env(char *envp[KEEP_ENV + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < KEEP_ENV; i++) {
		for (char **e = environ; e && *e; e++) {
			if (strncmp(*e, keep_env[i], strlen(keep_env[i])) != 0)
				continue;
			envp[n++] = *e;
			break;
		}
	}
	envp[n] = NULL;
}

/* Before the kernel was told to watch it. A process cannot ask for a parent out of its namespace.
 */
static bool control_is_gone(void)
{
	char byte;

	return !recv(ESC_FD_CONTROL, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
}

/*
 * fork() into a PID namespace of its own. Everything else that is to be its own the process takes
 * itself (proc/sandbox.h). Not clone3(2), which systemd's RestrictNamespaces= refuses as a whole.
 */
static pid_t fork_into(bool own_pids, int *pidfd)
{
	unsigned long flags = CLONE_PIDFD | (own_pids ? CLONE_NEWPID : 0) | SIGCHLD;

	return (pid_t)syscall(SYS_clone, flags, NULL, pidfd, NULL, 0);
}

/* Runs in the child. Whoever reads the exit status learns nothing more: control reports it. */
__attribute__((noreturn)) static void become(enum esc_side side, const char *node,
					     const int *source, int n)
{
	char title[48];
	char *envp[KEEP_ENV + 1];
	char *argv[3] = {title, NULL, NULL};
	char red[] = ESC_ARG_RED, crypto[] = ESC_ARG_CRYPTO;

	reset_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || setsid() < 0 || !place_fds(source, n) ||
	    control_is_gone())
		_exit(127);
	argv[1] = side == ESC_SIDE_RED ? red : crypto;
	snprintf(title, sizeof(title), "esclusa: %s %s", node, argv[1] + 1);
	choose_env(envp);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

int esc_spawn_local(enum esc_side side, const char *node, const int *source, int n, uint32_t waived,
		    struct esc_spawned *child)
{
	const bool own_pids = !(waived & ESC_LAYER_BIT(ESC_LAYER_pid));

	child->pid = fork_into(own_pids, &child->pidfd);
	if (!child->pid)
		become(side, node, source, n);
	int err = child->pid < 0 ? -errno : 0;
	if (err && own_pids)
		esc_err("sandbox layer pid: starting a process in a PID namespace of its own: %s. "
			"It needs PID namespaces (CONFIG_PID_NS, user.max_pid_namespaces). Without "
			"them, only Sandbox = pid under [Node] starts the node, with less "
			"protection",
			strerror(-err));
	return err;
}

void esc_spawn_end(pid_t pid, int pidfd, siginfo_t *info)
{
	if (esc_launch_wanted())
		esc_launch_end(pid, info);
	else
		waitid(P_PIDFD, (id_t)pidfd, info, WEXITED | WNOHANG);
}

static int start(enum esc_side side, const char *node, const struct esc_memory *m, uint32_t queues,
		 uint32_t waived, int theirs, bool terminal, struct esc_spawned *child)
{
	int source[ESC_SPAWN_FDS];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	int n = list_fds(side, m, queues, theirs, null, terminal, source);
	int err = esc_launch_wanted() ? esc_launch_start(side, node, source, n, waived, child)
				      : esc_spawn_local(side, node, source, n, waived, child);
	close(null);
	return err;
}

int esc_spawn(enum esc_side side, const char *node, const struct esc_memory *m, uint32_t queues,
	      uint32_t waived, bool terminal, struct esc_spawned *child)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	int flags = fcntl(pair[0], F_GETFL);
	int err = flags < 0 || fcntl(pair[0], F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
	if (!err)
		err = start(side, node, m, queues, waived, pair[1], terminal, child);
	close(pair[1]);
	if (err)
		close(pair[0]);
	else
		child->control = pair[0];
	return err;
}

int esc_spawn_user(enum esc_side side, const char *configured, uid_t *uid, gid_t *gid)
{
	bool red = side == ESC_SIDE_RED;
	const char *name = *configured ? configured : red ? "esclusa-red" : "esclusa-crypto";
	const struct passwd *pw = getpwnam(name);

	if (!pw && *configured)
		return -ENOENT;
	*uid = pw ? pw->pw_uid : red ? ESC_UID_RED : ESC_UID_CRYPTO;
	*gid = pw ? pw->pw_gid : (gid_t)*uid;
	return *uid && *gid ? 0 : -EPERM;
}
