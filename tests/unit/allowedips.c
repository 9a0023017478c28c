/* SPDX-License-Identifier: BSD-2-Clause */
/* AllowedIPs against a model that looks at every prefix (R8, R10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/addr.h"
#include "sizes.h"
#include "noise/allowedips.h"

enum { OWNERS = 20, MODEL_MAX = 4096 };

struct prefix {
	uint8_t addr[16];
	uint8_t len;
	struct wg_prefix_owner *owner;
};

static struct prefix model[MODEL_MAX];
static int prefixes;
static struct wg_prefix_owner owner[OWNERS];
static struct wg_allowedips *table;
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

static int start(void **state)
{
	(void)state;
	seed = 0x9e3779b97f4a7c15ull;
	prefixes = 0;
	memset(owner, 0, sizeof(owner));
	table = wg_allowedips_new();
	return table ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	wg_allowedips_free(table);
	return 0;
}

/* IPv4 prefixes and addresses are another family, not a part of ::/0. */
static bool is_v4(const uint8_t *addr, uint8_t len)
{
	return len >= 96 && esc_addr_is_v4(addr);
}

static bool covers(const struct prefix *p, const uint8_t *addr)
{
	uint8_t masked[16];

	if (is_v4(p->addr, p->len) != esc_addr_is_v4(addr))
		return false;
	memcpy(masked, addr, 16);
	esc_addr_mask(masked, p->len);
	return !memcmp(masked, p->addr, 16);
}

static struct wg_prefix_owner *model_lookup(const uint8_t *addr)
{
	const struct prefix *best = NULL;

	for (int i = 0; i < prefixes; i++)
		if ((!best || model[i].len > best->len) && covers(&model[i], addr))
			best = &model[i];
	return best ? best->owner : NULL;
}

static int model_find(const uint8_t *addr, uint8_t len)
{
	for (int i = 0; i < prefixes; i++)
		if (model[i].len == len && !memcmp(model[i].addr, addr, 16))
			return i;
	return -1;
}

/* Few different bytes, so that prefixes nest and repeat. */
static void random_prefix(struct prefix *p)
{
	bool v4 = draw(2);

	for (int i = 0; i < 16; i++)
		p->addr[i] = (uint8_t)(draw(3) ? draw(3) << 6 | draw(2) : draw(256));
	p->len = (uint8_t)draw(129);
	if (v4) {
		esc_addr_from_v4(p->addr, p->addr + 12);
		p->len = (uint8_t)(96 + draw(33));
	} else if (!draw(30)) {
		memset(p->addr, 0, 12); /* near the place of IPv4 */
		p->addr[10] = p->addr[11] = 0xff;
	}
	p->owner = &owner[draw(OWNERS)];
}

/* A random address, or one near a prefix that is there. */
static void random_addr(uint8_t addr[16])
{
	struct prefix p;

	random_prefix(&p);
	memcpy(addr, p.addr, 16);
	if (prefixes && draw(4)) {
		memcpy(addr, model[draw((uint32_t)prefixes)].addr, 16);
		if (draw(2))
			addr[draw(16)] ^= (uint8_t)(1 << draw(8));
	}
}

static void add(const struct prefix *p)
{
	struct prefix masked = *p;

	assert_int_equal(wg_allowedips_add(table, p->owner, p->addr, p->len), 0);
	esc_addr_mask(masked.addr, p->len);
	int i = model_find(masked.addr, masked.len);
	if (i >= 0) {
		model[i].owner = p->owner;
		return;
	}
	assert_true(prefixes < MODEL_MAX);
	model[prefixes++] = masked;
}

static void drop_at(int i)
{
	model[i] = model[--prefixes];
}

static void compare(int lookups)
{
	for (int i = 0; i < lookups; i++) {
		uint8_t addr[16];
		char text[ESC_ADDR_STR];

		random_addr(addr);
		if (wg_allowedips_lookup(table, addr) != model_lookup(addr))
			fail_msg("%s with %d prefixes", esc_addr_format(addr, text), prefixes);
	}
}

static void random_adds_moves_and_removals_agree_with_the_model(void **state)
{
	(void)state;
	for (int step = 0; step < 20000; step++) {
		struct prefix p;
		uint32_t what = draw(100);

		random_prefix(&p);
		if (what < 55 && prefixes < 1500) {
			add(&p);
		} else if (what < 97 && prefixes) {
			int i = (int)draw((uint32_t)prefixes);
			struct prefix q = model[i];

			if (draw(8)) {
				wg_allowedips_remove(table, q.owner, q.addr, q.len);
				drop_at(i);
			} else { /* another owner's: nothing happens */
				wg_allowedips_remove(table, q.owner == owner ? owner + 1 : owner,
						     q.addr, q.len);
			}
		} else if (what == 97 && !draw(4)) {
			wg_allowedips_clear(table, p.owner);
			for (int i = prefixes - 1; i >= 0; i--)
				if (model[i].owner == p.owner)
					drop_at(i);
		} else { /* most likely not there */
			esc_addr_mask(p.addr, p.len);
			if (model_find(p.addr, p.len) < 0)
				wg_allowedips_remove(table, p.owner, p.addr, p.len);
		}
		compare(4);
	}
	while (prefixes) {
		wg_allowedips_remove(table, model[0].owner, model[0].addr, model[0].len);
		drop_at(0);
		compare(1);
	}
	for (int i = 0; i < OWNERS; i++)
		assert_int_equal(owner[i].first, 0);
}

