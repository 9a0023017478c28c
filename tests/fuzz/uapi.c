/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes on the wg socket, in two pieces: framing, set and get. A request that is accepted
 * must leave a model whose differences are messages and that can be shown whole.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_status(void *arg, uint32_t id, struct esc_uapi_live *live)
{
	(void)arg;
	(void)id;
	(void)live;
}

static int take_message(void *arg, struct esc_msg *m, bool is_new)
{
	(void)is_new;
	if (esc_msg_size(m->type) < 0)
		abort();
	return ++*(unsigned int *)arg == 0;
}

static struct esc_model *apply(struct esc_model *m, const char *request, size_t len)
{
	struct esc_model *next = NULL;
	struct esc_reason why;
	struct esc_batch *b;
	unsigned int messages = 0;
	size_t reply_len;

	if (esc_uapi_set(request, len, &b, &why))
		return m;
	if (!esc_model_stage(m, b, &next, &why)) {
		esc_model_diff_messages(m, next, take_message, &messages);
		esc_model_free(m);
		m = next;
	}
	esc_batch_free(b);
	char *reply = esc_uapi_get(m, no_status, NULL, &reply_len);
	if (!reply || reply_len < 9 || memcmp(reply + reply_len - 9, "errno=0\n\n", 9) ||
	    !m->listen_port)
		abort();
	esc_uapi_reply_free(reply);
	return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esc_uapi_rx rx = {0};
	size_t half = size ? data[0] % size : 0, len;
	const char *request;

	if (sodium_init() < 0)
		abort();
	struct esc_model *m = esc_model_new();
	for (int part = 0; part < 2; part++) {
		const uint8_t *from = part ? data + half : data;
		size_t n = part ? size - half : half;

		if (esc_uapi_rx_add(&rx, from, n))
			abort();
		while ((request = esc_uapi_rx_next(&rx, &len)))
			if (esc_uapi_verb(request, len) == ESC_UAPI_SET)
				m = apply(m, request, len);
	}
	esc_uapi_rx_free(&rx);
	esc_model_free(m);
	return 0;
}
