/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration into crypto, whole batches at a time. Red's table of secure prefixes never knows
 * less than crypto: prefixes enter it first and leave it last, so that no packet for a secure
 * site is taken for anything else in between.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/live.h"
#include "control/node.h"
#include "control/split_check.h"

#define ACK_NS (10 * ESC_S) /* for crypto to take a change */

/* Keep what a new process should be told beyond the model: where peers were, when they spoke. */
static void add_memory(const struct node *n, struct esc_msg_peer_set *s, const struct esc_peer *p)
{
	const struct esc_msg_stamp *stamp = esc_stamps_find(&n->stamps, s->public_key);
	const struct last_endpoint *last = &n->last[s->id];

	if (stamp) {
		s->fields |= ESC_PEER_STAMP;
		memcpy(s->stamp_sent, stamp->sent, sizeof(s->stamp_sent));
		memcpy(s->stamp_seen, stamp->seen, sizeof(s->stamp_seen));
	}
	if (p && last->port && last->generation == p->generation) {
		s->fields |= ESC_PEER_ENDPOINT;
		memcpy(s->endpoint, last->addr, sizeof(s->endpoint));
		s->endpoint_port = last->port;
		if (last->session)
			s->fields |= ESC_PEER_CONNECT;
	}
}

static int send_message(void *arg, struct esc_msg *msg, bool is_new)
{
	struct node *n = arg;
	const struct esc_model *to = n->pending.next ? n->pending.next : n->model;

	if (msg->type == ESC_MSG_PEER_SET && is_new)
		add_memory(n, &msg->u.peer_set, esc_model_peer(to, msg->u.peer_set.id));
	child_send(&n->side[ESC_SIDE_BLACK].child, msg);
	return n->side[ESC_SIDE_BLACK].child.alive ? 0 : -EPIPE;
}

static int send_all(struct node *n, const struct esc_model *from, const struct esc_model *to)
{
	struct esc_msg commit = {.type = ESC_MSG_COMMIT, .u.commit.seq = ++n->seq};
	int err = esc_model_diff_messages(from, to, send_message, n);

	if (err)
		return err;
	n->pending.seq = commit.u.commit.seq;
	child_send(&n->side[ESC_SIDE_BLACK].child, &commit);
	return n->side[ESC_SIDE_BLACK].child.alive ? 0 : -EPIPE;
}

void apply_all(struct node *n)
{
	n->pending = (struct pending){.active = true};
	send_all(n, NULL, n->model); /* a lost process is its supervisor's business */
}

/* --- the secure prefixes ----------------------------------------------------------------- */

struct secure_walk {
	struct node *n;
	bool add;
};

static int secure_one(void *arg, const struct esc_prefix *p)
{
	struct secure_walk *w = arg;

	return esc_bpf_secure(w->n->bpf, p, w->add);
}

/*
 * In router mode what was secure stays so until the node starts again: with its peer gone it would
 * be the internet's, and leave in clear. Red sends it to crypto, which has nobody for it, and the
 * LAN hears that it is unreachable.
 */
static int secure(struct node *n, const struct esc_model *from, const struct esc_model *to,
		  bool enter, bool add)
{
	struct secure_walk w = {.n = n, .add = add};

	if (!add && n->model->mode == ESC_MODE_ROUTER)
		return 0;
	return esc_model_diff_prefixes(from, to, enter, secure_one, &w);
}

int apply_secure(struct node *n)
{
	return secure(n, NULL, n->model, true, true);
}

/* --- changes ----------------------------------------------------------------------------- */

/* An endpoint that the administrator names now is newer than where the peer was seen. */
static void drop_endpoints(struct node *n, const struct esc_model *next)
{
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(next, id);
		if (p && p->touched & ESC_PEER_ENDPOINT)
			n->last[id].port = 0;
	}
}

static void adopt(struct node *n, struct esc_model *next)
{
	int err = secure(n, n->model, next, false, false);

	if (err)
		esc_warn("removing prefixes from the red program: %s. They stay secure",
			 strerror(-err));
	drop_endpoints(n, next);
	esc_model_free(n->model);
	n->model = next;
	plane_set_on(n, n->phase == PHASE_RUNNING); /* with the listen port of now */
}

int apply_public_key(struct node *n, const uint8_t key[32])
{
	char text[ESC_KEY_B64];

	if (n->model->has_key && !memcmp(n->model->public_key, key, ESC_KEY_LEN))
		return 0;
	struct esc_model *next = esc_model_clone(n->model);
	if (!next)
		return -ENOMEM;
	esc_info("key store %s is open: public key %s%s", next->keystore,
		 esc_key_to_base64(text, key), next->has_key ? ", another one than before" : "");
	if (esc_model_find(next, key))
		esc_warn("left out a peer that has this node's own public key");
	esc_model_set_public_key(next, key);
	adopt(n, next);
	return 0;
}

