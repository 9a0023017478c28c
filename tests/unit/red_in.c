/* SPDX-License-Identifier: BSD-2-Clause */
/* The red process, from crypto to the LAN: next hops, waiting, echo, hostile descriptors, bells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "red_rig.h"
#include "red_packets.h"

#define MTU	  1500
#define INNER_MTU 1420
#define SECOND	  1000000000ull

static const char HOST[] = "10.1.0.5", FAR[] = "10.2.0.9", HOST6[] = "fd00:1::5",
		  FAR6[] = "fd00:2::9", OWN[] = "10.1.0.1", OWN6[] = "fd00:1::1";

static struct red_lab lab;

static int open_lab(void **state)
{
	(void)state;
	lab_open(&lab, 2, MTU, INNER_MTU);
	red_round(lab.r); /* crypto gets its empty frames */
	return 0;
}

static int close_lab(void **state)
{
	bool ok = lab_books_ok(&lab);

	(void)state;
	lab_close(&lab);
	return ok ? 0 : -1;
}

static void from_tunnel(uint32_t q, const uint8_t *ip, size_t len)
{
	assert_true(lab_from_tunnel(&lab, q, ip, len));
	red_round(lab.r);
	assert_true(lab_books_ok(&lab));
}

static void check_silence(void)
{
	uint8_t frame[LAB_SIZE];

	for (uint32_t q = 0; q < 2; q++) {
		assert_int_equal(lab_crypto_takes(&lab, q), 0);
		assert_int_equal(lab_to_lan(&lab, q, frame), 0);
	}
}

/* The packet that leaves on this lane is `ip` with one hop less, to the known host. */
static void check_sent(uint32_t q, const uint8_t *ip, size_t len)
{
	uint8_t frame[LAB_SIZE], want[LAB_SIZE];
	bool v4 = ip[0] >> 4 == 4;

	assert_int_equal(lab_to_lan(&lab, q, frame), ETH_LEN + len);
	memcpy(want, ip, len);
	want[v4 ? 8 : 7]--;
	if (v4)
		seal_v4(want);
	assert_memory_equal(frame, lab_host_mac, 6);
	assert_memory_equal(frame + 6, lab_mac, 6);
	assert_int_equal(read16(frame + 12), v4 ? 0x0800 : 0x86dd);
	assert_memory_equal(frame + ETH_LEN, want, len);
}

/* Crypto gets an ICMP error for the far host; the frame goes back. */
static void check_error(uint32_t q, const uint8_t *about, int type, int code, size_t mtu)
{
	bool v4 = about[0] >> 4 == 4;
	esc_desc d = lab_crypto_takes(&lab, q);
	size_t head = v4 ? 20 : 40;

	assert_true(d != 0);
	const uint8_t *ip = lab_bytes(&lab, d);
	assert_memory_equal(ip + (v4 ? 16 : 24), about + (v4 ? 12 : 8), v4 ? 4 : 16);
	assert_int_equal(ip[head], type);
	assert_int_equal(ip[head + 1], code);
	assert_int_equal(read16(ip + head + 6), mtu);
	assert_int_equal(transport_sum(ip), 0xffff);
	lab_crypto_returns(&lab, q, d, ESC_RET_OK);
	red_round(lab.r);
	assert_true(lab_books_ok(&lab));
}

static void check_asked(const char *dst)
{
	uint8_t want[16], got[16];

	esc_addr_parse(dst, want);
	assert_true(lab_wanted(&lab, got));
	assert_memory_equal(got, want, 16);
}

static void check_not_asked(void)
{
	uint8_t got[16];

	assert_false(lab_wanted(&lab, got));
}

/* Hop answers go to known destinations only: make them known, and forget what waited. */
static void resolve(const char *dst)
{
	uint8_t addr[16];
	bool ask;

	esc_addr_parse(dst, addr);
	esc_hop_get(lab.r->hops, addr, lab.r->now, &ask);
	lab_hop(&lab, dst, ESC_HOP_OK);
}

/* --- next hops --- */

