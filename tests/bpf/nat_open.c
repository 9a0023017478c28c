/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat_open.c: what [Split] lets the LAN begin, what openings let the internet begin, and LAN hosts
 * that meet at the node's own address.
 */
#include "nat_node.h"

static const struct end lan = {LAN4, 40000}, remote = {REMOTE4, 443}, own = {OWN4, 40000};
static const struct end lan6 = {LAN6, 40000}, remote6 = {REMOTE6, 443};

static void begins(uint8_t proto, struct end from, struct end to, enum esc_black_out_reason reason,
		   const char *what)
{
	struct pkt p;

	if (proto == 6)
		tcp(&p, from, to, (struct seg){1000, 0, 0, SYN, 8000, 0});
	else if (proto == 17)
		udp(&p, from, to, 20);
	else
		echo(&p, from, to, false);
	out_is(&p, reason, what);
}

static void rule(enum esc_verdict verdict, uint8_t proto, uint16_t first, uint16_t last,
		 const char *to, uint8_t to_len, const char *from, uint8_t from_len)
{
	struct esc_rule *r = &policy.rule[policy.rules++];

	*r = (struct esc_rule){.from_len = from_len,
			       .to_len = to_len,
			       .proto = proto,
			       .verdict = (uint8_t)verdict,
			       .port_first = first,
			       .port_last = last};
	if (to)
		map_key(to, r->to);
	if (from)
		map_key(from, r->from);
}

#define NO  ESC_BLACK_OUT_denied
#define YES ESC_BLACK_OUT_sent

static void the_first_rule_that_fits_decides(void **state)
{
	(void)state;
	policy.otherwise = ESC_DENY;
	rule(ESC_DENY, 0, 0, 65535, NULL, 0, LAN4, 128);
	rule(ESC_ALLOW, 6, 80, 81, REMOTE4, 96 + 24, NULL, 0);
	rule(ESC_DENY, 6, 443, 443, REMOTE4, 128, NULL, 0);
	rule(ESC_ALLOW, 6, 443, 443, NULL, 0, NULL, 0);
	rule(ESC_ALLOW, 1, 0, 65535, NULL, 0, NULL, 0);
	rule(ESC_DENY, 17, 0, 65535, REMOTE6, 47, NULL, 0);
	rule(ESC_ALLOW, 17, 0, 65535, "2001:db8::", 33, NULL, 0);
	set_policy();
	begins(6, lan, (struct end){REMOTE4, 80}, NO, "that host nothing");
	begins(1, lan, remote, NO, "not even echo");
	begins(6, (struct end){LAN4_B, 1}, (struct end){REMOTE4, 80}, YES, "another host");
	begins(6, (struct end){LAN4_B, 1}, (struct end){REMOTE4_B, 81}, YES, "of the prefix");
	begins(6, (struct end){LAN4_B, 1}, (struct end){"198.51.101.7", 81}, NO, "not of it");
	begins(6, (struct end){LAN4_B, 1}, (struct end){REMOTE4, 82}, NO, "next port");
	begins(6, (struct end){LAN4_B, 1}, (struct end){REMOTE4, 79}, NO, "port before");
	begins(17, (struct end){LAN4_B, 1}, (struct end){REMOTE4, 80}, NO, "another protocol");
	begins(6, (struct end){LAN4_B, 1}, remote, NO, "denied before it is allowed");
	begins(6, (struct end){LAN4_B, 1}, (struct end){REMOTE4_B, 443}, YES, "allowed to others");
	begins(6, lan6, remote6, YES, "both families");
	begins(1, (struct end){LAN4_B, 1}, remote, YES, "echo");
	begins(58, lan6, remote6, YES, "echo, IPv6");
	begins(17, lan6, remote6, NO, "prefix of 47 bits");
	begins(17, lan6, (struct end){"2001:db8:7fff::1", 1}, YES, "prefix of 33 bits");
	begins(17, lan6, (struct end){"2001:db8:8000::1", 1}, NO, "the bit behind");
}