static void finish(struct node *n, int err)
{
	struct pending p = n->pending;

	n->pending = (struct pending){0};
	record_outcome(n, &p.who, &p.change, err);
	if (p.done)
		p.done(p.arg, err);
	reload_resume(n);
	wg_socket_resume(n);
}

/* The rules of this model, for programs and red. Of one from a file: others have those of before.
 */
static int policy(struct node *n, const struct esc_model *from, const struct esc_model *to)
{
	return memcmp(from->digest, to->digest, sizeof(from->digest)) != 0
		       ? plane_policy(n, &to->split)
		       : 0;
}

/* All that can fail, and comes before crypto is told. */
static int prepare(struct node *n, const struct esc_model *next)
{
	int err = secure(n, n->model, next, true, true);

	if (err == -ENOSPC && n->model->mode == ESC_MODE_ROUTER)
		esc_warn("no room for more secure prefixes: those that were removed stay "
			 "until the node starts again. Restart it");
	if (!err)
		err = policy(n, n->model, next);
	if (err)
		secure(n, n->model, next, true, false);
	return err;
}

static void undo(struct node *n, const struct esc_model *next)
{
	int err = policy(n, next, n->model);

	if (err)
		esc_err("taking back the rules of the file: %s. Those of the new one are in force; "
			"restart the node",
			strerror(-err));
	secure(n, n->model, next, true, false);
}

int apply_model(struct node *n, struct esc_model *next, const struct request *r,
		void (*done)(void *arg, int err), void *arg)
{
	struct change change;
	int err = record_change(n, r, n->model, next, &change);

	if (err) {
		esc_model_free(next);
		return err;
	}
	err = prepare(n, next);
	if (err) {
		esc_model_free(next);
		record_outcome(n, r->who, &change, err);
		return err;
	}
	if (n->phase != PHASE_RUNNING) { /* the next crypto process gets it with the rest */
		adopt(n, next);
		record_outcome(n, r->who, &change, 0);
		return 0;
	}
	n->pending = (struct pending){.active = true,
				      .next = next,
				      .who = *r->who,
				      .change = change,
				      .done = done,
				      .arg = arg};
	esc_loop_arm(&n->loop, &n->timer, ACK_NS);
	send_all(n, n->model, next); /* if crypto is lost, apply_abort() answers */
	return -EINPROGRESS;
}

int apply_batch(struct node *n, const struct esc_batch *b, const struct esc_caller *who,
		void (*done)(void *arg, int err), void *arg)
{
	struct esc_reason why = {""};
	struct esc_model *next;

	if (n->pending.active || n->phase == PHASE_CONFIGURING)
		return -EBUSY;
	int err = esc_model_stage(n->model, b, &next, &why);
	if (*why.text)
		esc_warn("%s", why.text);
	if (err) {
		record_refusal(n, who, "wg set", *why.text ? why.text : strerror(-err));
		return err;
	}
	esc_split_warn(n->model, next);
	return apply_model(n, next, &(struct request){.who = who}, done, arg);
}

void apply_ack(struct node *n, const struct esc_msg_ack *ack)
{
	if (n->phase > PHASE_RUNNING) /* of a change that was under way when all was to end */
		return;
	if (!n->pending.active || ack->seq != n->pending.seq) {
		esc_warn("crypto acknowledged what nobody asked for");
		plane_down(n);
		return;
	}
	esc_loop_cancel(&n->loop, &n->timer);
	if (ack->error) { /* it may have applied a part: start again from what is known */
		n->pending.error = ack->error;
		esc_warn("crypto refused a change: %s; it is started again with the old "
			 "configuration",
			 strerror(-ack->error));
		plane_down(n);
		return;
	}
	if (!n->pending.next)
		plane_running(n);
	else
		adopt(n, n->pending.next);
	finish(n, 0);
}

void apply_abort(struct node *n)
{
	if (!n->pending.active)
		return;
	if (n->pending.next) {
		undo(n, n->pending.next);
		esc_model_free(n->pending.next);
	}
	finish(n, n->pending.error ? n->pending.error : -EIO);
}

void apply_save_endpoints(struct node *n)
{
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(n->model, id);
		struct esc_live live;
		if (!p || !esc_live_read(n->memory.crypto, id, &live) || !live.endpoint_port)
			continue;
		n->last[id].generation = p->generation;
		n->last[id].port = live.endpoint_port;
		n->last[id].session = live.session;
		memcpy(n->last[id].addr, live.endpoint, 16);
	}
}
