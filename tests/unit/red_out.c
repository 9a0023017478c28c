/* SPDX-License-Identifier: BSD-2-Clause */
/* The red process, from the LAN to crypto: what a packet becomes, who hears of errors, the books.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "red_rig.h"
#include "red_packets.h"

#define MTU	  1500
#define INNER_MTU 1420

static const char HOST[] = "10.1.0.5", FAR[] = "10.2.0.9", HOST6[] = "fd00:1::5",
		  FAR6[] = "fd00:2::9";

static struct red_lab lab;

static int open_lab(void **state)
{
	(void)state;
	lab_open(&lab, 1, MTU, INNER_MTU);
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

static void from_lan(const uint8_t *ip, size_t len)
{
	assert_true(lab_from_lan(&lab, 0, ip, len));
	red_round(lab.r);
	assert_true(lab_books_ok(&lab));
}

static void give_back(esc_desc d, uint16_t why)
{
	lab_crypto_returns(&lab, 0, d, why);
	red_round(lab.r);
	assert_true(lab_books_ok(&lab));
}

/* Nothing left red in either direction. */
static void check_silence(void)
{
	uint8_t frame[LAB_SIZE];

	assert_int_equal(lab_crypto_takes(&lab, 0), 0);
	assert_int_equal(lab_to_lan(&lab, 0, frame), 0);
}

/* The frame that the LAN host gets is an ICMP error about `about`. */
static void check_error(const uint8_t *about, int type, int code, size_t mtu)
{
	uint8_t frame[LAB_SIZE], *ip = frame + ETH_LEN;
	bool v4 = about[0] >> 4 == 4;
	size_t len = lab_to_lan(&lab, 0, frame), head = v4 ? 20 : 40;

	assert_true(len > ETH_LEN + head + 8);
	assert_memory_equal(frame, lab_host_mac, 6);
	assert_memory_equal(frame + 6, lab_mac, 6);
	assert_int_equal(read16(frame + 12), v4 ? 0x0800 : 0x86dd);
	assert_memory_equal(ip + (v4 ? 12 : 8), lab.r->nic.addr[v4 ? 0 : 1] + (v4 ? 12 : 0),
			    v4 ? 4 : 16);
	assert_memory_equal(ip + (v4 ? 16 : 24), about + (v4 ? 12 : 8), v4 ? 4 : 16);
	assert_int_equal(ip[head], type);
	assert_int_equal(ip[head + 1], code);
	assert_int_equal(read16(ip + head + 6), mtu);
	assert_int_equal(transport_sum(ip), 0xffff);
	assert_memory_equal(ip + head + 8, about, head);
}

/* --- forwarding --- */

static void a_packet_goes_to_crypto_one_hop_older(void **state)
{
	uint8_t ip[MTU], was[MTU];

	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		for (size_t payload = 0; payload <= 1380; payload += 23) {
			size_t len = v4 ? make_v4(ip, HOST, FAR, 17, payload)
					: make_v6(ip, HOST6, FAR6, 17, payload);

			memcpy(was, ip, len);
			from_lan(ip, len);
			esc_desc d = lab_crypto_takes(&lab, 0);
			assert_int_equal(esc_desc_len(d), len);
			was[v4 ? 8 : 7]--;
			if (v4)
				seal_v4(was);
			assert_memory_equal(lab_bytes(&lab, d), was, len);
			give_back(d, ESC_RET_OK);
			check_silence();
		}
	}
	assert_int_equal(lab_counted(&lab), lab_count(&lab, ESC_RP_out_to_crypto));
}

static void padding_of_short_frames_is_not_part_of_the_packet(void **state)
{
	uint8_t ip[64] = {0};

	(void)state;
	make_v4(ip, HOST, FAR, 17, 1);
	from_lan(ip, 46);
	esc_desc d = lab_crypto_takes(&lab, 0);
	assert_int_equal(esc_desc_len(d), 21);
	give_back(d, ESC_RET_OK);
}

