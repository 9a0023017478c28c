/* SPDX-License-Identifier: BSD-2-Clause */
/* One packet process: what it says, what it is told, how it ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/spawn.h"
#include "ipc/sandbox.h"

/* Messages of one process that are handled before others get their turn. */
#define MESSAGES_PER_TURN 32

/* Log lines of a process in ten seconds; it is less trusted than control's log is. */
#define LOG_LINES 50u

const char *child_name(const struct child *c)
{
	return c->side == ESC_SIDE_BLACK ? "crypto" : "red";
}

/* --- messages from it -------------------------------------------------------------------- */

/* Text of a process ends up in logs, in JSON and on terminals: ASCII, no control characters. */
static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%.*s", (int)size - 1, text);
	for (char *p = out; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
	}
}

static void take_log(struct child *c, const struct esc_msg_log *m)
{
	char text[sizeof(m->text)];
	uint64_t now = esc_now();

	if (now - c->log_since > 10 * ESC_S) {
		c->log_since = now;
		c->log_lines = 0;
	}
	if (++c->log_lines > LOG_LINES)
		return;
	copy_text(text, sizeof(text), m->text);
	esc_log(m->level <= ESC_LOG_ERR	   ? ESC_LOG_ERR
		: m->level <= ESC_LOG_WARN ? ESC_LOG_WARN
		: m->level <= ESC_LOG_INFO ? ESC_LOG_INFO
					   : ESC_LOG_DEBUG,
		"%s: %s", child_name(c), text);
}

static bool is_peer(void *arg, const uint8_t key[32])
{
	const struct node *n = arg;

	return esc_model_find(n->model, key) != NULL;
}

static void take_stamp(struct node *n, const struct esc_msg_stamp *m)
{
	if (esc_stamps_put(&n->stamps, m, is_peer, n) && !n->stamps_timer.due)
		esc_loop_arm(&n->loop, &n->stamps_timer, ESC_S);
}

/* Crypto has a key of its own if, and only if, it has a key store. */
static bool take_public_key(struct child *c, const uint8_t key[32])
{
	struct node *n = c->node;
	const bool store = c->side == ESC_SIDE_BLACK && *n->model->keystore;

	if (esc_key_is_zero(key) == store)
		return false;
	int err = store ? apply_public_key(n, key) : 0;
	if (err)
		esc_err("taking the key store's public key: %s", strerror(-err));
	return !err;
}

static bool take_layers(struct child *c, uint32_t layers)
{
	char names[ESC_LAYERS_STR];

	c->layers = layers;
	if (layers == esc_layers_expected(c->node->model->waived))
		return true;
	esc_err("%s process %d reports a sandbox that is not the one it was told to complete: %s",
		child_name(c), (int)c->pid, esc_layers_text(layers & ESC_LAYERS_ALL, names));
	return false;
}

static void take_ready(struct child *c, const struct esc_msg_ready *m)
{
	struct node *n = c->node;

	c->ready = true;
	esc_terminal_done(&c->terminal);
	c->zero_copy = m->zero_copy == 1;
	if (!*n->provider) /* a restart does not measure again */
		copy_text(c->note, sizeof(c->note), m->provider);
	if (n->phase != PHASE_STARTING || !n->side[ESC_SIDE_BLACK].child.ready ||
	    !n->side[ESC_SIDE_RED].child.ready)
		return;
	n->phase = PHASE_CONFIGURING;
	apply_all(n);
}

/* false: a process of this side may not say that. */
static bool take_message(struct child *c, const struct esc_msg *m)
{
	const bool crypto = c->side == ESC_SIDE_BLACK;

	switch (m->type) {
	case ESC_MSG_READY:
		if (c->ready || !take_layers(c, m->u.ready.layers) ||
		    !take_public_key(c, m->u.ready.public_key))
			return false;
		take_ready(c, &m->u.ready);
		return true;
	case ESC_MSG_WANT:
		esc_resolver_want(c->node->side[c->side].resolver, m->u.want.dst, esc_now());
		return true;
	case ESC_MSG_LOG:
		take_log(c, &m->u.log);
		return true;
	case ESC_MSG_PONG:
		return esc_watchdog_answer(&c->watchdog, m->u.ping.seq);
	case ESC_MSG_ACK:
		if (crypto)
			apply_ack(c->node, &m->u.ack);
		return crypto;
	case ESC_MSG_ZEROIZED:
		return crypto && zeroize_wiped(c->node);
	case ESC_MSG_STAMP:
		if (crypto)
			take_stamp(c->node, &m->u.stamp);
		return crypto;
	default:
		return false;
	}
}

