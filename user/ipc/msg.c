/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc/msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

int esc_msg_size(uint32_t type)
{
	switch (type) {
	case ESC_MSG_CRYPTO_START:
	case ESC_MSG_RED_START:
		return sizeof(struct esc_msg_start);
	case ESC_MSG_DEVICE:
		return sizeof(struct esc_msg_device);
	case ESC_MSG_PEER_SET:
		return sizeof(struct esc_msg_peer_set);
	case ESC_MSG_PEER_REMOVE:
		return sizeof(struct esc_msg_peer_remove);
	case ESC_MSG_PEER_PREFIX:
		return sizeof(struct esc_msg_peer_prefix);
	case ESC_MSG_COMMIT:
		return sizeof(struct esc_msg_commit);
	case ESC_MSG_NIC:
		return sizeof(struct esc_msg_nic);
	case ESC_MSG_HOP:
		return sizeof(struct esc_msg_hop);
	case ESC_MSG_FIREWALL:
		return sizeof(struct esc_msg_firewall);
	case ESC_MSG_STOP:
	case ESC_MSG_ZEROIZE:
	case ESC_MSG_ZEROIZED:
		return 0;
	case ESC_MSG_PING:
	case ESC_MSG_PONG:
		return sizeof(struct esc_msg_ping);
	case ESC_MSG_READY:
		return sizeof(struct esc_msg_ready);
	case ESC_MSG_ACK:
		return sizeof(struct esc_msg_ack);
	case ESC_MSG_WANT:
		return sizeof(struct esc_msg_want);
	case ESC_MSG_STAMP:
		return sizeof(struct esc_msg_stamp);
	case ESC_MSG_LOG:
		return sizeof(struct esc_msg_log);
	default:
		return -1;
	}
}

int esc_msg_send(int fd, struct esc_msg *m)
{
	int size = esc_msg_size(m->type);

	if (size < 0)
		return -EINVAL;
	m->len = (uint32_t)size;
	size_t want = offsetof(struct esc_msg, u) + m->len;
	ssize_t n;
	do {
		n = send(fd, m, want, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == want ? 0 : -EPROTO;
}

int esc_msg_recv(int fd, struct esc_msg *m)
{
	memset(m, 0, sizeof(*m));
	ssize_t n;
	do {
		n = recv(fd, m, sizeof(*m), MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (n == 0)
		return 0;
	int size = (size_t)n >= offsetof(struct esc_msg, u) ? esc_msg_size(m->type) : -1;
	if (size < 0 || m->len != (uint32_t)size ||
	    (size_t)n != offsetof(struct esc_msg, u) + (size_t)size)
		return -EPROTO;
	if (m->type == ESC_MSG_LOG)
		m->u.log.text[sizeof(m->u.log.text) - 1] = '\0';
	if (m->type == ESC_MSG_READY)
		m->u.ready.provider[sizeof(m->u.ready.provider) - 1] = '\0';
	if (m->type == ESC_MSG_CRYPTO_START || m->type == ESC_MSG_RED_START) {
		m->u.start.name[sizeof(m->u.start.name) - 1] = '\0';
		m->u.start.provider[sizeof(m->u.start.provider) - 1] = '\0';
		m->u.start.keystore[sizeof(m->u.start.keystore) - 1] = '\0';
	}
	return 1;
}
