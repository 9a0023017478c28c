/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections, mappings and ports go when nobody uses them, and never before. */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/conns.h"

#define START	(1000 * ESC_S)
#define TIMEOUT 300u
#define LONG	7440u

struct entry {
	bool used;
	union {
		struct esc_conn_key conn;
		struct esc_nat_key nat;
	} key;
	union {
		struct esc_conn conn;
		struct esc_nat_map nat;
	} value;
};

/* Tables that find an entry by the number in its key. */
struct table {
	struct entry *entry[ESC_CONNS_MAPS];
	uint32_t size, removed, walks;
	int fail;	      /* what reading says */
	uint32_t renew;	      /* this connection or mapping is used just before it is removed */
	uint64_t renew_until; /* 0: none is */
	uint64_t ports[ESC_PORTS_MAX];
	struct esc_conns *conns;
	uint64_t now;
};

static uint32_t number(enum esc_conns_map map, const void *key)
{
	uint32_t n;

	if (map == ESC_CONNS_NAT)
		memcpy(&n, ((const struct esc_nat_key *)key)->lan, 4);
	else
		memcpy(&n, ((const struct esc_conn_key *)key)->lan + 12, 4);
	return ntohl(n);
}

static size_t key_size(enum esc_conns_map map)
{
	return map == ESC_CONNS_NAT ? sizeof(struct esc_nat_key) : sizeof(struct esc_conn_key);
}

static size_t value_size(enum esc_conns_map map)
{
	return map == ESC_CONNS_NAT ? sizeof(struct esc_nat_map) : sizeof(struct esc_conn);
}

static int fake_walk(void *arg, enum esc_conns_map map, bool first, uint32_t *cursor, void *key,
		     void *value, uint32_t *count)
{
	struct table *t = arg;
	uint32_t at = first ? 0 : *cursor, n = 0;

	t->walks++;
	if (t->fail)
		return t->fail;
	for (; at < t->size && n < *count; at++) {
		const struct entry *e = &t->entry[map][at];
		if (!e->used)
			continue;
		memcpy((char *)key + n * key_size(map), &e->key, key_size(map));
		memcpy((char *)value + n * value_size(map), &e->value, value_size(map));
		n++;
	}
	*cursor = at;
	*count = n;
	return at == t->size ? -ENOENT : 0;
}

static int fake_look(void *arg, enum esc_conns_map map, const void *key, void *value)
{
	struct table *t = arg;
	uint32_t i = number(map, key);
	struct entry *e = &t->entry[map][i];

	if (t->renew_until && i == t->renew) {
		if (map == ESC_CONNS_NAT)
			e->value.nat.used = t->renew_until;
		else
			e->value.conn.expires = t->renew_until;
	}
	if (!e->used)
		return -ENOENT;
	memcpy(value, &e->value, value_size(map));
	return 0;
}

static int fake_remove(void *arg, enum esc_conns_map map, const void *key)
{
	struct table *t = arg;
	struct entry *e = &t->entry[map][number(map, key)];

	if (!e->used)
		return -ENOENT;
	e->used = false;
	t->removed++;
	return 0;
}

static const struct esc_conns_ops fake = {fake_walk, fake_look, fake_remove};

static void use_timeouts(struct table *t, uint32_t established)
{
	uint32_t timeout[ESC_CONN_STATES];

	for (int i = 0; i < ESC_CONN_STATES; i++)
		timeout[i] = TIMEOUT;
	timeout[ESC_CONN_ESTABLISHED] = established;
	esc_conns_timeouts(t->conns, timeout);
}

static struct table *table_new(uint32_t size)
{
	struct table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->size = size;
	t->now = START;
	for (int m = 0; m < ESC_CONNS_MAPS; m++) {
		t->entry[m] = calloc(size, sizeof(*t->entry[m]));
		assert_non_null(t->entry[m]);
	}
	assert_int_equal(esc_conns_open(&t->conns, &fake, t, t->ports, size), 0);
	use_timeouts(t, LONG);
	return t;
}

