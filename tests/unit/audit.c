/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/audit.h"

static char dir[] = "/tmp/esclusa-audit.XXXXXX";
static char path[64];
static struct esc_audit audit;
static const gid_t groups[ESC_ACL_GROUPS] = {4242, 4343};
static const struct esc_caller somebody = {.pid = 1, .uid = 4294000000u, .gid = 7};

static int set_up(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a.audit", dir);
	return esc_audit_open(&audit, path, "site-a", groups);
}

static int tear_down(void **state)
{
	char cmd[80];

	(void)state;
	esc_audit_close(&audit);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static int put(const char *event, const char *text)
{
	struct esc_json *j = esc_audit_begin(&audit, event, NULL);

	assert_non_null(j);
	esc_json_str(j, "text", text);
	return esc_audit_end(&audit, "done", NULL);
}

/* The lines of a file; to be freed. */
static char *contents(const char *file)
{
	FILE *f = fopen(file, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	size_t n = fread(text, 1, (1 << 20) - 1, f);
	(void)n;
	fclose(f);
	return text;
}

/* Every line's number follows the one before, and its prev is that one's hash. */
static unsigned int check_chain(char *text, uint64_t seq, const char *before)
{
	unsigned int lines = 0;

	for (char *line; (line = strsep(&text, "\n")) && text; lines++, before = line) {
		uint8_t hash[ESC_AUDIT_HASH] = {0};
		char want[100], hex[2 * ESC_AUDIT_HASH + 1];
		uint64_t now;

		if (before)
			crypto_generichash(hash, sizeof(hash), (const unsigned char *)before,
					   strlen(before), NULL, 0);
		snprintf(want, sizeof(want), "\"prev\":\"%s\"}",
			 sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
		assert_true(esc_audit_number(line, "seq", &now));
		assert_int_equal(now, seq++);
		assert_string_equal(line + strlen(line) - strlen(want), want);
	}
	return lines;
}

static void test_line_says_who_what_and_when(void **state)
{
	uint64_t before = esc_unix_now() / ESC_S, when = 0, uid = 0;
	struct esc_json *j = esc_audit_begin(&audit, "request", &somebody);

	(void)state;
	esc_json_str(j, "request", "wg set");
	assert_int_equal(esc_audit_end(&audit, "refused", "not in Admins"), 0);
	char *text = contents(path);
	assert_true(esc_audit_number(text, "time", &when));
	assert_in_range(when, before, esc_unix_now() / ESC_S);
	assert_true(esc_audit_number(text, "uid", &uid));
	assert_int_equal(uid, somebody.uid);
	assert_non_null(strstr(text, "\"node\":\"site-a\",\"event\":\"request\",\"by\":\"user\""));
	assert_non_null(strstr(text, "\"user\":null,\"gid\":7,\"pid\":1,"));
	assert_non_null(strstr(text, "\"request\":\"wg set\",\"result\":\"refused\","
				     "\"error\":\"not in Admins\",\"prev\":\"0000"));
	free(text);
}

static void test_file_is_for_its_owner_and_the_groups(void **state)
{
	gid_t named[ESC_ACL_GROUPS];
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640); /* 4: what an entry of the list may be */
	esc_acl_get(path, named);
	assert_memory_equal(named, groups, sizeof(groups));
}

static void test_lines_are_chained(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(put("e", "x"), 0);
	char *text = contents(path);
	assert_int_equal(check_chain(text, 1, NULL), 20);
	free(text);
}

static void test_next_run_continues_the_chain(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(put("e", "x"), 0);
		assert_int_equal(put("e", "y"), 0);
		esc_audit_close(&audit);
		assert_int_equal(esc_audit_open(&audit, path, "site-a", groups), 0);
	}
	assert_int_equal(audit.seq, 6);
	char *text = contents(path);
	assert_int_equal(check_chain(text, 1, NULL), 6);
	free(text);
}

static void test_log_that_was_moved_away_goes_on_in_a_new_file(void **state)
{
	char old[80], *last;

	(void)state;
	snprintf(old, sizeof(old), "%s.1", path);
	assert_int_equal(put("e", "x"), 0);
	assert_int_equal(put("e", "y"), 0);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(put("e", "z"), 0);
	char *first = contents(old), *second = contents(path);
	last = strchr(first, '\n') + 1;
	*strchr(last, '\n') = '\0';
	assert_int_equal(check_chain(second, 3, last), 1);
	free(first);
	free(second);
}

/* A line that a power cut left unfinished stays visible; the chain goes on after it. */
static void test_line_that_was_cut_off_is_ended_and_kept(void **state)
{
	static const char cut[] = "{\"seq\":3,\"time\":17";
	struct stat st;

	(void)state;
	assert_int_equal(put("e", "x"), 0);
	assert_int_equal(put("e", "y"), 0);
	esc_audit_close(&audit);
	int fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, cut, sizeof(cut) - 1), sizeof(cut) - 1);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_int_equal(esc_audit_open(&audit, path, "site-a", groups), 0);
	assert_int_equal(put("e", "z"), 0);
	char *text = contents(path);
	assert_int_equal(text[st.st_size], '\n');
	/* its number cannot be read for certain, so it counts as no line */
	assert_int_equal(check_chain(text + st.st_size + 1, 3, cut), 1);
	free(text);
}

