/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections [Split] and [Firewall] of the node's file: where each key goes, and each refusal. */
#include <netinet/in.h>
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
#include "control/rule.h"
#include "control/split_check.h"

#define PRIV  "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUB_B "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUB_C "AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define HEAD  "[Interface]\nPrivateKey = " PRIV "\n[Node]\nBlack = b0\nRed = r0\n" /* lines 1-5 */
#define HOME  HEAD "Mode = router\n"						   /* 6 */
#define SPLIT HOME "[Split]\n"							   /* 7 */
#define WALL  HOME "[Firewall]\n"						   /* 7 */
#define PEERS                                                                                      \
	"[Peer]\nPublicKey = " PUB_B "\nName = lisboa\nAllowedIPs = 10.2.0.0/16, fd00:2::/48\n"

struct result {
	int code;
	struct esc_model *m;
	char *err;
};

static struct result parse(const char *text)
{
	struct result r = {.code = -1};
	size_t size;
	FILE *f = open_memstream(&r.err, &size);

	r.code = esc_config_parse("n.conf", text, strlen(text), false, f, &r.m);
	fclose(f);
	return r;
}

static void result_free(struct result *r)
{
	esc_model_free(r->m);
	free(r->err);
}

static void defaults_hold_without_the_sections(void **state)
{
	struct result r = parse(HOME);

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.m->mode, ESC_MODE_ROUTER);
	assert_memory_equal(&r.m->split, &esc_split_default, sizeof(esc_split_default));
	assert_int_equal(r.m->split.policy.otherwise, ESC_ALLOW);
	assert_int_equal(r.m->split.secure.otherwise, ESC_ALLOW);
	for (unsigned int s = 0; s < ESC_CONN_STATES; s++)
		assert_in_range(r.m->split.timeout[s], 60, 7440);
	result_free(&r);
}

static void each_key_goes_where_it_belongs(void **state)
{
	struct result r =
		parse(HOME "dhcp = YES\n[SPLIT]\ndefault = Deny\nports = 2000-3000\n"
			   "Connections = 1024\nUdpTimeout = 121\nUdpUnrepliedTimeout = 122\n"
			   "TcpTimeout = 7441\nTcpTransitoryTimeout = 241\nIcmpTimeout = 61\n"
			   "FragmentTimeout = 1\n[firewall]\nSecure = deny\n");
	const struct esc_split_conf *s = &r.m->split;

	(void)state;
	assert_string_equal(r.err, "");
	assert_true(s->dhcp);
	assert_int_equal(s->policy.otherwise, ESC_DENY);
	assert_int_equal(s->secure.otherwise, ESC_DENY);
	assert_int_equal(s->port_first, 2000);
	assert_int_equal(s->port_last, 3000);
	assert_int_equal(s->connections, 1024);
	assert_int_equal(s->timeout[ESC_CONN_UDP_REPLIED], 121);
	assert_int_equal(s->timeout[ESC_CONN_UDP_UNREPLIED], 122);
	assert_int_equal(s->timeout[ESC_CONN_ESTABLISHED], 7441);
	assert_int_equal(s->timeout[ESC_CONN_SYN_SENT], 241);
	assert_int_equal(s->timeout[ESC_CONN_SYN_RECV], 241);
	assert_int_equal(s->timeout[ESC_CONN_FIN_WAIT], 241);
	assert_int_equal(s->timeout[ESC_CONN_TIME_WAIT], 241);
	assert_int_equal(s->timeout[ESC_CONN_CLOSE], 241);
	assert_int_equal(s->timeout[ESC_CONN_ICMP], 61);
	assert_int_equal(s->fragment_timeout, 1);
	result_free(&r);
}

static void rules_keep_the_order_of_the_file(void **state)
{
	static const struct {
		enum esc_verdict verdict;
		uint32_t line;
		const char *text;
	} rows[] = {
		{ESC_ALLOW, 8, "tcp 80 to any"},
		{ESC_ALLOW, 8, "tcp 443 to any"},
		{ESC_DENY, 9, "udp 53 to 192.0.2.0/24"},
		{ESC_ALLOW, 10, "any to any from 10.1.0.7"},
	};
	struct result r = parse(SPLIT "Allow = tcp 80,443\nDeny = udp 53 to 192.0.2.0/24\n"
				      "ALLOW = any from 10.1.0.7\n");
	char text[ESC_RULE_STR];

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.m->split.policy.rules, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(esc_rule_text(&r.m->split.policy.rule[i], text), rows[i].text);
		assert_int_equal(r.m->split.policy.rule[i].verdict, rows[i].verdict);
		assert_int_equal(r.m->split.rule_line[i], rows[i].line);
	}
	result_free(&r);
}

