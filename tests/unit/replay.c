/* SPDX-License-Identifier: BSD-2-Clause */
/* The replay window of RFC 6479: edges, words, jumps (R2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "noise/replay.h"

#define W    WG_WINDOW_SIZE
#define LAST (WG_REJECT_AFTER_MESSAGES - 1)

/* Counters in the order of arrival, and whether each is accepted. */
struct arrival {
	uint64_t counter;
	bool accepted;
};

static void check(const struct arrival *a, size_t n)
{
	struct wg_replay r = {0};

	for (size_t i = 0; i < n; i++) {
		struct wg_replay before = r;

		if (wg_replay_fresh(&r, a[i].counter) != a[i].accepted)
			fail_msg("look %zu: counter %llu", i, (unsigned long long)a[i].counter);
		assert_memory_equal(&r, &before, sizeof(r)); /* looking changes nothing */
		if (wg_replay_mark(&r, a[i].counter) != a[i].accepted)
			fail_msg("mark %zu: counter %llu", i, (unsigned long long)a[i].counter);
		if (!a[i].accepted)
			assert_memory_equal(&r, &before, sizeof(r));
	}
}

#define CHECK(...)                                                                                 \
	check((const struct arrival[]){__VA_ARGS__},                                               \
	      sizeof((const struct arrival[]){__VA_ARGS__}) / sizeof(struct arrival))

static void first_counters(void **state)
{
	(void)state;
	CHECK({0, true}, {0, false}, {1, true}, {1, false}, {0, false});
	CHECK({1, true}, {0, true}, {0, false}, {1, false});
	CHECK({9, true}, {8, true}, {7, true}, {7, false}, {6, true}, {5, true}, {8, false},
	      {4, true}, {9, false}, {0, true});
}

static void edges_of_the_window(void **state)
{
	(void)state;
	CHECK({W, true}, {0, true}, {0, false});
	CHECK({W + 1, true}, {0, false}, {1, true}, {1, false});
	CHECK({W + 2, true}, {1, false}, {2, true});
	CHECK({0, true}, {W, true}, {0, false}, {1, true}, {W - 1, true}, {W, false}, {W + 1, true},
	      {W + 1, false}, {0, false}, {1, false}, {2, true});
	CHECK({3 * W, true}, {2 * W, true}, {2 * W - 1, false}, {2 * W, false});
}

static void edges_of_words(void **state)
{
	(void)state;
	CHECK({63, true}, {64, true}, {63, false}, {64, false}, {62, true});
	CHECK({64, true}, {63, true}, {127, true}, {128, true}, {64, false}, {63, false});
	CHECK({W + 63, true}, {63, true}, {62, false}, {W + 64, true}, {64, true}, {63, false});
	/* a word that is used again must be empty: same place in the bitmap, 8192 apart */
	CHECK({5, true}, {5 + WG_WINDOW_BITS, true}, {5, false}, {6, false},
	      {6 + WG_WINDOW_BITS, true}, {4 + WG_WINDOW_BITS, true});
	CHECK({70, true}, {71, true}, {64 + WG_WINDOW_BITS, true}, {70 + WG_WINDOW_BITS, true},
	      {71 + WG_WINDOW_BITS, true}, {71, false});
}

static void far_jumps(void **state)
{
	(void)state;
	CHECK({0, true}, {1ull << 40, true}, {0, false}, {(1ull << 40) - W, true},
	      {(1ull << 40) - W - 1, false}, {(1ull << 40) - 1, true});
	CHECK({7, true}, {8 * WG_WINDOW_BITS + 7, true}, {8 * WG_WINDOW_BITS + 6, true},
	      {7 * WG_WINDOW_BITS + 7, false});
	CHECK({6, true}, {7, true}, {8 * WG_WINDOW_BITS + 7, true}, {8 * WG_WINDOW_BITS + 6, true});
	CHECK({0, true}, {WG_WINDOW_BITS, true}, {2 * WG_WINDOW_BITS, true},
	      {2 * WG_WINDOW_BITS, false}, {WG_WINDOW_BITS, false});
}

static void largest_counters(void **state)
{
	(void)state;
	CHECK({LAST + 1, false}, {UINT64_MAX, false}, {LAST, true}, {LAST, false}, {LAST - W, true},
	      {LAST - W - 1, false}, {LAST + 1, false}, {UINT64_MAX - 1, false}, {0, false});
	CHECK({LAST - 1, true}, {LAST, true}, {LAST - 1, false}, {LAST, false});
}

static void every_counter_in_order_once(void **state)
{
	struct wg_replay r = {0};

	(void)state;
	for (uint64_t c = 0; c < 4 * WG_WINDOW_BITS; c++) {
		assert_true(wg_replay_mark(&r, c));
		assert_false(wg_replay_mark(&r, c));
	}
}

static void every_counter_backwards_once(void **state)
{
	struct wg_replay r = {0};

	(void)state;
	assert_true(wg_replay_mark(&r, 5 * W));
	for (uint64_t c = 5 * W - 1; c >= 4 * W; c--)
		assert_true(wg_replay_mark(&r, c));
	for (uint64_t c = 0; c <= 5 * W; c++)
		assert_false(wg_replay_mark(&r, c));
}

/* A slow model remembers all that it saw. */
static void random_arrivals_agree_with_a_model(void **state)
{
	enum { SPAN = 200000, ARRIVALS = 400000 };
	static uint8_t seen[SPAN];
	struct wg_replay r = {0};
	uint64_t x = 88172645463325252ull, newest = 0, base = 0;

	(void)state;
	for (int i = 0; i < ARRIVALS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		base += x >> 60 == 0 ? 50 : 0;
		uint64_t back = (x >> 8) % (x & 1 ? 100 : 9000);
		uint64_t c = base + 20 > back ? base + 20 - back : 0;
		if (c >= SPAN)
			break;
		bool fresh = c > newest || (newest - c <= W && !seen[c]);
		assert_int_equal(wg_replay_mark(&r, c), fresh);
		if (fresh)
			seen[c] = 1;
		if (c > newest)
			newest = c;
	}
	assert_true(newest > 10 * WG_WINDOW_BITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_counters),
		cmocka_unit_test(edges_of_the_window),
		cmocka_unit_test(edges_of_words),
		cmocka_unit_test(far_jumps),
		cmocka_unit_test(largest_counters),
		cmocka_unit_test(every_counter_in_order_once),
		cmocka_unit_test(every_counter_backwards_once),
		cmocka_unit_test(random_arrivals_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
