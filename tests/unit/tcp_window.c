/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_window.c: the black domain's view of TCP (bpf/tcp.h) without a kernel: two hosts that lose,
 * repeat and reorder segments miss nothing, whatever their numbers; who guesses hardly ever gets
 * through; a walk over options never leaves them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../bpf/tcp.h"

static uint32_t random32(void)
{
	static uint64_t s = 0x2545f4914f6cdd1dull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (uint32_t)(s >> 16);
}

/* --- two hosts -------------------------------------------------------------------------------- */

#define WINDOW	  60000u
#define MSS	  1460u
#define IN_FLIGHT 64u
#define SCALE	  7

struct host {
	uint32_t next;	   /* behind what it has sent */
	uint32_t received; /* in order, from the other */
	uint32_t acked;	   /* by the other */
};

struct lab {
	struct esc_tcp_side side[2];
	uint8_t state;
	struct host host[2];
	struct {
		uint32_t from, born;
		struct esc_segment s;
	} wire[IN_FLIGHT];
	uint32_t flying, now, passed, refused;
};

static int pass(struct lab *l, uint32_t from, struct esc_segment s)
{
	return esc_tcp_segment(l->side, &l->state, from, from == ESC_FROM_LAN, &s);
}

static struct esc_segment segment(uint32_t seq, uint32_t ack, uint32_t len, uint8_t flags)
{
	return (struct esc_segment){.seq = seq,
				    .ack = ack,
				    .len = len,
				    .win = flags & ESC_TH_SYN ? WINDOW : WINDOW >> SCALE,
				    .flags = flags,
				    .scale = flags & ESC_TH_SYN ? SCALE : ESC_TCP_SCALE_NONE};
}

static void connect_hosts(struct lab *l, uint32_t isn, uint32_t other)
{
	memset(l, 0, sizeof(*l));
	l->state = ESC_CONN_SYN_SENT;
	assert_int_equal(pass(l, ESC_FROM_LAN, segment(isn, 0, 0, ESC_TH_SYN)), ESC_TCP_FITS);
	assert_int_equal(
		pass(l, ESC_FROM_REMOTE, segment(other, isn + 1, 0, ESC_TH_SYN | ESC_TH_ACK)),
		ESC_TCP_FITS);
	assert_int_equal(pass(l, ESC_FROM_LAN, segment(isn + 1, other + 1, 0, ESC_TH_ACK)),
			 ESC_TCP_FITS);
	assert_int_equal(l->state, ESC_CONN_ESTABLISHED);
	l->host[0] = (struct host){isn + 1, other + 1, isn + 1};
	l->host[1] = (struct host){other + 1, isn + 1, other + 1};
}

/* The host puts something on the wire: new data, old data again, or an acknowledgement alone. */
static void send(struct lab *l, uint32_t from)
{
	struct host *h = &l->host[from];
	uint32_t len = random32() % MSS, seq = h->next;

	if (l->flying == IN_FLIGHT)
		return;
	if (random32() % 4 == 0 && h->next != h->acked) {
		seq = h->acked;
		len = h->next - h->acked < MSS ? h->next - h->acked : MSS;
	} else if (random32() % 3 == 0 || h->next + len - h->acked > (WINDOW >> SCALE << SCALE)) {
		len = 0;
	}
	if (seq + len - h->acked > h->next - h->acked)
		h->next = seq + len;
	l->wire[l->flying].from = from;
	l->wire[l->flying].born = l->now++;
	l->wire[l->flying++].s = segment(seq, h->received, len, ESC_TH_ACK);
}

static void receive(struct host *h, const struct esc_segment *s)
{
	if (!esc_tcp_after(s->seq, h->received) && esc_tcp_after(s->seq + s->len, h->received))
		h->received = s->seq + s->len;
	if (esc_tcp_after(s->ack, h->acked))
		h->acked = s->ack;
}

/*
 * Any of those on the wire comes to the firewall, some much later than others; behind it, one in
 * eight is lost. What is refused must be so old that it brings the receiver nothing.
 */
static void deliver(struct lab *l)
{
	uint32_t i = random32() % l->flying, from;
	struct esc_segment s;
	struct host *to;

	for (uint32_t n = 0; n < l->flying; n++) {
		if (l->now - l->wire[n].born > 30)
			i = n;
	}
	from = l->wire[i].from;
	s = l->wire[i].s;
	l->wire[i] = l->wire[--l->flying];
	l->passed++;
	if (pass(l, from, s) != ESC_TCP_FITS) {
		l->refused++;
		to = &l->host[!from];
		assert_false(esc_tcp_after(s.seq + s.len, to->received));
		assert_false(esc_tcp_after(s.ack, to->acked));
	} else if (random32() % 8) {
		receive(&l->host[!from], &s);
	}
}

static void real_hosts_miss_nothing(void **state)
{
	struct lab l;
	uint32_t first;

	(void)state;
	for (uint32_t run = 0; run < 50; run++) {
		connect_hosts(&l, run % 2 ? random32() : 0xffffffff - random32() % 100000,
			      random32());
		first = l.host[0].next;
		for (uint32_t i = 0; i < 20000; i++) {
			send(&l, random32() % 2);
			if (l.flying > random32() % 8)
				deliver(&l);
		}
		assert_true(l.host[0].next - first > 1000000); /* it was about something */
		assert_true(l.refused < l.passed / 100);
		assert_int_equal(l.state, ESC_CONN_ESTABLISHED);
	}
}

