/* SPDX-License-Identifier: BSD-2-Clause */
/* model_diff.c: from one model to the next, as messages for crypto and as prefixes for red. */
#include <sodium.h>
#include <string.h>

#include "control/model.h"

struct walk {
	const struct esc_model *from, *to; /* from may be NULL */
	esc_diff_message_fn fn;
	void *arg;
};

static int tell(const struct walk *w, struct esc_msg *msg, bool is_new)
{
	int r = w->fn(w->arg, msg, is_new);

	sodium_memzero(msg, sizeof(*msg));
	return r;
}

static const struct esc_peer *peer_in(const struct esc_model *m, uint32_t id)
{
	return m ? esc_model_peer(m, id) : NULL;
}

/* The same peer in both models, not one that left and another that took its slot. */
static bool survives(const struct walk *w, uint32_t id)
{
	const struct esc_peer *a = peer_in(w->from, id), *b = peer_in(w->to, id);

	return a && b && a->generation == b->generation;
}

static int tell_removed(const struct walk *w)
{
	int r = 0;

	for (uint32_t id = 0; id < ESC_PEERS_MAX && !r; id++) {
		struct esc_msg msg = {.type = ESC_MSG_PEER_REMOVE};

		if (!peer_in(w->from, id) || survives(w, id))
			continue;
		msg.u.peer_remove.id = id;
		r = tell(w, &msg, false);
	}
	return r;
}

static int tell_device(const struct walk *w)
{
	struct esc_msg msg = {.type = ESC_MSG_DEVICE};
	struct esc_msg_device *d = &msg.u.device;
	const uint8_t *key = esc_model_private_key(w->to);

	d->fields = w->from ? w->to->touched : ESC_DEVICE_KEY | ESC_DEVICE_PORT;
	if (!key)
		d->fields &= ~(uint32_t)ESC_DEVICE_KEY;
	if (!d->fields)
		return 0;
	d->listen_port = w->to->listen_port;
	if (key && (d->fields & ESC_DEVICE_KEY))
		memcpy(d->private_key, key, ESC_KEY_LEN);
	return tell(w, &msg, false);
}

static int tell_set(const struct walk *w)
{
	int r = 0;

	for (uint32_t id = 0; id < ESC_PEERS_MAX && !r; id++) {
		const struct esc_peer *p = peer_in(w->to, id);
		bool is_new = p && !survives(w, id);
		struct esc_msg msg = {.type = ESC_MSG_PEER_SET};
		struct esc_msg_peer_set *s = &msg.u.peer_set;

		if (!p || (!is_new && !p->touched))
			continue;
		s->id = id;
		s->fields = is_new ? (p->has_psk ? ESC_PEER_PSK : 0u) |
					     (p->endpoint_port ? ESC_PEER_ENDPOINT : 0u) |
					     (p->keepalive ? ESC_PEER_KEEPALIVE : 0u)
				   : p->touched;
		memcpy(s->public_key, p->public_key, ESC_KEY_LEN);
		if (s->fields & ESC_PEER_PSK)
			memcpy(s->preshared_key, esc_model_psk(w->to, id), ESC_KEY_LEN);
		memcpy(s->endpoint, p->endpoint, sizeof(s->endpoint));
		s->endpoint_port = p->endpoint_port;
		s->keepalive = p->keepalive;
		r = tell(w, &msg, is_new);
	}
	return r;
}

static int tell_prefix(const struct walk *w, uint32_t id, enum esc_prefix_op op,
		       const struct esc_prefix *p)
{
	struct esc_msg msg = {.type = ESC_MSG_PEER_PREFIX};

	msg.u.peer_prefix.id = id;
	msg.u.peer_prefix.op = op;
	msg.u.peer_prefix.prefix = *p;
	return tell(w, &msg, false);
}

/* A prefix that moved needs no REMOVE (ADD moves it), nor does one of a peer that is gone. */
static int tell_prefixes_removed(const struct walk *w)
{
	int r = 0;

	for (uint32_t id = 0; id < ESC_PEERS_MAX && !r; id++) {
		const struct esc_prefix *p;
		uint32_t cursor = 0;

		if (!survives(w, id))
			continue;
		while (!r && (p = esc_model_prefix_next(w->from, id, &cursor)))
			if (esc_model_prefix_owner(w->to, p) == ESC_NO_PEER)
				r = tell_prefix(w, id, ESC_PREFIX_REMOVE, p);
	}
	return r;
}

static int tell_prefixes_added(const struct walk *w)
{
	int r = 0;

	for (uint32_t id = 0; id < ESC_PEERS_MAX && !r; id++) {
		bool known = survives(w, id);
		const struct esc_prefix *p;
		uint32_t cursor = 0;

		while (!r && (p = esc_model_prefix_next(w->to, id, &cursor)))
			if (!known || esc_model_prefix_owner(w->from, p) != id)
				r = tell_prefix(w, id, ESC_PREFIX_ADD, p);
	}
	return r;
}

int esc_model_diff_messages(const struct esc_model *from, const struct esc_model *to,
			    esc_diff_message_fn fn, void *arg)
{
	const struct walk w = {.from = from, .to = to, .fn = fn, .arg = arg};
	int r = tell_removed(&w);

	if (!r)
		r = tell_device(&w);
	if (!r)
		r = tell_set(&w);
	if (!r)
		r = tell_prefixes_removed(&w);
	return r ? r : tell_prefixes_added(&w);
}

int esc_model_diff_prefixes(const struct esc_model *from, const struct esc_model *to, bool enter,
			    esc_diff_prefix_fn fn, void *arg)
{
	const struct esc_model *has = enter ? to : from, *lacks = enter ? from : to;
	int r = 0;

	for (uint32_t id = 0; has && id < ESC_PEERS_MAX && !r; id++) {
		const struct esc_prefix *p;
		uint32_t cursor = 0;

		while (!r && (p = esc_model_prefix_next(has, id, &cursor)))
			if (!lacks || esc_model_prefix_owner(lacks, p) == ESC_NO_PEER)
				r = fn(arg, p);
	}
	return r;
}
