/* SPDX-License-Identifier: BSD-2-Clause */
/* steps.h: the self-test's parts, with what they compare against as arguments. */
#ifndef ESC_SELFTEST_STEPS_H
#define ESC_SELFTEST_STEPS_H

#include "noise/primitives.h"
#include "selftest/selftest.h"

#define ESC_ANSWER_MAX 160 /* bytes of the longest answer */

struct esc_known {
	const char *test, *source;
	const char *answer; /* in hexadecimal */
	/* false: the primitive refused to work. */
	bool (*compute)(struct wg_blake2s *b2, uint8_t out[ESC_ANSWER_MAX]);
	bool control; /* control uses it too; crypto uses all */
};

extern const struct esc_known esc_known[];
extern const size_t esc_known_count;

/* All of a table. false: a test failed. */
bool esc_selftest_known(const struct esc_known *table, size_t n, esc_selftest_report *report,
			void *arg);

/*
 * Fills out with len random bytes; 0 or -errno. Two draws of half of ESC_RANDOM_SAMPLE bytes each
 * are looked at. A good source fails once in more than 2^60 times (random.c).
 */
typedef int esc_random_source(void *out, size_t len);
#define ESC_RANDOM_SAMPLE 4096u
bool esc_selftest_random(esc_random_source *source, esc_selftest_report *report, void *arg);
/* The one in use: the kernel must be able to answer at once, and then libsodium is asked. */
esc_random_source esc_random_system;

struct esc_digest {
	const char *object;
	const char *sha256; /* in hexadecimal, of the file that the compiler wrote */
};

extern const struct esc_digest esc_digests[];
extern const size_t esc_digest_count;

/* Every object has its digest, and every digest its object. */
bool esc_selftest_objects(const struct esc_digest *digests, size_t n_digests,
			  const struct esc_object *objects, size_t n, esc_selftest_report *report,
			  void *arg);

#endif
