/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connections.c: router mode's tables while the node runs: conns.h by a timer, and the list of all
 * connections at the status socket. That goes out as the tables have it, a batch at a time
 * (struct esc_conns_head, then rows): who asked makes text of it. Between two batches control does
 * what else there is to do, and who does not read gets no more of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/runtime.h"
#include "control/snapshot.h"
#include "control/split_bpf.h"

/* As bpf_ktime_get_ns(). */
static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * ESC_S + (uint64_t)ts.tv_nsec;
}

static void sweep(void *arg)
{
	struct node *n = arg;
	struct connections *c = &n->connections;

	esc_conns_timeouts(c->conns, n->model->split.timeout);
	esc_loop_arm(&n->loop, &c->timer, esc_conns_step(c->conns, monotonic()));
}

int connections_open(struct node *n)
{
	struct connections *c = &n->connections;

	if (n->model->mode != ESC_MODE_ROUTER)
		return 0;
	int err = esc_bpf_conns(n->bpf, c->map);
	if (!err)
		err = esc_conns_open(&c->conns, &esc_conns_bpf, c->map, esc_bpf_ports(n->bpf),
				     n->model->split.connections);
	if (err) {
		esc_err("opening the tables of connections: %s", strerror(-err));
		return err;
	}
	c->timer = (struct esc_timer){.fn = sweep, .arg = n};
	sweep(n);
	return 0;
}

void connections_close(struct node *n)
{
	if (!n->connections.conns)
		return;
	esc_loop_cancel(&n->loop, &n->connections.timer);
	esc_conns_close(n->connections.conns);
	n->connections.conns = NULL;
}

void connections_flush4(struct node *n)
{
	if (!n->connections.conns)
		return;
	int err = esc_conns_flush4(n->connections.conns);
	if (err)
		esc_warn("ending the IPv4 connections of the address before: %s. They end when "
			 "they expire",
			 strerror(-err));
}

void connections_counts(const struct node *n, struct esc_snap_router *r)
{
	struct esc_conns *c = n->connections.conns;

	if (!c)
		return;
	r->conns = *esc_conns_counts(c, monotonic());
	r->evicted = esc_conns_evicted(c);
	r->max = n->model->split.connections;
	r->max_new = r->max / 4;
}

/* --- the list ----------------------------------------------------------------------------------
 */

static void release(char *out)
{
	free(out);
}

static bool refuse(struct esc_client *c, const char *why)
{
	char *out = NULL;
	int len = asprintf(&out, "%c%s\n", ESC_REFUSED, why);

	if (len > 0)
		esc_client_answer(c, out, (size_t)len, release, true);
	return len > 0;
}

bool connections_begin(struct esc_client *c)
{
	const struct node *n = c->server->arg;
	struct esc_conns_head *head;

	if (n->model->mode != ESC_MODE_ROUTER)
		return refuse(c, "it is in encryptor mode: there are no connections outside of the "
				 "tunnels. For Mode = router see docs/split.md");
	head = calloc(1, sizeof(*head));
	if (!head)
		return false;
	memcpy(head->magic, ESC_CONNS_MAGIC, sizeof(head->magic));
	head->abi_version = ESC_ABI_VERSION;
	head->row_size = sizeof(struct esc_conns_row);
	head->now = monotonic();
	head->unix_now = esc_unix_now();
	memcpy(head->own4, esc_bpf_split_cfg(n->bpf)->own4, sizeof(head->own4));
	c->streams = true;
	esc_client_answer(c, (char *)head, sizeof(*head), release, false);
	return true;
}

bool connections_next(struct esc_client *c, struct esc_conns_cursor *at)
{
	const struct node *n = c->server->arg;
	struct esc_conns_row *row;

	if (!n->connections.conns || esc_client_right(c) < ESC_RIGHT_READ)
		return false;
	row = malloc(ESC_CONNS_BATCH * sizeof(*row));
	if (!row)
		return false;
	int count = esc_conns_left(at) ? esc_conns_read(n->connections.conns, at, row) : 0;
	if (count < 0) {
		esc_warn("reading the tables of connections: %s", strerror(-count));
		free(row);
		return false;
	}
	bool last = !count && !esc_conns_left(at);
	if (last)
		row[count++] = (struct esc_conns_row){.end = 1};
	esc_client_answer(c, (char *)row, (size_t)count * sizeof(*row), release, last);
	return true;
}
