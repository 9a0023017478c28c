/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

struct document {
	struct esc_json j;
	char *text;
	size_t size;
};

static void begin(struct document *d)
{
	FILE *f = open_memstream(&d->text, &d->size);

	assert_non_null(f);
	esc_json_init(&d->j, f);
}

static void end(struct document *d, bool ok, const char *expected)
{
	assert_true(esc_json_finish(&d->j) == ok);
	fclose(d->j.f);
	if (expected)
		assert_string_equal(d->text, expected);
	free(d->text);
}

static void document_has_commas_and_nesting(void **state)
{
	struct document d;

	(void)state;
	begin(&d);
	esc_json_object(&d.j, NULL);
	esc_json_str(&d.j, "name", "a");
	esc_json_str(&d.j, "none", NULL);
	esc_json_u64(&d.j, "big", UINT64_MAX);
	esc_json_i64(&d.j, "small", INT64_MIN);
	esc_json_bool(&d.j, "yes", true);
	esc_json_array(&d.j, "list");
	esc_json_u64(&d.j, NULL, 1);
	esc_json_object(&d.j, NULL);
	esc_json_end(&d.j);
	esc_json_bool(&d.j, NULL, false);
	esc_json_end(&d.j);
	esc_json_array(&d.j, "empty");
	esc_json_end(&d.j);
	esc_json_end(&d.j);
	end(&d, true,
	    "{\n  \"name\": \"a\",\n  \"none\": null,\n  \"big\": 18446744073709551615,\n"
	    "  \"small\": -9223372036854775808,\n  \"yes\": true,\n  \"list\": [\n    1,\n    {},\n"
	    "    false\n  ],\n  \"empty\": []\n}\n");
}

static void strings_are_escaped_and_valid_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"", "\"\"\n"},
		{"a\"b\\c", "\"a\\\"b\\\\c\"\n"},
		{"\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"\n"},
		{"\xc3\xa9", "\"\xc3\xa9\"\n"},
		{"\xe2\x82\xac\xf0\x9f\x94\x92", "\"\xe2\x82\xac\xf0\x9f\x94\x92\"\n"},
		{"a\xff"
		 "b",
		 "\"a\\ufffdb\"\n"},
		{"\xc3", "\"\\ufffd\"\n"},				    /* cut off by the end */
		{"\xc0\x80", "\"\\ufffd\\ufffd\"\n"},			    /* overlong NUL */
		{"\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"\n"},	    /* overlong slash */
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},	    /* surrogate */
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n"}, /* beyond U+10FFFF */
		{"\xe2\x82", "\"\\ufffd\\ufffd\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct document d;

		begin(&d);
		esc_json_str(&d.j, NULL, rows[i].in);
		end(&d, true, rows[i].out);
	}
}

static void misuse_is_reported_at_the_end(void **state)
{
	struct document d;

	(void)state;
	begin(&d);
	esc_json_object(&d.j, NULL);
	end(&d, false, NULL); /* not closed */
	begin(&d);
	esc_json_end(&d.j);
	end(&d, false, NULL); /* closed too often */
	begin(&d);
	for (unsigned int i = 0; i < 2 * ESC_JSON_DEPTH; i++)
		esc_json_array(&d.j, NULL);
	for (unsigned int i = 0; i < 2 * ESC_JSON_DEPTH; i++)
		esc_json_end(&d.j);
	end(&d, false, NULL); /* too deep */
}

static void failing_stream_is_reported(void **state)
{
	struct esc_json j;
	FILE *f = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(f);
	esc_json_init(&j, f);
	esc_json_u64(&j, NULL, 1);
	assert_false(esc_json_finish(&j));
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_has_commas_and_nesting),
		cmocka_unit_test(strings_are_escaped_and_valid_utf8),
		cmocka_unit_test(misuse_is_reported_at_the_end),
		cmocka_unit_test(failing_stream_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
