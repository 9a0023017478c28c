/* SPDX-License-Identifier: BSD-2-Clause */
/* The crypto process: start, loop, sleep, stop. */
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/state.h"
#include "crypto/unlock.h"
#include "ipc/fds.h"
#include "proc/hook.h"
#include "proc/proc.h"
#include "proc/sandbox.h"
#include "selftest/selftest.h"

/* A NIC that takes no packets (its link is down) is tried again this often. */
#define TX_RETRY_TIME (2 * ESC_MS)

/* Next hops in use: one per peer endpoint, and room for those that roam. */
#define HOPS_MAX (2u * ESC_PEERS_MAX)

/* At the end, how long frames may take to come back from the NIC. */
#define DRAIN_TIME (200 * ESC_MS)

/* --- start ------------------------------------------------------------------------------- */

static int fail(const char *what, int err)
{
	esc_err("%s: %s", what, strerror(-err));
	return 1;
}

static int map_all(struct crypto *c)
{
	const struct esc_msg_start *s = &c->start;
	size_t umem = (size_t)s->frames * s->frame_size;

	c->status = esc_proc_map(ESC_FD_STATUS, sizeof(*c->status), "status memory");
	c->link = esc_proc_map(ESC_FD_LINK, sizeof(*c->link), "ring memory");
	c->red.base = esc_proc_map(ESC_FD_RED_UMEM, umem, "red packet memory");
	uint8_t *black = esc_proc_map(ESC_FD_BLACK_UMEM, umem, "black packet memory");
	c->guard = esc_proc_map_bpf(ESC_FD_GUARD, sizeof(*c->guard), PROT_READ | PROT_WRITE,
				    "what the black program knows");
	c->budgets = esc_proc_map_bpf(ESC_FD_BUDGETS, sizeof(*c->budgets), PROT_READ,
				      "the black program's budgets");
	if (!c->status || !c->link || !c->red.base || !black || !c->guard || !c->budgets)
		return -EINVAL;
	c->red.frame_size = s->frame_size;
	c->red.size = umem;
	c->load.refused_at = c->budgets->refused_at; /* under a crypto process before this one */
	c->status->abi_version = ESC_ABI_VERSION;
	return esc_frames_init(&c->frames, black, s->frames, s->frame_size);
}

static int open_lanes(struct crypto *c)
{
	for (uint32_t q = 0; q < c->start.queues; q++) {
		struct lane *l = &c->lane[q];
		struct esc_ring *r = c->link->ring[q];
		struct esc_xsk_opts opts = {
			.ifindex = c->start.ifindex,
			.queue = q,
			.copy = c->start.copy_mode,
			.umem_fd = q ? ESC_FD_XSK : -1,
		};
		const char *what;
		bool zero_copy;

		l->index = q;
		esc_ring_attach(&l->plain_out, &r[ESC_RING_PLAIN_OUT]);
		esc_ring_attach(&l->plain_out_ret, &r[ESC_RING_PLAIN_OUT_RET]);
		esc_ring_attach(&l->plain_in_free, &r[ESC_RING_PLAIN_IN_FREE]);
		esc_ring_attach(&l->plain_in, &r[ESC_RING_PLAIN_IN]);
		int err = esc_xsk_open(&l->xsk, ESC_FD_XSK + (int)q, &c->frames, &opts, &zero_copy,
				       &what);
		if (err) {
			esc_err("AF_XDP socket of black queue %u: %s: %s", q, what, strerror(-err));
			return err;
		}
		c->status->zero_copy = zero_copy;
	}
	return 0;
}

static void env_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	randombytes_buf(buf, len);
}

static uint64_t env_unix_ns(void *arg)
{
	(void)arg;
	return esc_unix_now();
}

static void *env_key_new(void *arg, const uint8_t key[32])
{
	struct crypto *c = arg;

	esc_hook_key(key);
	return c->aead.provider->key_new(c->aead.ctx, key);
}

