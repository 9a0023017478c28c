/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What secure sites may begin towards the LAN: packets through the red process, judged by what
 * comes out on the other side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "red_rig.h"
#include "red_packets.h"
#include "red/flows.h"

#define SECOND 1000000000ull
#define TABLE  256u /* conversations of the LAN in the rig; a quarter of sites */

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static const char HOST[] = "10.1.0.5", FAR[] = "10.2.0.9", OTHER[] = "10.2.0.10",
		  HOST6[] = "fd00:1::5", FAR6[] = "fd00:2::9";

static struct red_lab lab;
static uint8_t ip[1500];
static uint64_t sent; /* packets of both sides */

static void resolve(const char *dst)
{
	uint8_t addr[16];
	bool ask;

	esc_addr_parse(dst, addr);
	esc_hop_get(lab.r->hops, addr, lab.r->now, &ask);
	lab_hop(&lab, dst, ESC_HOP_OK);
}

static int open_lab(void **state)
{
	(void)state;
	lab_open(&lab, 1, 1500, 1420);
	lab_policy(&lab, NULL, 0, ESC_DENY);
	resolve(HOST);
	resolve(HOST6);
	red_round(lab.r);
	sent = 0;
	return 0;
}

static int close_lab(void **state)
{
	bool ok = lab_books_ok(&lab) && lab_counted(&lab) == sent;

	(void)state;
	lab_close(&lab);
	return ok ? 0 : -1;
}

/* --- the two sides --- */

/* Does this packet of a site reach the LAN? If not, it is counted so, and nobody hears of it. */
static bool enters(size_t len)
{
	uint64_t denied = lab_count(&lab, ESC_RP_in_firewall);
	uint8_t frame[LAB_SIZE];

	sent++;
	assert_true(lab_from_tunnel(&lab, 0, ip, len));
	red_round(lab.r);
	bool in = lab_to_lan(&lab, 0, frame) == ETH_LEN + len;
	assert_int_equal(lab_count(&lab, ESC_RP_in_firewall), denied + !in);
	assert_int_equal(lab_to_lan(&lab, 0, frame), 0);
	assert_int_equal(lab_crypto_takes(&lab, 0), 0);
	return in;
}

/* The LAN's packets always leave. */
static void leaves(size_t len)
{
	sent++;
	assert_true(lab_from_lan(&lab, 0, ip, len));
	red_round(lab.r);
	esc_desc d = lab_crypto_takes(&lab, 0);
	assert_int_equal(esc_desc_len(d), len);
	lab_crypto_returns(&lab, 0, d, ESC_RET_OK);
	red_round(lab.r);
}

static size_t packet(const char *src, const char *dst, uint8_t protocol, size_t payload)
{
	return strchr(src, ':') ? make_v6(ip, src, dst, protocol, payload)
				: make_v4(ip, src, dst, protocol, payload);
}

static uint8_t *transport(void)
{
	return ip + (ip[0] >> 4 == 4 ? 20 : 40);
}

static size_t udp(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	size_t len = packet(src, dst, 17, 30);

	set16(transport(), sport);
	set16(transport() + 2, dport);
	return len;
}

static size_t tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t flags)
{
	size_t len = packet(src, dst, 6, 20);

	set16(transport(), sport);
	set16(transport() + 2, dport);
	transport()[12] = 0x50;
	transport()[13] = flags;
	return len;
}

static size_t echo(const char *src, const char *dst, uint16_t id, bool reply)
{
	size_t len = make_echo(ip, src, dst, 16);
	bool v4 = ip[0] >> 4 == 4;

	if (reply)
		transport()[0] = v4 ? 0 : 129;
	set16(transport() + 4, id);
	seal_transport(ip, 2);
	return len;
}

static struct esc_rule rule(enum esc_verdict verdict, uint8_t proto, uint16_t first, uint16_t last,
			    const char *from, const char *to)
{
	struct esc_rule r = {.verdict = (uint8_t)verdict,
			     .proto = proto,
			     .port_first = first,
			     .port_last = last};

	if (from)
		assert_true(esc_prefix_parse(from, r.from, &r.from_len));
	if (to)
		assert_true(esc_prefix_parse(to, r.to, &r.to_len));
	return r;
}