static void a_known_neighbour_gets_it_at_once_on_the_same_lane(void **state)
{
	uint8_t ip[MTU];

	(void)state;
	resolve(HOST);
	resolve(HOST6);
	for (uint32_t i = 0; i < 3000; i++) {
		size_t len = i & 1 ? make_v4(ip, FAR, HOST, 17, i % 1480)
				   : make_v6(ip, FAR6, HOST6, 17, i % 1460);

		from_tunnel(i / 2 & 1, ip, len);
		check_sent(i / 2 & 1, ip, len);
	}
	check_silence();
	assert_int_equal(lab_count(&lab, ESC_RP_in_to_lan), 3000);
	assert_int_equal(lab_counted(&lab), 3000);
}

static void an_unknown_neighbour_is_asked_for_and_packets_wait_in_order(void **state)
{
	uint8_t ip[128];

	(void)state;
	for (uint8_t i = 0; i < PENDING_PER_DST; i++) {
		size_t len = make_v4(ip, FAR, HOST, 17, 60);

		ip[40] = i;
		from_tunnel(i & 1, ip, len);
	}
	check_asked(HOST);
	check_not_asked();
	check_silence();
	assert_int_equal(lab.r->frames.count[ESC_PLACE_held], PENDING_PER_DST);
	assert_int_equal(lab_counted(&lab), 0);
	lab_hop(&lab, "10.1.0.77", ESC_HOP_OK); /* somebody else */
	lab_hop(&lab, HOST, ESC_HOP_RESOLVING);
	check_silence();
	lab_hop(&lab, HOST, ESC_HOP_OK);
	for (uint8_t i = 0; i < PENDING_PER_DST; i++) {
		size_t len = make_v4(ip, FAR, HOST, 17, 60);

		ip[40] = i;
		check_sent(i & 1, ip, len);
	}
	check_silence();
	assert_int_equal(lab_counted(&lab), PENDING_PER_DST);
	assert_int_equal(lab_count(&lab, ESC_RP_in_to_lan), PENDING_PER_DST);
	assert_int_equal(lab.r->pending_count, 0);
}

static void packets_that_waited_too_long_are_answered_into_the_tunnel(void **state)
{
	uint8_t ip[128];
	size_t len = make_v4(ip, FAR, HOST, 17, 60);

	(void)state;
	from_tunnel(1, ip, len);
	assert_int_equal(pending_next(lab.r), lab.r->now + PENDING_TIME);
	lab.r->now += PENDING_TIME - 1;
	red_round(lab.r);
	check_silence();
	lab.r->now++;
	red_round(lab.r);
	packet_age(&(struct packet){.ip = ip, .v4 = true});
	check_error(1, ip, 3, 1, 0);
	assert_int_equal(lab_count(&lab, ESC_RP_in_no_neighbour), 1);
	assert_int_equal(pending_next(lab.r), UINT64_MAX);
	check_asked(HOST);
	check_asked(HOST); /* a second later, again */
}

static void an_unreachable_neighbour_is_answered_at_once(void **state)
{
	uint8_t ip[128];
	size_t len = make_v6(ip, FAR6, HOST6, 17, 60);

	(void)state;
	from_tunnel(0, ip, len);
	from_tunnel(0, ip, len);
	lab_hop(&lab, HOST6, ESC_HOP_UNREACHABLE); /* answers those that wait */
	red_round(lab.r);
	ip[7]--;
	check_error(0, ip, 1, 3, 0);
	check_error(0, ip, 1, 3, 0);
	ip[7]++;
	from_tunnel(0, ip, len);
	ip[7]--;
	check_error(0, ip, 1, 3, 0);
	check_silence();
	assert_int_equal(lab_count(&lab, ESC_RP_in_no_neighbour), 3);
}

static void few_wait_per_destination_and_few_at_all(void **state)
{
	uint8_t ip[128];
	char dst[32];
	uint32_t sent = 0;

	(void)state;
	for (uint32_t host = 0; host < 20; host++) {
		snprintf(dst, sizeof(dst), "10.1.1.%u", host);
		for (uint32_t i = 0; i < 2 * PENDING_PER_DST; i++) {
			from_tunnel(0, ip, make_v4(ip, FAR, dst, 17, 60));
			sent++;
		}
	}
	assert_int_equal(lab.r->pending_count, PENDING_MAX);
	assert_int_equal(lab.r->frames.count[ESC_PLACE_held], PENDING_MAX);
	assert_int_equal(lab_count(&lab, ESC_RP_in_pending_full), sent - PENDING_MAX);
	lab.r->now += PENDING_TIME;
	red_round(lab.r);
	assert_int_equal(lab.r->pending_count, 0);
	assert_int_equal(lab_counted(&lab), sent);
}

