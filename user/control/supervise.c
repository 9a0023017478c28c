/* SPDX-License-Identifier: BSD-2-Clause */
/* Do the packet processes work (watchdog.h)? And does control: systemd wants to know. */
#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/notify.h"

#define LOOK_NS	      ESC_WATCHDOG_ASK_NS
#define LOOK_AGAIN_NS (100 * ESC_MS) /* while an answer is late */

/* Control was stopped, suspended with the machine, or starved itself: nobody is to blame yet. */
#define LATE_NS (250 * ESC_MS)

/*
 * From the event loop, so that it is said only while the loop turns. Not before READY=1: systemd
 * would begin to count, and what there is to do before may take a slow machine longer.
 */
static void tell_systemd(struct node *n, uint64_t now)
{
	if (!n->notify_ns || !n->was_running || now < n->notify_due)
		return;
	esc_notify("WATCHDOG=1");
	n->notify_due = now + n->notify_ns / 3;
}

static void look(void *arg)
{
	struct node *n = arg;
	const uint64_t now = esc_now();
	const bool late = now - n->supervise_due > LATE_NS;
	uint64_t next = LOOK_NS;

	tell_systemd(n, now);
	for (int side = 0; side < ESC_SIDES; side++) {
		struct child *c = &n->side[side].child;
		if (late)
			esc_watchdog_forgive(&c->watchdog, now);
		if (c->watchdog.waiting)
			next = LOOK_AGAIN_NS;
		child_check(c, now);
	}
	n->supervise_due = now + next;
	esc_loop_arm(&n->loop, &n->supervise, next);
}

void supervise_start(struct node *n)
{
	n->notify_ns = esc_notify_watchdog();
	n->supervise = (struct esc_timer){.fn = look, .arg = n};
	n->supervise_due = esc_now();
	look(n);
}

void supervise_stopped(struct node *n)
{
	for (int side = 0; side < ESC_SIDES; side++)
		child_check_stopped(&n->side[side].child);
}
