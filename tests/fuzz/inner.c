/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as IP packets through the red process, in both directions (R2, R10), while MTUs,
 * neighbours, the policy and time change. An input is a list of steps: what, how many bytes, the
 * bytes. Sanitizers judge memory; this program judges everything that leaves red, the frame ledger,
 * and that each packet has one reason. If sites may begin nothing and the LAN said nothing, nothing
 * of them arrives.
 */
#include <stdint.h>

#include "../unit/red_packets.h"
#include "../unit/red_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct red_lab lab;
static uint64_t packets;
static bool silent; /* since nothing may enter */

static void check(bool ok, const char *what)
{
	if (!ok)
		lab_fail(what);
}

/*
 * Length, version, checksum: then more than the first lines of the parser see the packet. Some
 * become echo requests to the node, some TCP SYNs.
 */
static void mend(uint8_t *ip, size_t len, bool echo, bool syn)
{
	bool v6 = len >= 40 && ip[0] & 0x10;
	size_t header = v6 ? 40 : (ip[0] & 15u) * 4u;

	if (len < 20)
		return;
	if (header < 20 || header > len)
		header = 20;
	ip[0] = (uint8_t)(v6 ? 0x60 : 0x40 | header / 4);
	set16(ip + (v6 ? 4 : 2), v6 ? len - 40 : len);
	if (syn && len > header + 13) {
		ip[v6 ? 6 : 9] = IPPROTO_TCP;
		ip[header + 13] |= 2;
	}
	if (echo && len >= header + 2) {
		ip[v6 ? 6 : 9] = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		set16(ip + header, v6 ? 0x8000 : 0x0800);
		memcpy(ip + (v6 ? 24 : 16), lab.r->nic.addr[v6] + (v6 ? 0 : 12), v6 ? 16 : 4);
	}
	if (!v6)
		seal_v4(ip);
}

/* What red itself answers with is right to the last byte; what it forwards has a right header. */
static void check_packet(const uint8_t *ip, size_t len, size_t mtu)
{
	struct packet p;
	uint8_t copy[LAB_SIZE];

	memcpy(copy, ip, len);
	check(packet_parse(copy, (uint32_t)len, &p), "what leaves is no IP packet");
	check(p.len == len, "what leaves has a wrong length");
	check(!p.v4 || v4_header_ok(ip), "what leaves has a wrong header checksum");
	bool own = own_address(lab.r, p.src);
	bool echo = p.protocol == (p.v4 ? 1 : 58) && ip[p.upper] == (p.v4 ? 0 : 129);
	check(!own || echo || transport_sum(ip) == 0xffff, "wrong ICMP checksum");
	check((own && echo) || (own && len <= 1280) || len <= mtu, "what leaves is too large");
	check(addr_routable(p.src) && addr_routable(p.dst), "what leaves has a bad address");
}

static void lan_takes(void)
{
	uint8_t frame[LAB_SIZE];
	size_t len;

	while ((len = lab_to_lan(&lab, 0, frame))) {
		check(len > ETH_LEN, "an empty frame leaves");
		check(!memcmp(frame + 6, lab_mac, 6), "a frame with another's address leaves");
		check(!(frame[0] & 1), "a frame for a group leaves");
		check(!silent, "the LAN gets what [Firewall] denies");
		check_packet(frame + ETH_LEN, len - ETH_LEN, lab.r->nic.mtu);
	}
}

static void crypto_takes(uint16_t why)
{
	esc_desc d;

	while ((d = lab_crypto_takes(&lab, 0))) {
		check_packet(lab_bytes(&lab, d), esc_desc_len(d), lab.r->nic.inner_mtu);
		lab_crypto_returns(&lab, 0, d, why);
	}
}

static void settle(void)
{
	while (red_round(lab.r)) {
		lan_takes();
		crypto_takes(ESC_RET_OK);
	}
}

/* As the bits say: everything, nothing, or what rules say may enter. */
static void change_policy(uint8_t op, const uint8_t *p, size_t len)
{
	struct esc_rule rule[4] = {0};
	uint32_t rules = 0;

	while (op & 32 && rules < 4 && (rules + 1) * sizeof(rule[0]) <= len) {
		memcpy(&rule[rules], p + rules * sizeof(rule[0]), sizeof(rule[0]));
		rule[rules].from_len %= 129;
		rule[rules].to_len %= 129;
		rule[rules++].verdict &= 1;
	}
	settle(); /* what is under way now was sent before */
	lab_policy(&lab, rule, rules, op & 64 ? ESC_ALLOW : ESC_DENY);
	silent = false;
	if (op & 128 && !rules && !(op & 64)) { /* nobody is known, nobody waits */
		firewall_free(lab.r->firewall);
		lab.r->firewall = firewall_new(16);
		check(lab.r->firewall, "out of memory");
		silent = !lab.r->pending_count;
	}
}

static void step(uint8_t op, uint8_t *p, size_t len)
{
	uint8_t dst[16];

	switch (op & 7) {
	case 1:
		mend(p, len, op & 8, op & 16);
		/* fall through */
	case 0:
		packets += lab_from_lan(&lab, 0, p, len);
		silent = false;
		break;
	case 3:
		mend(p, len, op & 8, op & 16);
		/* fall through */
	case 2:
		packets += len && lab_from_tunnel(&lab, 0, p, len);
		break;
	case 4:
		while (lab_wanted(&lab, dst))
			lab_hop_addr(&lab, dst, (op >> 3) % 3);
		break;
	case 5: /* what was queued before went out before */
		lan_takes();
		out_publish(&lab.r->lane[0]);
		crypto_takes(ESC_RET_OK);
		lab.r->nic.mtu = 68 + (op >> 3) * 47u;
		lab.r->nic.inner_mtu = 68 + (len & 31) * 47u;
		break;
	case 6:
		if (op & 8) {
			change_policy(op, p, len);
			break;
		}
		lab.r->now += (uint64_t)(op >> 3) * 100000000;
		break;
	default:
		red_round(lab.r);
		lan_takes();
		crypto_takes(op >> 4);
	}
}

static void set_up(void)
{
	lab_open(&lab, 1, 1500, 1420);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[LAB_SIZE];

	if (!lab.r)
		set_up();
	lab_reset(&lab);
	lab_policy(&lab, NULL, 0, ESC_ALLOW);
	silent = false;
	lab.r->nic.mtu = 1500;
	lab.r->nic.inner_mtu = 1420;
	red_round(lab.r);
	for (size_t at = 0; at + 3 <= size;) {
		uint8_t op = data[at];
		size_t len = (size_t)(data[at + 1] | (data[at + 2] & 7) << 8), left = size - at - 3;

		len = len < left ? len : left;
		memcpy(bytes, data + at + 3, len);
		step(op, bytes, len);
		at += 3 + len;
	}
	settle();
	lab.r->now += PENDING_TIME;
	red_round(lab.r);
	lan_takes();
	check(lab_books_ok(&lab), "the frame ledger is wrong");
	check(lab_counted(&lab) == packets, "packets and reasons differ");
	return 0;
}
