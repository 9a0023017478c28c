/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sends most, out of readings of a table that forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/talkers.h"

#define MAX 4096u

static struct esc_talker_reading reading[MAX];

static struct esc_talker_reading entry(uint32_t source, uint64_t packets, uint64_t first)
{
	struct esc_talker_reading r = {.talker = {.first = first}};

	r.key.addr[10] = r.key.addr[11] = 0xff;
	memcpy(r.key.addr + 12, &source, sizeof(source));
	r.talker.packets[ESC_ATTACK_mac1] = packets;
	return r;
}

static void assert_source(const struct esc_talker_share *share, uint32_t source)
{
	struct esc_talker_reading r = entry(source, 0, 0);

	assert_memory_equal(&share->key, &r.key, sizeof(r.key));
}

static void open_talkers(struct esc_talkers *t)
{
	assert_int_equal(esc_talkers_open(t, MAX), 0);
	esc_talkers_reset(t);
}

static void only_what_came_during_the_attack_counts(void **state)
{
	struct esc_talker_share top[ESC_TALKERS_SHOWN];
	struct esc_talkers t;

	(void)state;
	open_talkers(&t);
	reading[0] = entry(9, 1000000, 5); /* sent much, long ago */
	reading[1] = entry(3, 160, 100);   /* came with the attack */
	esc_talkers_feed(&t, reading, 2, 100);
	assert_int_equal(esc_talkers_top(&t, top), 1);
	assert_int_equal(top[0].packets, 160);
	reading[0] = entry(3, 1600, 100);
	reading[1] = entry(9, 1000160, 5);
	reading[1].talker.packets[ESC_ATTACK_rate] = 160;
	reading[2] = entry(4, 800, 150); /* new, but out of order in the table */
	esc_talkers_feed(&t, reading, 3, 100);
	assert_int_equal(esc_talkers_top(&t, top), 3);
	assert_source(&top[0], 3);
	assert_int_equal(top[0].packets, 1600);
	assert_int_equal(top[0].kinds, 1u << ESC_ATTACK_mac1);
	assert_int_equal(top[1].packets, 800);
	assert_int_equal(top[2].packets, 320);
	assert_int_equal(top[2].kinds, 1u << ESC_ATTACK_mac1 | 1u << ESC_ATTACK_rate);
	esc_talkers_reset(&t);
	assert_int_equal(esc_talkers_top(&t, top), 0);
	esc_talkers_close(&t);
}

static void entry_that_was_thrown_out_counts_again_from_its_return(void **state)
{
	struct esc_talker_share top[ESC_TALKERS_SHOWN];
	struct esc_talkers t;

	(void)state;
	open_talkers(&t);
	reading[0] = entry(1, 5000, 200);
	esc_talkers_feed(&t, reading, 1, 100);
	reading[0] = entry(1, 6000, 300);
	esc_talkers_feed(&t, reading, 1, 250);
	assert_int_equal(esc_talkers_top(&t, top), 1);
	assert_int_equal(top[0].packets, 11000);
	esc_talkers_close(&t);
}

static void heavy_sources_stand_out_of_a_million_invented_ones(void **state)
{
	struct esc_talker_share top[ESC_TALKERS_SHOWN];
	uint32_t invented = 1000;
	struct esc_talkers t;

	(void)state;
	open_talkers(&t);
	for (uint64_t s = 1; s <= 250; s++) {
		for (uint32_t i = 0; i < MAX; i++)
			reading[i] = entry(invented++, 16, s);
		reading[77] = entry(1, 4000 * s, 1);
		reading[4000] = entry(2, 8000 * s, 1);
		esc_talkers_feed(&t, reading, MAX, s);
	}
	assert_int_equal(esc_talkers_top(&t, top), 2);
	assert_source(&top[0], 2);
	assert_source(&top[1], 1);
	assert_in_range(top[0].packets, 8000u * 250u, 8000u * 250u + top[0].surplus);
	esc_talkers_close(&t);
}

static void invented_sources_alone_have_no_main_one(void **state)
{
	struct esc_talker_share top[ESC_TALKERS_SHOWN];
	uint32_t invented = 1000;
	struct esc_talkers t;

	(void)state;
	open_talkers(&t);
	for (uint64_t s = 1; s <= 10; s++) {
		for (uint32_t i = 0; i < MAX; i++)
			reading[i] = entry(invented++, 16, s);
		esc_talkers_feed(&t, reading, MAX, s);
	}
	assert_int_equal(esc_talkers_top(&t, top), 0);
	assert_int_equal(t.helds, ESC_TALKERS_HELD);
	esc_talkers_close(&t);
}

static void sources_are_written_as_what_they_are(void **state)
{
	struct esc_source_key v6 = {{0x20, 1, 0xd, 0xb8, 0, 1}};
	struct esc_source_key mac = {{0xff, [10] = 2, [15] = 7}};
	struct esc_source_key v4 = {{[10] = 0xff, 0xff, 192, 0, 2, 1}};
	char buf[ESC_TALKER_STR];

	(void)state;
	assert_string_equal(esc_talker_format(&v4, buf), "192.0.2.1");
	assert_string_equal(esc_talker_format(&v6, buf), "2001:db8:1::/64");
	assert_string_equal(esc_talker_format(&mac, buf), "02:00:00:00:00:07");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_came_during_the_attack_counts),
		cmocka_unit_test(entry_that_was_thrown_out_counts_again_from_its_return),
		cmocka_unit_test(heavy_sources_stand_out_of_a_million_invented_ones),
		cmocka_unit_test(invented_sources_alone_have_no_main_one),
		cmocka_unit_test(sources_are_written_as_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
