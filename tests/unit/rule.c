/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules, openings and services: from text, to text, and what is said about mistakes. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "control/rule.h"

enum kind { RULE, FORWARD, OPEN, SERVICE };

/* All entries of all kinds, as they print, one after the other with "; ". */
static bool parse(enum kind kind, const char *text, char out[512], char why[ESC_RULE_WHY])
{
	struct esc_rule rule[8];
	struct esc_opening opening[8];
	struct esc_service service[8];
	char one[ESC_RULE_STR];
	uint32_t n = 0;
	bool ok = false;

	*why = *out = '\0';
	switch (kind) {
	case RULE:
		ok = esc_rule_parse(text, ESC_ALLOW, rule, 8, &n, why);
		break;
	case FORWARD:
		ok = esc_forward_parse(text, opening, 8, &n, why);
		break;
	case OPEN:
		ok = esc_open_parse(text, opening, 8, &n, why);
		break;
	case SERVICE:
		ok = esc_service_parse(text, service, 8, &n, why);
		break;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			strcat(out, "; ");
		strcat(out, kind == RULE      ? esc_rule_text(&rule[i], one)
			    : kind == SERVICE ? esc_service_text(&service[i], one)
					      : esc_opening_text(&opening[i], one));
	}
	return ok;
}

static const struct {
	enum kind kind;
	const char *text, *means;
} good[] = {
	{RULE, "any", "any to any"},
	{RULE, "TCP 80", "tcp 80 to any"},
	{RULE, "tcp 80,443 to any from 10.1.0.0/24",
	 "tcp 80 to any from 10.1.0.0/24; tcp 443 to any from 10.1.0.0/24"},
	{RULE, "udp\t1 , 5000-5100 ,65535 To 192.0.2.7",
	 "udp 1 to 192.0.2.7; udp 5000-5100 to 192.0.2.7; udp 65535 to 192.0.2.7"},
	{RULE, "udp 1-65535", "udp 1-65535 to any"},
	{RULE, "icmp from 2001:db8::/32 TO 2001:db8:1::1",
	 "icmp to 2001:db8:1::1 from 2001:db8::/32"},
	{RULE, "any  to  198.51.100.9/24  from  any", "any to 198.51.100.0/24"},
	{RULE, "any to 0.0.0.0/0", "any to 0.0.0.0/0"},
	{RULE, "any to 2000::/3", "any to 2000::/3"},
	{RULE, "tcp from 10.1.0.7", "tcp to any from 10.1.0.7"},
	{FORWARD, "tcp 8080 to 10.1.0.5:80", "tcp 8080 to 10.1.0.5:80"},
	{FORWARD, "udp 53 to 10.1.0.5", "udp 53 to 10.1.0.5:53"},
	{FORWARD, "tcp 5000-5100 from 192.0.2.0/24 to 10.1.0.5:6000",
	 "tcp 5000-5100 to 10.1.0.5:6000 from 192.0.2.0/24"},
	{FORWARD, "tcp 1-65535 to 10.1.0.5", "tcp 1-65535 to 10.1.0.5:1"},
	{OPEN, "tcp 443 to 2001:db8:1::5", "tcp 443 to 2001:db8:1::5"},
	{OPEN, "udp 1,2-3 to 2001:db8:1::/64 from 2001:db8:2::/48",
	 "udp 1 to 2001:db8:1::/64 from 2001:db8:2::/48; "
	 "udp 2-3 to 2001:db8:1::/64 from 2001:db8:2::/48"},
	{OPEN, "icmp to fd00::1", "icmp to fd00::1"},
	{OPEN, "tcp to fd00::1", "tcp to fd00::1"},
	{SERVICE, "dhcp", "udp 67; udp 547"},
	{SERVICE, "DNS", "udp 53; tcp 53"},
	{SERVICE, "ntp", "udp 123"},
	{SERVICE, "tcp 22", "tcp 22"},
};

static void texts_mean_what_they_say_and_print_the_same(void **state)
{
	char out[512], again[512], why[ESC_RULE_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!parse(good[i].kind, good[i].text, out, why) || strcmp(out, good[i].means) != 0)
			fail_msg("%s: '%s' %s", good[i].text, out, why);
		if (strchr(out, ';'))
			continue; /* its parts are other rows */
		assert_true(parse(good[i].kind, out, again, why));
		assert_string_equal(again, out);
	}
}

