// SPDX-License-Identifier: BSD-2-Clause
/*
 * selftest.c: what a provider must get right before it sees a packet. Every batch is made of
 * messages (key, counter, text) whose sealed form comes from libsodium; the provider must seal to
 * the same bytes, open them again, refuse what was forged, and write nowhere else. Buffers are
 * unaligned, lengths, keys, counters and forgeries are mixed within a batch.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nonce.h"
#include "selftest.h"
#include "vectors.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define KEYS	     8u
#define LEN_MAX	     4096u /* of the sweep over all lengths */
#define GUARD	     32u
#define SKEW	     64u   /* buffers begin at any offset of a cache line */
#define FILL	     0xa5u /* what `out` and its guards hold before a call */
#define SLOT_OVER    (ESC_AEAD_TAG_LEN + SKEW + 2 * GUARD)
#define MEM_LEN	     ((size_t)ESC_AEAD_BATCH_MAX * (LEN_MAX + SLOT_OVER))
#define POOL_LEN     (ESC_AEAD_LEN_MAX + 4096u)
#define VECTOR_ROOM  ((size_t)512) /* the vectors' plaintexts begin the pool */

struct message {
	unsigned int key;
	uint64_t counter;
	const uint8_t *plain;
	uint32_t len;
	bool genuine; /* to be accepted by open */
};

struct test {
	const struct esc_aead_provider *p;
	void *ctx;
	struct esc_aead_key *keys[KEYS];
	uint8_t raw[KEYS][ESC_AEAD_KEY_LEN];
	uint8_t pool[POOL_LEN]; /* plaintexts */
	uint8_t pool_copy[POOL_LEN];
	uint8_t sealed[MEM_LEN], out[MEM_LEN]; /* n slots of the same size */
	struct message msg[ESC_AEAD_BATCH_MAX];
	struct esc_aead_job jobs[ESC_AEAD_BATCH_MAX], want[ESC_AEAD_BATCH_MAX];
};

static const uint64_t counters[] = {
	0,	    1,
	255,	    256,
	1ull << 31, UINT32_MAX,
	1ull << 32, (1ull << 32) + 1,
	1ull << 60, (1ull << 63) - 1,
	1ull << 63, UINT64_MAX - 1,
	UINT64_MAX,
};

/* --- one batch -------------------------------------------------------------------------------- */

static uint8_t *sealed_of(struct test *t, size_t n, size_t i)
{
	return t->sealed + i * (MEM_LEN / n) + i * 11 % SKEW;
}

static uint8_t *out_of(struct test *t, size_t n, size_t i)
{
	return t->out + i * (MEM_LEN / n) + GUARD + i * 7 % SKEW;
}

static bool all_are(const uint8_t *p, size_t len, uint8_t a, uint8_t b)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != a && p[i] != b)
			return false;
	return true;
}

static void message_set(struct test *t, unsigned int i, unsigned int key, uint64_t counter,
			uint32_t len)
{
	t->msg[i] = (struct message){
		.key = key % KEYS,
		.counter = counter,
		.plain = t->pool + (counter + 37ull * i + 13ull * len) % (POOL_LEN - len + 1),
		.len = len,
		.genuine = true,
	};
}

/* The sealed form of n messages by libsodium. */
static void reference(struct test *t, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct message *m = &t->msg[i];
		uint8_t *sealed = sealed_of(t, n, i), nonce[ESC_AEAD_NONCE_LEN];

		esc_aead_nonce(nonce, m->counter);
		crypto_aead_chacha20poly1305_ietf_encrypt_detached(sealed, sealed + m->len, NULL,
								   m->plain, m->len, NULL, 0, NULL,
								   nonce, t->raw[m->key]);
	}
}

static void prepare(struct test *t, unsigned int n, bool seal)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct message *m = &t->msg[i];
		uint8_t *out = out_of(t, n, i);

		memset(out - GUARD, FILL, m->len + ESC_AEAD_TAG_LEN + 2 * GUARD);
		t->want[i] = (struct esc_aead_job){
			.key = t->keys[m->key],
			.counter = m->counter,
			.in = seal ? m->plain : sealed_of(t, n, i),
			.out = out,
			.len = m->len,
			.ok = m->genuine,
		};
		t->jobs[i] = t->want[i];
		t->jobs[i].ok = !m->genuine; /* a provider that forgets to say is found */
	}
}

static const char *check(struct test *t, unsigned int n, bool seal)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct esc_aead_job *j = &t->jobs[i], *w = &t->want[i];
		const uint32_t len = seal ? w->len + ESC_AEAD_TAG_LEN : w->len;
		const uint8_t *right = seal ? sealed_of(t, n, i) : t->msg[i].plain;

		if (j->key != w->key || j->counter != w->counter || j->in != w->in ||
		    j->out != w->out || j->len != w->len)
			return "a job's own fields were changed";
		if (j->ok && !w->ok)
			return "a forgery was accepted";
		if (!j->ok && w->ok)
			return seal ? "a packet was not sealed" : "a genuine packet was refused";
		if (w->ok && memcmp(w->out, right, len) != 0)
			return seal ? "wrong ciphertext or tag" : "wrong plaintext";
		if (!w->ok && !all_are(w->out, len, 0, FILL))
			return "a forgery left bytes in the output";
		if (!all_are(w->out - GUARD, GUARD, FILL, FILL) ||
		    !all_are(w->out + len, GUARD, FILL, FILL))
			return "bytes outside the output were written";
	}
	if (memcmp(t->pool, t->pool_copy, sizeof(t->pool)) != 0)
		return "the input was written";
	return NULL;
}

