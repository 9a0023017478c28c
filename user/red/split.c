/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragmenting into frames of their own; the pieces take the way of whole packets. */
#include <string.h>

#include "red/fragment.h"
#include "red/state.h"

struct splitting {
	struct red *red;
	struct lane *lane;
	send_fn send;
	const uint8_t *mac;
	const uint8_t *ethernet; /* of the whole packet: who hears of errors */
	bool all_sent;
};

static uint8_t *room(void *arg, uint32_t size)
{
	struct splitting *s = arg;

	return size <= s->red->frames.frame_size - IP_OFFSET ? frame_for_packet(s->red) : NULL;
}

static void emit(void *arg, uint8_t *ip, uint32_t len)
{
	struct splitting *s = arg;
	struct packet p;

	memcpy(ip - ETH_LEN, s->ethernet, ETH_LEN);
	if (packet_parse(ip, len, &p) && s->send(s->red, s->lane, &p, s->mac))
		return;
	s->all_sent = false;
	free_busy(s->red, addr_of(s->red, ip));
}

bool split_packet(struct red *r, struct lane *l, const struct packet *p, uint32_t mtu, send_fn send,
		  const uint8_t mac[6])
{
	struct splitting s = {r, l, send, mac, p->ip - ETH_LEN, true};
	const struct fragment_sink sink = {&s, room, emit};

	return fragment_v4(p, mtu, &sink) > 0 && s.all_sent;
}
