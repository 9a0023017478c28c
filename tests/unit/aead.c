/* SPDX-License-Identifier: BSD-2-Clause */
/* The built-in AEAD providers: what the self-test cannot see from inside a running node. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "aead.h"
#include "nonce.h"
#include "selftest.h"

/* With a sanitizer the allocator is not ours to watch. */
#if defined(__SANITIZE_ADDRESS__)
#define WATCH_HEAP 0
#else
#define WATCH_HEAP 1
#endif

static const uint8_t raw_key[ESC_AEAD_KEY_LEN] = "a key that is easy to find again";

#if WATCH_HEAP
/* The C library's own names of its allocator; ours count calls and look into freed blocks. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

static atomic_uint heap_calls;
static atomic_uint keys_left; /* blocks that were freed with the key still in them */

void *malloc(size_t size)
{
	heap_calls++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	heap_calls++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	heap_calls++;
	return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	heap_calls++;
	return __libc_memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
	heap_calls++;
	*p = __libc_memalign(align, size);
	return *p ? 0 : ENOMEM;
}

void free(void *p)
{
	heap_calls++;
	if (p && memmem(p, malloc_usable_size(p), raw_key, 16))
		keys_left++;
	__libc_free(p);
}
#endif

/* --- helpers ---------------------------------------------------------------------------------- */

struct started {
	const struct esc_aead_provider *p;
	void *ctx;
	struct esc_aead_key *key;
};

/* Runs test on every provider that this build and CPU have. */
static void for_each_provider(void (*test)(struct started *s))
{
	const struct esc_aead_provider *const all[] = {
		esc_aead_ipsec_mb(),
		esc_aead_openssl(),
		esc_aead_sodium(),
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct started s = {.p = all[i]};

		if (!s.p || s.p->start(&s.ctx)) {
			print_message("  not on this machine: %s\n", s.p ? s.p->name : "ipsec-mb");
			continue;
		}
		s.key = s.p->key_new(s.ctx, raw_key);
		assert_non_null(s.key);
		print_message("  %s\n", s.p->name);
		test(&s);
		s.p->key_free(s.ctx, s.key);
		s.p->stop(s.ctx);
	}
}

static bool seal_one(struct started *s, uint64_t counter, const uint8_t *in, uint8_t *out,
		     uint32_t len)
{
	struct esc_aead_job j = {
		.key = s->key, .counter = counter, .in = in, .out = out, .len = len};

	s->p->seal(s->ctx, &j, 1);
	return j.ok;
}

static bool open_one(struct started *s, uint64_t counter, const uint8_t *in, uint8_t *out,
		     uint32_t len)
{
	struct esc_aead_job j = {
		.key = s->key, .counter = counter, .in = in, .out = out, .len = len};

	s->p->open(s->ctx, &j, 1);
	return j.ok;
}

/* n bytes that end (or begin) at memory that nobody can touch. */
#define PAGES 4u

struct fenced {
	uint8_t *map;
	size_t page;
};

static struct fenced fence(void)
{
	struct fenced f = {.page = (size_t)sysconf(_SC_PAGESIZE)};

