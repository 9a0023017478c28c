/* SPDX-License-Identifier: BSD-2-Clause */
/* launch.c: the launcher's messages, and control's end of them. */
#include "control/launch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* systemd starts the launcher when control connects: a moment, on a slow machine some seconds. */
#define ANSWER_SECONDS 30
#define END_NS	       ESC_S

int esc_launch_send(int fd, const struct esc_launch_msg *m, const int *fds, int n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * ESC_SPAWN_FDS)];
	} control = {0};
	struct esc_launch_msg copy = *m;
	struct iovec iov = {.iov_base = &copy, .iov_len = sizeof(copy)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n < 0 || n > (int)ESC_SPAWN_FDS)
		return -EINVAL;
	if (n) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * (size_t)n);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == sizeof(*m) ? 0 : errno ? -errno : -EIO;
}

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

int esc_launch_recv(int fd, struct esc_launch_msg *m, int fds[ESC_SPAWN_FDS], int *n)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * ESC_SPAWN_FDS)];
	} control = {0};
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	ssize_t got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	*n = 0;
	if (got <= 0)
		return got ? -errno : 0;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), sizeof(int) * (size_t)*n);
	}
	m->node[sizeof(m->node) - 1] = '\0';
	if (got == sizeof(*m) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	close_all(fds, *n);
	*n = 0;
	return -EPROTO;
}

/* --- control ---------------------------------------------------------------------------------- */

/* A process whose end was reported while something else was waited for. */
static struct esc_launch_msg ended[ESC_SIDES];
static int launcher = -1;

bool esc_launch_wanted(void)
{
	const char *path = getenv(ESC_LAUNCHER_ENV);

	return path && *path;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = ANSWER_SECONDS};

	if (!path || strlen(path) >= sizeof(sa.sun_path))
		return -EINVAL;
	memcpy(sa.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) &&
	    !connect(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	int err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static void hang_up(void)
{
	if (launcher >= 0)
		close(launcher);
	launcher = -1;
	memset(ended, 0, sizeof(ended));
}

static void keep(const struct esc_launch_msg *m)
{
	for (size_t i = 0; i < ESC_SIDES; i++) {
		if (ended[i].pid)
			continue;
		ended[i] = *m;
		return;
	}
}

/* The next message of a type; ends of processes are kept. 1, 0 or -errno as esc_launch_recv(). */
static int receive(enum esc_launch_type type, struct esc_launch_msg *m, int *pidfd)
{
	int fds[ESC_SPAWN_FDS], n, got;

	while ((got = esc_launch_recv(launcher, m, fds, &n)) == 1) {
		bool with_fd = m->type == ESC_LAUNCH_STARTED && !m->error;

		if (n != with_fd) {
			close_all(fds, n);
			return -EPROTO;
		}
		if (with_fd)
			*pidfd = fds[0];
		if (m->type == ESC_LAUNCH_ENDED)
			keep(m);
		if (m->type == type)
			return 1;
	}
	return got;
}

static int ask(const struct esc_launch_msg *start, const int *source, int n,
	       struct esc_spawned *child)
{
	struct esc_launch_msg m;

	if (launcher < 0)
		launcher = connect_to(getenv(ESC_LAUNCHER_ENV));
	if (launcher < 0)
		return launcher;
	int err = esc_launch_send(launcher, start, source, n);
	if (err)
		return err;
	int got = receive(ESC_LAUNCH_STARTED, &m, &child->pidfd);
	if (got != 1)
		return got ? got : -ECONNRESET;
	child->pid = m.pid;
	return m.error;
}

int esc_launch_start(enum esc_side side, const char *node, const int *source, int n,
		     uint32_t waived, struct esc_spawned *child)
{
	struct esc_launch_msg m = {.type = ESC_LAUNCH_START, .side = side, .waived = waived};

	memcpy(m.node, node, strnlen(node, sizeof(m.node) - 1));
	bool old = launcher >= 0;
	int err = ask(&m, source, n, child);
	if (err && old) { /* the one that was there may have ended: systemd starts another */
		hang_up();
		err = ask(&m, source, n, child);
	}
	if (err) {
		hang_up();
		esc_err("starting a process through the launcher at %s: %s. See: systemctl status "
			"'esclusa-launch@*'",
			getenv(ESC_LAUNCHER_ENV), strerror(-err));
	}
	return err;
}

static bool take_end(pid_t pid, siginfo_t *info)
{
	for (size_t i = 0; i < ESC_SIDES; i++) {
		if (ended[i].pid != pid)
			continue;
		info->si_pid = pid;
		info->si_code = ended[i].code;
		info->si_status = ended[i].status;
		ended[i].pid = 0;
		return true;
	}
	return false;
}

void esc_launch_end(pid_t pid, siginfo_t *info)
{
	const uint64_t end = esc_now() + END_NS;
	struct esc_launch_msg m;
	int pidfd;

	while (!take_end(pid, info)) {
		struct pollfd p = {.fd = launcher, .events = POLLIN};
		uint64_t now = esc_now();
		int ms = now < end ? (int)((end - now) / ESC_MS) : 0;

		if (launcher < 0 || poll(&p, 1, ms) != 1 ||
		    receive(ESC_LAUNCH_ENDED, &m, &pidfd) != 1) {
			/* the launcher is gone, and that ended it */
			*info = (siginfo_t){.si_code = CLD_KILLED, .si_status = SIGKILL};
			hang_up();
			return;
		}
	}
}
