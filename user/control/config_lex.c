/* SPDX-License-Identifier: BSD-2-Clause */
/* config_lex.c: lines, words, numbers and error messages of the node's file. */
#include <stdarg.h>
#include <string.h>

#include "control/config_parse.h"

void conf_error(struct conf *c, uint32_t line, const char *fmt, ...)
{
	va_list ap;

	c->errors++;
	if (c->errors > ESC_CONFIG_ERRORS_MAX) {
		if (c->errors == ESC_CONFIG_ERRORS_MAX + 1)
			fprintf(c->err, "%s: more errors follow; mend these first\n", c->file);
		return;
	}
	if (line)
		fprintf(c->err, "%s:%u: ", c->file, line);
	else
		fprintf(c->err, "%s: ", c->file);
	va_start(ap, fmt);
	vfprintf(c->err, fmt, ap);
	va_end(ap);
	fputc('\n', c->err);
}

const char *conf_quote(char buf[CONF_QUOTE], const char *word)
{
	const size_t room = CONF_QUOTE - sizeof("''...");
	size_t len = strlen(word), n = len < room ? len : room, at = 0;

	buf[at++] = '\'';
	for (size_t i = 0; i < n; i++)
		buf[at++] = word[i] >= 0x20 && word[i] < 0x7f ? word[i] : '?';
	if (n < len) {
		memcpy(buf + at, "...", 3);
		at += 3;
	}
	buf[at++] = '\'';
	buf[at] = '\0';
	return buf;
}

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

char *conf_trim(char *s)
{
	size_t len;

	while (is_blank(*s))
		s++;
	len = strlen(s);
	while (len && is_blank(s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

bool conf_number(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > max)
			return false;
	}
	*out = (uint32_t)v;
	return v >= min;
}

bool conf_word(const char *s, size_t max, const char *extra)
{
	size_t len = strlen(s);

	if (!len || len > max || !strcmp(s, ".") || !strcmp(s, ".."))
		return false;
	for (; *s; s++) {
		bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9');

		if (!alnum && !strchr(extra, *s))
			return false;
	}
	return true;
}

bool conf_next_line(struct conf *c, const char *text, size_t len, size_t *pos)
{
	if (*pos >= len)
		return false;
	const char *start = text + *pos;
	const char *end = memchr(start, '\n', len - *pos);
	size_t n = end ? (size_t)(end - start) : len - *pos;

	*pos += n + (end ? 1 : 0);
	c->line++;
	c->text[0] = '\0';
	if (memchr(start, '\0', n)) {
		conf_error(c, c->line, "the line holds a NUL byte: is this a text file?");
		return true;
	}
	if (n && start[n - 1] == '\r')
		n--;
	if (c->line == 1 && n >= 3 && !memcmp(start, "\xef\xbb\xbf", 3)) {
		start += 3; /* the byte order mark of editors that write one */
		n -= 3;
	}
	if (n > ESC_CONFIG_LINE_MAX) {
		conf_error(
			c, c->line,
			"the line has %zu bytes: expected at most %u (AllowedIPs may be repeated)",
			n, ESC_CONFIG_LINE_MAX);
		return true;
	}
	const char *comment = memchr(start, '#', n);
	if (comment)
		n = (size_t)(comment - start);
	memcpy(c->text, start, n);
	c->text[n] = '\0';
	return true;
}