static void env_key_free(void *arg, void *key)
{
	struct crypto *c = arg;

	c->aead.provider->key_free(c->aead.ctx, key);
}

static int start_core(struct crypto *c)
{
	const struct wg_env env = {
		.arg = c,
		.random = env_random,
		.unix_ns = env_unix_ns,
		.key_new = env_key_new,
		.key_free = env_key_free,
		.guard = c->guard,
	};
	char why[256] = "";

	int err = esc_aead_select(&c->aead, c->start.provider, why);
	if (err) {
		esc_err("AEAD provider %s: %s", c->start.provider, why);
		return err;
	}
	snprintf(c->status->provider, sizeof(c->status->provider), "%s", c->aead.provider->name);
	c->wg = wg_device_new(&env);
	c->hops = esc_hops_new(HOPS_MAX);
	c->peer = calloc(ESC_PEERS_MAX, sizeof(*c->peer));
	return c->wg && c->hops && c->peer ? crypto_control_open(c) : -ENOMEM;
}

/* What a key takes of the heap is the provider's secret. */
static int measure_key(struct crypto *c, size_t *size)
{
	enum { KEYS = 16 };
	static const uint8_t bytes[ESC_AEAD_KEY_LEN] = {1};
	const struct esc_aead_provider *p = c->aead.provider;
	struct esc_aead_key *key[KEYS];
	int n = 0;
	size_t before = mallinfo2().uordblks;

	while (n < KEYS && (key[n] = p->key_new(c->aead.ctx, bytes)))
		n++;
	*size = (mallinfo2().uordblks - before) / KEYS + 1;
	int err = n < KEYS ? -ENOMEM : 0;
	while (n)
		p->key_free(c->aead.ctx, key[--n]);
	return err;
}

static int lock_in(struct crypto *c, uint32_t *layers)
{
	char why[ESC_SANDBOX_WHY];
	size_t key_size;
	int err = measure_key(c, &key_size);

	if (err)
		return fail("measuring the provider's keys", err);
	const struct esc_sandbox box = {
		.uid = c->start.uid,
		.gid = c->start.gid,
		.waived = c->start.waived,
		.queues = c->start.queues,
		.own_bell = ESC_FD_CRYPTO_WAKE,
		.peer_bell = ESC_FD_RED_WAKE,
		.heap = wg_heap_need(key_size),
	};
	err = esc_sandbox_enter(&box, layers, why);
	if (err)
		esc_err("%s", why);
	return err;
}

static int say_ready(struct crypto *c, uint32_t layers)
{
	struct esc_msg m = {.type = ESC_MSG_READY};

	m.u.ready.layers = layers;
	m.u.ready.zero_copy = c->status->zero_copy;
	memcpy(m.u.ready.public_key, c->public_key, sizeof(m.u.ready.public_key));
	snprintf(m.u.ready.provider, sizeof(m.u.ready.provider), "%s", c->aead.note);
	return esc_msg_send(ESC_FD_CONTROL, &m);
}

static int set_up(struct crypto *c)
{
	uint32_t layers;
	int err = esc_proc_receive_start(ESC_MSG_CRYPTO_START, &c->start);

	if (err)
		return fail("start message from control", err);
	esc_log_init(c->start.name, "crypto");
	esc_proc_log_to_control();
	err = esc_proc_verify_fds(ESC_FD_XSK + (int)c->start.queues);
	if (err)
		return fail("descriptors from control", err);
	if (esc_selftest_crypto(esc_selftest_log, NULL)) /* before there is a key here */
		return 1;
	err = map_all(c);
	if (!err)
		err = start_core(c);
	if (!err)
		err = open_lanes(c);
	if (err)
		return fail("setting up", err);
	if (crypto_unlock(c->start.keystore, c->wg, c->public_key))
		return 1;
	esc_proc_schedule();
	c->spin_time = esc_proc_spin_time();
	if (fcntl(ESC_FD_CONTROL, F_SETFL, O_NONBLOCK) < 0)
		return fail("control socket", -errno);
	err = lock_in(c, &layers);
	if (err)
		return 1;
	esc_hook_locked("crypto", c);
	err = say_ready(c, layers);
	return err ? fail("telling control", err) : 0;
}

