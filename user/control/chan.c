/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/chan.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct esc_chan_item {
	struct esc_chan_item *next;
	struct esc_msg *msg; /* only its first `size` bytes exist */
	size_t size;
};

void esc_chan_init(struct esc_chan *c, int fd)
{
	*c = (struct esc_chan){.fd = fd};
	c->tail = &c->head;
}

static void drop_head(struct esc_chan *c)
{
	struct esc_chan_item *it = c->head;

	c->head = it->next;
	if (!c->head)
		c->tail = &c->head;
	c->waiting--;
	sodium_memzero(it->msg, it->size);
	free(it->msg);
	free(it);
}

void esc_chan_drop(struct esc_chan *c)
{
	while (c->waiting)
		drop_head(c);
}

void esc_chan_close(struct esc_chan *c)
{
	esc_chan_drop(c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int esc_chan_flush(struct esc_chan *c)
{
	while (c->waiting) {
		int err = esc_msg_send(c->fd, c->head->msg);
		if (err == -EAGAIN)
			return 0;
		if (err)
			return err;
		drop_head(c);
	}
	return 0;
}

static int keep(struct esc_chan *c, const struct esc_msg *m)
{
	int body = esc_msg_size(m->type);

	if (body < 0)
		return -EINVAL;
	if (c->waiting >= ESC_CHAN_WAITING_MAX)
		return -ENOBUFS;
	size_t size = offsetof(struct esc_msg, u) + (size_t)body;
	struct esc_chan_item *it = calloc(1, sizeof(*it));
	struct esc_msg *copy = malloc(size);
	if (!it || !copy) {
		free(it);
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, m, size);
	it->msg = copy;
	it->size = size;
	*c->tail = it;
	c->tail = &it->next;
	c->waiting++;
	return 0;
}

int esc_chan_send(struct esc_chan *c, struct esc_msg *m)
{
	if (!c->waiting) {
		int err = esc_msg_send(c->fd, m);
		if (err != -EAGAIN)
			return err;
	}
	return keep(c, m);
}
