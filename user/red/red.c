/* SPDX-License-Identifier: BSD-2-Clause */
/* The red process: start, loop, sleep, stop. */
#include "red/red.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/fds.h"
#include "proc/hook.h"
#include "proc/proc.h"
#include "proc/sandbox.h"
#include "red/state.h"

/* A NIC that takes no packets (its link is down) is tried again this often. */
#define TX_RETRY_TIME (2 * ESC_MS)

/* LAN hosts with traffic from other sites at a time. */
#define HOPS_MAX 8192u

/* At the end, how long frames may take to come home. */
#define DRAIN_TIME (200 * ESC_MS)

/* --- small services ------------------------------------------------------------------------ */

uint8_t *frame_for_packet(struct red *r)
{
	uint32_t frame;

	if (!esc_frame_alloc(&r->frames, ESC_PLACE_busy, &frame))
		return NULL;
	return r->frames.base + esc_frame_addr(&r->frames, frame) + IP_OFFSET;
}

bool own_address(const struct red *r, const uint8_t addr[16])
{
	for (uint32_t i = 0; i < r->nic.addrs; i++) {
		if (!memcmp(r->nic.addr[i], addr, 16))
			return true;
	}
	return false;
}

bool addresses_ok(const struct red *r, const struct packet *p)
{
	return addr_routable(p->src) && addr_routable(p->dst) && !own_address(r, p->src);
}

const uint8_t *source_for(const struct red *r, const uint8_t addr[16])
{
	for (uint32_t i = 0; i < r->nic.addrs; i++) {
		const uint8_t *own = r->nic.addr[i];
		bool link_local = own[0] == 0xfe && (own[1] & 0xc0) == 0x80;

		if (esc_addr_is_v4(own) == esc_addr_is_v4(addr) && !link_local)
			return own;
	}
	return NULL;
}

bool send_to_lan(struct red *r, struct lane *l, const struct packet *p, const uint8_t mac[6])
{
	struct ethhdr eth = {.h_proto = htons(p->v4 ? ETH_P_IP : ETH_P_IPV6)};
	uint8_t *frame = p->ip - ETH_LEN;

	memcpy(eth.h_dest, mac, ETH_ALEN); /* may lie where the header is written */
	memcpy(eth.h_source, r->nic.mac, ETH_ALEN);
	memcpy(frame, &eth, ETH_LEN);
	return esc_xsk_send(&l->xsk, addr_of(r, frame), ETH_LEN + p->len);
}

/* --- start ------------------------------------------------------------------------------- */

static int fail(const char *what, int err)
{
	esc_err("%s: %s", what, strerror(-err));
	return 1;
}

static int map_all(struct red *r)
{
	const struct esc_msg_start *s = &r->start;

	r->status = esc_proc_map(ESC_FD_STATUS, sizeof(*r->status), "status memory");
	r->link = esc_proc_map(ESC_FD_LINK, sizeof(*r->link), "ring memory");
	uint8_t *umem = esc_proc_map(ESC_FD_RED_UMEM, (size_t)s->frames * s->frame_size,
				     "red packet memory");
	if (!r->status || !r->link || !umem)
		return -EINVAL;
	r->status->abi_version = ESC_ABI_VERSION;
	r->hops = esc_hops_new(HOPS_MAX);
	r->firewall = firewall_new(FIREWALL_CONVERSATIONS);
	return r->hops && r->firewall ? esc_frames_init(&r->frames, umem, s->frames, s->frame_size)
				      : -ENOMEM;
}

static int open_lanes(struct red *r)
{
	for (uint32_t q = 0; q < r->start.queues; q++) {
		struct lane *l = &r->lane[q];
		struct esc_ring *ring = r->link->ring[q];
		struct esc_xsk_opts opts = {
			.ifindex = r->start.ifindex,
			.queue = q,
			.copy = r->start.copy_mode,
			.umem_fd = q ? ESC_FD_XSK : -1,
		};
		const char *what;
		bool zero_copy;

		l->index = q;
		esc_ring_attach(&l->plain_out, &ring[ESC_RING_PLAIN_OUT]);
		esc_ring_attach(&l->plain_out_ret, &ring[ESC_RING_PLAIN_OUT_RET]);
		esc_ring_attach(&l->plain_in_free, &ring[ESC_RING_PLAIN_IN_FREE]);
		esc_ring_attach(&l->plain_in, &ring[ESC_RING_PLAIN_IN]);
		int err = esc_xsk_open(&l->xsk, ESC_FD_XSK + (int)q, &r->frames, &opts, &zero_copy,
				       &what);
		if (err) {
			esc_err("AF_XDP socket of red queue %u: %s: %s", q, what, strerror(-err));
			return err;
		}
		r->status->zero_copy = zero_copy;
	}
	return 0;
}