/* --- the policy --- */

static void nothing_enters_before_control_said_what_may(void **state)
{
	(void)state;
	firewall_free(lab.r->firewall);
	lab.r->firewall = firewall_new(TABLE);
	assert_false(enters(udp(FAR, 9, HOST, 9)));
	leaves(udp(HOST, 9, FAR, 9));
	assert_true(enters(udp(FAR, 9, HOST, 9)));
	lab_policy(&lab, NULL, 0, ESC_ALLOW);
	assert_true(enters(udp(FAR, 9, HOST, 10)));
}

static void a_policy_that_never_denies_lets_everything_in_and_remembers_nothing(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 6, 1, 2, NULL, NULL);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_ALLOW);
	assert_true(enters(udp(FAR, 9, HOST, 9)));
	assert_true(enters(tcp(FAR6, 9, HOST6, 9, SYN | ACK)));
	assert_true(enters(packet(FAR, HOST, 47, 3)));
	leaves(udp(HOST, 5, FAR, 5));
	lab_policy(&lab, NULL, 0, ESC_DENY);
	assert_false(enters(udp(FAR, 5, HOST, 5)));
	leaves(udp(HOST, 5, FAR, 5)); /* who goes on is known again */
	assert_true(enters(udp(FAR, 5, HOST, 5)));
}

static void what_the_lan_begins_is_answered_and_nothing_else_enters(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const char *host = v6 ? HOST6 : HOST, *far = v6 ? FAR6 : FAR;

		assert_false(enters(udp(far, 53, host, 4000)));
		leaves(udp(host, 4000, far, 53));
		assert_true(enters(udp(far, 53, host, 4000)));
		assert_false(enters(udp(far, 53, host, 4001)));
		assert_false(enters(udp(far, 54, host, 4000)));
		assert_false(enters(udp(far, 4000, host, 53)));
		assert_false(enters(tcp(far, 53, host, 4000, ACK)));
		leaves(tcp(host, 4000, far, 80, SYN));
		assert_true(enters(tcp(far, 80, host, 4000, SYN | ACK)));
		assert_false(enters(packet(far, host, 47, 20)));
		leaves(packet(host, far, 47, 20));
		assert_true(enters(packet(far, host, 47, 20)));
	}
	leaves(udp(HOST, 4000, FAR, 53));
	assert_false(enters(udp(OTHER, 53, HOST, 4000)));
	assert_false(enters(udp(FAR, 53, "10.1.0.6", 4000)));
}

static void the_first_rule_that_fits_decides(void **state)
{
	struct esc_rule r[] = {
		rule(ESC_DENY, 6, 443, 443, "10.2.0.9/32", NULL),
		rule(ESC_ALLOW, 6, 443, 445, "10.2.0.0/22", "10.1.0.4/31"),
		rule(ESC_ALLOW, 1, 0, 65535, NULL, NULL),
		rule(ESC_ALLOW, 0, 0, 65535, "fd00:2::/31", "fd00:1::/64"),
	};

	(void)state;
	lab_policy(&lab, r, 4, ESC_DENY);
	assert_false(enters(tcp(FAR, 9, HOST, 443, SYN)));
	assert_true(enters(tcp(FAR, 9, HOST, 444, SYN)));
	assert_true(enters(tcp(OTHER, 9, HOST, 443, SYN)));
	assert_true(enters(tcp("10.2.3.255", 9, HOST, 445, SYN)));
	assert_false(enters(tcp("10.2.4.0", 9, HOST, 445, SYN)));
	assert_false(enters(tcp(OTHER, 9, HOST, 442, SYN)));
	assert_false(enters(tcp(OTHER, 9, HOST, 446, SYN)));
	assert_false(enters(tcp(OTHER, 443, "10.1.0.6", 443, SYN)));
	assert_false(enters(udp(OTHER, 443, HOST, 443)));
	assert_true(enters(echo(FAR, HOST, 7, false)));
	assert_true(enters(echo("fd00:9::1", HOST6, 7, false)));
	assert_false(enters(udp("fd00:9::1", 7, HOST6, 7)));
	assert_true(enters(udp(FAR6, 7, HOST6, 7)));
	assert_true(enters(packet("fd00:3::1", HOST6, 47, 8)));
	assert_false(enters(packet(FAR, HOST, 47, 8)));
}

