/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of control. Changes of keys, peers and AllowedIPs are kept until COMMIT and applied
 * between two packets: no packet ever sees half of a batch.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/state.h"
#include "ipc/fds.h"

/* As many changes as a full configuration needs, and again to replace it. */
#define BATCH_OPS_MAX ((size_t)2 * (ESC_PREFIXES_MAX + 2u * ESC_PEERS_MAX))

struct batch_op {
	uint32_t type;
	union {
		struct esc_msg_device device;
		struct esc_msg_peer_set peer_set;
		struct esc_msg_peer_remove peer_remove;
		struct esc_msg_peer_prefix peer_prefix;
	} u;
};

static void report(struct esc_msg *m)
{
	int err = esc_msg_send(ESC_FD_CONTROL, m);

	if (err)
		esc_debug("message %u to control lost: %s", m->type, strerror(-err));
}

void crypto_want(const uint8_t dst[16])
{
	struct esc_msg m = {.type = ESC_MSG_WANT};

	memcpy(m.u.want.dst, dst, 16);
	report(&m);
}

static void report_stamps(const struct wg_peer *peer)
{
	struct esc_msg m = {.type = ESC_MSG_STAMP};

	memcpy(m.u.stamp.public_key, wg_peer_public_key(peer), 32);
	wg_peer_get_stamps(peer, m.u.stamp.sent, m.u.stamp.seen);
	report(&m);
}

void peer_session(struct crypto *c, struct wg_peer *peer)
{
	struct esc_peer_status *p = &c->status->peer[wg_peer_id(peer)];

	slot_of(c, peer)->unanswered = 0;
	esc_cell_set(&p->last_handshake, wg_peer_last_handshake(peer));
	esc_cell_add(&p->handshakes, 1);
	esc_cell_add(&c->status->handshakes_done, 1);
	report_stamps(peer);
	peer_publish(c, peer);
}

