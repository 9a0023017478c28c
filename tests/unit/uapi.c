/* SPDX-License-Identifier: BSD-2-Clause */
/* WireGuard's configuration protocol: framing, every key of a set, the reply to a get. */
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
#include "control/uapi.h"

#define Z32  "00000000000000000000000000000000"
#define ZERO Z32 Z32
#define K1   "01000000000000000000000000000000" Z32
#define K2   "02000000000000000000000000000000" Z32
#define PRIV "08000000000000000000000000000000" Z32

static const uint8_t key1[32] = {1}, key2[32] = {2}, priv_old[32] = {16};

static struct esc_model *node(void)
{
	struct esc_model *m = esc_model_new();
	struct esc_prefix p = {.len = 104, .addr = {[10] = 0xff, [11] = 0xff, [12] = 10}};
	uint32_t id;

	esc_model_set_key(m, priv_old);
	assert_int_equal(esc_model_peer_add(m, key1, &id), 0);
	assert_int_equal(esc_model_prefix_add(m, id, &p), 0);
	return m;
}

/* Parse and stage: the error of either; *next only on success. */
static int try_set(const struct esc_model *m, const char *text, size_t len, struct esc_model **next,
		   struct esc_reason *why)
{
	struct esc_batch *b;
	char *exact = sodium_malloc(len);

	memcpy(exact, text, len);
	int err = esc_uapi_set(exact, len, &b, why);
	sodium_free(exact);
	*next = NULL;
	assert_true(!err == !!b);
	if (!err) {
		struct esc_reason ignored;

		err = esc_model_stage(m, b, next, &ignored);
	}
	esc_batch_free(b);
	return err;
}

static struct esc_model *set_ok(const struct esc_model *m, const char *text)
{
	struct esc_model *next;
	struct esc_reason why;
	int err = try_set(m, text, strlen(text), &next, &why);

	if (err)
		fail_msg("%s: %d (%s)", text, err, why.text);
	return next;
}

static uint32_t owner_of(const struct esc_model *m, const char *prefix)
{
	struct esc_prefix p = {.len = 0};

	assert_true(esc_prefix_parse(prefix, p.addr, &p.len));
	return esc_model_prefix_owner(m, &p);
}

/* --- set: what it does
 * ------------------------------------------------------------------------------ */

static void set_changes_the_device(void **state)
{
	struct esc_model *m = node(), *next;
	uint8_t expected[32] = {8};

	(void)state;
	next = set_ok(m, "set=1\nprivate_key=" PRIV "\nlisten_port=4500\nfwmark=0\n");
	assert_memory_equal(esc_model_private_key(next), expected, 32);
	assert_int_equal(next->listen_port, 4500);
	assert_int_equal(next->touched, ESC_DEVICE_KEY | ESC_DEVICE_PORT);
	assert_int_equal(next->peers, 1);
	esc_model_free(next);
	next = set_ok(m, "set=1\nlisten_port=0\n");
	assert_int_equal(next->listen_port, m->listen_port);
	assert_int_equal(next->touched, 0);
	esc_model_free(next);
	esc_model_free(m);
}

static void set_creates_a_peer_with_everything(void **state)
{
	struct esc_model *m = node(), *next;
	char ep[ESC_EP_STR];

	(void)state;
	next = set_ok(m, "set=1\npublic_key=" K2 "\npreshared_key=" PRIV "\nprotocol_version=1\n"
			 "endpoint=[2001:db8::7]:9\npersistent_keepalive_interval=25\n"
			 "replace_allowed_ips=true\nallowed_ip=fd00::/8\nallowed_ip=10.1.0.0/16\n");
	const struct esc_peer *p = esc_model_find(next, key2);
	assert_non_null(p);
	assert_true(p->has_psk);
	assert_int_equal(esc_model_psk(next, p->id)[0], 8);
	esc_endpoint_format(p->endpoint, p->endpoint_port, ep);
	assert_string_equal(ep, "[2001:db8::7]:9");
	assert_int_equal(p->keepalive, 25);
	assert_int_equal(p->prefixes, 2);
	assert_int_equal(p->touched, ESC_PEER_PSK | ESC_PEER_ENDPOINT | ESC_PEER_KEEPALIVE);
	esc_model_free(m);
	m = next;
	next = set_ok(m, "set=1\npublic_key=" K2 "\npreshared_key=" ZERO "\n");
	assert_false(esc_model_find(next, key2)->has_psk);
	esc_model_free(next);
	esc_model_free(m);
}