static void table_free(struct table *t)
{
	esc_conns_close(t->conns);
	for (int m = 0; m < ESC_CONNS_MAPS; m++)
		free(t->entry[m]);
	free(t);
}

static struct esc_conn *put(struct table *t, enum esc_conns_map map, uint32_t i, uint8_t proto,
			    uint8_t state, uint16_t port, uint32_t left_s)
{
	struct entry *e = &t->entry[map][i];
	uint32_t be = htonl(i);

	assert_true(i < t->size && !e->used);
	*e = (struct entry){.used = true};
	e->key.conn.lan[10] = e->key.conn.lan[11] = 0xff;
	memcpy(e->key.conn.lan + 12, &be, 4);
	e->key.conn.proto = proto;
	e->value.conn = (struct esc_conn){
		.expires = t->now + left_s * ESC_S, .port = htons(port), .state = state};
	return &e->value.conn;
}

static uint64_t map_port(struct table *t, uint32_t i, uint8_t proto, uint32_t ports, uint16_t port)
{
	struct entry *e = &t->entry[ESC_CONNS_NAT][i];
	uint32_t be = htonl(i);

	*e = (struct entry){.used = true};
	memcpy(e->key.nat.lan, &be, 4);
	e->key.nat.proto = proto;
	e->value.nat = (struct esc_nat_map){.used = t->now, .port = htons(port)};
	t->ports[esc_port_slot(ports, port)] = esc_port_owner(&e->key.nat);
	return esc_port_owner(&e->key.nat);
}

/* As programs see it: leaving or not. */
static uint64_t owner_of(const struct table *t, uint32_t slot)
{
	return t->ports[slot] & ~ESC_PORT_LEAVING;
}

static bool has(const struct table *t, enum esc_conns_map map, uint32_t i)
{
	return t->entry[map][i].used;
}

/* One whole sweep, `seconds` later. Returns the pause behind it. */
static uint64_t sweep(struct table *t, uint32_t seconds)
{
	const uint64_t step = 10 * ESC_MS; /* pauses within a sweep are shorter */
	uint64_t pause;

	t->now += seconds * ESC_S;
	do
		pause = esc_conns_step(t->conns, t->now);
	while (pause < step);
	return pause;
}

static void expired_connections_go_and_others_stay(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	put(t, ESC_CONNS_NEW, 1, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 1001, 10);
	put(t, ESC_CONNS_NEW, 2, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 1002, 11);
	put(t, ESC_CONNS_ANSWERED, 3, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 1003, 10);
	put(t, ESC_CONNS_ANSWERED, 4, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 1004, 11);
	sweep(t, 1);
	assert_int_equal(t->removed, 0);
	sweep(t, 9);
	assert_false(has(t, ESC_CONNS_NEW, 1));
	assert_true(has(t, ESC_CONNS_NEW, 2));
	assert_false(has(t, ESC_CONNS_ANSWERED, 3));
	assert_true(has(t, ESC_CONNS_ANSWERED, 4));
	sweep(t, 1);
	assert_false(has(t, ESC_CONNS_NEW, 2));
	assert_false(has(t, ESC_CONNS_ANSWERED, 4));
	table_free(t);
}

static void connection_renewed_at_the_last_moment_stays(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	put(t, ESC_CONNS_ANSWERED, 3, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 5000, 10);
	map_port(t, 3, IPPROTO_UDP, ESC_PORTS_UDP, 5000);
	t->renew = 3;
	t->renew_until = START + 1000 * ESC_S;
	for (int i = 0; i < 5; i++)
		sweep(t, 10);
	assert_true(has(t, ESC_CONNS_ANSWERED, 3));
	assert_int_not_equal(t->ports[esc_port_slot(ESC_PORTS_UDP, 5000)], ESC_PORT_FREE);
	table_free(t);
}

