/* SPDX-License-Identifier: BSD-2-Clause */
/* uapi.c: where a request of the wg socket begins and ends, and the short replies. */
#include "control/uapi.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define RX_START 4096u

/* Forget the request that was handed out last; what came after it moves to the front. */
static void drop_taken(struct esc_uapi_rx *rx)
{
	size_t rest = rx->len - rx->taken;

	if (!rx->taken)
		return;
	memmove(rx->buf, rx->buf + rx->taken, rest);
	sodium_memzero(rx->buf + rest, rx->taken);
	rx->len = rest;
	rx->taken = 0;
	rx->scanned = 0;
}

int esc_uapi_rx_add(struct esc_uapi_rx *rx, const void *bytes, size_t len)
{
	drop_taken(rx);
	if (len > ESC_UAPI_REQUEST_MAX - rx->len)
		return -E2BIG;
	if (rx->len + len > rx->size) {
		size_t size = rx->size ? rx->size : RX_START;

		while (size < rx->len + len)
			size *= 2;
		char *buf = sodium_malloc(size);
		if (!buf)
			return -ENOMEM;
		if (rx->len)
			memcpy(buf, rx->buf, rx->len);
		sodium_free(rx->buf);
		rx->buf = buf;
		rx->size = size;
	}
	if (len)
		memcpy(rx->buf + rx->len, bytes, len);
	rx->len += len;
	return 0;
}

const char *esc_uapi_rx_next(struct esc_uapi_rx *rx, size_t *len)
{
	drop_taken(rx);
	/* The blank line: a line end at the very beginning or after another one. */
	for (; rx->scanned < rx->len; rx->scanned++) {
		size_t i = rx->scanned;

		if (rx->buf[i] != '\n' || (i && rx->buf[i - 1] != '\n'))
			continue;
		rx->buf[i] = '\0';
		rx->taken = i + 1;
		*len = i;
		return rx->buf;
	}
	return NULL;
}

bool esc_uapi_rx_pending(const struct esc_uapi_rx *rx)
{
	return rx->len > rx->taken;
}

void esc_uapi_rx_free(struct esc_uapi_rx *rx)
{
	sodium_free(rx->buf);
	memset(rx, 0, sizeof(*rx));
}

enum esc_uapi_verb esc_uapi_verb(const char *request, size_t len)
{
	static const char get[] = "get=1\n", set[] = "set=1\n";

	if (len == sizeof(get) - 1 && !memcmp(request, get, len))
		return ESC_UAPI_GET;
	if (len >= sizeof(set) - 1 && !memcmp(request, set, sizeof(set) - 1))
		return ESC_UAPI_SET;
	return ESC_UAPI_BAD;
}

size_t esc_uapi_errno(char buf[ESC_UAPI_ERRNO_MAX], enum esc_uapi_verb verb, int err)
{
	int n = snprintf(buf, ESC_UAPI_ERRNO_MAX, "errno=%d\n\n",
			 verb == ESC_UAPI_GET ? -err : err);

	return n > 0 ? (size_t)n : 0;
}