static void set_removes_moves_and_replaces(void **state)
{
	struct esc_model *m = node(), *next;

	(void)state;
	next = set_ok(m, "set=1\npublic_key=" K1 "\nremove=true\nallowed_ip=10.9.0.0/16\n");
	assert_int_equal(next->peers, 0);
	assert_int_equal(next->prefixes, 0);
	esc_model_free(next);
	next = set_ok(m, "set=1\npublic_key=" K2 "\nremove=true\n"); /* unknown: no error */
	assert_int_equal(next->peers, 1);
	esc_model_free(next);
	next = set_ok(m, "set=1\npublic_key=" K2 "\nallowed_ip=10.0.0.0/8\n"); /* a move */
	assert_int_equal(owner_of(next, "10.0.0.0/8"), esc_model_find(next, key2)->id);
	assert_int_equal(esc_model_find(next, key1)->prefixes, 0);
	esc_model_free(next);
	next = set_ok(m, "set=1\npublic_key=" K1 "\nallowed_ip=-10.0.0.0/8\nallowed_ip=::/0\n");
	assert_int_equal(owner_of(next, "10.0.0.0/8"), ESC_NO_PEER);
	assert_int_equal(owner_of(next, "::/0"), 0);
	esc_model_free(next);
	next = set_ok(m, "set=1\npublic_key=" K1 "\nreplace_allowed_ips=true\n");
	assert_int_equal(next->prefixes, 0);
	esc_model_free(next);
	next = set_ok(m, "set=1\nreplace_peers=true\npublic_key=" K2 "\n");
	assert_null(esc_model_find(next, key1));
	assert_int_equal(next->peers, 1);
	esc_model_free(next);
	next = set_ok(m, "set=1\npublic_key=" K2 "\nupdate_only=true\nallowed_ip=10.0.0.0/8\n");
	assert_int_equal(next->peers, 1);
	assert_int_equal(owner_of(next, "10.0.0.0/8"), 0);
	esc_model_free(next);
	next = set_ok(m, "set=1\n"); /* nothing to do is fine */
	esc_model_free(next);
	esc_model_free(m);
}

static void last_value_of_a_key_counts(void **state)
{
	struct esc_model *m = node();
	struct esc_model *next = set_ok(m, "set=1\nlisten_port=1\nlisten_port=2\npublic_key=" K1
					   "\nendpoint=192.0.2.1:1\nendpoint=192.0.2.1:2\n");

	(void)state;
	assert_int_equal(next->listen_port, 2);
	assert_int_equal(esc_model_find(next, key1)->endpoint_port, 2);
	esc_model_free(next);
	esc_model_free(m);
}

/* --- set: the private key cannot be taken away
 * ---------------------------------------------------- */

static void zero_private_key_is_refused(void **state)
{
	static const char *const texts[] = {
		"set=1\nprivate_key=" ZERO "\n",
		"set=1\nprivate_key=" ZERO "\nlisten_port=5\n",
		"set=1\nprivate_key=" ZERO "\npublic_key=" K2 "\n",
	};
	struct esc_model *m = node(), *next;
	struct esc_reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(try_set(m, texts[i], strlen(texts[i]), &next, &why), -EPERM);
		assert_null(next);
		assert_non_null(strstr(why.text, "private key cannot be removed"));
	}
	esc_model_free(m);
}