/* Each of the reasons for which a port is kept, one after the other. */
static void port_in_use_is_never_freed(void **state)
{
	struct table *t = table_new(1024);
	const uint32_t slot = esc_port_slot(ESC_PORTS_UDP, 5000);
	uint64_t owner = map_port(t, 7, IPPROTO_UDP, ESC_PORTS_UDP, 5000);

	(void)state;
	put(t, ESC_CONNS_NEW, 8, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 5000, 60);
	for (int i = 0; i < 5; i++)
		sweep(t, 10);
	assert_int_equal(t->ports[slot], owner);
	assert_true(has(t, ESC_CONNS_NAT, 7));
	put(t, ESC_CONNS_ANSWERED, 9, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 5000, 60);
	for (int i = 0; i < 5; i++)
		sweep(t, 10);
	assert_false(has(t, ESC_CONNS_NEW, 8));
	assert_int_equal(t->ports[slot], owner);
	assert_true(has(t, ESC_CONNS_NAT, 7));
	sweep(t, 20); /* now the last connection is gone, and its mapping with it */
	assert_false(has(t, ESC_CONNS_ANSWERED, 9));
	assert_false(has(t, ESC_CONNS_NAT, 7));
	assert_int_equal(owner_of(t, slot), owner);
	assert_int_not_equal(t->ports[slot], owner); /* nobody takes it any more */
	sweep(t, 2);
	assert_int_equal(t->ports[slot], ESC_PORT_FREE);
	table_free(t);
}

static void same_number_of_another_protocol_is_another_port(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 5000);
	map_port(t, 2, IPPROTO_UDP, ESC_PORTS_UDP, 5000);
	map_port(t, 3, IPPROTO_ICMP, ESC_PORTS_ICMP, 5000);
	put(t, ESC_CONNS_ANSWERED, 2, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 5000, 100);
	for (int i = 0; i < 3; i++)
		sweep(t, 10);
	assert_int_equal(t->ports[esc_port_slot(ESC_PORTS_TCP, 5000)], ESC_PORT_FREE);
	assert_int_not_equal(t->ports[esc_port_slot(ESC_PORTS_UDP, 5000)], ESC_PORT_FREE);
	assert_int_equal(t->ports[esc_port_slot(ESC_PORTS_ICMP, 5000)], ESC_PORT_FREE);
	table_free(t);
}

static void mapping_lives_ten_seconds_after_its_last_connection_began(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 5000);
	sweep(t, 9);
	assert_true(has(t, ESC_CONNS_NAT, 1));
	sweep(t, 2);
	assert_false(has(t, ESC_CONNS_NAT, 1));
	table_free(t);
}

static void mappings_go_sooner_when_there_is_little_room(void **state)
{
	struct table *t = table_new(2000);

	(void)state;
	for (uint32_t i = 0; i < 1990; i++)
		map_port(t, i, IPPROTO_TCP, ESC_PORTS_TCP, (uint16_t)(5000 + i));
	sweep(t, 0);
	assert_int_equal(t->removed, 0);
	sweep(t, 1);
	assert_int_equal(t->removed, 1990);
	table_free(t);
}

static void mapping_used_at_the_last_moment_stays(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 5000);
	t->renew = 1;
	t->renew_until = START + 25 * ESC_S;
	for (int i = 0; i < 3; i++)
		sweep(t, 10);
	assert_true(has(t, ESC_CONNS_NAT, 1));
	assert_int_not_equal(t->ports[esc_port_slot(ESC_PORTS_TCP, 5000)], ESC_PORT_FREE);
	table_free(t);
}

