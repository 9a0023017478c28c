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
		cmocka_unit_test_setup(last_hop_limit, set_up),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return run_nat(tests);
}
