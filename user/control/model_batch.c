/* SPDX-License-Identifier: BSD-2-Clause */
/* model_batch.c: a change as a list of operations, and applying all of it or nothing. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/model.h"

#define BATCH_START 64u

enum op_kind {
	OP_PRIVATE_KEY,
	OP_LISTEN_PORT,
	OP_REPLACE_PEERS,
	OP_PEER,
	/* of the peer named last */
	OP_PSK,
	OP_ENDPOINT,
	OP_KEEPALIVE,
	OP_CLEAR_PREFIXES,
	OP_PREFIX_ADD,
	OP_PREFIX_REMOVE,
};

struct op {
	enum op_kind kind;
	uint32_t value; /* port, seconds, or ESC_BATCH_* flags of a peer */
	union {
		uint8_t key[ESC_KEY_LEN];
		uint8_t addr[16];
		struct esc_prefix prefix;
	} u;
};

struct esc_batch {
	struct op *op; /* guarded memory: it may hold keys */
	size_t count, size;
	size_t peer; /* index + 1 of the last OP_PEER */
	int error;
};

struct esc_batch *esc_batch_new(void)
{
	return calloc(1, sizeof(struct esc_batch));
}

void esc_batch_free(struct esc_batch *b)
{
	if (!b)
		return;
	sodium_free(b->op);
	free(b);
}

bool esc_batch_empty(const struct esc_batch *b)
{
	return !b->count;
}

static int fail(struct esc_batch *b, int err)
{
	if (!b->error)
		b->error = err;
	return err;
}

/* A zeroed operation at the end of the list; NULL after the batch has noted why not. */
static struct op *append(struct esc_batch *b, enum op_kind kind)
{
	bool of_peer = kind > OP_PEER, of_device = kind < OP_PEER;

	if (b->error)
		return NULL;
	if ((of_peer && !b->peer) || (of_device && b->peer)) {
		fail(b, -EINVAL);
		return NULL;
	}
	if (b->count == b->size) {
		size_t size = b->size ? 2 * b->size : BATCH_START;
		struct op *op = sodium_allocarray(size, sizeof(*op));

		if (!op) {
			fail(b, -ENOMEM);
			return NULL;
		}
		if (b->count)
			memcpy(op, b->op, b->count * sizeof(*op));
		sodium_free(b->op);
		b->op = op;
		b->size = size;
	}
	struct op *op = &b->op[b->count++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

static int append_key(struct esc_batch *b, enum op_kind kind, const uint8_t key[32])
{
	struct op *op = append(b, kind);

	if (op)
		memcpy(op->u.key, key, ESC_KEY_LEN);
	return b->error;
}

static int append_value(struct esc_batch *b, enum op_kind kind, uint32_t value)
{
	struct op *op = append(b, kind);

	if (op)
		op->value = value;
	return b->error;
}

int esc_batch_private_key(struct esc_batch *b, const uint8_t key[32])
{
	return append_key(b, OP_PRIVATE_KEY, key);
}

int esc_batch_listen_port(struct esc_batch *b, uint16_t port)
{
	return port ? append_value(b, OP_LISTEN_PORT, port) : fail(b, -EINVAL);
}

int esc_batch_replace_peers(struct esc_batch *b)
{
	return append_value(b, OP_REPLACE_PEERS, 0);
}

int esc_batch_peer(struct esc_batch *b, const uint8_t public_key[32])
{
	int err = append_key(b, OP_PEER, public_key);

	if (!err)
		b->peer = b->count;
	return err;
}

int esc_batch_peer_flag(struct esc_batch *b, uint32_t flag)
{
	if (!b->peer)
		return fail(b, -EINVAL);
	b->op[b->peer - 1].value |= flag;
	return b->error;
}

int esc_batch_psk(struct esc_batch *b, const uint8_t psk[32])
{
	return append_key(b, OP_PSK, psk);
}

int esc_batch_endpoint(struct esc_batch *b, const uint8_t addr[16], uint16_t port)
{
	struct op *op = port ? append(b, OP_ENDPOINT) : NULL;

	if (!port)
		return fail(b, -EINVAL);
	if (op) {
		memcpy(op->u.addr, addr, sizeof(op->u.addr));
		op->value = port;
	}
	return b->error;
}

int esc_batch_keepalive(struct esc_batch *b, uint16_t seconds)
{
	return append_value(b, OP_KEEPALIVE, seconds);
}

int esc_batch_clear_prefixes(struct esc_batch *b)
{
	return append_value(b, OP_CLEAR_PREFIXES, 0);
}

int esc_batch_prefix(struct esc_batch *b, const struct esc_prefix *p, bool add)
{
	struct op *op = p->len <= 128 ? append(b, add ? OP_PREFIX_ADD : OP_PREFIX_REMOVE) : NULL;

	if (p->len > 128)
		return fail(b, -EINVAL);
	if (op)
		op->u.prefix = *p;
	return b->error;
}

/* --- applying ----------------------------------------------------------------------------------
 */

static void say(struct esc_reason *why, const char *text)
{
	snprintf(why->text, sizeof(why->text), "%s", text);
}

static void set_keepalive(struct esc_peer *peer, uint16_t seconds)
{
	peer->keepalive = seconds;
	peer->touched |= ESC_PEER_KEEPALIVE;
}

static void replace_peers(struct esc_model *m, const struct esc_batch *b)
{
	static const uint8_t none[ESC_KEY_LEN];
	bool named[ESC_PEERS_MAX] = {false};

	for (size_t i = 0; i < b->count; i++) {
		const struct esc_peer *p =
			b->op[i].kind == OP_PEER ? esc_model_find(m, b->op[i].u.key) : NULL;

		if (p)
			named[p->id] = true;
	}
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		struct esc_peer *p = esc_model_peer_edit(m, id);

		if (p && named[id]) {
			esc_model_set_psk(m, id, none);
			set_keepalive(p, 0);
			esc_model_prefix_clear(m, id);
		} else if (p) {
			esc_model_peer_remove(m, id);
		}
	}
}

/* Finds or makes the peer that the following operations are for: *id, ESC_NO_PEER to skip them. */
static int select_peer(struct esc_model *m, const struct op *op, uint32_t *id,
		       struct esc_reason *why)
{
	const struct esc_peer *p = esc_model_find(m, op->u.key);