/* What a program does that found the mapping before it was removed: its connection comes later. */
static void connection_that_comes_after_its_mapping_went_keeps_the_port(void **state)
{
	struct table *t = table_new(1024);
	const uint32_t slot = esc_port_slot(ESC_PORTS_TCP, 5000);
	uint64_t owner = map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 5000);

	(void)state;
	sweep(t, 11);
	assert_false(has(t, ESC_CONNS_NAT, 1));
	assert_int_equal(t->ports[slot], owner | ESC_PORT_LEAVING);
	put(t, ESC_CONNS_NEW, 1, IPPROTO_TCP, ESC_CONN_SYN_SENT, 5000, 30);
	for (int i = 0; i < 5; i++)
		sweep(t, 4);
	assert_int_equal(t->ports[slot], owner);
	for (int i = 0; i < 4; i++)
		sweep(t, 4);
	assert_int_equal(t->ports[slot], ESC_PORT_FREE);
	table_free(t);
}

/* Looking often does not make two sweeps of one moment count as two. */
static void looks_in_a_row_free_no_port(void **state)
{
	struct table *t = table_new(1024);
	const uint32_t slot = esc_port_slot(ESC_PORTS_TCP, 5000);
	uint64_t owner = map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 5000);

	(void)state;
	sweep(t, 11);
	for (int i = 0; i < 10; i++)
		assert_int_equal(esc_conns_counts(t->conns, t->now)->ports[ESC_PORTS_TCP], 1);
	assert_int_equal(owner_of(t, slot), owner);
	t->now += 2 * ESC_S;
	assert_int_equal(esc_conns_counts(t->conns, t->now)->ports[ESC_PORTS_TCP], 0);
	table_free(t);
}

static void freed_port_can_be_taken_by_another(void **state)
{
	struct table *t = table_new(1024);
	const uint32_t slot = esc_port_slot(ESC_PORTS_TCP, 5000);

	(void)state;
	map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 5000);
	sweep(t, 11);
	sweep(t, 2);
	assert_int_equal(t->ports[slot], ESC_PORT_FREE);
	uint64_t owner = map_port(t, 2, IPPROTO_TCP, ESC_PORTS_TCP, 5000);
	for (int i = 0; i < 4; i++)
		sweep(t, 2);
	assert_int_equal(t->ports[slot], owner);
	table_free(t);
}

static void reserved_ports_stay(void **state)
{
	struct table *t = table_new(1024);
	struct esc_nat_key k = {.lan = {10, 1, 0, 1}, .proto = IPPROTO_TCP};
	const uint32_t listen = esc_port_slot(ESC_PORTS_UDP, 51820);
	const uint32_t opening = esc_port_slot(ESC_PORTS_TCP, 8080);

	(void)state;
	t->ports[listen] = ESC_PORT_RESERVED;
	t->ports[opening] = ESC_PORT_RESERVED | esc_port_owner(&k);
	put(t, ESC_CONNS_ANSWERED, 3, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 8080, 5);
	for (int i = 0; i < 5; i++)
		sweep(t, 10);
	assert_int_equal(t->ports[listen], ESC_PORT_RESERVED);
	assert_int_equal(t->ports[opening], ESC_PORT_RESERVED | esc_port_owner(&k));
	assert_int_equal(esc_conns_counts(t->conns, t->now)->ports[ESC_PORTS_TCP], 0);
	table_free(t);
}

/* A slot that was taken, and then there was no room for the mapping. */
static void port_without_a_mapping_is_freed(void **state)
{
	struct table *t = table_new(1024);
	const uint32_t slot = esc_port_slot(ESC_PORTS_UDP, 6000);

	(void)state;
	put(t, ESC_CONNS_NEW, 1, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 7000, 100);
	t->ports[slot] = 1234;
	sweep(t, 2);
	assert_int_equal(owner_of(t, slot), 1234);
	sweep(t, 2);
	assert_int_equal(t->ports[slot], ESC_PORT_FREE);
	table_free(t);
}

static void table_that_cannot_be_read_frees_nothing(void **state)
{
	struct table *t = table_new(1024);
	const uint32_t slot = esc_port_slot(ESC_PORTS_UDP, 6000);

	(void)state;
	put(t, ESC_CONNS_NEW, 1, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 7000, 1000);
	t->ports[slot] = 1234;
	sweep(t, 2);
	t->fail = -EPERM;
	for (int i = 0; i < 3; i++)
		assert_true(sweep(t, 2) >= ESC_S);
	assert_int_equal(owner_of(t, slot), 1234);
	t->fail = 0;
	sweep(t, 2);
	assert_int_equal(t->ports[slot], ESC_PORT_FREE);
	assert_true(has(t, ESC_CONNS_NEW, 1));
	table_free(t);
}

