/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /run/esclusa/NAME.sock: one question, one answer, then it is closed. "status\n" asks for JSON,
 * "status text\n" for the same facts as a screen of text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/node.h"
#include "control/runtime.h"
#include "control/snapshot.h"

struct question {
	char line[32];
	size_t len;
};

static void *open_session(struct esc_client *c)
{
	(void)c;
	return calloc(1, sizeof(struct question));
}

static void close_session(struct esc_client *c)
{
	free(c->session);
}

static bool input(struct esc_client *c, const char *bytes, size_t len)
{
	struct question *q = c->session;

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

static bool answer(struct esc_client *c)
{
	const struct question *q = c->session;
	bool text = !strcmp(q->line, "status text\n");
	char *out = NULL;
	size_t len = 0;

	if (!strchr(q->line, '\n'))
		return true;
	if (!text && strcmp(q->line, "status\n") != 0)
		return false;
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
				  esc_run_path(path, ESC_RUN_DIR, n->model->name, "sock"), &ops, n);

	if (err)
		esc_err("listening at %s: %s", path, strerror(-err));
	return err;
}