static void a_rule_without_prefix_means_both_families_and_one_with_length_0_one(void **state)
{
	struct esc_rule any = rule(ESC_ALLOW, 0, 0, 65535, NULL, NULL);
	struct esc_rule v4 = rule(ESC_ALLOW, 0, 0, 65535, "0.0.0.0/0", NULL);

	(void)state;
	lab_policy(&lab, &v4, 1, ESC_DENY);
	assert_true(enters(udp(FAR, 1, HOST, 1)));
	assert_false(enters(udp(FAR6, 1, HOST6, 1)));
	lab_policy(&lab, &any, 1, ESC_DENY);
	assert_true(enters(udp(FAR6, 1, HOST6, 1)));
}

static void the_node_itself_is_asked_only_as_a_rule_lets(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 1, 0, 65535, NULL, "10.1.0.1/32");

	(void)state;
	assert_false(enters(echo(FAR, "10.1.0.1", 7, false)));
	lab_policy(&lab, &r, 1, ESC_DENY);
	sent++;
	assert_true(lab_from_tunnel(&lab, 0, ip, echo(FAR, "10.1.0.1", 7, false)));
	red_round(lab.r);
	esc_desc d = lab_crypto_takes(&lab, 0);
	assert_true(d != 0);
	lab_crypto_returns(&lab, 0, d, ESC_RET_OK);
	red_round(lab.r);
	assert_int_equal(lab_count(&lab, ESC_RP_in_echo), 1);
}

static void conversations_outlive_the_rule_that_let_them_begin(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 17, 500, 500, NULL, NULL);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_DENY);
	assert_true(enters(udp(FAR, 9, HOST, 500)));
	lab_policy(&lab, NULL, 0, ESC_DENY);
	assert_true(enters(udp(FAR, 9, HOST, 500)));
	assert_false(enters(udp(FAR, 10, HOST, 500)));
	lab.r->now += 299 * SECOND;
	assert_true(enters(udp(FAR, 9, HOST, 500))); /* alone it does not keep it alive */
	lab.r->now += SECOND;
	assert_false(enters(udp(FAR, 9, HOST, 500)));
}

static void a_policy_is_in_force_with_its_last_part_and_not_before(void **state)
{
	struct esc_msg m = {.type = ESC_MSG_FIREWALL, .u.firewall = {.rules = 20, .count = 12}};
	struct esc_msg_firewall *w = &m.u.firewall;

	(void)state;
	for (uint32_t i = 0; i < ESC_MSG_RULES; i++)
		w->rule[i] = rule(ESC_ALLOW, 17, (uint16_t)i, (uint16_t)i, NULL, NULL);
	lab_send(&lab, &m);
	assert_false(enters(udp(FAR, 9, HOST, 3)));
	for (uint32_t i = 0; i < 8; i++)
		w->rule[i].port_first = w->rule[i].port_last = (uint16_t)(100 + i);
	w->first = 12;
	w->count = 8;
	lab_send(&lab, &m);
	assert_true(enters(udp(FAR, 9, HOST, 3)));
	assert_true(enters(udp(FAR, 9, HOST, 107)));
	assert_false(enters(udp(FAR, 9, HOST, 108)));
	w->first = 0; /* the next one is begun, and begun again */
	w->count = 5;
	lab_send(&lab, &m);
	lab_send(&lab, &m);
	assert_true(enters(udp(FAR, 9, HOST, 4)));
	lab_policy(&lab, NULL, 0, ESC_DENY);
	assert_false(enters(udp(FAR, 8, HOST, 4)));
}

static void all_rules_that_control_may_have_fit(void **state)
{
	struct esc_rule r[ESC_RULES_MAX];

	(void)state;
	for (uint32_t i = 0; i < ESC_RULES_MAX; i++)
		r[i] = rule(ESC_ALLOW, 17, (uint16_t)(1000 + i), (uint16_t)(1000 + i), NULL, NULL);
	lab_policy(&lab, r, ESC_RULES_MAX, ESC_DENY);
	assert_true(enters(udp(FAR, 9, HOST, 1000)));
	assert_true(enters(udp(FAR, 9, HOST, 1255)));
	assert_false(enters(udp(FAR, 9, HOST, 1256)));
}

