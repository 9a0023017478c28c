/* SPDX-License-Identifier: BSD-2-Clause */
/* kinds.c: what each kind of flood sends. */
#include "flood.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/if_ether.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "noise/cookie.h"
#include "noise/midstate.h"

#define VARIETY	   1024u /* different messages of a kind */
#define NEIGHBOURS 4096u

/* Messages of `len` random bytes behind type and, for data, a header; `n` of them. */
static int messages(struct flood *f, uint32_t type, uint32_t len, uint32_t n)
{
	uint8_t msg[FLOOD_FRAME_MAX];
	int err = 0;

	if (len < 4 || len > 1400)
		return -1;
	for (uint32_t i = 0; i < n && !err; i++) {
		uint32_t word = htole32(type);

		randombytes_buf(msg, len);
		memcpy(msg, &word, sizeof(word));
		err = flood_add(f, &f->from, msg, len);
	}
	return err;
}

static int build_mac(struct flood *f)
{
	f->mac[5] ^= 1;
	return messages(f, WG_INITIATION, WG_INITIATION_LEN, 1);
}

static int build_port(struct flood *f)
{
	f->to.port ^= 1;
	return messages(f, WG_INITIATION, WG_INITIATION_LEN, 1);
}

static int build_short(struct flood *f)
{
	return messages(f, WG_INITIATION, WG_INITIATION_LEN - 1, VARIETY);
}

static int build_long(struct flood *f)
{
	return messages(f, WG_INITIATION, 1400, VARIETY);
}

/* The beginning of an initiation, more to follow. */
static int build_fragment(struct flood *f)
{
	int err = messages(f, WG_INITIATION, WG_INITIATION_LEN, VARIETY);

	if (!esc_addr_is_v4(f->to.addr)) {
		fprintf(stderr, "flood: fragments are of IPv4\n");
		return -1;
	}
	for (uint32_t i = 0; i < f->plan.frames; i++) {
		f->table[i].bytes[20] |= 0x20;
		flood_ip_checksum(f->table[i].bytes);
	}
	return err;
}

static int build_mac1(struct flood *f)
{
	flood_random_at(f, flood_message_at(f) + WG_INITIATION_LEN - 2 * WG_MAC_LEN);
	return messages(f, WG_INITIATION, WG_INITIATION_LEN, VARIETY);
}

/* The program makes each another one: there is nothing new about copies. */
static void fresh_macs(struct flood *f, const struct wg_cookie_maker *m, bool ask)
{
	f->plan.message_at = flood_message_at(f);
	flood_random_at(f, f->plan.message_at + 8); /* in the ephemeral key */
	flood_random_at(f, f->plan.message_at + 12);
	f->plan.macs = ask ? 2 : 1;
	wg_midstate(&f->plan.key[0], m->keys.mac1, WG_KEY_LEN);
	wg_midstate(&f->plan.key[1], m->cookie, WG_COOKIE_LEN);
}

static int with_macs(struct flood *f, bool ask)
{
	struct wg_blake2s *b = wg_blake2s_new();
	uint8_t cookie[WG_COOKIE_LEN] = {0}, msg[WG_INITIATION_LEN];
	struct wg_cookie_maker m = {.cookie = cookie};
	int err = !b || !wg_mac_keys_init(b, &m.keys, f->key) ? -1 : 0;

	if (!err && ask)
		err = flood_get_cookie(f, b, &m);
	for (uint32_t i = 0; i < VARIETY && !err; i++)
		err = flood_initiation(b, &m, msg) ? flood_add(f, &f->from, msg, sizeof(msg)) : -1;
	if (!err)
		fresh_macs(f, &m, ask);
	wg_blake2s_free(b);
	return err;
}

static int build_initiation(struct flood *f)
{
	return with_macs(f, false);
}

static int build_cookie(struct flood *f)
{
	return with_macs(f, true);
}

/* None twice, as long as the table lasts: made beforehand, they are dear. */
static int build_peer(struct flood *f)
{
	double all = f->rate * f->seconds + 1;

	return flood_peer(f, f->rate <= 0	      ? VARIETY
			     : all < FLOOD_FRAMES_MAX ? (uint32_t)all
						      : FLOOD_FRAMES_MAX);
}

static int build_session(struct flood *f)
{
	flood_random_at(f, flood_message_at(f) + 4);
	return messages(f, WG_DATA, f->size, VARIETY);
}

static int build_response(struct flood *f)
{
	flood_random_at(f, flood_message_at(f) + 8);
	return messages(f, WG_RESPONSE, WG_RESPONSE_LEN, VARIETY);
}

/* Again what was on the wire, from where it came unless told otherwise. */
static int again(struct flood *f, const struct wg_endpoint *from, const uint8_t *msg, uint32_t len,
		 void *arg)
{
	const bool *as_it_was = arg;

	if (f->plan.frames && f->len != flood_message_at(f) + len)
		return 0; /* one length at a time: the first one's */
	return flood_add(f, *as_it_was ? from : &f->from, msg, len);
}

static int replay(struct flood *f, uint32_t type)
{
	bool as_it_was = !f->from.port && !f->plan.spread;

	return flood_capture(f, type, again, f, &as_it_was) < 0 ? -1 : 0;
}

static int build_replay(struct flood *f)
{
	return replay(f, WG_INITIATION);
}

static int build_replay_data(struct flood *f)
{
	return replay(f, WG_DATA);
}

struct seen {
	struct wg_endpoint from;
	uint32_t index;
};

