/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /var/run/wireguard/NAME.sock: WireGuard's configuration protocol (uapi.h) on a socket, for those
 * who may change the node.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/live.h"
#include "control/node.h"
#include "control/runtime.h"
#include "control/uapi.h"

#define VERB_LEN 6 /* "get=1\n" */

struct session {
	struct node *node;
	struct esc_client *client;
	struct esc_uapi_rx rx;
	struct esc_batch *parked; /* waits for another client's change */
};

static void *open_session(struct esc_client *c)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s) {
		s->node = c->server->arg;
		s->client = c;
	}
	return s;
}

static void close_session(struct esc_client *c)
{
	struct session *s = c->session;
	struct pending *p = &s->node->pending;

	if (p->arg == s)
		p->done = NULL; /* the change goes on, nobody waits for its result */
	esc_batch_free(s->parked);
	esc_uapi_rx_free(&s->rx);
	free(s);
}

static void release_errno(char *out)
{
	free(out);
}

static void answer_errno(struct session *s, enum esc_uapi_verb verb, int err, bool last)
{
	char *out = malloc(ESC_UAPI_ERRNO_MAX);

	if (out)
		esc_client_answer(s->client, out, esc_uapi_errno(out, verb, err), release_errno,
				  last);
}

static void live(void *arg, uint32_t id, struct esc_uapi_live *out)
{
	const struct node *n = arg;
	const struct last_endpoint *last = &n->last[id];
	const struct esc_peer *p = esc_model_peer(n->model, id);
	struct esc_live l;

	if (esc_live_read(n->memory.crypto, id, &l)) {
		out->rx_bytes = l.rx_bytes;
		out->tx_bytes = l.tx_bytes;
		out->last_handshake = l.last_handshake;
		out->endpoint_port = l.endpoint_port;
		memcpy(out->endpoint, l.endpoint, sizeof(out->endpoint));
	} else if (p && last->port && last->generation == p->generation) {
		out->endpoint_port = last->port;
		memcpy(out->endpoint, last->addr, sizeof(out->endpoint));
	}
}

static bool get(struct session *s)
{
	size_t len;
	char *reply = esc_uapi_get(s->node->model, live, s->node, &len);

	if (!reply)
		return false;
	esc_client_answer(s->client, reply, len, esc_uapi_reply_free, false);
	return true;
}

static void set_done(void *arg, int err)
{
	struct session *s = arg;

	answer_errno(s, ESC_UAPI_SET, err, false);
	esc_client_resume(s->client);
}

/* Takes the batch. */
static void apply(struct session *s, struct esc_batch *batch)
{
	int err = apply_batch(s->node, batch, &s->client->who, set_done, s);

	if (err == -EBUSY)
		s->parked = batch;
	else
		esc_batch_free(batch);
	if (err == -EBUSY || err == -EINPROGRESS)
		s->client->paused = true;
	else
		answer_errno(s, ESC_UAPI_SET, err, false);
}

static void set(struct session *s, const char *request, size_t len)
{
	struct esc_reason why = {""};
	struct esc_batch *batch;
	int err = esc_uapi_set(request, len, &batch, &why);

	if (*why.text)
		esc_warn("wg socket: %s", why.text);
	if (err) {
		record_refusal(s->node, &s->client->who, "wg set",
			       *why.text ? why.text : strerror(-err));
		answer_errno(s, ESC_UAPI_SET, err, false);
	} else {
		apply(s, batch);
	}
}

/* Nothing of it is kept: its first bytes tell the form of the answer that `wg` understands. */
static void refuse(struct session *s, const char *bytes, size_t len)
{
	enum esc_uapi_verb verb = esc_uapi_verb(bytes, len < VERB_LEN ? len : VERB_LEN);

	record_refusal(s->node, &s->client->who,
		       verb == ESC_UAPI_GET   ? "wg show"
		       : verb == ESC_UAPI_SET ? "wg set"
					      : "wg",
		       "neither root nor in Admins");
	answer_errno(s, verb, -EACCES, true);
}

static bool next_request(struct esc_client *c)
{
	struct session *s = c->session;
	size_t len;
	const char *request = esc_uapi_rx_next(&s->rx, &len);
	enum esc_uapi_verb verb = request ? esc_uapi_verb(request, len) : ESC_UAPI_BAD;

	if (!request)
		return true;
	if (esc_client_right(c) < ESC_RIGHT_CHANGE) {
		refuse(s, request, len);
		return c->out;
	}
	if (verb == ESC_UAPI_GET)
		return get(s);
	if (verb == ESC_UAPI_SET)
		set(s, request, len);
	else
		answer_errno(s, verb, -EPROTO, true);
	return c->out || c->paused;
}

static bool input(struct esc_client *c, const char *bytes, size_t len)
{
	struct session *s = c->session;

	if (esc_client_right(c) < ESC_RIGHT_CHANGE) {
		refuse(s, bytes, len);
		return c->out;
	}
	int err = esc_uapi_rx_add(&s->rx, bytes, len);

	if (err)
		answer_errno(s, ESC_UAPI_SET, err, true);
	return !err || c->out;
}

void wg_socket_resume(struct node *n)
{
	struct esc_client *c = n->wg.clients;

	while (c && !n->pending.active) {
		struct session *s = c->session;
		struct esc_batch *batch = s->parked;
		if (!batch) {
			c = c->next;
			continue;
		}
		s->parked = NULL;
		c->paused = false;
		apply(s, batch);
		if (!c->paused)
			esc_client_resume(c);
		c = n->wg.clients; /* the list may have changed */
	}
}

int wg_socket_open(struct node *n)
{
	static const struct esc_server_ops ops = {
		.open = open_session,
		.input = input,
		.idle = next_request,
		.close = close_session,
	};
	char path[ESC_RUN_PATH_MAX];
	int err = esc_run_dir(ESC_WG_DIR);

	esc_run_path(path, ESC_WG_DIR, n->model->name, "sock");
	if (!err)
		err = esc_server_open(&n->wg, &n->loop, path, &n->access, &ops, n);
	if (err == -EADDRINUSE)
		esc_err("%s is served by another program (a WireGuard of the same name?). Set "
			"another Name in [Node]",
			path);
	else if (err)
		esc_err("listening at %s: %s", path, strerror(-err));
	return err;
}