static void impossible_policies_are_refused_and_change_nothing(void **state)
{
	const struct esc_msg_firewall bad[] = {
		{.first = 1, .count = 1, .rules = 2},
		{.count = ESC_MSG_RULES + 1, .rules = ESC_RULES_MAX},
		{.count = UINT32_MAX, .rules = 1},
		{.count = 1, .rules = ESC_RULES_MAX + 1},
		{.count = 2, .rules = 1},
		{.count = 0, .rules = 1},
		{.otherwise = ESC_ALLOW + 1},
		{.count = 1, .rules = 1, .otherwise = ESC_ALLOW, .rule[0].from_len = 129},
		{.count = 1, .rules = 1, .otherwise = ESC_ALLOW, .rule[0].to_len = 255},
		{.count = 1, .rules = 1, .otherwise = ESC_ALLOW, .rule[0].verdict = 2},
	};
	struct esc_msg_firewall shrinks = {.count = ESC_MSG_RULES, .rules = ESC_RULES_MAX};
	struct firewall *f = lab.r->firewall;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(firewall_update(f, &bad[i]), -EPROTO);
		assert_false(enters(udp(FAR, 9, HOST, 9)));
	}
	assert_int_equal(firewall_update(f, &shrinks), 0);
	shrinks.first = ESC_MSG_RULES;
	shrinks.rules = 5;
	assert_int_equal(firewall_update(f, &shrinks), -EPROTO);
	assert_false(enters(udp(FAR, 9, HOST, 9)));
}

/* --- TCP --- */

static void a_connection_of_the_lan_cannot_be_begun_again_by_the_site(void **state)
{
	(void)state;
	leaves(tcp(HOST, 4000, FAR, 443, SYN));
	assert_true(enters(tcp(FAR, 443, HOST, 4000, SYN | ACK)));
	leaves(tcp(HOST, 4000, FAR, 443, ACK));
	assert_true(enters(tcp(FAR, 443, HOST, 4000, ACK)));
	assert_false(enters(tcp(FAR, 443, HOST, 4000, SYN)));
	assert_true(enters(tcp(FAR, 443, HOST, 4000, FIN | ACK)));
	assert_false(enters(tcp(FAR, 443, HOST, 4000, SYN)));
	leaves(tcp(HOST, 4000, FAR, 443, FIN | ACK));
	assert_true(enters(tcp(FAR, 443, HOST, 4000, ACK)));
	assert_false(enters(tcp(FAR, 443, HOST, 4000, SYN)));
}

static void both_sides_may_open_a_connection_at_once(void **state)
{
	(void)state;
	leaves(tcp(HOST, 4000, FAR, 4000, SYN));
	assert_true(enters(tcp(FAR, 4000, HOST, 4000, SYN)));
	leaves(tcp(HOST, 4000, FAR, 4000, SYN | ACK));
	assert_true(enters(tcp(FAR, 4000, HOST, 4000, ACK)));
	assert_false(enters(tcp(FAR, 4000, HOST, 4000, SYN)));
}

static void answers_and_resets_begin_nothing_even_where_a_rule_lets(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 0, 0, 65535, NULL, NULL);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_DENY);
	assert_false(enters(tcp(FAR, 443, HOST, 4000, SYN | ACK)));
	assert_false(enters(tcp(FAR, 443, HOST, 4000, RST)));
	assert_false(enters(echo(FAR, HOST, 9, true)));
	leaves(tcp(HOST, 4000, FAR, 443, SYN | ACK));
	leaves(tcp(HOST, 4000, FAR, 443, RST));
	leaves(echo(HOST, FAR, 9, true));
	lab_policy(&lab, NULL, 0, ESC_DENY);
	assert_false(enters(tcp(FAR, 443, HOST, 4000, ACK)));
	assert_false(enters(echo(FAR, HOST, 9, false)));
}

