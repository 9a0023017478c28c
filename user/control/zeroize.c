/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of all keys of a running node (R2, R13). Packets stop first; crypto wipes what it has and
 * ends, or is killed after a second; control wipes its copies meanwhile. Then there are no
 * processes any more, the programs stay on the NICs and drop, and the node is stopped by its
 * administrator: it cannot be started again without a key. Nothing that fails on the way keeps the
 * rest from happening, the record of it included.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/notify.h"

#define WIPE_NS (1 * ESC_S) /* for crypto to wipe its keys and end */

static const char wiped[] = "wiped";
static const char killed[] = "killed";
static const char no_process[] = "not running";

static void release(char *out)
{
	free(out);
}

/* Two lines: what became of crypto's keys; the node's file, which may hold some, too. */
static void answer(struct node *n)
{
	struct esc_client *c = n->zeroize.client;
	char path[PATH_MAX], *out = NULL;

	n->zeroize.client = NULL;
	if (!c)
		return;
	int len = asprintf(&out, "%s\n%s\n", n->zeroize.how,
			   realpath(n->model->file, path) ? path : n->model->file);
	if (len > 0)
		esc_client_answer(c, out, (size_t)len, release, true);
	if (c->paused)
		esc_client_resume(c);
}

static void finish(struct node *n)
{
	esc_loop_cancel(&n->loop, &n->timer);
	if (n->phase == PHASE_ZEROIZING)
		n->phase = PHASE_ZEROIZED;
	esc_memory_close(&n->memory);
	if (n->zeroize.how == killed)
		esc_warn("zeroize: the crypto process was killed before it could wipe its keys. "
			 "The kernel has its memory again, wiped if it was booted with "
			 "init_on_free=1");
	esc_warn("zeroized: no key is left in this node. It drops all packets until it is "
		 "stopped, and cannot start without a new key");
	record_zeroize(n, &n->zeroize.who, n->zeroize.how);
	monitor_state(n, "zeroize", NULL);
	answer(n);
}

/* Control's own copies: the model, one that was to come, requests of `wg` and answers to it. */
static void wipe_own(struct node *n)
{
	esc_server_close(&n->wg);
	esc_model_wipe(n->model);
	apply_abort(n);
}

/* The process ends by itself when it has wiped, or else by the timer. */
static void tell_crypto(struct node *n)
{
	struct child *crypto = &n->side[ESC_SIDE_BLACK].child;
	struct esc_msg m = {.type = ESC_MSG_ZEROIZE};

	n->phase = PHASE_ZEROIZING;
	if (!crypto->alive) {
		n->zeroize.how = no_process;
		return;
	}
	esc_chan_drop(&crypto->chan); /* keys among it, and this is first now */
	crypto->told_to_stop = true;
	child_send(crypto, &m);
	esc_loop_arm(&n->loop, &n->timer, WIPE_NS);
}

void zeroize_stop(struct node *n)
{
	child_kill(&n->side[ESC_SIDE_BLACK].child);
	if (!n->zeroize.how)
		n->zeroize.how = killed;
	finish(n);
}

void zeroize_begin(struct node *n, struct esc_client *c)
{
	n->zeroize.client = c;
	if (n->phase == PHASE_ZEROIZING) {
		c->paused = true;
		return;
	}
	if (n->zeroize.how) { /* done before */
		answer(n);
		return;
	}
	esc_warn("zeroize: user %u destroys all keys", c->who.uid);
	n->zeroize.who = c->who;
	plane_set_on(n, false);
	const bool stopping = n->phase >= PHASE_STOPPING;
	if (!stopping)
		tell_crypto(n);
	child_kill(&n->side[ESC_SIDE_RED].child);
	wipe_own(n);
	esc_notify("STATUS=zeroized");
	if (stopping)
		zeroize_stop(n);
	else
		zeroize_step(n);
	c->paused = n->zeroize.client == c;
}

bool zeroize_wiped(struct node *n)
{
	if (n->phase != PHASE_ZEROIZING)
		return n->zeroize.how;
	n->zeroize.how = wiped;
	return true;
}

void zeroize_step(struct node *n)
{
	if (n->phase != PHASE_ZEROIZING || n->side[ESC_SIDE_BLACK].child.alive ||
	    n->side[ESC_SIDE_RED].child.alive)
		return;
	if (!n->zeroize.how) /* it ended without a word */
		n->zeroize.how = killed;
	finish(n);
}

void zeroize_timer(struct node *n)
{
	child_kill(&n->side[ESC_SIDE_BLACK].child); /* its end is the next step */
}

void zeroize_client_gone(struct node *n, const struct esc_client *c)
{
	if (n->zeroize.client == c)
		n->zeroize.client = NULL;
}
