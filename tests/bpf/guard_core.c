/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_core.c: the black XDP program beside the protocol core, on the same messages: what two
 * nodes say to each other in hours of handshakes, lost cookies, load and roaming, and each message
 * again with changes. What the core accepts is never dropped in XDP; what XDP drops for its MAC or
 * its session the core refuses too.
 */
#include "black_node.h"
#include "../unit/noise_lab.h"

#define COPIES 4 /* changed ones of each message */
#define STEPS  6000

static struct lab lab;
static bool no_cookies; /* XDP's budget of cookie replies is empty */

/* What came of the messages: the test must have seen each. */
static struct {
	uint32_t accepted[WG_DATA + 1], refused, cookies_sent, cookies_taken;
	uint32_t passed, dropped[ESC_BLACK_REASON_COUNT];
} seen;

/* What the core tells the program, in the program's memory. */
static void publish(const struct side *s)
{
	memcpy(node.guard, &s->guard, sizeof(*node.guard));
	node.guard->under_load = s->under_load;
}

static void frame(struct pkt *p, const struct wg_endpoint *from, const uint8_t *msg, uint32_t len)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool four = !memcmp(from->addr, mapped, sizeof(mapped));

	pkt_udp(p, four ? PEER4 : PEER6, four ? NODE4 : NODE6, PORT, len);
	if (four)
		memcpy(p->data + AT_IP4_SRC, from->addr + 12, 4);
	else
		memcpy(p->data + AT_IP6_SRC, from->addr, 16);
	if (four)
		pkt_ip4_fix(p);
	memcpy(pkt_message(p), msg, len);
	put16(pkt_message(p) - 8, from->port);
}

static enum esc_black_reason ask_xdp(const struct packet *m, const uint8_t *msg, uint32_t len)
{
	enum esc_black_reason reason;
	struct pkt p;

	publish(m->to);
	frame(&p, &m->from, msg, len);
	reason = run_reason(&run, &p);
	if (reason == ESC_BLACK_to_crypto)
		seen.passed++;
	else
		seen.dropped[reason]++;
	return reason;
}

static void judge_handshake(const struct packet *m)
{
	enum esc_black_reason reason = ask_xdp(m, m->bytes, m->len);
	struct side *s = m->to;
	struct wg_out out;
	struct wg_received r =
		wg_receive(s->dev, lab.now, &m->from, m->bytes, m->len, s->under_load, &out);

	if (r.verdict == WG_HS_ACCEPTED || r.verdict == WG_HS_COOKIE)
		assert_int_equal(reason, ESC_BLACK_to_crypto);
	if (reason == ESC_BLACK_mac1)
		assert_int_equal(r.verdict, WG_HS_DROP);
	seen.accepted[m->bytes[0] % (WG_DATA + 1)] += r.verdict == WG_HS_ACCEPTED;
	seen.refused += r.verdict == WG_HS_DROP;
	seen.cookies_sent += r.verdict == WG_HS_COOKIE_SENT;
	seen.cookies_taken += r.verdict == WG_HS_COOKIE;
	if (out.len)
		send_message(s, &out);
	if (r.session_ready)
		send_staged(s);
}

/* The receiver's index is all that XDP sees of it. */
static void judge_data(const struct packet *m)
{
	uint8_t msg[WG_DATA_OVERHEAD] = {WG_DATA};
	enum esc_black_reason reason;

	memcpy(msg + 4, &m->slot.receiver, 4);
	reason = ask_xdp(m, msg, sizeof(msg));
	assert_int_equal(reason, wg_index_find(m->to->dev, m->slot.receiver)
					 ? ESC_BLACK_to_crypto
					 : ESC_BLACK_no_session);
	m->to->last_rx = receive_data(m->to, m);
}

/* mac1, and mac2 with this device's secret or the cookie of another, over what the message is. */
static void sign_again(struct packet *m)
{
	struct wg_cookie_checker *c = &m->to->dev->checker;
	uint32_t at = mac1_at(m->bytes[0]);
	uint8_t cookie[WG_COOKIE_LEN];
	uint16_t port = htons(m->from.port);

	if (!at || m->len != at + 2 * WG_MAC_LEN)
		return;
	must(wg_mac(node.blake2s, m->bytes + at, c->keys.mac1, WG_KEY_LEN, m->bytes, at, NULL, 0) &&
		     wg_mac(node.blake2s, cookie, c->secret[c->number % 2], WG_KEY_LEN,
			    m->from.addr, 16, &port, 2),
	     "MAC");
	if (random32() % 2)
		must(wg_mac(node.blake2s, m->bytes + at + WG_MAC_LEN, cookie, WG_COOKIE_LEN,
			    m->bytes, at + WG_MAC_LEN, NULL, 0),
		     "MAC");
}