static int set_up(struct red *r)
{
	struct esc_msg m = {.type = ESC_MSG_READY};
	char why[ESC_SANDBOX_WHY];
	int err = esc_proc_receive_start(ESC_MSG_RED_START, &r->start);

	if (err)
		return fail("start message from control", err);
	esc_log_init(r->start.name, "red");
	esc_proc_log_to_control();
	err = esc_proc_verify_fds(ESC_FD_XSK + (int)r->start.queues);
	if (err)
		return fail("descriptors from control", err);
	err = map_all(r);
	if (!err)
		err = open_lanes(r);
	if (err)
		return fail("setting up", err);
	esc_proc_schedule();
	r->spin_time = esc_proc_spin_time();
	if (fcntl(ESC_FD_CONTROL, F_SETFL, O_NONBLOCK) < 0)
		return fail("control socket", -errno);
	const struct esc_sandbox box = {
		.uid = r->start.uid,
		.gid = r->start.gid,
		.waived = r->start.waived,
		.queues = r->start.queues,
		.own_bell = ESC_FD_RED_WAKE,
		.peer_bell = ESC_FD_CRYPTO_WAKE,
	};
	if (esc_sandbox_enter(&box, &m.u.ready.layers, why)) {
		esc_err("%s", why);
		return 1;
	}
	esc_hook_locked("red", r);
	m.u.ready.zero_copy = r->status->zero_copy;
	err = esc_msg_send(ESC_FD_CONTROL, &m);
	return err ? fail("telling control", err) : 0;
}

/* --- loop -------------------------------------------------------------------------------- */

uint32_t red_round(struct red *r)
{
	uint32_t work = 0, shown = 0;

	for (uint32_t q = 0; q < r->start.queues; q++) {
		struct lane *l = &r->lane[q];

		work += out_lane(r, l);
		work += in_lane(r, l);
		work += returned_lane(r, l);
		in_stock(r, l);
	}
	if (r->pending_count)
		pending_round(r, NULL);
	for (uint32_t q = 0; q < r->start.queues; q++)
		shown += out_publish(&r->lane[q]); /* also what control's messages set free */
	if (shown && esc_bell_ring(&r->link->crypto_bell, ESC_FD_CRYPTO_WAKE))
		esc_cell_add(&r->status->wakeups, 1);
	for (uint32_t q = 0; q < r->start.queues; q++) {
		esc_xsk_kick(&r->lane[q].xsk);
		esc_xsk_refill(&r->lane[q].xsk);
	}
	return work + esc_hook_round(r);
}

static bool rings_have_work(struct red *r)
{
	for (uint32_t q = 0; q < r->start.queues; q++) {
		struct lane *l = &r->lane[q];

		if (esc_ring_avail(&l->plain_in, 1) || esc_ring_avail(&l->plain_out_ret, 1))
			return true;
	}
	return false;
}

static bool tx_blocked(const struct red *r)
{
	for (uint32_t q = 0; q < r->start.queues; q++) {
		if (r->lane[q].xsk.tx_blocked)
			return true;
	}
	return false;
}

static void publish(struct red *r)
{
	uint64_t bad_cursor = 0, bad_desc = 0, drops[ESC_KERNEL_DROP_COUNT] = {0};

	for (uint32_t q = 0; q < r->start.queues; q++) {
		struct lane *l = &r->lane[q];

		bad_cursor += l->plain_out.violations + l->plain_out_ret.violations +
			      l->plain_in_free.violations + l->plain_in.violations;
		bad_desc += l->xsk.violations;
		esc_xsk_kernel_drops(&l->xsk, drops);
	}
	esc_cell_set(&r->status->violation[ESC_VIOLATION_ring_cursor], bad_cursor);
	esc_cell_set(&r->status->violation[ESC_VIOLATION_kernel_desc], bad_desc);
	for (int i = 0; i < ESC_KERNEL_DROP_COUNT; i++)
		esc_cell_set(&r->status->kernel_drop[i], drops[i]);
	esc_frames_publish(&r->frames, &r->status->frames);
}

