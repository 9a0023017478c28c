/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h: a local stream socket that several clients use at once without ever blocking control:
 * while a client's answer waits to be read, or its question is being worked on, nothing more is
 * read from it; one that stalls is disconnected.
 *
 * Everybody may ask who can connect (access.h): a protocol calls esc_client_right() for every
 * request and answers accordingly. Clients of one class can fill only their own share of the
 * places, and must keep asking, so that root always finds one.
 */
#ifndef ESC_CONTROL_SERVER_H
#define ESC_CONTROL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/access.h"
#include "control/loop.h"

#define ESC_CLIENTS_MAX	    32u
#define ESC_CLIENT_STALL_NS (10ull * 1000000000ull)

struct esc_server;

struct esc_client {
	struct esc_server *server;
	struct esc_client *next;
	struct esc_watch watch;
	struct esc_timer stall;
	struct esc_caller who; /* as of the last esc_client_right() */
	void *session;	       /* the protocol's */
	char *out;	       /* answer that waits, or NULL */
	void (*release)(char *out);
	size_t out_len, out_sent;
	enum esc_right place; /* which share it takes from */
	bool paused;	      /* read nothing until esc_client_resume() */
	bool last;	      /* close when the answer is sent */
	bool stays;	      /* it need not ask: the protocol has more to say, sometime */
	bool streams; /* the answer comes in pieces, idle() has the next one: no questions */
};

struct esc_server_ops {
	void *(*open)(struct esc_client *c); /* NULL: refuse */
	/* Bytes came. false: disconnect. */
	bool (*input)(struct esc_client *c, const char *bytes, size_t len);
	/*
	 * The answer is sent, or the pause over: go on with what came before. false: disconnect.
	 * One that streams is called when there is room for a piece, and others had their turn.
	 */
	bool (*idle)(struct esc_client *c);
	void (*close)(struct esc_client *c); /* frees the session */
};

struct esc_server {
	struct esc_loop *loop;
	const struct esc_access *access;
	const struct esc_server_ops *ops;
	void *arg;
	struct esc_watch listener;
	struct esc_client *clients;
	uint32_t count[ESC_RIGHT_ROOT + 1]; /* clients by what they might do when they came */
	char path[64];
};

/*
 * Listen at path, for those that `access` (kept by the caller) lets in. A socket that nobody
 * answers at is replaced. 0; -EADDRINUSE: somebody does; other -errno. On failure nothing is left.
 */
int esc_server_open(struct esc_server *s, struct esc_loop *loop, const char *path,
		    const struct esc_access *access, const struct esc_server_ops *ops, void *arg);
/* Disconnect everyone, remove the socket. Fine on a zeroed struct. */
void esc_server_close(struct esc_server *s);

/* What this client may do now, by the kernel's word; c->who has the rest. */
enum esc_right esc_client_right(struct esc_client *c);

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
