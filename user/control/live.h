/* SPDX-License-Identifier: BSD-2-Clause */
/* live.h: what the crypto process shows about a peer (maps/status.h), read consistently. */
#ifndef ESC_CONTROL_LIVE_H
#define ESC_CONTROL_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct esc_live {
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets;
	uint64_t last_handshake, last_rx; /* UNIX nanoseconds, 0 = never */
	uint64_t handshakes;
	uint8_t endpoint[16], local[16];
	uint16_t endpoint_port; /* host order; 0 = none */
	bool session;
};

/* false: there is no status memory, or it does not hold still; *live is zeroed then. */
bool esc_live_read(const struct esc_crypto_status *s, uint32_t id, struct esc_live *live);

#endif
