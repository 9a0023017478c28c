/* SPDX-License-Identifier: BSD-2-Clause */
/* control/conns.h on the kernel's tables: a full one is walked whole, while entries go. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/conns.h"

#define ENTRIES 65536u
#define NOW	(1000 * ESC_S)

struct tables {
	int map[ESC_CONNS_MAPS], port_map;
	uint64_t *ports;
	struct esc_conns *conns;
};

static int make(enum bpf_map_type type, const char *name, uint32_t key, uint32_t value,
		uint32_t entries, uint32_t flags)
{
	struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = flags};
	int fd = bpf_map_create(type, name, key, value, entries, &opts);

	assert_true(fd >= 0);
	return fd;
}

static int setup(void **state)
{
	const uint32_t timeout[ESC_CONN_STATES] = {[0 ... ESC_CONN_STATES - 1] = 300};
	struct tables *t = calloc(1, sizeof(*t));
	const uint32_t key = sizeof(struct esc_conn_key), value = sizeof(struct esc_conn);

	assert_non_null(t);
	t->map[ESC_CONNS_NEW] = make(BPF_MAP_TYPE_LRU_HASH, "conn_new", key, value, ENTRIES / 4, 0);
	t->map[ESC_CONNS_ANSWERED] = make(BPF_MAP_TYPE_HASH, "conn", key, value, ENTRIES, 0);
	t->map[ESC_CONNS_NAT] = make(BPF_MAP_TYPE_HASH, "nat_map", sizeof(struct esc_nat_key),
				     sizeof(struct esc_nat_map), ENTRIES, 0);
	t->port_map = make(BPF_MAP_TYPE_ARRAY, "nat_ports", 4, 8, ESC_PORTS_MAX, BPF_F_MMAPABLE);
	t->ports = mmap(NULL, ESC_PORTS_MAX * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
			t->port_map, 0);
	assert_ptr_not_equal(t->ports, MAP_FAILED);
	assert_int_equal(esc_conns_open(&t->conns, &esc_conns_bpf, t->map, t->ports, ENTRIES), 0);
	esc_conns_timeouts(t->conns, timeout);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tables *t = *state;

	esc_conns_close(t->conns);
	munmap(t->ports, ESC_PORTS_MAX * sizeof(uint64_t));
	for (int i = 0; i < ESC_CONNS_MAPS; i++)
		close(t->map[i]);
	close(t->port_map);
	free(t);
	return 0;
}

static void key_of(uint32_t i, struct esc_conn_key *k)
{
	const uint32_t be = htonl(i);

	*k = (struct esc_conn_key){.lan = {[10] = 0xff, [11] = 0xff}, .proto = IPPROTO_UDP};
	memcpy(k->lan + 12, &be, 4);
}

static int put(const struct tables *t, enum esc_conns_map map, uint32_t i, uint64_t expires)
{
	const struct esc_conn c = {
		.expires = expires, .state = ESC_CONN_UDP_REPLIED, .port = htons((uint16_t)i)};
	struct esc_conn_key k;

	key_of(i, &k);
	return bpf_map_update_elem(t->map[map], &k, &c, BPF_NOEXIST);
}

static bool has(const struct tables *t, enum esc_conns_map map, uint32_t i)
{
	struct esc_conn_key k;
	struct esc_conn c;

	key_of(i, &k);
	return !bpf_map_lookup_elem(t->map[map], &k, &c);
}

static void map_port(const struct tables *t, uint32_t i)
{
	const struct esc_nat_key k = {.lan = {10, 1, (uint8_t)(i >> 8), (uint8_t)i},
				      .proto = IPPROTO_UDP};
	const struct esc_nat_map m = {.used = NOW, .port = htons((uint16_t)i)};
	const uint32_t slot = esc_port_slot(ESC_PORTS_UDP, (uint16_t)i);
	const uint64_t owner = esc_port_owner(&k);

	assert_int_equal(bpf_map_update_elem(t->map[ESC_CONNS_NAT], &k, &m, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(t->port_map, &slot, &owner, BPF_ANY), 0);
}

static uint64_t port_owner(const struct tables *t, uint16_t port)
{
	const uint32_t slot = esc_port_slot(ESC_PORTS_UDP, port);
	uint64_t owner = 1;

	assert_int_equal(bpf_map_lookup_elem(t->port_map, &slot, &owner), 0);
	return owner;
}

static void sweep(struct tables *t, uint64_t now)
{
	while (esc_conns_step(t->conns, now) < 10 * ESC_MS)
		;
}

/* What expired is removed while the table is walked; nothing else is missed or taken. */
static void full_table_is_swept_whole(void **state)
{
	struct tables *t = *state;
	uint32_t left = 0;

	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(put(t, ESC_CONNS_ANSWERED, i, NOW + (i % 2 ? 100 : 10) * ESC_S),
				 0);
	assert_int_not_equal(put(t, ESC_CONNS_ANSWERED, ENTRIES, NOW), 0); /* it is full */
	sweep(t, NOW + 10 * ESC_S);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		assert_int_equal(has(t, ESC_CONNS_ANSWERED, i), i % 2);
		left += i % 2;
	}
	assert_int_equal(esc_conns_counts(t->conns, NOW + 10 * ESC_S)->answered, left);
	sweep(t, NOW + 100 * ESC_S);
	assert_int_equal(esc_conns_counts(t->conns, NOW + 100 * ESC_S)->answered, 0);
}

