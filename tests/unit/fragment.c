/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragmenting IPv4: what is put together again is what was taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "red/fragment.h"
#include "red_packets.h"

#define PIECES_MAX 256
#define DF	   0x4000u
#define MF	   0x2000u

struct pieces {
	uint8_t bytes[PIECES_MAX][2048];
	uint32_t len[PIECES_MAX];
	uint32_t n, rooms, limit;
};

static struct pieces got;

static uint8_t *room(void *arg, uint32_t size)
{
	struct pieces *s = arg;

	if (s->rooms == s->limit)
		return NULL;
	assert_true(s->rooms < PIECES_MAX && size <= sizeof(s->bytes[0]));
	assert_int_equal(s->rooms, s->n); /* one at a time */
	memset(s->bytes[s->rooms], 0xaa, sizeof(s->bytes[0]));
	return s->bytes[s->rooms++];
}

static void emit(void *arg, uint8_t *ip, uint32_t len)
{
	struct pieces *s = arg;

	assert_ptr_equal(ip, s->bytes[s->n]);
	assert_int_equal(ip[len], 0xaa); /* nothing written behind it */
	s->len[s->n++] = len;
}

static uint32_t split(uint8_t *ip, size_t len, uint32_t mtu, uint32_t limit)
{
	const struct fragment_sink sink = {&got, room, emit};
	struct packet p;

	got.n = got.rooms = 0;
	got.limit = limit;
	assert_true(packet_parse(ip, (uint32_t)len, &p));
	return fragment_v4(&p, mtu, &sink);
}

/* Each piece is sound, and together they carry the payload, in order and without a hole. */
static void check_pieces(const uint8_t *ip, size_t len, uint32_t mtu)
{
	size_t header = v4_header(ip), payload = len - header, at = 0;
	size_t field = read16(ip + 6), first = field & 0x1fff;

	for (uint32_t i = 0; i < got.n; i++) {
		const uint8_t *f = got.bytes[i];
		size_t size = got.len[i] - header;
		bool last = i + 1 == got.n;

		assert_true(got.len[i] <= mtu);
		assert_int_equal(read16(f + 2), got.len[i]);
		assert_true(v4_header_ok(f));
		assert_memory_equal(f, ip, 2);
		assert_memory_equal(f + 4, ip + 4, 2);	 /* identification */
		assert_memory_equal(f + 8, ip + 8, 2);	 /* TTL, protocol */
		assert_memory_equal(f + 12, ip + 12, 8); /* addresses */
		assert_int_equal(read16(f + 6) & 0x1fff, first + at / 8);
		assert_int_equal(!!(read16(f + 6) & MF), !last || (field & MF));
		assert_int_equal(read16(f + 6) & ~(0x1fffu | MF), field & ~(0x1fffu | MF));
		assert_true(last || size % 8 == 0);
		assert_true(last || size + 8 + header > mtu); /* as few as possible */
		assert_memory_equal(f + header, ip + header + at, size);
		at += size;
	}
	assert_int_equal(at, payload);
}

static void every_payload_size_around_multiples_of_eight(void **state)
{
	uint8_t ip[2048];

	(void)state;
	for (size_t payload = 1; payload < 400; payload++) {
		for (uint32_t mtu = 68; mtu < 68 + 17; mtu++) {
			size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, payload);
			size_t step = (mtu - 20) & ~7u;

			assert_int_equal(split(ip, len, mtu, PIECES_MAX),
					 (payload + step - 1) / step);
			check_pieces(ip, len, mtu);
		}
	}
	for (size_t payload = 1380; payload <= 1480; payload++) {
		size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, payload);

		assert_true(split(ip, len, 1420, PIECES_MAX) > 0);
		check_pieces(ip, len, 1420);
	}
}

static void the_smallest_mtu_carries_eight_bytes_each(void **state)
{
	uint8_t ip[2048], options[40];
	size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 100);

	(void)state;
	for (uint32_t mtu = 0; mtu < 28; mtu++)
		assert_int_equal(split(ip, len, mtu, PIECES_MAX), 0);
	assert_int_equal(split(ip, len, 28, PIECES_MAX), 13);
	check_pieces(ip, len, 28);
	memset(options, 1, sizeof(options));
	len = add_options(ip, options, 40);
	assert_int_equal(split(ip, len, 67, PIECES_MAX), 0);
	assert_int_equal(split(ip, len, 68, PIECES_MAX), 13);
	check_pieces(ip, len, 68);
}

static void a_fragment_is_split_again_and_more_fragments_is_kept(void **state)
{
	uint8_t ip[2048];

	(void)state;
	for (uint32_t offset = 0; offset < 8000; offset += 37) {
		for (uint32_t more = 0; more <= MF; more += MF) {
			size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 800);

			set16(ip + 4, 0xbeef);
			set16(ip + 6, offset | more);
			seal_v4(ip);
			assert_int_equal(split(ip, len, 300, PIECES_MAX), 3);
			check_pieces(ip, len, 300);
		}
	}
}