/* Both numbers must be right: of 2^64 pairs few are. */
static void guesses_are_refused(void **state)
{
	uint32_t passed = 0;
	struct lab l;

	(void)state;
	connect_hosts(&l, random32(), random32());
	for (uint32_t i = 0; i < 1000000; i++) {
		struct lab before = l;
		struct esc_segment s = segment(random32(), random32(), random32() % MSS,
					       (uint8_t)(random32() & 63));

		if (pass(&l, ESC_FROM_REMOTE, s) == ESC_TCP_FITS)
			passed++;
		else
			assert_memory_equal(&l, &before, sizeof(l));
	}
	assert_in_range(passed, 0, 100); /* resets without an acknowledgement, in the window */
	assert_int_equal(l.state, ESC_CONN_ESTABLISHED);
}

/* A first fragment does not tell how long the segment is: what acknowledges all of it still fits.
 */
static void a_segment_in_fragments(void **state)
{
	struct esc_segment s;
	struct lab l;

	(void)state;
	connect_hosts(&l, 1000, 7000);
	s = segment(1001, 7001, 500, ESC_TH_ACK);
	s.partial = 1;
	assert_int_equal(pass(&l, ESC_FROM_LAN, s), ESC_TCP_FITS);
	assert_int_equal(pass(&l, ESC_FROM_REMOTE, segment(7001, 2401, 0, ESC_TH_ACK)),
			 ESC_TCP_FITS);
	assert_int_equal(pass(&l, ESC_FROM_LAN, segment(2401, 7001, 100, ESC_TH_ACK)),
			 ESC_TCP_FITS);
}

static void data_in_the_syn(void **state)
{
	struct lab l = {.state = ESC_CONN_SYN_SENT};

	(void)state;
	assert_int_equal(pass(&l, ESC_FROM_LAN, segment(1000, 0, 400, ESC_TH_SYN)), ESC_TCP_FITS);
	assert_int_equal(pass(&l, ESC_FROM_REMOTE, segment(7000, 1402, 0, ESC_TH_SYN | ESC_TH_ACK)),
			 ESC_TCP_REFUSED);
	assert_int_equal(pass(&l, ESC_FROM_REMOTE, segment(7000, 1000, 0, ESC_TH_SYN | ESC_TH_ACK)),
			 ESC_TCP_REFUSED);
	assert_int_equal(pass(&l, ESC_FROM_REMOTE, segment(7000, 1001, 0, ESC_TH_SYN | ESC_TH_ACK)),
			 ESC_TCP_FITS);
	assert_int_equal(pass(&l, ESC_FROM_LAN, segment(1001, 7001, 400, ESC_TH_ACK)),
			 ESC_TCP_FITS);
}

/* --- options ---------------------------------------------------------------------------------- */

static uint32_t scale_of(const uint8_t *option, uint32_t len)
{
	struct esc_tcp_options o = {option, len, 0, ESC_TCP_SCALE_NONE};

	for (uint32_t i = 0; i < ESC_TCP_OPTIONS_MAX && !esc_tcp_option(&o); i++)
		;
	return o.scale;
}

static void the_scale_option_is_found(void **state)
{
	static const struct {
		const char *option;
		uint32_t len, scale;
	} row[] = {
		{"\x03\x03\x07\x00", 4, 7},
		{"\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\0\0\0\0\0\x01\x03\x03\x07", 20, 7},
		{"\x01\x01\x01\x01\x01\x03\x03\x00", 8, 0},
		{"\x03\x03\x0f", 3, 14},
		{"\x03\x03\xff", 3, 14},
		{"\x02\x04\x05\xb4", 4, ESC_TCP_SCALE_NONE},
		{"\x00\x03\x03\x07", 4, ESC_TCP_SCALE_NONE},
		{"\x02\x00\x03\x03\x07", 5, ESC_TCP_SCALE_NONE},
		{"\x02\x01\x03\x03\x07", 5, ESC_TCP_SCALE_NONE},
		{"\x03\x04\x07\x00", 4, ESC_TCP_SCALE_NONE},
		{"\x01\x03\x03", 3, ESC_TCP_SCALE_NONE},
		{"\x02\xff\x03\x03\x07", 5, ESC_TCP_SCALE_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(scale_of((const uint8_t *)row[i].option, row[i].len),
				 row[i].scale);
}

/* On the heap, so that a sanitizer sees a read beyond the end. */
static void options_are_never_left(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t len = random32() % (ESC_TCP_OPTIONS_MAX + 1), scale;
		uint8_t *option = malloc(len + 1);

		assert_non_null(option);
		for (uint32_t n = 0; n < len; n++)
			option[n] =
				random32() % 2 ? (uint8_t)(random32() % 5) : (uint8_t)random32();
		scale = scale_of(option, len);
		assert_true(scale <= ESC_TCP_SCALE_MAX || scale == ESC_TCP_SCALE_NONE);
		free(option);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_hosts_miss_nothing),
		cmocka_unit_test(guesses_are_refused),
		cmocka_unit_test(a_segment_in_fragments),
		cmocka_unit_test(data_in_the_syn),
		cmocka_unit_test(the_scale_option_is_found),
		cmocka_unit_test(options_are_never_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
