/* SPDX-License-Identifier: BSD-2-Clause */
/* cookie.c: an attacker that receives at its source address: it asks for a cookie as peers do. */
#include "flood.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "noise/cookie.h"

#define TRIES	 100
#define PAUSE_MS 200 /* for the reply: it must answer the newest message */

bool flood_initiation(struct wg_blake2s *b, struct wg_cookie_maker *m, uint8_t msg[148])
{
	const uint32_t type = htole32(WG_INITIATION);

	randombytes_buf(msg, WG_INITIATION_LEN);
	memcpy(msg, &type, sizeof(type));
	return wg_macs_add(b, m, esc_now(), msg, WG_INITIATION_LEN);
}

static socklen_t to_sockaddr(const struct wg_endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};

	if (esc_addr_is_v4(e->addr)) {
		memcpy(&in.sin_addr, e->addr + 12, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, e->addr, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

static int connected(const struct flood *f)
{
	struct sockaddr_storage to, from;
	socklen_t len = to_sockaddr(&f->to, &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	to_sockaddr(&f->from, &from);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&from, len) &&
	    !connect(fd, (struct sockaddr *)&to, len))
		return fd;
	fprintf(stderr, "flood: UDP socket at the source address: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int flood_get_cookie(struct flood *f, struct wg_blake2s *b, struct wg_cookie_maker *m)
{
	int fd = connected(f);
	bool have = false;

	for (int i = 0; fd >= 0 && i < TRIES && !have; i++) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		uint8_t msg[WG_INITIATION_LEN];
		struct wg_msg_cookie reply;

		if (!flood_initiation(b, m, msg) || send(fd, msg, sizeof(msg), 0) < 0)
			break;
		if (poll(&pfd, 1, PAUSE_MS) > 0 &&
		    recv(fd, &reply, sizeof(reply), 0) == (ssize_t)sizeof(reply))
			have = wg_cookie_take(m, esc_now(), &reply);
	}
	if (fd >= 0)
		close(fd);
	if (have)
		return 0;
	fprintf(stderr, "flood: no cookie from the target in %d s: is it under load?\n",
		TRIES * PAUSE_MS / 1000);
	return -1;
}
