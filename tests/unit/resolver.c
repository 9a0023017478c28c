/* SPDX-License-Identifier: BSD-2-Clause */
/* Next hops (control/resolver.h) against a kernel whose tables the tests write. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/addr.h"
#include "base/clock.h"
#include "control/resolver.h"

#define NOW (1000 * ESC_S)

/* One route, one neighbour, and what the resolver did. */
struct kernel {
	struct esc_resolver *r;
	int route_error;
	struct esc_route route;
	struct esc_neigh neigh;
	uint32_t sent, probes;
	struct esc_msg_hop last;
};

static const uint8_t host[16] = {[10] = 0xff, 0xff, 10, 0, 0, 7};
static const uint8_t other[16] = {[10] = 0xff, 0xff, 10, 0, 0, 8};
static const uint8_t gateway[16] = {[10] = 0xff, 0xff, 10, 0, 0, 254};
static const uint8_t own[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1};
static const uint8_t mac1[6] = {2, 0, 0, 0, 0, 1}, mac2[6] = {2, 0, 0, 0, 0, 2};

static int ask_route(void *arg, const uint8_t dst[16], struct esc_route *route)
{
	const struct kernel *k = arg;

	(void)dst;
	*route = k->route;
	return k->route_error;
}

static int ask_neigh(void *arg, const uint8_t addr[16], struct esc_neigh *n)
{
	const struct kernel *k = arg;

	*n = (struct esc_neigh){0};
	if (!memcmp(addr, k->neigh.addr, 16))
		*n = k->neigh;
	return 0;
}

static void probe(void *arg, const uint8_t addr[16])
{
	struct kernel *k = arg;

	assert_memory_equal(addr, k->route.via, 16);
	k->probes++;
}

static void send_hop(void *arg, const struct esc_msg_hop *hop)
{
	struct kernel *k = arg;

	k->last = *hop;
	k->sent++;
}

static int set_up(void **state)
{
	static const struct esc_resolver_ops ops = {
		.route = ask_route,
		.neigh = ask_neigh,
		.probe = probe,
		.send = send_hop,
	};
	static struct kernel k;

	memset(&k, 0, sizeof(k));
	memcpy(k.route.via, gateway, 16);
	memcpy(k.route.src, own, 16);
	memcpy(k.neigh.addr, gateway, 16);
	k.r = esc_resolver_new(&ops, &k);
	*state = &k;
	return k.r ? 0 : -1;
}

static int tear_down(void **state)
{
	struct kernel *k = *state;

	esc_resolver_free(k->r);
	return 0;
}

/* The neighbour's state changes, and the kernel says so. */
static void news(struct kernel *k, enum esc_neigh_state state, const uint8_t mac[6])
{
	k->neigh.state = state;
	if (mac)
		memcpy(k->neigh.mac, mac, 6);
	esc_resolver_neigh(k->r, &k->neigh, NOW);
}

static void unknown_neighbour_is_asked_for_and_then_answered(void **state)
{
	struct kernel *k = *state;

	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->last.state, ESC_HOP_RESOLVING);
	assert_int_equal(k->probes, 1);
	news(k, ESC_NEIGH_VALID, mac1);
	assert_int_equal(k->last.state, ESC_HOP_OK);
	assert_memory_equal(k->last.mac, mac1, 6);
	assert_memory_equal(k->last.src, own, 16);
	assert_memory_equal(k->last.dst, host, 16);
	assert_int_equal(k->sent, 2);
}

static void every_want_is_answered_but_news_only_if_it_differs(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_VALID;
	esc_resolver_want(k->r, host, NOW);
	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->sent, 2);
	assert_int_equal(k->probes, 0);
	news(k, ESC_NEIGH_VALID, NULL);
	esc_resolver_refresh(k->r, NOW);
	assert_int_equal(k->sent, 2);
}

static void stale_neighbour_is_used_and_confirmed(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_STALE;
	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->last.state, ESC_HOP_OK);
	assert_int_equal(k->probes, 1);
	esc_resolver_refresh(k->r, NOW); /* a route changed: no reason to ask the neighbour */
	assert_int_equal(k->probes, 1);
}

static void new_mac_address_is_pushed_to_all_that_use_the_gateway(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_VALID;
	memcpy(k->neigh.mac, mac1, 6);
	esc_resolver_want(k->r, host, NOW);
	esc_resolver_want(k->r, other, NOW);
	k->sent = 0;
	news(k, ESC_NEIGH_VALID, mac2);
	assert_int_equal(k->sent, 2);
	assert_memory_equal(k->last.mac, mac2, 6);
}

static void failed_neighbour_stays_unreachable_until_it_answers(void **state)
{
	struct kernel *k = *state;

	esc_resolver_want(k->r, host, NOW);
	news(k, ESC_NEIGH_FAILED, NULL);
	assert_int_equal(k->last.state, ESC_HOP_UNREACHABLE);
	k->neigh.state = ESC_NEIGH_NONE; /* asked for again */
	k->neigh.incomplete = true;
	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->last.state, ESC_HOP_UNREACHABLE);
	news(k, ESC_NEIGH_VALID, mac1);
	assert_int_equal(k->last.state, ESC_HOP_OK);
}