static const struct {
	enum kind kind;
	const char *text, *says;
} wrong[] = {
	{RULE, "", "'': expected tcp, udp, icmp or any first"},
	{RULE, "sctp 5", "'sctp': expected tcp, udp, icmp or any"},
	{RULE, "80 to any", "'80': expected tcp"},
	{RULE, "icmp 8 to any", "'8' after icmp: expected to or from"},
	{RULE, "any 80", "'80' after any: expected to or from"},
	{RULE, "tcp 443-80", "'443-80': expected ports"},
	{RULE, "tcp 0", "'0': expected ports from 1"},
	{RULE, "tcp 65536", "'65536': expected ports"},
	{RULE, "tcp 80,", "'': expected ports"},
	{RULE, "tcp http", "'http': expected ports"},
	{RULE, "tcp 80 443", "'80 443': expected ports"},
	{RULE, "tcp 1-2-3", "'1-2-3'"},
	{RULE, "tcp -", "'-'"},
	{RULE, "tcp 80 to", "nothing after 'to'"},
	{RULE, "tcp 80 to lan", "'lan': expected any, an address or a prefix"},
	{RULE, "tcp 80 to 10.0.0.0/33", "'10.0.0.0/33'"},
	{RULE, "tcp 80 to 10.0.0.0/8 via eth0", "'via': expected to PREFIX or from PREFIX"},
	{RULE, "tcp to any to any", "a second 'to'"},
	{RULE, "any to ::/0", "'::/0': expected any for both families, 2000::/3"},
	{RULE, "any from ::/64", "'::/64': expected any for both"},
	{RULE, "any to 10.0.0.0/8 from fd00::/8", "from 'fd00::/8': expected IPv4 on both"},
	{RULE, "tcp 1,2,3,4,5,6,7,8,9", "more than 8 rules"},
	{RULE, "tcp \033[2J", "'?[2J'"},
	{FORWARD, "icmp to 10.0.0.1", "'icmp': expected tcp or udp"},
	{FORWARD, "tcp to 10.0.0.1", "no port"},
	{FORWARD, "tcp 80,81 to 10.0.0.1", "'80,81': expected one port"},
	{FORWARD, "tcp 0 to 10.0.0.1", "'0': expected one port"},
	{FORWARD, "tcp 9-8 to 10.0.0.1", "'9-8'"},
	{FORWARD, "tcp 80", "no target"},
	{FORWARD, "tcp 80 to fd00::1", "the IPv4 address"},
	{FORWARD, "tcp 80 to 10.0.0.0/24", "'10.0.0.0/24': expected the IPv4 address"},
	{FORWARD, "tcp 80 to 10.0.0.1:0", "'10.0.0.1:0'"},
	{FORWARD, "tcp 80 to 10.0.0.1:", "'10.0.0.1:'"},
	{FORWARD, "tcp 80 to 224.0.0.1", "'224.0.0.1'"},
	{FORWARD, "tcp 80 to 127.0.0.1", "'127.0.0.1'"},
	{FORWARD, "tcp 80 to any", "'any'"},
	{FORWARD, "tcp 1-100 to 10.0.0.1:65500", "above 65535"},
	{FORWARD, "tcp 80 to 10.0.0.1 from fd00::/8", "expected IPv4 on both"},
	{OPEN, "any to fd00::1", "'any': expected tcp, udp or icmp"},
	{OPEN, "tcp 80 to 10.0.0.1", "'10.0.0.1': expected an IPv6 address"},
	{OPEN, "tcp 80 to any", "'any': expected an IPv6 address"},
	{OPEN, "tcp 80 to ff02::1", "'ff02::1'"},
	{OPEN, "tcp 80 to fe80::1", "'fe80::1'"},
	{OPEN, "tcp 80", "no target"},
	{OPEN, "icmp 128 to fd00::1", "'128' after icmp"},
	{OPEN, "tcp 80 to fd00::1 from 10.0.0.0/8", "expected IPv4 on both"},
	{OPEN, "tcp 1,2,3,4,5,6,7,8,9 to fd00::1", "more than 8"},
	{SERVICE, "", "'': expected dhcp, dns"},
	{SERVICE, "ssh", "'ssh': expected dhcp, dns, ntp, tcp PORT or udp PORT"},
	{SERVICE, "tcp", "'tcp'"},
	{SERVICE, "tcp 1-2", "'tcp 1-2'"},
	{SERVICE, "udp 0", "'udp 0'"},
	{SERVICE, "any 5", "'any 5'"},
	{SERVICE, "dns 53", "'dns 53'"},
	{SERVICE, "dns to any", "'dns to any'"},
};