static void the_firewall_lists_what_may_enter(void **state)
{
	struct result r = parse(WALL "SecureAllow = tcp 443 to 10.1.0.5\n"
				     "SecureDeny = any to 10.1.0.0/28\n"
				     "Forward = tcp 8080 to 10.1.0.5:80\n"
				     "Open = tcp 443,8443 to 2001:db8:1::5\n"
				     "Local = dhcp, dns\nLocal = tcp 22\n" PEERS);
	const struct esc_split_conf *s = &r.m->split;
	char text[ESC_RULE_STR];

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(s->secure.rules, 2);
	assert_int_equal(s->secure.rule[0].verdict, ESC_ALLOW);
	assert_int_equal(s->secure.rule[1].verdict, ESC_DENY);
	assert_int_equal(s->secure_line[1], 9);
	assert_int_equal(s->policy.rules, 0);
	assert_int_equal(s->policy.openings, 3);
	assert_string_equal(esc_opening_text(&s->policy.opening[0], text),
			    "tcp 8080 to 10.1.0.5:80");
	assert_string_equal(esc_opening_text(&s->policy.opening[2], text),
			    "tcp 8443 to 2001:db8:1::5");
	assert_int_equal(s->opening_line[2], 11);
	assert_int_equal(s->policy.services, 5);
	assert_string_equal(esc_service_text(&s->policy.service[4], text), "tcp 22");
	result_free(&r);
}

