/* SPDX-License-Identifier: BSD-2-Clause */
/* The node's file: what it accepts, and what it says about each mistake. */
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "control/config.h"
#include "ipc/sandbox.h"

/* A private key, and public keys of nobody: small numbers. */
#define PRIV	  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUB_B	  "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUB_C	  "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PSK	  "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ZERO	  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define IFACE	  "[Interface]\nPrivateKey = " PRIV "\n" /* lines 1, 2 */
#define NODE	  "[Node]\nBlack = b0\nRed = r0\n"	 /* lines 3 to 5 after IFACE */
#define HEAD	  IFACE NODE
#define PEER(key) "[Peer]\nPublicKey = " key "\n"

struct result {
	int code;
	struct esc_model *m;
	char *err;
};

static struct result parse_bytes(const char *file, const char *text, size_t len, bool exposed)
{
	struct result r = {.code = -1};
	size_t size;
	FILE *f = open_memstream(&r.err, &size);

	/* The text ends where the memory does: a read beyond it does not stay hidden. */
	char *exact = sodium_malloc(len);
	memcpy(exact, text, len);
	r.code = esc_config_parse(file, exact, len, exposed, f, &r.m);
	sodium_free(exact);
	fclose(f);
	return r;
}

static struct result parse(const char *text)
{
	return parse_bytes("site-a.conf", text, strlen(text), false);
}

static void result_free(struct result *r)
{
	esc_model_free(r->m);
	free(r->err);
}

static unsigned int count_lines(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/* --- what is accepted ----------------------------------------------------------------------------
 */

static void full_file_becomes_the_model(void **state)
{
	static const char text[] =
		"# a node\n"
		"[Interface]\nPrivateKey = " PRIV "\nListenPort = 4500\n\n"
		"[Node]\nName = madrid\nMode = encryptor\nBlack = eth0\nRed = eth1.7\nQueues = 2\n"
		"Provider = openssl\nState = /srv/state\nRedUser = esc-red\nCryptoUser = "
		"esc_crypto\n"
		"[Peer]\nName = Lisboa office\nPublicKey = " PUB_B "\nPresharedKey = " PSK "\n"
		"AllowedIPs = 10.2.0.9/24, fd00:2::/64\nAllowedIPs = 10.3.0.1\n"
		"Endpoint = [2001:db8::1]:51820\nPersistentKeepalive = 25\n" PEER(PUB_C);
	struct result r = parse(text);
	const struct esc_prefix *p;
	uint32_t cursor = 0;
	char buf[ESC_EP_STR];

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.code, 0);
	assert_string_equal(r.m->name, "madrid");
	assert_string_equal(r.m->black, "eth0");
	assert_string_equal(r.m->red, "eth1.7");
	assert_int_equal(r.m->queues, 2);
	assert_string_equal(r.m->provider, "openssl");
	assert_string_equal(r.m->state_dir, "/srv/state");
	assert_string_equal(r.m->red_user, "esc-red");
	assert_string_equal(r.m->crypto_user, "esc_crypto");
	assert_int_equal(r.m->listen_port, 4500);
	assert_string_equal(r.m->file, "site-a.conf");
	assert_int_equal(r.m->black_line, 9);
	assert_int_equal(r.m->red_line, 10);
	assert_int_equal(r.m->peers, 2);
	const struct esc_peer *b = esc_model_peer(r.m, 0);
	assert_string_equal(b->name, "Lisboa office");
	assert_true(b->has_psk);
	assert_int_equal(esc_model_psk(r.m, 0)[0], 4);
	assert_int_equal(b->keepalive, 25);
	esc_endpoint_format(b->endpoint, b->endpoint_port, buf);
	assert_string_equal(buf, "[2001:db8::1]:51820");
	assert_int_equal(b->prefixes, 3);
	p = esc_model_prefix_next(r.m, 0, &cursor);
	assert_string_equal(esc_prefix_format(p->addr, p->len, buf), "10.2.0.0/24");
	p = esc_model_prefix_next(r.m, 0, &cursor);
	assert_string_equal(esc_prefix_format(p->addr, p->len, buf), "fd00:2::/64");
	p = esc_model_prefix_next(r.m, 0, &cursor);
	assert_string_equal(esc_prefix_format(p->addr, p->len, buf), "10.3.0.1/32");
	assert_null(esc_model_prefix_next(r.m, 0, &cursor));
	assert_false(esc_model_peer(r.m, 1)->has_psk);
	result_free(&r);
}

