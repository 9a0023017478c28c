/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random batches against a slow model that does the obvious, and the walk of differences against
 * a receiver that does what crypto does.
 */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/model.h"

#define KEYS	 12 /* different peers that random batches speak of */
#define PREFIXES 24 /* different prefixes */

/* --- deterministic randomness --------------------------------------------------------------------
 */

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static const uint8_t *test_key(uint32_t k)
{
	static uint8_t key[32];

	memset(key, 0, sizeof(key));
	key[0] = 2;
	key[31] = (uint8_t)(k + 1);
	return key;
}

static struct esc_prefix test_prefix(uint32_t i)
{
	struct esc_prefix p = {.len = (uint8_t)(96 + 8 + i % 25)};

	p.addr[10] = p.addr[11] = 0xff;
	p.addr[12] = (uint8_t)(10 + i);
	return p;
}

/* --- the slow model: arrays and loops, nothing shared with the real one
 * ---------------------------- */

struct slow_peer {
	bool used;
	uint8_t psk, keepalive;
	uint16_t port;
};

struct slow {
	struct slow_peer peer[KEYS];
	int owner[PREFIXES]; /* -1: nobody */
};

static void slow_clear(struct slow *s, int k)
{
	for (int i = 0; i < PREFIXES; i++)
		if (s->owner[i] == k)
			s->owner[i] = -1;
}

static void slow_remove(struct slow *s, int k)
{
	slow_clear(s, k);
	memset(&s->peer[k], 0, sizeof(s->peer[k]));
}

/* --- a receiver of messages, as crypto is
 * ------------------------------------------------------------ */

struct receiver {
	bool used[ESC_PEERS_MAX];
	struct esc_msg_peer_set peer[ESC_PEERS_MAX];
	int64_t owner[PREFIXES]; /* id, or -1 */
	uint16_t port;
	uint8_t key[32];
	unsigned int messages;
};

static int prefix_index(const struct esc_prefix *p)
{
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct esc_prefix t = test_prefix(i);

		if (p->len == t.len && p->addr[12] == t.addr[12])
			return (int)i;
	}
	fail_msg("a prefix that nobody asked for");
	return -1;
}

static void receive_peer_set(struct receiver *r, const struct esc_msg_peer_set *s, bool is_new)
{
	struct esc_msg_peer_set *mine;

	assert_true(s->id < ESC_PEERS_MAX);
	mine = &r->peer[s->id];
	assert_true(is_new == !r->used[s->id]);
	assert_int_equal(s->fields & ESC_PEER_STAMP, 0);
	if (is_new)
		memset(mine, 0, sizeof(*mine));
	else
		assert_memory_equal(mine->public_key, s->public_key, 32);
	r->used[s->id] = true;
	memcpy(mine->public_key, s->public_key, 32);
	if (s->fields & ESC_PEER_PSK)
		memcpy(mine->preshared_key, s->preshared_key, 32);
	if (s->fields & ESC_PEER_ENDPOINT)
		mine->endpoint_port = s->endpoint_port;
	if (s->fields & ESC_PEER_KEEPALIVE)
		mine->keepalive = s->keepalive;
}

static int receive(void *arg, struct esc_msg *m, bool is_new)
{
	struct receiver *r = arg;

	r->messages++;
	switch (m->type) {
	case ESC_MSG_DEVICE:
		if (m->u.device.fields & ESC_DEVICE_KEY)
			memcpy(r->key, m->u.device.private_key, 32);
		if (m->u.device.fields & ESC_DEVICE_PORT)
			r->port = m->u.device.listen_port;
		break;
	case ESC_MSG_PEER_REMOVE:
		assert_true(r->used[m->u.peer_remove.id]);
		r->used[m->u.peer_remove.id] = false;
		for (int i = 0; i < PREFIXES; i++)
			if (r->owner[i] == m->u.peer_remove.id)
				r->owner[i] = -1;
		break;
	case ESC_MSG_PEER_SET:
		receive_peer_set(r, &m->u.peer_set, is_new);
		break;
	case ESC_MSG_PEER_PREFIX: {
		int i = prefix_index(&m->u.peer_prefix.prefix);

		assert_true(r->used[m->u.peer_prefix.id]);
		if (m->u.peer_prefix.op == ESC_PREFIX_ADD)
			r->owner[i] = m->u.peer_prefix.id;
		else if (r->owner[i] == m->u.peer_prefix.id)
			r->owner[i] = -1;
		break;
	}
	default:
		fail_msg("message type %u in a batch", m->type);
	}
	return 0;
}

