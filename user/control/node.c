/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/node.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/lockdown.h"
#include "control/lsm.h"
#include "control/notify.h"
#include "control/runtime.h"

#define STOP_NS (2 * ESC_S) /* for each process to give its frames back */

/* --- stopping ------------------------------------------------------------------------------- */

static void say_ledger(const struct node *n)
{
	const struct esc_ledger *red = n->memory.red ? &n->memory.red->frames : NULL;
	const struct esc_ledger *black = n->memory.crypto ? &n->memory.crypto->frames : NULL;

	if (!red || !black)
		return;
	if (!n->side[ESC_SIDE_RED].child.clean || !n->side[ESC_SIDE_BLACK].child.clean) {
		esc_warn("frames: not counted, because a process did not end by itself");
		return;
	}
	uint64_t red_lost = esc_cell_get(&red->lost), black_lost = esc_cell_get(&black->lost);
	uint64_t red_all = esc_cell_get(&red->total), black_all = esc_cell_get(&black->total);
	esc_log(red_lost || black_lost ? ESC_LOG_WARN : ESC_LOG_INFO,
		"frames: red %llu of %llu home, black %llu of %llu home",
		(unsigned long long)(red_all - red_lost), (unsigned long long)red_all,
		(unsigned long long)(black_all - black_lost), (unsigned long long)black_all);
}

/* Crypto first: it returns red's frames. */
void node_stop_step(struct node *n)
{
	struct child *crypto = &n->side[ESC_SIDE_BLACK].child, *red = &n->side[ESC_SIDE_RED].child;
	struct child *c = crypto->alive ? crypto : red->alive ? red : NULL;
	struct esc_msg stop = {.type = ESC_MSG_STOP};

	if (!c) {
		say_ledger(n);
		n->phase = PHASE_STOPPED;
		return;
	}
	if (c->told_to_stop)
		return;
	c->told_to_stop = true;
	if (c->ready)
		child_send(c, &stop);
	else /* it has no frames to return, and may be asking for a passphrase */
		child_kill(c);
	esc_loop_arm(&n->loop, &n->timer, STOP_NS);
}

static void begin_stop(struct node *n, const struct signalfd_siginfo *why)
{
	if (n->phase == PHASE_STOPPING)
		return;
	if (n->phase == PHASE_ZEROIZING)
		zeroize_stop(n);
	alarm_stop(n);
	record_stop(n, (int)why->ssi_signo, (pid_t)why->ssi_pid, (uid_t)why->ssi_uid);
	monitor_state(n, "stop", NULL);
	esc_info("stopping");
	esc_notify("STOPPING=1");
	esc_loop_cancel(&n->loop, &n->timer);
	plane_set_on(n, false);
	n->phase = PHASE_STOPPING;
	apply_abort(n);
	node_stop_step(n);
}

static void stop_timer(struct node *n)
{
	for (int side = 0; side < ESC_SIDES; side++) {
		struct child *c = &n->side[side].child;
		if (!c->alive || !c->told_to_stop)
			continue;
		if (!c->lost)
			esc_warn("the %s process did not stop within %u s; killed", child_name(c),
				 (unsigned int)(STOP_NS / ESC_S));
		child_end(c, CHILD_END_MS);
	}
	node_stop_step(n);
}

void node_fail(struct node *n)
{
	n->exit_code = 1;
	n->phase = PHASE_STOPPED;
}

/* --- events --------------------------------------------------------------------------------- */

static void take_signal(struct node *n, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	/* A SIGHUP of the kernel's own means that the terminal is gone: it ends the node. */
	if (info.ssi_signo == SIGCHLD)
		supervise_stopped(n);
	else if (info.ssi_signo == SIGHUP && info.ssi_code != SI_KERNEL)
		reload_begin(n, (pid_t)info.ssi_pid, (uid_t)info.ssi_uid);
	else
		begin_stop(n, &info);
}

static void signal_event(void *arg, uint32_t events)
{
	struct node *n = arg;

	(void)events;
	take_signal(n, n->signals.fd);
}

static void hangup_event(void *arg, uint32_t events)
{
	struct node *n = arg;

	(void)events;
	take_signal(n, n->hangups.fd);
}

static void timer_event(void *arg)
{
	struct node *n = arg;

	if (n->phase == PHASE_STOPPING)
		stop_timer(n);
	else if (n->phase == PHASE_ZEROIZING)
		zeroize_timer(n);
	else
		plane_timer(n);
}

static void tick_event(void *arg)
{
	struct node *n = arg;

	for (int side = 0; side < ESC_SIDES; side++)
		esc_resolver_tick(n->side[side].resolver, esc_now());
	split_tick(n);
	record_tick(n);
	alarm_tick(n);
	monitor_tick(n);
	esc_loop_arm(&n->loop, &n->tick, ESC_S);
}

static void stamps_event(void *arg)
{
	struct node *n = arg;
	int err = esc_stamps_flush(&n->stamps);

	if (err)
		esc_warn("writing %s: %s", n->stamps.path, strerror(-err));
}

/* --- start and end -------------------------------------------------------------------------- */

