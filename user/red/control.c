/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of control: facts about the LAN. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "ipc/fds.h"
#include "red/state.h"

void red_want(struct red *r, const uint8_t dst[16])
{
	struct esc_msg m = {.type = ESC_MSG_WANT};

	if (!rate_allows(r, WANT_RATE, &r->want_full))
		return;
	memcpy(m.u.want.dst, dst, 16);
	int err = esc_msg_send(ESC_FD_CONTROL, &m);
	if (err)
		esc_debug("asking control for a next hop: %s", strerror(-err));
}

static int take_nic(struct red *r, const struct esc_msg_nic *nic)
{
	uint32_t fits = r->start.frame_size - ESC_XDP_HEADROOM - ETH_LEN;

	if (nic->addrs > ESC_ADDRS_MAX)
		return -EPROTO;
	r->nic = *nic;
	if (r->nic.mtu > fits) /* never write a packet that does not fit its frame */
		r->nic.mtu = fits;
	if (r->nic.inner_mtu > fits)
		r->nic.inner_mtu = fits;
	return 0;
}

/* If the socket is full, control asks again. */
static void answer_ping(uint32_t seq)
{
	struct esc_msg m = {.type = ESC_MSG_PONG, .u.ping.seq = seq};
	int err = esc_msg_send(ESC_FD_CONTROL, &m);

	if (err)
		esc_debug("telling control that red works: %s", strerror(-err));
}

static int take_message(struct red *r, const struct esc_msg *m)
{
	switch (m->type) {
	case ESC_MSG_NIC:
		return take_nic(r, &m->u.nic);
	case ESC_MSG_HOP:
		if (esc_hop_update(r->hops, &m->u.hop) && m->u.hop.state != ESC_HOP_RESOLVING)
			pending_round(r, m->u.hop.dst);
		return 0;
	case ESC_MSG_FIREWALL:
		return firewall_update(r->firewall, &m->u.firewall);
	case ESC_MSG_PING:
		answer_ping(m->u.ping.seq);
		return 0;
	case ESC_MSG_STOP:
		r->stopping = true;
		return 0;
	default:
		return -EPROTO;
	}
}

int red_control_round(struct red *r)
{
	struct esc_msg m;

	while (!r->stopping) {
		int got = esc_msg_recv(ESC_FD_CONTROL, &m);
		if (got == -EAGAIN)
			return 0;
		int err = got == 1 ? take_message(r, &m) : got ? got : -EPIPE;
		if (err)
			return err;
	}
	return 0;
}
