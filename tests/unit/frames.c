/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame ledger: a frame is in one place, and leaves it only for who may take it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frames/frames.h"

#define TOTAL 64u
#define SIZE  2048u

static uint8_t memory[TOTAL * SIZE];

static void check_sums(const struct esc_frames *f)
{
	uint32_t count[ESC_PLACE_COUNT] = {0}, sum = 0;

	for (uint32_t i = 0; i < f->total; i++)
		count[f->place[i]]++;
	for (int p = 0; p < ESC_PLACE_COUNT; p++) {
		assert_int_equal(f->count[p], count[p]);
		sum += count[p];
	}
	assert_int_equal(sum, f->total);
	assert_int_equal(f->nfree, count[ESC_PLACE_free]);
}

static void impossible_sizes_are_refused(void **state)
{
	struct esc_frames f;

	(void)state;
	assert_int_equal(esc_frames_init(&f, memory, 0, SIZE), -EINVAL);
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, 1024), -EINVAL);
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, 3000), -EINVAL);
}

static void each_frame_is_given_out_once(void **state)
{
	struct esc_frames f;
	bool seen[TOTAL] = {false};
	uint32_t frame;

	(void)state;
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, SIZE), 0);
	for (uint32_t i = 0; i < TOTAL; i++) {
		assert_true(esc_frame_alloc(&f, ESC_PLACE_busy, &frame));
		assert_true(frame < TOTAL && !seen[frame]);
		seen[frame] = true;
		assert_int_equal(esc_frame_of(&f, esc_frame_addr(&f, frame)), frame);
	}
	assert_false(esc_frame_alloc(&f, ESC_PLACE_busy, &frame));
	check_sums(&f);
	for (uint32_t i = 0; i < TOTAL; i++)
		esc_frame_free(&f, i, ESC_PLACE_busy);
	check_sums(&f);
	assert_int_equal(f.nfree, TOTAL);
	esc_frames_fini(&f);
}

static void the_warmest_frame_is_used_first(void **state)
{
	struct esc_frames f;
	uint32_t first = TOTAL, again = 0;

	(void)state;
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, SIZE), 0);
	assert_true(esc_frame_alloc(&f, ESC_PLACE_busy, &first));
	esc_frame_free(&f, first, ESC_PLACE_busy);
	assert_true(esc_frame_alloc(&f, ESC_PLACE_busy, &again));
	assert_int_equal(first, again);
	esc_frames_fini(&f);
}

static void ranges_end_with_their_frame(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		bool valid;
	} rows[] = {
		{0, 0, true},
		{0, SIZE, true},
		{0, SIZE + 1, false},
		{1, SIZE - 1, true},
		{1, SIZE, false},
		{SIZE - 1, 1, true},
		{SIZE - 1, 2, false},
		{SIZE - 1, UINT32_MAX, false},
		{(uint64_t)TOTAL * SIZE - 1, 1, true},
		{(uint64_t)TOTAL * SIZE, 0, false},
		{UINT32_MAX, 1, false},
		{1ull << 32, 1, false},
		{UINT64_MAX, 1, false},
		{(1ull << 32) * SIZE, 1, false}, /* frame number 0 after truncation to 32 bits */
	};
	struct esc_frames f;

	(void)state;
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, SIZE), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(esc_frames_valid(&f, rows[i].addr, rows[i].len), rows[i].valid);
	esc_frames_fini(&f);
}

static void a_claim_needs_the_right_place_and_address(void **state)
{
	struct esc_frames f;
	uint32_t frame = 0;

	(void)state;
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, SIZE), 0);
	assert_true(esc_frame_alloc(&f, ESC_PLACE_peer_full, &frame));
	uint64_t addr = esc_frame_addr(&f, frame), other = addr ? 0 : SIZE;
	assert_false(esc_frame_claim(&f, addr, 1, ESC_PLACE_peer_empty, ESC_PLACE_busy));
	assert_false(esc_frame_claim(&f, other, 1, ESC_PLACE_peer_full, ESC_PLACE_busy));
	assert_false(esc_frame_claim(&f, addr, SIZE + 1, ESC_PLACE_peer_full, ESC_PLACE_busy));
	assert_false(esc_frame_claim(&f, TOTAL * SIZE, 1, ESC_PLACE_peer_full, ESC_PLACE_busy));
	check_sums(&f);
	assert_true(esc_frame_claim(&f, addr + 100, 1, ESC_PLACE_peer_full, ESC_PLACE_busy));
	assert_false(esc_frame_claim(&f, addr, 1, ESC_PLACE_peer_full, ESC_PLACE_busy)); /* twice */
	check_sums(&f);
	esc_frames_fini(&f);
}

/* Claims from anywhere, at random, against an own note of where each frame is. */
static void random_moves_lose_nothing(void **state)
{
	struct esc_frames f;
	uint8_t where[TOTAL] = {ESC_PLACE_free};
	struct esc_ledger ledger = {0};

	(void)state;
	srandom(5);
	assert_int_equal(esc_frames_init(&f, memory, TOTAL, SIZE), 0);
	for (uint32_t i = 0; i < 200000; i++) {
		enum esc_place from = (enum esc_place)(1 + random() % (ESC_PLACE_COUNT - 1));
		enum esc_place to = (enum esc_place)(1 + random() % (ESC_PLACE_COUNT - 1));
		uint64_t addr = (uint64_t)random() % (2 * TOTAL * SIZE);
		uint32_t frame = (uint32_t)(addr / SIZE), given;

		if (random() % 4 == 0) {
			if (esc_frame_alloc(&f, to, &given)) {
				assert_int_equal(where[given], ESC_PLACE_free);
				where[given] = (uint8_t)to;
			}
			continue;
		}
		bool may = frame < TOTAL && where[frame] == from;
		assert_int_equal(esc_frame_claim(&f, addr, 0, from, to), may);
		if (!may)
			continue;
		where[frame] = (uint8_t)to;
		if (random() % 2) {
			esc_frame_free(&f, frame, to);
			where[frame] = ESC_PLACE_free;
		}
	}
	check_sums(&f);
	assert_memory_equal(where, f.place, TOTAL);
	esc_frames_publish(&f, &ledger);
	uint64_t sum = 0;
	for (int p = 0; p < ESC_PLACE_COUNT; p++)
		sum += esc_cell_get(&ledger.place[p]);
	assert_int_equal(sum, TOTAL);
	assert_int_equal(esc_cell_get(&ledger.total), TOTAL);
	esc_frames_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(each_frame_is_given_out_once),
		cmocka_unit_test(the_warmest_frame_is_used_first),
		cmocka_unit_test(ranges_end_with_their_frame),
		cmocka_unit_test(a_claim_needs_the_right_place_and_address),
		cmocka_unit_test(random_moves_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
