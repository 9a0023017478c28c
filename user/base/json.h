/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h: writes one JSON document to a stream, value by value: no tree, no allocation. `key` is
 * the member's name inside an object and NULL inside an array or at the top. Strings are UTF-8;
 * bytes that are not valid UTF-8 become U+FFFD. Output errors stay in the stream (ferror).
 */
#ifndef ESC_BASE_JSON_H
#define ESC_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ESC_JSON_DEPTH 16u

struct esc_json {
	FILE *f;
	unsigned int depth;
	bool array[ESC_JSON_DEPTH];
	bool filled[ESC_JSON_DEPTH]; /* a comma is due before the next value */
	bool line;		     /* without line breaks */
	bool failed;		     /* nested deeper than ESC_JSON_DEPTH, or an end too many */
};

void esc_json_init(struct esc_json *j, FILE *f);
void esc_json_init_line(struct esc_json *j, FILE *f); /* all of it on one line */
void esc_json_object(struct esc_json *j, const char *key);
void esc_json_array(struct esc_json *j, const char *key);
void esc_json_end(struct esc_json *j); /* of the innermost object or array */

void esc_json_str(struct esc_json *j, const char *key, const char *value); /* NULL: null */
void esc_json_u64(struct esc_json *j, const char *key, uint64_t value);
void esc_json_i64(struct esc_json *j, const char *key, int64_t value);
void esc_json_bool(struct esc_json *j, const char *key, bool value);

/* Ends the document with a newline and flushes. false: not well-formed, or writing failed. */
bool esc_json_finish(struct esc_json *j);

#endif