static int watch_set(struct node *n, struct esc_watch *w, const sigset_t *set,
		     void (*fn)(void *arg, uint32_t events))
{
	if (sigprocmask(SIG_BLOCK, set, NULL))
		return -errno;
	*w = (struct esc_watch){
		.fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK), .fn = fn, .arg = n};
	return w->fd < 0 ? -errno : esc_loop_watch(&n->loop, w, EPOLLIN);
}

/*
 * The lowest signal is read first: one SIGHUP after the other would keep SIGTERM waiting for ever.
 */
static int watch_signals(struct node *n)
{
	sigset_t set, hangup;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	err = watch_set(n, &n->signals, &set, signal_event);
	return err ? err : watch_set(n, &n->hangups, &hangup, hangup_event);
}

static void init(struct node *n, struct esc_model *m)
{
	n->model = m;
	n->lock = n->signals.fd = n->hangups.fd = n->loop.epoll = n->audit.fd = -1;
	n->started = esc_unix_now() / ESC_S;
	n->timer = (struct esc_timer){.fn = timer_event, .arg = n};
	n->tick = (struct esc_timer){.fn = tick_event, .arg = n};
	n->stamps_timer = (struct esc_timer){.fn = stamps_event, .arg = n};
	esc_memory_init(&n->memory);
	for (int i = 0; i < ESC_SIDES; i++) {
		struct side *s = &n->side[i];
		s->node = s->child.node = n;
		s->side = s->child.side = (enum esc_side)i;
		s->child.process.fd = s->child.messages.fd = s->child.chan.fd = -1;
		s->child.watchdog.stat = -1;
	}
}

static int take_lock(struct node *n)
{
	pid_t owner;

	n->lock = esc_lock(n->model->name, &owner);
	if (n->lock >= 0)
		return 0;
	if (n->lock == -EBUSY)
		esc_err("node %s is running already: process %d. Stop it first, or set another "
			"Name in [Node]",
			n->model->name, (int)owner);
	else
		esc_err("locking %s/%s.lock: %s", ESC_RUN_DIR, n->model->name, strerror(-n->lock));
	return n->lock;
}

static int find_groups(struct node *n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err = f && !esc_access_resolve(&n->access, n->model, f) ? 0 : -ENOENT;

	if (f)
		fclose(f);
	esc_log_text(ESC_LOG_ERR, f && text ? text : "looking up groups: out of memory");
	free(text);
	return err;
}

/* The BPF LSM layer first: a process that is locked in could not become a trusted one. */
static int lock_in(struct node *n)
{
	char why[ESC_LOCKDOWN_WHY];
	int err = esc_bpf_selftest(esc_selftest_log, NULL);

	if (!err)
		err = esc_lsm_begin(n->model);
	if (err)
		return err;
	err = esc_lockdown(n->model->waived, &n->layers, why);
	if (err)
		esc_err("%s", why);
	return err;
}

/* Each step says why it failed; all are undone by end(). */
static int begin(struct node *n)
{
	int err = find_groups(n);

	if (!err)
		err = take_lock(n);
	if (err)
		return err;
	err = esc_stamps_open(&n->stamps, n->model->state_dir, n->model->name);
	if (!err)
		err = record_open(n);
	if (err)
		return err;
	record_start(n);
	err = esc_loop_open(&n->loop);
	if (!err)
		err = alarm_open(n);
	if (!err)
		err = watch_signals(n);
	if (!err)
		err = links_open(n);
	if (err) {
		esc_err("setting up the event loop: %s", strerror(-err));
		return err;
	}
	err = esc_bpf_open(&n->bpf, n->model);
	if (!err)
		err = split_open(n);
	if (!err)
		err = connections_open(n);
	if (!err)
		err = status_socket_open(n);
	return err ? err : wg_socket_open(n);
}

static void end(struct node *n)
{
	esc_server_close(&n->wg);
	esc_server_close(&n->status);
	if (n->bpf)
		plane_set_on(n, false);
	for (int side = 0; side < ESC_SIDES; side++)
		child_end(&n->side[side].child, CHILD_END_MS);
	connections_close(n);
	split_close(n);
	esc_bpf_close(n->bpf);
	alarm_close(n);
	esc_events_free(&n->events);
	if (n->stamps.dirty)
		stamps_event(n);
	esc_memory_close(&n->memory);
	links_close(n);
	if (n->signals.fd >= 0)
		close(n->signals.fd);
	if (n->hangups.fd >= 0)
		close(n->hangups.fd);
	esc_loop_close(&n->loop);
	esc_audit_close(&n->audit);
	esc_unlock(n->model->name, n->lock);
	esc_model_free(n->model);
}

int esc_node_run(struct esc_model *m)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n) {
		esc_model_free(m);
		return 1;
	}
	init(n, m);
	n->exit_code = lock_in(n) || begin(n) ? 1 : 0;
	if (!n->exit_code) {
		tick_event(n);
		supervise_start(n);
		plane_up(n);
	}
	while (!n->exit_code && n->phase != PHASE_STOPPED) {
		int err = esc_loop_turn(&n->loop);
		if (!err)
			continue;
		esc_err("waiting for events: %s", strerror(-err));
		n->exit_code = 1;
	}
	int code = n->exit_code;
	if (code)
		record_stop(n, 0, 0, 0);
	end(n);
	free(n);
	return code;
}
