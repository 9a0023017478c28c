/* SPDX-License-Identifier: BSD-2-Clause */
/* launcher.c: the launcher itself (launch.h). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "control/launch.h"

#define LISTEN_FD 3 /* sd_listen_fds(3) */

static struct esc_spawned processes[ESC_SIDES]; /* pid 0: none */

static int take_listener(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int type = 0, domain = 0, listening = 0;
	socklen_t len = sizeof(int);

	if (!pid || !n || strtol(pid, NULL, 10) != getpid() || strcmp(n, "1") != 0 ||
	    getsockopt(LISTEN_FD, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    getsockopt(LISTEN_FD, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
	    getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ||
	    type != SOCK_SEQPACKET || domain != AF_UNIX || !listening)
		return -EINVAL;
	return LISTEN_FD;
}

static int accept_control(int listener)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) && who.uid == geteuid())
		return fd;
	close(fd);
	return -EPERM;
}

/* -EPROTO: control does not say such a thing. Else 0, or why control cannot be told. */
static int start(int control, const struct esc_launch_msg *m, const int *fds, int n)
{
	struct esc_launch_msg answer = {.type = ESC_LAUNCH_STARTED};
	struct esc_spawned *p;

	if (m->type != ESC_LAUNCH_START || m->side >= ESC_SIDES || n <= 0)
		return -EPROTO;
	p = &processes[m->side];
	if (p->pid)
		answer.error = -EBUSY; /* its end was not reported yet */
	else
		answer.error = esc_spawn_local(m->side, m->node, fds, n, m->waived, p);
	if (answer.error)
		return esc_launch_send(control, &answer, NULL, 0);
	answer.pid = p->pid;
	return esc_launch_send(control, &answer, &p->pidfd, 1);
}

static int take_message(int control)
{
	struct esc_launch_msg m;
	int fds[ESC_SPAWN_FDS], n;
	int got = esc_launch_recv(control, &m, fds, &n);

	if (got != 1)
		return got ? got : -ECONNRESET;
	int err = start(control, &m, fds, n);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	return err;
}

static int report_end(int control, struct esc_spawned *p)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED))
		return -errno;
	struct esc_launch_msg m = {.type = ESC_LAUNCH_ENDED,
				   .pid = p->pid,
				   .code = info.si_code,
				   .status = info.si_status};
	close(p->pidfd);
	p->pid = 0;
	return esc_launch_send(control, &m, NULL, 0);
}

/* Until control hangs up (-ECONNRESET) or breaks the rules. Ends first: a start may follow. */
static int serve(int control)
{
	for (;;) {
		struct pollfd fds[1 + ESC_SIDES] = {{.fd = control, .events = POLLIN}};
		int err = 0;

		for (int i = 0; i < ESC_SIDES; i++)
			fds[1 + i] = (struct pollfd){
				.fd = processes[i].pid ? processes[i].pidfd : -1, .events = POLLIN};
		if (poll(fds, 1 + ESC_SIDES, -1) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < ESC_SIDES && !err; i++) {
			if (fds[1 + i].revents)
				err = report_end(control, &processes[i]);
		}
		if (!err && fds[0].revents)
			err = take_message(control);
		if (err)
			return err;
	}
}

int esc_launcher_run(void)
{
	int listener = take_listener(), control;

	if (listener < 0) {
		esc_err("the launcher is started by systemd: systemctl start "
			"esclusa-launch@NAME.socket");
		return 1;
	}
	prctl(PR_SET_DUMPABLE, 0); /* packet memory passes through here as descriptors */
	while ((control = accept_control(listener)) < 0) {
		esc_warn("connection to the launcher: %s", strerror(-control));
		if (control != -EPERM && control != -ECONNABORTED && control != -EINTR)
			return 1;
	}
	close(listener); /* systemd's: the next control gets a launcher of its own */
	int err = serve(control);
	if (err == -ECONNRESET || err == -EPIPE)
		return 0;
	esc_err("the launcher ends, and the packet processes with it: %s", strerror(-err));
	return 1;
}
