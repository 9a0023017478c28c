/* SPDX-License-Identifier: BSD-2-Clause */
/* The AEAD self-test finds each defect: providers that are right but for one thing. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "aead.h"
#include "nonce.h"
#include "selftest.h"

typedef void (*batch_fn)(void *, struct esc_aead_job *, unsigned int);

static void *good_ctx;

static void good_seal(struct esc_aead_job *jobs, unsigned int n)
{
	esc_aead_sodium()->seal(good_ctx, jobs, n);
}

static void good_open(struct esc_aead_job *jobs, unsigned int n)
{
	esc_aead_sodium()->open(good_ctx, jobs, n);
}

/* What the self-test says of libsodium's provider with its seal or its open replaced. */
static const char *verdict(batch_fn seal, batch_fn open)
{
	struct esc_aead_provider p = *esc_aead_sodium();

	assert_int_equal(p.start(&good_ctx), 0);
	if (seal)
		p.seal = seal;
	if (open)
		p.open = open;
	return esc_aead_selftest(&p, good_ctx);
}

#define assert_found(seal, open, text)                                                             \
	do {                                                                                       \
		const char *v_ = verdict(seal, open);                                              \
                                                                                                   \
		assert_non_null(v_);                                                               \
		if (!strstr(v_, text))                                                             \
			fail_msg("found another fault: %s", v_);                                   \
	} while (0)

/* --- defects ---------------------------------------------------------------------------------- */

static void decrypt(const struct esc_aead_job *j)
{
	uint8_t nonce[ESC_AEAD_NONCE_LEN];

	esc_aead_nonce(nonce, j->counter);
	/* libsodium's provider has the raw key at the start of its key. */
	crypto_stream_chacha20_ietf_xor_ic(j->out, j->in, j->len, nonce, 1,
					   (const uint8_t *)j->key);
}

/* The tag that j's message should have. */
static void right_tag(const struct esc_aead_job *j, uint8_t tag[ESC_AEAD_TAG_LEN])
{
	static uint8_t sealed[ESC_AEAD_LEN_MAX + ESC_AEAD_TAG_LEN];
	struct esc_aead_job again = *j;

	again.in = j->out;
	again.out = sealed;
	good_seal(&again, 1);
	memcpy(tag, sealed + j->len, ESC_AEAD_TAG_LEN);
}

static void open_ignoring_tags(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		decrypt(&jobs[i]);
		jobs[i].ok = true;
	}
}

static void open_comparing_15_bytes(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	uint8_t tag[ESC_AEAD_TAG_LEN];

	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		decrypt(&jobs[i]);
		right_tag(&jobs[i], tag);
		jobs[i].ok = !memcmp(tag, jobs[i].in + jobs[i].len, 15);
		if (!jobs[i].ok)
			memset(jobs[i].out, 0, jobs[i].len);
	}
}

static void open_comparing_by_parity(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	uint8_t tag[ESC_AEAD_TAG_LEN];

	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t sum = 0;

		decrypt(&jobs[i]);
		right_tag(&jobs[i], tag);
		for (unsigned int b = 0; b < ESC_AEAD_TAG_LEN; b++)
			sum ^= (uint8_t)(tag[b] ^ jobs[i].in[jobs[i].len + b]);
		jobs[i].ok = !sum;
		if (!jobs[i].ok)
			memset(jobs[i].out, 0, jobs[i].len);
	}
}