/* --- the table is nearly full ------------------------------------------------------------------
 */

static void full_table_loses_the_longest_idle_down_to_85_percent(void **state)
{
	struct table *t = table_new(2000);

	(void)state;
	for (uint32_t i = 0; i < 1801; i++) /* idle for i/10 s */
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 0, TIMEOUT)
			->expires -= i * ESC_S / 10;
	sweep(t, 0);
	assert_int_equal(t->removed, 101);
	assert_int_equal(esc_conns_evicted(t->conns), 101);
	/* Ranks are as wide as 6 of them, and the choice within the last one is free. */
	for (uint32_t i = 0; i < 1690; i++)
		assert_true(has(t, ESC_CONNS_ANSWERED, i));
	for (uint32_t i = 1710; i < 1801; i++)
		assert_false(has(t, ESC_CONNS_ANSWERED, i));
	sweep(t, 0);
	assert_int_equal(t->removed, 101);
	table_free(t);
}

static void table_of_90_percent_loses_nothing(void **state)
{
	struct table *t = table_new(2000);

	(void)state;
	for (uint32_t i = 0; i < 1800; i++)
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 0, 1);
	sweep(t, 0);
	assert_int_equal(t->removed, 0);
	table_free(t);
}

/* Idle time counts by its timeout: 200 of 300 s is more than 3 of 7440 s, and 2 h more than that.
 */
static void tcp_established_goes_last_until_it_was_idle_for_2_h_4_min(void **state)
{
	struct table *t = table_new(1000);

	(void)state;
	use_timeouts(t, 24 * 3600);
	for (uint32_t i = 0; i < 800; i++) /* idle for 2 h */
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 0, 22 * 3600);
	for (uint32_t i = 800; i < 810; i++) /* for 20 h */
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 0, 4 * 3600);
	for (uint32_t i = 810; i < 950; i++) /* not idle */
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 0, TIMEOUT);
	sweep(t, 0);
	assert_int_equal(t->removed, 100);
	for (uint32_t i = 0; i < 800; i++)
		assert_true(has(t, ESC_CONNS_ANSWERED, i));
	for (uint32_t i = 800; i < 810; i++)
		assert_false(has(t, ESC_CONNS_ANSWERED, i));
	table_free(t);
}

static void only_established_ones_go_when_there_are_no_others(void **state)
{
	struct table *t = table_new(1000);

	(void)state;
	for (uint32_t i = 0; i < 950; i++)
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 0, LONG - i * 7);
	sweep(t, 0);
	assert_int_equal(t->removed, 100);
	for (uint32_t i = 0; i < 830; i++)
		assert_true(has(t, ESC_CONNS_ANSWERED, i));
	table_free(t);
}

static void unanswered_ones_make_no_answered_one_go(void **state)
{
	struct table *t = table_new(2000);

	(void)state;
	for (uint32_t i = 0; i < 1800; i++)
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 0, 1);
	for (uint32_t i = 0; i < 2000; i++)
		put(t, ESC_CONNS_NEW, i, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 0, 100);
	sweep(t, 0);
	assert_int_equal(t->removed, 0);
	table_free(t);
}