/* --- loop -------------------------------------------------------------------------------- */

/* One look at everything; returns how much there was to do. */
static uint32_t work_round(struct crypto *c)
{
	uint32_t work = 0;

	for (uint32_t q = 0; q < c->start.queues; q++) {
		struct lane *l = &c->lane[q];

		work += open_lane(c, l);
		work += seal_lane(c, l);
	}
	work += handshake_round(c, work);
	timers_round(c);
	bool news = false;
	for (uint32_t q = 0; q < c->start.queues; q++)
		news |= rings_publish(&c->lane[q]);
	if (news && esc_bell_ring(&c->link->red_bell, ESC_FD_RED_WAKE))
		esc_cell_add(&c->status->wakeups, 1);
	for (uint32_t q = 0; q < c->start.queues; q++) {
		esc_xsk_kick(&c->lane[q].xsk);
		esc_xsk_refill(&c->lane[q].xsk);
	}
	return work + esc_hook_round(c);
}

static bool rings_have_work(struct crypto *c)
{
	for (uint32_t q = 0; q < c->start.queues; q++) {
		struct lane *l = &c->lane[q];

		if (esc_ring_avail(&l->plain_out, 1))
			return true;
	}
	return false;
}

static bool tx_blocked(const struct crypto *c)
{
	for (uint32_t q = 0; q < c->start.queues; q++) {
		if (c->lane[q].xsk.tx_blocked)
			return true;
	}
	return false;
}

static void publish(struct crypto *c)
{
	uint64_t bad_cursor = 0, bad_desc = 0, drops[ESC_KERNEL_DROP_COUNT] = {0};

	for (uint32_t q = 0; q < c->start.queues; q++) {
		struct lane *l = &c->lane[q];

		bad_cursor += l->plain_out.violations + l->plain_out_ret.violations +
			      l->plain_in_free.violations + l->plain_in.violations;
		bad_desc += l->xsk.violations;
		esc_xsk_kernel_drops(&l->xsk, drops);
	}
	esc_cell_set(&c->status->violation[ESC_VIOLATION_ring_cursor], bad_cursor);
	esc_cell_set(&c->status->violation[ESC_VIOLATION_kernel_desc], bad_desc);
	for (int i = 0; i < ESC_KERNEL_DROP_COUNT; i++)
		esc_cell_set(&c->status->kernel_drop[i], drops[i]);
	esc_frames_publish(&c->frames, &c->status->frames);
}

/* Sleep until a packet, a bell, a message or a timer; returns what control had to say. */
static int sleep_round(struct crypto *c, struct pollfd *fds, nfds_t n)
{
	struct timespec ts, *timeout = NULL;

	publish(c);
	esc_bell_arm(&c->link->crypto_bell);
	c->now = esc_now();
	uint64_t next = wg_next(c->wg);
	if (load_next(&c->load) < next)
		next = load_next(&c->load);
	if (tx_blocked(c) && next > c->now + TX_RETRY_TIME)
		next = c->now + TX_RETRY_TIME;
	if (rings_have_work(c))
		next = 0;
	if (next != WG_NEVER) {
		uint64_t ns = next > c->now ? next - c->now : 0;

		ts = (struct timespec){.tv_sec = (time_t)(ns / ESC_S),
				       .tv_nsec = (long)(ns % ESC_S)};
		timeout = &ts;
	}
	int ready = ppoll(fds, n, timeout, NULL);
	esc_bell_disarm(&c->link->crypto_bell, ESC_FD_CRYPTO_WAKE);
	c->now = esc_now();
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return fds[0].revents ? crypto_control_round(c) : 0;
}