static void sandbox_layers_are_waived_by_name(void **state)
{
	static const struct {
		const char *value;
		uint32_t waived;
	} rows[] = {
		{"full", 0},
		{"seccomp", ESC_LAYER_BIT(ESC_LAYER_seccomp)},
		{"UTS, landlock ,pid", ESC_LAYER_BIT(ESC_LAYER_uts) |
					       ESC_LAYER_BIT(ESC_LAYER_landlock) |
					       ESC_LAYER_BIT(ESC_LAYER_pid)},
		{"none",
		 ESC_LAYERS_ALL &
			 ~(ESC_LAYER_BIT(ESC_LAYER_descriptors) | ESC_LAYER_BIT(ESC_LAYER_user) |
			   ESC_LAYER_BIT(ESC_LAYER_capabilities) |
			   ESC_LAYER_BIT(ESC_LAYER_privileges) | ESC_LAYER_BIT(ESC_LAYER_dump))},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), HEAD "Sandbox = %s\n", rows[i].value);
		struct result r = parse(text);
		assert_int_equal(r.code, 0);
		assert_int_equal(r.m->waived, rows[i].waived);
		result_free(&r);
	}
}

static void limits_and_thresholds_go_where_they_belong(void **state)
{
	struct result r = parse(HEAD "[Guard]\nSourceRate = 1\nSourceBurst = 2\nTotalRate = 3\n"
				     "TotalBurst = 4\nCookieRate = 5\nCookieBurst = 6\n"
				     "KnownRate = 7\nknownburst = 8\nNeighbourRate = 9\n"
				     "NeighbourBurst = 10\nSources = 65536\nAlarmAfter = 11\n"
				     "CalmAfter = 12\nMacRate = 100000000\n"
				     "Threshold = 1000, mac1=50 Session=AUTO\n");
	const struct esc_defence *d = &r.m->defence;

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(d->limits.source_rate, 1);
	assert_int_equal(d->limits.source_burst, 2);
	assert_int_equal(d->limits.total_rate, 3);
	assert_int_equal(d->limits.total_burst, 4);
	assert_int_equal(d->limits.cookie_rate, 5);
	assert_int_equal(d->limits.cookie_burst, 6);
	assert_int_equal(d->limits.known_rate, 7);
	assert_int_equal(d->limits.known_burst, 8);
	assert_int_equal(d->limits.neighbour_rate, 9);
	assert_int_equal(d->limits.neighbour_burst, 10);
	assert_int_equal(d->limits.mac_rate, 100000000);
	assert_int_equal(d->sources, 65536);
	assert_int_equal(d->detect.alarm_after, 11);
	assert_int_equal(d->detect.calm_after, 12);
	assert_int_equal(d->detect.threshold[ESC_ATTACK_malformed], 1000);
	assert_int_equal(d->detect.threshold[ESC_ATTACK_mac1], 50);
	assert_int_equal(d->detect.threshold[ESC_ATTACK_session], 0);
	assert_int_equal(d->detect.threshold[ESC_DETECT_FORGED], 1000);
	result_free(&r);
}

static void defaults_hold_where_the_file_is_silent(void **state)
{
	struct result r = parse(HEAD "ListenPort = 1\n");

	(void)state;
	assert_int_equal(r.code, 2); /* ListenPort belongs to [Interface] */
	result_free(&r);
	r = parse(HEAD);
	assert_int_equal(r.code, 0);
	assert_string_equal(r.m->name, "site-a");
	assert_int_equal(r.m->mode, ESC_MODE_ENCRYPTOR);
	assert_int_equal(r.m->listen_port, 51820);
	assert_int_equal(r.m->queues, 1);
	assert_memory_equal(&r.m->defence, &esc_defence_default, sizeof(esc_defence_default));
	assert_true(r.m->defence.limits.total_rate && r.m->defence.limits.known_rate);
	assert_int_equal(r.m->defence.limits.mac_rate, 250000);
	assert_string_equal(r.m->provider, "auto");
	assert_string_equal(r.m->state_dir, "/var/lib/esclusa");
	assert_string_equal(r.m->red_user, "");
	assert_int_equal(r.m->queues_line, 0);
	result_free(&r);
}

