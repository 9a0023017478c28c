/* SPDX-License-Identifier: BSD-2-Clause */
/* Choosing an AEAD provider: names, measurement, and what a user's shared object must be. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

#define PATH_LEN 512

/* Seal and open one packet with what was chosen. */
static void assert_works(struct esc_aead *a)
{
	static const uint8_t raw[ESC_AEAD_KEY_LEN];
	uint8_t in[100] = "text", out[100 + ESC_AEAD_TAG_LEN], back[100];
	struct esc_aead_key *key = a->provider->key_new(a->ctx, raw);
	struct esc_aead_job j = {.key = key, .in = in, .out = out, .len = sizeof(in)};

	assert_non_null(key);
	a->provider->seal(a->ctx, &j, 1);
	assert_true(j.ok);
	assert_memory_not_equal(in, out, sizeof(in));
	j.in = out;
	j.out = back;
	a->provider->open(a->ctx, &j, 1);
	assert_true(j.ok);
	assert_memory_equal(in, back, sizeof(in));
	a->provider->key_free(a->ctx, key);
}

/* A file of the build, in $BUILD or beside this program's directory. */
static void built(char path[PATH_LEN], const char *name)
{
	const char *build = getenv("BUILD");
	char exe[PATH_LEN];
	ssize_t n;

	if (build) {
		snprintf(path, PATH_LEN, "%.200s/%.200s", build, name);
		return;
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	assert_true(n > 0);
	exe[n] = '\0';
	for (int up = 0; up < 3; up++)
		*strrchr(exe, '/') = '\0';
	snprintf(path, PATH_LEN, "%.200s/%.200s", exe, name);
}

/* A private copy of a provider of the build, so that its mode can be changed; delete it after. */
static void copy_provider(char path[PATH_LEN], const char *name, mode_t mode)
{
	static uint8_t bytes[1 << 20];
	char from[PATH_LEN];
	ssize_t n;
	int fd;

	built(from, name);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s: %s (build it with make unit-bin)", from, strerror(errno));
	n = read(fd, bytes, sizeof(bytes));
	assert_in_range(n, 1, sizeof(bytes) - 1);
	close(fd);
	snprintf(path, PATH_LEN, "/tmp/esclusa-provider-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, (size_t)n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_refused(const char *want, int err, const char *text)
{
	char why[ESC_AEAD_WHY];
	struct esc_aead a;

	assert_int_equal(esc_aead_select(&a, want, why), err);
	if (!strstr(why, text))
		fail_msg("\"%s\" is not in \"%s\"", text, why);
	assert_null(a.provider);
	assert_null(a.object);
	esc_aead_release(&a); /* harmless */
}

static void assert_object_refused(const char *name, mode_t mode, int err, const char *text)
{
	char path[PATH_LEN];

	copy_provider(path, name, mode);
	assert_refused(path, err, text);
	unlink(path);
}

/* --- names and auto --------------------------------------------------------------------------- */

static void each_name_starts_its_provider(void **state)
{
	char names[64], why[ESC_AEAD_WHY];
	char *save = NULL;
	struct esc_aead a;
	int count = 0;

	(void)state;
	snprintf(names, sizeof(names), "%s", esc_aead_names());
	for (char *n = strtok_r(names, ", ", &save); n; n = strtok_r(NULL, ", ", &save)) {
		assert_int_equal(esc_aead_select(&a, n, why), 0);
		assert_string_equal(a.provider->name, n);
		assert_string_equal(why, "");
		assert_works(&a);
		esc_aead_release(&a);
		assert_null(a.provider);
		count++;
	}
	assert_in_range(count, 2, 3); /* without ipsec-mb, two */
}

static void auto_chooses_and_says_what_it_measured(void **state)
{
	char why[ESC_AEAD_WHY];
	struct esc_aead a;

	(void)state;
	assert_int_equal(esc_aead_select(&a, "auto", why), 0);
	print_message("  %s\n", a.note);
	assert_int_equal(strncmp(a.note, a.provider->name, strlen(a.provider->name)), 0);
	assert_non_null(strstr(a.note, " ns per 1420 B packet; "));
	assert_non_null(strstr(a.note, "sodium"));
	assert_null(strstr(a.note, "self-test"));
	assert_works(&a);
	esc_aead_release(&a);
}

static void unknown_names_are_refused_with_the_known_ones(void **state)
{
	(void)state;
	assert_refused("fast", -ENOENT, "no AEAD provider \"fast\": expected auto, ");
	assert_refused("fast", -ENOENT, esc_aead_names());
	assert_refused("", -ENOENT, "expected auto");
	assert_refused("AUTO", -ENOENT, "expected auto");
}

static int start_refusing(void **ctx)
{
	(void)ctx;
	return -ENOTSUP;
}

static void open_accepting(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		memset(jobs[i].out, 0, jobs[i].len);
		jobs[i].ok = true;
	}
}

static void auto_leaves_out_and_names_what_fails(void **state)
{
	struct esc_aead_provider absent = *esc_aead_sodium(), wrong = *esc_aead_sodium();
	const struct esc_aead_provider *list[] = {&absent, NULL, &wrong, esc_aead_sodium()};
	char why[ESC_AEAD_WHY];
	struct esc_aead a;

	(void)state;
	absent.name = "absent";
	absent.start = start_refusing;
	wrong.name = "wrong";
	wrong.open = open_accepting;
	assert_int_equal(esc_aead_fastest(&a, list, 4, why), 0);
	print_message("  %s\n", a.note);
	assert_ptr_equal(a.provider, esc_aead_sodium());
	assert_non_null(strstr(a.note, "; absent does not start"));
	esc_aead_release(&a);

	assert_int_equal(esc_aead_fastest(&a, list + 1, 3, why), 0);
	assert_non_null(strstr(a.note, "; wrong failed its self-test: known answers"));
	esc_aead_release(&a);

	assert_int_equal(esc_aead_fastest(&a, list, 3, why), -ENOTSUP);
	assert_non_null(strstr(why, "no AEAD provider works; absent does not start"));
	assert_non_null(strstr(why, "; wrong failed its self-test"));
	assert_null(a.provider);
}

/* --- shared objects --------------------------------------------------------------------------- */

static void shared_object_is_loaded_tested_and_used(void **state)
{
	char path[PATH_LEN], why[ESC_AEAD_WHY];
	struct esc_aead a;

	(void)state;
	copy_provider(path, "tests/provider/example.so", 0644);
	if (esc_aead_select(&a, path, why))
		fail_msg("%s", why);
	assert_string_equal(a.provider->name, "example");
	assert_non_null(a.object);
	assert_non_null(strstr(a.note, path));
	assert_works(&a);
	esc_aead_release(&a);
	unlink(path);
}

static void object_that_others_can_write_is_refused(void **state)
{
	(void)state;
	assert_object_refused("tests/provider/example.so", 0646, -EPERM, "chmod go-w");
	assert_object_refused("tests/provider/example.so", 0664, -EPERM, "chmod go-w");
}

static void object_of_another_user_is_refused(void **state)
{
	char path[PATH_LEN];

	(void)state;
	if (geteuid()) {
		print_message("  needs root to give a file away\n");
		skip();
	}
	copy_provider(path, "tests/provider/example.so", 0644);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_refused(path, -EPERM, "owned by neither root nor the user");
	unlink(path);
}

static void object_that_fails_the_self_test_is_refused(void **state)
{
	(void)state;
	assert_object_refused("tests/provider/bad_tag.so", 0600, -EBADMSG,
			      "bad-tag failed its self-test: lengths 0 to 4096: a forgery");
}

static void object_of_another_version_is_refused(void **state)
{
	(void)state;
	assert_object_refused("tests/provider/bad_abi.so", 0600, -ENOEXEC,
			      "built for ABI version 2, this is 1");
}

static void things_that_are_no_provider_are_refused(void **state)
{
	char dir[] = "/tmp/esclusa-fifo-XXXXXX", path[PATH_LEN];

	(void)state;
	assert_refused("/nonexistent/provider.so", -ENOENT, "No such file or directory");
	assert_refused("./", -EPERM, "not a regular file");
	assert_refused("/etc/passwd", -ENOEXEC, "/etc/passwd: invalid ELF header");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, -EPERM, "not a regular file"); /* and does not wait for a writer */
	unlink(path);
	rmdir(dir);
}

static void library_without_the_symbol_is_refused(void **state)
{
	char path[PATH_LEN] = "", line[PATH_LEN];
	FILE *maps = fopen("/proc/self/maps", "re");

	(void)state;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		char *at = strchr(line, '/');

		if (at && strstr(at, "libsodium.so"))
			snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, "\n"), at);
	}
	fclose(maps);
	assert_true(path[0] == '/');
	assert_refused(path, -ENOEXEC, "does not export esc_aead_provider()");
}