static int note(struct flood *f, const struct wg_endpoint *from, const uint8_t *msg, uint32_t len,
		void *arg)
{
	struct seen *seen = arg;

	(void)f;
	if (len < WG_DATA_OVERHEAD)
		return 0;
	seen->from = *from;
	memcpy(&seen->index, msg + 4, sizeof(seen->index));
	return 0;
}

/* The newest session of the capture; counter and ciphertext invented. */
static int build_data(struct flood *f)
{
	uint32_t type = htole32(WG_DATA), at = flood_message_at(f);
	uint8_t msg[FLOOD_FRAME_MAX];
	struct seen seen = {0};
	int err = 0;

	if (f->size < WG_DATA_OVERHEAD || f->size > 1400 ||
	    flood_capture(f, WG_DATA, note, NULL, &seen) < 1)
		return -1;
	for (uint32_t i = 0; i < VARIETY && !err; i++) {
		randombytes_buf(msg, f->size);
		memcpy(msg, &type, sizeof(type));
		memcpy(msg + 4, &seen.index, sizeof(seen.index));
		memset(msg + 12, 0, 4); /* a counter below 2^32 */
		err = flood_add(f, f->from.port || f->plan.spread ? &f->from : &seen.from, msg,
				f->size);
	}
	flood_random_at(f, at + 8);
	return err;
}

/* Who has the target's address? Asked by invented neighbours. */
static int build_arp(struct flood *f)
{
	uint8_t frame[60] = {0};
	static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1};
	int err = 0;

	if (!esc_addr_is_v4(f->to.addr))
		return -1;
	for (uint32_t i = 0; i < NEIGHBOURS && !err; i++) {
		memset(frame, 0xff, 6);
		randombytes_buf(frame + 6, 6);
		frame[6] = 2;
		memcpy(frame + 12, (uint8_t[]){8, 6}, 2);
		memcpy(frame + 14, request, sizeof(request));
		memcpy(frame + 22, frame + 6, 6);
		memcpy(frame + 28, f->to.addr + 12, 3); /* a neighbour of the target's */
		frame[31] = (uint8_t)(2 + randombytes_uniform(250));
		memcpy(frame + 38, f->to.addr + 12, 4);
		err = flood_add_raw(f, frame, sizeof(frame));
	}
	return err;
}

/*
 * The same in IPv6: neighbour solicitations, with a right checksum. Their addresses are few, too:
 * the kernel has one table of neighbours for all namespaces, and a full one disturbs other labs.
 */
static int build_nd(struct flood *f)
{
	uint8_t frame[86];
	int err = 0;

	if (esc_addr_is_v4(f->to.addr))
		return -1;
	for (uint32_t i = 0; i < NEIGHBOURS && !err; i++) {
		uint8_t *ip = frame + 14, *icmp = ip + 40;
		uint16_t check;

		memset(frame, 0, sizeof(frame));
		memcpy(frame, f->mac, 6);
		randombytes_buf(frame + 6, 6);
		frame[6] = 2;
		memcpy(frame + 12, (uint8_t[]){0x86, 0xdd}, 2);
		memcpy(ip, (uint8_t[]){0x60, 0, 0, 0, 0, 32, 58, 255}, 8);
		memcpy(ip + 8, f->to.addr, 8); /* the target's network */
		ip[23] = (uint8_t)(2 + randombytes_uniform(250));
		memcpy(ip + 24, f->to.addr, 16);
		icmp[0] = 135;
		memcpy(icmp + 8, f->to.addr, 16);
		icmp[24] = icmp[25] = 1; /* source link-layer address, 8 bytes */
		memcpy(icmp + 26, frame + 6, 6);
		check = flood_checksum(ip + 8, 64, 32 + 58); /* RFC 8200, 8.1: a pseudo-header */
		memcpy(icmp + 2, &check, sizeof(check));
		err = flood_add_raw(f, frame, sizeof(frame));
	}
	return err;
}

const struct flood_kind flood_kinds[] = {
	{"mac", build_mac, 0, "to another MAC address: the first check of all"},
	{"port", build_port, 0, "to another UDP port"},
	{"short", build_short, 0, "initiations without their last byte"},
	{"long", build_long, 0, "initiations of 1400 bytes"},
	{"fragment", build_fragment, 0, "first fragments"},
	{"mac1", build_mac1, 0, "initiations with a wrong mac1"},
	{"initiation", build_initiation, FLOOD_NEEDS_KEY, "initiations with a right mac1"},
	{"cookie", build_cookie, FLOOD_NEEDS_KEY | FLOOD_NEEDS_FROM,
	 "initiations with a right mac1 and mac2, from one source; waits until it gets a cookie"},
	{"peer", build_peer, FLOOD_NEEDS_KEY | FLOOD_NEEDS_PRIVATE,
	 "authentic initiations of a peer"},
	{"response", build_response, 0, "responses to nothing"},
	{"session", build_session, 0, "data for sessions that do not exist"},
	{"data", build_data, FLOOD_NEEDS_CAPTURE, "data for a session, with invented counters"},
	{"replay", build_replay, FLOOD_NEEDS_CAPTURE, "initiations again as they were"},
	{"replay-data", build_replay_data, FLOOD_NEEDS_CAPTURE, "data again as they were"},
	{"arp", build_arp, FLOOD_RAW, "ARP requests of invented neighbours"},
	{"nd", build_nd, FLOOD_RAW, "neighbour solicitations of invented neighbours"},
	{NULL, NULL, 0, NULL},
};