static const struct {
	const char *name, *text;
} accepted[] = {
	{"names in any case", "[INTERFACE]\nprivatekey=" PRIV "\n[node]\nBLACK=b0\nred=r0\n"},
	{"no line end at the end", IFACE "[Node]\nBlack = b0\nRed = r0"},
	{"CRLF", "[Interface]\r\nPrivateKey = " PRIV "\r\n[Node]\r\nBlack = b0\r\nRed = r0\r\n"},
	{"byte order mark", "\xef\xbb\xbf" HEAD},
	{"comments and blanks", "#x\n \t\n  [Interface] # c\n\tPrivateKey\t=\t" PRIV
				"#c\n[Node]\nBlack=b0 # = [x]\nRed=r0\n"},
	{"sections in any order", PEER(PUB_B) NODE IFACE},
	{"port 0 is the default", IFACE "ListenPort = 0\n" NODE},
	{"keepalive off", HEAD PEER(PUB_B) "PersistentKeepalive = off\n"},
	{"empty AllowedIPs", HEAD PEER(PUB_B) "AllowedIPs =\n"},
	{"nested prefixes in two peers",
	 HEAD PEER(PUB_B) "AllowedIPs = 10.0.0.0/8\n" PEER(PUB_C) "AllowedIPs = 10.1.0.0/16\n"},
	{"the same prefix twice in one peer",
	 HEAD PEER(PUB_B) "AllowedIPs = 10.0.0.1/8\nAllowedIPs = 10.0.0.2/8\n"},
	{"AllowedIPs before PublicKey", HEAD "[Peer]\nAllowedIPs = ::/0\nPublicKey = " PUB_B "\n"},
	{"an all-zero PresharedKey is none", HEAD PEER(PUB_B) "PresharedKey = " ZERO "\n"},
	{"provider in any case", HEAD "Provider = Ipsec-MB\n"},
	{"provider by path", HEAD "Provider = /usr/lib/my provider.so\n"},
	{"sixteen queues", HEAD "Queues = 16\n"},
	{"longest name", HEAD "Name = a_b=c+d.e-f0123\n"},
};

static void valid_files_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct result r = parse(accepted[i].text);

		if (r.code || r.err[0])
			fail_msg("%s: code %d, %s", accepted[i].name, r.code, r.err);
		result_free(&r);
	}
}

/* --- what is refused
 * ------------------------------------------------------------------------------ */

