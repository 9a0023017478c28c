/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frag.c: fragments follow their first one: which do, for how long, and every byte of what they
 * become; those that would undermine what the first one was judged by are refused.
 */
#include <linux/bpf.h>

#include "reference.h"
#include "split.h"
#include "test/frag.skel.h"

#define HOST4	"10.1.0.5"  /* in place of the destination of what comes in */
#define OWN4	"192.0.2.1" /* in place of the source of what goes out */
#define WEB4	"198.51.100.9"
#define HOST6	"2001:db8:1::5"
#define WEB6	"2001:db8:9::9"

#define TIMEOUT 30

enum { OUT, IN };

static struct frag_bpf *skel;
static int prog[2];

static int set_up(void **state)
{
	struct esc_split_cfg cfg = {.on = 1, .fragment_timeout = TIMEOUT};
	struct esc_frag_key key;
	uint32_t zero = 0;
	int frags = bpf_map__fd(skel->maps.frags);

	(void)state;
	while (!bpf_map_get_next_key(frags, NULL, &key))
		assert_int_equal(bpf_map_delete_elem(frags, &key), 0);
	return bpf_map_update_elem(bpf_map__fd(skel->maps.settings), &zero, &cfg, BPF_ANY);
}

/* A fragment of `len` bytes from byte `at` of a datagram. */
static void fragment(struct pkt *p, const char *src, const char *dst, uint8_t proto, uint32_t id,
		     const uint8_t *data, uint32_t at, uint32_t len, bool more)
{
	if (strchr(src, ':')) {
		uint8_t *f;

		pkt_ip(p, src, dst, 44, 8 + len);
		f = pkt_add(p, NULL, 8);
		f[0] = proto;
		put16(f + 2, at | more);
		put16(f + 6, id);
	} else {
		pkt_ip(p, src, dst, proto, len);
		put16(p->data + AT_IP4 + 4, id);
		put16(p->data + AT_IP4_FRAG, at / 8 | (more ? 0x2000 : 0));
		pkt_ip4_fix(p);
	}
	pkt_add(p, data + at, len);
}

static const uint8_t udp[64] = {0x0f, 0xa0, 0, 53, 0x0b, 0xb8};

static void out4(struct pkt *p, uint32_t id, uint32_t at)
{
	fragment(p, HOST4, WEB4, 17, id, udp, at, 24, at < 48);
}

static void in4(struct pkt *p, uint32_t id, uint32_t at)
{
	fragment(p, WEB4, OWN4, 17, id, udp, at, 24, at < 48);
}

static void out6(struct pkt *p, uint32_t id, uint32_t at)
{
	fragment(p, HOST6, WEB6, 17, id, udp, at, 24, at < 48);
}

static void in6(struct pkt *p, uint32_t id, uint32_t at)
{
	fragment(p, WEB6, HOST6, 17, id, udp, at, 24, at < 48);
}

typedef void (*piece)(struct pkt *p, uint32_t id, uint32_t at);
static const piece pieces[2][2] = {{out4, out6}, {in4, in6}};

static int run_piece(int way, piece build, uint32_t id, uint32_t at)
{
	struct pkt p, out;

	build(&p, id, at);
	return run_change(prog[way], &p, &out);
}

/* Only the one address and the header's checksum change; IPv6 changes nothing. */
static void bytes_of_what_follows(void **state)
{
	struct pkt p, out, e;

	(void)state;
	for (int way = OUT; way <= IN; way++) {
		for (int six = 0; six < 2; six++) {
			pieces[way][six](&p, 7, 0);
			assert_int_equal(run_change(prog[way], &p, &out), XDP_TX);
			for (uint32_t at = 24; at <= 40; at += 8) {
				pieces[way][six](&p, 7, at);
				e = p;
				if (!six) {
					address(AF_INET, way == OUT ? OWN4 : HOST4,
						e.data + (way == OUT ? AT_IP4_SRC : AT_IP4_DST));
					pkt_ip4_fix(&e);
				}
				assert_int_equal(run_change(prog[way], &p, &out), XDP_TX);
				assert_same_frame(&out, &e);
			}
		}
	}
}

static void lost_without_the_first(void **state)
{
	struct pkt p, out;

	(void)state;
	for (int way = OUT; way <= IN; way++) {
		for (int six = 0; six < 2; six++) {
			piece build = pieces[way][six];

			assert_int_equal(run_piece(way, build, 9, 24), XDP_DROP);
			assert_int_equal(run_piece(way, build, 9, 0), XDP_TX);
			assert_int_equal(run_piece(way, build, 9, 24), XDP_TX);
			assert_int_equal(run_piece(way, build, 9, 24), XDP_TX); /* a duplicate */
			assert_int_equal(run_piece(way, build, 10, 24), XDP_DROP);
			assert_int_equal(run_piece(!way, build, 9, 24), XDP_DROP);
			for (int side = 0; side < 2; side++) { /* another source, destination */
				build(&p, 9, 24);
				p.data[six ? AT_IP6_SRC + 15 + 16 * side
					   : AT_IP4_SRC + 3 + 4 * side] ^= 1;
				if (!six)
					pkt_ip4_fix(&p);
				assert_int_equal(run_change(prog[way], &p, &out), XDP_DROP);
			}
			build(&p, 9, 24); /* another protocol: IPv6 leaves that to the first */
			p.data[six ? AT_L4_6 : AT_IP4_PROTO] = 6;
			if (!six)
				pkt_ip4_fix(&p);
			assert_int_equal(run_change(prog[way], &p, &out), six ? XDP_TX : XDP_DROP);
		}
	}
}

