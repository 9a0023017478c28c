/* SPDX-License-Identifier: BSD-2-Clause */
/* uapi_set.c: a set=1 request as a batch. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "control/uapi.h"

/* The longest valid line is a key with its name; anything longer is no line of this protocol. */
#define LINE_MAX_BYTES 128u

struct set {
	struct esc_batch *batch;
	bool in_peer;
	bool zero_key, port, fwmark; /* what the device's lines named */
};

/* Handlers return 0 or -errno; -EINVAL needs no text of its own. */

static int flag_value(const char *value)
{
	return strcmp(value, "true") ? -EINVAL : 0;
}

static int number_value(const char *value, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (!*value || strlen(value) > 10)
		return -EINVAL;
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(*value - '0');
	}
	*out = (uint32_t)v;
	return v <= max ? 0 : -EINVAL;
}

static int set_private_key(struct set *s, const char *value)
{
	uint8_t key[ESC_KEY_LEN];
	int err = -EINVAL;

	if (esc_key_from_hex(key, value)) {
		s->zero_key = esc_key_is_zero(key);
		err = s->zero_key ? 0 : esc_batch_private_key(s->batch, key);
	}
	sodium_memzero(key, sizeof(key));
	return err;
}

static int set_listen_port(struct set *s, const char *value)
{
	uint32_t port;
	int err = number_value(value, 65535, &port);

	s->port = true;
	return err || !port ? err : esc_batch_listen_port(s->batch, (uint16_t)port);
}

static int set_fwmark(struct set *s, const char *value)
{
	uint32_t mark;
	int err = number_value(value, UINT32_MAX, &mark);

	s->fwmark = true;
	return err || !mark ? err : -EOPNOTSUPP;
}

static int set_replace_peers(struct set *s, const char *value)
{
	return flag_value(value) ? -EINVAL : esc_batch_replace_peers(s->batch);
}

static int set_public_key(struct set *s, const char *value)
{
	uint8_t key[ESC_KEY_LEN];

	if (!esc_key_from_hex(key, value) || esc_key_is_zero(key))
		return -EINVAL;
	s->in_peer = true;
	return esc_batch_peer(s->batch, key);
}

static int set_remove(struct set *s, const char *value)
{
	return flag_value(value) ? -EINVAL : esc_batch_peer_flag(s->batch, ESC_BATCH_REMOVE);
}

static int set_update_only(struct set *s, const char *value)
{
	return flag_value(value) ? -EINVAL : esc_batch_peer_flag(s->batch, ESC_BATCH_UPDATE_ONLY);
}

static int set_psk(struct set *s, const char *value)
{
	uint8_t key[ESC_KEY_LEN];
	int err = esc_key_from_hex(key, value) ? esc_batch_psk(s->batch, key) : -EINVAL;

	sodium_memzero(key, sizeof(key));
	return err;
}

static int set_endpoint(struct set *s, const char *value)
{
	uint8_t addr[16];
	uint16_t port;

	return esc_endpoint_parse(value, addr, &port) ? esc_batch_endpoint(s->batch, addr, port)
						      : -EINVAL;
}

static int set_keepalive(struct set *s, const char *value)
{
	uint32_t seconds;
	int err = number_value(value, 65535, &seconds);

	return err ? err : esc_batch_keepalive(s->batch, (uint16_t)seconds);
}

static int set_replace_allowed_ips(struct set *s, const char *value)
{
	return flag_value(value) ? -EINVAL : esc_batch_clear_prefixes(s->batch);
}

static int set_allowed_ip(struct set *s, const char *value)
{
	struct esc_prefix p = {.len = 0};
	bool add = *value != '-';

	return esc_prefix_parse(add ? value : value + 1, p.addr, &p.len)
		       ? esc_batch_prefix(s->batch, &p, add)
		       : -EINVAL;
}

static int set_protocol_version(struct set *s, const char *value)
{
	(void)s;
	return strcmp(value, "1") ? -EINVAL : 0;
}

enum where { DEVICE = 1, PEER = 2 };

