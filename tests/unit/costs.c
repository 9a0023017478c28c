/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a handshake message costs, counted in Diffie-Hellman operations, the one thing in it that
 * takes time (R3): whatever a message is, its cost has a bound that is known before.
 */
#include <dlfcn.h>

#include "noise_lab.h"

static struct lab lab;
static int dh;

/* In front of libsodium's own. */
int crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
	static int (*real)(unsigned char *q, const unsigned char *n, const unsigned char *p);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "crypto_scalarmult");
	assert_non_null(real);
	dh++;
	return real(q, n, p);
}

int crypto_scalarmult_base(unsigned char *q, const unsigned char *n)
{
	static int (*real)(unsigned char *q, const unsigned char *n);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "crypto_scalarmult_base");
	assert_non_null(real);
	dh++;
	return real(q, n);
}

static int start(void **state)
{
	(void)state;
	lab_start(&lab);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	lab_stop(&lab);
	return 0;
}

static int cost(struct packet *p, enum wg_verdict verdict, struct wg_out *out)
{
	dh = 0;
	assert_int_equal(give(p, out).verdict, verdict);
	return dh;
}

/* The next initiation of a; the one before is given up. */
static void initiation(struct packet *p)
{
	lab.now += WG_INITIATION_INTERVAL;
	lab.a.peer->initiate_from = 0;
	lab.a.peer->deadline[WG_TIMER_RETRANSMIT] = WG_NEVER;
	take_initiation(&lab.a, p);
}

static void right_mac1(struct packet *p)
{
	const struct wg_cookie_checker *c = &p->to->dev->checker;
	uint8_t *mac1 = p->bytes + p->len - 2 * WG_MAC_LEN;

	assert_true(wg_mac(p->to->dev->blake2s, mac1, c->keys.mac1, WG_KEY_LEN, p->bytes,
			   p->len - 2u * WG_MAC_LEN, NULL, 0));
}

static void wrong_mac1_costs_nothing(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	initiation(&p);
	p.bytes[p.len - 2 * WG_MAC_LEN] ^= 1;
	assert_int_equal(cost(&p, WG_HS_DROP, &out), 0);
}

static void missing_mac2_under_load_costs_nothing(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	initiation(&p);
	lab.b.under_load = true;
	assert_int_equal(cost(&p, WG_HS_COOKIE_SENT, &out), 0);
}

/* Anybody who knows the public key can make these; budgets and cookies bound their number. */
static void forged_initiation_costs_one(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	for (int i = 0; i < 100; i++) {
		initiation(&p);
		lab_random(&lab.a, p.bytes + 8, p.len - 8u - 2 * WG_MAC_LEN);
		right_mac1(&p);
		assert_true(cost(&p, WG_HS_DROP, &out) <= 1);
	}
}

static void accepted_initiation_costs_four(void **state)
{
	struct packet p;
	struct wg_out out;

	(void)state;
	initiation(&p);
	assert_int_equal(cost(&p, WG_HS_ACCEPTED, &out), 4);
}

/* Whatever of it can be changed without breaking it. */
static void replayed_initiation_costs_nothing(void **state)
{
	struct packet p[20];
	struct wg_out out;

	(void)state;
	for (int i = 0; i < 20; i++) {
		initiation(&p[i]);
		assert_int_equal(cost(&p[i], WG_HS_ACCEPTED, &out), 4);
	}
	for (int i = 0; i < 1000; i++) {
		struct packet *again = &p[i % 20];

		lab.now += WG_SECOND;
		again->from.port++;
		again->bytes[4] ^= (uint8_t)i; /* sender's index */
		right_mac1(again);
		assert_int_equal(cost(again, WG_HS_DROP, &out), 0);
	}
}

/* Recorded before this process began: refused by the time stamp, and remembered then. */
static void initiation_of_an_earlier_life_costs_one_once(void **state)
{
	struct packet old, p;
	struct wg_out out;
	uint8_t sent[WG_TIMESTAMP_LEN], seen[WG_TIMESTAMP_LEN];

	(void)state;
	initiation(&old);
	assert_int_equal(cost(&old, WG_HS_ACCEPTED, &out), 4);
	wg_peer_get_stamps(lab.b.peer, sent, seen);
	side_restart(&lab.b);
	wg_peer_set_stamps(lab.b.peer, sent, seen);
	assert_int_equal(cost(&old, WG_HS_DROP, &out), 1);
	assert_int_equal(cost(&old, WG_HS_DROP, &out), 0);
	initiation(&p);
	assert_int_equal(cost(&p, WG_HS_ACCEPTED, &out), 4);
}

/* A peer with a valid key: four for 50 initiations in a second, one for each of the rest. */
static void flood_of_a_valid_peer_is_bounded(void **state)
{
	struct packet p;
	struct wg_out out;
	int accepted = 0, refused = 0;

	(void)state;
	lab.now += WG_SECOND;
	for (int i = 0; i < 1000; i++) {
		lab.now += WG_SECOND / 1000;
		lab.a.peer->initiate_from = 0;
		lab.a.peer->deadline[WG_TIMER_RETRANSMIT] = WG_NEVER;
		take_initiation(&lab.a, &p);
		dh = 0;
		if (give(&p, &out).verdict == WG_HS_ACCEPTED) {
			assert_int_equal(dh, 4);
			accepted++;
		} else {
			assert_int_equal(dh, 1);
			refused++;
		}
	}
	assert_true(accepted <= 50);
	assert_int_equal(accepted + refused, 1000);
}

static void response_without_an_initiation_costs_nothing(void **state)
{
	struct packet p, r;
	struct wg_out out;

	(void)state;
	initiation(&p);
	assert_int_equal(cost(&p, WG_HS_ACCEPTED, &out), 4);
	r = (struct packet){.to = &lab.a, .from = lab.b.at, .len = out.len};
	memcpy(r.bytes, out.bytes, out.len);
	struct packet forged = r;
	forged.bytes[8] ^= 1; /* receiver's index */
	right_mac1(&forged);
	assert_int_equal(cost(&forged, WG_HS_DROP, &out), 0);
	forged = r;
	forged.bytes[50] ^= 1; /* by who saw the initiation go by */
	right_mac1(&forged);
	assert_int_equal(cost(&forged, WG_HS_DROP, &out), 2);
	assert_int_equal(cost(&r, WG_HS_ACCEPTED, &out), 2);
	assert_int_equal(cost(&r, WG_HS_DROP, &out), 0); /* again */
}

static void cookie_reply_costs_nothing(void **state)
{
	struct packet p, r;
	struct wg_out out;

	(void)state;
	initiation(&p);
	lab.b.under_load = true;
	assert_int_equal(cost(&p, WG_HS_COOKIE_SENT, &out), 0);
	r = (struct packet){.to = &lab.a, .from = lab.b.at, .len = out.len};
	memcpy(r.bytes, out.bytes, out.len);
	r.bytes[20] ^= 1;
	assert_int_equal(cost(&r, WG_HS_DROP, &out), 0);
	r.bytes[20] ^= 1;
	assert_int_equal(cost(&r, WG_HS_COOKIE, &out), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(wrong_mac1_costs_nothing),
		T(missing_mac2_under_load_costs_nothing),
		T(forged_initiation_costs_one),
		T(accepted_initiation_costs_four),
		T(replayed_initiation_costs_nothing),
		T(initiation_of_an_earlier_life_costs_one_once),
		T(flood_of_a_valid_peer_is_bounded),
		T(response_without_an_initiation_costs_nothing),
		T(cookie_reply_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