	*id = ESC_NO_PEER;
	if (m->has_key && !memcmp(op->u.key, m->public_key, ESC_KEY_LEN)) {
		say(why, "left out a peer that has this node's own public key");
		return 0;
	}
	if (op->value & ESC_BATCH_REMOVE) {
		if (p)
			esc_model_peer_remove(m, p->id);
		return 0;
	}
	if (p)
		*id = p->id;
	else if (!(op->value & ESC_BATCH_UPDATE_ONLY))
		return esc_model_peer_add(m, op->u.key, id);
	return 0;
}

static int apply_to_peer(struct esc_model *m, uint32_t id, const struct op *op)
{
	struct esc_peer *p = esc_model_peer_edit(m, id);

	if (!p)
		return 0; /* skipped: see select_peer() */
	switch (op->kind) {
	case OP_PSK:
		esc_model_set_psk(m, id, op->u.key);
		return 0;
	case OP_ENDPOINT:
		memcpy(p->endpoint, op->u.addr, sizeof(p->endpoint));
		p->endpoint_port = (uint16_t)op->value;
		p->touched |= ESC_PEER_ENDPOINT;
		return 0;
	case OP_KEEPALIVE:
		set_keepalive(p, (uint16_t)op->value);
		return 0;
	case OP_CLEAR_PREFIXES:
		esc_model_prefix_clear(m, id);
		return 0;
	case OP_PREFIX_ADD:
		return esc_model_prefix_add(m, id, &op->u.prefix);
	case OP_PREFIX_REMOVE:
		esc_model_prefix_remove(m, id, &op->u.prefix);
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_private_key(struct esc_model *m, const struct op *op, struct esc_reason *why)
{
	if (*m->keystore) {
		say(why, "the private key is in this node's key store: change it there with "
			 "'esclusa key rekey', then restart the node");
		return -EPERM;
	}
	esc_model_set_key(m, op->u.key);
	return 0;
}

static int apply(struct esc_model *m, const struct esc_batch *b, struct esc_reason *why)
{
	uint32_t id = ESC_NO_PEER;
	int err = b->error;

	for (size_t i = 0; i < b->count && !err; i++) {
		const struct op *op = &b->op[i];

		switch (op->kind) {
		case OP_PRIVATE_KEY:
			err = set_private_key(m, op, why);
			break;
		case OP_LISTEN_PORT:
			if (op->value != m->listen_port)
				m->touched |= ESC_DEVICE_PORT;
			m->listen_port = (uint16_t)op->value;
			break;
		case OP_REPLACE_PEERS:
			replace_peers(m, b);
			break;
		case OP_PEER:
			err = select_peer(m, op, &id, why);
			break;
		default:
			err = apply_to_peer(m, id, op);
			break;
		}
	}
	if (err == -ENOSPC)
		snprintf(why->text, sizeof(why->text),
			 "a node has room for %u peers and %u prefixes of AllowedIPs",
			 ESC_PEERS_MAX, ESC_PREFIXES_MAX);
	else if (err && err != -EPERM)
		say(why, err == -ENOMEM ? "out of memory" : "operations in the wrong order");
	return err;
}

int esc_model_stage(const struct esc_model *m, const struct esc_batch *b, struct esc_model **next,
		    struct esc_reason *why)
{
	struct esc_model *c = esc_model_clone(m);

	*next = NULL;
	why->text[0] = '\0';
	if (!c) {
		say(why, "out of memory");
		return -ENOMEM;
	}
	int err = apply(c, b, why);
	if (err)
		esc_model_free(c);
	else
		*next = c;
	return err;
}