/* --- comparisons
 * ---------------------------------------------------------------------------------------- */

static void same_as_slow(const struct esc_model *m, const struct slow *s)
{
	uint32_t peers = 0, prefixes = 0;

	for (int k = 0; k < KEYS; k++) {
		const struct esc_peer *p = esc_model_find(m, test_key((uint32_t)k));

		assert_true(!!p == s->peer[k].used);
		if (!p)
			continue;
		peers++;
		assert_ptr_equal(esc_model_peer(m, p->id), p);
		assert_int_equal(p->keepalive, s->peer[k].keepalive);
		assert_int_equal(p->endpoint_port, s->peer[k].port);
		assert_int_equal(esc_model_psk(m, p->id)[0], s->peer[k].psk);
		assert_true(p->has_psk == !!s->peer[k].psk);
		uint32_t cursor = 0, walked = 0;
		while (esc_model_prefix_next(m, p->id, &cursor))
			walked++;
		assert_int_equal(walked, p->prefixes);
	}
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct esc_prefix p = test_prefix(i);
		uint32_t owner = esc_model_prefix_owner(m, &p);

		prefixes += s->owner[i] >= 0;
		if (s->owner[i] < 0)
			assert_int_equal(owner, ESC_NO_PEER);
		else
			assert_int_equal(owner,
					 esc_model_find(m, test_key((uint32_t)s->owner[i]))->id);
	}
	assert_int_equal(m->peers, peers);
	assert_int_equal(m->prefixes, prefixes);
}

static void same_as_receiver(const struct esc_model *m, const struct receiver *r)
{
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(m, id);

		assert_true(!!p == r->used[id]);
		if (!p)
			continue;
		assert_memory_equal(p->public_key, r->peer[id].public_key, 32);
		assert_memory_equal(esc_model_psk(m, id), r->peer[id].preshared_key, 32);
		assert_int_equal(p->keepalive, r->peer[id].keepalive);
		assert_int_equal(p->endpoint_port, r->peer[id].endpoint_port);
	}
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct esc_prefix p = test_prefix(i);
		uint32_t owner = esc_model_prefix_owner(m, &p);

		assert_true(owner == ESC_NO_PEER ? r->owner[i] == -1 : r->owner[i] == owner);
	}
}

/* --- random batches
 * -------------------------------------------------------------------------------------- */

static void random_peer_operation(struct esc_batch *b, struct slow *s, int k, bool skip)
{
	static const uint8_t addr[16] = {[10] = 0xff, [11] = 0xff, [12] = 192};
	uint8_t psk[32] = {(uint8_t)rnd(3)};
	uint32_t i = rnd(PREFIXES), value = rnd(100);
	struct esc_prefix p = test_prefix(i);
	struct slow_peer *peer = &s->peer[k];

	switch (rnd(8)) {
	case 0:
		esc_batch_psk(b, psk);
		if (!skip)
			peer->psk = psk[0];
		break;
	case 1:
		esc_batch_endpoint(b, addr, (uint16_t)(value + 1));
		if (!skip)
			peer->port = (uint16_t)(value + 1);
		break;
	case 2:
		esc_batch_keepalive(b, (uint16_t)value);
		if (!skip)
			peer->keepalive = (uint8_t)value;
		break;
	case 3:
		esc_batch_clear_prefixes(b);
		if (!skip)
			slow_clear(s, k);
		break;
	case 4:
		p.addr[15] = 1; /* a host bit, which nobody may see */
		esc_batch_prefix(b, &p, false);
		if (!skip && s->owner[i] == k)
			s->owner[i] = -1;
		break;
	default:
		p.addr[15] = 1;
		esc_batch_prefix(b, &p, true);
		if (!skip)
			s->owner[i] = k;
		break;
	}
}