static void a_scan_of_the_lan_asks_control_at_a_bounded_rate(void **state)
{
	uint8_t ip[128], dst[16];
	char host[32];
	uint32_t asked = 0;

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		snprintf(host, sizeof(host), "10.1.%u.%u", 1 + i / 250, i % 250);
		from_tunnel(0, ip, make_v4(ip, FAR, host, 17, 60));
		while (lab_wanted(&lab, dst))
			asked++;
	}
	assert_int_equal(asked, 256);
	lab.r->now += PENDING_TIME;
	red_round(lab.r);
}

/* --- sizes --- */

static void a_packet_too_large_for_the_lan_is_answered_or_split(void **state)
{
	uint8_t ip[LAB_SIZE], frame[LAB_SIZE], again[LAB_SIZE];
	size_t len = make_v4(ip, FAR, HOST, 17, 1400), end = 0, n;

	(void)state;
	lab.r->nic.mtu = 1000;
	resolve(HOST);
	ip[6] = 0x40;
	seal_v4(ip);
	from_tunnel(0, ip, len);
	check_error(0, ip, 3, 4, 1000);
	from_tunnel(0, ip, make_v6(ip, FAR6, HOST6, 17, 1400));
	check_error(0, ip, 2, 0, 1000);
	assert_int_equal(lab_count(&lab, ESC_RP_in_too_big), 2);

	len = make_v4(ip, FAR, HOST, 17, 1400);
	from_tunnel(0, ip, len);
	while ((n = lab_to_lan(&lab, 0, frame))) {
		const uint8_t *f = frame + ETH_LEN;
		size_t at = (read16(f + 6) & 0x1fff) * 8;

		assert_true(n <= ETH_LEN + 1000 && v4_header_ok(f));
		assert_memory_equal(frame, lab_host_mac, 6);
		memcpy(again + at, f + 20, n - ETH_LEN - 20);
		end = at + n - ETH_LEN - 20 > end ? at + n - ETH_LEN - 20 : end;
	}
	assert_int_equal(end, len - 20);
	assert_memory_equal(again, ip + 20, len - 20);
	assert_int_equal(lab_count(&lab, ESC_RP_in_to_lan), 1);
	assert_int_equal(lab_counted(&lab), 3);
	check_silence();
}

static void a_packet_that_waits_and_is_split_counts_once(void **state)
{
	uint8_t ip[LAB_SIZE], frame[LAB_SIZE];
	size_t len = make_v4(ip, FAR, HOST, 17, 1400);

	(void)state;
	lab.r->nic.mtu = 1000;
	from_tunnel(0, ip, len);
	assert_int_equal(lab_counted(&lab), 0);
	lab_hop(&lab, HOST, ESC_HOP_OK);
	assert_int_equal(lab_counted(&lab), 1);
	assert_true(lab_to_lan(&lab, 0, frame) && lab_to_lan(&lab, 0, frame));
	check_silence();
}

static void the_mtu_may_shrink_while_a_packet_waits(void **state)
{
	uint8_t ip[LAB_SIZE];
	size_t len = make_v4(ip, FAR, HOST, 17, 1400);

	(void)state;
	ip[6] = 0x40;
	seal_v4(ip);
	from_tunnel(0, ip, len);
	lab.r->nic.mtu = 1000;
	lab_hop(&lab, HOST, ESC_HOP_OK);
	red_round(lab.r);
	packet_age(&(struct packet){.ip = ip, .v4 = true});
	check_error(0, ip, 3, 4, 1000);
	check_silence();
	assert_int_equal(lab_counted(&lab), 1);
}

static void a_full_transmit_ring_drops_and_frees(void **state)
{
	uint8_t ip[128];
	size_t len = make_v4(ip, FAR, HOST, 17, 60);
	uint32_t sent = 0;

	(void)state;
	resolve(HOST);
	while (lab_count(&lab, ESC_RP_in_tx_full) < 10 && sent < 2 * ESC_XSK_RING) {
		from_tunnel(0, ip, len);
		sent++;
	}
	assert_int_equal(lab.r->frames.count[ESC_PLACE_tx], ESC_XSK_RING);
	assert_int_equal(sent, ESC_XSK_RING + 10);
	assert_int_equal(lab_counted(&lab), sent);
}

/* --- for the node itself --- */

