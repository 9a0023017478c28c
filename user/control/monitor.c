/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor.c: `esclusa monitor`: clients of the status socket that stay and get a line of JSON for
 * everything that happens (docs/operation.md has the names). Nobody waits for them: lines are kept
 * in one store of bounded size (events.h), each client has one of them on its way. One that is too
 * slow is told so and disconnected; one that reads nothing for ESC_CLIENT_STALL_NS just the latter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "control/monitor.h"
#include "control/node.h"
#include "control/runtime.h"
#include "control/show_attack.h"
#include "control/snapshot.h"

/* Clients that follow, of each class: others find a place to ask. */
#define FOLLOWERS_MAX 4u

/* Peers' sessions that are news of their own in a second; more are counted. */
#define PEERS_NAMED 32u

static void release(char *out)
{
	free(out);
}

/* --- making a line ---------------------------------------------------------------------------- */

struct line {
	struct esc_json json;
	FILE *f;
	char *text;
	size_t len;
};

static bool line_begin(struct line *l, const struct node *n, const char *event)
{
	l->text = NULL;
	l->f = open_memstream(&l->text, &l->len);
	if (!l->f)
		return false;
	esc_json_init_line(&l->json, l->f);
	esc_json_object(&l->json, NULL);
	esc_json_u64(&l->json, "time", esc_unix_now() / ESC_S);
	esc_json_str(&l->json, "node", n->model->name);
	esc_json_str(&l->json, "event", event);
	return true;
}

/* The line, or NULL. */
static char *line_end(struct line *l)
{
	esc_json_end(&l->json);
	bool ok = esc_json_finish(&l->json);

	if (!fclose(l->f) && ok)
		return l->text;
	free(l->text);
	return NULL;
}

/* --- followers -------------------------------------------------------------------------------- */

static bool has_followers(const struct node *n)
{
	for (const struct esc_client *c = n->status.clients; c; c = c->next) {
		if (c->stays)
			return true;
	}
	return false;
}

/* To everybody who has read all before; others come to it. */
static void publish(struct node *n, struct line *l)
{
	char *text = line_end(l);
	struct esc_client *next;

	if (!text || esc_events_put(&n->events, text))
		return;
	for (struct esc_client *c = n->status.clients; c; c = next) {
		next = c->next; /* it may be gone afterwards */
		if (c->stays && !esc_client_busy(c))
			esc_client_resume(c);
	}
}

bool monitor_next(struct esc_client *c, uint64_t *cursor)
{
	struct node *n = c->server->arg;
	uint64_t lost, left = n->events.next - *cursor;
	const char *line = esc_events_get(&n->events, cursor, &lost);
	struct line l;
	char *out;

	if (!line)
		return true;
	if (esc_client_right(c) < ESC_RIGHT_READ)
		return false;
	if (!lost) {
		out = strdup(line);
	} else {
		esc_warn("process %d of user %u follows events too slowly: disconnected",
			 (int)c->who.pid, (unsigned int)c->who.uid);
		if (!line_begin(&l, n, "lost"))
			return false;
		esc_json_u64(&l.json, "events", left); /* that it will not get */
		out = line_end(&l);
	}
	if (out)
		esc_client_answer(c, out, strlen(out), release, lost);
	return out;
}

/* What there is when somebody begins to follow. */
static char *first_line(struct node *n)
{
	const struct esc_detect *d = &n->alarm.detect;
	struct line l;

	if (!line_begin(&l, n, "status"))
		return NULL;
	esc_json_str(&l.json, "state", esc_node_state(n));
	esc_json_bool(&l.json, "under_load", n->alarm.under_load);
	esc_json_str(&l.json, "detection", d->attacked ? "attack" : "calm");
	esc_json_u64(&l.json, "rate", d->total);
	if (d->attacked)
		esc_attack_line(&l.json, &d->now);
	return line_end(&l);
}

bool monitor_begin(struct esc_client *c, uint64_t *cursor)
{
	struct node *n = c->server->arg;
	uint32_t followers = 0;
	char *out = NULL;

	for (const struct esc_client *o = n->status.clients; o; o = o->next)
		followers += o->stays && o->place == c->place;
	if (followers >= FOLLOWERS_MAX) {
		if (asprintf(&out, "%c%u others follow it already: end one of them\n", ESC_REFUSED,
			     FOLLOWERS_MAX) < 0)
			return false;
		esc_client_answer(c, out, strlen(out), release, true);
		return true;
	}
	if (!has_followers(n))
		monitor_look_at_peers(n);
	*cursor = n->events.next;
	out = first_line(n);
	if (!out)
		return false;
	c->stays = true;
	esc_client_answer(c, out, strlen(out), release, false);
	return true;
}

/* --- news ------------------------------------------------------------------------------------- */

void monitor_attack(struct node *n, const char *event, const struct esc_attack *a, uint64_t rate)
{
	struct line l;

	if (!has_followers(n) || !line_begin(&l, n, event))
		return;
	esc_json_u64(&l.json, "rate", rate);
	esc_attack_line(&l.json, a);
	publish(n, &l);
}

void monitor_under_load(struct node *n, bool on)
{
	struct line l;

	if (!has_followers(n) || !line_begin(&l, n, "under_load"))
		return;
	esc_json_bool(&l.json, "on", on);
	publish(n, &l);
}

void monitor_state(struct node *n, const char *event, const char *why)
{
	struct line l;

	if (!has_followers(n) || !line_begin(&l, n, event))
		return;
	if (why)
		esc_json_str(&l.json, "why", why);
	esc_json_u64(&l.json, "restarts", n->restarts);
	publish(n, &l);
}

/* A new crypto process has no sessions, however soon it gets them. */
void monitor_running(struct node *n)
{
	memset(n->sessions, 0, sizeof(n->sessions));
	monitor_state(n, "running", NULL);
}

static bool has_session(const struct node *n, uint32_t id)
{
	return n->memory.crypto &&
	       __atomic_load_n(&n->memory.crypto->peer[id].session, __ATOMIC_RELAXED);
}

static void peer_news(struct node *n, const struct esc_peer *p, bool up)
{
	char key[ESC_KEY_B64];
	struct line l;

	if (!line_begin(&l, n, up ? "session_up" : "session_down"))
		return;
	esc_json_str(&l.json, "name", *p->name ? p->name : NULL);
	esc_json_str(&l.json, "public_key", esc_key_to_base64(key, p->public_key));
	publish(n, &l);
}

void monitor_look_at_peers(struct node *n)
{
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++)
		n->sessions[id] = has_session(n, id);
}

void monitor_tick(struct node *n)
{
	uint32_t changed = 0;
	struct line l;

	if (!has_followers(n))
		return;
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(n->model, id);
		bool up = has_session(n, id);

		if (up == n->sessions[id])
			continue;
		n->sessions[id] = up;
		if (p && changed++ < PEERS_NAMED)
			peer_news(n, p, up);
	}
	if (changed <= PEERS_NAMED || !line_begin(&l, n, "sessions"))
		return;
	esc_json_u64(&l.json, "more", changed - PEERS_NAMED);
	publish(n, &l);
}
