/* SPDX-License-Identifier: BSD-2-Clause */
/* The next-hop cache: when it asks, what it forgets, and that it does as a slow model does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "hop/hop.h"

#define T0 1000000000000ull

static void address(uint8_t dst[16], uint32_t n)
{
	memset(dst, 0, 16);
	memcpy(dst + 12, &n, sizeof(n));
}

static struct esc_msg_hop answer(uint32_t n, uint8_t state)
{
	struct esc_msg_hop m = {.state = state, .src = {1, 2, 3}};

	address(m.dst, n);
	memcpy(m.mac, "\2\0\0\0\0", 5);
	m.mac[5] = (uint8_t)n;
	return m;
}

static const struct esc_hop *get(struct esc_hops *h, uint32_t n, uint64_t now, bool *ask)
{
	uint8_t dst[16];

	address(dst, n);
	return esc_hop_get(h, dst, now, ask);
}

static void asks_once_then_again_after_a_while(void **state)
{
	struct esc_hops *h = esc_hops_new(4);
	bool ask = false;

	(void)state;
	assert_int_equal(get(h, 1, T0, &ask)->state, ESC_HOP_RESOLVING);
	assert_true(ask);
	get(h, 1, T0, &ask);
	assert_false(ask);
	get(h, 1, T0 + ESC_HOP_RETRY_NS - 1, &ask);
	assert_false(ask);
	get(h, 1, T0 + ESC_HOP_RETRY_NS, &ask);
	assert_true(ask);
	get(h, 1, T0 + ESC_HOP_RETRY_NS + 1, &ask);
	assert_false(ask);
	esc_hops_free(h);
}

static void an_answer_is_kept_and_refreshed_while_in_use(void **state)
{
	struct esc_hops *h = esc_hops_new(4);
	struct esc_msg_hop m = answer(1, ESC_HOP_OK);
	bool ask;

	(void)state;
	get(h, 1, T0, &ask);
	assert_true(esc_hop_update(h, &m));
	const struct esc_hop *hop = get(h, 1, T0 + ESC_HOP_RETRY_NS, &ask);
	assert_false(ask);
	assert_int_equal(hop->state, ESC_HOP_OK);
	assert_memory_equal(hop->mac, m.mac, 6);
	assert_memory_equal(hop->src, m.src, 16);
	get(h, 1, T0 + ESC_HOP_REFRESH_NS - 1, &ask);
	assert_false(ask);
	assert_int_equal(get(h, 1, T0 + ESC_HOP_REFRESH_NS, &ask)->state, ESC_HOP_OK);
	assert_true(ask);
	esc_hops_free(h);
}

static void unreachable_is_asked_again_soon(void **state)
{
	struct esc_hops *h = esc_hops_new(4);
	struct esc_msg_hop m = answer(1, ESC_HOP_UNREACHABLE);
	bool ask;

	(void)state;
	get(h, 1, T0, &ask);
	assert_true(esc_hop_update(h, &m));
	assert_int_equal(get(h, 1, T0 + 1, &ask)->state, ESC_HOP_UNREACHABLE);
	assert_false(ask);
	get(h, 1, T0 + ESC_HOP_RETRY_NS, &ask);
	assert_true(ask);
	esc_hops_free(h);
}

static void answers_nobody_asked_for_are_ignored(void **state)
{
	struct esc_hops *h = esc_hops_new(4);
	struct esc_msg_hop m = answer(1, ESC_HOP_OK);
	bool ask;

	(void)state;
	assert_false(esc_hop_update(h, &m));
	get(h, 1, T0, &ask);
	m.state = ESC_HOP_UNREACHABLE + 1;
	assert_false(esc_hop_update(h, &m));
	assert_int_equal(get(h, 1, T0, &ask)->state, ESC_HOP_RESOLVING);
	esc_hops_free(h);
}

static void the_least_recently_used_entry_goes_first(void **state)
{
	struct esc_hops *h = esc_hops_new(3);
	struct esc_msg_hop two = answer(2, ESC_HOP_OK), one = answer(1, ESC_HOP_OK);
	bool ask;

	(void)state;
	get(h, 1, T0, &ask);
	get(h, 2, T0, &ask);
	get(h, 3, T0, &ask);
	get(h, 1, T0, &ask); /* 2 is now the oldest */
	get(h, 4, T0, &ask);
	assert_true(ask);
	assert_false(esc_hop_update(h, &two));
	assert_true(esc_hop_update(h, &one));
	get(h, 2, T0, &ask);
	assert_true(ask); /* a new entry, as if never seen */
	esc_hops_free(h);
}

static void no_memory_no_cache(void **state)
{
	(void)state;
	assert_null(esc_hops_new(0));
	esc_hops_free(NULL);
}

/* --- a slow model: an array, most recently used first ------------------------------------- */

#define CAPACITY 17u

struct model {
	uint32_t n;
	struct {
		uint32_t dst;
		uint8_t state;
		uint64_t asked;
	} entry[CAPACITY];
};

static bool model_find(const struct model *m, uint32_t dst, uint32_t *i)
{
	for (*i = 0; *i < m->n; ++*i) {
		if (m->entry[*i].dst == dst)
			return true;
	}
	return false;
}

static uint8_t model_get(struct model *m, uint32_t dst, uint64_t now, bool *ask)
{
	uint32_t i;
	bool known = model_find(m, dst, &i);
	struct model old = *m;

	if (!known && m->n < CAPACITY)
		m->n++;
	if (!known)
		i = m->n - 1;
	memmove(&m->entry[1], &old.entry[0], i * sizeof(m->entry[0]));
	m->entry[0] = old.entry[i];
	if (!known) {
		m->entry[0].dst = dst;
		m->entry[0].state = ESC_HOP_RESOLVING;
		m->entry[0].asked = 0;
	}
	uint64_t again = m->entry[0].state == ESC_HOP_OK ? ESC_HOP_REFRESH_NS : ESC_HOP_RETRY_NS;
	*ask = !m->entry[0].asked || now - m->entry[0].asked >= again;
	if (*ask)
		m->entry[0].asked = now;
	return m->entry[0].state;
}

static void does_as_a_slow_model_does(void **state)
{
	struct esc_hops *h = esc_hops_new(CAPACITY);
	struct model m = {0};
	uint64_t now = T0;

	(void)state;
	srandom(1);
	for (uint32_t i = 0; i < 300000; i++) {
		uint32_t dst = (uint32_t)random() % 40, at;
		bool ask, model_ask;

		now += (uint64_t)random() % (ESC_HOP_RETRY_NS / 4);
		if (random() % 4) {
			uint8_t expected = model_get(&m, dst, now, &model_ask);
			const struct esc_hop *hop = get(h, dst, now, &ask);
			assert_int_equal(hop->state, expected);
			assert_int_equal(ask, model_ask);
			if (expected == ESC_HOP_OK)
				assert_int_equal(hop->mac[5], dst);
			continue;
		}
		struct esc_msg_hop msg = answer(dst, (uint8_t)(random() % 3));
		bool known = model_find(&m, dst, &at);
		assert_int_equal(esc_hop_update(h, &msg), known);
		if (known)
			m.entry[at].state = msg.state;
	}
	esc_hops_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_once_then_again_after_a_while),
		cmocka_unit_test(an_answer_is_kept_and_refreshed_while_in_use),
		cmocka_unit_test(unreachable_is_asked_again_soon),
		cmocka_unit_test(answers_nobody_asked_for_are_ignored),
		cmocka_unit_test(the_least_recently_used_entry_goes_first),
		cmocka_unit_test(no_memory_no_cache),
		cmocka_unit_test(does_as_a_slow_model_does),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