static void open_leaving_plaintext(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_open(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		if (!jobs[i].ok)
			decrypt(&jobs[i]);
}

/* One refusal refuses the batch. */
static void open_all_or_none(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	bool all = true;

	(void)ctx;
	good_open(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		all = all && jobs[i].ok;
	for (unsigned int i = 0; i < n; i++)
		jobs[i].ok = all;
}

static void open_never_saying(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		const bool before = jobs[i].ok;

		good_open(&jobs[i], 1);
		jobs[i].ok = before;
	}
}

static void open_writing_behind(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_open(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		jobs[i].out[jobs[i].len] = 0;
}

static void seal_writing_before(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		jobs[i].out[-1] = 0;
}

static void seal_with_32_bit_counter(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job j = jobs[i];

		j.counter = (uint32_t)j.counter;
		good_seal(&j, 1);
		jobs[i].ok = j.ok;
	}
}

static void seal_with_first_key(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	for (unsigned int i = 0; i < n; i++) {
		struct esc_aead_job j = jobs[i];

		j.key = jobs[0].key;
		good_seal(&j, 1);
		jobs[i].ok = j.ok;
	}
}

static void seal_changing_jobs(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		jobs[i].out += jobs[i].len;
}

static void seal_in_place(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		memcpy((uint8_t *)(uintptr_t)jobs[i].in, jobs[i].out, jobs[i].len);
}

static void seal_wrong_at_one_length(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		if (jobs[i].len == 3217)
			jobs[i].out[3216] ^= 1;
}

static void seal_wrong_beyond_4096(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n);
	for (unsigned int i = 0; i < n; i++)
		if (jobs[i].len > 4096)
			jobs[i].out[jobs[i].len] ^= 1;
}

static void seal_wrong_64th(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n);
	if (n == ESC_AEAD_BATCH_MAX)
		jobs[n - 1].ok = false;
}

static void seal_one_at_least(void *ctx, struct esc_aead_job *jobs, unsigned int n)
{
	(void)ctx;
	good_seal(jobs, n ? n : 1);
}

static struct esc_aead_key *no_key(void *ctx, const uint8_t key[ESC_AEAD_KEY_LEN])
{
	(void)ctx;
	(void)key;
	return NULL;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void right_provider_passes_within_tens_of_milliseconds(void **state)
{
	struct timespec a, b;

	(void)state;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	assert_null(verdict(NULL, NULL));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	/* 28 ms measured for this, the slowest provider; sanitizers and loaded machines get room.
	 */
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 1000);
}

static void faults_of_the_tag_check_are_found(void **state)
{
	(void)state;
	assert_found(NULL, open_ignoring_tags, "lengths 0 to 4096: a forgery was accepted");
	assert_found(NULL, open_comparing_15_bytes, "a forgery was accepted");
	assert_found(NULL, open_comparing_by_parity, "a forgery was accepted");
	assert_found(NULL, open_leaving_plaintext, "a forgery left bytes in the output");
	assert_found(NULL, open_all_or_none, "a genuine packet was refused");
	assert_found(NULL, open_never_saying, "known answers of RFC 8439: a genuine packet");
}

static void writes_outside_the_output_are_found(void **state)
{
	(void)state;
	assert_found(NULL, open_writing_behind, "bytes outside the output were written");
	assert_found(seal_writing_before, NULL, "bytes outside the output were written");
	assert_found(seal_changing_jobs, NULL, "a job's own fields were changed");
	assert_found(seal_in_place, NULL, "the input was written");
	assert_found(seal_one_at_least, NULL, "empty batch");
}

static void wrong_keys_and_nonces_are_found(void **state)
{
	(void)state;
	assert_found(seal_with_32_bit_counter, NULL, "known answers of RFC 8439: wrong ciphertext");
	assert_found(seal_with_first_key, NULL, "known answers of RFC 8439: wrong ciphertext");
}

static void faults_at_one_length_or_batch_are_found(void **state)
{
	(void)state;
	assert_found(seal_wrong_at_one_length, NULL, "lengths 0 to 4096: wrong ciphertext");
	assert_found(seal_wrong_beyond_4096, NULL, "large packets: wrong ciphertext");
	assert_found(seal_wrong_64th, NULL, "lengths 0 to 4096: a packet was not sealed");
}

static void provider_without_keys_is_found(void **state)
{
	struct esc_aead_provider p = *esc_aead_sodium();

	(void)state;
	p.key_new = no_key;
	assert_string_equal(esc_aead_selftest(&p, NULL), "a key was not accepted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_provider_passes_within_tens_of_milliseconds),
		cmocka_unit_test(faults_of_the_tag_check_are_found),
		cmocka_unit_test(writes_outside_the_output_are_found),
		cmocka_unit_test(wrong_keys_and_nonces_are_found),
		cmocka_unit_test(faults_at_one_length_or_batch_are_found),
		cmocka_unit_test(provider_without_keys_is_found),
	};

	return cmocka_run_group_tests_name("aead_selftest", tests, NULL, NULL);
}