	f.map = mmap(NULL, (PAGES + 2) * f.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(f.map != MAP_FAILED);
	assert_int_equal(mprotect(f.map + f.page, PAGES * f.page, PROT_READ | PROT_WRITE), 0);
	return f;
}

static void unfence(struct fenced *f)
{
	munmap(f->map, (PAGES + 2) * f->page);
}

static uint8_t *fenced_bytes(const struct fenced *f, size_t n, bool at_end)
{
	return at_end ? f->map + (PAGES + 1) * f->page - n : f->map + f->page;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void selftest(struct started *s)
{
	const char *why = esc_aead_selftest(s->p, s->ctx);

	if (why)
		fail_msg("%s: %s", s->p->name, why);
}

static void self_test_passes(void **state)
{
	(void)state;
	for_each_provider(selftest);
}

/* A read or write of a single byte outside in or out ends the program. */
static void stays_inside(struct started *s)
{
	struct fenced plain = fence(), sealed = fence(), opened = fence();

	for (unsigned int end = 0; end < 2; end++) {
		for (uint32_t len = 0; len <= 4096; len += len < 600 ? 1 : 23) {
			uint8_t *in = fenced_bytes(&plain, len, end);
			uint8_t *ct = fenced_bytes(&sealed, len + ESC_AEAD_TAG_LEN, end);
			uint8_t *out = fenced_bytes(&opened, len, end);

			memset(in, (int)len, len);
			assert_true(seal_one(s, len, in, ct, len));
			assert_true(open_one(s, len, ct, out, len));
			assert_memory_equal(in, out, len);
			ct[len + 3] ^= 1;
			assert_false(open_one(s, len, ct, out, len));
			assert_true(sodium_is_zero(out, len));
		}
	}
	unfence(&plain);
	unfence(&sealed);
	unfence(&opened);
}

static void no_byte_outside_the_buffers_is_touched(void **state)
{
	(void)state;
	for_each_provider(stays_inside);
}

struct scribbler {
	uint8_t *mem;
	size_t len;
	atomic_bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *w = arg;

	for (uint8_t v = 0; !w->stop; v++)
		for (size_t i = 0; i < w->len; i++)
			((volatile uint8_t *)w->mem)[i] = v;
	return NULL;
}

/* The tag must be of the bytes that were written, whatever the input was meanwhile. */
static void seals_what_it_writes(struct started *s)
{
	static uint8_t in[1420], out[1420 + ESC_AEAD_TAG_LEN], back[1420];
	struct scribbler w = {.mem = in, .len = sizeof(in)};
	uint8_t nonce[ESC_AEAD_NONCE_LEN];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, scribble, &w), 0);
	for (uint64_t counter = 0; counter < 20000; counter++) {
		assert_true(seal_one(s, counter, in, out, sizeof(in)));
		esc_aead_nonce(nonce, counter);
		assert_int_equal(crypto_aead_chacha20poly1305_ietf_decrypt_detached(
					 back, NULL, out, sizeof(in), out + sizeof(in), NULL, 0,
					 nonce, raw_key),
				 0);
	}
	w.stop = true;
	pthread_join(thread, NULL);
}

static void sealing_reads_changing_input_once(void **state)
{
	(void)state;
	for_each_provider(seals_what_it_writes);
}

#if WATCH_HEAP
static void batches(struct started *s)
{
	static uint8_t in[ESC_AEAD_BATCH_MAX][1500], out[ESC_AEAD_BATCH_MAX][1500];
	struct esc_aead_job jobs[ESC_AEAD_BATCH_MAX];
	unsigned int before = 0;

	/* First that the watch sees anything; the compiler must not drop the pair. */
	before = heap_calls;
	void *control = malloc(1);
	__asm__ volatile("" : : "r"(control) : "memory");
	free(control);
	assert_int_equal(heap_calls, before + 2);
	/* The first round is free to fill caches of the library's. */
	for (unsigned int round = 0; round < 3; round++) {
		before = round == 1 ? heap_calls : before;
		for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++)
			jobs[i] = (struct esc_aead_job){.key = s->key,
							.counter = i,
							.in = in[i],
							.out = out[i],
							.len = 20 * i};
		s->p->seal(s->ctx, jobs, ESC_AEAD_BATCH_MAX);
		for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++) {
			out[i][0] ^= i % 2; /* half of them forged */
			jobs[i].in = out[i];
			jobs[i].out = in[i];
		}
		s->p->open(s->ctx, jobs, ESC_AEAD_BATCH_MAX);
		for (unsigned int i = 0; i < ESC_AEAD_BATCH_MAX; i++)
			assert_int_equal(jobs[i].ok, i % 2 == 0);
	}
	assert_int_equal(heap_calls, before);
}
#endif

static void sealing_and_opening_never_allocate(void **state)
{
	(void)state;
#if WATCH_HEAP
	for_each_provider(batches);
#else
	print_message("  the sanitizer owns the allocator\n");
	skip();
#endif
}

#if WATCH_HEAP
static void use_key(struct started *s)
{
	static uint8_t in[300], out[300 + ESC_AEAD_TAG_LEN];

	assert_true(seal_one(s, 1, in, out, sizeof(in)));
}
#endif

