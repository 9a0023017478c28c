/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/server.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE 16384
#define NOT_YET	  ".new"

/* Places that clients of a class may hold at once. Six are left for root, whatever others do. */
static const uint32_t share[] = {
	[ESC_RIGHT_NONE] = 2,
	[ESC_RIGHT_READ] = 8,
	[ESC_RIGHT_CHANGE] = 16,
	[ESC_RIGHT_ROOT] = ESC_CLIENTS_MAX,
};

/* It is no longer in the list. */
static void release_client(struct esc_client *c)
{
	struct esc_server *s = c->server;

	s->count[c->place]--;
	s->ops->close(c);
	esc_loop_cancel(s->loop, &c->stall);
	esc_loop_unwatch(s->loop, &c->watch);
	close(c->watch.fd);
	if (c->out)
		c->release(c->out);
	free(c);
}

static void disconnect(struct esc_client *c)
{
	for (struct esc_client **at = &c->server->clients; *at; at = &(*at)->next) {
		if (*at != c)
			continue;
		*at = c->next;
		break;
	}
	release_client(c);
}

static void stalled(void *arg)
{
	disconnect(arg);
}

/* What to wait for, as the client's state says. A paused client may only hang up. */
static void update_watch(struct esc_client *c)
{
	esc_loop_watch(c->server->loop, &c->watch,
		       c->out || c->streams ? EPOLLOUT
		       : c->paused	    ? 0
					    : EPOLLIN);
}

/* false: the client is gone. */
static bool flush(struct esc_client *c)
{
	while (c->out && c->out_sent < c->out_len) {
		ssize_t n = send(c->watch.fd, c->out + c->out_sent, c->out_len - c->out_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			esc_loop_arm(c->server->loop, &c->stall, ESC_CLIENT_STALL_NS);
			return true;
		}
		if (n < 0)
			return false;
		c->out_sent += (size_t)n;
	}
	if (!c->out)
		return true;
	c->release(c->out);
	c->out = NULL;
	if (c->place == ESC_RIGHT_ROOT || c->stays)
		esc_loop_cancel(c->server->loop, &c->stall);
	return !c->last;
}

/* Go on as long as answers leave at once; but one piece of a stream is enough. */
static void proceed(struct esc_client *c)
{
	bool alive = flush(c);

	while (alive && !esc_client_busy(c)) {
		alive = c->server->ops->idle(c);
		if (!alive || !c->out)
			break;
		alive = flush(c);
		if (alive && c->streams) { /* the next one when there is room for it */
			esc_loop_arm(c->server->loop, &c->stall, ESC_CLIENT_STALL_NS);
			break;
		}
	}
	if (alive)
		update_watch(c);
	else
		disconnect(c);
}

static void client_event(void *arg, uint32_t events)
{
	struct esc_client *c = arg;
	char bytes[READ_SIZE];
	ssize_t n = 0;

	if (esc_client_busy(c) || c->streams) {
		if (events & (EPOLLERR | EPOLLHUP))
			disconnect(c);
		else
			proceed(c);
		return;
	}
	n = recv(c->watch.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Half a question must not hold the connection for ever; idle clients may. */
	esc_loop_arm(c->server->loop, &c->stall, ESC_CLIENT_STALL_NS);
	bool alive = n > 0 && c->server->ops->input(c, bytes, (size_t)n);
	sodium_memzero(bytes, sizeof(bytes));
	if (alive)
		proceed(c);
	else
		disconnect(c);
}

enum esc_right esc_client_right(struct esc_client *c)
{
	esc_access_ask(c->server->access, c->watch.fd, &c->who);
	return c->who.right;
}

static bool has_place(const struct esc_server *s, enum esc_right right)
{
	uint32_t all = 0;

	for (int i = 0; i <= ESC_RIGHT_ROOT; i++)
		all += s->count[i];
	return all < ESC_CLIENTS_MAX && s->count[right] < share[right];
}

static void accept_event(void *arg, uint32_t events)
{
	struct esc_server *s = arg;
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct esc_caller who;

	(void)events;
	if (fd < 0)
		return;
	esc_access_ask(s->access, fd, &who);
	struct esc_client *c = has_place(s, who.right) ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->server = s;
	c->who = who;
	c->place = who.right;
	c->watch = (struct esc_watch){.fd = fd, .fn = client_event, .arg = c};
	c->stall = (struct esc_timer){.fn = stalled, .arg = c};
	c->session = s->ops->open(c);
	if (!c->session || esc_loop_watch(s->loop, &c->watch, EPOLLIN)) {
		if (c->session)
			s->ops->close(c);
		close(fd);
		free(c);
		return;
	}
	if (c->place != ESC_RIGHT_ROOT)
		esc_loop_arm(s->loop, &c->stall, ESC_CLIENT_STALL_NS);
	c->next = s->clients;
	s->clients = c;
	s->count[c->place]++;
}

void esc_client_answer(struct esc_client *c, char *out, size_t len, void (*release)(char *out),
		       bool last)
{
	c->release = release;
	c->out = out;
	c->out_len = len;
	c->out_sent = 0;
	c->last = last;
}

void esc_client_resume(struct esc_client *c)
{
	c->paused = false;
	proceed(c);
}

/* --- the listening socket ---------------------------------------------------------------- */

static bool somebody_answers(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 &&
		   (!connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Under another name until it listens: `wg` removes a socket that nobody listens at. */
static int listen_at(const char *path, const struct esc_access *access)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	gid_t groups[ESC_ACL_GROUPS];
	int err = 0;

	if (strlen(path) + strlen(NOT_YET) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	if (somebody_answers(&sa))
		return -EADDRINUSE;
	memcpy(sa.sun_path + strlen(path), NOT_YET, sizeof(NOT_YET));
	if (unlink(sa.sun_path) && errno != ENOENT)
		return -errno;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mode_t mask = umask(0177);
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		err = -errno;
	umask(mask);
	esc_access_groups(access, groups);
	if (!err)
		err = esc_acl_set(sa.sun_path, -1, groups, true);
	if (!err && (listen(fd, (int)ESC_CLIENTS_MAX) || rename(sa.sun_path, path)))
		err = -errno;
	if (err) {
		unlink(sa.sun_path);
		close(fd);
	}
	return err ? err : fd;
}

int esc_server_open(struct esc_server *s, struct esc_loop *loop, const char *path,
		    const struct esc_access *access, const struct esc_server_ops *ops, void *arg)
{
	int fd = listen_at(path, access);

	if (fd < 0)
		return fd;
	*s = (struct esc_server){.loop = loop, .access = access, .ops = ops, .arg = arg};
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->listener = (struct esc_watch){.fd = fd, .fn = accept_event, .arg = s};
	int err = esc_loop_watch(loop, &s->listener, EPOLLIN);
	if (err)
		esc_server_close(s);
	return err;
}

void esc_server_close(struct esc_server *s)
{
	if (!s->ops)
		return;
	while (s->clients) {
		struct esc_client *c = s->clients;
		s->clients = c->next;
		release_client(c);
	}
	esc_loop_unwatch(s->loop, &s->listener);
	close(s->listener.fd);
	unlink(s->path);
	s->ops = NULL;
}