static void syns_are_clamped_to_the_tunnel(void **state)
{
	uint8_t ip[64];
	size_t len = make_v4(ip, HOST, FAR, IPPROTO_TCP, 24);

	(void)state;
	memcpy(ip + 32, (uint8_t[]){0x60, 2}, 2);
	memcpy(ip + 40, (uint8_t[]){2, 4, 0x05, 0xb4}, 4);
	seal_transport(ip, 16);
	from_lan(ip, len);
	esc_desc d = lab_crypto_takes(&lab, 0);
	assert_int_equal(read16(lab_bytes(&lab, d) + 42), INNER_MTU - 40);
	assert_int_equal(transport_sum(lab_bytes(&lab, d)), 0xffff);
	assert_int_equal(esc_cell_get(&lab.r->status->mss_clamped), 1);
	give_back(d, ESC_RET_OK);
}

static void a_large_packet_goes_in_pieces_and_counts_once(void **state)
{
	uint8_t ip[MTU], again[MTU];
	size_t len = make_v4(ip, HOST, FAR, 17, MTU - 20), end = 0;
	esc_desc d;

	(void)state;
	from_lan(ip, len);
	while ((d = lab_crypto_takes(&lab, 0))) {
		const uint8_t *f = lab_bytes(&lab, d);
		size_t at = (read16(f + 6) & 0x1fff) * 8, n = esc_desc_len(d) - 20u;

		assert_true(esc_desc_len(d) <= INNER_MTU && v4_header_ok(f));
		assert_int_equal(f[8], 63);
		assert_memory_equal(f - 8, lab_host_mac, 6); /* errors about it find the host */
		memcpy(again + 20 + at, f + 20, n);
		end = at + n > end ? at + n : end;
		give_back(d, ESC_RET_OK);
	}
	assert_int_equal(end, len - 20);
	assert_memory_equal(again + 20, ip + 20, len - 20);
	assert_int_equal(lab_counted(&lab), 1);
	assert_int_equal(lab_count(&lab, ESC_RP_out_to_crypto), 1);
}

/* --- errors to the host --- */

static void a_packet_at_its_last_hop_is_answered(void **state)
{
	uint8_t ip[MTU];

	(void)state;
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		size_t len = make_v4(ip, HOST, FAR, 17, 100);

		ip[8] = ttl;
		seal_v4(ip);
		from_lan(ip, len);
		check_error(ip, 11, 0, 0);
		len = make_v6(ip, HOST6, FAR6, 17, 100);
		ip[7] = ttl;
		from_lan(ip, len);
		check_error(ip, 3, 0, 0);
	}
	check_silence();
	assert_int_equal(lab_count(&lab, ESC_RP_out_ttl), 4);
	assert_int_equal(esc_cell_get(&lab.r->status->icmp_sent), 4);
}

static void a_packet_that_may_not_be_split_is_answered_with_the_mtu(void **state)
{
	uint8_t ip[MTU];
	size_t len;

	(void)state;
	for (size_t size = INNER_MTU - 1; size <= INNER_MTU + 1; size++) {
		bool fits = size <= INNER_MTU;

		for (int v4 = 0; v4 < 2; v4++) {
			len = v4 ? make_v4(ip, HOST, FAR, 17, size - 20)
				 : make_v6(ip, HOST6, FAR6, 17, size - 40);
			if (v4) {
				ip[6] = 0x40;
				seal_v4(ip);
			}
			from_lan(ip, len);
			esc_desc d = lab_crypto_takes(&lab, 0);
			assert_int_equal(d != 0, fits);
			if (fits)
				give_back(d, ESC_RET_OK);
			else
				check_error(ip, v4 ? 3 : 2, v4 ? 4 : 0, INNER_MTU);
		}
	}
	check_silence();
	assert_int_equal(lab_count(&lab, ESC_RP_out_too_big), 2);
}

static void what_crypto_cannot_send_is_explained_to_the_host(void **state)
{
	uint8_t ip[MTU];

	(void)state;
	for (uint16_t why = ESC_RET_NO_PEER; why <= ESC_RET_NO_SESSION; why++) {
		size_t len = make_v4(ip, HOST, FAR, 17, 600);

		from_lan(ip, len);
		ip[8]--;
		seal_v4(ip);
		give_back(lab_crypto_takes(&lab, 0), why);
		check_error(ip, 3, 1, 0);
		len = make_v6(ip, HOST6, FAR6, 17, 1300);
		from_lan(ip, len);
		ip[7]--;
		give_back(lab_crypto_takes(&lab, 0), why);
		check_error(ip, 1, 3, 0);
	}
	static const uint16_t quiet[] = {ESC_RET_OK, 3, 0xffff};
	for (size_t i = 0; i < 3; i++) {
		from_lan(ip, make_v4(ip, HOST, FAR, 17, 600));
		give_back(lab_crypto_takes(&lab, 0), quiet[i]);
	}
	check_silence();
}

