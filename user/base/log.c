/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For a line to be taken. */
#define PATIENCE_MS 10

static char who[64] = "esclusa";
static int journal;
static int max_level = ESC_LOG_INFO;
static esc_log_sink *sink;

void esc_log_init(const char *name, const char *domain)
{
	const char *want = getenv("ESCLUSA_LOG");

	if (name && domain)
		snprintf(who, sizeof(who), "esclusa[%s %s]", name, domain);
	else if (name)
		snprintf(who, sizeof(who), "esclusa[%s]", name);
	journal = getenv("JOURNAL_STREAM") != NULL;
	if (want && !strcmp(want, "debug"))
		max_level = ESC_LOG_DEBUG;
}

void esc_log_to(esc_log_sink *to)
{
	sink = to;
}

static int put_prefix(char *line, size_t size, enum esc_log_level level)
{
	if (sink)
		return 0;
	return journal ? snprintf(line, size, "<%d>%s: ", (int)level, who)
		       : snprintf(line, size, "%s: %s", who,
				  level == ESC_LOG_ERR	  ? "error: "
				  : level == ESC_LOG_WARN ? "warning: "
							  : "");
}

/* Who reads it may hang: then the line is lost, and the process goes on. */
static void put_line(const char *line, size_t len)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (!poll(&out, 1, PATIENCE_MS))
		return;
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say so */
}

void esc_log(enum esc_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if ((int)level > max_level)
		return;
	int n = put_prefix(line, sizeof(line), level);
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	if (sink) {
		sink(level, line);
		return;
	}
	size_t len = strlen(line);
	line[len++] = '\n'; /* one write per line keeps the lines of several processes whole */
	put_line(line, len);
}

void esc_log_text(enum esc_log_level level, const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");
		esc_log(level, "%.*s", len, text);
		text += len;
		text += *text == '\n';
	}
}
