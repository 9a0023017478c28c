/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_mac.c: mac1 and mac2 in the black XDP program against libcrypto's BLAKE2s: random keys and
 * messages, every bit, every number that names a state.
 */
#include "black_node.h"

#define ROUNDS 4000

static void noise(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)random32();
}

/* An initiation or response with random contents, from a random source, with a right mac1. */
static void random_handshake(struct pkt *p, uint8_t type)
{
	uint32_t len = type == WG_INITIATION ? WG_INITIATION_LEN : WG_RESPONSE_LEN;
	uint8_t *msg;

	if (random32() % 2) {
		pkt_wg(p, PEER6, NODE6, PORT, type, len);
		noise(p->data + AT_IP6_SRC + 4, 12);
	} else {
		pkt_wg(p, PEER4, NODE4, PORT, type, len);
		noise(p->data + AT_IP4_SRC + 1, 3);
		pkt_ip4_fix(p);
	}
	msg = pkt_message(p);
	put16(msg - 8, 1 + random32() % 65535);
	noise(msg + 4, len - 4);
	pkt_wanted(&node, p);
}

static void flip(struct pkt *p, uint32_t at, uint32_t bit)
{
	pkt_message(p)[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* A new key, published as crypto does it. */
static void new_key(void)
{
	uint32_t number = node.guard->mac1_number + 1;

	noise(node.keys.mac1, sizeof(node.keys.mac1));
	wg_midstate(&node.guard->mac1[number % 2], node.keys.mac1, sizeof(node.keys.mac1));
	node.guard->mac1_number = number;
}

static void publish_secret(uint32_t number, const uint8_t secret[WG_KEY_LEN])
{
	wg_midstate(&node.guard->cookie[number % 4], secret, WG_KEY_LEN);
	node.guard->cookie_number = number;
}

/* Under load; what has no valid mac2 is dropped. */
static void start_load(void)
{
	struct esc_limits limits = limits_open();

	guard_reset(&node);
	limits.cookie_rate = 0;
	guard_limits(&node, &limits);
	node.guard->under_load = 1;
	publish_secret(1, node.secret[0]);
}

static void mac1_is_libcryptos(void **state)
{
	struct pkt p;

	(void)state;
	guard_reset(&node);
	for (int i = 0; i < ROUNDS; i++) {
		uint8_t type = random32() % 2 ? WG_INITIATION : WG_RESPONSE;

		if (i % 4 == 0)
			new_key();
		random_handshake(&p, type);
		run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "right mac1");
		flip(&p, mac1_at(type), random32() % 128);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "wrong mac1");
	}
	run_settle(&run, true, "random mac1");
}

static void every_bit_counts_for_mac1(void **state)
{
	static const uint8_t types[] = {WG_INITIATION, WG_RESPONSE};
	struct pkt p;

	(void)state;
	guard_reset(&node);
	for (size_t i = 0; i < 2; i++) {
		uint32_t at = mac1_at(types[i]);

		random_handshake(&p, types[i]);
		for (uint32_t bit = 32; bit < 8 * (at + WG_MAC_LEN); bit++) {
			bool index = types[i] == WG_RESPONSE && bit / 32 == 2;

			flip(&p, 0, bit);
			run_expect(&run, &p, XDP_DROP,
				   index ? ESC_BLACK_no_session : ESC_BLACK_mac1, "one bit");
			flip(&p, 0, bit);
		}
		/* and none behind it */
		for (uint32_t bit = 0; bit < 128; bit++) {
			flip(&p, at + WG_MAC_LEN, bit);
			run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "mac2, no load");
		}
	}
	run_settle(&run, true, "bits of mac1");
}

static void only_the_newest_key_counts(void **state)
{
	struct pkt p;

	(void)state;
	guard_reset(&node);
	random_handshake(&p, WG_INITIATION);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "newest key");
	new_key();
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "key before");
	node.guard->mac1_number = 0;
	random_handshake(&p, WG_INITIATION);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "no key yet");
	random_handshake(&p, WG_RESPONSE);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "no key yet");
	guard_reset(&node);
	node.guard->abi_version++;
	random_handshake(&p, WG_INITIATION);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "another version");
	random_handshake(&p, WG_RESPONSE);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_no_session, "another version");
	run_settle(&run, true, "numbers of mac1");
}