static void pieces_of_pieces_are_the_whole(void **state)
{
	static uint8_t first[PIECES_MAX][2048], whole[2048], again[2048];
	static uint32_t lens[PIECES_MAX];
	size_t len = make_v4(whole, "10.1.0.5", "10.2.0.9", 17, 1480);
	uint32_t n = split(whole, len, 500, PIECES_MAX);

	(void)state;
	memcpy(first, got.bytes, sizeof(first));
	memcpy(lens, got.len, sizeof(lens));
	for (uint32_t i = 0; i < n; i++) {
		assert_true(split(first[i], lens[i], 100, PIECES_MAX) > 0);
		check_pieces(first[i], lens[i], 100);
		for (uint32_t k = 0; k < got.n; k++) {
			const uint8_t *f = got.bytes[k];
			bool last = i + 1 == n && k + 1 == got.n;

			memcpy(again + 20 + (read16(f + 6) & 0x1fff) * 8, f + 20, got.len[k] - 20);
			assert_int_equal(!(read16(f + 6) & MF), last);
		}
	}
	assert_memory_equal(again + 20, whole + 20, len - 20);
}

static void what_may_not_be_split_is_not(void **state)
{
	uint8_t ip[2048];
	size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 800);

	(void)state;
	set16(ip + 6, DF);
	seal_v4(ip);
	assert_int_equal(split(ip, len, 300, PIECES_MAX), 0);
	len = make_v6(ip, "fd00:1::5", "fd00:2::9", 17, 800);
	assert_int_equal(split(ip, len, 300, PIECES_MAX), 0);
	assert_int_equal(got.n, 0);
}

/* Offsets have 13 bits: a fragment that ends beyond 65535 must not spill over into the flags. */
static void a_fragment_beyond_the_largest_packet_is_refused(void **state)
{
	uint8_t ip[2048];

	(void)state;
	for (uint32_t offset = 8080; offset < 8192; offset++) {
		size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 800);

		set16(ip + 6, offset | MF);
		seal_v4(ip);
		uint32_t n = split(ip, len, 300, PIECES_MAX);
		assert_int_equal(n > 0, offset * 8 + 800 <= 65535);
		if (n)
			check_pieces(ip, len, 300);
	}
}

static void no_room_is_said_and_nothing_is_written(void **state)
{
	uint8_t ip[2048];
	size_t len = make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 800);

	(void)state;
	for (uint32_t limit = 0; limit < 3; limit++) {
		assert_int_equal(split(ip, len, 300, limit), 0);
		assert_int_equal(got.n, limit);
	}
	assert_int_equal(split(ip, len, 300, 3), 3);
}

/* RFC 791, 3.1: options without the copied flag are in the first fragment only. */
static void options_are_copied_or_blanked(void **state)
{
	/* record route (7: not copied), security (130: copied), no-operation, time stamp (68) */
	static const uint8_t options[24] = {7,	7, 4, 1, 2, 3, 4, 130, 4,   5, 6, 1,
					    68, 8, 5, 0, 9, 9, 9, 9,   131, 3, 4, 0};
	static const uint8_t later[24] = {1, 1, 1, 1, 1, 1, 1, 130, 4,	 5, 6, 1,
					  1, 1, 1, 1, 1, 1, 1, 1,   131, 3, 4, 0};
	uint8_t ip[2048];

	(void)state;
	make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 800);
	size_t len = add_options(ip, options, sizeof(options));
	assert_int_equal(split(ip, len, 300, PIECES_MAX), 4);
	check_pieces(ip, len, 300);
	assert_memory_equal(got.bytes[0] + 20, options, sizeof(options));
	for (uint32_t i = 1; i < got.n; i++)
		assert_memory_equal(got.bytes[i] + 20, later, sizeof(later));
}

static void broken_options_stay_inside_the_header(void **state)
{
	uint8_t ip[2048], options[40];

	(void)state;
	for (uint32_t kind = 0; kind < 256; kind++) {
		for (uint32_t length = 0; length < 256; length++) {
			memset(options, 7, sizeof(options));
			options[36] = (uint8_t)kind;
			options[37] = (uint8_t)length;
			options[38] = (uint8_t)length;
			options[39] = (uint8_t)kind; /* no length behind it */
			for (int i = 0; i < 36; i += 2)
				options[i + 1] = 2;
			make_v4(ip, "10.1.0.5", "10.2.0.9", 17, 64);
			size_t len = add_options(ip, options, 40);
			assert_int_equal(split(ip, len, 100, PIECES_MAX), 2);
			check_pieces(ip, len, 100);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_payload_size_around_multiples_of_eight),
		cmocka_unit_test(the_smallest_mtu_carries_eight_bytes_each),
		cmocka_unit_test(a_fragment_is_split_again_and_more_fragments_is_kept),
		cmocka_unit_test(pieces_of_pieces_are_the_whole),
		cmocka_unit_test(what_may_not_be_split_is_not),
		cmocka_unit_test(a_fragment_beyond_the_largest_packet_is_refused),
		cmocka_unit_test(no_room_is_said_and_nothing_is_written),
		cmocka_unit_test(options_are_copied_or_blanked),
		cmocka_unit_test(broken_options_stay_inside_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
