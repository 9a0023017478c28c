/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * receive.c: handshake and cookie messages from the network (R2, R3). Whatever is wrong with a
 * message, it is dropped without an answer; WireGuard paper, 5.1, 5.3.
 */
#include <endian.h>
#include <string.h>

#include "noise/core.h"

static struct wg_received receive_initiation(struct wg_device *dev, wg_time now,
					     const struct wg_endpoint *from, const uint8_t *bytes,
					     struct wg_out *out)
{
	struct wg_received dropped = {.verdict = WG_HS_DROP};
	struct wg_msg_initiation msg;
	struct wg_msg_response response;

	memcpy(&msg, bytes, sizeof(msg));
	struct wg_peer *peer = wg_initiation_answer(dev, now, &msg, &response);
	if (!peer ||
	    !wg_macs_add(dev->blake2s, &peer->cookie, now, (uint8_t *)&response, sizeof(response)))
		return dropped;
	wg_peer_roam(peer, from);
	wg_timers_received(peer, now, false);
	wg_timers_handshake_sent(peer, now);
	memcpy(out->bytes, &response, sizeof(response));
	out->len = sizeof(response);
	out->to = *from;
	out->peer = peer;
	return (struct wg_received){.verdict = WG_HS_ACCEPTED, .peer = peer};
}

static struct wg_received receive_response(struct wg_device *dev, wg_time now,
					   const struct wg_endpoint *from, const uint8_t *bytes)
{
	struct wg_received dropped = {.verdict = WG_HS_DROP};
	struct wg_msg_response msg;

	memcpy(&msg, bytes, sizeof(msg));
	struct wg_peer *peer = wg_response_consume(dev, now, &msg);
	if (!peer)
		return dropped;
	wg_peer_roam(peer, from);
	wg_timers_received(peer, now, false);
	wg_timers_handshake_complete(peer);
	wg_timers_confirm_session(peer);
	return (struct wg_received){
		.verdict = WG_HS_ACCEPTED,
		.peer = peer,
		.session_ready = true,
	};
}

/* Encrypted to the newest message's mac1, but not proof of the peer's identity: no roaming. */
static struct wg_received receive_cookie(struct wg_device *dev, wg_time now, const uint8_t *bytes)
{
	struct wg_received dropped = {.verdict = WG_HS_DROP};
	struct wg_msg_cookie msg;

	memcpy(&msg, bytes, sizeof(msg));
	struct wg_index *index = wg_index_find(dev, le32toh(msg.receiver));
	if (!index || !wg_cookie_take(&index->peer->cookie, now, &msg))
		return dropped;
	return (struct wg_received){.verdict = WG_HS_COOKIE, .peer = index->peer};
}

static struct wg_received answer_with_cookie(struct wg_device *dev, wg_time now,
					     const struct wg_endpoint *from, const uint8_t *bytes,
					     size_t len, struct wg_out *out)
{
	struct wg_received dropped = {.verdict = WG_HS_DROP};
	struct wg_msg_cookie reply;

	if (!wg_cookie_make(dev->blake2s, &dev->checker, now, from, bytes, len, &reply))
		return dropped;
	wg_timers_by(dev, dev->checker.change_at);
	memcpy(out->bytes, &reply, sizeof(reply));
	out->len = sizeof(reply);
	out->to = *from;
	return (struct wg_received){.verdict = WG_HS_COOKIE_SENT};
}

/* Type (with its reserved zero bytes) and exact length. */
static uint32_t type_of(const uint8_t *msg, size_t len)
{
	uint32_t type;

	if (len < sizeof(type))
		return 0;
	memcpy(&type, msg, sizeof(type));
	type = le32toh(type);
	if ((type == WG_INITIATION && len == WG_INITIATION_LEN) ||
	    (type == WG_RESPONSE && len == WG_RESPONSE_LEN) ||
	    (type == WG_COOKIE && len == WG_COOKIE_REPLY_LEN))
		return type;
	return 0;
}

struct wg_received wg_receive(struct wg_device *dev, wg_time now, const struct wg_endpoint *from,
			      const uint8_t *msg, size_t len, bool under_load, struct wg_out *out)
{
	struct wg_received dropped = {.verdict = WG_HS_DROP};
	uint32_t type = type_of(msg, len);

	out->peer = NULL;
	out->len = 0;
	if (!dev->has_key || !type || !from->port)
		return dropped;
	if (type == WG_COOKIE)
		return receive_cookie(dev, now, msg);
	if (!wg_mac1_valid(dev->blake2s, &dev->checker, msg, len))
		return dropped;
	if (under_load && !wg_mac2_valid(dev->blake2s, &dev->checker, now, from, msg, len))
		return answer_with_cookie(dev, now, from, msg, len, out);
	return type == WG_INITIATION ? receive_initiation(dev, now, from, msg, out)
				     : receive_response(dev, now, from, msg);
}