static void mistakes_are_named_and_leave_the_list_as_it_was(void **state)
{
	char out[512], why[ESC_RULE_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (parse(wrong[i].kind, wrong[i].text, out, why) || *out ||
		    !strstr(why, wrong[i].says))
			fail_msg("'%s': %s; %s", wrong[i].text, out, why);
}

static void fields_are_as_programs_expect_them(void **state)
{
	struct esc_rule r[2];
	struct esc_opening o[1];
	struct esc_service s[4];
	char why[ESC_RULE_WHY];
	uint32_t n = 0;

	(void)state;
	assert_true(esc_rule_parse("icmp to 10.0.0.0/8", ESC_DENY, r, 2, &n, why));
	assert_int_equal(r[0].proto, IPPROTO_ICMP);
	assert_int_equal(r[0].verdict, ESC_DENY);
	assert_int_equal(r[0].to_len, 104);
	assert_int_equal(r[0].from_len, 0);
	assert_int_equal(r[0].port_first, 0);
	assert_int_equal(r[0].port_last, 65535);
	assert_true(esc_rule_parse("any", ESC_ALLOW, r, 2, &n, why));
	assert_int_equal(r[1].proto, 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_true(esc_forward_parse("udp 7-9 to 10.0.0.1:70", o, 1, &n, why));
	assert_int_equal(o[0].proto, IPPROTO_UDP);
	assert_int_equal(o[0].to_len, 128);
	assert_int_equal(o[0].port_first, 7);
	assert_int_equal(o[0].port_last, 9);
	assert_int_equal(o[0].to_port, 70);
	assert_true(esc_opening_is_forward(o));
	n = 0;
	assert_true(esc_open_parse("icmp to fd00:1::/64", o, 1, &n, why));
	assert_int_equal(o[0].proto, IPPROTO_ICMPV6);
	assert_int_equal(o[0].to_len, 64);
	assert_false(esc_opening_is_forward(o));
	n = 0;
	assert_true(esc_service_parse("dhcp", s, 4, &n, why));
	assert_true(esc_service_parse("udp 67", s, 4, &n, why));
	assert_int_equal(n, 2); /* it was there */
	assert_true(s[0].broadcast && s[1].broadcast);
	assert_true(esc_service_parse("dns", s, 4, &n, why));
	assert_false(s[2].broadcast);
	assert_false(esc_service_parse("ntp", s, 4, &n, why));
	assert_int_equal(n, 4);
}

static void random_bytes(uint8_t *p, size_t n)
{
	while (n--)
		*p++ = (uint8_t)(rand() >> 7);
}

/* Whatever a rule may hold, its text says all of it. */
static void random_rules_survive_their_text(void **state)
{
	static const uint8_t protos[] = {0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	(void)state;
	srand(5);
	for (int i = 0; i < 20000; i++) {
		struct esc_rule r = {.verdict = (uint8_t)(rand() & 1), .port_last = 65535}, back;
		char text[ESC_RULE_STR], why[ESC_RULE_WHY] = "";
		bool v4 = rand() & 1;
		uint32_t n = 0;

		r.proto = protos[rand() & 3];
		if (r.proto == IPPROTO_TCP || r.proto == IPPROTO_UDP) {
			r.port_first = (uint16_t)(1 + rand() % 65535);
			r.port_last = (uint16_t)(r.port_first + rand() % (65536 - r.port_first));
		}
		for (int side = 0; side < 2; side++) {
			uint8_t *a = side ? r.from : r.to, *len = side ? &r.from_len : &r.to_len;

			if (!(rand() & 3))
				continue; /* any */
			uint8_t bytes[16];

			random_bytes(bytes, sizeof(bytes));
			bytes[0] |= 0x20; /* not of both families */
			*len = (uint8_t)(v4 ? 96 + rand() % 33 : 3 + rand() % 126);
			if (v4)
				esc_addr_from_v4(a, bytes);
			else
				memcpy(a, bytes, 16);
			esc_addr_mask(a, *len);
		}
		esc_rule_text(&r, text);
		if (!esc_rule_parse(text, r.verdict, &back, 1, &n, why))
			fail_msg("'%s': %s", text, why);
		assert_memory_equal(&back, &r, sizeof(r));
	}
}

static void prefixes_contain_and_overlap(void **state)
{
	uint8_t a[16], b[16], a_len, b_len;

	(void)state;
	assert_true(esc_prefix_parse("10.0.0.0/8", a, &a_len));
	assert_true(esc_prefix_parse("10.2.0.0/16", b, &b_len));
	assert_true(esc_prefix_contains(a, a_len, b, b_len));
	assert_false(esc_prefix_contains(b, b_len, a, a_len));
	assert_true(esc_prefix_contains(a, a_len, a, a_len));
	assert_true(esc_prefix_overlaps(b, b_len, a, a_len));
	assert_true(esc_prefix_parse("11.0.0.0/8", b, &b_len));
	assert_false(esc_prefix_overlaps(a, a_len, b, b_len));
	assert_true(esc_prefix_overlaps(a, 0, b, b_len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_mean_what_they_say_and_print_the_same),
		cmocka_unit_test(mistakes_are_named_and_leave_the_list_as_it_was),
		cmocka_unit_test(fields_are_as_programs_expect_them),
		cmocka_unit_test(random_rules_survive_their_text),
		cmocka_unit_test(prefixes_contain_and_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