static void largest_table_needs_no_memory_but_what_is_allocated_at_start(void **state)
{
	struct table *t = table_new(ESC_CONNECTIONS_MAX);
	uint32_t steps = 0;

	(void)state;
	for (uint32_t i = 0; i < ESC_CONNECTIONS_MAX; i++) {
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, (uint16_t)i, LONG);
		if (i < 65536)
			map_port(t, i, IPPROTO_TCP, ESC_PORTS_TCP, (uint16_t)i);
	}
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	do {
		uint32_t walks = t->walks;
		steps++;
		assert_true(esc_conns_step(t->conns, t->now) < ESC_S);
		assert_true(t->walks - walks <= 4); /* each step is short */
	} while (!esc_conns_evicted(t->conns));
	while (esc_conns_step(t->conns, t->now) < 10 * ESC_MS)
		steps++;
	assert_true(steps > ESC_CONNECTIONS_MAX / ESC_CONNS_BATCH);
	assert_int_equal(esc_conns_evicted(t->conns),
			 ESC_CONNECTIONS_MAX - ESC_CONNECTIONS_MAX / 100 * 85 - 64);
	assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= before);
	table_free(t);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static void new_black_address_ends_ipv4_alone(void **state)
{
	struct table *t = table_new(2000);

	(void)state;
	for (uint32_t i = 0; i < 700; i++) {
		put(t, ESC_CONNS_NEW, i, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, 5000, 100);
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_UDP, ESC_CONN_UDP_REPLIED, 5000, 100);
	}
	map_port(t, 1, IPPROTO_UDP, ESC_PORTS_UDP, 5000);
	put(t, ESC_CONNS_ANSWERED, 1999, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 0, 100);
	t->entry[ESC_CONNS_ANSWERED][1999].key.conn.lan[0] = 0x20;
	assert_int_equal(esc_conns_flush4(t->conns), 0);
	for (uint32_t i = 0; i < 700; i++)
		assert_false(has(t, ESC_CONNS_NEW, i) || has(t, ESC_CONNS_ANSWERED, i));
	assert_false(has(t, ESC_CONNS_NAT, 1));
	assert_true(has(t, ESC_CONNS_ANSWERED, 1999));
	sweep(t, 2);
	sweep(t, 2);
	assert_int_equal(t->ports[esc_port_slot(ESC_PORTS_UDP, 5000)], ESC_PORT_FREE);
	table_free(t);
}

static void counts_are_by_table_family_and_state(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	put(t, ESC_CONNS_NEW, 1, IPPROTO_TCP, ESC_CONN_SYN_SENT, 1001, 10);
	put(t, ESC_CONNS_ANSWERED, 2, IPPROTO_ICMP, ESC_CONN_ICMP, 1002, 10);
	put(t, ESC_CONNS_ANSWERED, 3, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 1003, 10);
	t->entry[ESC_CONNS_ANSWERED][3].key.conn.lan[0] = 0x20;
	put(t, ESC_CONNS_ANSWERED, 4, IPPROTO_TCP, 200, 1003, 0); /* no such state */
	map_port(t, 1, IPPROTO_TCP, ESC_PORTS_TCP, 1001);
	map_port(t, 2, IPPROTO_ICMP, ESC_PORTS_ICMP, 1002);
	const struct esc_conns_counts *n = esc_conns_counts(t->conns, t->now);
	assert_int_equal(n->unanswered, 1);
	assert_int_equal(n->answered, 2);
	assert_int_equal(n->ipv4, 2);
	assert_int_equal(n->ipv6, 1);
	assert_int_equal(n->state[ESC_CONN_SYN_SENT], 1);
	assert_int_equal(n->state[ESC_CONN_ICMP], 1);
	assert_int_equal(n->state[ESC_CONN_ESTABLISHED], 1);
	assert_int_equal(n->mappings, 2);
	assert_int_equal(n->ports[ESC_PORTS_TCP], 1);
	assert_int_equal(n->ports[ESC_PORTS_UDP], 0);
	assert_int_equal(n->ports[ESC_PORTS_ICMP], 1);
	assert_false(has(t, ESC_CONNS_ANSWERED, 4));
	table_free(t);
}

