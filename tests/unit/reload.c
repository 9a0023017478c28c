/* SPDX-License-Identifier: BSD-2-Clause */
/* A running node's file, read again: what is taken over, what is left alone, what is only named. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "control/config.h"
#include "control/model_reload.h"

#define PRIV   "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PRIV_2 "EAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUB_B  "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUB_C  "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PSK    "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define IFACE  "[Interface]\nPrivateKey = " PRIV "\n"
#define NODE   "[Node]\nBlack = b0\nRed = r0\n"
#define HEAD   IFACE NODE
#define B_HEAD "[Peer]\nPublicKey = " PUB_B "\n"
#define B      B_HEAD "AllowedIPs = 10.2.0.0/16\nEndpoint = 192.0.2.2:5\nPresharedKey = " PSK "\n"
#define C      "[Peer]\nPublicKey = " PUB_C "\nAllowedIPs = 10.3.0.0/16\nPersistentKeepalive = 9\n"

static struct esc_model *model(const char *text)
{
	struct esc_model *m;

	assert_int_equal(esc_config_parse("n.conf", text, strlen(text), false, stderr, &m), 0);
	return m;
}

struct reloaded {
	struct esc_model *now, *next;
	char restart[ESC_RESTART_MAX];
};

static struct reloaded reload(const char *before, const char *after)
{
	struct reloaded r = {.now = model(before)};
	struct esc_model *file = model(after);
	struct esc_reason why = {""};

	assert_int_equal(esc_model_reload(r.now, file, &r.next, r.restart, &why), 0);
	assert_string_equal(why.text, "");
	esc_model_free(file);
	return r;
}

static void reloaded_free(struct reloaded *r)
{
	esc_model_free(r->now);
	esc_model_free(r->next);
}

/* One character per message to crypto, in order. */
static int note(void *arg, struct esc_msg *msg, bool is_new)
{
	char *text = arg;
	size_t len = strlen(text);

	assert_true(len < 60);
	if (msg->type == ESC_MSG_DEVICE)
		text[len] = 'D';
	else if (msg->type == ESC_MSG_PEER_REMOVE)
		text[len] = 'R';
	else if (msg->type == ESC_MSG_PEER_SET)
		text[len] = is_new ? 'N' : 'S';
	else
		text[len] = msg->u.peer_prefix.op == ESC_PREFIX_ADD ? '+' : '-';
	text[len + 1] = '\0';
	return 0;
}

static void check_messages(const struct reloaded *r, const char *expected)
{
	char text[64] = "";

	assert_int_equal(esc_model_diff_messages(r->now, r->next, note, text), 0);
	assert_string_equal(text, expected);
}

static void the_same_file_changes_nothing(void **state)
{
	struct reloaded r = reload(HEAD B C, HEAD B C);

	(void)state;
	check_messages(&r, "");
	assert_string_equal(r.restart, "");
	assert_memory_equal(&r.now->split, &r.next->split, sizeof(r.now->split));
	reloaded_free(&r);
}

static void peers_come_and_go_and_others_are_not_touched(void **state)
{
	struct reloaded r = reload(HEAD B, HEAD C B);

	(void)state;
	check_messages(&r, "N+");
	assert_int_equal(esc_model_peer(r.next, 0)->generation,
			 esc_model_peer(r.now, 0)->generation);
	assert_int_equal(esc_model_peer(r.next, 0)->touched, 0);
	reloaded_free(&r);
	r = reload(HEAD B C, HEAD C);
	check_messages(&r, "R");
	assert_null(esc_model_peer(r.next, 0));
	assert_int_equal(r.next->peers, 1);
	reloaded_free(&r);
}

static void only_what_differs_of_a_peer_is_told(void **state)
{
	static const struct {
		const char *peer;
		uint32_t touched;
		const char *messages;
	} rows[] = {
		{B_HEAD "AllowedIPs = 10.2.0.0/16\nEndpoint = 192.0.2.3:5\nPresharedKey = " PSK
			"\n",
		 ESC_PEER_ENDPOINT, "S"},
		/* an Endpoint that is gone from the file is not forgotten: there is none better */
		{B_HEAD "AllowedIPs = 10.2.0.0/16\nPresharedKey = " PSK "\n", 0, ""},
		{B_HEAD "AllowedIPs = 10.2.0.0/16\nEndpoint = 192.0.2.2:5\n", ESC_PEER_PSK, "S"},
		{B "PersistentKeepalive = 25\n", ESC_PEER_KEEPALIVE, "S"},
		{B "AllowedIPs = 10.9.0.0/16\n", 0, "+"},
		{B_HEAD "AllowedIPs = 10.9.0.0/16\nEndpoint = 192.0.2.2:5\nPresharedKey = " PSK
			"\n",
		 0, "-+"},
		{B "Name = Lisboa\n", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD "%s", rows[i].peer);
		struct reloaded r = reload(HEAD B, text);
		assert_int_equal(esc_model_peer(r.next, 0)->touched, rows[i].touched);
		check_messages(&r, rows[i].messages);
		assert_int_equal(esc_model_peer(r.next, 0)->endpoint_port, 5);
		reloaded_free(&r);
	}
	struct reloaded r = reload(HEAD B, HEAD B "Name = Lisboa\n");
	assert_string_equal(esc_model_peer(r.next, 0)->name, "Lisboa");
	reloaded_free(&r);
}