/* Sleep until a packet, a bell, a message or a timer. */
static int sleep_round(struct red *r, struct pollfd *fds, nfds_t n)
{
	struct timespec ts, *timeout = NULL;

	publish(r);
	esc_bell_arm(&r->link->red_bell);
	uint64_t next = pending_next(r);
	if (tx_blocked(r) && next > r->now + TX_RETRY_TIME)
		next = r->now + TX_RETRY_TIME;
	if (rings_have_work(r))
		next = 0;
	if (next != UINT64_MAX) {
		uint64_t ns = next > r->now ? next - r->now : 0;

		ts = (struct timespec){.tv_sec = (time_t)(ns / ESC_S),
				       .tv_nsec = (long)(ns % ESC_S)};
		timeout = &ts;
	}
	int ready = ppoll(fds, n, timeout, NULL);
	esc_bell_disarm(&r->link->red_bell, ESC_FD_RED_WAKE);
	r->now = esc_now();
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return fds[0].revents ? red_control_round(r) : 0;
}

static int loop(struct red *r)
{
	struct pollfd fds[2 + ESC_QUEUES_MAX] = {
		{.fd = ESC_FD_CONTROL, .events = POLLIN},
		{.fd = ESC_FD_RED_WAKE, .events = POLLIN},
	};
	nfds_t n = 2;
	uint64_t last_work = 0, last_control = 0;
	int err = 0;

	for (uint32_t q = 0; q < r->start.queues; q++)
		fds[n++] = (struct pollfd){.fd = r->lane[q].xsk.fd, .events = POLLIN};
	while (!err && !r->stopping) {
		r->now = esc_now();
		if (red_round(r)) {
			last_work = r->now;
			if (r->now - last_control < 10 * ESC_MS)
				continue;
			last_control = r->now; /* busy: look at control now and then all the same */
			publish(r);
			err = red_control_round(r);
		} else if (r->now - last_work >= r->spin_time) {
			err = sleep_round(r, fds, n);
		}
	}
	return err;
}

/* --- stop -------------------------------------------------------------------------------- */

/* Take back what crypto, which is gone, never took from a ring. */
static void recall(struct red *r, struct esc_ring_end *ring, enum esc_place from)
{
	uint32_t left = ESC_RING_SLOTS - esc_ring_space(ring, ESC_RING_SLOTS);

	for (uint32_t i = 1; i <= left; i++) {
		esc_desc d = atomic_load_explicit(
			&ring->shared->slot[(ring->mine - i) & (ESC_RING_SLOTS - 1)],
			memory_order_relaxed);
		uint64_t addr = esc_desc_addr(d);

		if (esc_frame_claim(&r->frames, addr, 1, from, ESC_PLACE_busy))
			free_busy(r, addr);
	}
}

/* Control stops crypto first: what it held is in the rings now. What does not come is lost. */
static void drain(struct red *r)
{
	uint64_t end = esc_now() + DRAIN_TIME;

	for (uint32_t q = 0; q < r->start.queues; q++) {
		struct lane *l = &r->lane[q];

		while ((in_lane(r, l) || returned_lane(r, l)) && esc_now() < end)
			;
		out_publish(l);
		recall(r, &l->plain_out, ESC_PLACE_peer_full);
		recall(r, &l->plain_in_free, ESC_PLACE_peer_empty);
	}
	r->now = UINT64_MAX / 2; /* nobody waits any longer */
	pending_round(r, NULL);
	for (uint32_t q = 0; q < r->start.queues; q++) {
		out_publish(&r->lane[q]);
		recall(r, &r->lane[q].plain_out, ESC_PLACE_peer_full);
	}
	while (r->frames.count[ESC_PLACE_tx] && esc_now() < end) {
		for (uint32_t q = 0; q < r->start.queues; q++)
			esc_xsk_kick(&r->lane[q].xsk);
		nanosleep(&(struct timespec){.tv_nsec = ESC_MS}, NULL);
	}
	publish(r);
	const uint32_t *count = r->frames.count;
	esc_cell_set(&r->status->frames.lost,
		     count[ESC_PLACE_tx] + count[ESC_PLACE_busy] + count[ESC_PLACE_peer_full] +
			     count[ESC_PLACE_peer_empty] + count[ESC_PLACE_held]);
}

static int run(void)
{
	struct red *r = calloc(1, sizeof(*r));

	prctl(PR_SET_NAME, "esclusa-red");
	esc_log_init(NULL, "red");
	if (!r || sodium_init() < 0) {
		free(r);
		return fail("starting", -ENOMEM);
	}
	int rc = set_up(r);
	if (!rc) {
		int err = loop(r);
		if (err && err != -EPIPE)
			rc = fail("control socket", err);
		drain(r);
		rc = r->stopping ? rc : 1;
	}
	esc_hops_free(r->hops);
	firewall_free(r->firewall);
	esc_frames_fini(&r->frames);
	free(r);
	return rc;
}

/* Exit handlers of libraries may call what a locked-in process must not; there is nothing to do. */
void esc_red_main(void)
{
	_exit(run());
}