static void lost_after_the_timeout(void **state)
{
	(void)state;
	assert_int_equal(run_piece(OUT, out4, 11, 0), XDP_TX);
	skel->data->clock_ns += TIMEOUT * 1000000000ull - 1;
	assert_int_equal(run_piece(OUT, out4, 11, 24), XDP_TX); /* renews nothing */
	skel->data->clock_ns++;
	assert_int_equal(run_piece(OUT, out4, 11, 24), XDP_DROP);
	assert_int_equal(run_piece(OUT, out4, 11, 0), XDP_TX);
	assert_int_equal(run_piece(OUT, out4, 11, 24), XDP_TX);
}

/* A first one without all of its header, or a later one that would write over it. */
static void headers_cannot_be_split_or_overlapped(void **state)
{
	static const uint8_t tcp[64] = {0x0f, 0xa0, 0, 80, [12] = 0x50, 0x10};
	static const struct {
		uint8_t proto;
		uint32_t least;
	} first[] = {{6, 20}, {17, 8}, {1, 8}};
	static const uint8_t echo[64] = {8, 0, 0, 0, 0x12, 0x34};
	struct pkt p, out;

	(void)state;
	for (int six = 0; six < 2; six++) {
		const char *src = six ? HOST6 : HOST4, *dst = six ? WEB6 : WEB4;

		for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
			const uint8_t *data = i == 0 ? tcp : i == 1 ? udp : echo;
			uint8_t ping[64], proto = first[i].proto;

			memcpy(ping, data, sizeof(ping));
			if (six && proto == 1) {
				ping[0] = 128;
				proto = 58;
			}
			for (uint32_t len = 0; len < 64; len++) {
				fragment(&p, src, dst, proto, 20 + len, ping, 0, len, true);
				assert_int_equal(run_change(prog[OUT], &p, &out),
						 len < first[i].least ? XDP_ABORTED : XDP_TX);
			}
		}
		fragment(&p, src, dst, 6, 12, tcp, 0, 24, true);
		assert_int_equal(run_change(prog[OUT], &p, &out), XDP_TX);
		for (uint32_t at = 8; at < 64; at += 8) {
			fragment(&p, src, dst, 6, 12, tcp, at, 8, at < 56);
			assert_int_equal(run_change(prog[OUT], &p, &out),
					 at < 20 ? XDP_ABORTED : XDP_TX);
		}
	}
}

static void cut_frames_are_refused(void **state)
{
	struct pkt p, out;

	(void)state;
	for (int six = 0; six < 2; six++) {
		assert_int_equal(run_piece(OUT, pieces[OUT][six], 13, 0), XDP_TX);
		for (uint32_t at = 0; at <= 24; at += 24) {
			pieces[OUT][six](&p, 13, at);
			for (p.len--; p.len >= 14; p.len--)
				assert_int_equal(run_change(prog[OUT], &p, &out), XDP_ABORTED);
		}
	}
}

/* Random datagrams in random pieces; put together again, only their addresses have changed. */
static void random_datagrams(void **state)
{
	static uint8_t data[65536], got[65536];
	struct pkt p, out;

	(void)state;
	for (uint32_t n = 0; n < 3000; n++) {
		int way = (int)(random32() % 2);
		bool six = random32() % 2;
		uint32_t len = 64 + random32() % 20000, at = 0, id = random32() & 0xffff;
		uint32_t header = six ? 62 : 34;

		for (uint32_t i = 0; i < len; i++)
			data[i] = (uint8_t)(i + n);
		put16(data, 1 + random32() % 65535);
		put16(data + 2, 1 + random32() % 65535);
		memset(got, 0, len);
		while (at < len) {
			uint32_t piece_len = 24 + random32() % 175 * 8;

			if (piece_len > len - at)
				piece_len = len - at;
			fragment(&p, way == OUT ? (six ? HOST6 : HOST4) : (six ? WEB6 : WEB4),
				 way == OUT ? (six ? WEB6 : WEB4) : (six ? HOST6 : OWN4), 17, id,
				 data, at, piece_len, at + piece_len < len);
			if (at + piece_len == len && !at)
				break; /* in one piece: no fragment */
			assert_int_equal(run_change(prog[way], &p, &out), XDP_TX);
			if (at && !six) {
				uint8_t want[4];

				address(AF_INET, way == OUT ? OWN4 : HOST4, want);
				assert_memory_equal(
					out.data + (way == OUT ? AT_IP4_SRC : AT_IP4_DST), want, 4);
				assert_int_equal(ref_add(0, out.data + 14, 20), 0xffff);
			}
			memcpy(got + at, out.data + header, piece_len);
			at += piece_len;
		}
		if (at)
			assert_memory_equal(got, data, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bytes_of_what_follows, set_up),
		cmocka_unit_test_setup(lost_without_the_first, set_up),
		cmocka_unit_test_setup(lost_after_the_timeout, set_up),
		cmocka_unit_test_setup(headers_cannot_be_split_or_overlapped, set_up),
		cmocka_unit_test_setup(cut_frames_are_refused, set_up),
		cmocka_unit_test_setup(random_datagrams, set_up),
	};
	int failed;

	libbpf_set_print(quiet);
	skel = frag_bpf__open_and_load();
	if (!skel)
		return cannot_run("cannot load the program", errno);
	prog[OUT] = bpf_program__fd(skel->progs.out);
	prog[IN] = bpf_program__fd(skel->progs.in);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	frag_bpf__destroy(skel);
	return failed;
}
