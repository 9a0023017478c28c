/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings and bells: two threads lose and reorder nothing, a sleeper is woken, and whatever cursor
 * the other side writes, no index leaves the ring.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "ring/ring.h"

#define MANY 4000000ull

struct pair {
	struct esc_ring *shared;
	struct esc_bell consumer_bell, producer_bell;
	int consumer_wake, producer_wake;
	bool sleepy; /* sleep instead of spinning */
	uint64_t wrong;
};

static struct esc_ring *new_ring(void)
{
	struct esc_ring *r = aligned_alloc(64, sizeof(*r));

	assert_non_null(r);
	memset(r, 0, sizeof(*r));
	return r;
}

/* Unlike any neighbour, so that a lost, doubled or torn word shows. */
static esc_desc nth(uint64_t n)
{
	return n * 0x9e3779b97f4a7c15ull;
}

static void doze(struct pair *p, struct esc_bell *bell, int wake, struct esc_ring_end *end,
		 bool producer)
{
	struct pollfd fd = {.fd = wake, .events = POLLIN};

	if (!p->sleepy) {
		sched_yield();
		return;
	}
	esc_bell_arm(bell);
	if (producer ? !esc_ring_space(end, 1) : !esc_ring_avail(end, 1)) {
		if (poll(&fd, 1, 20000) == 0) /* a lost wake-up */
			__atomic_add_fetch(&p->wrong, 1, __ATOMIC_RELAXED);
	}
	esc_bell_disarm(bell, wake);
}