static void errors_and_later_fragments_get_no_error(void **state)
{
	uint8_t ip[MTU];
	size_t len = make_v4(ip, HOST, FAR, IPPROTO_ICMP, 100);

	(void)state;
	ip[20] = 3;
	ip[8] = 1;
	seal_v4(ip);
	from_lan(ip, len);
	len = make_v4(ip, HOST, FAR, 17, 100);
	ip[7] = 1;
	ip[8] = 1;
	seal_v4(ip);
	from_lan(ip, len);
	len = make_v4(ip, HOST, FAR, IPPROTO_ICMP, INNER_MTU);
	ip[20] = 11;
	ip[6] = 0x40;
	seal_v4(ip);
	from_lan(ip, len);
	check_silence();
	assert_int_equal(lab_count(&lab, ESC_RP_out_too_big_quiet), 1);
}

/* A host that puts a group's MAC address into the source field gets no broadcast answer. */
static void no_error_goes_to_a_group_of_machines(void **state)
{
	uint8_t frame[ETH_LEN + 120];

	(void)state;
	for (int broadcast = 0; broadcast < 2; broadcast++) {
		memset(frame, 0xff, ETH_LEN);
		memcpy(frame, lab_mac, 6);
		if (!broadcast)
			memcpy(frame + 6, (uint8_t[]){1, 0, 0x5e, 0, 0, 1}, 6);
		set16(frame + 12, 0x0800);
		make_v4(frame + ETH_LEN, HOST, FAR, 17, 100);
		frame[ETH_LEN + 8] = 1;
		seal_v4(frame + ETH_LEN);
		assert_true(lab_receive(&lab, 0, frame, sizeof(frame)));
		red_round(lab.r);
		check_silence();
	}
}

static uint32_t errors_to_lan(uint32_t packets)
{
	uint8_t ip[128], frame[LAB_SIZE];
	uint32_t n = 0;

	for (uint32_t i = 0; i < packets; i++) {
		size_t len = make_v4(ip, HOST, FAR, 17, 100);

		ip[8] = 1;
		seal_v4(ip);
		from_lan(ip, len);
		n += lab_to_lan(&lab, 0, frame) != 0;
	}
	return n;
}

static void errors_are_limited_to_a_burst_and_a_rate(void **state)
{
	(void)state;
	assert_int_equal(errors_to_lan(200), 50);
	for (int i = 0; i < 20; i++) {
		lab.r->now += 10000000;
		assert_int_equal(errors_to_lan(3), 1);
	}
	lab.r->now += 100000000;
	assert_int_equal(errors_to_lan(20), 10);
	lab.r->now += 3600000000000ull;
	assert_int_equal(errors_to_lan(200), 50);
	lab.r->now = UINT64_MAX / 2; /* as at the end */
	assert_int_equal(errors_to_lan(200), 50);
}

/* What other sites provoke must not take the LAN's path MTU discovery away (R3). */
static void errors_into_the_tunnel_leave_those_to_the_lan_alone(void **state)
{
	uint8_t ip[128];
	esc_desc d;

	(void)state;
	for (int i = 0; i < 100; i++) {
		size_t len = make_v4(ip, FAR, HOST, 17, 100);

		ip[8] = 1;
		seal_v4(ip);
		assert_true(lab_from_tunnel(&lab, 0, ip, len));
		red_round(lab.r);
	}
	while ((d = lab_crypto_takes(&lab, 0)))
		give_back(d, ESC_RET_OK);
	assert_int_equal(errors_to_lan(100), 50);
}

/* --- refusals --- */