static void echo_to_the_nodes_own_address_is_answered(void **state)
{
	uint8_t ip[1500];

	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		size_t len = make_echo(ip, v4 ? FAR : FAR6, v4 ? OWN : OWN6, 57);

		ip[v4 ? 8 : 7] = 1; /* it is for us: no hop more */
		if (v4)
			seal_v4(ip);
		from_tunnel(1, ip, len);
		esc_desc d = lab_crypto_takes(&lab, 1);
		assert_int_equal(esc_desc_len(d), len);
		const uint8_t *reply = lab_bytes(&lab, d);
		assert_int_equal(reply[v4 ? 20 : 40], v4 ? 0 : 129);
		assert_int_equal(transport_sum(reply), 0xffff);
		/* nobody has the address: no error about our own answer, to whatever MAC is there
		 */
		lab_crypto_returns(&lab, 1, d, ESC_RET_NO_PEER);
		red_round(lab.r);
		check_silence();
	}
	assert_int_equal(lab_count(&lab, ESC_RP_in_echo), 2);
}

static void anything_else_for_the_node_is_dropped(void **state)
{
	uint8_t ip[1500];

	(void)state;
	from_tunnel(0, ip, make_v4(ip, FAR, OWN, 17, 60));
	from_tunnel(0, ip, make_v4(ip, FAR, OWN, 6, 60));
	from_tunnel(0, ip, make_v6(ip, FAR6, OWN6, 17, 60));
	make_v6(ip, FAR6, OWN6, IPPROTO_ICMPV6, 60);
	ip[40] = 136; /* neighbour advertisement */
	from_tunnel(0, ip, 100);
	check_silence();
	assert_int_equal(lab_count(&lab, ESC_RP_in_own_addr), 4);
}

static void impossible_addresses_are_dropped_in_silence(void **state)
{
	static const char *const bad[] = {
		"10.1.0.1",  "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.3.4",
		"fd00:1::1", "::1",	"::",	     "ff02::1",	  "fe80::1"};
	uint8_t ip[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool v4 = !strchr(bad[i], ':');

		from_tunnel(0, ip, make_echo(ip, bad[i], v4 ? OWN : OWN6, 8));
		from_tunnel(0, ip, make_echo(ip, bad[i], v4 ? HOST : HOST6, 8));
		if (i != 0 && i != 6) /* the node's own addresses are fine to go to */
			from_tunnel(0, ip, make_echo(ip, v4 ? FAR : FAR6, bad[i], 8));
	}
	check_silence();
	check_not_asked();
	assert_int_equal(lab_count(&lab, ESC_RP_in_bad_addr), 3 * 11 - 2);
}

static void the_last_hop_is_answered_into_the_tunnel(void **state)
{
	uint8_t ip[128];

	(void)state;
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		size_t len = make_v4(ip, FAR, HOST, 17, 60);

		ip[8] = ttl;
		seal_v4(ip);
		from_tunnel(0, ip, len);
		check_error(0, ip, 11, 0, 0);
		len = make_v6(ip, FAR6, HOST6, 17, 60);
		ip[7] = ttl;
		from_tunnel(0, ip, len);
		check_error(0, ip, 3, 0, 0);
	}
	assert_int_equal(lab_count(&lab, ESC_RP_in_ttl), 4);
	check_not_asked();
}

/* --- crypto that breaks its promises --- */

static void deliver(uint32_t q, uint32_t addr, uint16_t len)
{
	assert_true(esc_ring_push(&lab.lane[q].in, esc_desc_make(addr, len, 0)));
	red_round(lab.r);
	assert_true(lab_books_ok(&lab));
}

static void impossible_descriptors_are_counted_and_change_nothing(void **state)
{
	_Atomic uint64_t *v = lab.r->status->violation;
	uint32_t end = lab.r->frames.total * LAB_SIZE;
	struct esc_ring_end *empty = &lab.lane[0].empty;

	(void)state;
	assert_true(esc_ring_avail(empty, 8) == 8);
	uint32_t frame = esc_desc_addr(esc_ring_peek(empty, 0));
	deliver(0, end, 20);
	deliver(0, UINT32_MAX, 1);
	deliver(0, frame + 128, LAB_SIZE - 127); /* over its end */
	deliver(0, frame, UINT16_MAX);
	assert_int_equal(v[ESC_VIOLATION_desc_range], 4);
	deliver(0, frame + 13, 100); /* no room for an Ethernet header; the frame comes home */
	assert_int_equal(v[ESC_VIOLATION_desc_range], 5);
	deliver(0, frame, 0); /* again */
	assert_int_equal(v[ESC_VIOLATION_desc_owner], 1);
	uint64_t filled = ((uint64_t *)lab.lane[0].slots[2])[0];
	deliver(0, (uint32_t)filled, 0); /* the kernel has it */
	assert_int_equal(v[ESC_VIOLATION_desc_owner], 2);
	check_silence();
	assert_int_equal(lab_counted(&lab), 0);
}