static void the_last_rule_counts_too(void **state)
{
	(void)state;
	policy.otherwise = ESC_DENY;
	for (uint32_t i = 0; i < ESC_RULES_MAX; i++)
		rule(ESC_ALLOW, 17, (uint16_t)(1000 + i), (uint16_t)(1000 + i), NULL, 0, NULL, 0);
	set_policy();
	begins(17, lan, (struct end){REMOTE4, 1255}, YES, "last");
	begins(17, lan, (struct end){REMOTE4, 1256}, NO, "none");
	policy.rules = UINT32_MAX;
	set_policy();
	begins(17, lan, (struct end){REMOTE4, 1256}, NO, "a number of rules that cannot be");
}

/* Rules decide about beginnings: a policy that comes later does not end what has begun. */
static void a_new_policy_leaves_connections_alone(void **state)
{
	struct pkt p;

	(void)state;
	begins(17, lan, remote, YES, "allowed");
	cfg.policy = 1;
	policy.otherwise = ESC_DENY;
	set_policy();
	set_cfg();
	begins(17, lan, remote, YES, "goes on");
	udp(&p, remote, own, 20);
	in_is(&p, ESC_BLACK_to_lan, "answer");
	begins(17, lan, (struct end){REMOTE4, 444}, NO, "another one does not begin");
	cfg.policy = 2;
	set_cfg();
	begins(17, lan, (struct end){REMOTE4, 444}, NO, "no such slot");
}

/* Only by policy: a closed connection does not begin again by itself. */
static void a_restart_is_a_beginning(void **state)
{
	struct pkt p;

	(void)state;
	begins(6, lan, remote, YES, "SYN");
	tcp(&p, remote, own, (struct seg){7000, 1001, 0, SYN | ACK, 8000, 0});
	in_is(&p, ESC_BLACK_to_lan, "SYN and ACK");
	tcp(&p, lan, remote, (struct seg){1001, 0, 0, RST, 0, 0});
	out_is(&p, YES, "RST");
	policy.otherwise = ESC_DENY;
	set_policy();
	begins(6, lan, remote, NO, "SYN");
}

/* --- openings --------------------------------------------------------------------------------- */

static void opening(uint8_t proto, uint16_t first, uint16_t last, const char *to, uint8_t to_len,
		    uint16_t to_port, const char *from, uint8_t from_len)
{
	struct esc_opening *o = &policy.opening[policy.openings++];

	*o = (struct esc_opening){.from_len = from_len,
				  .to_len = to_len,
				  .proto = proto,
				  .port_first = first,
				  .port_last = last,
				  .to_port = to_port};
	map_key(to, o->to);
	if (from)
		map_key(from, o->from);
	if (!strchr(to, ':'))
		set_ports(proto == 6 ? ESC_PORTS_TCP : ESC_PORTS_UDP, first, last,
			  ESC_PORT_RESERVED);
}