/* The writer's side of the seqlock: a reader that meets it tries again. */
static void write_endpoint(struct esc_peer_status *p, const struct wg_endpoint *ep, uint8_t session)
{
	atomic_fetch_add_explicit(&p->sequence, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	p->endpoint_valid = ep->port != 0;
	p->endpoint_port = htons(ep->port);
	memcpy(p->endpoint, ep->addr, 16);
	memcpy(p->local, ep->local, 16);
	p->session = session;
	atomic_fetch_add_explicit(&p->sequence, 1, memory_order_release);
}

void peer_publish(struct crypto *c, struct wg_peer *peer)
{
	struct peer_slot *s = slot_of(c, peer);
	struct esc_peer_status *p = &c->status->peer[wg_peer_id(peer)];
	const struct wg_endpoint *ep = wg_peer_endpoint(peer);
	uint8_t session = wg_peer_has_session(peer, c->now);

	if (session == p->session && same_endpoint(ep, &s->shown))
		return;
	s->shown = *ep;
	write_endpoint(p, ep, session);
}

/* --- batches ----------------------------------------------------------------------------- */

static void apply_device(struct crypto *c, struct esc_msg_device *d)
{
	if (d->fields & ESC_DEVICE_PORT)
		c->listen_port = d->listen_port;
	if (d->fields & ESC_DEVICE_KEY)
		wg_device_set_key(c->wg, d->private_key, c->now);
	c->path_generation++;
}

/* A slot begins or ends its life with a peer: nothing of another one may show in it. */
static void reset_slot(struct crypto *c, uint32_t id)
{
	struct esc_peer_status *p = &c->status->peer[id];
	esc_cell *cells[] = {&p->rx_bytes,	 &p->tx_bytes, &p->rx_packets, &p->tx_packets,
			     &p->last_handshake, &p->last_rx,  &p->handshakes};

	sodium_memzero(&c->peer[id], sizeof(c->peer[id]));
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		esc_cell_set(cells[i], 0);
	write_endpoint(p, &(struct wg_endpoint){0}, 0);
}

static int apply_peer_set(struct crypto *c, const struct esc_msg_peer_set *m)
{
	struct wg_peer *peer = m->id < ESC_PEERS_MAX ? wg_peer_by_id(c->wg, m->id) : NULL;

	if (m->id >= ESC_PEERS_MAX)
		return -EINVAL;
	if (!peer) {
		int err = wg_peer_add(c->wg, m->id, m->public_key, c->now, &peer);
		if (err)
			return err;
		reset_slot(c, m->id);
	} else if (sodium_memcmp(wg_peer_public_key(peer), m->public_key, 32)) {
		return -EEXIST;
	}
	c->peer[m->id].unanswered = 0;
	if (m->fields & ESC_PEER_PSK)
		wg_peer_set_psk(peer, m->preshared_key);
	if (m->fields & ESC_PEER_ENDPOINT) {
		struct wg_endpoint ep = {.port = m->endpoint_port};
		memcpy(ep.addr, m->endpoint, 16);
		wg_peer_set_endpoint(peer, &ep);
	}
	if (m->fields & ESC_PEER_STAMP)
		wg_peer_set_stamps(peer, m->stamp_sent, m->stamp_seen);
	if (m->fields & ESC_PEER_KEEPALIVE)
		wg_peer_set_keepalive(peer, m->keepalive, c->now);
	if (m->fields & ESC_PEER_CONNECT) /* no session yet: asking for one starts a handshake */
		wg_tx_begin(peer, c->now, true, &(struct wg_tx_slot){0});
	peer_publish(c, peer);
	return 0;
}

static void apply_peer_remove(struct crypto *c, uint32_t id)
{
	struct wg_peer *peer = id < ESC_PEERS_MAX ? wg_peer_by_id(c->wg, id) : NULL;

	if (!peer)
		return;
	stage_drop(c, &c->peer[id], ESC_CR_out_no_peer, ESC_RET_NO_PEER);
	wg_peer_remove(peer);
	reset_slot(c, id);
}

static int apply_prefix(struct crypto *c, const struct esc_msg_peer_prefix *m)
{
	struct wg_peer *peer = m->id < ESC_PEERS_MAX ? wg_peer_by_id(c->wg, m->id) : NULL;

	if (!peer || m->prefix.len > 128)
		return -EINVAL;
	switch (m->op) {
	case ESC_PREFIX_ADD:
		return wg_prefix_add(peer, m->prefix.addr, m->prefix.len);
	case ESC_PREFIX_REMOVE:
		wg_prefix_remove(peer, m->prefix.addr, m->prefix.len);
		return 0;
	case ESC_PREFIX_CLEAR:
		wg_prefix_clear(peer);
		return 0;
	default:
		return -EINVAL;
	}
}

static int apply(struct crypto *c, struct batch_op *op)
{
	switch (op->type) {
	case ESC_MSG_DEVICE:
		apply_device(c, &op->u.device);
		return 0;
	case ESC_MSG_PEER_SET:
		return apply_peer_set(c, &op->u.peer_set);
	case ESC_MSG_PEER_REMOVE:
		apply_peer_remove(c, op->u.peer_remove.id);
		return 0;
	default:
		return apply_prefix(c, &op->u.peer_prefix);
	}
}

static void drop_batch(struct crypto *c)
{
	sodium_memzero(c->batch, c->batch_len * sizeof(*c->batch));
	c->batch_len = 0;
}

static void commit(struct crypto *c, uint32_t seq)
{
	struct esc_msg m = {.type = ESC_MSG_ACK};

	m.u.ack.seq = seq;
	for (uint32_t i = 0; i < c->batch_len && !m.u.ack.error; i++)
		m.u.ack.error = apply(c, &c->batch[i]);
	drop_batch(c);
	report(&m);
}

static int keep(struct crypto *c, const struct esc_msg *m)
{
	if (c->batch_len == BATCH_OPS_MAX)
		return -ENOBUFS;
	struct batch_op *op = &c->batch[c->batch_len++];
	op->type = m->type;
	memcpy(&op->u, &m->u, m->len);
	return 0;
}

int crypto_control_open(struct crypto *c)
{
	c->batch = sodium_allocarray(BATCH_OPS_MAX, sizeof(*c->batch));
	return c->batch ? 0 : -ENOMEM;
}

void crypto_control_close(struct crypto *c)
{
	sodium_free(c->batch); /* wipes */
	c->batch = NULL;
	c->batch_len = 0;
}

/* --- facts ------------------------------------------------------------------------------- */

static int take_nic(struct crypto *c, const struct esc_msg_nic *nic)
{
	/* A frame holds headers, padded packet and tag; more is not sealed whatever the MTU. */
	uint32_t fits = c->start.frame_size - MSG_OFFSET - WG_DATA_OVERHEAD;

	if (nic->addrs > ESC_ADDRS_MAX)
		return -EPROTO;
	if (nic->addrs != c->nic.addrs || memcmp(nic->addr, c->nic.addr, sizeof(nic->addr)) != 0) {
		for (uint32_t id = 0; id < ESC_PEERS_MAX; id++)
			c->peer[id].announce = true;
	}
	c->nic = *nic;
	if (c->nic.inner_mtu > fits)
		c->nic.inner_mtu = fits;
	paths_changed(c);
	return 0;
}

/* The keys go before anything else is done. What is on its way through this process is lost. */
static void zeroize(struct crypto *c)
{
	struct esc_msg m = {.type = ESC_MSG_ZEROIZED};

	crypto_wipe(c);
	c->zeroized = c->stopping = true;
	report(&m);
}

static int take_message(struct crypto *c, struct esc_msg *m)
{
	switch (m->type) {
	case ESC_MSG_DEVICE:
	case ESC_MSG_PEER_SET:
	case ESC_MSG_PEER_REMOVE:
	case ESC_MSG_PEER_PREFIX:
		return keep(c, m);
	case ESC_MSG_COMMIT:
		commit(c, m->u.commit.seq);
		return 0;
	case ESC_MSG_NIC:
		return take_nic(c, &m->u.nic);
	case ESC_MSG_HOP:
		if (esc_hop_update(c->hops, &m->u.hop))
			paths_changed(c);
		return 0;
	case ESC_MSG_PING: /* its number comes back; if that is lost, control asks again */
		m->type = ESC_MSG_PONG;
		report(m);
		return 0;
	case ESC_MSG_STOP:
		c->stopping = true;
		return 0;
	case ESC_MSG_ZEROIZE:
		zeroize(c);
		return 0;
	default:
		return -EPROTO;
	}
}

int crypto_control_round(struct crypto *c)
{
	struct esc_msg m;
	int err = 0;

	while (!err && !c->stopping) {
		int got = esc_msg_recv(ESC_FD_CONTROL, &m);
		if (got == -EAGAIN)
			break;
		if (got <= 0)
			err = got ? got : -EPIPE;
		else
			err = take_message(c, &m);
	}
	sodium_memzero(&m, sizeof(m));
	return err;
}