static void an_established_connection_lives_longer_than_one_that_is_not(void **state)
{
	(void)state;
	leaves(tcp(HOST, 1, FAR, 80, SYN));
	leaves(tcp(HOST, 2, FAR, 80, SYN));
	assert_true(enters(tcp(FAR, 80, HOST, 2, SYN | ACK)));
	leaves(tcp(HOST, 2, FAR, 80, ACK));
	lab.r->now += 240 * SECOND - 1;
	assert_true(enters(tcp(FAR, 80, HOST, 1, SYN | ACK)));
	lab.r->now++;
	assert_false(enters(tcp(FAR, 80, HOST, 1, SYN | ACK)));
	lab.r->now += 7200 * SECOND - 1;
	assert_true(enters(tcp(FAR, 80, HOST, 2, ACK))); /* of a site it renews nothing */
	lab.r->now++;
	assert_false(enters(tcp(FAR, 80, HOST, 2, ACK)));
}

static void a_connection_that_a_site_opened_lives_as_long(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 6, 443, 443, NULL, NULL);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_DENY);
	assert_true(enters(tcp(FAR, 5, HOST, 443, SYN)));
	leaves(tcp(HOST, 443, FAR, 5, SYN | ACK));
	assert_true(enters(tcp(FAR, 5, HOST, 443, ACK)));
	lab_policy(&lab, NULL, 0, ESC_DENY);
	lab.r->now += 7440 * SECOND - 1;
	assert_true(enters(tcp(FAR, 5, HOST, 443, ACK)));
	lab.r->now++;
	assert_false(enters(tcp(FAR, 5, HOST, 443, ACK)));
}

static void who_ends_a_connection_shortens_its_life(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 4; i++) {
		leaves(tcp(HOST, i, FAR, 80, SYN));
		assert_true(enters(tcp(FAR, 80, HOST, i, SYN | ACK)));
		leaves(tcp(HOST, i, FAR, 80, ACK));
	}
	assert_true(enters(tcp(FAR, 80, HOST, 0, FIN | ACK)));
	assert_true(enters(tcp(FAR, 80, HOST, 1, RST)));
	leaves(tcp(HOST, 2, FAR, 80, FIN | ACK));
	leaves(tcp(HOST, 3, FAR, 80, RST));
	for (uint16_t i = 0; i < 4; i++)
		assert_true(enters(tcp(FAR, 80, HOST, i, ACK)));
	lab.r->now += 240 * SECOND;
	for (uint16_t i = 0; i < 4; i++)
		assert_false(enters(tcp(FAR, 80, HOST, i, ACK)));
	leaves(tcp(HOST, 0, FAR, 80, SYN)); /* the same ports again */
	assert_true(enters(tcp(FAR, 80, HOST, 0, SYN | ACK)));
}

/* --- UDP, echo, others --- */

static void other_conversations_end_when_the_lan_is_silent(void **state)
{
	(void)state;
	leaves(udp(HOST, 1, FAR, 1));
	leaves(echo(HOST, FAR, 1, false));
	leaves(packet(HOST, FAR, 47, 9));
	lab.r->now += 60 * SECOND - 1;
	assert_true(enters(echo(FAR, HOST, 1, true)));
	lab.r->now++;
	assert_false(enters(echo(FAR, HOST, 1, true)));
	lab.r->now += 180 * SECOND - 1;
	assert_true(enters(packet(FAR, HOST, 47, 9)));
	lab.r->now++;
	assert_false(enters(packet(FAR, HOST, 47, 9)));
	lab.r->now += 60 * SECOND - 1;
	assert_true(enters(udp(FAR, 1, HOST, 1)));
	leaves(udp(HOST, 1, FAR, 1));
	lab.r->now += 300 * SECOND - 1;
	assert_true(enters(udp(FAR, 1, HOST, 1)));
	lab.r->now++;
	assert_false(enters(udp(FAR, 1, HOST, 1)));
}

static void who_was_asked_may_answer_but_not_ask(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const char *host = v6 ? HOST6 : HOST, *far = v6 ? FAR6 : FAR;

		leaves(echo(host, far, 77, false));
		assert_true(enters(echo(far, host, 77, true)));
		assert_false(enters(echo(far, host, 78, true)));
		assert_false(enters(echo(far, host, 77, false)));
		size_t len = echo(far, host, 77, false);
		transport()[0] = v6 ? 135 : 13; /* neighbour solicitation; time stamp */
		assert_false(enters(len));
	}
}

