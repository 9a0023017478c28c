/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

int esc_loop_open(struct esc_loop *l)
{
	*l = (struct esc_loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	return l->epoll < 0 ? -errno : 0;
}

void esc_loop_close(struct esc_loop *l)
{
	if (l->epoll >= 0)
		close(l->epoll);
	l->epoll = -1;
}

int esc_loop_watch(struct esc_loop *l, struct esc_watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &ev))
		return 0;
	if (errno != EEXIST || epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev))
		return -errno;
	return 0;
}

void esc_loop_unwatch(struct esc_loop *l, struct esc_watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

void esc_loop_cancel(struct esc_loop *l, struct esc_timer *t)
{
	for (struct esc_timer **at = &l->timers; *at; at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		break;
	}
	t->due = 0;
}

void esc_loop_arm(struct esc_loop *l, struct esc_timer *t, uint64_t delay_ns)
{
	struct esc_timer **at = &l->timers;

	esc_loop_cancel(l, t);
	t->due = esc_now() + delay_ns;
	while (*at && (*at)->due <= t->due)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

/* Milliseconds until the first timer, rounded up so that it is due then; -1: none. */
static int wait_ms(const struct esc_loop *l)
{
	if (!l->timers)
		return -1;
	uint64_t now = esc_now();
	if (l->timers->due <= now)
		return 0;
	uint64_t ms = (l->timers->due - now + ESC_MS - 1) / ESC_MS;
	return ms > 60000 ? 60000 : (int)ms;
}

int esc_loop_turn(struct esc_loop *l)
{
	struct epoll_event ev;
	int n = epoll_wait(l->epoll, &ev, 1, wait_ms(l));

	if (n < 0 && errno != EINTR)
		return -errno;
	if (n == 1) {
		struct esc_watch *w = ev.data.ptr;
		w->fn(w->arg, ev.events);
	}
	struct esc_timer *t = l->timers;
	if (t && t->due <= esc_now()) {
		esc_loop_cancel(l, t);
		t->fn(t->arg);
	}
	return 0;
}