/* Give n empty frames of lane 0 back on lane q; returns how many there were. */
static uint32_t refuse_empties(uint32_t q, uint32_t n)
{
	struct esc_ring_end *empty = &lab.lane[0].empty;
	uint32_t given = 0;

	while (given < n && esc_ring_avail(empty, 1)) {
		uint32_t addr = esc_desc_addr(esc_ring_peek(empty, 0));

		esc_ring_consume(empty, 1);
		assert_true(esc_ring_push(&lab.lane[q].in, esc_desc_make(addr, 0, 0)));
		red_round(lab.r);
		given++;
		assert_true(lab.r->frames.count[ESC_PLACE_peer_empty] <= 2 * EMPTIES_AT_CRYPTO);
	}
	assert_true(lab_books_ok(&lab));
	return given;
}

static void empty_frames_that_come_back_are_replaced_and_never_more(void **state)
{
	(void)state;
	assert_int_equal(lab.r->frames.count[ESC_PLACE_peer_empty], 2 * EMPTIES_AT_CRYPTO);
	assert_int_equal(refuse_empties(0, 20000), 20000);
	/* on the wrong lane: the lane that lied runs dry, nothing else happens */
	assert_in_range(refuse_empties(1, 20000), EMPTIES_AT_CRYPTO - BATCH, EMPTIES_AT_CRYPTO);
}

static void impossible_cursors_give_no_work_and_no_more_than_a_ring(void **state)
{
	struct esc_ring *in = &lab.r->link->ring[0][ESC_RING_PLAIN_IN];
	struct esc_ring *empty = &lab.r->link->ring[0][ESC_RING_PLAIN_IN_FREE];
	struct lane *l = &lab.r->lane[0];

	(void)state;
	atomic_store(&empty->cons, 1u << 31);
	for (uint64_t prod = ESC_RING_SLOTS + 1; prod < 1ull << 32; prod += 99999937) {
		atomic_store(&in->prod, (uint32_t)prod);
		red_round(lab.r);
	}
	assert_true(l->plain_in.violations > 40);
	atomic_store(&in->prod, ESC_RING_SLOTS); /* a whole ring of slots never written */
	while (red_round(lab.r))
		;
	assert_int_equal(l->plain_in.mine, ESC_RING_SLOTS);
	assert_true(lab.r->status->violation[ESC_VIOLATION_desc_owner] > ESC_RING_SLOTS / 2);
	assert_true(lab_books_ok(&lab));
}

/* --- bells --- */

static bool crypto_was_rung(void)
{
	struct pollfd p = {.fd = ESC_FD_CRYPTO_WAKE, .events = POLLIN};
	bool rung = poll(&p, 1, 0) == 1;

	esc_bell_disarm(&lab.r->link->crypto_bell, ESC_FD_CRYPTO_WAKE);
	return rung;
}

static void sleep_crypto(void)
{
	esc_bell_arm(&lab.r->link->crypto_bell);
}

static void crypto_is_woken_for_every_packet_and_for_nothing_else(void **state)
{
	uint8_t ip[128];
	size_t len = make_v4(ip, FAR, HOST, 17, 60);

	(void)state;
	sleep_crypto();
	red_round(lab.r);
	assert_false(crypto_was_rung());
	sleep_crypto();
	from_tunnel(0, ip, len); /* waits for its neighbour */
	assert_false(crypto_was_rung());
	sleep_crypto();
	lab.r->now += PENDING_TIME;
	red_round(lab.r); /* an error leaves, though nothing came in */
	assert_true(crypto_was_rung());
	from_tunnel(1, ip, len);
	sleep_crypto();
	lab_hop(&lab, HOST, ESC_HOP_UNREACHABLE);
	red_round(lab.r); /* as the loop does after control's messages */
	assert_true(crypto_was_rung());
	sleep_crypto();
	assert_true(lab_from_lan(&lab, 1, ip, make_v4(ip, HOST, FAR, 17, 60)));
	red_round(lab.r);
	assert_true(crypto_was_rung());
	assert_true(lab_from_lan(&lab, 1, ip, len));
	red_round(lab.r);
	assert_false(crypto_was_rung()); /* it is awake */
}

