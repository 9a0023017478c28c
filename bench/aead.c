// SPDX-License-Identifier: BSD-2-Clause
/*
 * aead.c: what one packet costs in each AEAD provider: batches of 64 packets in warm caches, one
 * key, best and median batch. -j prints JSON. Exit code 1 if a provider that starts fails its
 * self-test.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "internal.h"
#include "selftest.h"

#define ROUNDS	     400u

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const uint32_t sizes[] = {64, 512, 1420};

struct result {
	double min[2], median[2]; /* seal, open: ns per packet */
};

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Each sample is the better of two batches: the first one warms caches and predictors up. */
static int measure(const struct esc_aead_provider *p, void *ctx, uint32_t len, struct result *r)
{
	static double ns[2][ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		double both[2];
		int err = esc_aead_measure(p, ctx, len, 2, both);

		if (err)
			return err;
		ns[0][i] = both[0];
		ns[1][i] = both[1];
	}
	for (unsigned int d = 0; d < 2; d++) {
		qsort(ns[d], ROUNDS, sizeof(ns[d][0]), compare);
		r->min[d] = ns[d][0];
		r->median[d] = ns[d][ROUNDS / 2];
	}
	return 0;
}

static void print(struct esc_json *j, const char *name, uint32_t len, const struct result *r)
{
	if (!j) {
		printf("%-10s %6u %10.0f %10.0f %10.0f %10.0f\n", name, len, r->min[0],
		       r->median[0], r->min[1], r->median[1]);
		return;
	}
	esc_json_object(j, NULL);
	esc_json_str(j, "provider", name);
	esc_json_u64(j, "bytes", len);
	esc_json_u64(j, "seal_ns_min", (uint64_t)(r->min[0] + 0.5));
	esc_json_u64(j, "seal_ns_median", (uint64_t)(r->median[0] + 0.5));
	esc_json_u64(j, "open_ns_min", (uint64_t)(r->min[1] + 0.5));
	esc_json_u64(j, "open_ns_median", (uint64_t)(r->median[1] + 0.5));
	esc_json_end(j);
}

/* false: it starts, but must not be used, or memory ran out. */
static bool bench(struct esc_json *j, const struct esc_aead_provider *p)
{
	char why[ESC_AEAD_WHY];
	struct esc_aead a;
	int err = esc_aead_start(&a, p, why);

	if (err) {
		fprintf(stderr, "bench/aead: %s\n", why);
		return err == -ENOTSUP;
	}
	for (size_t s = 0; s < ARRAY_LEN(sizes) && !err; s++) {
		struct result r;

		err = measure(p, a.ctx, sizes[s], &r);
		if (!err)
			print(j, p->name, sizes[s], &r);
	}
	if (err)
		fprintf(stderr, "bench/aead: cannot measure %s: %s\n", p->name, strerror(-err));
	esc_aead_release(&a);
	return !err;
}

int main(int argc, char **argv)
{
	const struct esc_aead_provider *const providers[] = {
		esc_aead_ipsec_mb(),
		esc_aead_openssl(),
		esc_aead_sodium(),
	};
	const bool json = argc == 2 && !strcmp(argv[1], "-j");
	struct esc_json j;
	bool ok = true;

	if (argc > 1 && !json) {
		fprintf(stderr, "usage: aead [-j]   ns per packet of each AEAD provider\n");
		return 2;
	}
	if (json) {
		esc_json_init(&j, stdout);
		esc_json_array(&j, NULL);
	} else {
		printf("%-10s %6s %10s %10s %10s %10s\n", "provider", "bytes", "seal min", "median",
		       "open min", "median");
	}
	for (size_t i = 0; i < ARRAY_LEN(providers); i++)
		if (providers[i])
			ok = bench(json ? &j : NULL, providers[i]) && ok;
	if (json) {
		esc_json_end(&j);
		ok = esc_json_finish(&j) && ok;
	}
	return ok ? 0 : 1;
}