static void random_peer(struct esc_batch *b, struct slow *s, int k)
{
	uint32_t flag = rnd(6);
	bool skip = false;

	esc_batch_peer(b, test_key((uint32_t)k));
	if (flag == ESC_BATCH_REMOVE) {
		slow_remove(s, k);
		skip = true;
	} else if (flag == ESC_BATCH_UPDATE_ONLY && !s->peer[k].used) {
		skip = true;
	} else if (!s->peer[k].used) {
		s->peer[k].used = true;
	}
	for (uint32_t n = rnd(5); n; n--)
		random_peer_operation(b, s, k, skip);
	/* The flag may come after what it rules over. */
	if (flag == ESC_BATCH_REMOVE || flag == ESC_BATCH_UPDATE_ONLY)
		esc_batch_peer_flag(b, flag);
}

static struct esc_batch *random_batch(struct slow *s)
{
	struct esc_batch *b = esc_batch_new();
	int named[4];
	uint32_t n = rnd(5);

	assert_non_null(b);
	for (uint32_t i = 0; i < n && i < 4; i++)
		named[i] = (int)rnd(KEYS);
	if (!rnd(8)) {
		esc_batch_replace_peers(b);
		for (int k = 0; k < KEYS; k++) {
			bool keep = false;

			for (uint32_t i = 0; i < n && i < 4; i++)
				keep = keep || named[i] == k;
			if (!keep) {
				slow_remove(s, k);
			} else {
				slow_clear(s, k);
				s->peer[k].psk = s->peer[k].keepalive = 0;
			}
		}
	}
	for (uint32_t i = 0; i < n && i < 4; i++)
		random_peer(b, s, named[i]);
	return b;
}

struct prefix_set {
	bool in[PREFIXES];
};

static int enter(void *arg, const struct esc_prefix *p)
{
	bool *in = &((struct prefix_set *)arg)->in[prefix_index(p)];

	assert_false(*in); /* said once, and only what is new */
	*in = true;
	return 0;
}

static int leave(void *arg, const struct esc_prefix *p)
{
	bool *in = &((struct prefix_set *)arg)->in[prefix_index(p)];

	assert_true(*in);
	*in = false;
	return 0;
}

static void random_batches_match_the_slow_model_and_the_receiver(void **state)
{
	struct esc_model *now = esc_model_new(), *next;
	struct receiver *r = calloc(1, sizeof(*r));
	struct prefix_set secure = {0};
	struct slow s = {0};

	(void)state;
	seed = 42;
	memset(s.owner, -1, sizeof(s.owner));
	memset(r->owner, -1, sizeof(r->owner));
	for (int round = 0; round < 3000; round++) {
		struct esc_reason why;
		struct esc_batch *b = random_batch(&s);

		assert_int_equal(esc_model_stage(now, b, &next, &why), 0);
		esc_batch_free(b);
		assert_int_equal(esc_model_diff_prefixes(now, next, true, enter, &secure), 0);
		assert_int_equal(esc_model_diff_messages(now, next, receive, r), 0);
		assert_int_equal(esc_model_diff_prefixes(now, next, false, leave, &secure), 0);
		esc_model_free(now);
		now = next;
		same_as_slow(now, &s);
		same_as_receiver(now, r);
		for (int i = 0; i < PREFIXES; i++)
			assert_true(secure.in[i] == (s.owner[i] >= 0));
	}
	/* A receiver that starts anew is told everything. */
	memset(r, 0, sizeof(*r));
	memset(r->owner, -1, sizeof(r->owner));
	assert_int_equal(esc_model_diff_messages(NULL, now, receive, r), 0);
	same_as_receiver(now, r);
	esc_model_free(now);
	free(r);
}