static void change(struct packet *m)
{
	uint32_t at = mac1_at(m->bytes[0]);

	switch (random32() % 6) {
	case 0:
		m->bytes[4 + random32() % (m->len - 4u)] ^= (uint8_t)(1u << random32() % 8);
		break;
	case 1: /* its macs, where it has some */
		m->bytes[(at ? at : 4) + random32() % 32] ^= (uint8_t)(1u << random32() % 8);
		break;
	case 2:
		m->from.port ^= (uint16_t)(1 + random32() % 3);
		break;
	case 3:
		m->from.addr[15] ^= 64;
		break;
	case 4:
		m->bytes[4 + random32() % (m->len - 4u)] ^= (uint8_t)random32();
		sign_again(m);
		break;
	default: /* whole, with macs that are right */
		sign_again(m);
	}
}

/* Sent messages arrive at once, some after changed ones, some never. */
static bool deliver(struct lab *l, struct packet *p)
{
	struct packet copy;

	(void)l;
	if (!p->len) {
		judge_data(p);
		copy = *p;
		copy.slot.receiver ^= 1u << random32() % 32;
		judge_data(&copy);
		return true;
	}
	for (uint32_t i = random32() % (COPIES + 1); i; i--) {
		copy = *p;
		change(&copy);
		judge_handshake(&copy);
	}
	if (random32() % 8)
		judge_handshake(p);
	return true;
}

/* Load comes and goes, hosts move, time passes. */
static void disturb(void)
{
	struct side *s = random32() % 2 ? &lab.a : &lab.b;

	switch (random32() % 8) {
	case 0:
		s->under_load = !s->under_load;
		break;
	case 1:
		s->at.port = (uint16_t)(1 + random32() % 65535);
		break;
	case 2:
		memset(s->at.addr, 0, 16);
		if (random32() % 2) {
			memcpy(s->at.addr, "\x20\x01\x0d\xb8", 4);
			s->at.addr[15] = (uint8_t)(2 + random32() % 60);
			break;
		}
		memcpy(s->at.addr + 10, "\xff\xff\x0b", 3);
		s->at.addr[15] = (uint8_t)(2 + random32() % 60);
		break;
	case 3: {
		struct esc_limits l = limits_open();

		no_cookies = !no_cookies;
		l.cookie_rate = no_cookies ? 0 : l.cookie_rate;
		guard_limits(&node, &l);
		break;
	}
	case 4:
		wg_timers_want_handshake(s->peer, lab.now, true);
		break;
	default:
		send_data(s, false);
	}
}

static void the_core_and_xdp_agree(void **state)
{
	(void)state;
	guard_reset(&node);
	lab_start(&lab);
	lab.lose = deliver;
	for (int i = 0; i < STEPS; i++) {
		disturb();
		lab_run(&lab, random32() % 8 * WG_SECOND + random32() % WG_SECOND);
	}
	lab_stop(&lab);
	print_message("core: %u initiations and %u responses accepted, %u cookies sent, %u taken, "
		      "%u refused; XDP: %u passed, %u mac1, %u mac2, %u no session\n",
		      seen.accepted[WG_INITIATION], seen.accepted[WG_RESPONSE], seen.cookies_sent,
		      seen.cookies_taken, seen.refused, seen.passed, seen.dropped[ESC_BLACK_mac1],
		      seen.dropped[ESC_BLACK_mac2], seen.dropped[ESC_BLACK_no_session]);
	assert_true(seen.accepted[WG_INITIATION] > 100 && seen.accepted[WG_RESPONSE] > 100);
	assert_true(seen.cookies_sent > 100 && seen.cookies_taken > 20 && seen.refused > 1000);
	assert_true(seen.dropped[ESC_BLACK_mac1] > 1000 && seen.dropped[ESC_BLACK_mac2] > 100 &&
		    seen.dropped[ESC_BLACK_no_session] > 100);
	run_settle(&run, false, "core");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_core_and_xdp_agree),
	};
	const char *failed = load_node();
	int code;

	if (failed)
		return cannot_run(failed, errno);
	code = cmocka_run_group_tests(tests, set_up, NULL);
	unload_node();
	return code;
}
