/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/keyfile.h"

#define KEY   "YAnz5TF+lXXJte14tji3zlMNftqL1kSnUhzk7gDiYnQ="
#define STARS "********************************************"

static char path[] = "/tmp/esclusa-keyfile.XXXXXX";
static char text[8192];

static int set_up(void **state)
{
	(void)state;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 || close(fd) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void put(const char *content, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_int_equal(fwrite(content, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* What the file holds after its keys were overwritten. */
static const char *overwritten(const char *content, unsigned int keys)
{
	struct cli_keyfile k;

	put(content, strlen(content));
	assert_int_equal(cli_keyfile_overwrite(path, &k), 0);
	assert_int_equal(k.keys, keys);
	FILE *f = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void test_keys_become_stars_and_nothing_else_changes(void **state)
{
	(void)state;
	assert_string_equal(overwritten("[Interface]\nPrivateKey = " KEY "\nListenPort = 1\n"
					"[Peer]\nPublicKey = " KEY "\nPresharedKey=" KEY "\n",
					2),
			    "[Interface]\nPrivateKey = " STARS "\nListenPort = 1\n"
			    "[Peer]\nPublicKey = " KEY "\nPresharedKey=" STARS "\n");
}

static void test_keys_are_found_however_they_are_written(void **state)
{
	(void)state;
	assert_string_equal(overwritten("\t privatekey\t=\t" KEY " # mine\r\n", 1),
			    "\t privatekey\t=\t" STARS " # mine\r\n");
	assert_string_equal(overwritten("#PrivateKey = " KEY "\n ## PresharedKey=" KEY, 2),
			    "#PrivateKey = " STARS "\n ## PresharedKey=" STARS);
	/* a value that is no key may be one that was mistyped */
	assert_string_equal(overwritten("PrivateKey = abc def\nPrivateKey =\nPrivateKey\n", 1),
			    "PrivateKey = *******\nPrivateKey =\nPrivateKey\n");
	assert_string_equal(overwritten("", 0), "");
	assert_string_equal(overwritten("=\n#\n[\n = \n", 0), "=\n#\n[\n = \n");
}

static void test_node_is_read_from_a_file_with_mistakes(void **state)
{
	static const char content[] = "Nonsense\n[Interface\nKeystore = /etc/a.keystore\n"
				      "[Node]\nName = site-a # here\nState=/s\nAudit = /a\n"
				      "[Peer]\nName = other\n#Keystore = /no\n";
	struct cli_keyfile k;

	(void)state;
	put(content, sizeof(content) - 1);
	assert_int_equal(cli_keyfile_read(path, &k), 0);
	assert_string_equal(k.name, "site-a");
	assert_string_equal(k.keystore, "/etc/a.keystore");
	assert_string_equal(k.state, "/s");
	assert_string_equal(k.audit, "/a");
	assert_int_equal(k.keys, 0);
}

static void test_name_is_that_of_the_file_if_it_has_none(void **state)
{
	struct cli_keyfile k;
	char named[80];

	(void)state;
	snprintf(named, sizeof(named), "%s.d", path);
	assert_int_equal(mkdir(named, 0700), 0);
	snprintf(named, sizeof(named), "%s.d/site-b.conf", path);
	assert_int_equal(rename(path, named), 0);
	assert_int_equal(cli_keyfile_read(named, &k), 0);
	assert_string_equal(k.name, "site-b");
	assert_string_equal(k.state, ESC_DEFAULT_STATE);
	assert_int_equal(rename(named, path), 0);
	snprintf(named, sizeof(named), "%s.d", path);
	assert_int_equal(rmdir(named), 0);
}

/* Values that are longer than anything may be, and bytes that are no text. */
static void test_wild_files_do_no_harm(void **state)
{
	char wild[6000];
	struct cli_keyfile k;

	(void)state;
	memset(wild, 'x', sizeof(wild));
	memcpy(wild, "[Node]\nName = ", 14);
	put(wild, sizeof(wild));
	assert_int_equal(cli_keyfile_read(path, &k), 0);
	assert_string_equal(k.name, ""); /* nor can the file's own be one */
	for (int i = 0; i < 200; i++) {
		randombytes_buf(wild, sizeof(wild));
		memcpy(wild + i, "\nPrivateKey=", 12);
		put(wild, sizeof(wild));
		assert_int_equal(cli_keyfile_overwrite(path, &k), 0);
	}
}

static void test_only_files_are_written(void **state)
{
	struct cli_keyfile k;

	(void)state;
	assert_int_equal(cli_keyfile_overwrite("/dev/null", &k), -EINVAL);
	assert_int_equal(cli_keyfile_overwrite("/no/such/file", &k), -ENOENT);
	assert_true(cli_keyfile_overwrite("/tmp", &k) < 0);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(test_keys_become_stars_and_nothing_else_changes),
		WITH_FILE(test_keys_are_found_however_they_are_written),
		WITH_FILE(test_node_is_read_from_a_file_with_mistakes),
		WITH_FILE(test_name_is_that_of_the_file_if_it_has_none),
		WITH_FILE(test_wild_files_do_no_harm),
		cmocka_unit_test(test_only_files_are_written),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