void child_give_up(struct child *c, const char *why)
{
	if (!c->alive || c->lost)
		return;
	plane_because(c->node, "%s process %d %s; killed", child_name(c), (int)c->pid, why);
	child_kill(c);
}

static void read_messages(struct child *c)
{
	struct esc_msg m;

	for (int i = 0; i < MESSAGES_PER_TURN && c->alive && !c->lost; i++) {
		int got = esc_msg_recv(c->chan.fd, &m);
		if (got == -EAGAIN)
			return;
		if (got == 1 && take_message(c, &m))
			continue;
		if (!c->alive || c->lost) /* a message may end the process */
			return;
		if (got <= 0 && got != -EPROTO) /* closed: it is about to end */
			esc_loop_unwatch(&c->node->loop, &c->messages);
		else
			child_give_up(c, "sent a message that is not its to send");
		return;
	}
}

static void message_event(void *arg, uint32_t events)
{
	struct child *c = arg;

	if (events & EPOLLOUT) {
		int err = esc_chan_flush(&c->chan);
		if (!err && !esc_chan_waiting(&c->chan))
			esc_loop_watch(&c->node->loop, &c->messages, EPOLLIN);
	}
	read_messages(c);
}

void child_send(struct child *c, struct esc_msg *m)
{
	if (!c->alive || c->lost)
		return;
	int err = esc_chan_send(&c->chan, m);
	if (err == -EPIPE || err == -ECONNRESET) /* it is about to be reaped */
		return;
	if (err)
		child_give_up(c, "does not take messages");
	else if (esc_chan_waiting(&c->chan))
		esc_loop_watch(&c->node->loop, &c->messages, EPOLLIN | EPOLLOUT);
}

/* --- does it work? ------------------------------------------------------------------------ */

/* Before it is ready it has its time to start, after STOP its time to stop. */
void child_check(struct child *c, uint64_t now)
{
	struct esc_msg ping = {.type = ESC_MSG_PING};

	if (!c->alive || c->lost || !c->ready || c->told_to_stop)
		return;
	const char *why = esc_watchdog_judge(&c->watchdog, now);
	if (why) {
		read_messages(c); /* the answer may have come since control looked */
		why = c->alive && !c->lost ? esc_watchdog_judge(&c->watchdog, now) : NULL;
	}
	if (why)
		child_give_up(c, why);
	else if (c->alive && esc_watchdog_ask(&c->watchdog, now, &ping.u.ping.seq))
		child_send(c, &ping);
}

void child_check_stopped(struct child *c)
{
	siginfo_t info = {0};

	if (c->alive && !waitid(P_PIDFD, (id_t)c->process.fd, &info, WSTOPPED | WNOHANG) &&
	    info.si_pid)
		child_give_up(c, "was stopped");
}

/* --- its life ---------------------------------------------------------------------------- */

/* Closes what belonged to it. Its end is there to be read, unless somebody traces it. */
static siginfo_t reap(struct child *c)
{
	siginfo_t info = {0};

	esc_spawn_end(c->pid, c->process.fd, &info);
	c->alive = false;
	esc_terminal_restore(&c->terminal);
	c->clean = info.si_code == CLD_EXITED && info.si_status == 0;
	esc_loop_unwatch(&c->node->loop, &c->process);
	esc_loop_unwatch(&c->node->loop, &c->messages);
	close(c->process.fd);
	c->process.fd = -1;
	esc_watchdog_close(&c->watchdog);
	esc_chan_close(&c->chan);
	return info;
}

void child_kill(struct child *c)
{
	if (!c->alive || c->lost)
		return;
	c->lost = true;
	esc_loop_unwatch(&c->node->loop, &c->messages);
	kill(c->pid, SIGKILL);
}

void child_end(struct child *c, unsigned int ms)
{
	struct pollfd end = {.fd = c->process.fd, .events = POLLIN};

	if (!c->alive)
		return;
	child_kill(c);
	if (poll(&end, 1, (int)ms) != 1)
		esc_err("%s process %d was killed and does not end; see its state in "
			"/proc/%d/status",
			child_name(c), (int)c->pid, (int)c->pid);
	reap(c);
}