/* --- single rules
 * ------------------------------------------------------------------------------------------ */

static struct esc_model *stage_ok(struct esc_model *now, struct esc_batch *b,
				  struct esc_reason *why)
{
	struct esc_model *next;

	assert_int_equal(esc_model_stage(now, b, &next, why), 0);
	esc_batch_free(b);
	return next;
}

static void refused_batch_changes_nothing(void **state)
{
	struct esc_model *m = esc_model_new(), *next;
	struct esc_batch *b = esc_batch_new();
	struct esc_reason why;

	(void)state;
	for (uint32_t i = 0; i <= ESC_PEERS_MAX; i++) {
		uint8_t key[32] = {1};

		memcpy(key + 8, &i, sizeof(i));
		esc_batch_peer(b, key);
	}
	assert_int_equal(esc_model_stage(m, b, &next, &why), -ENOSPC);
	assert_null(next);
	assert_non_null(strstr(why.text, "1024 peers"));
	assert_int_equal(m->peers, 0);
	esc_batch_free(b);
	b = esc_batch_new();
	assert_int_equal(esc_batch_psk(b, test_key(0)), -EINVAL); /* no peer was named */
	assert_int_equal(esc_batch_peer(b, test_key(0)), -EINVAL);
	assert_int_equal(esc_model_stage(m, b, &next, &why), -EINVAL);
	assert_null(next);
	esc_batch_free(b);
	esc_model_free(m);
}

static void device_operations_after_a_peer_are_refused(void **state)
{
	struct esc_batch *b = esc_batch_new();

	(void)state;
	assert_int_equal(esc_batch_listen_port(b, 0), -EINVAL);
	esc_batch_free(b);
	b = esc_batch_new();
	assert_int_equal(esc_batch_peer(b, test_key(0)), 0);
	assert_int_equal(esc_batch_listen_port(b, 5), -EINVAL);
	esc_batch_free(b);
	b = esc_batch_new();
	assert_true(esc_batch_empty(b));
	assert_int_equal(esc_batch_peer_flag(b, ESC_BATCH_REMOVE), -EINVAL);
	esc_batch_free(b);
}

static int count_message(void *arg, struct esc_msg *m, bool is_new)
{
	unsigned int *counts = arg;

	(void)is_new;
	counts[m->type]++;
	return 0;
}

static void same_key_and_port_again_tell_crypto_nothing(void **state)
{
	unsigned int counts[ESC_MSG_TYPE_END] = {0};
	struct esc_model *m = esc_model_new(), *a, *b;
	struct esc_batch *batch = esc_batch_new();
	struct esc_reason why;
	uint8_t key[32] = {8}, expected[32];

	(void)state;
	esc_batch_private_key(batch, key);
	esc_batch_listen_port(batch, 5);
	a = stage_ok(m, batch, &why);
	esc_model_diff_messages(m, a, count_message, counts);
	assert_int_equal(counts[ESC_MSG_DEVICE], 1);
	assert_int_equal(a->touched, ESC_DEVICE_KEY | ESC_DEVICE_PORT);
	esc_key_public(expected, key);
	assert_memory_equal(a->public_key, expected, 32);
	assert_memory_equal(esc_model_private_key(a), key, 32);
	batch = esc_batch_new();
	esc_batch_private_key(batch, key);
	esc_batch_listen_port(batch, 5);
	b = stage_ok(a, batch, &why);
	esc_model_diff_messages(a, b, count_message, counts);
	assert_int_equal(counts[ESC_MSG_DEVICE], 1);
	esc_model_free(m);
	esc_model_free(a);
	esc_model_free(b);
}

