/* SPDX-License-Identifier: BSD-2-Clause */
/* The control plane's messages: exact sizes, known types, terminated strings. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipc/msg.h"

#define HEADER offsetof(struct esc_msg, u)

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	return 0;
}

static void send_raw(const void *bytes, size_t len)
{
	assert_int_equal(send(pair[0], bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void every_type_arrives_as_it_was_sent(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < 2 * ESC_MSG_TYPE_END; type++) {
		struct esc_msg out, in;
		int size = esc_msg_size(type);

		memset(&out, 0, sizeof(out));
		out.type = type;
		/* No byte is special; strings must keep their end, so theirs is left 0. */
		memset(&out.u, type == ESC_MSG_DEVICE ? 0xa5 : 0, sizeof(out.u));
		if (type == 0 || type >= ESC_MSG_TYPE_END) {
			assert_int_equal(size, -1);
			assert_int_equal(esc_msg_send(pair[0], &out), -EINVAL);
			continue;
		}
		assert_true(size >= 0 && (size_t)size <= sizeof(out.u));
		assert_int_equal(esc_msg_send(pair[0], &out), 0);
		assert_int_equal(esc_msg_recv(pair[1], &in), 1);
		assert_int_equal(in.type, type);
		assert_int_equal(in.len, size);
		assert_memory_equal(&in.u, &out.u, (size_t)size);
	}
}

static void wrong_sizes_are_a_protocol_error(void **state)
{
	(void)state;
	for (uint32_t type = 1; type < ESC_MSG_TYPE_END; type++) {
		unsigned char bytes[sizeof(struct esc_msg) + 64] = {0};
		size_t size = HEADER + (size_t)esc_msg_size(type);
		uint32_t len = (uint32_t)esc_msg_size(type);
		struct esc_msg in;

		for (int delta = -2; delta <= 2; delta++) {
			size_t n = size + (size_t)delta; /* bytes sent, against what is claimed */

			memcpy(bytes, &type, sizeof(type));
			memcpy(bytes + 4, &len, sizeof(len));
			send_raw(bytes, n);
			assert_int_equal(esc_msg_recv(pair[1], &in), delta ? -EPROTO : 1);
			uint32_t claim = len + (uint32_t)delta; /* claimed, against the type's */
			memcpy(bytes + 4, &claim, sizeof(claim));
			send_raw(bytes, size);
			assert_int_equal(esc_msg_recv(pair[1], &in), delta ? -EPROTO : 1);
		}
	}
}

static void unknown_types_and_fragments_are_a_protocol_error(void **state)
{
	static const uint32_t types[] = {0, ESC_MSG_TYPE_END, 1000, UINT32_MAX};
	unsigned char bytes[2 * sizeof(struct esc_msg)] = {0};
	struct esc_msg in;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		memcpy(bytes, &types[i], sizeof(types[i]));
		send_raw(bytes, HEADER);
		assert_int_equal(esc_msg_recv(pair[1], &in), -EPROTO);
	}
	for (size_t n = 1; n < HEADER; n++) {
		send_raw(bytes, n);
		assert_int_equal(esc_msg_recv(pair[1], &in), -EPROTO);
	}
	send_raw(bytes, sizeof(bytes)); /* longer than any message: truncation is seen */
	assert_int_equal(esc_msg_recv(pair[1], &in), -EPROTO);
}

static void strings_from_the_other_side_are_terminated(void **state)
{
	static const uint32_t types[] = {ESC_MSG_LOG, ESC_MSG_READY, ESC_MSG_CRYPTO_START,
					 ESC_MSG_RED_START};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct esc_msg out, in;

		memset(&out, 'A', sizeof(out));
		out.type = types[i];
		assert_int_equal(esc_msg_send(pair[0], &out), 0);
		assert_int_equal(esc_msg_recv(pair[1], &in), 1);
		if (types[i] == ESC_MSG_LOG) {
			assert_int_equal(strlen(in.u.log.text), sizeof(in.u.log.text) - 1);
		} else if (types[i] == ESC_MSG_READY) {
			assert_int_equal(strlen(in.u.ready.provider),
					 sizeof(in.u.ready.provider) - 1);
		} else {
			assert_int_equal(strlen(in.u.start.name), sizeof(in.u.start.name) - 1);
			assert_int_equal(strlen(in.u.start.provider),
					 sizeof(in.u.start.provider) - 1);
		}
	}
}

static void silence_and_the_end_are_told_apart(void **state)
{
	struct esc_msg m;

	(void)state;
	assert_int_equal(esc_msg_recv(pair[1], &m), -EAGAIN);
	close(pair[1]);
	int dead = pair[0];
	pair[1] = -1;
	memset(&m, 0, sizeof(m));
	m.type = ESC_MSG_STOP;
	assert_int_equal(esc_msg_send(dead, &m), -EPIPE);
	assert_int_equal(esc_msg_recv(dead, &m), 0);
}

int main(void)
{
#define WITH_PAIR(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		WITH_PAIR(every_type_arrives_as_it_was_sent),
		WITH_PAIR(wrong_sizes_are_a_protocol_error),
		WITH_PAIR(unknown_types_and_fragments_are_a_protocol_error),
		WITH_PAIR(strings_from_the_other_side_are_terminated),
		WITH_PAIR(silence_and_the_end_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