/* What the process said before it ended is still in the socket. */
static void last_words(struct child *c)
{
	struct esc_msg m;

	while (esc_msg_recv(c->chan.fd, &m) == 1) {
		if (m.type == ESC_MSG_LOG)
			take_log(c, &m.u.log);
		else if (m.type == ESC_MSG_STAMP && c->side == ESC_SIDE_BLACK)
			take_stamp(c->node, &m.u.stamp);
		else if (m.type == ESC_MSG_ZEROIZED && c->side == ESC_SIDE_BLACK)
			zeroize_wiped(c->node);
	}
}

static void say_end(const struct child *c, const siginfo_t *end)
{
	if (c->lost || (c->told_to_stop && c->clean))
		return;
	if (end->si_code != CLD_EXITED && end->si_status == SIGSYS)
		plane_because(c->node,
			      "%s process %d made a system call that its sandbox forbids, and was "
			      "killed for it (SIGSYS): an attack or a bug. The kernel's log names "
			      "the call (type=1326); report it",
			      child_name(c), (int)c->pid);
	else if (end->si_code == CLD_EXITED)
		plane_because(c->node, "%s process %d ended with status %d", child_name(c),
			      (int)c->pid, end->si_status);
	else
		plane_because(c->node, "%s process %d was ended by signal %d (%s)", child_name(c),
			      (int)c->pid, end->si_status, strsignal(end->si_status));
}

static void process_event(void *arg, uint32_t events)
{
	struct child *c = arg;
	struct node *n = c->node;

	(void)events;
	last_words(c);
	siginfo_t end = reap(c);
	say_end(c, &end);
	if (n->phase == PHASE_STOPPING)
		node_stop_step(n);
	else if (n->phase == PHASE_ZEROIZING || n->phase == PHASE_ZEROIZED)
		zeroize_step(n);
	else if (n->phase == PHASE_WAITING)
		plane_up(n);
	else
		plane_down(n);
}

static void tell_start(struct child *c, const char *provider)
{
	struct node *n = c->node;
	const struct side *s = &n->side[c->side];
	struct esc_msg m = {.type = c->side == ESC_SIDE_BLACK ? ESC_MSG_CRYPTO_START
							      : ESC_MSG_RED_START};
	struct esc_msg_start *start = &m.u.start;

	start->abi_version = ESC_ABI_VERSION;
	start->queues = n->model->queues;
	start->ifindex = s->nic.ifindex;
	start->frame_size = n->frame_size;
	start->frames = n->model->queues * ESC_FRAMES_PER_QUEUE;
	start->inner_mtu = esc_inner_mtu(n->side[ESC_SIDE_BLACK].nic.mtu);
	start->uid = c->uid;
	start->gid = c->gid;
	start->generic = esc_bpf_generic(n->bpf, c->side);
	start->copy_mode = start->generic;
	start->waived = n->model->waived;
	memcpy(start->name, n->model->name, sizeof(start->name));
	memcpy(start->provider, provider, strlen(provider));
	if (c->side == ESC_SIDE_BLACK)
		memcpy(start->keystore, n->model->keystore, sizeof(start->keystore));
	child_send(c, &m);
}

int child_start(struct child *c)
{
	struct node *n = c->node;
	struct esc_spawned p;
	bool terminal =
		c->side == ESC_SIDE_BLACK && *n->model->keystore && esc_terminal_lend(&c->terminal);
	int err = esc_spawn(c->side, n->model->name, &n->memory, n->model->queues, n->model->waived,
			    terminal, &p);

	if (err) {
		esc_err("starting the %s process: %s", child_name(c), strerror(-err));
		return err;
	}
	c->alive = true;
	c->ready = c->clean = c->lost = c->told_to_stop = false;
	c->pid = p.pid;
	esc_watchdog_open(&c->watchdog, p.pid);
	c->log_lines = 0;
	c->process.fd = p.pidfd;
	c->messages.fn = message_event;
	c->messages.arg = c->process.arg = c;
	c->messages.fd = p.control;
	c->process.fn = process_event;
	esc_chan_init(&c->chan, p.control);
	err = esc_loop_watch(&n->loop, &c->process, EPOLLIN);
	if (!err)
		err = esc_loop_watch(&n->loop, &c->messages, EPOLLIN);
	if (err) {
		child_end(c, CHILD_END_MS);
		return err;
	}
	tell_start(c, c->side == ESC_SIDE_RED ? ""
		      : *n->provider	      ? n->provider
					      : n->model->provider);
	return 0;
}