/* Each has exactly one mistake; `says` are fragments of its one line, `line` 0 = no line number. */
static const struct {
	const char *name, *text;
	unsigned int line;
	const char *says[3];
} refused[] = {
	{"unknown section",
	 HEAD "[Foo]\nbar = 1\n",
	 6,
	 {"'[Foo]'", "[Interface], [Node], [Guard], [Split], [Firewall] or [Peer]"}},
	{"half a section", HEAD "[Node\n", 6, {"'[Node'"}},
	{"unknown key", HEAD "Colour = red\n", 6, {"'Colour'", "[Node]", "Queues"}},
	{"unknown key of a peer", HEAD PEER(PUB_B) "Mtu2 = 1\n", 8, {"'Mtu2'", "AllowedIPs"}},
	{"key of another section", IFACE "Red = r0\n" NODE, 3, {"'Red'", "in [Node]"}},
	{"key before sections", "a = b\n" HEAD, 1, {"before any section"}},
	{"line without =", HEAD "Queues 2\n", 6, {"without '='"}},
	{"second section",
	 HEAD "[Interface]\nListenPort = 5\n",
	 6,
	 {"'[Interface]'", "first is at line 1"}},
	{"key twice", HEAD "Red = r1\n", 6, {"Red", "twice", "line 5"}},
	{"peer's key twice",
	 HEAD PEER(PUB_B) "PublicKey = " PUB_C "\n",
	 8,
	 {"PublicKey", "line 7"}},
	{"wg-quick Address",
	 IFACE "Address = 10.0.0.1/24\n" NODE,
	 3,
	 {"'Address'", "ip address add"}},
	{"wg-quick DNS", IFACE "DNS = 10.0.0.1\n" NODE, 3, {"'DNS'", "by the system"}},
	{"wg-quick MTU", IFACE "mtu = 1420\n" NODE, 3, {"'mtu'", "black NIC"}},
	{"wg-quick Table", IFACE "Table = off\n" NODE, 3, {"'Table'", "AllowedIPs"}},
	{"wg-quick PreUp", IFACE "PreUp = x\n" NODE, 3, {"'PreUp'", "ExecStartPre="}},
	{"wg-quick PostUp", IFACE "PostUp = x\n" NODE, 3, {"'PostUp'", "ExecStartPost="}},
	{"wg-quick PreDown", IFACE "PreDown = x\n" NODE, 3, {"'PreDown'", "ExecStop="}},
	{"wg-quick PostDown", IFACE "PostDown = x\n" NODE, 3, {"'PostDown'", "ExecStopPost="}},
	{"wg-quick SaveConfig", IFACE "SaveConfig = true\n" NODE, 3, {"'SaveConfig'"}},
	{"FwMark", IFACE "FwMark = 1\n" NODE, 3, {"'FwMark'", "socket"}},
	{"no PrivateKey", "[Interface]\n" NODE, 1, {"no PrivateKey", "key generate"}},
	{"no [Interface]", NODE, 0, {"no PrivateKey and no Keystore in [Interface]"}},
	{"short PrivateKey", "[Interface]\nPrivateKey = AQAA\n" NODE, 2, {"44 characters", "4"}},
	{"all-zero PrivateKey", "[Interface]\nPrivateKey = " ZERO "\n" NODE, 2, {"all zero"}},
	{"Keystore is no full path", "[Interface]\nKeystore = k\n" NODE, 2, {"'k'", "full path"}},
	{"Keystore and PrivateKey", IFACE "Keystore = /etc/k\n" NODE, 3, {"expected one of them"}},
	{"Sandbox empty", IFACE NODE "Sandbox =\n", 6, {"''", "full", "landlock"}},
	{"Sandbox unknown", IFACE NODE "Sandbox = uts, wall\n", 6, {"'wall'", "seccomp"}},
	{"Sandbox not waivable", IFACE NODE "Sandbox = user\n", 6, {"'user'", "network"}},
	{"Lsm", IFACE NODE "Lsm = on\n", 6, {"'on'", "auto, off or required"}},
	{"SourceRate 0", HEAD "[Guard]\nSourceRate = 0\n", 7, {"SourceRate", "'0'", "1 to"}},
	{"SourceBurst too large",
	 HEAD "[Guard]\nSourceBurst = 1000001\n",
	 7,
	 {"'1000001'", "to 1000000"}},
	{"MacRate 0", HEAD "[Guard]\nMacRate = 0\n", 7, {"MacRate", "'0'", "1 to 100000000"}},
	{"MacRate too large",
	 HEAD "[Guard]\nMacRate = 100000001\n",
	 7,
	 {"'100000001'", "to 100000000"}},
	{"few Sources", HEAD "[Guard]\nSources = 1023\n", 7, {"'1023'", "1024 to 1048576"}},
	{"CalmAfter", HEAD "[Guard]\nCalmAfter = 1m\n", 7, {"'1m'", "1 to 3600"}},
	{"Threshold empty", HEAD "[Guard]\nThreshold =\n", 7, {"''", "auto"}},
	{"Threshold of nothing", HEAD "[Guard]\nThreshold = mac3=5\n", 7, {"'mac3=5'", "forged"}},
	{"Threshold 0", HEAD "[Guard]\nThreshold = auto mac1=0\n", 7, {"'mac1=0'", "auto"}},
	{"TotalRate in [Node]", HEAD "TotalRate = 5\n", 6, {"'TotalRate'", "expected in [Guard]"}},
	{"unknown in [Guard]",
	 HEAD "[Guard]\nRate = 5\n",
	 7,
	 {"'Rate'", "MacRate, SourceRate, SourceBurst", "AlarmAfter or CalmAfter"}},
	{"[Guard] twice", HEAD "[Guard]\n[Guard]\n", 7, {"second section", "line 6"}},
	{"TotalBurst twice",
	 HEAD "[Guard]\nTotalBurst = 5\nTotalBurst = 5\n",
	 8,
	 {"TotalBurst", "line 7"}},
	{"Admins", IFACE NODE "Admins = a b\n", 6, {"'a b'", "group"}},
	{"Monitors", IFACE NODE "Monitors =\n", 6, {"''", "group"}},
	{"Audit", IFACE NODE "Audit = log\n", 6, {"'log'", "full path"}},
	{"port too large", IFACE "ListenPort = 65536\n" NODE, 3, {"'65536'", "0 to 65535"}},
	{"port not a number", IFACE "ListenPort = 0x50\n" NODE, 3, {"'0x50'"}},
	{"port empty", IFACE "ListenPort =\n" NODE, 3, {"''"}},
	{"no Black", IFACE "[Node]\nRed = r0\n", 3, {"no Black"}},
	{"no Red", IFACE "[Node]\nBlack = r0\n", 3, {"no Red"}},
	{"Black is Red", IFACE "[Node]\nBlack = e\nRed = e\n", 5, {"'e'", "two different"}},
	{"NIC name too long",
	 IFACE "[Node]\nRed = r\nBlack = abcdefghijklmnop\n",
	 5,
	 {"'abcdefghijklmnop'", "network device"}},
	{"NIC name with /", IFACE "[Node]\nRed = a/b\nBlack = b\n", 4, {"'a/b'"}},
	{"node name too long",
	 HEAD "Name = abcdefghijklmnop\n",
	 6,
	 {"'abcdefghijklmnop'", "1 to 15"}},
	{"node name with blank", HEAD "Name = a b\n", 6, {"'a b'"}},
	{"node name is a directory", HEAD "Name = ..\n", 6, {"'..'"}},
	{"unknown mode", HEAD "Mode = bridge\n", 6, {"'bridge'", "router or encryptor"}},
	{"Dhcp", HEAD "Dhcp = maybe\n", 6, {"Dhcp", "'maybe'", "yes or no"}},
	{"no queues", HEAD "Queues = 0\n", 6, {"'0'", "1 to 16"}},
	{"many queues", HEAD "Queues = 17\n", 6, {"'17'"}},
	{"unknown provider", HEAD "Provider = rot13\n", 6, {"'rot13'", "auto, sodium"}},
	{"relative provider", HEAD "Provider = ./x.so\n", 6, {"'./x.so'", "full path"}},
	{"relative state", HEAD "State = var\n", 6, {"'var'", "full path"}},
	{"red as root", HEAD "RedUser = root\n", 6, {"'root'", "other than root"}},
	{"one user for both", HEAD "RedUser = u\nCryptoUser = u\n", 7, {"'u'", "different users"}},
	{"bad PublicKey", HEAD "[Peer]\nPublicKey = xyz\n", 7, {"'xyz'", "44 characters"}},
	{"all-zero PublicKey", HEAD PEER(ZERO), 7, {"PublicKey", "not all zero"}},
	{"PublicKey with stray bits",
	 HEAD "[Peer]\nPublicKey = AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
	 7,
	 {"PublicKey"}},
	{"no PublicKey", HEAD "[Peer]\nAllowedIPs = 10.0.0.0/8\n", 6, {"without a PublicKey"}},
	{"bad PresharedKey", HEAD PEER(PUB_B) "PresharedKey = 4\n", 8, {"PresharedKey", "44"}},
	{"prefix too long", HEAD PEER(PUB_B) "AllowedIPs = 10.0.0.0/33\n", 8, {"'10.0.0.0/33'"}},
	{"prefix without length", HEAD PEER(PUB_B) "AllowedIPs = 10.0.0.0/\n", 8, {"'10.0.0.0/'"}},
	{"prefix is a name", HEAD PEER(PUB_B) "AllowedIPs = 10.0.0.0/8, lan\n", 8, {"'lan'"}},
	{"empty prefix", HEAD PEER(PUB_B) "AllowedIPs = 10.0.0.0/8,\n", 8, {"''"}},
	{"endpoint is a name",
	 HEAD PEER(PUB_B) "Endpoint = vpn.example.org:1\n",
	 8,
	 {"'vpn.example.org:1'", "host names are not resolved"}},
	{"endpoint without port", HEAD PEER(PUB_B) "Endpoint = 192.0.2.1\n", 8, {"'192.0.2.1'"}},
	{"endpoint with port 0", HEAD PEER(PUB_B) "Endpoint = 192.0.2.1:0\n", 8, {":0'"}},
	{"endpoint v6 bare",
	 HEAD PEER(PUB_B) "Endpoint = fd00::1:51820\n",
	 8,
	 {"[2001:db8::1]:51820"}},
	{"bad keepalive", HEAD PEER(PUB_B) "PersistentKeepalive = 65536\n", 8, {"'65536'"}},
	{"peer name with control", HEAD PEER(PUB_B) "Name = a\033[2J\n", 8, {"'a?[2J'"}},
	{"duplicate peer", HEAD PEER(PUB_B) PEER(PUB_B), 9, {PUB_B, "line 6"}},
	{"duplicate peer name",
	 HEAD PEER(PUB_B) "Name = x\n" PEER(PUB_C) "Name = X\n",
	 11,
	 {"'X'", "line 6"}},
	{"prefix of another peer",
	 HEAD PEER(PUB_B) "Name=bb\nAllowedIPs = 10.2.0.0/24\n" PEER(
		 PUB_C) "AllowedIPs = 10.2.0.7/24\n",
	 12,
	 {"'10.2.0.0/24'", "line 6", "'bb'"}},
};

