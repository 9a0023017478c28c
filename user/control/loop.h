/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h: control's event loop: descriptors (epoll) and timers, one thread. A callback may add
 * and remove any watch or timer, its own included: one event is taken at a time.
 */
#ifndef ESC_CONTROL_LOOP_H
#define ESC_CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Owned by the caller, who keeps it in place while it is added. */
struct esc_watch {
	int fd;
	void (*fn)(void *arg, uint32_t events); /* EPOLL* */
	void *arg;
};

struct esc_timer {
	uint64_t due; /* esc_now() nanoseconds; 0 = not armed */
	void (*fn)(void *arg);
	void *arg;
	struct esc_timer *next;
};

struct esc_loop {
	int epoll;
	struct esc_timer *timers; /* armed ones, soonest first */
};

int esc_loop_open(struct esc_loop *l); /* 0 or -errno */
void esc_loop_close(struct esc_loop *l);

/* 0 or -errno. events: EPOLLIN and so on. The same watch again changes its events. */
int esc_loop_watch(struct esc_loop *l, struct esc_watch *w, uint32_t events);
void esc_loop_unwatch(struct esc_loop *l, struct esc_watch *w);

/* Run t->fn once after delay_ns, unless it is armed again or cancelled before. */
void esc_loop_arm(struct esc_loop *l, struct esc_timer *t, uint64_t delay_ns);
void esc_loop_cancel(struct esc_loop *l, struct esc_timer *t);

/* Wait for one event or the next timer and handle it. 0 or -errno. */
int esc_loop_turn(struct esc_loop *l);

#endif