static void a_transport_that_cannot_be_found_does_not_enter(void **state)
{
	struct esc_rule r = rule(ESC_DENY, 6, 22, 22, NULL, NULL);
	size_t len = tcp(FAR6, 9, HOST6, 22, SYN);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_ALLOW);
	assert_false(enters(len));
	for (int i = 0; i < 9; i++)
		len = add_extension(ip, 60, 8);
	assert_false(enters(len));
	tcp(FAR6, 9, HOST6, 22, SYN);
	assert_false(enters(add_extension(ip, 60, 8)));
	tcp(FAR6, 9, HOST6, 23, SYN);
	assert_true(enters(add_extension(ip, 60, 8)));
	assert_false(enters(packet(FAR, HOST, 6, 19)));
	assert_false(enters(packet(FAR, HOST, 17, 7)));
	assert_false(enters(packet(FAR, HOST, 1, 7)));
	assert_false(enters(packet(FAR6, HOST6, 1, 8)));
	assert_false(enters(packet(FAR, HOST, 58, 8)));
}

/* --- ICMP errors --- */

/* An error of `router`'s about what is in ip, with so many bytes of it. */
static size_t error_about(const char *router, const char *to, uint8_t type, uint8_t code,
			  size_t quote)
{
	uint8_t about[128];
	bool v4 = !strchr(router, ':');

	memcpy(about, ip, quote);
	size_t len = packet(router, to, v4 ? 1 : 58, 8 + quote);
	memset(transport(), 0, 8);
	transport()[0] = type;
	transport()[1] = code;
	memcpy(transport() + 8, about, quote);
	seal_transport(ip, 2);
	return len;
}

static void errors_about_what_the_lan_sent_enter_whoever_reports_them(void **state)
{
	(void)state;
	leaves(tcp(HOST, 4000, FAR, 443, SYN));
	leaves(udp(HOST, 4000, FAR, 53));
	leaves(echo(HOST, FAR, 7, false));
	leaves(udp(HOST6, 4000, FAR6, 53));
	tcp(HOST, 4000, FAR, 443, SYN);
	ip[8] = 1; /* a router's: older, with the checksum of before */
	assert_true(enters(error_about("10.2.3.4", HOST, 3, 4, 28)));
	udp(HOST, 4000, FAR, 53);
	assert_true(enters(error_about(FAR, HOST, 3, 3, 50)));
	udp(HOST, 4000, FAR, 53);
	assert_true(enters(error_about("10.2.3.4", HOST, 11, 0, 28)));
	echo(HOST, FAR, 7, false);
	assert_true(enters(error_about("10.2.3.4", HOST, 12, 0, 28)));
	for (uint8_t type = 1; type <= 4; type++) {
		udp(HOST6, 4000, FAR6, 53);
		assert_true(enters(error_about("fd00:2::99", HOST6, type, 0, 48)));
	}
}

static void errors_about_nothing_do_not_enter(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 0, 0, 65535, NULL, NULL);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_DENY);
	leaves(udp(HOST, 4000, FAR, 53));
	udp(HOST, 4000, FAR, 54);
	assert_false(enters(error_about(FAR, HOST, 3, 3, 28)));
	udp(FAR, 53, HOST, 4000); /* what the site sent */
	assert_false(enters(error_about(FAR, HOST, 3, 3, 28)));
	udp(HOST, 4000, FAR, 53);
	assert_false(enters(error_about(FAR, "10.1.0.6", 3, 3, 28))); /* to somebody else */
	for (uint8_t type = 4; type <= 5; type++) {		      /* source quench, redirect */
		udp(HOST, 4000, FAR, 53);
		assert_false(enters(error_about(FAR, HOST, type, 0, 28)));
	}
	udp(HOST, 4000, FAR, 53);
	assert_false(enters(error_about(FAR, HOST, 3, 3, 27)));
	udp(HOST, 4000, FAR, 53);
	assert_false(enters(error_about(FAR, HOST, 3, 3, 19)));
	udp(HOST, 4000, FAR, 53);
	assert_false(enters(error_about(FAR, HOST, 3, 3, 0)));
	udp(HOST, 4000, FAR, 53);
	set16(ip + 6, 0x2001); /* a later fragment of it */
	assert_false(enters(error_about(FAR, HOST, 3, 3, 28)));
	leaves(udp(HOST6, 4000, FAR6, 53));
	udp(HOST6, 4000, FAR6, 53);
	assert_false(enters(error_about(FAR6, HOST6, 0, 0, 48)));
	udp(HOST6, 4000, FAR6, 53);
	assert_false(enters(error_about(FAR6, HOST6, 5, 0, 48)));
	udp(HOST, 4000, FAR, 53);
	assert_true(enters(error_about(FAR, HOST, 3, 3, 28)));
}