static void empty_tables_are_looked_at_more_rarely_and_briefly(void **state)
{
	struct table *t = table_new(1024);

	(void)state;
	uint64_t idle = sweep(t, 0);
	assert_int_equal(t->walks, 3);
	put(t, ESC_CONNS_NEW, 1, IPPROTO_TCP, ESC_CONN_SYN_SENT, 1001, 10);
	uint64_t busy = sweep(t, 5);
	assert_true(idle > busy);
	for (uint32_t i = 0; i < 800; i++)
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 0, 100);
	uint64_t tight = sweep(t, 2);
	assert_true(tight < busy);
	for (uint32_t i = 800; i < 880; i++)
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, 0, 100);
	assert_true(sweep(t, 2) < tight);
	table_free(t);
}

static void reading_gives_every_connection_once(void **state)
{
	static struct esc_conns_row row[ESC_CONNS_BATCH];
	static uint8_t seen[2][3000];
	struct table *t = table_new(3000);
	struct esc_conns_cursor at = {0};
	int n, all = 0;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < 3000; i++) {
		put(t, ESC_CONNS_ANSWERED, i, IPPROTO_TCP, ESC_CONN_ESTABLISHED, (uint16_t)i, 100);
		if (i % 3 == 0)
			put(t, ESC_CONNS_NEW, i, IPPROTO_UDP, ESC_CONN_UDP_UNREPLIED, (uint16_t)i,
			    100);
	}
	while (esc_conns_left(&at)) {
		n = esc_conns_read(t->conns, &at, row);
		assert_true(n >= 0 && n <= (int)ESC_CONNS_BATCH);
		sweep(t, 0); /* in between, with the same buffers */
		for (int i = 0; i < n; i++, all++) {
			uint32_t k = number(ESC_CONNS_NEW, &row[i].key);
			assert_int_equal(ntohs(row[i].conn.port), k);
			assert_int_equal(row[i].end, 0);
			seen[row[i].answered][k]++;
		}
	}
	assert_int_equal(all, 3000 - 450 + 1000); /* some had to go */
	for (uint32_t i = 0; i < 3000; i++)
		assert_true(seen[0][i] == (i % 3 == 0) && seen[1][i] <= 1);
	t->fail = -EPERM;
	at = (struct esc_conns_cursor){0};
	assert_int_equal(esc_conns_read(t->conns, &at, row), -EPERM);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_connections_go_and_others_stay),
		cmocka_unit_test(connection_renewed_at_the_last_moment_stays),
		cmocka_unit_test(port_in_use_is_never_freed),
		cmocka_unit_test(same_number_of_another_protocol_is_another_port),
		cmocka_unit_test(mapping_lives_ten_seconds_after_its_last_connection_began),
		cmocka_unit_test(mappings_go_sooner_when_there_is_little_room),
		cmocka_unit_test(mapping_used_at_the_last_moment_stays),
		cmocka_unit_test(connection_that_comes_after_its_mapping_went_keeps_the_port),
		cmocka_unit_test(looks_in_a_row_free_no_port),
		cmocka_unit_test(freed_port_can_be_taken_by_another),
		cmocka_unit_test(reserved_ports_stay),
		cmocka_unit_test(port_without_a_mapping_is_freed),
		cmocka_unit_test(table_that_cannot_be_read_frees_nothing),
		cmocka_unit_test(full_table_loses_the_longest_idle_down_to_85_percent),
		cmocka_unit_test(table_of_90_percent_loses_nothing),
		cmocka_unit_test(tcp_established_goes_last_until_it_was_idle_for_2_h_4_min),
		cmocka_unit_test(only_established_ones_go_when_there_are_no_others),
		cmocka_unit_test(unanswered_ones_make_no_answered_one_go),
		cmocka_unit_test(largest_table_needs_no_memory_but_what_is_allocated_at_start),
		cmocka_unit_test(new_black_address_ends_ipv4_alone),
		cmocka_unit_test(counts_are_by_table_family_and_state),
		cmocka_unit_test(empty_tables_are_looked_at_more_rarely_and_briefly),
		cmocka_unit_test(reading_gives_every_connection_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