static void full_table_is_read_whole(void **state)
{
	static struct esc_conns_row row[ESC_CONNS_BATCH];
	static uint8_t seen[ENTRIES];
	struct esc_conns_cursor at = {0};
	struct tables *t = *state;
	uint32_t unanswered = 0;
	int n;

	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(put(t, ESC_CONNS_ANSWERED, i, NOW + 100 * ESC_S), 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(put(t, ESC_CONNS_NEW, i, NOW + 100 * ESC_S), 0);
	while (esc_conns_left(&at)) {
		n = esc_conns_read(t->conns, &at, row);
		assert_true(n >= 0 && n <= (int)ESC_CONNS_BATCH);
		for (int i = 0; i < n; i++) {
			unanswered += !row[i].answered;
			seen[ntohs(row[i].conn.port)] += (uint8_t)row[i].answered;
		}
	}
	assert_int_equal(unanswered, 1000);
	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(seen[i], 1);
}

static void full_table_makes_room(void **state)
{
	struct tables *t = *state;

	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(put(t, ESC_CONNS_ANSWERED, i, NOW + (i < 60000 ? 300 : 1) * ESC_S),
				 0);
	sweep(t, NOW);
	assert_int_equal(esc_conns_evicted(t->conns), ENTRIES - ENTRIES * 85ull / 100);
	for (uint32_t i = 60000; i < ENTRIES; i++)
		assert_false(has(t, ESC_CONNS_ANSWERED, i));
	assert_int_equal(put(t, ESC_CONNS_ANSWERED, ENTRIES, NOW), 0);
}

static void ports_are_freed_for_the_programs_to_take(void **state)
{
	struct tables *t = *state;

	map_port(t, 5000);
	map_port(t, 5001);
	assert_int_equal(put(t, ESC_CONNS_NEW, 5001, NOW + 100 * ESC_S), 0);
	for (int i = 1; i < 5; i++)
		sweep(t, NOW + 10 * i * ESC_S);
	assert_int_equal(port_owner(t, 5000), ESC_PORT_FREE);
	assert_int_not_equal(port_owner(t, 5001), ESC_PORT_FREE);
	assert_int_equal(esc_conns_flush4(t->conns), 0);
	assert_false(has(t, ESC_CONNS_NEW, 5001));
	sweep(t, NOW + 52 * ESC_S);
	sweep(t, NOW + 54 * ESC_S);
	assert_int_equal(port_owner(t, 5001), ESC_PORT_FREE);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * ESC_S + (uint64_t)t.tv_nsec;
}

/* It takes some tens of microseconds, once in five seconds; the best of many looks is judged. */
static void empty_tables_cost_next_to_nothing(void **state)
{
	struct tables *t = *state;
	uint64_t best = UINT64_MAX;

	sweep(t, NOW);
	for (int i = 1; i <= 20; i++) {
		uint64_t begin = cpu_ns(), took;

		assert_true(esc_conns_step(t->conns, NOW + 5 * i * ESC_S) >= 5 * ESC_S);
		took = cpu_ns() - begin;
		best = took < best ? took : best;
	}
	print_message("a look at empty tables: %llu us\n", (unsigned long long)best / 1000);
	assert_true(best < 5 * ESC_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_table_is_swept_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(full_table_is_read_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(full_table_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_are_freed_for_the_programs_to_take, setup,
						teardown),
		cmocka_unit_test_setup_teardown(empty_tables_cost_next_to_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