static void *produce(void *arg)
{
	struct pair *p = arg;
	struct esc_ring_end end;
	unsigned int seed = 7;

	esc_ring_attach(&end, p->shared);
	for (uint64_t n = 0; n < MANY;) {
		uint32_t want = 1 + (uint32_t)rand_r(&seed) % 200;
		uint32_t space = esc_ring_space(&end, want);

		if (!space) {
			doze(p, &p->producer_bell, p->producer_wake, &end, true);
			continue;
		}
		if (want > space)
			want = space;
		if (want > MANY - n)
			want = (uint32_t)(MANY - n);
		for (uint32_t i = 0; i < want; i++)
			esc_ring_put(&end, i, nth(n + i));
		esc_ring_publish(&end, want);
		esc_bell_ring(&p->consumer_bell, p->consumer_wake);
		n += want;
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct pair *p = arg;
	struct esc_ring_end end;
	unsigned int seed = 11;

	esc_ring_attach(&end, p->shared);
	for (uint64_t n = 0; n < MANY;) {
		uint32_t got = esc_ring_avail(&end, 1 + (uint32_t)rand_r(&seed) % 200);

		if (!got) {
			doze(p, &p->consumer_bell, p->consumer_wake, &end, false);
			continue;
		}
		for (uint32_t i = 0; i < got; i++) {
			if (esc_ring_peek(&end, i) != nth(n + i))
				__atomic_add_fetch(&p->wrong, 1, __ATOMIC_RELAXED);
		}
		esc_ring_consume(&end, got);
		esc_bell_ring(&p->producer_bell, p->producer_wake);
		n += got;
	}
	return NULL;
}

static void two_threads(bool sleepy)
{
	struct pair p = {
		.shared = new_ring(),
		.consumer_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.producer_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.sleepy = sleepy,
	};
	pthread_t a, b;

	assert_int_equal(pthread_create(&a, NULL, produce, &p), 0);
	assert_int_equal(pthread_create(&b, NULL, consume, &p), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	assert_int_equal(p.wrong, 0);
	assert_int_equal(p.shared->prod, (uint32_t)MANY);
	assert_int_equal(p.shared->cons, (uint32_t)MANY);
	close(p.consumer_wake);
	close(p.producer_wake);
	free(p.shared);
}

static void millions_in_order_between_two_threads(void **state)
{
	(void)state;
	two_threads(false);
}

static void sleepers_are_always_woken(void **state)
{
	(void)state;
	two_threads(true);
}

/*
 * "Arm, then look at the ring" against "publish, then look at the bell", at the same moment and
 * over and over: one of the two must see the other, or the packet waits for the next one.
 */
#define MOMENTS 300000u

struct moment {
	struct esc_ring_end in, out;
	struct esc_bell bell;
	int wake;
	_Atomic uint32_t ready[2];
	bool *saw, *rang; /* [MOMENTS] */
};

static void meet(struct moment *m, int self, uint32_t turn)
{
	atomic_store(&m->ready[self], turn + 1);
	for (uint32_t spins = 0; atomic_load(&m->ready[!self]) <= turn; spins++) {
		if (spins % 4096 == 4095)
			sched_yield();
	}
}

static void *publisher(void *arg)
{
	struct moment *m = arg;

	for (uint32_t turn = 0; turn < MOMENTS; turn++) {
		meet(m, 0, 2 * turn);
		esc_ring_push(&m->out, turn);
		m->rang[turn] = esc_bell_ring(&m->bell, m->wake);
		meet(m, 0, 2 * turn + 1);
	}
	return NULL;
}

static void *sleeper(void *arg)
{
	struct moment *m = arg;

	for (uint32_t turn = 0; turn < MOMENTS; turn++) {
		meet(m, 1, 2 * turn);
		esc_bell_arm(&m->bell);
		m->saw[turn] = esc_ring_avail(&m->in, 1) > 0;
		meet(m, 1, 2 * turn + 1);
		atomic_store(&m->bell.sleeping, 0);
		esc_ring_consume(&m->in, esc_ring_avail(&m->in, 1));
	}
	return NULL;
}

static void one_of_two_sees_the_other(void **state)
{
	struct moment m = {.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			   .saw = calloc(MOMENTS, sizeof(bool)),
			   .rang = calloc(MOMENTS, sizeof(bool))};
	struct esc_ring *ring = new_ring();
	uint32_t lost = 0;
	pthread_t a, b;

	(void)state;
	esc_ring_attach(&m.in, ring);
	esc_ring_attach(&m.out, ring);
	assert_int_equal(pthread_create(&a, NULL, publisher, &m), 0);
	assert_int_equal(pthread_create(&b, NULL, sleeper, &m), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	for (uint32_t i = 0; i < MOMENTS; i++)
		lost += !m.saw[i] && !m.rang[i];
	assert_int_equal(lost, 0);
	close(m.wake);
	free(m.saw);
	free(m.rang);
	free(ring);
}

static void a_bell_rings_only_for_a_sleeper_and_once(void **state)
{
	struct esc_bell bell = {0};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t rung;

	(void)state;
	assert_false(esc_bell_ring(&bell, fd));
	esc_bell_arm(&bell);
	assert_true(esc_bell_ring(&bell, fd));
	assert_false(esc_bell_ring(&bell, fd));
	assert_int_equal(read(fd, &rung, sizeof(rung)), sizeof(rung));
	assert_int_equal(rung, 1);
	esc_bell_arm(&bell);
	assert_true(esc_bell_ring(&bell, fd));
	esc_bell_disarm(&bell, fd);
	assert_int_equal(read(fd, &rung, sizeof(rung)), -1);
	esc_bell_arm(&bell);
	esc_bell_disarm(&bell, fd);
	assert_false(esc_bell_ring(&bell, fd));
	close(fd);
}

static void a_full_ring_takes_no_more(void **state)
{
	struct esc_ring_end p, c;
	struct esc_ring *r = new_ring();

	(void)state;
	esc_ring_attach(&p, r);
	esc_ring_attach(&c, r);
	for (uint32_t i = 0; i < ESC_RING_SLOTS; i++)
		assert_true(esc_ring_push(&p, i));
	assert_false(esc_ring_push(&p, 0));
	assert_int_equal(esc_ring_avail(&c, UINT32_MAX), ESC_RING_SLOTS);
	assert_int_equal(esc_ring_peek(&c, ESC_RING_SLOTS - 1), ESC_RING_SLOTS - 1);
	esc_ring_consume(&c, 1);
	assert_true(esc_ring_push(&p, 4711));
	assert_false(esc_ring_push(&p, 0));
	assert_int_equal(p.violations + c.violations, 0);
	free(r);
}

static void cursors_wrap_around(void **state)
{
	struct esc_ring_end p, c;
	struct esc_ring *r = new_ring();
	uint32_t start = UINT32_MAX - 1000;

	(void)state;
	esc_ring_attach(&p, r);
	esc_ring_attach(&c, r);
	r->prod = r->cons = p.mine = p.theirs = c.mine = c.theirs = start;
	for (uint32_t i = 0; i < 10000; i++) {
		assert_true(esc_ring_push(&p, nth(i)));
		assert_int_equal(esc_ring_avail(&c, 8), 1);
		assert_true(esc_ring_peek(&c, 0) == nth(i));
		esc_ring_consume(&c, 1);
	}
	assert_int_equal(p.mine, start + 10000);
	assert_int_equal(p.violations + c.violations, 0);
	free(r);
}

/* A producer that lies: what is seen is never more than a ring, impossible cursors are counted. */
static void a_lying_producer_cannot_move_the_consumer_out(void **state)
{
	struct esc_ring *r = new_ring();
	struct esc_ring_end c;
	uint64_t lies = 0;

	(void)state;
	srandom(3);
	esc_ring_attach(&c, r);
	for (uint32_t i = 0; i < 1000000; i++) {
		uint32_t before = c.theirs, mine = c.mine;
		uint32_t cursor = random() % 2 ? mine + (uint32_t)random() % (2 * ESC_RING_SLOTS)
					       : (uint32_t)random() << 1;

		r->prod = cursor;
		r->cons = (uint32_t)random(); /* one's own cursor is not read back */
		bool looks = before - mine<64, lie = cursor - mine> ESC_RING_SLOTS;
		uint32_t n = esc_ring_avail(&c, 64);
		lies += looks && lie;
		assert_int_equal(c.violations, lies);
		assert_true(n <= 64 && c.theirs - c.mine <= ESC_RING_SLOTS);
		assert_int_equal(c.theirs, looks && !lie ? cursor : before);
		esc_ring_consume(&c, n);
		assert_int_equal(r->cons, mine + n);
	}
	assert_true(lies > 1000);
	free(r);
}

static void a_lying_consumer_makes_no_room(void **state)
{
	struct esc_ring *r = new_ring();
	struct esc_ring_end p;

	(void)state;
	srandom(4);
	esc_ring_attach(&p, r);
	for (uint32_t i = 0; i < 1000000; i++) {
		uint32_t cursor = random() % 2 ? p.mine - (uint32_t)random() % (2 * ESC_RING_SLOTS)
					       : (uint32_t)random() << 1;

		r->cons = cursor;
		r->prod = (uint32_t)random();
		uint32_t mine = p.mine, want = 1 + (uint32_t)random() % 64;
		uint32_t space = esc_ring_space(&p, want);
		assert_true(space <= ESC_RING_SLOTS && p.mine - p.theirs <= ESC_RING_SLOTS);
		if (space < want)
			continue;
		for (uint32_t j = 0; j < want; j++)
			esc_ring_put(&p, j, nth(j));
		esc_ring_publish(&p, want);
		assert_int_equal(r->prod, mine + want);
	}
	assert_true(p.violations > 1000);
	free(r);
}

static void descriptors_keep_their_fields(void **state)
{
	esc_desc d = esc_desc_make(0xfedcba98, 0x7654, 0x3210);

	(void)state;
	assert_int_equal(esc_desc_addr(d), 0xfedcba98);
	assert_int_equal(esc_desc_len(d), 0x7654);
	assert_int_equal(esc_desc_flags(d), 0x3210);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(millions_in_order_between_two_threads),
		cmocka_unit_test(sleepers_are_always_woken),
		cmocka_unit_test(one_of_two_sees_the_other),
		cmocka_unit_test(a_bell_rings_only_for_a_sleeper_and_once),
		cmocka_unit_test(a_full_ring_takes_no_more),
		cmocka_unit_test(cursors_wrap_around),
		cmocka_unit_test(a_lying_producer_cannot_move_the_consumer_out),
		cmocka_unit_test(a_lying_consumer_makes_no_room),
		cmocka_unit_test(descriptors_keep_their_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