static void long_path_leaves_room_for_the_reason(void **state)
{
	char path[400];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_refused(path, -ENAMETOOLONG, "File name too long");
}

/* --- the copy provider ------------------------------------------------------------------------ */

/* Benchmarks have a provider that encrypts nothing. Here is neither its name nor its code. */
static void assert_no_copy(const char *name, bool must_exist)
{
	static const char symbol[] = {'e', 's', 'c', '_', 'a', 'e', 'a',
				      'd', '_', 'c', 'o', 'p', 'y'};
	char path[PATH_LEN];
	struct stat st;
	void *map;
	int fd;

	built(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && !must_exist)
		return;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(map != MAP_FAILED);
	/* The search works: this one is there. */
	assert_non_null(memmem(map, (size_t)st.st_size, "esc_aead_sodium", 15));
	assert_null(memmem(map, (size_t)st.st_size, symbol, sizeof(symbol)));
	munmap(map, (size_t)st.st_size);
	close(fd);
}

static void normal_build_has_no_copy_provider(void **state)
{
	(void)state;
	assert_refused("copy", -ENOENT, "no AEAD provider \"copy\"");
	assert_null(strstr(esc_aead_names(), "copy"));
	assert_no_copy("libesclusa.a", true);
	assert_no_copy("esclusa", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_starts_its_provider),
		cmocka_unit_test(auto_chooses_and_says_what_it_measured),
		cmocka_unit_test(unknown_names_are_refused_with_the_known_ones),
		cmocka_unit_test(auto_leaves_out_and_names_what_fails),
		cmocka_unit_test(shared_object_is_loaded_tested_and_used),
		cmocka_unit_test(object_that_others_can_write_is_refused),
		cmocka_unit_test(object_of_another_user_is_refused),
		cmocka_unit_test(object_that_fails_the_self_test_is_refused),
		cmocka_unit_test(object_of_another_version_is_refused),
		cmocka_unit_test(things_that_are_no_provider_are_refused),
		cmocka_unit_test(library_without_the_symbol_is_refused),
		cmocka_unit_test(long_path_leaves_room_for_the_reason),
		cmocka_unit_test(normal_build_has_no_copy_provider),
	};

	return cmocka_run_group_tests_name("aead_select", tests, NULL, NULL);
}