/* --- fragments --- */

/* A fragment of what is in ip: `at` in units of 8 bytes. */
static size_t as_fragment(size_t len, uint32_t id, uint16_t at, bool more)
{
	if (ip[0] >> 4 == 4) {
		set16(ip + 4, id);
		set16(ip + 6, (size_t)(at | (more ? 0x2000 : 0)));
		seal_v4(ip);
		return len;
	}
	len = add_extension(ip, 44, 8);
	ip[41] = 0;
	set16(ip + 42, (size_t)(at << 3 | more));
	set16(ip + 44, id >> 16);
	set16(ip + 46, id & 0xffff);
	return len;
}

static void fragments_follow_their_first_one(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const char *host = v6 ? HOST6 : HOST, *far = v6 ? FAR6 : FAR;
		uint32_t id = v6 ? 0x12345678 : 0x5678;

		assert_false(enters(as_fragment(udp(far, 53, host, 4000), id, 0, true)));
		assert_false(enters(as_fragment(udp(far, 53, host, 4000), id, 4, false)));
		leaves(udp(host, 4000, far, 53));
		assert_false(enters(as_fragment(udp(far, 53, host, 4000), id, 4, false)));
		assert_true(enters(as_fragment(udp(far, 53, host, 4000), id, 0, true)));
		assert_true(enters(as_fragment(udp(far, 1, host, 1), id, 4, true)));
		assert_true(enters(as_fragment(udp(far, 2, host, 2), id, 8, false)));
		assert_false(enters(as_fragment(udp(far, 2, host, 2), id + 1, 8, false)));
		assert_false(enters(
			as_fragment(udp(v6 ? "fd00:2::8" : OTHER, 2, host, 2), id, 8, false)));
		assert_int_equal(
			v6 ? 0 : enters(as_fragment(packet(far, host, 47, 20), id, 8, false)), 0);
		lab.r->now += 30 * SECOND - 1;
		assert_true(enters(as_fragment(udp(far, 2, host, 2), id, 8, false)));
		lab.r->now++;
		assert_false(enters(as_fragment(udp(far, 2, host, 2), id, 8, false)));
	}
}

static void fragments_do_not_hide_a_tcp_header(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 6, 443, 443, NULL, NULL);

	(void)state;
	lab_policy(&lab, &r, 1, ESC_DENY);
	size_t len = packet(FAR, HOST, 6, 8); /* its flags come later */
	set16(ip + 22, 443);
	assert_false(enters(as_fragment(len, 1, 0, true)));
	assert_true(enters(as_fragment(tcp(FAR, 9, HOST, 443, SYN), 2, 0, true)));
	assert_false(enters(as_fragment(packet(FAR, HOST, 6, 8), 2, 1, true)));
	assert_false(enters(as_fragment(packet(FAR, HOST, 6, 8), 2, 2, true)));
	assert_true(enters(as_fragment(packet(FAR, HOST, 6, 8), 2, 3, false)));
	assert_false(enters(as_fragment(tcp(FAR, 9, HOST, 22, SYN), 2, 0, true)));
}

/* --- room --- */

static void the_one_idle_for_longest_makes_room(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < TABLE; i++)
		leaves(udp(HOST, i, FAR, 53));
	leaves(udp(HOST, 0, FAR, 53)); /* not idle */
	leaves(udp(HOST, TABLE, FAR, 53));
	assert_true(enters(udp(FAR, 53, HOST, 0)));
	assert_false(enters(udp(FAR, 53, HOST, 1)));
	assert_true(enters(udp(FAR, 53, HOST, 2)));
	assert_true(enters(udp(FAR, 53, HOST, TABLE)));
}