static void broken_packets_are_dropped_with_their_reason(void **state)
{
	uint8_t ip[MTU];

	(void)state;
	for (size_t len = 0; len <= 60; len++) {
		uint64_t before = lab_count(&lab, ESC_RP_out_bad_ip);

		make_v4(ip, HOST, FAR, 17, 60);
		from_lan(ip, len);
		make_v6(ip, HOST6, FAR6, 17, 60);
		from_lan(ip, len);
		assert_int_equal(lab_count(&lab, ESC_RP_out_bad_ip), before + 2);
	}
	size_t len = make_v4(ip, HOST, FAR, 17, 60);
	ip[10] ^= 1;
	from_lan(ip, len);
	assert_int_equal(lab_count(&lab, ESC_RP_out_bad_ip), 2 * 61 + 1);
	check_silence();
}

static void a_frame_shorter_than_its_own_header_is_dropped(void **state)
{
	uint8_t frame[ETH_LEN] = {0};

	(void)state;
	for (size_t len = 0; len <= ETH_LEN; len++) {
		assert_true(lab_receive(&lab, 0, frame, len));
		red_round(lab.r);
		assert_true(lab_books_ok(&lab));
	}
	assert_int_equal(lab_count(&lab, ESC_RP_out_bad_ip), ETH_LEN + 1);
}

static void impossible_addresses_are_dropped_in_silence(void **state)
{
	static const char *const bad[] = {
		"10.1.0.1",  "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.3.4",
		"fd00:1::1", "::1",	"::",	     "ff02::1",	  "fe80::5"};
	uint8_t ip[MTU];
	uint64_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool v4 = !strchr(bad[i], ':');

		for (uint8_t ttl = 1; ttl < 3; ttl++) {
			size_t len = v4 ? make_v4(ip, bad[i], FAR, 17, 60)
					: make_v6(ip, bad[i], FAR6, 17, 60);

			ip[v4 ? 8 : 7] = ttl;
			if (v4)
				seal_v4(ip);
			from_lan(ip, len);
			assert_int_equal(lab_count(&lab, ESC_RP_out_bad_addr), ++n);
		}
	}
	check_silence();
}

/* --- crypto that breaks its promises --- */

static void impossible_returns_are_counted_and_change_nothing(void **state)
{
	uint8_t ip[MTU];
	_Atomic uint64_t *v = lab.r->status->violation;
	size_t len = make_v4(ip, HOST, FAR, 17, 60);

	(void)state;
	from_lan(ip, len);
	esc_desc d = lab_crypto_takes(&lab, 0);
	uint32_t before = lab.r->frames.count[ESC_PLACE_peer_full];
	uint64_t size = (uint64_t)lab.r->frames.total * LAB_SIZE;
	give_back(esc_desc_make((uint32_t)size, 0, 0), 0);
	give_back(esc_desc_make(UINT32_MAX, 0, 0), 0);
	assert_int_equal(v[ESC_VIOLATION_desc_range], 2);
	for (uint32_t frame = 0; frame < 4096; frame += 7) {
		if (frame == esc_desc_addr(d) / LAB_SIZE)
			continue;
		lab_crypto_returns(&lab, 0, frame * LAB_SIZE, ESC_RET_NO_PEER);
		if (frame % 64 == 0)
			red_round(lab.r);
	}
	while (red_round(lab.r))
		;
	assert_true(v[ESC_VIOLATION_desc_owner] >= 4096 / 7);
	assert_int_equal(lab.r->frames.count[ESC_PLACE_peer_full], before);
	give_back(d, 0);
	uint64_t owner = v[ESC_VIOLATION_desc_owner];
	give_back(d, 0); /* twice */
	assert_int_equal(v[ESC_VIOLATION_desc_owner], owner + 1);
	check_silence();
}

/* A frame comes back by any address inside it; what it holds may have changed meanwhile. */
static void returned_bytes_are_not_trusted(void **state)
{
	uint8_t ip[MTU], frame[LAB_SIZE];
	size_t len = make_v4(ip, HOST, FAR, 17, 60);

	(void)state;
	for (uint32_t offset = 0; offset < LAB_SIZE; offset += 13) {
		lab.r->now += 1000000000;
		from_lan(ip, len);
		esc_desc d = lab_crypto_takes(&lab, 0);
		uint32_t base = esc_desc_addr(d) & ~(LAB_SIZE - 1);
		memset(lab.r->frames.base + base, 0x45, LAB_SIZE);
		give_back(esc_desc_make(base + offset, 0, 0), ESC_RET_NO_SESSION);
		while (lab_to_lan(&lab, 0, frame))
			;
	}
}