static void each_mistake_names_line_word_and_expectation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct result r = parse(refused[i].text);
		char where[64] = "site-a.conf: ";

		if (refused[i].line)
			snprintf(where, sizeof(where), "site-a.conf:%u: ", refused[i].line);
		bool ok = r.code == 2 && !r.m && count_lines(r.err) == 1 &&
			  !strncmp(r.err, where, strlen(where));
		for (size_t k = 0; k < 3 && refused[i].says[k]; k++)
			ok = ok && strstr(r.err, refused[i].says[k]);
		if (!ok)
			fail_msg("%s: code %d, said: %s", refused[i].name, r.code, r.err);
		result_free(&r);
	}
}

static void own_key_as_peer_is_refused_in_either_order(void **state)
{
	uint8_t key[32] = {1}, public_key[32];
	char b64[ESC_KEY_B64], text[512];

	(void)state;
	esc_key_public(public_key, key);
	esc_key_to_base64(b64, public_key);
	snprintf(text, sizeof(text), HEAD "[Peer]\nPublicKey = %s\n", b64);
	struct result r = parse(text);
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "site-a.conf:7: PublicKey is this node's own"));
	result_free(&r);
	snprintf(text, sizeof(text), "[Peer]\nPublicKey = %s\n" HEAD, b64);
	r = parse(text);
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "site-a.conf:2: PublicKey is this node's own"));
	result_free(&r);
}