static void own_key_as_a_peer_is_left_out(void **state)
{
	struct esc_model *m = esc_model_new(), *next;
	struct esc_batch *b = esc_batch_new();
	struct esc_prefix p = test_prefix(0);
	uint8_t key[32] = {8}, other[32] = {16}, pub[32];
	struct esc_reason why;

	(void)state;
	esc_model_set_key(m, key);
	esc_batch_peer(b, test_key(1));
	esc_batch_prefix(b, &p, true);
	esc_batch_peer(b, m->public_key);
	esc_batch_prefix(b, &p, true); /* must not take it from the other peer */
	next = stage_ok(m, b, &why);
	assert_non_null(strstr(why.text, "own public key"));
	assert_int_equal(next->peers, 1);
	assert_int_equal(esc_model_prefix_owner(next, &p), esc_model_find(next, test_key(1))->id);
	esc_model_free(m);
	/* A new private key whose public key is a peer's takes the peer away. */
	m = next;
	esc_key_public(pub, other);
	b = esc_batch_new();
	esc_batch_peer(b, pub);
	next = stage_ok(m, b, &why);
	esc_model_free(m);
	m = next;
	assert_int_equal(m->peers, 2);
	b = esc_batch_new();
	esc_batch_private_key(b, other);
	next = stage_ok(m, b, &why);
	assert_int_equal(next->peers, 1);
	esc_model_free(m);
	esc_model_free(next);
}

static void key_of_a_key_store_is_public_only(void **state)
{
	struct esc_batch *batch = esc_batch_new();
	struct esc_model *m = esc_model_new(), *next;
	struct receiver r = {.port = 0};
	struct esc_reason why;
	uint8_t key[32];
	uint32_t id;

	(void)state;
	randombytes_buf(key, sizeof(key));
	memcpy(r.key, key, sizeof(key));
	memcpy(m->keystore, "/store", sizeof("/store"));
	assert_int_equal(esc_model_peer_add(m, test_key(1), &id), 0);
	assert_int_equal(esc_model_peer_add(m, test_key(2), &id), 0);
	esc_model_set_public_key(m, test_key(1));
	assert_true(m->has_key);
	assert_null(esc_model_private_key(m));
	assert_null(esc_model_find(m, test_key(1))); /* itself */
	assert_non_null(esc_model_find(m, test_key(2)));
	assert_int_equal(esc_model_diff_messages(NULL, m, receive, &r), 0);
	assert_int_equal(r.port, ESC_DEFAULT_PORT);
	assert_memory_equal(r.key, key, sizeof(key)); /* no message brought another */

	assert_int_equal(esc_batch_listen_port(batch, 7), 0);
	assert_int_equal(esc_batch_private_key(batch, key), 0);
	assert_int_equal(esc_model_stage(m, batch, &next, &why), -EPERM);
	assert_null(next);
	assert_non_null(strstr(why.text, "esclusa key rekey"));
	assert_memory_equal(m->public_key, test_key(1), 32);
	esc_batch_free(batch);
	esc_model_free(m);
}

static void peer_removed_and_added_again_is_a_new_one(void **state)
{
	unsigned int counts[ESC_MSG_TYPE_END] = {0};
	struct esc_model *m = esc_model_new(), *a, *b;
	struct esc_batch *batch = esc_batch_new();
	struct esc_prefix p = test_prefix(0);
	struct esc_reason why;

	(void)state;
	esc_batch_peer(batch, test_key(0));
	esc_batch_prefix(batch, &p, true);
	a = stage_ok(m, batch, &why);
	batch = esc_batch_new();
	esc_batch_peer(batch, test_key(0));
	esc_batch_peer_flag(batch, ESC_BATCH_REMOVE);
	esc_batch_peer(batch, test_key(0));
	esc_batch_prefix(batch, &p, true);
	b = stage_ok(a, batch, &why);
	esc_model_diff_messages(a, b, count_message, counts);
	assert_int_equal(counts[ESC_MSG_PEER_REMOVE], 1);
	assert_int_equal(counts[ESC_MSG_PEER_SET], 1);
	assert_int_equal(counts[ESC_MSG_PEER_PREFIX], 1);
	assert_int_not_equal(esc_model_find(a, test_key(0))->id,
			     esc_model_find(b, test_key(0))->id);
	esc_model_free(m);
	esc_model_free(a);
	esc_model_free(b);
}