static void known_mac_survives_that_the_kernel_forgets_it(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_VALID;
	memcpy(k->neigh.mac, mac1, 6);
	esc_resolver_want(k->r, host, NOW);
	news(k, ESC_NEIGH_NONE, NULL); /* garbage collection */
	assert_int_equal(k->sent, 1);
	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->last.state, ESC_HOP_OK);
	assert_memory_equal(k->last.mac, mac1, 6);
	assert_int_equal(k->probes, 1);
	news(k, ESC_NEIGH_FAILED, NULL);
	assert_int_equal(k->last.state, ESC_HOP_UNREACHABLE);
}

static void silent_neighbour_becomes_unreachable(void **state)
{
	struct kernel *k = *state;

	esc_resolver_want(k->r, host, NOW);
	esc_resolver_tick(k->r, NOW + ESC_RESOLVE_NS - 1);
	assert_int_equal(k->last.state, ESC_HOP_RESOLVING);
	esc_resolver_want(k->r, host, NOW + ESC_RESOLVE_NS - 1); /* asking does not start over */
	esc_resolver_tick(k->r, NOW + ESC_RESOLVE_NS);
	assert_int_equal(k->last.state, ESC_HOP_UNREACHABLE);
}

static void no_route_is_unreachable_and_asks_nobody(void **state)
{
	struct kernel *k = *state;

	k->route_error = -ENETUNREACH;
	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->last.state, ESC_HOP_UNREACHABLE);
	assert_int_equal(k->probes, 0);
	news(k, ESC_NEIGH_VALID, mac1); /* no longer what its route stands on */
	assert_int_equal(k->sent, 1);
	k->route_error = 0;
	esc_resolver_refresh(k->r, NOW);
	assert_int_equal(k->last.state, ESC_HOP_OK);
}

static void new_gateway_is_resolved_afresh(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_VALID;
	memcpy(k->neigh.mac, mac1, 6);
	esc_resolver_want(k->r, host, NOW);
	memcpy(k->route.via, other, 16);
	esc_resolver_refresh(k->r, NOW);
	assert_int_equal(k->last.state, ESC_HOP_RESOLVING); /* not the old gateway's MAC */
	assert_int_equal(k->probes, 1);
}

static void new_source_address_is_told(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_VALID;
	esc_resolver_want(k->r, host, NOW);
	k->route.src[15] = 99;
	esc_resolver_refresh(k->r, NOW);
	assert_int_equal(k->sent, 2);
	assert_int_equal(k->last.src[15], 99);
}

static void unwanted_is_forgotten_after_ninety_seconds(void **state)
{
	struct kernel *k = *state;

	esc_resolver_want(k->r, host, NOW);
	esc_resolver_want(k->r, other, NOW + 60 * ESC_S);
	esc_resolver_tick(k->r, NOW + ESC_WANTED_NS + 1);
	assert_int_equal(esc_resolver_count(k->r), 1);
	k->sent = 0;
	news(k, ESC_NEIGH_VALID, mac1);
	assert_int_equal(k->sent, 1);
	assert_memory_equal(k->last.dst, other, 16);
}

static void want_number(struct kernel *k, uint32_t n)
{
	uint8_t dst[16] = {0x20, 0x01, 0x0d, 0xb8};

	memcpy(dst + 12, &n, sizeof(n));
	esc_resolver_want(k->r, dst, NOW);
}

static void full_table_forgets_the_least_recently_wanted(void **state)
{
	struct kernel *k = *state;

	k->neigh.state = ESC_NEIGH_VALID;
	for (uint32_t n = 0; n < ESC_WANTED_MAX; n++)
		want_number(k, n);
	want_number(k, 0); /* so that 1 is the oldest */
	want_number(k, ESC_WANTED_MAX);
	assert_int_equal(esc_resolver_count(k->r), ESC_WANTED_MAX);
	k->sent = 0;
	news(k, ESC_NEIGH_VALID, mac2);
	assert_int_equal(k->sent, ESC_WANTED_MAX);
	k->sent = 0;
	want_number(k, 0); /* still there, though it came first */
	assert_int_equal(esc_resolver_count(k->r), ESC_WANTED_MAX);
	for (uint32_t n = 0; n < 3 * ESC_WANTED_MAX; n++)
		want_number(k, n * 7);
	assert_int_equal(esc_resolver_count(k->r), ESC_WANTED_MAX);
}

static void reset_forgets_everything(void **state)
{
	struct kernel *k = *state;

	esc_resolver_want(k->r, host, NOW);
	esc_resolver_reset(k->r);
	assert_int_equal(esc_resolver_count(k->r), 0);
	k->sent = 0;
	news(k, ESC_NEIGH_VALID, mac1);
	assert_int_equal(k->sent, 0);
	esc_resolver_want(k->r, host, NOW);
	assert_int_equal(k->sent, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(unknown_neighbour_is_asked_for_and_then_answered),
		CASE(every_want_is_answered_but_news_only_if_it_differs),
		CASE(stale_neighbour_is_used_and_confirmed),
		CASE(new_mac_address_is_pushed_to_all_that_use_the_gateway),
		CASE(failed_neighbour_stays_unreachable_until_it_answers),
		CASE(known_mac_survives_that_the_kernel_forgets_it),
		CASE(silent_neighbour_becomes_unreachable),
		CASE(no_route_is_unreachable_and_asks_nobody),
		CASE(new_gateway_is_resolved_afresh),
		CASE(new_source_address_is_told),
		CASE(unwanted_is_forgotten_after_ninety_seconds),
		CASE(full_table_forgets_the_least_recently_wanted),
		CASE(reset_forgets_everything),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