static void syncconf_without_a_private_key_keeps_it(void **state)
{
	/* What wg 1.0.20210914 sends for `wg syncconf` with a file that has no PrivateKey. */
	static const char text[] = "set=1\nprivate_key=" ZERO "\nlisten_port=0\nfwmark=0\n"
				   "public_key=" K1 "\nremove=true\npublic_key=" K2
				   "\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/24\n";
	struct esc_model *m = node(), *next;
	struct esc_reason why;

	(void)state;
	assert_int_equal(try_set(m, text, strlen(text), &next, &why), 0);
	assert_non_null(strstr(why.text, "keeps the one it has"));
	assert_memory_equal(esc_model_private_key(next), priv_old, 32);
	assert_int_equal(next->listen_port, m->listen_port);
	assert_int_equal(next->touched, 0);
	assert_non_null(esc_model_find(next, key2));
	assert_null(esc_model_find(next, key1));
	esc_model_free(next);
	esc_model_free(m);
}

/* --- set: what is refused, and that nothing of it happens
 * ------------------------------------------- */

static const struct {
	const char *name, *lines; /* after a good change of port and peer */
	int err;
	const char *says;
} refused[] = {
	{"no =", "remove\n", -EINVAL, "line 4: expected key=value"},
	{"unknown key", "colour=red\n", -EINVAL, "line 4: unknown key"},
	{"key with blank", " remove=true\n", -EINVAL, "line 4: unknown key"},
	{"private key in a peer", "private_key=" PRIV "\n", -EINVAL, "private_key after"},
	{"listen port in a peer", "listen_port=5\n", -EINVAL, "listen_port after"},
	{"replace_peers in a peer", "replace_peers=true\n", -EINVAL, "replace_peers after"},
	{"short public key", "public_key=01\n", -EINVAL, "line 4: public_key: bad value"},
	{"zero public key", "public_key=" ZERO "\n", -EINVAL, "public_key"},
	{"public key in base64", "public_key=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	 -EINVAL, "public_key"},
	{"long preshared key", "preshared_key=" PRIV "00\n", -EINVAL, "preshared_key"},
	{"preshared key with g", "preshared_key=g" Z32 "0000000000000000000000000000000\n", -EINVAL,
	 "preshared_key"},
	{"endpoint by name", "endpoint=example.org:1\n", -EINVAL, "endpoint"},
	{"endpoint port 0", "endpoint=192.0.2.1:0\n", -EINVAL, "endpoint"},
	{"endpoint without port", "endpoint=192.0.2.1\n", -EINVAL, "endpoint"},
	{"keepalive too large", "persistent_keepalive_interval=65536\n", -EINVAL, "keepalive"},
	{"keepalive off", "persistent_keepalive_interval=off\n", -EINVAL, "keepalive"},
	{"keepalive empty", "persistent_keepalive_interval=\n", -EINVAL, "keepalive"},
	{"keepalive signed", "persistent_keepalive_interval=+1\n", -EINVAL, "keepalive"},
	{"remove=false", "remove=false\n", -EINVAL, "remove"},
	{"update_only=1", "update_only=1\n", -EINVAL, "update_only"},
	{"replace_allowed_ips=false", "replace_allowed_ips=false\n", -EINVAL,
	 "replace_allowed_ips"},
	{"prefix too long", "allowed_ip=10.0.0.0/33\n", -EINVAL, "allowed_ip"},
	{"prefix of nothing", "allowed_ip=\n", -EINVAL, "allowed_ip"},
	{"prefix twice minus", "allowed_ip=--10.0.0.0/8\n", -EINVAL, "allowed_ip"},
	{"protocol version", "protocol_version=2\n", -EINVAL, "protocol_version"},
	{"get inside", "get=1\n", -EINVAL, "unknown key"},
	{"live value", "rx_bytes=1\n", -EINVAL, "unknown key"},
};

static void bad_line_leaves_everything_as_it_was(void **state)
{
	struct esc_model *m = node(), *next;
	struct esc_reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text), "set=1\nlisten_port=7\npublic_key=" K2 "\n%s%s",
			 refused[i].lines, "allowed_ip=10.0.0.0/8\n");
		int err = try_set(m, text, strlen(text), &next, &why);
		if (err != refused[i].err || next || !strstr(why.text, refused[i].says))
			fail_msg("%s: %d (%s)", refused[i].name, err, why.text);
		assert_int_equal(m->listen_port, 51820);
		assert_int_equal(m->peers, 1);
		assert_int_equal(owner_of(m, "10.0.0.0/8"), 0);
	}
	esc_model_free(m);
}

