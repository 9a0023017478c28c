/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /run/esclusa/NAME.sock: one question, one answer, then it is closed. "status\n" asks for JSON,
 * "status text\n" for the same facts as a screen of text, "audit\n" for the path of the audit log.
 * "zeroize\n" ends all keys and is answered with what became of them; "zeroized done\n" and
 * "zeroized failed\n" tell what became of those in files, for the audit log.
 * "monitor\n" is answered with a line for everything that happens, until the client hangs up;
 * "connections\n" with all connections of router mode, in pieces (connections.c).
 * An answer that begins with ESC_REFUSED
 * says why there is no other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/monitor.h"
#include "control/node.h"
#include "control/runtime.h"
#include "control/snapshot.h"

struct question {
	char line[32];
	size_t len;
	uint64_t cursor;	    /* of a client that follows */
	struct esc_conns_cursor at; /* of one that lists connections */
};

static void *open_session(struct esc_client *c)
{
	(void)c;
	return calloc(1, sizeof(struct question));
}

static void close_session(struct esc_client *c)
{
	zeroize_client_gone(c->server->arg, c);
	free(c->session);
}

static bool input(struct esc_client *c, const char *bytes, size_t len)
{
	struct question *q = c->session;

	if (c->stays) /* it has nothing more to say */
		return false;
	if (len > sizeof(q->line) - 1 - q->len)
		return false;
	memcpy(q->line + q->len, bytes, len);
	q->len += len;
	return true;
}

static void release(char *out)
{
	free(out);
}

static bool answer_status(struct esc_client *c, bool text)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	struct esc_snapshot *s = malloc(sizeof(*s));
	bool ok = f && s;

	if (ok) {
		esc_snapshot_take(c->server->arg, s);
		ok = text ? esc_show_text(s, f) : esc_show_json(s, f);
	}
	free(s);
	if (f && fclose(f))
		ok = false;
	if (ok)
		esc_client_answer(c, out, len, release, true);
	else
		free(out);
	return ok;
}

static bool status_json(struct esc_client *c)
{
	return answer_status(c, false);
}

static bool status_text(struct esc_client *c)
{
	return answer_status(c, true);
}

static bool answer_audit(struct esc_client *c)
{
	const struct node *n = c->server->arg;
	char *out = NULL;
	int len = asprintf(&out, "%s\n", n->audit.path);

	if (len > 0)
		esc_client_answer(c, out, (size_t)len, release, true);
	return len > 0;
}

static bool monitor(struct esc_client *c)
{
	struct question *q = c->session;

	return monitor_begin(c, &q->cursor);
}

static bool zeroize(struct esc_client *c)
{
	zeroize_begin(c->server->arg, c);
	return true;
}

static bool take_zeroized(struct esc_client *c, bool done)
{
	char *out = strdup("ok\n");

	record_zeroize_file(c->server->arg, &c->who, done);
	if (out)
		esc_client_answer(c, out, strlen(out), release, true);
	return out;
}

static bool zeroized_done(struct esc_client *c)
{
	return take_zeroized(c, true);
}

static bool zeroized_failed(struct esc_client *c)
{
	return take_zeroized(c, false);
}

static bool refuse(struct esc_client *c, const char *request, const char *what,
		   enum esc_right needed)
{
	const struct node *n = c->server->arg;
	const char *group = esc_access_group(&n->access, needed);
	char *out = NULL;

	record_refusal(c->server->arg, &c->who, request,
		       needed == ESC_RIGHT_READ ? "neither root nor in Admins or Monitors"
						: "neither root nor in Admins");
	int len =
		asprintf(&out, "%cyou may not %s: %s%s\n", ESC_REFUSED, what,
			 group ? "ask to be added to group " : "only root may", group ? group : "");
	if (len > 0)
		esc_client_answer(c, out, (size_t)len, release, true);
	return len > 0;
}

static bool answer(struct esc_client *c)
{
	static const struct {
		const char *line, *request, *what;
		enum esc_right needed;
		bool (*fn)(struct esc_client *c);
	} questions[] = {
		{"status\n", "status", "read its status", ESC_RIGHT_READ, status_json},
		{"status text\n", "status", "read its status", ESC_RIGHT_READ, status_text},
		{"audit\n", "audit", "read its audit log", ESC_RIGHT_READ, answer_audit},
		{"monitor\n", "monitor", "follow what happens", ESC_RIGHT_READ, monitor},
		{"connections\n", "connections", "list its connections", ESC_RIGHT_READ,
		 connections_begin},
		{"zeroize\n", "zeroize", "destroy its keys", ESC_RIGHT_CHANGE, zeroize},
		{"zeroized done\n", "zeroize", "destroy its keys", ESC_RIGHT_CHANGE, zeroized_done},
		{"zeroized failed\n", "zeroize", "destroy its keys", ESC_RIGHT_CHANGE,
		 zeroized_failed},
	};
	struct question *q = c->session;
	enum esc_right right;

	if (c->stays)
		return monitor_next(c, &q->cursor);
	if (c->streams)
		return connections_next(c, &q->at);
	right = esc_client_right(c);
	if (!strchr(q->line, '\n'))
		return true;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (strcmp(q->line, questions[i].line) != 0)
			continue;
		return right >= questions[i].needed
			       ? questions[i].fn(c)
			       : refuse(c, questions[i].request, questions[i].what,
					questions[i].needed);
	}
	return false;
}

int status_socket_open(struct node *n)
{
	static const struct esc_server_ops ops = {
		.open = open_session,
		.input = input,
		.idle = answer,
		.close = close_session,
	};
	char path[ESC_RUN_PATH_MAX];
	int err = esc_server_open(&n->status, &n->loop,
				  esc_run_path(path, ESC_RUN_DIR, n->model->name, "sock"),
				  &n->access, &ops, n);

	if (err)
		esc_err("listening at %s: %s", path, strerror(-err));
	return err;
}
