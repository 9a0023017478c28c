/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_text.c: lines of the audit log, read: by `esclusa audit`, and for the node's own log. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/audit.h"

void esc_audit_hash(uint8_t out[ESC_AUDIT_HASH], const char *line, size_t len)
{
	crypto_generichash(out, ESC_AUDIT_HASH, (const unsigned char *)line, len, NULL, 0);
}

/* --- members ---------------------------------------------------------------------------------- */

/* A string from its opening quote on; what follows its closing one, or NULL. */
static const char *take_string(const char *p, const char **text, size_t *len)
{
	if (*p++ != '"')
		return NULL;
	*text = p;
	while (*p && *p != '"') {
		if (*p == '\\' && p[1])
			p++;
		p++;
	}
	*len = (size_t)(p - *text);
	return *p ? p + 1 : NULL;
}

bool esc_audit_field(const char *line, const char **at, struct esc_audit_field *f)
{
	const char *p = *at ? *at : line;

	if (*p != (*at ? ',' : '{'))
		return false;
	p = take_string(p + 1, &f->key, &f->key_len);
	if (!p || *p++ != ':')
		return false;
	if (*p == '"') {
		p = take_string(p, &f->value, &f->value_len);
	} else {
		f->value = p;
		f->value_len = strcspn(p, ",}");
		p += f->value_len;
	}
	*at = p;
	return p && (*p == ',' || *p == '}');
}

static bool is(const struct esc_audit_field *f, const char *key)
{
	return f->key_len == strlen(key) && !memcmp(f->key, key, f->key_len);
}

bool esc_audit_number(const char *line, const char *key, uint64_t *out)
{
	struct esc_audit_field f;
	const char *at = NULL;

	while (esc_audit_field(line, &at, &f)) {
		if (!is(&f, key))
			continue;
		char *end;
		*out = strtoull(f.value, &end, 10);
		return f.value_len && end == f.value + f.value_len;
	}
	return false;
}

/* --- for people ------------------------------------------------------------------------------- */

struct text {
	char *out;
	size_t size, len;
};

static void put(struct text *t, const char *s, size_t len)
{
	for (; len && t->len + 1 < t->size; s++, len--)
		t->out[t->len++] = *s >= ' ' && *s < 0x7f ? *s : '?';
	t->out[t->len] = '\0';
}

static void put_word(struct text *t, const char *before, const struct esc_audit_field *f,
		     const char *after)
{
	put(t, before, strlen(before));
	put(t, f->value, f->value_len);
	put(t, after, strlen(after));
}

static void put_member(struct text *t, const struct esc_audit_field *f)
{
	bool quote = memchr(f->value, ' ', f->value_len) || !f->value_len;

	put(t, " ", 1);
	put(t, f->key, f->key_len);
	put_word(t, quote ? "=\"" : "=", f, quote ? "\"" : "");
}

/* "2026-11-21 10:39:55Z " */
static void put_time(struct text *t, const char *line)
{
	uint64_t when;
	struct tm tm;
	char buf[32];

	if (!esc_audit_number(line, "time", &when))
		return;
	time_t seconds = (time_t)when;
	if (gmtime_r(&seconds, &tm))
		put(t, buf, strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%SZ ", &tm));
}

bool esc_audit_readable(const char *line, bool full, char *out, size_t size)
{
	static const char *const left_out[] = {"time", "ns", "by", "gid", "prev"};
	struct text t = {.out = out, .size = size};
	struct esc_audit_field f;
	const char *at = NULL;
	bool null, known = false;

	*out = '\0';
	if (full)
		put_time(&t, line);
	while (esc_audit_field(line, &at, &f)) {
		null = f.value_len == 4 && !memcmp(f.value, "null", 4) && f.value[-1] != '"';
		for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
			null |= is(&f, left_out[i]);
		if (is(&f, "seq"))
			put_word(&t, "", &f, ":");
		else if (is(&f, "node"))
			full ? put_word(&t, " ", &f, "") : (void)0;
		else if (is(&f, "event"))
			put_word(&t, " ", &f, "");
		else if (!null)
			put_member(&t, &f);
		known |= is(&f, "event");
	}
	return known && at && (!strcmp(at, "}") || !strcmp(at, "}\n"));
}
