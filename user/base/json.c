/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

/*
 * Bytes of the valid UTF-8 sequence at s, or 0 (RFC 3629: no overlong forms, no surrogates,
 * nothing beyond U+10FFFF). A NUL ends every sequence early, so nothing is read beyond it.
 */
static size_t utf8_length(const unsigned char *s)
{
	unsigned char lo = 0x80, hi = 0xbf; /* of the second byte */
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0;
	if (s[0] == 0xed)
		hi = 0x9f;
	if (s[0] == 0xf0)
		lo = 0x90;
	if (s[0] == 0xf4)
		hi = 0x8f;
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* RFC 8259, section 7. */
static void put_string(FILE *f, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	fputc('"', f);
	while (*s) {
		size_t n = utf8_length(s);

		if (!n)
			fputs("\\ufffd", f);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(f, "\\u%04x", *s);
		else
			fwrite(s, 1, n, f);
		s += n ? n : 1;
	}
	fputc('"', f);
}

/* Comma, line break and name before a value. */
static void put_key(struct esc_json *j, const char *key)
{
	if (j->filled[j->depth])
		fputc(',', j->f);
	if (j->depth && !j->line)
		fprintf(j->f, "\n%*s", (int)(2 * j->depth), "");
	j->filled[j->depth] = true;
	if (j->depth && !j->array[j->depth]) {
		put_string(j->f, key ? key : "");
		fputs(j->line ? ":" : ": ", j->f);
	}
}

static void put_open(struct esc_json *j, const char *key, bool array)
{
	if (j->depth + 1 >= ESC_JSON_DEPTH) {
		j->failed = true;
		return;
	}
	put_key(j, key);
	fputc(array ? '[' : '{', j->f);
	j->depth++;
	j->array[j->depth] = array;
	j->filled[j->depth] = false;
}

void esc_json_init(struct esc_json *j, FILE *f)
{
	memset(j, 0, sizeof(*j));
	j->f = f;
}

void esc_json_init_line(struct esc_json *j, FILE *f)
{
	esc_json_init(j, f);
	j->line = true;
}

void esc_json_object(struct esc_json *j, const char *key)
{
	put_open(j, key, false);
}

void esc_json_array(struct esc_json *j, const char *key)
{
	put_open(j, key, true);
}

void esc_json_end(struct esc_json *j)
{
	if (!j->depth) {
		j->failed = true;
		return;
	}
	bool filled = j->filled[j->depth];
	bool array = j->array[j->depth];
	j->depth--;
	if (filled && !j->line)
		fprintf(j->f, "\n%*s", (int)(2 * j->depth), "");
	fputc(array ? ']' : '}', j->f);
}

void esc_json_str(struct esc_json *j, const char *key, const char *value)
{
	put_key(j, key);
	if (value)
		put_string(j->f, value);
	else
		fputs("null", j->f);
}

void esc_json_u64(struct esc_json *j, const char *key, uint64_t value)
{
	put_key(j, key);
	fprintf(j->f, "%" PRIu64, value);
}

void esc_json_i64(struct esc_json *j, const char *key, int64_t value)
{
	put_key(j, key);
	fprintf(j->f, "%" PRId64, value);
}

void esc_json_bool(struct esc_json *j, const char *key, bool value)
{
	put_key(j, key);
	fputs(value ? "true" : "false", j->f);
}

bool esc_json_finish(struct esc_json *j)
{
	fputc('\n', j->f);
	return !j->depth && !j->failed && !fflush(j->f) && !ferror(j->f);
}