static void thousands_of_prefixes_agree_with_the_model(void **state)
{
	(void)state;
	while (prefixes < MODEL_MAX) {
		struct prefix p;

		random_prefix(&p);
		add(&p);
	}
	compare(3000);
	for (int i = 0; i < OWNERS; i++)
		wg_allowedips_clear(table, &owner[i]);
	prefixes = 0;
	compare(100);
}

static void add_text(int who, const char *text)
{
	struct prefix p = {.owner = &owner[who]};

	assert_true(esc_prefix_parse(text, p.addr, &p.len));
	assert_int_equal(wg_allowedips_add(table, p.owner, p.addr, p.len), 0);
}

static long lookup_text(const char *text)
{
	uint8_t addr[16];

	assert_true(esc_addr_parse(text, addr));
	struct wg_prefix_owner *o = wg_allowedips_lookup(table, addr);
	return o ? o - owner : -1;
}

static void every_nesting_of_one_address(void **state)
{
	struct prefix p = {0};

	(void)state;
	assert_true(esc_addr_parse("2001:db8:1234:5678:9abc:def0:1234:5678", p.addr));
	for (int len = 0; len <= 128; len++)
		assert_int_equal(
			wg_allowedips_add(table, &owner[len % OWNERS], p.addr, (uint8_t)len), 0);
	for (int len = 0; len < 128; len++) {
		uint8_t addr[16];

		memcpy(addr, p.addr, 16);
		addr[len / 8] ^= (uint8_t)(0x80 >> len % 8); /* first bit behind the prefix */
		assert_ptr_equal(wg_allowedips_lookup(table, addr), &owner[len % OWNERS]);
	}
	for (int len = 128; len >= 0; len--) {
		assert_ptr_equal(wg_allowedips_lookup(table, p.addr), &owner[len % OWNERS]);
		wg_allowedips_remove(table, &owner[len % OWNERS], p.addr, (uint8_t)len);
	}
	assert_null(wg_allowedips_lookup(table, p.addr));
}

static void default_routes_of_one_family_do_not_hold_the_other(void **state)
{
	(void)state;
	add_text(1, "::/0");
	assert_int_equal(lookup_text("2001:db8::1"), 1);
	assert_int_equal(lookup_text("192.0.2.1"), -1);
	add_text(2, "0.0.0.0/0");
	assert_int_equal(lookup_text("192.0.2.1"), 2);
	assert_int_equal(lookup_text("0.0.0.0"), 2);
	assert_int_equal(lookup_text("::"), 1);
	add_text(3, "192.0.2.1/32");
	assert_int_equal(lookup_text("192.0.2.1"), 3);
	assert_int_equal(lookup_text("192.0.2.0"), 2);
}

static void prefix_moves_to_its_new_owner(void **state)
{
	(void)state;
	add_text(1, "10.0.0.0/8");
	add_text(2, "10.0.0.0/8");
	assert_int_equal(lookup_text("10.1.1.1"), 2);
	wg_allowedips_clear(table, &owner[1]);
	assert_int_equal(lookup_text("10.1.1.1"), 2);
	wg_allowedips_clear(table, &owner[2]);
	assert_int_equal(lookup_text("10.1.1.1"), -1);
}

static void table_holds_its_maximum_and_no_more(void **state)
{
	uint8_t addr[16] = {0x20};

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < ESC_PREFIXES_MAX; i++) {
			addr[4] = (uint8_t)(i >> 8);
			addr[9] = (uint8_t)i;
			assert_int_equal(wg_allowedips_add(table, &owner[i % OWNERS], addr, 80), 0);
		}
		addr[1] = 1;
		assert_int_equal(wg_allowedips_add(table, owner, addr, 80), -ENOMEM);
		assert_int_equal(wg_allowedips_add(table, owner, addr, 0), -ENOMEM);
		addr[1] = 0;
		assert_int_equal(wg_allowedips_add(table, &owner[7], addr, 80), 0); /* moves */
		assert_ptr_equal(wg_allowedips_lookup(table, addr), &owner[7]);
		for (int i = 0; i < OWNERS; i++)
			wg_allowedips_clear(table, &owner[i]);
	}
	assert_int_equal(wg_allowedips_add(table, owner, addr, 129), -EINVAL);
	wg_allowedips_remove(table, owner, addr, 255);
}

/* Every branching goes with its prefixes: or the table's room would run out. */
static void prefixes_that_come_and_go_use_up_nothing(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8 * ESC_PREFIXES_MAX; i++) {
		uint8_t a[16] = {0x20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		uint8_t b[16] = {0x20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0x80};

		assert_int_equal(wg_allowedips_add(table, owner, a, 64), 0);
		assert_int_equal(wg_allowedips_add(table, owner, b, 64), 0);
		wg_allowedips_remove(table, owner, i & 1 ? a : b, 64);
		wg_allowedips_remove(table, owner, i & 1 ? b : a, 64);
		assert_null(wg_allowedips_lookup(table, a));
	}
	table_holds_its_maximum_and_no_more(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(random_adds_moves_and_removals_agree_with_the_model),
		T(thousands_of_prefixes_agree_with_the_model),
		T(every_nesting_of_one_address),
		T(default_routes_of_one_family_do_not_hold_the_other),
		T(prefix_moves_to_its_new_owner),
		T(table_holds_its_maximum_and_no_more),
		T(prefixes_that_come_and_go_use_up_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
