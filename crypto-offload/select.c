// SPDX-License-Identifier: BSD-2-Clause
/* select.c: from the configuration's word to a started, tested provider. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* The order of esc_aead_names and of ties. */
static const struct esc_aead_provider *(*const built_in[])(void) = {
	esc_aead_ipsec_mb,
	esc_aead_openssl,
	esc_aead_sodium,
};

#define BUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

_Static_assert(BUILT_IN <= ESC_AEAD_LIST_MAX, "auto tries them all");

#ifdef ESC_BENCH_COPY
/*
 * Only in the benchmark binary that is compiled for it: "auto" is a memcpy in place of the
 * cipher, to measure what everything but the cipher costs. It could not pass the self-test.
 */
const struct esc_aead_provider *esc_aead_copy(void);

static int start_copy(struct esc_aead *a)
{
	const struct esc_aead_provider *p = esc_aead_copy();

	*a = (struct esc_aead){.provider = p, .note = "copy (NO ENCRYPTION: benchmark only)"};
	return p->start(&a->ctx);
}
#endif

static int start_auto(struct esc_aead *a, char why[ESC_AEAD_WHY])
{
	const struct esc_aead_provider *list[BUILT_IN];

	for (unsigned int i = 0; i < BUILT_IN; i++)
		list[i] = built_in[i]();
	return esc_aead_fastest(a, list, BUILT_IN, why);
}

static int start_named(struct esc_aead *a, const char *want, char why[ESC_AEAD_WHY])
{
	for (unsigned int i = 0; i < BUILT_IN; i++) {
		const struct esc_aead_provider *p = built_in[i]();
		int err;

		if (!p || strcmp(p->name, want) != 0)
			continue;
		err = esc_aead_start(a, p, why);
		if (!err)
			snprintf(a->note, sizeof(a->note), "%s (self-test passed)", p->name);
		return err;
	}
	snprintf(why, ESC_AEAD_WHY,
		 "no AEAD provider \"%.64s\": expected auto, %s, or a path with a / to a shared "
		 "object",
		 want, esc_aead_names());
	return -ENOENT;
}

int esc_aead_select(struct esc_aead *a, const char *want, char why[ESC_AEAD_WHY])
{
	memset(a, 0, sizeof(*a));
	why[0] = '\0';
#ifdef ESC_BENCH_COPY
	if (!strcmp(want, "auto"))
		return start_copy(a);
#endif
	if (strchr(want, '/'))
		return esc_aead_load(a, want, why);
	if (!strcmp(want, "auto"))
		return start_auto(a, why);
	return start_named(a, want, why);
}

void esc_aead_release(struct esc_aead *a)
{
	if (a->provider)
		a->provider->stop(a->ctx);
	if (a->object)
		dlclose(a->object);
	memset(a, 0, sizeof(*a));
}

const char *esc_aead_names(void)
{
	static char names[64];
	size_t used = 0;

	for (unsigned int i = 0; i < BUILT_IN && used < sizeof(names); i++) {
		const struct esc_aead_provider *p = built_in[i]();
		void *ctx = NULL;

		if (!p || p->start(&ctx))
			continue;
		p->stop(ctx);
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 used ? ", " : "", p->name);
	}
	return names;
}
