/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_checks.c: how many initiations the black XDP program computes the mac1 of. Each CPU has a
 * bucket for strangers, so these tests say where they run. Tokens come back with time, which passes
 * when a test says so.
 */
#include <sched.h>

#define OWN_CLOCK
#include "black_node.h"

#define CPUS_MAX 1024

static cpu_set_t usable; /* CPUs of this program */

/* Run on the n-th of its CPUs from now on; false: there are fewer. */
static bool run_on(int n)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &usable) && !n--)
			CPU_SET(cpu, &one);
	return CPU_COUNT(&one) && !sched_setaffinity(0, sizeof(one), &one);
}

/* No limits, nothing taken on any CPU. */
static int fresh(void **state)
{
	static const struct esc_bucket full[CPUS_MAX];
	uint32_t zero = 0;

	(void)state;
	guard_reset(&node);
	assert_in_range(libbpf_num_possible_cpus(), 1, CPUS_MAX);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(skel->maps.black_checks), &zero, full, BPF_ANY), 0);
	return 0;
}

static void passes(const struct pkt *p, const char *what)
{
	run_expect(&run, p, XDP_REDIRECT, ESC_BLACK_to_crypto, what);
}

static void wrong_mac1(struct pkt *p)
{
	pkt_message(p)[mac1_at(*pkt_message(p))] ^= 1;
}

/* A wrong mac1 takes as much of it as a right one; afterwards none is looked at. */
static void strangers_are_checked_while_there_is_time(void **state)
{
	struct esc_limits l = limits_open();
	struct esc_source_key key;
	struct pkt p;

	(void)state;
	assert_true(run_on(0));
	l.mac_rate = 1;
	guard_limits(&node, &l);
	initiation4(&p);
	wrong_mac1(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "the one of this second");
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "wrong, no time");
	initiation4(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "right, no time");
	initiation6(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "another source");
	guard_load(&node);
	initiation4(&p);
	pkt_mac2(&node, &p, node.secret[0]);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "under load, with mac2");
	assert_int_equal(bpf_map_get_next_key(bpf_map__fd(skel->maps.black_sources), NULL, &key),
			 -ENOENT);		       /* and it leaves no trace */
	assert_int_equal(node.buckets->refused_at, 0); /* a cookie would not help */
	run_settle(&run, true, "no time");
}

static void known_sources_and_responses_are_always_checked(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	assert_true(run_on(0));
	l.mac_rate = 1;
	guard_limits(&node, &l);
	guard_know(&node, PEER4);
	initiation4(&p);
	for (int i = 0; i < 100; i++)
		passes(&p, "where a peer was seen");
	wrong_mac1(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "where a peer was seen, wrong");
	initiation6(&p);
	passes(&p, "a stranger: those took nothing from it");
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "stranger, no time");
	initiation4(&p);
	passes(&p, "where a peer was seen, while there is no time");
	response4(&p);
	passes(&p, "response");
	wrong_mac1(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "response, wrong");
	run_settle(&run, true, "always checked");
}

static void each_cpu_has_its_own_time(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	l.mac_rate = 1;
	guard_limits(&node, &l);
	initiation4(&p);
	for (int cpu = 0; cpu < 4 && run_on(cpu); cpu++) {
		passes(&p, "the one of this CPU");
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "no time on this CPU");
	}
	run_settle(&run, true, "CPUs");
}

static void nothing_is_checked_at_rate_0(void **state)
{
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	l.mac_rate = 0;
	guard_limits(&node, &l);
	initiation4(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac_rate, "closed");
	guard_know(&node, PEER4);
	passes(&p, "where a peer was seen");
	run_settle(&run, true, "rate 0");
}

static void time_for_mac1_comes_back(void **state)
{
	const uint32_t rate = 10000, token = 1000000000 / rate, burst = ESC_MAC_BURST_NS / token;
	const struct {
		uint64_t after;
		uint32_t checked;
	} waits[] = {{0, burst}, {token - 1, 0}, {1, 1}, {10 * token, 10}, {1000 * token, burst}};
	struct esc_limits l = limits_open();
	struct pkt p;

	(void)state;
	assert_true(run_on(0));
	l.mac_rate = rate;
	guard_limits(&node, &l);
	initiation4(&p);
	wrong_mac1(&p);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		skel->data->clock_ns += waits[i].after;
		assert_int_equal(run_count(&run, &p, 1000, ESC_BLACK_mac1), waits[i].checked);
	}
	run_settle(&run, false, "time comes back");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(strangers_are_checked_while_there_is_time, fresh),
		cmocka_unit_test_setup(known_sources_and_responses_are_always_checked, fresh),
		cmocka_unit_test_setup(each_cpu_has_its_own_time, fresh),
		cmocka_unit_test_setup(nothing_is_checked_at_rate_0, fresh),
		cmocka_unit_test_setup(time_for_mac1_comes_back, fresh),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	must(!sched_getaffinity(0, sizeof(usable), &usable), "sched_getaffinity");
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