static void full_node_replaces_all_its_peers_in_one_batch(void **state)
{
	unsigned int counts[ESC_MSG_TYPE_END] = {0};
	struct esc_model *m = esc_model_new(), *next;
	struct esc_reason why;
	uint64_t start = esc_now();

	(void)state;
	for (uint8_t round = 1; round <= 2; round++) {
		struct esc_batch *b = esc_batch_new();

		esc_batch_replace_peers(b);
		for (uint32_t i = 0; i < ESC_PEERS_MAX; i++) {
			uint8_t key[32] = {round};
			struct esc_prefix p = {.len = 128, .addr = {0xfd, round}};

			memcpy(key + 8, &i, sizeof(i));
			memcpy(p.addr + 4, &i, sizeof(i));
			esc_batch_peer(b, key);
			for (uint8_t k = 0; k < ESC_PREFIXES_MAX / ESC_PEERS_MAX; k++) {
				p.addr[15] = k;
				esc_batch_prefix(b, &p, true);
			}
		}
		next = stage_ok(m, b, &why);
		memset(counts, 0, sizeof(counts));
		esc_model_diff_messages(m, next, count_message, counts);
		esc_model_free(m);
		m = next;
	}
	assert_int_equal(m->peers, ESC_PEERS_MAX);
	assert_int_equal(m->prefixes, ESC_PREFIXES_MAX);
	assert_int_equal(counts[ESC_MSG_PEER_REMOVE], ESC_PEERS_MAX);
	assert_int_equal(counts[ESC_MSG_PEER_SET], ESC_PEERS_MAX);
	assert_int_equal(counts[ESC_MSG_PEER_PREFIX], ESC_PREFIXES_MAX);
	/* Milliseconds; a walk that is quadratic would need minutes. */
	assert_true(esc_now() - start < 5 * ESC_S);
	esc_model_free(m);
}

static int stop_at_second(void *arg, struct esc_msg *m, bool is_new)
{
	(void)m;
	(void)is_new;
	return ++*(int *)arg == 2 ? -EPIPE : 0;
}

static void callback_can_stop_the_walk(void **state)
{
	struct esc_model *m = esc_model_new(), *next;
	struct esc_batch *b = esc_batch_new();
	struct esc_reason why;
	int calls = 0;

	(void)state;
	for (uint32_t k = 0; k < 5; k++)
		esc_batch_peer(b, test_key(k));
	next = stage_ok(m, b, &why);
	assert_int_equal(esc_model_diff_messages(m, next, stop_at_second, &calls), -EPIPE);
	assert_int_equal(calls, 2);
	esc_model_free(m);
	esc_model_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_batches_match_the_slow_model_and_the_receiver),
		cmocka_unit_test(refused_batch_changes_nothing),
		cmocka_unit_test(device_operations_after_a_peer_are_refused),
		cmocka_unit_test(same_key_and_port_again_tell_crypto_nothing),
		cmocka_unit_test(own_key_as_a_peer_is_left_out),
		cmocka_unit_test(key_of_a_key_store_is_public_only),
		cmocka_unit_test(peer_removed_and_added_again_is_a_new_one),
		cmocka_unit_test(full_node_replaces_all_its_peers_in_one_batch),
		cmocka_unit_test(callback_can_stop_the_walk),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