static int loop(struct crypto *c)
{
	struct pollfd fds[2 + ESC_QUEUES_MAX] = {
		{.fd = ESC_FD_CONTROL, .events = POLLIN},
		{.fd = ESC_FD_CRYPTO_WAKE, .events = POLLIN},
	};
	nfds_t n = 2;
	uint64_t last_work = 0, last_control = 0;
	int err = 0;

	for (uint32_t q = 0; q < c->start.queues; q++)
		fds[n++] = (struct pollfd){.fd = c->lane[q].xsk.fd, .events = POLLIN};
	while (!err && !c->stopping) {
		c->now = esc_now();
		if (work_round(c)) {
			last_work = c->now;
			if (c->now - last_control < 10 * ESC_MS)
				continue;
			last_control = c->now; /* busy: look at control now and then all the same */
			publish(c);
			err = crypto_control_round(c);
		} else if (c->now - last_work >= c->spin_time) {
			err = sleep_round(c, fds, n);
		}
	}
	return err;
}

/* --- stop -------------------------------------------------------------------------------- */

/*
 * Take back to red what it queued, at most a ring's worth: red may go on producing. The frames go
 * into the ring that red expects them from.
 */
static void hand_back(struct crypto *c, struct lane *l)
{
	uint32_t n = esc_ring_avail(&l->plain_out, ESC_RING_SLOTS);

	for (uint32_t i = 0; i < n; i++)
		return_frame(c, l, esc_ring_peek(&l->plain_out, i), ESC_RET_OK);
	esc_ring_consume(&l->plain_out, n);
	rings_publish(l);
	while (l->empties)
		esc_ring_push(&l->plain_in, l->empty[--l->empties]);
	n = esc_ring_avail(&l->plain_in_free, ESC_RING_SLOTS);
	for (uint32_t i = 0; i < n; i++)
		esc_ring_push(&l->plain_in, esc_ring_peek(&l->plain_in_free, i));
	esc_ring_consume(&l->plain_in_free, n);
}

void crypto_wipe(struct crypto *c)
{
	crypto_control_close(c);
	wg_device_free(c->wg); /* its keys are the provider's, so that goes last */
	c->wg = NULL;
	esc_aead_release(&c->aead);
}

/* Give every red frame back and wait for the black ones; what does not come home is lost. */
static void drain(struct crypto *c)
{
	uint64_t end = esc_now() + DRAIN_TIME;

	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++)
		stage_drop(c, &c->peer[id], ESC_CR_out_no_session, ESC_RET_OK);
	for (uint32_t q = 0; q < c->start.queues; q++)
		hand_back(c, &c->lane[q]);
	esc_bell_ring(&c->link->red_bell, ESC_FD_RED_WAKE);
	while (c->frames.count[ESC_PLACE_tx] && esc_now() < end) {
		for (uint32_t q = 0; q < c->start.queues; q++)
			esc_xsk_kick(&c->lane[q].xsk);
		nanosleep(&(struct timespec){.tv_nsec = ESC_MS}, NULL);
	}
	publish(c);
	esc_cell_set(&c->status->frames.lost,
		     c->frames.count[ESC_PLACE_tx] + c->frames.count[ESC_PLACE_busy]);
}

static int run(void)
{
	prctl(PR_SET_NAME, "esclusa-crypto");
	esc_log_init(NULL, "crypto");
	if (sodium_init() < 0)
		return fail("starting libsodium", -ENOSYS);
	struct crypto *c = calloc(1, sizeof(*c));
	if (!c)
		return fail("starting", -ENOMEM);
	int rc = set_up(c);
	if (!rc) {
		int err = loop(c);
		if (err && err != -EPIPE)
			rc = fail("control socket", err);
		if (!c->zeroized)
			drain(c);
		rc = c->stopping ? rc : 1;
	}
	crypto_wipe(c);
	esc_hops_free(c->hops);
	esc_frames_fini(&c->frames);
	free(c->peer);
	free(c);
	return rc;
}

/* Exit handlers of libraries may call what a locked-in process must not; there is nothing to do. */
void esc_crypto_main(void)
{
	_exit(run());
}