static void a_port_is_forwarded_to_the_byte(void **state)
{
	static const struct end client = {REMOTE4, 50123}, gate = {OWN4, 8082}, server = {LAN4, 82};
	struct pkt p, e;

	(void)state;
	opening(6, 8080, 8089, LAN4, 128, 80, NULL, 0);
	set_policy();
	tcp(&p, client, gate, (struct seg){1000, 0, 0, SYN, 8000, 8});
	in_is(&p, ESC_BLACK_to_lan, "SYN");
	tcp(&e, client, server, (struct seg){1000, 0, 0, SYN, 8000, 8});
	same_bytes(&p, &e, "SYN");
	tcp(&p, server, client, (struct seg){7000, 1001, 0, SYN | ACK, 8000, 8});
	out_is(&p, YES, "SYN and ACK");
	tcp(&e, gate, client, (struct seg){7000, 1001, 0, SYN | ACK, 8000, 8});
	same_bytes(&p, &e, "SYN and ACK");
	tcp(&p, client, gate, (struct seg){1001, 7001, 9, ACK, 8000, 0});
	in_is(&p, ESC_BLACK_to_lan, "data");
	tcp(&e, client, server, (struct seg){1001, 7001, 9, ACK, 8000, 0});
	same_bytes(&p, &e, "data");
	assert_int_equal(entries(skel->maps.conn), 1);
	tcp(&p, client, (struct end){OWN4, 8090}, (struct seg){1000, 0, 0, SYN, 8000, 8});
	in_is(&p, ESC_BLACK_no_connection, "next port");
	udp(&p, client, gate, 9);
	in_is(&p, ESC_BLACK_no_connection, "another protocol");
	tcp(&p, (struct end){REMOTE4_B, 1}, gate, (struct seg){1001, 7001, 9, ACK, 8000, 0});
	in_is(&p, ESC_BLACK_no_connection, "no SYN");
}

/* Without NAT, the port does not change; with `from`, for some only. */
static void an_opening_of_ip6(void **state)
{
	struct pkt p, e;

	(void)state;
	opening(17, 53, 53, "2001:db8:1::", 64, 53, "2001:db8:9::", 48);
	opening(58, 0, 65535, LAN6, 128, 0, NULL, 0);
	set_policy();
	udp(&p, remote6, (struct end){LAN6, 53}, 20);
	e = p;
	in_is(&p, ESC_BLACK_to_lan, "query");
	same_bytes(&p, &e, "query");
	udp(&p, (struct end){LAN6, 53}, remote6, 20);
	out_is(&p, YES, "answer");
	udp(&p, remote6, (struct end){LAN6, 54}, 20);
	in_is(&p, ESC_BLACK_no_connection, "another port");
	udp(&p, remote6, (struct end){"2001:db8:2::5", 53}, 20);
	in_is(&p, ESC_BLACK_no_connection, "another prefix");
	udp(&p, (struct end){"2001:db8:a::7", 1}, (struct end){LAN6, 53}, 20);
	in_is(&p, ESC_BLACK_no_connection, "from elsewhere");
	echo(&p, remote6, (struct end){LAN6, 0}, false);
	in_is(&p, ESC_BLACK_to_lan, "echo");
	echo(&p, (struct end){LAN6, 0}, remote6, true);
	out_is(&p, YES, "reply");
	echo(&p, remote6, (struct end){"2001:db8:1::6", 0}, false);
	in_is(&p, ESC_BLACK_no_connection, "echo of another host");
}

/* The server's own port is one thing, the port that stands before it another. */
static void a_server_s_own_connections_have_their_own_port(void **state)
{
	static const struct end client = {REMOTE4, 50123}, server = {LAN4, 80};
	struct pkt p;

	(void)state;
	opening(17, 8080, 8080, LAN4, 128, 80, NULL, 0);
	set_policy();
	udp(&p, client, (struct end){OWN4, 8080}, 20);
	in_is(&p, ESC_BLACK_to_lan, "query");
	udp(&p, server, (struct end){REMOTE4_B, 53}, 20);
	out_is(&p, YES, "its own");
	assert_int_equal(source_port(&p), 80);
	udp(&p, client, (struct end){OWN4, 80}, 20);
	in_is(&p, ESC_BLACK_no_connection, "the client at the wrong port");
	udp(&p, server, client, 20);
	out_is(&p, YES, "answer");
	assert_int_equal(source_port(&p), 8080);
}

/*
 * Openings share a table with what the LAN begins; a flood of them leaves that alone. It comes at
 * once: no time passes.
 */