static void mac2_is_libcryptos(void **state)
{
	uint8_t secret[WG_KEY_LEN];
	struct pkt p;

	(void)state;
	start_load();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		if (i % 4 == 0) {
			noise(secret, sizeof(secret));
			publish_secret(i + 1, secret);
		}
		random_handshake(&p, WG_INITIATION);
		pkt_mac2(&node, &p, secret);
		run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "right mac2");
		flip(&p, mac1_at(WG_INITIATION) + WG_MAC_LEN, random32() % 128);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "wrong mac2");
	}
	run_settle(&run, true, "random mac2");
}

static void every_bit_counts_for_mac2(void **state)
{
	uint32_t at = mac1_at(WG_INITIATION) + WG_MAC_LEN;
	struct pkt p;

	(void)state;
	start_load();
	initiation6(&p);
	pkt_mac2(&node, &p, node.secret[0]);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "right mac2");
	for (uint32_t bit = 0; bit < 128; bit++) {
		flip(&p, at, bit);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "one bit of mac2");
		flip(&p, at, bit);
	}
	for (uint32_t bit = 32; bit < 8 * mac1_at(WG_INITIATION); bit++) {
		flip(&p, 0, bit);
		pkt_mac1(&node, &p);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "one bit of the message");
		flip(&p, 0, bit);
	}
	initiation6(&p);
	pkt_mac2(&node, &p, node.secret[0]);
	for (uint32_t bit = 8; bit < 128; bit++) { /* those before make it a group */
		p.data[AT_IP6_SRC + bit / 8] ^= (uint8_t)(1u << bit % 8);
		run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "another source");
		p.data[AT_IP6_SRC + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (uint32_t port = 1; port < 65536; port++) {
		put16(p.data + AT_L4_6, port);
		if (port != 4000)
			run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "another port");
	}
	initiation4(&p);
	pkt_mac2(&node, &p, node.secret[0]);
	for (uint32_t i = 0; i < 256; i++) {
		p.data[AT_IP4_SRC + 3] = (uint8_t)i;
		pkt_ip4_fix(&p);
		if (i == 2)
			run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "own source");
		else if (i != 1) /* the node's */
			run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "another source");
	}
	run_settle(&run, true, "bits of mac2");
}

static void cookies_of_two_secrets_count(void **state)
{
	struct pkt none, old[3];

	(void)state;
	start_load();
	initiation4(&none);
	for (int i = 0; i < 3; i++) {
		initiation4(&old[i]);
		pkt_mac2(&node, &old[i], node.secret[i]);
	}
	node.guard->cookie_number = 0;
	run_expect(&run, &old[0], XDP_DROP, ESC_BLACK_mac2, "no secret yet");
	for (uint32_t number = 1; number < 12; number++) {
		uint32_t now = number % 3, before = (number + 2) % 3, then = (number + 1) % 3;

		publish_secret(number, node.secret[now]);
		run_expect(&run, &old[now], XDP_REDIRECT, ESC_BLACK_to_crypto, "newest");
		if (number > 1)
			run_expect(&run, &old[before], XDP_REDIRECT, ESC_BLACK_to_crypto, "before");
		else
			run_expect(&run, &old[before], XDP_DROP, ESC_BLACK_mac2, "none before");
		run_expect(&run, &old[then], XDP_DROP, ESC_BLACK_mac2, "the one before that");
		run_expect(&run, &none, XDP_DROP, ESC_BLACK_mac2, "no mac2");
	}
	run_settle(&run, true, "secrets");
}

/* The core answers a response under load with a cookie, and so learns that it is one. */
static void mac2_is_asked_of_initiations_under_load(void **state)
{
	struct pkt p;

	(void)state;
	start_load();
	response4(&p);
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "response without mac2");
	initiation4(&p);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac2, "initiation without mac2");
	node.guard->under_load = 0;
	run_expect(&run, &p, XDP_REDIRECT, ESC_BLACK_to_crypto, "no load");
	start_load();
	pkt_mac2(&node, &p, node.secret[0]);
	flip(&p, mac1_at(WG_INITIATION), 0);
	run_expect(&run, &p, XDP_DROP, ESC_BLACK_mac1, "mac2 does not replace mac1");
	run_settle(&run, true, "who needs mac2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac1_is_libcryptos),
		cmocka_unit_test(every_bit_counts_for_mac1),
		cmocka_unit_test(only_the_newest_key_counts),
		cmocka_unit_test(mac2_is_libcryptos),
		cmocka_unit_test(every_bit_counts_for_mac2),
		cmocka_unit_test(cookies_of_two_secrets_count),
		cmocka_unit_test(mac2_is_asked_of_initiations_under_load),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
