/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_random.c: thousands of random packets out, and their mirror images back: what arrives at the
 * LAN host is what a network without NAT would have brought, and all checksums are right. Then
 * noise: no frame makes the programs write beyond what they translate.
 */
#include "nat_node.h"

#define ROUNDS 6000
#define NOISE  60000

struct talk {
	char lan[40], remote[40];
	struct end from, to;
	uint32_t kind; /* 0 TCP, 1 UDP, 2 UDP without checksum, 3 echo */
	uint32_t len;
};

static void random_talk(struct talk *t)
{
	bool six = random32() % 4 == 0;
	uint32_t r = random32();

	if (six) {
		snprintf(t->lan, sizeof(t->lan), "2001:db8:1::%x", r % 0xffff + 1);
		snprintf(t->remote, sizeof(t->remote), "2001:db8:%x::%x", r >> 16 | 0x8000,
			 random32() & 0xffff);
	} else {
		snprintf(t->lan, sizeof(t->lan), "10.%u.%u.%u", r & 255, r >> 8 & 255,
			 r >> 16 & 255);
		r = random32();
		snprintf(t->remote, sizeof(t->remote), "%u.%u.%u.%u", 11 + r % 110, r >> 8 & 255,
			 r >> 16 & 255, r >> 24);
	}
	t->from = (struct end){t->lan, (uint16_t)(random32() % 65535 + 1)};
	t->to = (struct end){t->remote, (uint16_t)(random32() % 65535 + 1)};
	t->kind = random32() % 4;
	t->len = random32() % 1400;
}

static void build(const struct talk *t, struct pkt *p, struct end from, struct end to, bool back)
{
	if (t->kind == 0)
		tcp(p, from, to,
		    back ? (struct seg){4000, 1001, 0, SYN | ACK, 8000, 8}
			 : (struct seg){1000, 0, 0, SYN, 8000, 8});
	else if (t->kind == 3)
		echo(p, from, to, back);
	else
		udp(p, from, to, t->len);
	if (t->kind == 2 && !is_ip6(p))
		put16(l4_of(p) + 6, 0);
}

static void sums_are_right(struct pkt *p)
{
	if (!is_ip6(p))
		assert_int_equal(sum_fold(sum_bytes(p->data + AT_IP4, 20, 0)), 0xffff);
	if (proto_of(p) == 17 && !get16(l4_of(p) + 6))
		return;
	assert_int_equal(l4_sum(p), 0xffff);
}

static void what_comes_back_is_what_would_without_nat(void **state)
{
	struct talk t;
	struct pkt p, e;

	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct end own = {OWN4, 0};

		/* Nobody sweeps: begin anew before the table of answered ones is full. */
		if (i % (CONNECTIONS - 1) == 0)
			fresh_node(state);
		random_talk(&t);
		build(&t, &p, t.from, t.to, false);
		out_is(&p, ESC_BLACK_OUT_sent, "out");
		sums_are_right(&p);
		own.port = source_port(&p);
		if (is_ip6(&p)) {
			own = t.from;
		} else {
			build(&t, &e, own, t.to, false);
			same_bytes(&p, &e, "out");
		}
		build(&t, &p, t.to, own, true);
		in_is(&p, ESC_BLACK_to_lan, "back");
		sums_are_right(&p);
		build(&t, &e, t.to, t.from, true);
		same_bytes(&p, &e, "back");
	}
}

static const struct end lan = {LAN4, 40000}, remote = {REMOTE4, 443}, own = {OWN4, 40000};
static const struct end lan6 = {LAN6, 40000}, remote6 = {REMOTE6, 443};

static void good_udp(struct pkt *p)
{
	udp(p, lan, remote, 60);
}

static void good_syn(struct pkt *p)
{
	tcp(p, lan, remote, (struct seg){1000, 0, 0, SYN, 8000, 8});
}

static void good_syn6(struct pkt *p)
{
	tcp(p, lan6, remote6, (struct seg){1000, 0, 0, SYN, 8000, 8});
}

static void good_echo(struct pkt *p)
{
	echo(p, lan, remote, false);
}

static void good_answer(struct pkt *p)
{
	udp(p, remote, own, 60);
}

static void good_syn_ack(struct pkt *p)
{
	tcp(p, remote, own, (struct seg){4000, 1001, 0, SYN | ACK, 8000, 8});
}

static void good_answer6(struct pkt *p)
{
	tcp(p, remote6, lan6, (struct seg){4000, 1001, 0, SYN | ACK, 8000, 8});
}

static const pkt_builder good[] = {good_udp,	good_syn,     good_syn6,   good_echo,
				   good_answer, good_syn_ack, good_answer6};

/* A packet that passes is as long as before, and differs in addresses, ports, TTL, sums alone. */
static void only_translation(const struct pkt *before, struct pkt *after)
{
	uint32_t headers = is_ip6(after) ? AT_L4_6 : AT_L4_4 + 20;

	assert_int_equal(after->len, before->len);
	assert_memory_equal(after->data, before->data, 14);
	if (is_ip6(after)) {
		assert_int_equal(*ttl_of(after) + 1, before->data[AT_IP6_HOPS]);
		assert_memory_equal(after->data + AT_IP6_SRC, before->data + AT_IP6_SRC,
				    after->len - AT_IP6_SRC);
		return;
	}
	assert_int_equal(sum_fold(sum_bytes(after->data + AT_IP4, 20, 0)), 0xffff);
	if (after->len > headers)
		assert_memory_equal(after->data + headers, before->data + headers,
				    after->len - headers);
}

static void noise_is_refused_or_translated(void **state)
{
	static struct pkt p, after;
	uint32_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < NOISE; i++) {
		bool out = random32() % 2;

		pkt_fuzz(&p, good, sizeof(good) / sizeof(good[0]));
		if (p.len < 14)
			continue;
		if (run_prog(out ? skel->progs.nat_out : skel->progs.nat_in, &p, &after) ==
		    (out ? (int)ESC_BLACK_OUT_sent : (int)ESC_BLACK_to_lan)) {
			only_translation(&p, &after);
			passed++;
		} else {
			assert_int_equal(after.len, p.len);
			assert_memory_equal(after.data, p.data, p.len);
		}
	}
	assert_in_range(passed, NOISE / 50, NOISE);
}

#define ROW(test) cmocka_unit_test_setup(test, fresh_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(what_comes_back_is_what_would_without_nat),
		ROW(noise_is_refused_or_translated),
	};
	const char *failed = load_node();
	int status;

	if (failed)
		return cannot_run(failed, errno);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	nat_bpf__destroy(skel);
	return status;
}
