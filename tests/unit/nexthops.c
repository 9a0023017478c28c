/* SPDX-License-Identifier: BSD-2-Clause */
/* Router mode's next hops (control/nexthops.h): tables that the tests write, maps of this file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "control/nexthops.h"

#define NOW (1000 * ESC_S)
#define MAX 64

/* The kernel's tables, the programs' maps, and in which order the maps changed. */
struct world {
	struct esc_nexthops *h;
	struct esc_table_route route[MAX];
	uint32_t routes;
	struct esc_neigh neigh[MAX];
	uint32_t neighs, probes;
	int probe_error;
	uint8_t probed[16];
	struct {
		struct esc_lpm_key to;
		struct esc_next next;
	} map[MAX];
	uint32_t mapped, room, most;
	struct {
		uint8_t addr[16], mac[6];
		bool valid;
	} hop[MAX];
	uint32_t hops;
};

static int ask_routes(void *arg, struct esc_table_route *out, uint32_t max)
{
	const struct world *w = arg;

	assert_true(w->routes <= max);
	memcpy(out, w->route, w->routes * sizeof(*out));
	return (int)w->routes;
}

static int ask_neighs(void *arg, void (*fn)(void *arg, const struct esc_neigh *n), void *fn_arg)
{
	const struct world *w = arg;

	for (uint32_t i = 0; i < w->neighs; i++)
		fn(fn_arg, &w->neigh[i]);
	return 0;
}

static int ask_neigh(void *arg, const uint8_t addr[16], struct esc_neigh *n)
{
	const struct world *w = arg;

	*n = (struct esc_neigh){0};
	memcpy(n->addr, addr, 16);
	for (uint32_t i = 0; i < w->neighs; i++) {
		if (!memcmp(w->neigh[i].addr, addr, 16))
			*n = w->neigh[i];
	}
	return 0;
}

static int probe(void *arg, const uint8_t addr[16])
{
	struct world *w = arg;

	memcpy(w->probed, addr, 16);
	w->probes++;
	return w->probe_error;
}

static uint32_t route_at(const struct world *w, const struct esc_lpm_key *to)
{
	uint32_t i = 0;

	while (i < w->mapped && memcmp(&w->map[i].to, to, sizeof(*to)) != 0)
		i++;
	return i;
}

static int set_route(void *arg, const struct esc_lpm_key *to, const struct esc_next *next)
{
	struct world *w = arg;
	uint32_t i = route_at(w, to);

	if (!next) {
		assert_true(i < w->mapped);
		w->map[i] = w->map[--w->mapped];
		return 0;
	}
	if (i == w->mapped && w->mapped == w->room)
		return -ENOSPC;
	w->map[i].to = *to;
	w->map[i].next = *next;
	if (i == w->mapped)
		w->mapped++;
	w->most = w->mapped > w->most ? w->mapped : w->most;
	return 0;
}

static uint32_t hop_at(const struct world *w, const uint8_t addr[16])
{
	uint32_t i = 0;

	while (i < w->hops && memcmp(w->hop[i].addr, addr, 16) != 0)
		i++;
	return i;
}

static int set_neigh(void *arg, const uint8_t addr[16], const uint8_t mac[6])
{
	struct world *w = arg;
	uint32_t i = hop_at(w, addr);

	if (!mac) {
		if (i < w->hops)
			w->hop[i] = w->hop[--w->hops];
		return 0;
	}
	memcpy(w->hop[i].addr, addr, 16);
	memcpy(w->hop[i].mac, mac, 6);
	w->hop[i].valid = true;
	if (i == w->hops)
		w->hops++;
	return 0;
}

static uint32_t known(void *arg, uint8_t (*addr)[16], uint32_t max)
{
	const struct world *w = arg;

	assert_true(w->hops <= max);
	for (uint32_t i = 0; i < w->hops; i++)
		memcpy(addr[i], w->hop[i].addr, 16);
	return w->hops;
}

static int set_up(void **state)
{
	static const struct esc_nexthops_ops ops = {
		.routes = ask_routes,
		.neighs = ask_neighs,
		.neigh = ask_neigh,
		.probe = probe,
		.set_route = set_route,
		.set_neigh = set_neigh,
		.known = known,
	};
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.room = MAX;
	w.h = esc_nexthops_new(&ops, &w, "black");
	*state = &w;
	return w.h ? 0 : -1;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	esc_nexthops_free(w->h);
	return 0;
}

