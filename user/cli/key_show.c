/* SPDX-License-Identifier: BSD-2-Clause */
/* key_show.c: esclusa key show FILE: what a key store tells without a secret. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/encode.h"
#include "base/json.h"
#include "cli/key.h"

static const char *date(char out[32], uint64_t seconds)
{
	const time_t t = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, 32, "%llu", (unsigned long long)seconds);
	return out;
}

static void print_text(const struct esc_keystore *ks, const char *path)
{
	const struct esc_ks_header *h = &ks->image.header;
	char key[ESC_KEY_B64], when[32];

	printf("key store %s\n", path);
	printf("  %-12s %s\n", "public key", esc_key_to_base64(key, h->public_key));
	printf("  %-12s %s\n", "key made", date(when, esc_ks_get64(h->key_created)));
	printf("  %-12s %s\n", "store made", date(when, esc_ks_get64(h->created)));
	printf("  %-12s %u\n\n", "version", esc_ks_get32(h->version));
	printf("slot  %-12s%-21s%-20s%s\n", "type", "created", "Argon2id", "label");
	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS; i++) {
		const struct esc_slot_info s = esc_ks_slot_info(&ks->image, i);
		char cost[32];

		if (s.type == ESC_SLOT_FREE)
			continue;
		snprintf(cost, sizeof(cost), "%u x %llu MiB", s.ops,
			 (unsigned long long)(s.mem >> 20));
		printf("%-6u%-12s%-21s%-*s%s\n", i, esc_ks_type_name(s.type), date(when, s.created),
		       *s.label ? 20 : 0, cost, s.label);
	}
}

static void print_json(const struct esc_keystore *ks, const char *path)
{
	const struct esc_ks_header *h = &ks->image.header;
	char key[ESC_KEY_B64];
	struct esc_json j;

	esc_json_init(&j, stdout);
	esc_json_object(&j, NULL);
	esc_json_str(&j, "file", path);
	esc_json_u64(&j, "version", esc_ks_get32(h->version));
	esc_json_str(&j, "public_key", esc_key_to_base64(key, h->public_key));
	esc_json_u64(&j, "key_created", esc_ks_get64(h->key_created));
	esc_json_u64(&j, "created", esc_ks_get64(h->created));
	esc_json_array(&j, "slots");
	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS; i++) {
		const struct esc_slot_info s = esc_ks_slot_info(&ks->image, i);

		if (s.type == ESC_SLOT_FREE)
			continue;
		esc_json_object(&j, NULL);
		esc_json_u64(&j, "slot", i);
		esc_json_str(&j, "type", esc_ks_type_name(s.type));
		esc_json_str(&j, "label", *s.label ? s.label : NULL);
		esc_json_u64(&j, "created", s.created);
		esc_json_u64(&j, "ops", s.ops);
		esc_json_u64(&j, "mem", s.mem);
		esc_json_end(&j);
	}
	esc_json_end(&j);
	esc_json_end(&j);
	esc_json_finish(&j);
}

int key_show(const struct key_args *a)
{
	char why[ESC_KEYSTORE_WHY];
	struct esc_keystore ks;

	if (esc_keystore_read(&ks, a->file, why))
		return key_failed("%s", why);
	if (a->json)
		print_json(&ks, a->file);
	else
		print_text(&ks, a->file);
	esc_keystore_close(&ks);
	if (fflush(stdout) || ferror(stdout))
		return key_failed("cannot write to standard output: %s", strerror(errno));
	return ESC_EXIT_OK;
}
