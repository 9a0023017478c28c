/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Those who follow a node's events, at a real socket: lines come whole and in order; who does not
 * read holds nobody up, and is told what it missed.
 */
#include <setjmp.h>
#include <sodium.h>
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

#include "control/monitor.h"
#include "control/node.h"
#include "control/runtime.h"

#define EVENTS 2000u /* more than socket buffers and the store hold */

struct rig {
	struct node *n;
	char path[64];
};

struct session {
	uint64_t cursor;
};

static void *session_open(struct esc_client *c)
{
	(void)c;
	return calloc(1, sizeof(struct session));
}

static bool session_input(struct esc_client *c, const char *bytes, size_t len)
{
	(void)bytes;
	return !c->stays && len;
}

static bool session_idle(struct esc_client *c)
{
	struct session *s = c->session;

	return c->stays ? monitor_next(c, &s->cursor) : monitor_begin(c, &s->cursor);
}

static void session_close(struct esc_client *c)
{
	free(c->session);
}

static const struct esc_server_ops ops = {session_open, session_input, session_idle, session_close};

static int rig_open(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->n = calloc(1, sizeof(*r->n));
	r->n->model = esc_model_new();
	snprintf(r->n->model->name, sizeof(r->n->model->name), "unit");
	esc_detect_init(&r->n->alarm.detect, &r->n->model->defence.detect);
	r->n->access.own = geteuid();
	snprintf(r->path, sizeof(r->path), "/tmp/esclusa-unit-monitor.%d", (int)getpid());
	assert_int_equal(esc_loop_open(&r->n->loop), 0);
	assert_int_equal(
		esc_server_open(&r->n->status, &r->n->loop, r->path, &r->n->access, &ops, r->n), 0);
	*state = r;
	return 0;
}

static int rig_close(void **state)
{
	struct rig *r = *state;

	esc_server_close(&r->n->status);
	esc_events_free(&r->n->events);
	esc_loop_close(&r->n->loop);
	esc_model_free(r->n->model);
	free(r->n);
	free(r);
	return 0;
}

static unsigned int followers(const struct rig *r)
{
	unsigned int n = 0;

	for (const struct esc_client *c = r->n->status.clients; c; c = c->next)
		n += c->stays;
	return n;
}

static void turn(struct rig *r, unsigned int times)
{
	struct esc_timer wake = {.fn = (void (*)(void *))free, .arg = NULL};

	while (times--) {
		esc_loop_arm(&r->n->loop, &wake, 1000000);
		assert_int_equal(esc_loop_turn(&r->n->loop), 0);
	}
	esc_loop_cancel(&r->n->loop, &wake);
}

static int follow(struct rig *r)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(sa.sun_path, r->path, strlen(r->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	turn(r, 4);
	return fd;
}

/* Bytes that are there, appended; false: the node hung up. */
static bool take(int fd, FILE *into)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		fwrite(buf, 1, (size_t)n, into);
	return n < 0;
}

static void news(struct rig *r, unsigned int number)
{
	r->n->restarts = number;
	monitor_state(r->n, "running", NULL);
}

/* Lines "restarts":0 ... last - 1 in order, after the one of the beginning; what comes then. */
static const char *expect_lines(const char *text, unsigned int last)
{
	const char *line = strchr(text, '\n');
	char want[64];

	assert_non_null(strstr(text, "\"event\":\"status\""));
	for (unsigned int i = 0; i < last; i++) {
		snprintf(want, sizeof(want), "\"event\":\"running\",\"restarts\":%u}\n", i);
		const char *found = strstr(line + 1, "\"event\"");
		if (!found || strncmp(found, want, strlen(want)) != 0)
			return line + 1;
		line = strchr(found, '\n');
	}
	return line + 1;
}

static void nobody_follows_and_nothing_is_kept(void **state)
{
	struct rig *r = *state;

	news(r, 0);
	assert_int_equal(r->n->events.next, 0);
}

static void reader_gets_all_and_who_stalls_holds_nobody_up(void **state)
{
	struct rig *r = *state;
	int fast = follow(r), slow = follow(r);
	char *fast_text, *slow_text;
	size_t fast_len, slow_len;
	FILE *f = open_memstream(&fast_text, &fast_len), *s = open_memstream(&slow_text, &slow_len);

	assert_int_equal(followers(r), 2);
	for (const struct esc_client *c = r->n->status.clients; c; c = c->next)
		assert_int_equal(c->stall.due, 0); /* silence is no stalling */
	for (unsigned int i = 0; i < EVENTS; i++) {
		news(r, i);
		assert_true(take(fast, f));
	}
	turn(r, 3);
	assert_int_equal(followers(r), 2);
	assert_int_not_equal(r->n->status.clients->stall.due, 0); /* the later one comes first */

	/* It reads again: whole lines, then how many it missed, then the end. */
	for (int i = 0; i < 100 && take(slow, s); i++)
		turn(r, 3);
	assert_false(take(slow, s));
	assert_int_equal(followers(r), 1);
	fclose(s);
	const char *rest = expect_lines(slow_text, EVENTS);
	const char *lost = strstr(rest, "\"event\":\"lost\",\"events\":");
	assert_non_null(lost);
	unsigned int got = 0;
	for (const char *c = slow_text; *c; c++)
		got += *c == '\n';
	/* but for its first and its last line */
	assert_int_equal(got - 2 + strtoul(strrchr(lost, ':') + 1, NULL, 10), EVENTS);
	assert_ptr_equal(strchr(rest, '\n') + 1, slow_text + slow_len);

	news(r, EVENTS);
	assert_true(take(fast, f));
	fclose(f);
	assert_string_equal(expect_lines(fast_text, EVENTS + 1), "");
	close(fast);
	turn(r, 4);
	assert_int_equal(followers(r), 0);
	close(slow);
	free(fast_text);
	free(slow_text);
}

static void followers_of_a_class_are_few(void **state)
{
	struct rig *r = *state;
	int fd[5];
	char answer[128] = "";

	for (int i = 0; i < 5; i++)
		fd[i] = follow(r);
	assert_int_equal(followers(r), 4);
	assert_true(recv(fd[4], answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
	assert_int_equal(answer[0], ESC_REFUSED);
	assert_non_null(strstr(answer, "4 others follow"));
	for (int i = 0; i < 5; i++)
		close(fd[i]);
	turn(r, 12);
	assert_int_equal(followers(r), 0);
}

static void who_follows_has_nothing_more_to_say(void **state)
{
	struct rig *r = *state;
	int fd = follow(r);

	assert_int_equal(followers(r), 1);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	turn(r, 4);
	assert_int_equal(followers(r), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_follows_and_nothing_is_kept, rig_open,
						rig_close),
		cmocka_unit_test_setup_teardown(reader_gets_all_and_who_stalls_holds_nobody_up,
						rig_open, rig_close),
		cmocka_unit_test_setup_teardown(followers_of_a_class_are_few, rig_open, rig_close),
		cmocka_unit_test_setup_teardown(who_follows_has_nothing_more_to_say, rig_open,
						rig_close),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