static void all_mistakes_are_listed_up_to_a_limit(void **state)
{
	char text[4096] = HEAD;
	struct result r = parse("[Interface]\nListenPort = x\n[Node]\nQueues = y\nBlack = b\n");

	(void)state;
	assert_int_equal(count_lines(r.err), 4); /* two bad words, no PrivateKey, no Red */
	assert_non_null(strstr(r.err, "site-a.conf:2: "));
	assert_non_null(strstr(r.err, "site-a.conf:4: "));
	result_free(&r);
	for (int i = 0; i < 100; i++)
		strncat(text, "Bad = 1\n", sizeof(text) - strlen(text) - 1);
	r = parse(text);
	assert_int_equal(r.code, 2);
	assert_int_equal(count_lines(r.err), ESC_CONFIG_ERRORS_MAX + 1);
	assert_non_null(strstr(r.err, "more errors follow"));
	result_free(&r);
}

static void secrets_are_never_printed(void **state)
{
	/* Broken keys in every place where a hand may put one. */
	static const char secret[] = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXMhIQ=";
	static const char *const forms[] = {
		"[Interface]\nPrivateKey = %s\n",
		"[Interface]\nPrivateKey = " PRIV " %s\n",
		"[Interface]\nPrivateKey %s\n",
		"[Interface]\nPrivateKey: %s\n",
		"[Interface]\n%s\n",
		"[Interface]\n%s=\n",
		"%s=\n",
		"[Interface]\nKey = %s\n",
		"[Interface]\nAddress = %s\n",
		"[Peer]\nPresharedKey = %s\n",
		"[Peer]\nPublicKey = " PUB_B "\nPresharedKey = x%s\n",
		"[Node]\nPrivateKey = %s\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), forms[i], secret);
		struct result r = parse(text);
		assert_int_equal(r.code, 2);
		if (strstr(r.err, "c2Vj") || strstr(r.err, "secret"))
			fail_msg("form %zu: %s", i, r.err);
		result_free(&r);
	}
}

