/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments: they fit, they are whole headers, and a receiver puts them together again. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "red/fragment.h"
#include "red_lab.h"

#define PIECES 256

struct pieces {
	uint8_t *ip[PIECES];
	uint32_t len[PIECES];
	uint32_t n;    /* finished */
	uint32_t room; /* how many more there may be */
};

static uint8_t buf[65536];

static uint8_t *room(void *arg, uint32_t size)
{
	struct pieces *s = arg;

	if (!s->room)
		return NULL;
	s->room--;
	s->ip[s->n] = malloc(size); /* exactly: a sanitizer sees a byte too much */
	return s->ip[s->n];
}

static void emit(void *arg, uint8_t *ip, uint32_t len)
{
	struct pieces *s = arg;

	assert_ptr_equal(ip, s->ip[s->n]);
	s->len[s->n++] = len;
}

static uint32_t split(struct packet *p, uint32_t mtu, struct pieces *s, uint32_t space)
{
	const struct fragment_sink sink = {s, room, emit};

	*s = (struct pieces){.room = space};
	return fragment_v4(p, mtu, &sink);
}

static void release(struct pieces *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->ip[i]);
}

/* A packet with so many bytes of options. */
static struct packet build(uint32_t options, const uint8_t *bytes, uint32_t payload,
			   uint16_t fragment)
{
	const struct lab_ip w = {"10.2.0.9", "192.168.1.7", IPPROTO_UDP,
				 64,	     fragment,	    options + payload};
	uint32_t len = lab_build(buf, &w);
	struct packet p;

	buf[0] = (uint8_t)(0x40 | (20 + options) / 4);
	if (options)
		memcpy(buf + 20, bytes, options);
	put16(buf + 10, 0);
	put16(buf + 10, (uint16_t)~lab_sum(buf, 20 + options, 0));
	assert_true(packet_parse(buf, len, &p));
	return p;
}

/* Put the pieces together and compare; offsets are those of the whole packet plus its own. */
static void check_whole(const struct packet *p, const struct pieces *s, uint32_t mtu)
{
	uint32_t at = 0, payload = p->len - p->header;
	uint16_t field = get16(p->ip + 6);

	for (uint32_t i = 0; i < s->n; i++) {
		struct packet q;
		bool last = i + 1 == s->n;

		assert_true(s->len[i] <= mtu);
		assert_true(packet_parse(s->ip[i], s->len[i], &q));
		assert_int_equal(q.len, s->len[i]);
		assert_int_equal(q.header, p->header);
		uint32_t size = q.len - q.header;
		assert_true(last || size % 8 == 0);
		assert_true(last || q.len + 8 > mtu); /* as few as possible */
		uint16_t f = get16(q.ip + 6);
		assert_int_equal(f & 0x1fff, (field & 0x1fff) + at / 8);
		assert_int_equal(!!(f & 0x2000), !last || (field & 0x2000));
		assert_int_equal(f & 0xc000, field & 0xc000);
		assert_memory_equal(q.ip + q.header, p->ip + p->header + at, size);
		assert_memory_equal(q.ip + 4, p->ip + 4, 2); /* one id */
		assert_memory_equal(q.ip + 8, p->ip + 8, 2); /* TTL, protocol */
		assert_memory_equal(q.ip + 12, p->ip + 12, 8);
		at += size;
	}
	assert_int_equal(at, payload);
}

static void every_length_comes_together_again(void **state)
{
	struct pieces s;

	(void)state;
	for (uint32_t payload = 1; payload < 6000; payload += 1 + payload % 7) {
		struct packet p = build(0, NULL, payload, 0);
		assert_int_equal(split(&p, 1420, &s, PIECES), (payload + 1399) / 1400);
		check_whole(&p, &s, 1420);
		release(&s);
	}
}

