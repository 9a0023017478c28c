/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet process in an attacker's hands can do to control: say things over the socket that
 * it has, as often as that takes them, and show any status.
 */
#include <string.h>

#include "attack.h"
#include "hostile.h"
#include "ipc/msg.h"

static void fill(void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)p)[i] = (uint8_t)(hostile_random() >> 24);
}

/* Hosts of the LAN and of nowhere: each is a question to the kernel. */
static void want(struct esc_msg *m)
{
	m->type = ESC_MSG_WANT;
	fill(m->u.want.dst, sizeof(m->u.want.dst));
	if (hostile_random() & 1) {
		memset(m->u.want.dst, 0, 10);
		memset(m->u.want.dst + 10, 0xff, 2);
		memcpy(m->u.want.dst + 12, (uint8_t[]){10, 1, 0}, 3);
	}
}

void hostile_talk(void *status, size_t size, bool crypto)
{
	struct esc_msg m;

	fill(status, size);
	for (int i = 0; i < 64; i++) {
		memset(&m, 0, sizeof(m));
		switch (hostile_random() % 8) {
		case 0: /* control characters, escape sequences, no end */
			m.type = ESC_MSG_LOG;
			fill(&m.u.log, sizeof(m.u.log));
			m.u.log.level &= 7;
			break;
		case 1:
			if (crypto) {
				m.type = ESC_MSG_STAMP;
				fill(&m.u.stamp, sizeof(m.u.stamp));
				break;
			}
			/* fall through */
		default:
			want(&m);
		}
		esc_msg_send(ESC_FD_CONTROL, &m);
	}
}

/* Well-formed, and nothing that a packet process may say. */
void hostile_last_word(void)
{
	struct esc_msg m = {.type = ESC_MSG_NIC};

	while (esc_msg_send(ESC_FD_CONTROL, &m) == -EAGAIN)
		;
}