static void freed_memory_holds_no_key(void **state)
{
	(void)state;
#if WATCH_HEAP
	uint8_t *control = malloc(sizeof(raw_key));

	/* First that the watch sees a key at all; the compiler must not drop the copy. */
	keys_left = 0;
	memcpy(control, raw_key, sizeof(raw_key));
	__asm__ volatile("" : : "r"(control) : "memory");
	free(control);
	assert_int_equal(keys_left, 1);

	keys_left = 0;
	for_each_provider(use_key);
	assert_int_equal(keys_left, 0);
#else
	print_message("  the sanitizer owns the allocator\n");
	skip();
#endif
}

static void come_and_go(struct started *s)
{
	static struct esc_aead_key *key[ESC_AEAD_KEYS_MAX];
	uint32_t n = 1; /* the one that is there */
	uint8_t raw[ESC_AEAD_KEY_LEN] = {0};

	while (n < ESC_AEAD_KEYS_MAX) {
		memcpy(raw, &n, sizeof(n));
		key[n] = s->p->key_new(s->ctx, raw);
		assert_non_null(key[n]);
		n++;
	}
	assert_null(s->p->key_new(s->ctx, raw_key));
	s->p->key_free(s->ctx, key[7]);
	key[7] = s->p->key_new(s->ctx, raw_key);
	assert_non_null(key[7]);
	s->p->key_free(s->ctx, key[7]);
	assert_true(sodium_is_zero((const uint8_t *)key[7], sizeof(raw))); /* it is the pool's */
	for (uint32_t i = 1; i < n; i++)
		s->p->key_free(s->ctx, i == 7 ? NULL : key[i]);
}

static void keys_are_as_many_as_promised_and_wiped(void **state)
{
	(void)state;
	for_each_provider(come_and_go);
}

/* ipsec-mb's queue state must not leak from one key or batch into the next. */
static void interleaved(struct started *s)
{
	static uint8_t in[64][256], out[64][256 + ESC_AEAD_TAG_LEN], back[256];
	struct esc_aead_key *keys[64];
	struct esc_aead_job jobs[64];
	uint8_t raw[ESC_AEAD_KEY_LEN] = {0};

	for (unsigned int i = 0; i < 64; i++) {
		raw[0] = (uint8_t)i;
		keys[i] = s->p->key_new(s->ctx, raw);
		assert_non_null(keys[i]);
		memset(in[i], (int)i, sizeof(in[i]));
		jobs[i] = (struct esc_aead_job){
			.key = keys[i], .counter = i, .in = in[i], .out = out[i], .len = 256 - i};
	}
	for (unsigned int i = 0; i < 64; i += 2) /* some keys come and go */
		s->p->key_free(s->ctx, s->p->key_new(s->ctx, raw_key));
	s->p->seal(s->ctx, jobs, 64);
	for (unsigned int i = 0; i < 64; i++) {
		struct started one = {.p = s->p, .ctx = s->ctx, .key = keys[i]};

		assert_true(jobs[i].ok);
		assert_true(open_one(&one, i, out[i], back, 256 - i));
		assert_memory_equal(back, in[i], 256 - i);
		one.key = keys[(i + 1) % 64];
		assert_false(open_one(&one, i, out[i], back, 256 - i));
	}
	for (unsigned int i = 0; i < 64; i++)
		s->p->key_free(s->ctx, keys[i]);
}

static void keys_do_not_mix(void **state)
{
	(void)state;
	for_each_provider(interleaved);
}

/* Two instances at once: one per queue. */
static void providers_can_be_started_twice(void **state)
{
	const struct esc_aead_provider *const p = esc_aead_ipsec_mb() ?: esc_aead_openssl();
	void *a = NULL, *b = NULL;

	(void)state;
	if (p->start(&a)) {
		print_message("  not on this machine: %s\n", p->name);
		skip();
	}
	assert_int_equal(p->start(&b), 0);
	p->stop(a);
	assert_null(esc_aead_selftest(p, b));
	p->stop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_test_passes),
		cmocka_unit_test(no_byte_outside_the_buffers_is_touched),
		cmocka_unit_test(sealing_reads_changing_input_once),
		cmocka_unit_test(sealing_and_opening_never_allocate),
		cmocka_unit_test(freed_memory_holds_no_key),
		cmocka_unit_test(keys_are_as_many_as_promised_and_wiped),
		cmocka_unit_test(keys_do_not_mix),
		cmocka_unit_test(providers_can_be_started_twice),
	};

	return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