/* A disk that has room for half a line: none of it stays, and there is an error. */
static void test_full_disk_leaves_whole_lines_only(void **state)
{
	struct rlimit before, small;
	struct stat st;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(put("e", "x"), 0);
	assert_int_equal(stat(path, &st), 0);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = (rlim_t)st.st_size + 40;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_true(put("e", "lost") < 0);
	assert_true(audit.failing);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(put("e", "y"), 0);
	assert_false(audit.failing);
	char *text = contents(path);
	assert_null(strstr(text, "lost"));
	assert_int_equal(check_chain(text, 1, NULL), 2);
	free(text);
}

static void test_only_a_file_will_do(void **state)
{
	struct esc_audit other;
	char link[80];

	(void)state;
	assert_int_equal(esc_audit_open(&other, "/dev/null", "x", groups), -EINVAL);
	assert_true(esc_audit_open(&other, dir, "x", groups) < 0);
	assert_int_equal(esc_audit_open(&other, "/no/such/folder/x", "x", groups), -ENOENT);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(esc_audit_open(&other, link, "x", groups), -ELOOP);
}

/* What comes from outside can neither end a line nor reach a terminal. */
static void test_hostile_text_is_escaped(void **state)
{
	char out[ESC_AUDIT_LINE];

	(void)state;
	assert_int_equal(put("e", "a\"},{\"seq\":99\n\x1b[2J\x9b{\\"), 0);
	char *text = contents(path);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_null(strchr(text, '\x1b'));
	assert_true(esc_audit_readable(text, true, out, sizeof(out)));
	for (const char *p = out; *p; p++)
		assert_in_range(*p, ' ', '~');
	uint64_t seq;
	assert_true(esc_audit_number(text, "seq", &seq));
	assert_int_equal(seq, 1);
	free(text);
}

static void test_readable_form(void **state)
{
	static const char line[] =
		"{\"seq\":12,\"time\":1763721595,\"ns\":5,\"node\":\"site-a\",\"event\":"
		"\"peer_changed\",\"by\":\"user\",\"uid\":1000,\"user\":\"joe\",\"gid\":7,"
		"\"pid\":77,\"unit\":null,\"name\":\"site b\",\"result\":\"accepted\","
		"\"prev\":\"00\"}";
	char out[256], small[8];

	(void)state;
	assert_true(esc_audit_readable(line, true, out, sizeof(out)));
	assert_string_equal(out, "2025-11-21 10:39:55Z 12: site-a peer_changed uid=1000 user=joe "
				 "pid=77 name=\"site b\" result=accepted");
	assert_true(esc_audit_readable(line, false, out, sizeof(out)));
	assert_string_equal(out, "12: peer_changed uid=1000 user=joe pid=77 name=\"site b\" "
				 "result=accepted");
	assert_true(esc_audit_readable(line, false, small, sizeof(small)));
	assert_string_equal(small, "12: pee");
}

/* Everything that is no such line is refused, wherever it ends. */
static void test_damaged_lines_are_not_read(void **state)
{
	static const char line[] = "{\"seq\":12,\"event\":\"a\\\"b\",\"prev\":\"00\"}";
	char out[64];

	(void)state;
	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		char *exact = strndup(line, n); /* for the sanitizer to see what is read beyond */
		assert_false(esc_audit_readable(exact, true, out, sizeof(out)));
		free(exact);
	}
	assert_true(esc_audit_readable(line, true, out, sizeof(out)));
	assert_false(esc_audit_readable("[1,2]", true, out, sizeof(out)));
	assert_false(esc_audit_readable("{\"event\":\"x\"}more", true, out, sizeof(out)));
	assert_false(esc_audit_readable("{\"text\":\"x\"}", true, out, sizeof(out)));
	assert_false(esc_audit_readable("{\"seq\":}", true, out, sizeof(out)));
}

static void test_refusals_are_rationed_by_class(void **state)
{
	uint64_t now = esc_now(), left_out;
	unsigned int written = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		written += esc_audit_may_refuse(&audit, ESC_RIGHT_NONE, now, &left_out);
	assert_int_equal(written, ESC_AUDIT_REFUSALS);
	/* another class has its own ration */
	assert_true(esc_audit_may_refuse(&audit, ESC_RIGHT_READ, now, &left_out));
	assert_int_equal(left_out, 0);
	/* later: one, and it tells how many were left out */
	assert_int_equal(esc_audit_suppressed(&audit, ESC_RIGHT_NONE, now), 0);
	now += ESC_AUDIT_REFUSAL_NS;
	assert_true(esc_audit_may_refuse(&audit, ESC_RIGHT_NONE, now, &left_out));
	assert_int_equal(left_out, 1000 - ESC_AUDIT_REFUSALS);
	assert_false(esc_audit_may_refuse(&audit, ESC_RIGHT_NONE, now, &left_out));
	now += ESC_AUDIT_REFUSAL_NS;
	assert_int_equal(esc_audit_suppressed(&audit, ESC_RIGHT_NONE, now), 1);
	assert_int_equal(esc_audit_suppressed(&audit, ESC_RIGHT_NONE, now), 0);
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LOG(test_line_says_who_what_and_when),
		WITH_LOG(test_file_is_for_its_owner_and_the_groups),
		WITH_LOG(test_lines_are_chained),
		WITH_LOG(test_next_run_continues_the_chain),
		WITH_LOG(test_log_that_was_moved_away_goes_on_in_a_new_file),
		WITH_LOG(test_line_that_was_cut_off_is_ended_and_kept),
		WITH_LOG(test_full_disk_leaves_whole_lines_only),
		WITH_LOG(test_only_a_file_will_do),
		WITH_LOG(test_hostile_text_is_escaped),
		cmocka_unit_test(test_readable_form),
		cmocka_unit_test(test_damaged_lines_are_not_read),
		WITH_LOG(test_refusals_are_rationed_by_class),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