static const struct {
	const char *name;
	unsigned int where;
	int (*set)(struct set *s, const char *value);
} keys[] = {
	{"private_key", DEVICE, set_private_key},
	{"listen_port", DEVICE, set_listen_port},
	{"fwmark", DEVICE, set_fwmark},
	{"replace_peers", DEVICE, set_replace_peers},
	{"public_key", DEVICE | PEER, set_public_key},
	{"remove", PEER, set_remove},
	{"update_only", PEER, set_update_only},
	{"preshared_key", PEER, set_psk},
	{"endpoint", PEER, set_endpoint},
	{"persistent_keepalive_interval", PEER, set_keepalive},
	{"replace_allowed_ips", PEER, set_replace_allowed_ips},
	{"allowed_ip", PEER, set_allowed_ip},
	{"protocol_version", PEER, set_protocol_version},
};

/* One line, NUL-terminated. */
static int set_line(struct set *s, char *line, unsigned int number, struct esc_reason *why)
{
	char *equals = strchr(line, '=');

	if (!equals) {
		snprintf(why->text, sizeof(why->text), "line %u: expected key=value", number);
		return -EINVAL;
	}
	*equals = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(line, keys[i].name) != 0)
			continue;
		if (!(keys[i].where & (s->in_peer ? PEER : DEVICE))) {
			snprintf(why->text, sizeof(why->text), "line %u: %s %s", number,
				 keys[i].name,
				 s->in_peer ? "after a public_key" : "before any public_key");
			return -EINVAL;
		}
		int err = keys[i].set(s, equals + 1);
		if (err)
			snprintf(why->text, sizeof(why->text), "line %u: %s: %s", number,
				 keys[i].name,
				 err == -EOPNOTSUPP ? "no socket could carry the mark"
				 : err == -EINVAL   ? "bad value"
						    : strerror(-err));
		return err;
	}
	/* The word is not shown: it may be anything, a key as well. */
	snprintf(why->text, sizeof(why->text), "line %u: unknown key", number);
	return -EINVAL;
}

static int set_lines(struct set *s, const char *request, size_t len, struct esc_reason *why)
{
	char line[LINE_MAX_BYTES];
	size_t at = 0;
	int err = 0;

	/* Line 1 is the verb. */
	for (unsigned int number = 1; at < len && !err; number++) {
		const char *start = request + at;
		const char *end = memchr(start, '\n', len - at);
		size_t n = end ? (size_t)(end - start) : len - at;

		at += n + (end ? 1 : 0);
		if (number == 1)
			continue;
		if (n >= sizeof(line) || memchr(start, '\0', n)) {
			snprintf(why->text, sizeof(why->text), "line %u: too long or not text",
				 number);
			err = -EINVAL;
			break;
		}
		memcpy(line, start, n);
		line[n] = '\0';
		err = set_line(s, line, number, why);
	}
	sodium_memzero(line, sizeof(line));
	return err;
}

/* See the top of uapi.h for why the shape of the request decides. */
static int check_zero_key(const struct set *s, struct esc_reason *why)
{
	bool whole_file = s->port && s->fwmark;

	if (!s->zero_key)
		return 0;
	snprintf(why->text, sizeof(why->text),
		 whole_file
			 ? "no private key was given: the node keeps the one it has"
			 : "the private key cannot be removed, only replaced: nothing was changed");
	return whole_file ? 0 : -EPERM;
}

int esc_uapi_set(const char *request, size_t len, struct esc_batch **batch, struct esc_reason *why)
{
	struct set s = {.batch = esc_batch_new()};
	int err = -EPROTO;

	*batch = NULL;
	why->text[0] = '\0';
	if (!s.batch)
		return -ENOMEM;
	if (esc_uapi_verb(request, len) == ESC_UAPI_SET)
		err = set_lines(&s, request, len, why);
	else
		snprintf(why->text, sizeof(why->text), "line 1: expected get=1 or set=1");
	if (!err)
		err = check_zero_key(&s, why);
	if (err)
		esc_batch_free(s.batch);
	else
		*batch = s.batch;
	return err;
}