/* --- control --- */

static int tell_nic(uint32_t mtu, uint32_t inner_mtu, uint32_t addrs)
{
	struct esc_msg m = {.type = ESC_MSG_NIC};

	m.u.nic.mtu = mtu;
	m.u.nic.inner_mtu = inner_mtu;
	m.u.nic.addrs = addrs;
	assert_int_equal(esc_msg_send(lab.control, &m), 0);
	return red_control_round(lab.r);
}

static void facts_from_control_are_checked(void **state)
{
	(void)state;
	assert_int_equal(tell_nic(1400, 1300, ESC_ADDRS_MAX), 0);
	assert_int_equal(lab.r->nic.mtu, 1400);
	assert_int_equal(lab.r->nic.inner_mtu, 1300);
	assert_int_equal(tell_nic(9000, 8920, 0), 0);
	assert_true(IP_OFFSET + lab.r->nic.mtu <= LAB_SIZE);
	assert_true(IP_OFFSET + lab.r->nic.inner_mtu <= LAB_SIZE);
	assert_int_equal(tell_nic(1500, 1420, ESC_ADDRS_MAX + 1), -EPROTO);
	struct esc_msg m = {.type = ESC_MSG_COMMIT};
	assert_int_equal(esc_msg_send(lab.control, &m), 0);
	assert_int_equal(red_control_round(lab.r), -EPROTO);
	m.type = ESC_MSG_STOP;
	lab_send(&lab, &m);
	assert_true(lab.r->stopping);
}

/* Before control tells addresses and MTU there is nobody to answer as, and nothing goes on. */
static void without_facts_nothing_moves(void **state)
{
	uint8_t ip[128];

	(void)state;
	memset(&lab.r->nic, 0, sizeof(lab.r->nic));
	from_tunnel(0, ip, make_v6(ip, FAR6, HOST6, 17, 60));
	lab_from_lan(&lab, 0, ip, make_v4(ip, HOST, FAR, 17, 60));
	red_round(lab.r);
	check_silence();
}

static void control_that_went_away_ends_the_process(void **state)
{
	(void)state;
	shutdown(lab.control, SHUT_RDWR);
	assert_int_equal(red_control_round(lab.r), -EPIPE);
}

int main(void)
{
#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, open_lab, close_lab)
	const struct CMUnitTest tests[] = {
		LAB_TEST(a_known_neighbour_gets_it_at_once_on_the_same_lane),
		LAB_TEST(an_unknown_neighbour_is_asked_for_and_packets_wait_in_order),
		LAB_TEST(packets_that_waited_too_long_are_answered_into_the_tunnel),
		LAB_TEST(an_unreachable_neighbour_is_answered_at_once),
		LAB_TEST(few_wait_per_destination_and_few_at_all),
		LAB_TEST(a_scan_of_the_lan_asks_control_at_a_bounded_rate),
		LAB_TEST(a_packet_too_large_for_the_lan_is_answered_or_split),
		LAB_TEST(a_packet_that_waits_and_is_split_counts_once),
		LAB_TEST(the_mtu_may_shrink_while_a_packet_waits),
		LAB_TEST(a_full_transmit_ring_drops_and_frees),
		LAB_TEST(echo_to_the_nodes_own_address_is_answered),
		LAB_TEST(anything_else_for_the_node_is_dropped),
		LAB_TEST(impossible_addresses_are_dropped_in_silence),
		LAB_TEST(the_last_hop_is_answered_into_the_tunnel),
		LAB_TEST(impossible_descriptors_are_counted_and_change_nothing),
		LAB_TEST(empty_frames_that_come_back_are_replaced_and_never_more),
		LAB_TEST(impossible_cursors_give_no_work_and_no_more_than_a_ring),
		LAB_TEST(crypto_is_woken_for_every_packet_and_for_nothing_else),
		LAB_TEST(facts_from_control_are_checked),
		LAB_TEST(without_facts_nothing_moves),
		LAB_TEST(control_that_went_away_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
