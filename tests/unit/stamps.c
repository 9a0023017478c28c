/* SPDX-License-Identifier: BSD-2-Clause */
/* Handshake time stamps on disk (control/stamps.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "control/stamps.h"

static struct esc_stamps s;
static char dir[] = "/tmp/esclusa-stamps-XXXXXX";

static bool keep_all(void *arg, const uint8_t key[32])
{
	(void)arg;
	(void)key;
	return true;
}

/* Peers of now: those whose key begins with 1. */
static bool keep_ones(void *arg, const uint8_t key[32])
{
	(void)arg;
	return key[0] == 1;
}

static struct esc_msg_stamp stamp(uint8_t key, uint32_t peer, uint8_t sent, uint8_t seen)
{
	struct esc_msg_stamp m = {.public_key = {key}, .sent = {sent}, .seen = {seen}};

	memcpy(m.public_key + 1, &peer, sizeof(peer));
	return m;
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) && !esc_stamps_open(&s, dir, "unit") ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(s.path);
	rmdir(dir);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return 0;
}

static void survive_a_restart(void **state)
{
	struct esc_msg_stamp a = stamp(1, 1, 5, 6), b = stamp(1, 2, 7, 8);
	struct stat st;

	(void)state;
	assert_true(esc_stamps_put(&s, &a, keep_all, NULL));
	assert_true(esc_stamps_put(&s, &b, keep_all, NULL));
	assert_int_equal(esc_stamps_flush(&s), 0);
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(esc_stamps_open(&s, dir, "unit"), 0);
	assert_int_equal(s.n, 2);
	assert_memory_equal(esc_stamps_find(&s, b.public_key), &b, sizeof(b));
}

static void never_go_back(void **state)
{
	struct esc_msg_stamp now = stamp(1, 1, 5, 6), old = stamp(1, 1, 4, 9);

	(void)state;
	esc_stamps_put(&s, &now, keep_all, NULL);
	assert_true(esc_stamps_put(&s, &old, keep_all, NULL)); /* `seen` is newer */
	assert_int_equal(esc_stamps_find(&s, now.public_key)->sent[0], 5);
	assert_int_equal(esc_stamps_find(&s, now.public_key)->seen[0], 9);
	assert_false(esc_stamps_put(&s, &old, keep_all, NULL));
}

static void strangers_are_not_kept(void **state)
{
	struct esc_msg_stamp m = stamp(2, 1, 5, 6);

	(void)state;
	assert_false(esc_stamps_put(&s, &m, keep_ones, NULL));
	assert_int_equal(s.n, 0);
}

static void full_table_gives_up_removed_peers_first(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ESC_STAMPS_MAX; i++) {
		struct esc_msg_stamp m = stamp(i % 2 ? 1 : 2, i, 1, 1);
		assert_true(esc_stamps_put(&s, &m, keep_all, NULL));
	}
	for (uint32_t i = 0; i < ESC_STAMPS_MAX / 2; i++) {
		struct esc_msg_stamp m = stamp(1, 1000000 + i, 1, 1);
		assert_true(esc_stamps_put(&s, &m, keep_ones, NULL));
	}
	struct esc_msg_stamp more = stamp(1, 2000000, 1, 1);
	assert_false(esc_stamps_put(&s, &more, keep_ones, NULL));
	assert_int_equal(s.n, ESC_STAMPS_MAX);
}

static void damaged_lines_are_left_out(void **state)
{
	static const char good[] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
				   "400000000000000000000000 400000000000000000000001\n";
	FILE *f = fopen(s.path, "w");

	(void)state;
	assert_non_null(f);
	fputs("# comment\nrubbish\nAQ== 40 40\n\n", f);
	for (int i = 0; i < 1000; i++) /* a line longer than any buffer */
		fputc('x', f);
	fputs("\n", f);
	fputs(good, f);
	fclose(f);
	assert_int_equal(esc_stamps_open(&s, dir, "unit"), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.stamp[0].public_key[0], 1);
	assert_int_equal(s.stamp[0].seen[11], 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(survive_a_restart),	  CASE(never_go_back),
		CASE(strangers_are_not_kept),	  CASE(full_table_gives_up_removed_peers_first),
		CASE(damaged_lines_are_left_out),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
