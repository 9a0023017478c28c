/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors, rate-limited, on the way that the offending packet came from. */
#include <string.h>

#include "base/addr.h"
#include "red/state.h"

/* Build the error in a frame of its own; false: none may or can be sent. */
static bool build(struct red *r, const struct packet *p, enum icmp_error what, uint32_t mtu,
		  uint64_t *bucket, struct packet *answer)
{
	const uint8_t *own = source_for(r, p->dst);

	if (!own || !icmp_may_answer(p) || !rate_allows(r, ICMP_RATE, bucket))
		return false;
	uint8_t *ip = frame_for_packet(r);
	if (!ip)
		return false;
	uint32_t room = r->frames.frame_size - IP_OFFSET;
	uint32_t len = icmp_error(ip, room, p, own, what, mtu);
	if (!len || !packet_parse(ip, len, answer)) {
		free_busy(r, addr_of(r, ip));
		return false;
	}
	return true;
}

static bool sent(struct red *r, const struct packet *answer, bool ok)
{
	if (ok)
		esc_cell_add(&r->status->icmp_sent, 1);
	else
		free_busy(r, addr_of(r, answer->ip));
	return ok;
}

bool answer_lan(struct red *r, struct lane *l, const struct packet *p, const uint8_t mac[6],
		enum icmp_error what, uint32_t mtu)
{
	struct packet answer;

	if (mac[0] & 1) /* a group cannot have sent it; no answer to all of its machines */
		return false;
	return build(r, p, what, mtu, &r->lan_icmp_full, &answer) &&
	       sent(r, &answer, send_to_lan(r, l, &answer, mac));
}

bool answer_tunnel(struct red *r, struct lane *l, const struct packet *p, enum icmp_error what,
		   uint32_t mtu)
{
	struct packet answer;

	return build(r, p, what, mtu, &r->tunnel_icmp_full, &answer) &&
	       sent(r, &answer, out_queue(r, l, &answer));
}
