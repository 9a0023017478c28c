/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a node's file: no crash, a verdict, and a model only if there is no error. */
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted prints as something that is accepted, and means the same. */
static void check_rules(const struct esc_model *m)
{
	const struct esc_policy *p = &m->split.policy;
	char text[ESC_RULE_STR], why[ESC_RULE_WHY];

	for (uint32_t i = 0; i < p->rules; i++) {
		struct esc_rule back;
		uint32_t n = 0;

		esc_rule_text(&p->rule[i], text);
		if (!esc_rule_parse(text, p->rule[i].verdict, &back, 1, &n, why) ||
		    memcmp(&back, &p->rule[i], sizeof(back)) != 0)
			abort();
	}
	for (uint32_t i = 0; i < p->openings; i++) {
		bool forward = esc_opening_is_forward(&p->opening[i]);
		struct esc_opening back = {0};
		uint32_t n = 0;

		esc_opening_text(&p->opening[i], text);
		if (!(forward ? esc_forward_parse : esc_open_parse)(text, &back, 1, &n, why) ||
		    memcmp(&back, &p->opening[i], sizeof(back)) != 0)
			abort();
	}
	if (m->mode == ESC_MODE_ENCRYPTOR && (p->rules || p->openings))
		abort();
}

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
	if (m)
		check_rules(m);
	esc_model_free(m);
	return 0;
}
