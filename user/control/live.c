/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/live.h"

#include <arpa/inet.h>
#include <string.h>

#define TRIES 100 /* the writer changes these few bytes at most once per packet */

static bool read_endpoint(const struct esc_peer_status *p, struct esc_live *live)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_explicit(&p->sequence, memory_order_acquire);
		uint8_t valid = p->endpoint_valid;
		live->session = p->session == 1;
		live->endpoint_port = ntohs(p->endpoint_port);
		memcpy(live->endpoint, p->endpoint, 16);
		memcpy(live->local, p->local, 16);
		atomic_thread_fence(memory_order_acquire);
		if (before & 1 ||
		    before != atomic_load_explicit(&p->sequence, memory_order_relaxed))
			continue;
		if (!valid)
			live->endpoint_port = 0;
		return true;
	}
	return false;
}

bool esc_live_read(const struct esc_crypto_status *s, uint32_t id, struct esc_live *live)
{
	*live = (struct esc_live){0};
	if (!s || id >= ESC_PEERS_MAX)
		return false;
	const struct esc_peer_status *p = &s->peer[id];
	if (!read_endpoint(p, live)) {
		*live = (struct esc_live){0};
		return false;
	}
	live->rx_bytes = esc_cell_get(&p->rx_bytes);
	live->tx_bytes = esc_cell_get(&p->tx_bytes);
	live->rx_packets = esc_cell_get(&p->rx_packets);
	live->tx_packets = esc_cell_get(&p->tx_packets);
	live->last_handshake = esc_cell_get(&p->last_handshake);
	live->last_rx = esc_cell_get(&p->last_rx);
	live->handshakes = esc_cell_get(&p->handshakes);
	return true;
}