static void long_lines_and_nul_bytes_are_refused(void **state)
{
	static const char nul[] = HEAD "Queues = 1\0"
				       "2\n";
	static char text[sizeof(HEAD) + 5000];
	size_t head = strlen(HEAD);
	struct result r;

	(void)state;
	r = parse_bytes("site-a.conf", nul, sizeof(nul) - 1, false);
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "site-a.conf:6: the line holds a NUL byte"));
	result_free(&r);
	memcpy(text, HEAD, head);
	memset(text + head, 'x', 5000);
	text[head + 5000] = '\0';
	r = parse(text);
	assert_int_equal(r.code, 2);
	assert_non_null(
		strstr(r.err, "site-a.conf:6: the line has 5000 bytes: expected at most 4096"));
	assert_int_equal(count_lines(r.err), 1);
	result_free(&r);
}

static void empty_file_says_what_is_missing(void **state)
{
	struct result r = parse_bytes("x.conf", "", 0, false);

	(void)state;
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "no PrivateKey"));
	assert_non_null(strstr(r.err, "no Black"));
	assert_non_null(strstr(r.err, "no Red"));
	result_free(&r);
}

static void default_name_comes_from_the_path(void **state)
{
	static const struct {
		const char *file, *name; /* NULL: refused */
	} rows[] = {
		{"/etc/esclusa/site-b.conf", "site-b"},
		{"wg0", "wg0"},
		{"dir.conf/n", "n"},
		{"a.b.conf", "a.b"},
		{".conf", ".conf"},
		{"/etc/a name.conf", NULL},
		{"/etc/a-very-long-file-name.conf", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result r = parse_bytes(rows[i].file, HEAD, strlen(HEAD), false);

		assert_int_equal(r.code, rows[i].name ? 0 : 2);
		if (rows[i].name)
			assert_string_equal(r.m->name, rows[i].name);
		else
			assert_non_null(strstr(r.err, "expected Name in [Node]"));
		result_free(&r);
	}
}

static void exposed_file_may_hold_no_key(void **state)
{
	struct result r = parse_bytes("s.conf", HEAD, strlen(HEAD), true);

	(void)state;
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "s.conf:2: PrivateKey"));
	assert_non_null(strstr(r.err, "chmod 600 s.conf"));
	assert_int_equal(count_lines(r.err), 1);
	result_free(&r);
}

/* --- files
 * ----------------------------------------------------------------------------------------- */

static int load(const char *path, char **err)
{
	struct esc_model *m;
	size_t size;
	FILE *f = open_memstream(err, &size);
	int code = esc_config_load(path, f, &m);

	fclose(f);
	assert_true(!code == !!m);
	esc_model_free(m);
	return code;
}

static void expect_load(const char *path, int code, const char *says)
{
	char *err;

	assert_int_equal(load(path, &err), code);
	if (!strstr(err, says))
		fail_msg("%s: %s", path, err);
	free(err);
}