static void bad_device_lines_are_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"set=1\nlisten_port=65536\n", -EINVAL},
		{"set=1\nlisten_port=99999999999999999999\n", -EINVAL},
		{"set=1\nfwmark=1\n", -EOPNOTSUPP},
		{"set=1\nfwmark=4294967296\n", -EINVAL},
		{"set=1\nreplace_peers=1\n", -EINVAL},
		{"set=1\nprivate_key=00\n", -EINVAL},
		{"set=1\nallowed_ip=10.0.0.0/8\n", -EINVAL},
		{"set=1\nremove=true\n", -EINVAL},
		{"set=1\nerrno=0\n", -EINVAL},
		{"set=2\n", -EPROTO},
		{"hello=1\n", -EPROTO},
		{"set=1", -EPROTO},
	};
	struct esc_model *m = node(), *next;
	struct esc_reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = try_set(m, rows[i].text, strlen(rows[i].text), &next, &why);

		if (err != rows[i].err || next)
			fail_msg("%s: %d (%s)", rows[i].text, err, why.text);
	}
	esc_model_free(m);
}

static void long_and_binary_lines_are_refused(void **state)
{
	static const char nul[] = "set=1\nlisten_port=5\0\n";
	struct esc_model *m = node(), *next;
	struct esc_reason why;
	char text[400] = "set=1\nendpoint=";

	(void)state;
	assert_int_equal(try_set(m, nul, sizeof(nul) - 1, &next, &why), -EINVAL);
	memset(text + strlen(text), '1', 300);
	assert_int_equal(try_set(m, text, strlen(text), &next, &why), -EINVAL);
	assert_non_null(strstr(why.text, "line 2: too long"));
	esc_model_free(m);
}

static void refusals_hold_no_secret(void **state)
{
	static const char *const texts[] = {
		"set=1\nprivate_key=0123456789abcdefSECRET\n",
		"set=1\n0123456789abcdefSECRET=1\n",
		"set=1\nSECRET0123456789abcdef\n",
		"set=1\npublic_key=" K1 "\npreshared_key=SECRET0123456789abcdef\n",
	};
	struct esc_batch *b;
	struct esc_reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(esc_uapi_set(texts[i], strlen(texts[i]), &b, &why), -EINVAL);
		assert_null(strstr(why.text, "SECRET"));
		assert_null(strstr(why.text, "0123"));
	}
}

/* --- get
 * ------------------------------------------------------------------------------------------------
 */

static void live_status(void *arg, uint32_t id, struct esc_uapi_live *live)
{
	(void)arg;
	if (id != 0)
		return;
	live->rx_bytes = 18446744073709551615ull;
	live->tx_bytes = 7;
	live->last_handshake = 1700000000ull * 1000000000ull;
	assert_true(esc_endpoint_parse("203.0.113.9:1234", live->endpoint, &live->endpoint_port));
}

static void get_reply_has_every_key_and_no_private_key(void **state)
{
	struct esc_model *m = node();
	struct esc_model *next =
		set_ok(m, "set=1\nprivate_key=" PRIV "\nlisten_port=4500\npublic_key=" K2
			  "\npreshared_key=" K1
			  "\nendpoint=[2001:db8::7]:9\npersistent_keepalive_interval=25\n"
			  "allowed_ip=fd00::/8\nallowed_ip=10.1.0.0/16\n");
	static const char expected[] =
		"listen_port=4500\n"
		"public_key=" K1 "\npreshared_key=" ZERO "\nprotocol_version=1\n"
		"endpoint=203.0.113.9:1234\n"
		"last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=1\n"
		"tx_bytes=7\nrx_bytes=18446744073709551615\npersistent_keepalive_interval=0\n"
		"allowed_ip=10.0.0.0/8\n"
		"public_key=" K2 "\npreshared_key=" K1 "\nprotocol_version=1\n"
		"endpoint=[2001:db8::7]:9\n"
		"last_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
		"tx_bytes=0\nrx_bytes=0\npersistent_keepalive_interval=25\n"
		"allowed_ip=fd00::/8\nallowed_ip=10.1.0.0/16\n"
		"errno=0\n\n";
	size_t len;

	(void)state;
	char *reply = esc_uapi_get(next, live_status, NULL, &len);
	assert_non_null(reply);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(reply, expected, len);
	esc_uapi_reply_free(reply);
	esc_model_free(next);
	esc_model_free(m);
}