static void a_prefix_moves_to_the_peer_that_the_file_gives_it_to(void **state)
{
	static const char *const after[] = {
		HEAD B_HEAD "[Peer]\nPublicKey = " PUB_C "\nAllowedIPs = 10.2.0.0/16\n",
		HEAD "[Peer]\nPublicKey = " PUB_C "\nAllowedIPs = 10.2.0.0/16\n" B_HEAD,
	};
	struct esc_prefix p = {.len = 0};

	(void)state;
	esc_prefix_parse("10.2.0.0/16", p.addr, &p.len);
	for (size_t i = 0; i < 2; i++) {
		struct reloaded r = reload(HEAD B C, after[i]);

		assert_int_equal(esc_model_prefix_owner(r.next, &p), 1);
		assert_int_equal(r.next->prefixes, 1);
		reloaded_free(&r);
	}
}

static void listen_port_and_policies_are_taken_over(void **state)
{
	struct reloaded r = reload(
		HEAD "Mode = router\n", IFACE
		"ListenPort = 99\n" NODE "Mode = router\nDhcp = yes\n[Split]\nDefault = deny\n"
		"Allow = tcp 80\nUdpTimeout = 200\n[Firewall]\nSecureDeny = icmp\n"
		"Forward = tcp 80 to 10.1.0.5\nLocal = dns\n");

	(void)state;
	check_messages(&r, "D");
	assert_int_equal(r.next->listen_port, 99);
	assert_true(r.next->split.dhcp);
	assert_string_equal(r.restart, "");
	assert_int_equal(r.next->split.policy.rules, 1);
	assert_int_equal(r.next->split.policy.otherwise, ESC_DENY);
	assert_int_equal(r.next->split.policy.openings, 1);
	assert_int_equal(r.next->split.policy.services, 2);
	assert_int_equal(r.next->split.secure.rules, 1);
	assert_int_equal(r.next->split.timeout[ESC_CONN_UDP_REPLIED], 200);
	reloaded_free(&r);
}

static const struct {
	const char *file, *names;
} restarts[] = {
	{"[Interface]\nPrivateKey = " PRIV_2 "\n" NODE, "PrivateKey"},
	{"[Interface]\nKeystore = /k\n" NODE, "Keystore"},
	{HEAD "Name = other\n", "Name"},
	{HEAD "Mode = router\n", "Mode"},
	{IFACE "[Node]\nBlack = b1\nRed = r0\n", "Black"},
	{IFACE "[Node]\nBlack = b0\nRed = r1\n", "Red"},
	{HEAD "Queues = 2\n", "Queues"},
	{HEAD "Provider = sodium\n", "Provider"},
	{HEAD "State = /s\n", "State"},
	{HEAD "RedUser = u\n", "RedUser"},
	{HEAD "CryptoUser = u\n", "CryptoUser"},
	{HEAD "Sandbox = uts\n", "Sandbox"},
	{HEAD "Lsm = off\n", "Lsm"},
	{HEAD "Admins = g\n", "Admins"},
	{HEAD "Monitors = g\n", "Monitors"},
	{HEAD "Audit = /a\n", "Audit"},
	{HEAD "[Guard]\nTotalRate = 7\n", "[Guard]"},
	{HEAD "Queues = 2\nName = other\n", "Name, Queues"},
};

static void what_needs_a_restart_is_named_and_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(restarts) / sizeof(restarts[0]); i++) {
		struct reloaded r = reload(HEAD, restarts[i].file);

		assert_string_equal(r.restart, restarts[i].names);
		check_messages(&r, "");
		assert_string_equal(r.next->name, r.now->name);
		assert_int_equal(r.next->mode, r.now->mode);
		assert_string_equal(r.next->black, r.now->black);
		assert_int_equal(r.next->queues, r.now->queues);
		assert_memory_equal(r.next->public_key, r.now->public_key, ESC_KEY_LEN);
		reloaded_free(&r);
	}
	struct reloaded r =
		reload(HEAD "Mode = router\n", HEAD "Mode = router\n[Split]\nConnections = 2048\n");
	assert_string_equal(r.restart, "Connections");
	assert_int_equal(r.next->split.connections, ESC_CONNECTIONS_DEFAULT);
	reloaded_free(&r);
}

/* [Split] of another mode waits with it; what secure sites may do is the same in both. */
static void another_mode_leaves_the_split_policy(void **state)
{
	struct reloaded r = reload(HEAD "Mode = router\n[Split]\nDefault = deny\nAllow = tcp 80\n",
				   HEAD "Mode = encryptor\n[Firewall]\nSecure = deny\n");

	(void)state;
	assert_string_equal(r.restart, "Mode");
	assert_int_equal(r.next->split.policy.otherwise, ESC_DENY);
	assert_int_equal(r.next->split.policy.rules, 1);
	assert_int_equal(r.next->split.secure.otherwise, ESC_DENY);
	reloaded_free(&r);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_file_changes_nothing),
		cmocka_unit_test(peers_come_and_go_and_others_are_not_touched),
		cmocka_unit_test(only_what_differs_of_a_peer_is_told),
		cmocka_unit_test(a_prefix_moves_to_the_peer_that_the_file_gives_it_to),
		cmocka_unit_test(listen_port_and_policies_are_taken_over),
		cmocka_unit_test(what_needs_a_restart_is_named_and_stays),
		cmocka_unit_test(another_mode_leaves_the_split_policy),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