static void impossible_cursors_give_no_work(void **state)
{
	struct esc_ring *ret = &lab.r->link->ring[0][ESC_RING_PLAIN_OUT_RET];
	struct esc_ring *out = &lab.r->link->ring[0][ESC_RING_PLAIN_OUT];
	uint8_t ip[MTU];
	size_t len = make_v4(ip, HOST, FAR, 17, 60);

	(void)state;
	atomic_store(&ret->prod, ESC_RING_SLOTS + 1);
	atomic_store(&out->cons, 5); /* more than was produced */
	from_lan(ip, len);
	assert_int_equal(lab_count(&lab, ESC_RP_out_to_crypto), 1);
	assert_true(lab.r->lane[0].plain_out_ret.violations > 0);
	atomic_store(&ret->prod, 0);
	atomic_store(&out->cons, 0);
	give_back(lab_crypto_takes(&lab, 0), 0);
}

/*
 * Crypto that takes nothing, or is slower than the LAN: red keeps enough frames for the other
 * direction and for receiving (R3, R7).
 */
static void a_flood_from_the_lan_leaves_frames_for_the_other_direction(void **state)
{
	uint8_t ip[MTU];
	size_t len = make_v4(ip, HOST, FAR, 17, 60);
	struct red_lab_lane *k = &lab.lane[0];

	(void)state;
	lab_hop(&lab, HOST, ESC_HOP_OK);
	for (int i = 0; i < 20000; i++) {
		if (!lab_from_lan(&lab, 0, ip, len) || i % 32 == 0)
			red_round(lab.r);
	}
	while (red_round(lab.r))
		;
	assert_true(lab_count(&lab, ESC_RP_out_ring_full) > 10000);
	/* all that crypto has for plaintext is used up again and again, while the flood goes on */
	uint8_t in[128], frame[LAB_SIZE];
	size_t in_len = make_v4(in, FAR, HOST, 17, 60);
	uint32_t arrived = 0;
	for (int i = 0; i < 20000; i++) {
		lab_from_lan(&lab, 0, ip, len);
		arrived += lab_from_tunnel(&lab, 0, in, in_len);
		red_round(lab.r);
		while (lab_to_lan(&lab, 0, frame))
			;
		if (lab.r->pending_count)
			lab_hop(&lab, HOST, ESC_HOP_OK);
	}
	assert_int_equal(arrived, 20000);
	assert_true(k->cursor[2][0] - k->cursor[2][1] >= 512); /* and it still receives */
	esc_desc d;
	while ((d = lab_crypto_takes(&lab, 0)))
		lab_crypto_returns(&lab, 0, d, ESC_RET_OK);
	while (red_round(lab.r))
		;
	assert_int_equal(lab.r->frames.count[ESC_PLACE_peer_full], 0);
}

int main(void)
{
#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, open_lab, close_lab)
	const struct CMUnitTest tests[] = {
		LAB_TEST(a_packet_goes_to_crypto_one_hop_older),
		LAB_TEST(padding_of_short_frames_is_not_part_of_the_packet),
		LAB_TEST(syns_are_clamped_to_the_tunnel),
		LAB_TEST(a_large_packet_goes_in_pieces_and_counts_once),
		LAB_TEST(a_packet_at_its_last_hop_is_answered),
		LAB_TEST(a_packet_that_may_not_be_split_is_answered_with_the_mtu),
		LAB_TEST(what_crypto_cannot_send_is_explained_to_the_host),
		LAB_TEST(errors_and_later_fragments_get_no_error),
		LAB_TEST(no_error_goes_to_a_group_of_machines),
		LAB_TEST(errors_are_limited_to_a_burst_and_a_rate),
		LAB_TEST(errors_into_the_tunnel_leave_those_to_the_lan_alone),
		LAB_TEST(broken_packets_are_dropped_with_their_reason),
		LAB_TEST(a_frame_shorter_than_its_own_header_is_dropped),
		LAB_TEST(impossible_addresses_are_dropped_in_silence),
		LAB_TEST(impossible_returns_are_counted_and_change_nothing),
		LAB_TEST(returned_bytes_are_not_trusted),
		LAB_TEST(impossible_cursors_give_no_work),
		LAB_TEST(a_flood_from_the_lan_leaves_frames_for_the_other_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