static const struct {
	const char *name, *text;
} accepted[] = {
	{"Secure and Local in encryptor mode",
	 HEAD "[Firewall]\nSecure = deny\nSecureAllow = tcp 22\nLocal = dns\n"},
	{"Dhcp in encryptor mode", HEAD "Dhcp = yes\n"},
	{"a rule wider than a secure prefix", SPLIT "Allow = any to 10.0.0.0/8\n" PEERS},
	{"a rule to any", SPLIT "Allow = any\n" PEERS},
	{"a secure prefix is denied", SPLIT "Deny = any to 10.2.0.0/24\n" PEERS},
	{"a neighbour of a secure prefix", SPLIT "Allow = any to 10.3.0.0/16\n" PEERS},
	{"the same port of two protocols",
	 WALL "Forward = tcp 53 to 10.1.0.5\nForward = udp 53 to 10.1.0.5\n"},
	{"the same port for two sources", WALL "Forward = tcp 22 to 10.1.0.5 from 192.0.2.0/24\n"
					       "Forward = tcp 22 to 10.1.0.6 from 198.51.100.1\n"},
	{"the listen port over TCP", WALL "Forward = tcp 51820 to 10.1.0.5\n"},
	{"port 68 without Dhcp", WALL "Forward = udp 68 to 10.1.0.5\n"},
	{"the smallest timeouts", SPLIT "UdpTimeout = 120\nUdpUnrepliedTimeout = 120\n"
					"TcpTimeout = 7440\nTcpTransitoryTimeout = 240\n"
					"IcmpTimeout = 60\n"},
	{"one port", SPLIT "Ports = 4000\n"},
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

/* Each has exactly one mistake; `says` are fragments of its one line. */
static const struct {
	const char *name, *text;
	unsigned int line;
	const char *says[4];
} refused[] = {
	{"[Split] in encryptor mode", HEAD "[Split]\nDefault = deny\n", 6, {"'[Split]'", "router"}},
	{"Forward in encryptor mode",
	 HEAD "[Firewall]\nForward = tcp 1 to 10.1.0.5\n",
	 7,
	 {"'Forward'", "Mode = router"}},
	{"Open in encryptor mode",
	 HEAD "[Firewall]\nOpen = tcp 1,2 to fd00::1\n",
	 7,
	 {"'Open'", "Mode = router"}},
	{"unknown key of [Split]",
	 SPLIT "Policy = allow\n",
	 8,
	 {"'Policy'", "[Split]", "Default, Allow, Deny", "or FragmentTimeout"}},
	{"unknown key of [Firewall]",
	 WALL "Accept = any\n",
	 8,
	 {"'Accept'", "[Firewall]", "Open or Local"}},
	{"Forward in [Split]", SPLIT "Forward = x\n", 8, {"'Forward'", "expected in [Firewall]"}},
	{"[Split] twice", SPLIT "[Split]\n", 8, {"second section", "line 7"}},
	{"Default twice", SPLIT "Default = deny\nDefault = deny\n", 9, {"twice", "line 8"}},
	{"Default", SPLIT "Default = drop\n", 8, {"Default 'drop'", "allow or deny"}},
	{"Secure", WALL "Secure = yes\n", 8, {"Secure 'yes'", "allow or deny"}},
	{"Allow", SPLIT "Allow = http\n", 8, {"Allow: 'http'", "tcp, udp, icmp or any"}},
	{"Deny", SPLIT "Deny =\n", 8, {"Deny: ''"}},
	{"SecureAllow", WALL "SecureAllow = icmp 8\n", 8, {"SecureAllow: '8' after icmp"}},
	{"SecureDeny",
	 WALL "SecureDeny = any to 10.1.0.0/16 from fd00::/8\n",
	 8,
	 {"SecureDeny: to '10.1.0.0/16' from 'fd00::/8'", "IPv4 on both sides"}},
	{"Forward", WALL "Forward = tcp 80 to fd00::1\n", 8, {"Forward: ", "IPv4 address"}},
	{"Open", WALL "Open = tcp 80 to 10.1.0.5\n", 8, {"Open: '10.1.0.5'", "Forward is for"}},
	{"Local", WALL "Local = dns, telnet\n", 8, {"Local: 'telnet'", "dhcp, dns, ntp"}},
	{"Local without anything", WALL "Local =\n", 8, {"Local: ''"}},
	{"Ports below 1024", SPLIT "Ports = 1023-2000\n", 8, {"'1023-2000'", "from 1024"}},
	{"Ports backwards", SPLIT "Ports = 3000-2000\n", 8, {"'3000-2000'", "lower one first"}},
	{"few Connections", SPLIT "Connections = 1023\n", 8, {"'1023'", "1024 to 1048576"}},
	{"many Connections", SPLIT "Connections = 1048577\n", 8, {"'1048577'"}},
	{"UdpTimeout", SPLIT "UdpTimeout = 119\n", 8, {"'119'", "120 (RFC 4787, REQ-5)"}},
	{"UdpUnrepliedTimeout",
	 SPLIT "UdpUnrepliedTimeout = 30\n",
	 8,
	 {"'30'", "120 (RFC 4787, REQ-5)"}},
	{"TcpTimeout", SPLIT "TcpTimeout = 7439\n", 8, {"'7439'", "7440 (RFC 5382, REQ-5)"}},
	{"TcpTransitoryTimeout",
	 SPLIT "TcpTransitoryTimeout = 239\n",
	 8,
	 {"'239'", "240 (RFC 5382, REQ-5)"}},
	{"IcmpTimeout", SPLIT "IcmpTimeout = 59\n", 8, {"'59'", "60 (RFC 5508, REQ-2)"}},
	{"a timeout with a unit", SPLIT "IcmpTimeout = 2m\n", 8, {"'2m'", "seconds"}},
	{"an endless timeout", SPLIT "TcpTimeout = 604801\n", 8, {"to 604800"}},
	{"FragmentTimeout", SPLIT "FragmentTimeout = 0\n", 8, {"'0'", "1 to 120"}},
	{"a rule for a secure prefix",
	 SPLIT "Allow = tcp 80,443 to 10.2.0.0/16\n" PEERS,
	 8,
	 {"Allow 'tcp 80 to 10.2.0.0/16'", "10.2.0.0/16 is a secure", "line 9, 'lisboa'"}},
	{"a rule for a part of a secure prefix",
	 SPLIT "Allow = icmp to fd00:2:0:7::1\n" PEERS,
	 8,
	 {"'icmp to fd00:2:0:7::1'", "fd00:2::/48", "line 9", "through a tunnel or nowhere"}},
	{"a rule for a secure prefix, peers first",
	 HOME PEERS "[Split]\nDeny = any\nAllow = any to 10.2.3.4\n",
	 13,
	 {"'any to 10.2.3.4'", "line 7"}},
	{"a forward into a secure prefix",
	 WALL "Forward = tcp 80 to 10.2.0.5\n" PEERS,
	 8,
	 {"Forward 'tcp 80 to 10.2.0.5:80'", "10.2.0.0/16", "line 9", "this site's LAN"}},
	{"an opening into a secure prefix",
	 WALL "Open = icmp to fd00:2::5\n" PEERS,
	 8,
	 {"Open 'icmp to fd00:2::5'", "fd00:2::/48", "line 9"}},
	{"an opening around a secure prefix",
	 WALL "Open = icmp to fd00::/16\n" PEERS,
	 8,
	 {"Open 'icmp to fd00::/16'", "fd00:2::/48"}},
	{"forward of the listen port",
	 WALL "Forward = udp 50000-60000 to 10.1.0.5\n",
	 8,
	 {"Forward", "UDP 51820 is the ListenPort"}},
	{"forward of DHCP's port",
	 HOME "Dhcp = yes\n[Firewall]\nForward = udp 60-70 to 10.1.0.5\n",
	 9,
	 {"UDP 68", "Dhcp = yes"}},
	{"two forwards of a port",
	 WALL "Forward = tcp 80-90 to 10.1.0.5\nForward = tcp 90 to 10.1.0.6:80\n",
	 9,
	 {"'tcp 90 to 10.1.0.6:80'", "'tcp 80-90 to 10.1.0.5:80' at line 8"}},
	{"two forwards of a port, one for a part",
	 WALL "Forward = tcp 80 to 10.1.0.5 from 192.0.2.0/24\nForward = tcp 80 to 10.1.0.6\n",
	 9,
	 {"at line 8"}},
};

static void each_mistake_names_line_word_and_expectation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct result r = parse(refused[i].text);
		const char *newline = strchr(r.err, '\n');
		char where[64];

		snprintf(where, sizeof(where), "n.conf:%u: ", refused[i].line);
		bool ok = r.code == 2 && !r.m && newline && !newline[1] &&
			  !strncmp(r.err, where, strlen(where));
		for (size_t k = 0; k < 4 && refused[i].says[k]; k++)
			ok = ok && strstr(r.err, refused[i].says[k]);
		if (!ok)
			fail_msg("%s: code %d, said: %s", refused[i].name, r.code, r.err);
		result_free(&r);
	}
}

