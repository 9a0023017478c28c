/* SPDX-License-Identifier: BSD-2-Clause */
/* uapi_get.c: the reply to get=1. */
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "control/uapi.h"

/* Longest possible text of the device's lines, of a peer's and of one allowed_ip; rounded up. */
#define DEVICE_ROOM 128u
#define PEER_ROOM   640u
#define PREFIX_ROOM 80u

struct reply {
	char *buf; /* guarded: it holds preshared keys */
	size_t len, size;
	bool cut;
};

__attribute__((format(printf, 2, 3))) static void put(struct reply *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(r->buf + r->len, r->size - r->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= r->size - r->len)
		r->cut = true;
	else
		r->len += (size_t)n;
}

static void put_key(struct reply *r, const char *name, const uint8_t key[ESC_KEY_LEN])
{
	char hex[ESC_KEY_HEX];

	put(r, "%s=%s\n", name, esc_key_to_hex(hex, key));
	sodium_memzero(hex, sizeof(hex));
}

static void put_peer(struct reply *r, const struct esc_model *m, const struct esc_peer *p,
		     const struct esc_uapi_live *live)
{
	const uint8_t *addr = live->endpoint_port ? live->endpoint : p->endpoint;
	uint16_t port = live->endpoint_port ? live->endpoint_port : p->endpoint_port;
	uint64_t sec = live->last_handshake / ESC_S, nsec = live->last_handshake % ESC_S;
	const struct esc_prefix *prefix;
	uint32_t cursor = 0;
	char text[ESC_EP_STR];

	put_key(r, "public_key", p->public_key);
	put_key(r, "preshared_key", esc_model_psk(m, p->id));
	put(r, "protocol_version=1\n");
	if (port)
		put(r, "endpoint=%s\n", esc_endpoint_format(addr, port, text));
	/* Some clients take 0 nanoseconds for "never", whatever the seconds are. */
	if (live->last_handshake && !nsec)
		nsec = 1;
	put(r, "last_handshake_time_sec=%" PRIu64 "\n", sec);
	put(r, "last_handshake_time_nsec=%" PRIu64 "\n", nsec);
	put(r, "tx_bytes=%" PRIu64 "\n", live->tx_bytes);
	put(r, "rx_bytes=%" PRIu64 "\n", live->rx_bytes);
	put(r, "persistent_keepalive_interval=%u\n", p->keepalive);
	while ((prefix = esc_model_prefix_next(m, p->id, &cursor)))
		put(r, "allowed_ip=%s\n", esc_prefix_format(prefix->addr, prefix->len, text));
}

char *esc_uapi_get(const struct esc_model *m, esc_uapi_live_fn live, void *arg, size_t *len)
{
	struct reply r = {.size = DEVICE_ROOM + (size_t)m->peers * PEER_ROOM +
				  (size_t)m->prefixes * PREFIX_ROOM};

	r.buf = sodium_malloc(r.size);
	if (!r.buf)
		return NULL;
	put(&r, "listen_port=%u\n", m->listen_port);
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(m, id);
		struct esc_uapi_live now;

		if (!p)
			continue;
		memset(&now, 0, sizeof(now));
		live(arg, id, &now);
		put_peer(&r, m, p, &now);
	}
	put(&r, "errno=0\n\n");
	if (r.cut) { /* the rooms above are too small; never half a reply */
		sodium_free(r.buf);
		return NULL;
	}
	*len = r.len;
	return r.buf;
}

void esc_uapi_reply_free(char *reply)
{
	sodium_free(reply);
}
