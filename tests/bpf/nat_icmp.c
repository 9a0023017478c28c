/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_icmp.c: ICMP errors about connections, through the NAT in both directions. An error is built
 * twice, as the one side sees it and as the other does: what comes out must be the other one, byte
 * for byte.
 */
#include "icmp_conn.h"

static void errors_about_connections_are_translated(void **state)
{
	struct pkt in, out, want;

	(void)state;
	for (uint32_t i = 0; i < 60000; i++) {
		const struct known *k = &known[random32() % CONNS];
		int way = (int)(i % 2), got;

		both_sides(k, way, random32(), &in, &want);
		got = run_change(prog[way], &in, &out);
		if (got != pass(way))
			fail_msg("error %u, %s, %s, protocol %u, refused: %d", i,
				 way == IN ? "in" : "out", k->six ? "IPv6" : "IPv4", k->proto, got);
		assert_same_frame(&out, &want);
	}
}

/* Every one of them leaves the connection as it was: state, timers, counters. */
static void errors_change_no_connection(void **state)
{
	struct pkt in, out, want;
	struct esc_conn before, after;

	(void)state;
	for (uint32_t n = 0; n < CONNS; n++) {
		struct known *k = &known[n];
		int map = bpf_map__fd(n % 5 ? skel->maps.conn : skel->maps.conn_new);

		assert_int_equal(bpf_map_lookup_elem(map, &k->key, &before), 0);
		for (int way = OUT; way <= IN; way++) {
			both_sides(k, way, random32(), &in, &want);
			assert_int_equal(run_change(prog[way], &in, &out), pass(way));
		}
		assert_int_equal(bpf_map_lookup_elem(map, &k->key, &after), 0);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void only_errors_that_are_forwarded(void **state)
{
	struct pkt in, out, about;

	(void)state;
	for (uint32_t n = 0; n < 2; n++) {
		const struct known *k = &known[n];

		packet(&about, k, OUT, true, 0x1234541);
		for (uint32_t type = 0; type < 256; type++) {
			struct error e = {.type = (uint8_t)type, .quote = 60};
			bool good = k->six ? type >= 1 && type <= 4
					   : type == 3 || type == 11 || type == 12;

			error_about(&in, &about, k->remote, k->six ? k->lan : OWN4, &e);
			assert_int_equal(run_change(prog[IN], &in, &out) == ESC_BLACK_to_lan, good);
		}
	}
}

/* The packet becomes the first fragment of a larger one. */
static void make_first_fragment(struct pkt *p, const struct known *k)
{
	if (!k->six) {
		p->data[AT_IP4_FRAG] = 0x20;
		pkt_ip4_fix(p);
		return;
	}
	memmove(p->data + AT_L4_6 + 8, p->data + AT_L4_6, p->len - AT_L4_6);
	memcpy(p->data + AT_L4_6, "\0\0\0\1\0\0\0\7", 8);
	p->data[AT_L4_6] = k->proto;
	p->data[AT_IP6_NEXT] = 44;
	p->len += 8;
}

/* It has the ports. A router quotes it whose next link is too small, say. */
static void errors_about_first_fragments(void **state)
{
	struct pkt lan, black, in, want, out;

	(void)state;
	for (uint32_t n = 0; n < CONNS; n++) {
		const struct known *k = &known[n];
		struct error e = {.type = k->six ? 2 : 3, .code = k->six ? 0 : 4, .rest = 1280};
		uint32_t seed = random32();

		packet(&lan, k, OUT, false, seed);
		packet(&black, k, OUT, true, seed);
		make_first_fragment(&lan, k);
		make_first_fragment(&black, k);
		e.quote = k->six ? 56 : 28;
		error_about(&in, &black, far_end(k), k->six ? k->lan : OWN4, &e);
		error_about(&want, &lan, k->remote, k->lan, &e);
		memcpy(want.data + (k->six ? AT_IP6_SRC : AT_IP4_SRC),
		       in.data + (k->six ? AT_IP6_SRC : AT_IP4_SRC), k->six ? 16 : 4);
		want.data[k->six ? AT_IP6_HOPS : AT_IP4 + 8]--;
		ref_fix(want.data + 14, want.len - 14);
		assert_int_equal(run_change(prog[IN], &in, &out), pass(IN));
		assert_same_frame(&out, &want);
	}
}

/* An opening's port has no owner: the opening says whose it is. */
static void errors_about_forwarded_ports(void **state)
{
	static struct esc_policy policy;
	struct known k = {.proto = 6,
			  .lan = "10.1.0.5",
			  .remote = "198.51.100.99",
			  .lan_port = 83,
			  .remote_port = 40000,
			  .own_port = 8083,
			  .end = {1000, 0xfffffff0}};
	struct pkt in, out, want;
	uint32_t slot = 0;

	(void)state;
	policy.openings = 1;
	policy.opening[0] = (struct esc_opening){
		.to_len = 128, .proto = 6, .port_first = 8080, .port_last = 8089, .to_port = 80};
	map_key(k.lan, policy.opening[0].to);
	bpf_map_update_elem(bpf_map__fd(skel->maps.black_policy), &slot, &policy, BPF_ANY);
	put_conn(&k, bpf_map__fd(skel->maps.conn), UINT64_MAX);
	put_owner(6, k.own_port, ESC_PORT_RESERVED);
	for (uint32_t i = 0; i < 1000; i++) {
		int way = (int)(i % 2);

		both_sides(&k, way, random32(), &in, &want);
		assert_int_equal(run_change(prog[way], &in, &out), pass(way));
		assert_same_frame(&out, &want);
	}
	policy.openings = 0; /* the port is nobody's: the node's own, perhaps */
	bpf_map_update_elem(bpf_map__fd(skel->maps.black_policy), &slot, &policy, BPF_ANY);
	both_sides(&k, IN, 1, &in, &want);
	assert_int_equal(run_change(prog[IN], &in, &out), refused(IN));
}

/* Between two hosts of the LAN, both by the node's address: out and in, one after the other. */
static void errors_between_hairpins(void **state)
{
	struct known near = {.proto = 17,
			     .lan = "10.1.0.7",
			     .remote = OWN4,
			     .lan_port = 3000,
			     .remote_port = 62000,
			     .own_port = 61000};
	struct known far = {.proto = 17,
			    .lan = "10.1.0.8",
			    .remote = OWN4,
			    .lan_port = 4000,
			    .remote_port = 61000,
			    .own_port = 62000};
	struct pkt about, in, middle, out, want;
	struct error e = {.type = 3, .code = 3, .quote = 28};

	(void)state;
	put_conn(&near, bpf_map__fd(skel->maps.conn), UINT64_MAX);
	put_conn(&far, bpf_map__fd(skel->maps.conn), UINT64_MAX);
	packet(&about, &far, IN, false, 8); /* what far got from near, ... */
	error_about(&in, &about, far.lan, OWN4, &e);
	packet(&about, &near, OUT, false, 8); /* ... as near sent it */
	error_about(&want, &about, OWN4, near.lan, &e);
	want.data[AT_IP4 + 8] -= 2;
	pkt_ip4_fix(&want);
	assert_int_equal(run_change(prog[OUT], &in, &middle), pass(OUT));
	assert_int_equal(run_change(prog[IN], &middle, &out), pass(IN));
	assert_same_frame(&out, &want);
}

static void last_hop_limit(void **state)
{
	struct pkt in, out, want;

	(void)state;
	for (uint32_t n = 0; n < 4; n++) {
		int way = (int)(n % 2);
		const struct known *k = &known[n / 2];

		both_sides(k, way, 77, &in, &want);
		in.data[k->six ? AT_IP6_HOPS : AT_IP4 + 8] = 1;
		if (!k->six)
			pkt_ip4_fix(&in);
		assert_int_equal(run_change(prog[way], &in, &out),
				 way == IN ? (int)ESC_BLACK_ttl : (int)ESC_BLACK_OUT_ttl);
	}
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup(errors_about_connections_are_translated, set_up),
		cmocka_unit_test_setup(errors_change_no_connection, set_up),
		cmocka_unit_test_setup(only_errors_that_are_forwarded, set_up),
		cmocka_unit_test_setup(errors_about_first_fragments, set_up),
		cmocka_unit_test_setup(errors_about_forwarded_ports, set_up),
		cmocka_unit_test_setup(errors_between_hairpins, set_up),
		cmocka_unit_test_setup(last_hop_limit, set_up),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return run_nat(tests);
}
