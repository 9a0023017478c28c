/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan.h: control's end of the socket to a packet process: messages that the socket does not
 * take now wait in memory (wiped, they may hold keys), so control never blocks on a process that
 * does not read.
 */
#ifndef ESC_CONTROL_CHAN_H
#define ESC_CONTROL_CHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"

/* Enough for a full configuration twice; a process that lets more pile up is not well. */
#define ESC_CHAN_WAITING_MAX (2u * (ESC_PREFIXES_MAX + 2u * ESC_PEERS_MAX))

struct esc_chan_item;

struct esc_chan {
	int fd;
	uint32_t waiting;
	struct esc_chan_item *head, **tail;
};

void esc_chan_init(struct esc_chan *c, int fd); /* fd: non-blocking; the channel owns it */
void esc_chan_close(struct esc_chan *c);	/* wipes what waits */

/* Send or keep. 0; -ENOBUFS (too many wait), -ENOMEM, other -errno: the process is lost. */
int esc_chan_send(struct esc_chan *c, struct esc_msg *m);
/* Forget, and wipe, what waits: what comes now is more urgent. */
void esc_chan_drop(struct esc_chan *c);
/* Send what waits, as far as the socket takes it. 0 or -errno as above. */
int esc_chan_flush(struct esc_chan *c);

static inline bool esc_chan_waiting(const struct esc_chan *c)
{
	return c->waiting > 0;
}

#endif