static void files_are_read_with_their_own_permissions(void **state)
{
	char dir[] = "/tmp/esclusa-config-XXXXXX", path[64], link[64], fifo[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.conf", dir);
	snprintf(link, sizeof(link), "%s/l.conf", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(write(fd, HEAD, strlen(HEAD)) == (ssize_t)strlen(HEAD));
	expect_load(path, 0, "");
	assert_int_equal(fchmod(fd, 0640), 0);
	expect_load(path, 2, "chmod 600");
	assert_int_equal(fchmod(fd, 0604), 0);
	expect_load(path, 2, "chmod 600");
	assert_int_equal(symlink(path, link), 0); /* its mode is 0777, the file's counts */
	expect_load(link, 2, "chmod 600");
	assert_int_equal(fchmod(fd, 0600), 0);
	expect_load(link, 0, "");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect_load(fifo, 2, "not a regular file");
	expect_load(dir, 2, "not a regular file");
	assert_int_equal(ftruncate(fd, ESC_CONFIG_SIZE_MAX + 1), 0);
	expect_load(path, 2, "expected at most");
	assert_int_equal(unlink(path), 0);
	expect_load(path, 1, "No such file");
	close(fd);
	unlink(link);
	unlink(fifo);
	rmdir(dir);
}

/* --- size
 * ------------------------------------------------------------------------------------------ */

/* `peers` peers with `each` prefixes, and key number k as the little-endian number k + 16. */
static char *big_file(uint32_t peers, uint32_t each, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	fputs(HEAD, f);
	for (uint32_t k = 0; k < peers; k++) {
		uint8_t key[32] = {0};
		char b64[ESC_KEY_B64];
		uint32_t v = k + 16;

		memcpy(key, &v, sizeof(v));
		fprintf(f, "[Peer]\nPublicKey = %s\n", esc_key_to_base64(b64, key));
		for (uint32_t i = 0; i < each; i++)
			fprintf(f, "AllowedIPs = 10.%u.%u.%u/32\n", k >> 8, k & 255, i);
	}
	fclose(f);
	return text;
}

static void full_node_fits_and_one_more_does_not(void **state)
{
	size_t len;
	char *text = big_file(ESC_PEERS_MAX, ESC_PREFIXES_MAX / ESC_PEERS_MAX, &len);
	struct result r = parse_bytes("big", text, len, false);

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.m->peers, ESC_PEERS_MAX);
	assert_int_equal(r.m->prefixes, ESC_PREFIXES_MAX);
	result_free(&r);
	free(text);
	text = big_file(ESC_PEERS_MAX + 1, 0, &len);
	r = parse_bytes("big", text, len, false);
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "more than 1024 peers"));
	result_free(&r);
	free(text);
	text = big_file(ESC_PEERS_MAX, ESC_PREFIXES_MAX / ESC_PEERS_MAX + 1, &len);
	r = parse_bytes("big", text, len, false);
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "more than 16384 prefixes"));
	assert_int_equal(count_lines(r.err), 1);
	result_free(&r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_file_becomes_the_model),
		cmocka_unit_test(sandbox_layers_are_waived_by_name),
		cmocka_unit_test(limits_and_thresholds_go_where_they_belong),
		cmocka_unit_test(defaults_hold_where_the_file_is_silent),
		cmocka_unit_test(valid_files_are_accepted),
		cmocka_unit_test(each_mistake_names_line_word_and_expectation),
		cmocka_unit_test(own_key_as_peer_is_refused_in_either_order),
		cmocka_unit_test(all_mistakes_are_listed_up_to_a_limit),
		cmocka_unit_test(secrets_are_never_printed),
		cmocka_unit_test(long_lines_and_nul_bytes_are_refused),
		cmocka_unit_test(empty_file_says_what_is_missing),
		cmocka_unit_test(default_name_comes_from_the_path),
		cmocka_unit_test(exposed_file_may_hold_no_key),
		cmocka_unit_test(files_are_read_with_their_own_permissions),
		cmocka_unit_test(full_node_fits_and_one_more_does_not),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