static void every_mtu(void **state)
{
	struct pieces s;

	(void)state;
	for (uint32_t mtu = 0; mtu < 1600; mtu++) {
		struct packet p = build(0, NULL, 1472, 0);
		uint32_t n = split(&p, mtu, &s, PIECES);

		assert_int_equal(n > 0, mtu >= 28);
		assert_int_equal(n, s.n);
		if (n)
			check_whole(&p, &s, mtu);
		release(&s);
	}
}

static void a_fragment_is_split_again(void **state)
{
	struct pieces s;

	(void)state;
	struct packet p = build(0, NULL, 1480, 0x2000 | 185); /* in the middle */
	assert_int_equal(split(&p, 1420, &s, PIECES), 2);
	check_whole(&p, &s, 1420);
	release(&s);
	p = build(0, NULL, 1480, 370); /* the last */
	assert_int_equal(split(&p, 1420, &s, PIECES), 2);
	check_whole(&p, &s, 1420);
	release(&s);
}

static void what_may_not_be_split_is_not(void **state)
{
	struct packet p = build(0, NULL, 1480, 0x4000);
	struct pieces s;

	(void)state;
	assert_int_equal(split(&p, 1420, &s, PIECES), 0);
	assert_int_equal(s.n, 0);
	/* a fragment that ends beyond the largest packet: its offset would run into the flags */
	p = build(0, NULL, 1480, 0x1fff);
	assert_int_equal(split(&p, 1420, &s, PIECES), 0);
	const struct lab_ip v6 = {"fd00:2::9", "fd00:1::7", IPPROTO_UDP, 64, 0, 1480};
	assert_true(packet_parse(buf, lab_build(buf, &v6), &p));
	assert_int_equal(split(&p, 1420, &s, PIECES), 0);
}

static void no_room_is_said(void **state)
{
	struct packet p = build(0, NULL, 3000, 0);
	struct pieces s;

	(void)state;
	for (uint32_t space = 0; space < 3; space++) {
		assert_int_equal(split(&p, 1420, &s, space), 0);
		assert_int_equal(s.n, space);
		release(&s);
	}
	assert_int_equal(split(&p, 1420, &s, 3), 3);
	release(&s);
}

/* RFC 791, 3.1: options with the copied flag go into each fragment, the others into the first. */
static void options_go_where_they_belong(void **state)
{
	/* record route (7, not copied), NOP, router alert (148, copied) */
	static const uint8_t options[] = {7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0};
	static const uint8_t later[] = {1, 1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0};
	struct packet p = build(sizeof(options), options, 3000, 0);
	struct pieces s;

	(void)state;
	assert_int_equal(split(&p, 1420, &s, PIECES), 3);
	check_whole(&p, &s, 1420);
	assert_memory_equal(s.ip[0] + 20, options, sizeof(options));
	assert_memory_equal(s.ip[1] + 20, later, sizeof(later));
	assert_memory_equal(s.ip[2] + 20, later, sizeof(later));
	release(&s);
}

static void random_options_never_leave_the_header(void **state)
{
	struct pieces s;

	(void)state;
	srandom(9);
	for (int i = 0; i < 50000; i++) {
		uint8_t options[40];
		uint32_t n = (uint32_t)random() % 11 * 4;

		for (uint32_t j = 0; j < n; j++)
			options[j] = (uint8_t)(random() % 3 ? random() : random() % 12);
		struct packet p = build(n, options, 200 + (uint32_t)random() % 300, 0);
		uint32_t mtu = 68 + (uint32_t)random() % 300;
		assert_true(split(&p, mtu, &s, PIECES) > 0);
		check_whole(&p, &s, mtu);
		release(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_together_again),
		cmocka_unit_test(every_mtu),
		cmocka_unit_test(a_fragment_is_split_again),
		cmocka_unit_test(what_may_not_be_split_is_not),
		cmocka_unit_test(no_room_is_said),
		cmocka_unit_test(options_go_where_they_belong),
		cmocka_unit_test(random_options_never_leave_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