/* --- what the kernel has --- */

static void addr(uint8_t out[16], const char *text)
{
	assert_true(esc_addr_parse(text, out));
}

static void add_route(struct world *w, const char *to, const char *via, uint32_t metric)
{
	struct esc_table_route *r = &w->route[w->routes++];

	*r = (struct esc_table_route){.metric = metric};
	assert_true(esc_prefix_parse(to, r->to, &r->len));
	if (!via)
		r->unreachable = true;
	else if (*via)
		addr(r->via, via);
}

static void news(struct world *w, const char *who, enum esc_neigh_state state, uint8_t mac)
{
	struct esc_neigh n = {.state = state, .mac = {2, [5] = mac}};
	uint32_t i = 0;

	addr(n.addr, who);
	while (i < w->neighs && memcmp(w->neigh[i].addr, n.addr, 16) != 0)
		i++;
	w->neigh[i] = n;
	w->neighs += i == w->neighs;
	esc_nexthops_news(w->h, &n);
}

static void want(struct world *w, const char *who)
{
	uint8_t a[16];

	addr(a, who);
	esc_nexthops_want(w->h, a);
}

/* --- what the programs see --- */

/* "VIA/FAMILY" of a route that the map has, "" if it has none. */
static const char *mapped(const struct world *w, const char *to)
{
	static char text[ESC_ADDR_STR + 8];
	char via[ESC_ADDR_STR];
	struct esc_lpm_key key = {0};
	uint8_t len;

	assert_true(esc_prefix_parse(to, key.addr, &len));
	key.prefixlen = len;
	uint32_t i = route_at(w, &key);
	if (i == w->mapped)
		return "";
	snprintf(text, sizeof(text), "%s/%u", esc_addr_format(w->map[i].next.via, via),
		 w->map[i].next.family);
	return text;
}

/* The last byte of the MAC address of a neighbour that the map has; -1: it has not. */
static int mac_of(const struct world *w, const char *who)
{
	uint8_t a[16];

	addr(a, who);
	uint32_t i = hop_at(w, a);
	return i == w->hops ? -1 : w->hop[i].mac[5];
}

/* --- routes --- */

static void routes_have_their_gateway_and_family(void **state)
{
	struct world *w = *state;

	add_route(w, "0.0.0.0/0", "192.0.2.1", 0);
	add_route(w, "192.0.2.0/24", "", 0);
	add_route(w, "::/0", "fe80::1", 1024);
	add_route(w, "203.0.113.0/24", "2001:db8::1", 0); /* RFC 9229: by a neighbour of IPv6 */
	esc_nexthops_routes(w->h, NOW);
	assert_string_equal(mapped(w, "0.0.0.0/0"), "192.0.2.1/4");
	assert_string_equal(mapped(w, "192.0.2.0/24"), "::/4");
	assert_string_equal(mapped(w, "::/0"), "fe80::1/6");
	assert_string_equal(mapped(w, "203.0.113.0/24"), "2001:db8::1/4");
	assert_int_equal(esc_nexthops_families(w->h), ESC_SPLIT_IPV4 | ESC_SPLIT_IPV6);
}

static void the_lowest_metric_of_a_prefix_is_in_force(void **state)
{
	struct world *w = *state;

	add_route(w, "0.0.0.0/0", "192.0.2.3", 300);
	add_route(w, "0.0.0.0/0", "192.0.2.1", 100);
	add_route(w, "0.0.0.0/0", "192.0.2.2", 200);
	add_route(w, "198.51.100.0/24", "192.0.2.2", 10);
	add_route(w, "198.51.100.0/24", NULL, 0);
	esc_nexthops_routes(w->h, NOW);
	assert_string_equal(mapped(w, "0.0.0.0/0"), "192.0.2.1/4");
	assert_string_equal(mapped(w, "198.51.100.0/24"), "::/0");
}

static void link_local_routes_do_not_make_a_family(void **state)
{
	struct world *w = *state;

	add_route(w, "fe80::/64", "", 256);
	add_route(w, "10.0.0.0/8", NULL, 0);
	esc_nexthops_routes(w->h, NOW);
	assert_string_equal(mapped(w, "fe80::/64"), "");
	assert_int_equal(esc_nexthops_families(w->h), 0);
}

