/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uapi.h: WireGuard's cross-platform configuration protocol (wireguard.com/xplatform), spoken by
 * the `wg` tool over NAME.sock: text in, batch or text out, no socket here.
 *
 * Differences from other implementations, all deliberate:
 * - A set is one batch: every line is checked before any of it is applied.
 * - private_key is never returned. `wg` then shows no public key; `esclusa show` does.
 * - A node's key can be replaced, not removed. An all-zero private_key is refused (-EPERM, and
 *   `why` says so), except in a request that also has listen_port and fwmark: those three
 *   together are what `wg syncconf` and `wg setconf` send, zero for what the file does not have.
 *   Then the key stays, the rest is done and `why` holds a warning.
 * - A node with a key store takes no private_key at all (-EPERM): `esclusa key rekey` does that.
 * - listen_port=0 ("pick one") keeps the port, for the same reason.
 * - fwmark: only 0, there is no socket to mark (-EOPNOTSUPP).
 * - An unknown key is -EINVAL.
 */
#ifndef ESC_CONTROL_UAPI_H
#define ESC_CONTROL_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/model.h"

#define ESC_UAPI_REQUEST_MAX (8u << 20) /* about 100 times a full node's */
#define ESC_UAPI_ERRNO_MAX   32u

/* --- framing -------------------------------------------------------------------------------- */

/* Bytes of one connection; requests may hold keys: guarded memory, wiped. Zero-initialise. */
struct esc_uapi_rx {
	char *buf;
	size_t len, size;
	size_t taken; /* bytes of the request that esc_uapi_rx_next returned last */
	size_t scanned;
};

/* 0; -E2BIG (request longer than ESC_UAPI_REQUEST_MAX), -ENOMEM: answer that and close. */
int esc_uapi_rx_add(struct esc_uapi_rx *rx, const void *bytes, size_t len);

/*
 * The next complete request (its lines, without the blank one; NUL-terminated), valid until the
 * next rx call; NULL: more bytes are needed. At EOF, esc_uapi_rx_pending() tells a truncated
 * request (true) from a finished or merely probing client, which is not worth a log line.
 */
const char *esc_uapi_rx_next(struct esc_uapi_rx *rx, size_t *len);
bool esc_uapi_rx_pending(const struct esc_uapi_rx *rx);
void esc_uapi_rx_free(struct esc_uapi_rx *rx);

/* --- requests and replies --------------------------------------------------------------------- */

enum esc_uapi_verb { ESC_UAPI_BAD, ESC_UAPI_GET, ESC_UAPI_SET };

enum esc_uapi_verb esc_uapi_verb(const char *request, size_t len);

/*
 * A set request as a batch (esc_model_stage it, answer with the result of crypto). *batch is the
 * caller's to free, NULL unless 0 is returned. why: the reason of an error, naming line and key,
 * or a warning for the log when 0 is returned.
 */
int esc_uapi_set(const char *request, size_t len, struct esc_batch **batch, struct esc_reason *why);

/* What crypto knows about a peer. */
struct esc_uapi_live {
	uint64_t rx_bytes, tx_bytes;
	uint64_t last_handshake; /* UNIX nanoseconds, 0 = never */
	uint8_t endpoint[16];
	uint16_t endpoint_port; /* host order; 0 = the configured one holds */
};

/* Fills *live (zeroed before) for the peer in slot id. */
typedef void (*esc_uapi_live_fn)(void *arg, uint32_t id, struct esc_uapi_live *live);

/*
 * The whole reply to get=1, errno and blank line included. Holds preshared keys: free it with
 * esc_uapi_reply_free(). NULL: out of memory.
 */
char *esc_uapi_get(const struct esc_model *m, esc_uapi_live_fn live, void *arg, size_t *len);
void esc_uapi_reply_free(char *reply); /* wipes; NULL is fine */

/*
 * "errno=N\n\n", to be written with one write(). err: 0 or -errno. A get fails with a positive
 * number and a set with a negative one: `wg` takes a minus sign in a get reply as bad syntax.
 */
size_t esc_uapi_errno(char buf[ESC_UAPI_ERRNO_MAX], enum esc_uapi_verb verb, int err);

#endif