static void a_flood_through_an_opening_leaves_room(void **state)
{
	uint32_t let_in = 0;
	struct pkt p, after;
	int got;

	(void)state;
	opening(6, 8080, 8080, LAN4_B, 128, 80, NULL, 0);
	set_policy();
	begins(17, lan, remote, YES, "request");
	for (uint32_t i = 0; i < 4 * NEW; i++) {
		tcp(&p, (struct end){REMOTE4_B, (uint16_t)(1024 + i)}, (struct end){OWN4, 8080},
		    (struct seg){1, 0, 0, SYN, 1000, 0});
		got = run_prog(skel->progs.nat_in, &p, &after);
		if (got == ESC_BLACK_to_lan)
			let_in++;
		else
			assert_int_equal(got, ESC_BLACK_conn_full);
	}
	assert_in_range(let_in, 1, NEW / 2);
	udp(&p, remote, own, 20);
	in_is(&p, ESC_BLACK_to_lan, "answer");
}

/* --- hairpinning (RFC 4787, REQ-9; RFC 5382, REQ-8) ------------------------------------------- */

/* *p as the other LAN host gets it: from the own address and port. */
static void hairpin(struct pkt *p, const char *what)
{
	out_is(p, YES, what);
	in_is(p, ESC_BLACK_to_lan, what);
	assert_int_equal(l4_sum(p), 0xffff);
}

static void two_hosts_meet_at_the_own_address(void **state)
{
	static const struct end a = {LAN4, 1001}, b = {LAN4_B, 2001};
	static const struct end own_a = {OWN4, 1001}, own_b = {OWN4, 2001};
	struct pkt p, e;

	(void)state;
	begins(17, a, remote, YES, "both are known outside");
	begins(17, b, remote, YES, "both are known outside");
	udp(&p, a, own_b, 20);
	out_is(&p, YES, "first of a");
	in_is(&p, ESC_BLACK_no_connection, "b has not sent anything");
	udp(&p, b, own_a, 20);
	hairpin(&p, "first of b");
	udp(&e, own_b, a, 20);
	e.data[AT_IP4 + 8]--;
	same_bytes(&p, &e, "first of b");
	udp(&p, a, own_b, 20);
	hairpin(&p, "a again");
	udp(&e, own_a, b, 20);
	e.data[AT_IP4 + 8]--;
	same_bytes(&p, &e, "a again");
}

static void a_host_reaches_a_forwarded_port(void **state)
{
	static const struct end a = {LAN4, 1001}, gate = {OWN4, 8080}, server = {LAN4_B, 80};
	struct pkt p, e;

	(void)state;
	opening(6, 8080, 8080, LAN4_B, 128, 80, NULL, 0);
	set_policy();
	tcp(&p, a, gate, (struct seg){1000, 0, 0, SYN, 8000, 0});
	hairpin(&p, "SYN");
	tcp(&p, server, (struct end){OWN4, 1001}, (struct seg){7000, 1001, 0, SYN | ACK, 8000, 0});
	hairpin(&p, "SYN and ACK");
	tcp(&e, gate, a, (struct seg){7000, 1001, 0, SYN | ACK, 8000, 0});
	e.data[AT_IP4 + 8]--;
	same_bytes(&p, &e, "SYN and ACK");
	tcp(&p, a, gate, (struct seg){1001, 7001, 30, ACK, 8000, 0});
	hairpin(&p, "data");
}

#define ROW(test) cmocka_unit_test_setup(test, fresh_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(the_first_rule_that_fits_decides),
		ROW(the_last_rule_counts_too),
		ROW(a_new_policy_leaves_connections_alone),
		ROW(a_restart_is_a_beginning),
		ROW(a_port_is_forwarded_to_the_byte),
		ROW(an_opening_of_ip6),
		ROW(a_server_s_own_connections_have_their_own_port),
		ROW(a_flood_through_an_opening_leaves_room),
		ROW(two_hosts_meet_at_the_own_address),
		ROW(a_host_reaches_a_forwarded_port),
	};
	const char *failed = load_node();
	int status;

	if (failed)
		return cannot_run(failed, errno);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	nat_bpf__destroy(skel);
	return status;
}