static void widest_status(void *arg, uint32_t id, struct esc_uapi_live *live)
{
	(void)arg;
	(void)id;
	memset(live, 0xff, sizeof(*live));
	memcpy(live->endpoint, "\xfe\xdc\xba\x98\xfe\xdc\xba\x98\xfe\xdc\xba\x98\xfe\xdc\xba\x98",
	       16);
}

static void full_node_fits_into_a_reply(void **state)
{
	struct esc_model *m = esc_model_new();
	size_t len, lines = 0;

	(void)state;
	for (uint32_t i = 0; i < ESC_PEERS_MAX; i++) {
		uint8_t key[32] = {1};
		uint32_t id;

		memcpy(key + 8, &i, sizeof(i));
		assert_int_equal(esc_model_peer_add(m, key, &id), 0);
		esc_model_peer_edit(m, id)->keepalive = 65535;
		for (uint32_t k = 0; k < ESC_PREFIXES_MAX / ESC_PEERS_MAX; k++) {
			struct esc_prefix p = {.len = 128};

			memset(p.addr, 0xfd, sizeof(p.addr));
			memcpy(p.addr + 4, &i, sizeof(i));
			p.addr[15] = (uint8_t)(0xa0 + k);
			assert_int_equal(esc_model_prefix_add(m, id, &p), 0);
		}
	}
	char *reply = esc_uapi_get(m, widest_status, NULL, &len);
	assert_non_null(reply);
	for (size_t i = 0; i < len; i++)
		lines += reply[i] == '\n';
	assert_int_equal(lines, 1 + ESC_PEERS_MAX * 9 + ESC_PREFIXES_MAX + 2);
	esc_uapi_reply_free(reply);
	esc_model_free(m);
}

static void empty_node_answers(void **state)
{
	struct esc_model *m = esc_model_new();
	size_t len;
	char *reply = esc_uapi_get(m, live_status, NULL, &len);

	(void)state;
	assert_int_equal(len, strlen("listen_port=51820\nerrno=0\n\n"));
	assert_memory_equal(reply, "listen_port=51820\nerrno=0\n\n", len);
	esc_uapi_reply_free(reply);
	esc_model_free(m);
}

static void short_replies_have_the_sign_that_clients_expect(void **state)
{
	char buf[ESC_UAPI_ERRNO_MAX];

	(void)state;
	assert_int_equal(esc_uapi_errno(buf, ESC_UAPI_SET, 0), 9);
	assert_string_equal(buf, "errno=0\n\n");
	esc_uapi_errno(buf, ESC_UAPI_SET, -EINVAL);
	assert_string_equal(buf, "errno=-22\n\n");
	esc_uapi_errno(buf, ESC_UAPI_GET, -EACCES);
	assert_string_equal(buf, "errno=13\n\n");
	esc_uapi_errno(buf, ESC_UAPI_GET, 0);
	assert_string_equal(buf, "errno=0\n\n");
	esc_uapi_errno(buf, ESC_UAPI_BAD, -EPROTO);
	assert_string_equal(buf, "errno=-71\n\n");
}

/* --- framing
 * ---------------------------------------------------------------------------------------------- */