static const char *seal_batch(struct test *t, unsigned int n)
{
	reference(t, n);
	prepare(t, n, true);
	t->p->seal(t->ctx, t->jobs, n);
	return check(t, n, true);
}

static const char *open_batch(struct test *t, unsigned int n)
{
	prepare(t, n, false);
	t->p->open(t->ctx, t->jobs, n);
	return check(t, n, false);
}

/* Flip bits of byte `at` of the sealed form, tag included; the message is a forgery from now on. */
static void forge(struct test *t, unsigned int n, unsigned int i, uint32_t at, uint8_t bits)
{
	sealed_of(t, n, i)[at] ^= bits;
	t->msg[i].genuine = false;
}

/* --- steps ------------------------------------------------------------------------------------ */

static const char *known_answers(struct test *t)
{
	const unsigned int n = ARRAY_LEN(esc_aead_vectors);
	const char *why;

	for (unsigned int i = 0; i < n; i++) {
		const struct esc_aead_vector *v = &esc_aead_vectors[i];

		message_set(t, i, i, v->counter, v->len);
		t->msg[i].plain = t->pool + i * VECTOR_ROOM;
	}
	why = seal_batch(t, n);
	for (unsigned int i = 0; i < n; i++)
		if (memcmp(sealed_of(t, n, i), esc_aead_vectors[i].sealed,
			   esc_aead_vectors[i].len + ESC_AEAD_TAG_LEN) != 0)
			return "libsodium itself fails";
	return why ? why : open_batch(t, n);
}

/* Each length once, in a scattered order, in batches of 1 to 64; some of each batch forged. */
static const char *all_lengths(struct test *t)
{
	const char *why = NULL;
	unsigned int n = 0;

	for (unsigned int next = 0; next <= LEN_MAX && !why; next += n) {
		n = n % ESC_AEAD_BATCH_MAX + 1;
		if (n > LEN_MAX + 1 - next)
			n = LEN_MAX + 1 - next;
		for (unsigned int i = 0; i < n; i++)
			message_set(t, i, next + 5 * i, next * 0x9e3779b97f4a7c15ull + i,
				    (next + i) * 1237u % (LEN_MAX + 1));
		why = seal_batch(t, n);
		for (unsigned int i = n % 5; i < n; i += 5)
			forge(t, n, i, next * 31 % (t->msg[i].len + ESC_AEAD_TAG_LEN), 1 << i % 8);
		why = why ? why : open_batch(t, n);
	}
	return why;
}

static const char *large(struct test *t)
{
	const char *why;

	message_set(t, 0, 1, 7, ESC_AEAD_LEN_MAX);
	message_set(t, 1, 2, 8, 9000);
	message_set(t, 2, 3, 9, ESC_AEAD_LEN_MAX);
	why = seal_batch(t, 3);
	forge(t, 3, 2, ESC_AEAD_LEN_MAX - 1, 1);
	return why ? why : open_batch(t, 3);
}

static const char *all_counters(struct test *t)
{
	const unsigned int n = ARRAY_LEN(counters);
	const char *why;

	for (unsigned int i = 0; i < n; i++)
		message_set(t, i, 3, counters[i], 100);
	why = seal_batch(t, n);
	why = why ? why : open_batch(t, n);
	for (unsigned int i = 0; i < n; i++) {
		t->msg[i].counter = counters[(i + 1) % n];
		t->msg[i].genuine = false;
	}
	return why ? why : open_batch(t, n);
}

/* Every wrong value of every byte of a tag, beside genuine packets. */
static const char *forged_tags(struct test *t)
{
	const unsigned int n = ESC_AEAD_BATCH_MAX, all = ESC_AEAD_TAG_LEN * 255;
	const char *why = NULL;

	for (unsigned int next = 0, batch = 0; next < all && !why; batch++) {
		for (unsigned int i = 0; i < n; i++)
			message_set(t, i, i, batch, i % 2 ? 0 : 48);
		reference(t, n);
		for (unsigned int i = 0; i < n && next < all; i++) {
			if (i == batch % n)
				continue;
			forge(t, n, i, t->msg[i].len + next / 255, next % 255 + 1);
			next++;
		}
		why = open_batch(t, n);
	}
	return why;
}

