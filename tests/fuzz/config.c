/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a node's file: no crash, a verdict, and a model only if there is no error. */
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *err;
	struct esc_model *m;

	if (!err) {
		err = fopen("/dev/null", "w");
		if (!err || sodium_init() < 0)
			abort();
	}
	int code = esc_config_parse("fuzz", (const char *)data, size, size & 1, err, &m);
	if ((code == 0) != (m != NULL) || (code != 0 && code != 2))
		abort();
	if (m && (!m->has_key || !m->black[0] || !m->red[0] || !m->listen_port || !m->queues))
		abort();
	esc_model_free(m);
	return 0;
}