static void new_routes_are_there_before_old_ones_go(void **state)
{
	struct world *w = *state;

	add_route(w, "0.0.0.0/0", "192.0.2.1", 0);
	add_route(w, "192.0.2.0/24", "", 0);
	esc_nexthops_routes(w->h, NOW);
	w->routes = 0;
	add_route(w, "0.0.0.0/0", "198.51.100.1", 0);
	add_route(w, "198.51.100.0/24", "", 0);
	esc_nexthops_routes(w->h, NOW);
	assert_int_equal(w->most, 3); /* old and new, and the default route never missing */
	assert_int_equal(w->mapped, 2);
	assert_string_equal(mapped(w, "0.0.0.0/0"), "198.51.100.1/4");
	assert_string_equal(mapped(w, "192.0.2.0/24"), "");
}

static void a_full_map_gets_the_new_routes_when_the_old_ones_are_gone(void **state)
{
	struct world *w = *state;

	w->room = 2;
	add_route(w, "192.0.2.0/24", "", 0);
	add_route(w, "192.0.3.0/24", "", 0);
	esc_nexthops_routes(w->h, NOW);
	w->routes = 0;
	add_route(w, "192.0.4.0/24", "", 0);
	add_route(w, "192.0.5.0/24", "", 0);
	esc_nexthops_routes(w->h, NOW);
	assert_int_equal(w->mapped, 2);
	assert_string_equal(mapped(w, "192.0.4.0/24"), "::/4");
	assert_string_equal(mapped(w, "192.0.5.0/24"), "::/4");
}

static void remember(void *arg, const struct esc_lpm_key *to)
{
	*(uint32_t *)arg += to->prefixlen;
}

static void prefixes_behind_the_nic_are_all_but_defaults(void **state)
{
	struct world *w = *state;
	uint32_t sum = 0;

	add_route(w, "0.0.0.0/0", "10.1.0.9", 0);
	add_route(w, "::/0", "fe80::9", 0);
	add_route(w, "10.1.0.0/24", "", 0);
	add_route(w, "fd00:1::/64", "", 0);
	add_route(w, "10.9.0.0/16", NULL, 0);
	esc_nexthops_routes(w->h, NOW);
	esc_nexthops_prefixes(w->h, remember, &sum);
	assert_int_equal(sum, 96 + 24 + 64);
}

/* --- neighbours --- */

static void gateways_are_asked_for_at_once_and_kept_known(void **state)
{
	struct world *w = *state;

	add_route(w, "0.0.0.0/0", "192.0.2.1", 0);
	esc_nexthops_routes(w->h, NOW);
	assert_int_equal(w->probes, 1);
	news(w, "192.0.2.1", ESC_NEIGH_VALID, 7);
	assert_int_equal(mac_of(w, "192.0.2.1"), 7);
	esc_nexthops_tick(w->h, NOW + 29 * ESC_S);
	assert_int_equal(w->probes, 1);
	news(w, "192.0.2.1", ESC_NEIGH_STALE, 7);
	esc_nexthops_tick(w->h, NOW + 30 * ESC_S);
	assert_int_equal(w->probes, 2);
	news(w, "192.0.2.1", ESC_NEIGH_FAILED, 0);
	assert_int_equal(mac_of(w, "192.0.2.1"), -1);
	esc_nexthops_tick(w->h, NOW + 34 * ESC_S);
	assert_int_equal(w->probes, 2);
	esc_nexthops_tick(w->h, NOW + 35 * ESC_S);
	assert_int_equal(w->probes, 3);
}

static void a_gateway_that_stays_is_not_asked_for_by_every_change_of_routes(void **state)
{
	struct world *w = *state;

	add_route(w, "0.0.0.0/0", "192.0.2.1", 0);
	esc_nexthops_routes(w->h, NOW);
	news(w, "192.0.2.1", ESC_NEIGH_VALID, 7);
	add_route(w, "198.51.100.0/24", "192.0.2.1", 0);
	esc_nexthops_routes(w->h, NOW + ESC_S);
	assert_int_equal(w->probes, 1);
}

