/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_XDP data path: receive, send, complete, refill. */
#include "xsk/xsk.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

/* Frames that the kernel holds for receiving on one queue. The fill ring has as many slots again,
 * so a returned frame always finds one. */
#define FILL_LEVEL (ESC_XSK_RING / 2)
#define FILL_BATCH 64u

/* In copy mode one sendto moves at most 32 packets: bound the calls of one kick to a full ring. */
#define KICKS_MAX (ESC_XSK_RING / 32u)

uint32_t esc_xsk_recv(struct esc_xsk *x, struct xdp_desc *desc, uint32_t max)
{
	uint32_t idx, good = 0;
	uint32_t n = xsk_ring_cons__peek(&x->rx, max, &idx);

	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc d = *xsk_ring_cons__rx_desc(&x->rx, idx + i);

		if (!esc_frame_claim(x->frames, d.addr, d.len, ESC_PLACE_fill, ESC_PLACE_busy)) {
			x->violations++;
			continue;
		}
		desc[good++] = d;
	}
	if (n) {
		xsk_ring_cons__release(&x->rx, n);
		x->filled -= n;
	}
	return good;
}

bool esc_xsk_send(struct esc_xsk *x, uint64_t addr, uint32_t len)
{
	uint32_t idx;

	if (!xsk_ring_prod__reserve(&x->tx, 1, &idx))
		return false;
	*xsk_ring_prod__tx_desc(&x->tx, idx) = (struct xdp_desc){.addr = addr, .len = len};
	xsk_ring_prod__submit(&x->tx, 1);
	esc_frame_move(x->frames, esc_frame_of(x->frames, addr), ESC_PLACE_busy, ESC_PLACE_tx);
	x->tx_pending++;
	return true;
}

static bool tx_drained(const struct esc_xsk *x)
{
	return __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) == *x->tx.producer;
}

void esc_xsk_kick(struct esc_xsk *x)
{
	x->tx_blocked = false;
	for (uint32_t i = 0; i < KICKS_MAX && !tx_drained(x); i++) {
		if (!xsk_ring_prod__needs_wakeup(&x->tx))
			break;
		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			continue;
		if (errno != EAGAIN) /* busy, out of buffers, link down: later */
			break;
		esc_xsk_complete(x); /* more to do; or the completion ring is full */
	}
	x->tx_blocked = !tx_drained(x);
	esc_xsk_complete(x);
}

uint32_t esc_xsk_complete(struct esc_xsk *x)
{
	uint32_t idx;
	uint32_t n = x->tx_pending ? xsk_ring_cons__peek(&x->comp, ESC_XSK_RING, &idx) : 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = *xsk_ring_cons__comp_addr(&x->comp, idx + i);

		if (esc_frame_claim(x->frames, addr, 0, ESC_PLACE_tx, ESC_PLACE_busy))
			esc_frame_free(x->frames, esc_frame_of(x->frames, addr), ESC_PLACE_busy);
		else
			x->violations++;
	}
	if (n) {
		xsk_ring_cons__release(&x->comp, n);
		x->tx_pending -= n;
	}
	return n;
}

void esc_xsk_refill(struct esc_xsk *x)
{
	uint32_t idx, frame = 0;

	while (x->filled + FILL_BATCH <= FILL_LEVEL && x->frames->nfree >= FILL_BATCH) {
		if (!xsk_ring_prod__reserve(&x->fill, FILL_BATCH, &idx))
			break;
		for (uint32_t i = 0; i < FILL_BATCH; i++) {
			esc_frame_alloc(x->frames, ESC_PLACE_fill, &frame);
			*xsk_ring_prod__fill_addr(&x->fill, idx + i) =
				esc_frame_addr(x->frames, frame);
		}
		xsk_ring_prod__submit(&x->fill, FILL_BATCH);
		x->filled += FILL_BATCH;
	}
	if (xsk_ring_prod__needs_wakeup(&x->fill))
		recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void esc_xsk_kernel_drops(const struct esc_xsk *x, uint64_t drops[ESC_KERNEL_DROP_COUNT])
{
	struct xdp_statistics st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &st, &len))
		return;
	drops[ESC_KERNEL_DROP_rx_ring_full] += st.rx_ring_full;
	drops[ESC_KERNEL_DROP_rx_dropped] += st.rx_dropped;
}