static void sites_do_not_push_out_what_the_lan_began(void **state)
{
	struct esc_rule r = rule(ESC_ALLOW, 17, 443, 443, NULL, NULL);

	(void)state;
	leaves(udp(HOST, 4000, FAR, 53));
	lab_policy(&lab, &r, 1, ESC_DENY);
	for (uint16_t i = 0; i < 4 * TABLE; i++)
		assert_true(enters(udp(FAR, i, HOST, 443)));
	lab_policy(&lab, NULL, 0, ESC_DENY);
	assert_true(enters(udp(FAR, 53, HOST, 4000)));
	assert_true(enters(udp(FAR, 4 * TABLE - 1, HOST, 443)));
	assert_false(enters(udp(FAR, 0, HOST, 443)));
}

/* Against a list that is searched from end to end. */
static void the_table_is_a_slow_list_only_faster(void **state)
{
	enum { CAPACITY = 7, KEYS = 20 };
	struct flows *f = flows_new(CAPACITY);
	struct {
		uint32_t key;
		uint64_t until;
	} list[CAPACITY] = {{0}};
	uint32_t used = 0;

	(void)state;
	assert_non_null(f);
	srandom(1);
	for (uint64_t now = 1; now < 100000; now++) {
		uint8_t key[FLOW_KEY_LEN] = {0};
		uint32_t n = (uint32_t)random() % KEYS, at = 0;

		key[39] = (uint8_t)n;
		while (at < used && list[at].key != n)
			at++;
		struct flow *flow = flows_find(f, key, now);
		assert_int_equal(flow != NULL, at < used && list[at].until > now);
		if (flow && random() & 1)
			continue;
		if (flow)
			flows_renew(f, flow);
		else
			flow = flows_add(f, key);
		flow->until = now + (uint64_t)random() % 30;
		if (at == used && used == CAPACITY)
			at = 0;
		else if (at == used)
			used++;
		memmove(&list[at], &list[at + 1], (used - at - 1) * sizeof(list[0]));
		list[used - 1].key = n;
		list[used - 1].until = flow->until;
	}
	flows_free(f);
	assert_null(flows_new(0));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_lab, close_lab)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_enters_before_control_said_what_may),
		TEST(a_policy_that_never_denies_lets_everything_in_and_remembers_nothing),
		TEST(what_the_lan_begins_is_answered_and_nothing_else_enters),
		TEST(the_first_rule_that_fits_decides),
		TEST(a_rule_without_prefix_means_both_families_and_one_with_length_0_one),
		TEST(the_node_itself_is_asked_only_as_a_rule_lets),
		TEST(conversations_outlive_the_rule_that_let_them_begin),
		TEST(a_policy_is_in_force_with_its_last_part_and_not_before),
		TEST(all_rules_that_control_may_have_fit),
		TEST(impossible_policies_are_refused_and_change_nothing),
		TEST(a_connection_of_the_lan_cannot_be_begun_again_by_the_site),
		TEST(both_sides_may_open_a_connection_at_once),
		TEST(answers_and_resets_begin_nothing_even_where_a_rule_lets),
		TEST(an_established_connection_lives_longer_than_one_that_is_not),
		TEST(a_connection_that_a_site_opened_lives_as_long),
		TEST(who_ends_a_connection_shortens_its_life),
		TEST(other_conversations_end_when_the_lan_is_silent),
		TEST(who_was_asked_may_answer_but_not_ask),
		TEST(a_transport_that_cannot_be_found_does_not_enter),
		TEST(errors_about_what_the_lan_sent_enter_whoever_reports_them),
		TEST(errors_about_nothing_do_not_enter),
		TEST(fragments_follow_their_first_one),
		TEST(fragments_do_not_hide_a_tcp_header),
		TEST(the_one_idle_for_longest_makes_room),
		TEST(sites_do_not_push_out_what_the_lan_began),
		cmocka_unit_test(the_table_is_a_slow_list_only_faster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
