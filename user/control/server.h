/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h: a local stream socket that several clients use at once without ever blocking control:
 * while a client's answer waits to be read, or its question is being worked on, nothing more is
 * read from it; one that stalls is disconnected.
 *
 * The socket is 0600, and a client must be root or the user that control runs as (SO_PEERCRED).
 */
#ifndef ESC_CONTROL_SERVER_H
#define ESC_CONTROL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/loop.h"

#define ESC_CLIENTS_MAX	    32u
#define ESC_CLIENT_STALL_NS (10ull * 1000000000ull)

struct esc_server;

struct esc_client {
	struct esc_server *server;
	struct esc_client *next;
	struct esc_watch watch;
	struct esc_timer stall;
	void *session; /* the protocol's */
	char *out;     /* answer that waits, or NULL */
	void (*release)(char *out);
	size_t out_len, out_sent;
	bool paused; /* read nothing until esc_client_resume() */
	bool last;   /* close when the answer is sent */
};

struct esc_server_ops {
	void *(*open)(struct esc_client *c); /* NULL: refuse */
	/* Bytes came. false: disconnect. */
	bool (*input)(struct esc_client *c, const char *bytes, size_t len);
	/* The answer is sent, or the pause over: go on with what came before. false: disconnect. */
	bool (*idle)(struct esc_client *c);
	void (*close)(struct esc_client *c); /* frees the session */
};

struct esc_server {
	struct esc_loop *loop;
	const struct esc_server_ops *ops;
	void *arg;
	struct esc_watch listener;
	struct esc_client *clients;
	uint32_t count;
	char path[64];
};

/*
 * Listen at path. A socket that nobody answers at is replaced. 0; -EADDRINUSE: somebody does;
 * other -errno. On failure nothing is left.
 */
int esc_server_open(struct esc_server *s, struct esc_loop *loop, const char *path,
		    const struct esc_server_ops *ops, void *arg);
/* Disconnect everyone, remove the socket. Fine on a zeroed struct. */
void esc_server_close(struct esc_server *s);

/*
 * Send an answer: `out` becomes the server's, which calls release() when it is sent or the client
 * is gone. One answer at a time: call it from input, idle or while paused, once.
 */
void esc_client_answer(struct esc_client *c, char *out, size_t len, void (*release)(char *out),
		       bool last);
/* An answer was given, or may be: read again. */
void esc_client_resume(struct esc_client *c);
static inline bool esc_client_busy(const struct esc_client *c)
{
	return c->out || c->paused;
}

#endif