static void requests_are_found_across_any_split(void **state)
{
	static const char stream[] = "get=1\n\nset=1\nlisten_port=5\n\n\nget=1\n\nset=1\nlis";
	static const char *const wanted[] = {"get=1\n", "set=1\nlisten_port=5\n", "", "get=1\n"};

	(void)state;
	for (size_t step = 1; step < sizeof(stream); step++) {
		struct esc_uapi_rx rx = {0};
		const char *request;
		size_t found = 0, len;

		for (size_t at = 0; at < sizeof(stream) - 1; at += step) {
			size_t n = sizeof(stream) - 1 - at < step ? sizeof(stream) - 1 - at : step;

			assert_int_equal(esc_uapi_rx_add(&rx, stream + at, n), 0);
			while ((request = esc_uapi_rx_next(&rx, &len))) {
				assert_true(found < 4);
				assert_string_equal(request, wanted[found]);
				assert_int_equal(len, strlen(wanted[found]));
				found++;
			}
		}
		assert_int_equal(found, 4);
		assert_true(esc_uapi_rx_pending(&rx)); /* a request was cut off */
		esc_uapi_rx_free(&rx);
	}
}

static void probing_client_leaves_nothing_pending(void **state)
{
	struct esc_uapi_rx rx = {0};
	size_t len;

	(void)state;
	assert_null(esc_uapi_rx_next(&rx, &len));
	assert_false(esc_uapi_rx_pending(&rx));
	assert_int_equal(esc_uapi_rx_add(&rx, "get=1\n\n", 7), 0);
	assert_true(esc_uapi_rx_pending(&rx));
	assert_non_null(esc_uapi_rx_next(&rx, &len));
	assert_false(esc_uapi_rx_pending(&rx)); /* answered, then EOF */
	esc_uapi_rx_free(&rx);
}

static void endless_request_is_cut_off(void **state)
{
	struct esc_uapi_rx rx = {0};
	static char chunk[1u << 20];
	size_t len;
	int err = 0;

	(void)state;
	memset(chunk, 'a', sizeof(chunk));
	for (int i = 0; i < 8; i++) {
		assert_int_equal(esc_uapi_rx_add(&rx, chunk, sizeof(chunk)), 0);
		assert_null(esc_uapi_rx_next(&rx, &len));
	}
	err = esc_uapi_rx_add(&rx, "a", 1);
	assert_int_equal(err, -E2BIG);
	esc_uapi_rx_free(&rx);
}

static void verbs_are_exact(void **state)
{
	(void)state;
	assert_int_equal(esc_uapi_verb("get=1\n", 6), ESC_UAPI_GET);
	assert_int_equal(esc_uapi_verb("get=1\nx=1\n", 10), ESC_UAPI_BAD);
	assert_int_equal(esc_uapi_verb("set=1\n", 6), ESC_UAPI_SET);
	assert_int_equal(esc_uapi_verb("set=10\n", 7), ESC_UAPI_BAD);
	assert_int_equal(esc_uapi_verb("", 0), ESC_UAPI_BAD);
	assert_int_equal(esc_uapi_verb("set=1", 5), ESC_UAPI_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_changes_the_device),
		cmocka_unit_test(set_creates_a_peer_with_everything),
		cmocka_unit_test(set_removes_moves_and_replaces),
		cmocka_unit_test(last_value_of_a_key_counts),
		cmocka_unit_test(zero_private_key_is_refused),
		cmocka_unit_test(syncconf_without_a_private_key_keeps_it),
		cmocka_unit_test(bad_line_leaves_everything_as_it_was),
		cmocka_unit_test(bad_device_lines_are_refused),
		cmocka_unit_test(long_and_binary_lines_are_refused),
		cmocka_unit_test(refusals_hold_no_secret),
		cmocka_unit_test(get_reply_has_every_key_and_no_private_key),
		cmocka_unit_test(full_node_fits_into_a_reply),
		cmocka_unit_test(empty_node_answers),
		cmocka_unit_test(short_replies_have_the_sign_that_clients_expect),
		cmocka_unit_test(requests_are_found_across_any_split),
		cmocka_unit_test(probing_client_leaves_nothing_pending),
		cmocka_unit_test(endless_request_is_cut_off),
		cmocka_unit_test(verbs_are_exact),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
