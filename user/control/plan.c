/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/plan.h"

#include <errno.h>
#include <string.h>

#include "control/nic.h"

/* "FILE:LINE: ", where the word at fault stands; nothing for a default. */
static void where(const struct esc_model *m, uint32_t line, FILE *err)
{
	if (*m->file && line)
		fprintf(err, "%s:%u: ", m->file, line);
}

/* Frames on a queue without a socket are dropped, so every queue must have its lane. */
static int check_queues(const struct esc_nic *n, const struct esc_model *m, FILE *err)
{
	if (n->rx_queues == m->queues)
		return 0;
	where(m, m->queues_line, err);
	fprintf(err,
		"%s receives on %u queue%s, but Queues = %u: the others' packets would be "
		"dropped. Run: ethtool -L %s ",
		n->name, n->rx_queues, n->rx_queues == 1 ? "" : "s", m->queues, n->name);
	if (n->combined_queues)
		fprintf(err, "combined %u", m->queues);
	else
		fprintf(err, "rx %u tx %u", m->queues, m->queues);
	if (n->rx_queues <= ESC_QUEUES_MAX)
		fprintf(err, "   or set Queues = %u", n->rx_queues);
	fputc('\n', err);
	return 1;
}

static int check_nic(const char *name, const char *key, uint32_t line, const struct esc_model *m,
		     struct esc_nic *n, FILE *err)
{
	int e = esc_nic_read(name, n);

	if (e || n->loopback || !n->ethernet || !esc_frame_size(n->mtu, n->mtu))
		where(m, line, err);
	if (e) {
		fprintf(err, "%s = %s: %s. See `ip link` for this machine's devices.\n", key, name,
			e == -ENODEV ? "there is no such network device" : strerror(-e));
		return 1;
	}
	if (n->loopback || !n->ethernet) {
		fprintf(err,
			"%s = %s: not an Ethernet device, so XDP programs and AF_XDP sockets "
			"cannot serve it.\n",
			key, name);
		return 1;
	}
	if (!esc_frame_size(n->mtu, n->mtu)) {
		fprintf(err,
			"%s has MTU %u; %u is the largest that fits a packet buffer. Run: "
			"ip link set %s mtu %u\n",
			name, n->mtu, esc_frame_mtu(ESC_FRAME_LARGE), name,
			esc_frame_mtu(ESC_FRAME_LARGE));
		return 1;
	}
	return check_queues(n, m, err);
}

int esc_plan_nics(const struct esc_model *m, FILE *err)
{
	struct esc_nic black, red;
	int bad = check_nic(m->black, "Black", m->black_line, m, &black, err);

	bad |= check_nic(m->red, "Red", m->red_line, m, &red, err);
	if (!bad && black.ifindex == red.ifindex) {
		where(m, m->red_line, err);
		fprintf(err, "Black = %s and Red = %s are the same device; a node needs two.\n",
			m->black, m->red);
		bad = 1;
	}
	return bad;
}