/* Tags that a comparison by sum or by parity would take for right, a zero one, another packet's. */
static const char *odd_tags(struct test *t)
{
	const unsigned int n = ESC_AEAD_TAG_LEN + 2;

	for (unsigned int i = 0; i < n; i++)
		message_set(t, i, 5, i, 64);
	reference(t, n);
	memcpy(sealed_of(t, n, n - 1) + 64, sealed_of(t, n, 0) + 64, ESC_AEAD_TAG_LEN);
	memset(sealed_of(t, n, n - 2) + 64, 0, ESC_AEAD_TAG_LEN);
	t->msg[n - 2].genuine = t->msg[n - 1].genuine = false;
	for (unsigned int i = 0; i < ESC_AEAD_TAG_LEN; i++) {
		forge(t, n, i, 64 + i, 0x80);
		forge(t, n, i, 64 + (i + 1 + i % 8) % ESC_AEAD_TAG_LEN, 0x80);
	}
	return open_batch(t, n);
}

/* One wrong bit of the ciphertext, near its begin, its end and between; wrong key, wrong length. */
static const char *forged_text(struct test *t)
{
	const unsigned int n = ESC_AEAD_BATCH_MAX;
	const uint32_t len = 1420;
	const char *why = NULL;

	for (uint32_t at = 0; at < len && !why;) {
		for (unsigned int i = 0; i < n; i++)
			message_set(t, i, i, at, len);
		reference(t, n);
		for (unsigned int i = 1; i < n && at < len; i++) {
			forge(t, n, i, at, 1 << at % 8);
			at += at < 80 || at + 20 > len ? 1 : 19;
		}
		why = open_batch(t, n);
	}
	for (unsigned int i = 0; i < n; i++)
		message_set(t, i, i, i, len);
	reference(t, n);
	for (unsigned int i = 1; i < n; i++) {
		if (i % 2)
			t->msg[i].key = (i + 3) % KEYS; /* 0, 1 and 2 are the same key */
		else
			t->msg[i].len = len - i / 2;
		t->msg[i].genuine = false;
	}
	return why ? why : open_batch(t, n);
}

static const char *empty_batch(struct test *t)
{
	const char *why;

	message_set(t, 0, 0, 0, 64);
	t->msg[0].genuine = false; /* nothing may be done with it */
	prepare(t, 1, true);
	t->jobs[0].ok = false;
	t->p->seal(t->ctx, t->jobs, 0);
	why = check(t, 1, true);
	t->p->open(t->ctx, t->jobs, 0);
	return why ? why : check(t, 1, true);
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool test_start(struct test *t)
{
	static const uint8_t seed[randombytes_SEEDBYTES] = "esclusa AEAD self-test";

	randombytes_buf_deterministic(t->raw, sizeof(t->raw), seed);
	randombytes_buf_deterministic(t->pool, sizeof(t->pool), t->raw[0]);
	for (unsigned int i = 0; i < ARRAY_LEN(esc_aead_vectors); i++)
		memcpy(t->pool + i * VECTOR_ROOM, esc_aead_vectors[i].plain,
		       esc_aead_vectors[i].len);
	memcpy(t->pool_copy, t->pool, sizeof(t->pool));
	for (unsigned int i = 0; i < ARRAY_LEN(esc_aead_vectors); i++)
		memcpy(t->raw[i], esc_aead_vectors[i].key, sizeof(t->raw[i]));
	for (unsigned int i = 0; i < KEYS; i++) {
		t->keys[i] = t->p->key_new(t->ctx, t->raw[i]);
		if (!t->keys[i])
			return false;
	}
	return true;
}

static const char *run_steps(struct test *t)
{
	static const struct {
		const char *name;
		const char *(*run)(struct test *t);
	} steps[] = {
		{"known answers of RFC 8439", known_answers},
		{"lengths 0 to 4096", all_lengths},
		{"large packets", large},
		{"counters", all_counters},
		{"forged tags", forged_tags},
		{"odd tags", odd_tags},
		{"forged ciphertext", forged_text},
		{"empty batch", empty_batch},
	};
	static char text[96]; /* providers are called from one thread only */

	for (unsigned int i = 0; i < ARRAY_LEN(steps); i++) {
		const char *why = steps[i].run(t);

		if (why) {
			snprintf(text, sizeof(text), "%s: %s", steps[i].name, why);
			return text;
		}
	}
	return NULL;
}

_Static_assert(ARRAY_LEN(esc_aead_vectors) <= KEYS, "a key for each vector");
_Static_assert(sizeof(a5_plain) <= VECTOR_ROOM, "the longest vector fits");
_Static_assert(MEM_LEN / 3 >= ESC_AEAD_LEN_MAX + SLOT_OVER, "three large packets fit");

const char *esc_aead_selftest(const struct esc_aead_provider *p, void *ctx)
{
	struct test *t;
	const char *why;

	if (sodium_init() < 0)
		return "libsodium does not start";
	t = calloc(1, sizeof(*t));
	if (!t)
		return "out of memory";
	t->p = p;
	t->ctx = ctx;
	why = test_start(t) ? run_steps(t) : "a key was not accepted";
	for (unsigned int i = 0; i < KEYS; i++)
		if (t->keys[i])
			p->key_free(ctx, t->keys[i]);
	free(t);
	return why;
}
