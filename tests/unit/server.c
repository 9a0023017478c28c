/* SPDX-License-Identifier: BSD-2-Clause */
/* A long answer that comes in pieces keeps nobody else waiting, read or not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/server.h"

#define PIECE  65536u
#define PIECES 300u /* far more than a socket takes at once */

struct rig {
	struct esc_loop loop;
	struct esc_access access;
	struct esc_server server;
	char path[64];
	uint32_t made, closed;
};

struct session {
	char asked;
	uint32_t sent;
};

static void *open_session(struct esc_client *c)
{
	(void)c;
	return calloc(1, sizeof(struct session));
}

static bool input(struct esc_client *c, const char *bytes, size_t len)
{
	struct session *s = c->session;

	s->asked = bytes[len - 1];
	return true;
}

static void release(char *out)
{
	free(out);
}

/* "s" is answered with a stream, "q" with one byte. */
static bool idle(struct esc_client *c)
{
	struct rig *r = c->server->arg;
	struct session *s = c->session;
	size_t len = s->asked == 's' ? PIECE : 1;

	if (!s->asked)
		return true;
	char *out = calloc(1, len);
	assert_non_null(out);
	memset(out, 'A' + (int)(s->sent % 26), len);
	c->streams = s->asked == 's';
	r->made += c->streams;
	esc_client_answer(c, out, len, release, !c->streams || ++s->sent == PIECES);
	return true;
}

static void close_session(struct esc_client *c)
{
	struct rig *r = c->server->arg;

	r->closed++;
	free(c->session);
}

static const struct esc_server_ops ops = {open_session, input, idle, close_session};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	snprintf(r->path, sizeof(r->path), "/tmp/esc-server-%d.sock", (int)getpid());
	assert_int_equal(esc_loop_open(&r->loop), 0);
	assert_int_equal(esc_server_open(&r->server, &r->loop, r->path, &r->access, &ops, r), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	esc_server_close(&r->server);
	esc_loop_close(&r->loop);
	free(r);
	return 0;
}

static int ask(const struct rig *r, char question)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(sa.sun_path, r->path, sizeof(r->path));
	assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(send(fd, &question, 1, 0), 1);
	return fd;
}

/* What is there to read now; -1: nothing, 0: the end. */
static ssize_t take(int fd, char *buf, size_t size)
{
	return recv(fd, buf, size, MSG_DONTWAIT);
}

static void stream_arrives_whole_and_in_order(void **state)
{
	static char buf[PIECE];
	struct rig *r = *state;
	int fd = ask(r, 's');
	size_t all = 0;
	ssize_t n = -1;

	while (n) {
		n = take(fd, buf, sizeof(buf));
		if (n < 0)
			assert_int_equal(esc_loop_turn(&r->loop), 0);
		for (ssize_t i = 0; i < n; i++, all++)
			assert_int_equal(buf[i], 'A' + (int)(all / PIECE % 26));
	}
	assert_int_equal(all, (size_t)PIECE * PIECES);
	close(fd);
}

/* As fast as it may be read, another one gets a turn behind each piece. */
static void others_have_their_turn_between_pieces(void **state)
{
	static char buf[PIECE * 4];
	struct rig *r = *state;
	int stream = ask(r, 's'), other = -1;
	uint32_t before = 0;
	char c;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(esc_loop_turn(&r->loop), 0);
		while (take(stream, buf, sizeof(buf)) > 0)
			;
	}
	assert_true(r->made && r->made < PIECES);
	other = ask(r, 'q');
	before = r->made;
	while (take(other, &c, 1) != 1) {
		assert_int_equal(esc_loop_turn(&r->loop), 0);
		while (take(stream, buf, sizeof(buf)) > 0)
			;
	}
	assert_true(r->made - before <= 4); /* to be accepted, heard and answered */
	close(stream);
	close(other);
}

static void reader_that_stops_stops_nobody(void **state)
{
	struct rig *r = *state;
	int stream = ask(r, 's'), other;
	uint32_t made;
	char c;

	while (!r->made)
		assert_int_equal(esc_loop_turn(&r->loop), 0);
	for (uint32_t i = 0; i < 20; i++) { /* until its socket is full */
		other = ask(r, 'q');
		assert_int_equal(esc_loop_turn(&r->loop), 0);
		assert_int_equal(esc_loop_turn(&r->loop), 0);
		close(other);
	}
	made = r->made;
	assert_true(made < PIECES); /* and no more is made for it */
	for (int i = 0; i < 50; i++) {
		other = ask(r, 'q');
		c = 0;
		while (take(other, &c, 1) != 1)
			assert_int_equal(esc_loop_turn(&r->loop), 0);
		assert_int_equal(c, 'A');
		close(other);
	}
	assert_int_equal(r->made, made);
	assert_true(r->server.clients && r->server.clients->stall.due); /* nor for ever */
	close(stream);
	while (r->server.clients)
		assert_int_equal(esc_loop_turn(&r->loop), 0);
}

static void who_hangs_up_ends_its_stream(void **state)
{
	struct rig *r = *state;
	int fd = ask(r, 's');

	while (!r->made)
		assert_int_equal(esc_loop_turn(&r->loop), 0);
	close(fd);
	while (r->server.clients)
		assert_int_equal(esc_loop_turn(&r->loop), 0);
	assert_true(r->made < PIECES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stream_arrives_whole_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(others_have_their_turn_between_pieces, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reader_that_stops_stops_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(who_hangs_up_ends_its_stream, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