/* `count` lines behind `head`: one too many is an error at the last line. */
static void check_limit(const char *head, const char *line, uint32_t max, const char *says)
{
	size_t size = strlen(head) + (max + 1) * (strlen(line) + 8);
	char *text = malloc(size), where[64];

	for (uint32_t count = max; count <= max + 1; count++) {
		size_t len = (size_t)snprintf(text, size, "%s", head);

		for (uint32_t i = 0; i < count; i++)
			len += (size_t)snprintf(text + len, size - len, line, i + 1);
		struct result r = parse(text);
		snprintf(where, sizeof(where), "n.conf:%u: ", 7 + count);
		if (count == max && r.code)
			fail_msg("%s", r.err);
		if (count > max && (r.code != 2 || !strstr(r.err, says) ||
				    strncmp(r.err, where, strlen(where)) != 0))
			fail_msg("%s", r.err);
		result_free(&r);
	}
	free(text);
}

static void lists_have_an_end(void **state)
{
	(void)state;
	check_limit(SPLIT, "Allow = tcp %u\n", ESC_RULES_MAX, "more than 256 rules");
	check_limit(WALL, "SecureDeny = tcp %u\n", ESC_RULES_MAX, "more than 256 rules");
	check_limit(WALL, "Forward = tcp %u to 10.1.0.5\n", ESC_OPENINGS_MAX, "more than 64");
	check_limit(WALL, "Open = tcp %u to fd00::1\n", ESC_OPENINGS_MAX, "more than 64");
	check_limit(WALL, "Local = tcp %u\n", ESC_SERVICES_MAX, "more than 16 ports");
}

static void secure_prefixes_are_found_around_and_inside(void **state)
{
	struct result r =
		parse(HOME PEERS "[Peer]\nPublicKey = " PUB_C "\nAllowedIPs = 10.2.9.0/24\n");
	struct esc_prefix found;
	uint8_t a[16], len;

	(void)state;
	assert_int_equal(r.code, 0);
	esc_prefix_parse("10.2.9.9", a, &len);
	assert_int_equal(esc_split_inside_secure(r.m, a, len, &found), 1);
	assert_int_equal(found.len, 96 + 24);
	esc_prefix_parse("10.2.8.9", a, &len);
	assert_int_equal(esc_split_inside_secure(r.m, a, len, &found), 0);
	assert_int_equal(found.len, 96 + 16);
	esc_prefix_parse("10.0.0.0/8", a, &len);
	assert_int_equal(esc_split_inside_secure(r.m, a, len, &found), ESC_NO_PEER);
	assert_int_equal(esc_split_touches_secure(r.m, a, len, &found), 0);
	esc_prefix_parse("11.0.0.0/8", a, &len);
	assert_int_equal(esc_split_touches_secure(r.m, a, len, &found), ESC_NO_PEER);
	result_free(&r);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_hold_without_the_sections),
		cmocka_unit_test(each_key_goes_where_it_belongs),
		cmocka_unit_test(rules_keep_the_order_of_the_file),
		cmocka_unit_test(the_firewall_lists_what_may_enter),
		cmocka_unit_test(valid_files_are_accepted),
		cmocka_unit_test(each_mistake_names_line_word_and_expectation),
		cmocka_unit_test(lists_have_an_end),
		cmocka_unit_test(secure_prefixes_are_found_around_and_inside),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