static void what_the_kernel_knows_is_mirrored_without_a_question(void **state)
{
	struct world *w = *state;

	news(w, "10.1.0.5", ESC_NEIGH_STALE, 5);
	assert_int_equal(mac_of(w, "10.1.0.5"), 5);
	news(w, "10.1.0.5", ESC_NEIGH_VALID, 6); /* another NIC in its place */
	assert_int_equal(mac_of(w, "10.1.0.5"), 6);
	assert_int_equal(w->probes, 0);
}

static void a_wanted_neighbour_is_asked_for_unless_somebody_does(void **state)
{
	struct world *w = *state;

	want(w, "10.1.0.5");
	assert_int_equal(w->probes, 1);
	news(w, "10.1.0.5", ESC_NEIGH_NONE, 0);
	w->neigh[0].incomplete = true;
	want(w, "10.1.0.5");
	assert_int_equal(w->probes, 1);
	news(w, "10.1.0.5", ESC_NEIGH_VALID, 5);
	want(w, "10.1.0.5"); /* the answer came before the want was read */
	assert_int_equal(w->probes, 1);
	assert_int_equal(mac_of(w, "10.1.0.5"), 5);
}

static void a_stale_neighbour_in_use_is_confirmed_and_stays(void **state)
{
	struct world *w = *state;

	news(w, "10.1.0.5", ESC_NEIGH_STALE, 5);
	want(w, "10.1.0.5");
	assert_int_equal(w->probes, 1);
	assert_int_equal(mac_of(w, "10.1.0.5"), 5);
}

/* Else the programs would wait for an answer that nobody is asked for. */
static void a_question_that_fails_can_be_asked_again(void **state)
{
	struct world *w = *state;

	addr(w->hop[0].addr, "10.1.0.5"); /* as the program does: being asked for */
	w->hops = 1;
	w->probe_error = -ENOBUFS;
	want(w, "10.1.0.5");
	assert_int_equal(mac_of(w, "10.1.0.5"), -1);
}

static void a_neighbour_that_the_kernel_removed_is_gone(void **state)
{
	struct world *w = *state;
	struct esc_neigh n = {.gone = true};

	news(w, "10.1.0.5", ESC_NEIGH_VALID, 5);
	addr(n.addr, "10.1.0.5");
	esc_nexthops_news(w->h, &n);
	assert_int_equal(mac_of(w, "10.1.0.5"), -1);
}

static void reading_all_adds_what_is_there_and_removes_what_is_not(void **state)
{
	struct world *w = *state;

	news(w, "10.1.0.5", ESC_NEIGH_VALID, 5);
	news(w, "10.1.0.6", ESC_NEIGH_VALID, 6);
	news(w, "10.1.0.7", ESC_NEIGH_VALID, 7);
	w->neigh[0].state = ESC_NEIGH_FAILED; /* news of all this was lost */
	w->neigh[1].mac[5] = 66;
	addr(w->neigh[2].addr, "10.1.0.8");
	esc_nexthops_neighs(w->h);
	assert_int_equal(mac_of(w, "10.1.0.5"), -1);
	assert_int_equal(mac_of(w, "10.1.0.6"), 66);
	assert_int_equal(mac_of(w, "10.1.0.7"), -1);
	assert_int_equal(mac_of(w, "10.1.0.8"), 7);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(routes_have_their_gateway_and_family),
		TEST(the_lowest_metric_of_a_prefix_is_in_force),
		TEST(link_local_routes_do_not_make_a_family),
		TEST(new_routes_are_there_before_old_ones_go),
		TEST(a_full_map_gets_the_new_routes_when_the_old_ones_are_gone),
		TEST(prefixes_behind_the_nic_are_all_but_defaults),
		TEST(gateways_are_asked_for_at_once_and_kept_known),
		TEST(a_gateway_that_stays_is_not_asked_for_by_every_change_of_routes),
		TEST(what_the_kernel_knows_is_mirrored_without_a_question),
		TEST(a_wanted_neighbour_is_asked_for_unless_somebody_does),
		TEST(a_stale_neighbour_in_use_is_confirmed_and_stays),
		TEST(a_question_that_fails_can_be_asked_again),
		TEST(a_neighbour_that_the_kernel_removed_is_gone),
		TEST(reading_all_adds_what_is_there_and_removes_what_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
