/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data plane: programs on both NICs, memories, the two processes. Programs stay attached
 * (and refuse everything) whenever processes come and go.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/node.h"
#include "control/notify.h"
#include "control/plan.h"
#include "control/spawn.h"
#include "ipc/sandbox.h"

#define START_NS       (60 * ESC_S) /* for both processes to set themselves up */
#define LOOK_NS	       (2 * ESC_S)  /* changes of queues make no news: look now and then */
#define BACKOFF_NS     (100 * ESC_MS)
#define BACKOFF_MAX_NS (5 * ESC_S)
#define STABLE_NS      (1 * ESC_S) /* having run this long, a failure is a new one */

static const char *nic_name(const struct node *n, enum esc_side side)
{
	return side == ESC_SIDE_BLACK ? n->model->black : n->model->red;
}

/* --- telling what is ------------------------------------------------------------------------ */

void plane_set_on(struct node *n, bool on)
{
	if (!on)
		split_set_on(n, false);
	/* Off: the LAN first, on: the LAN last, so that it never leads nowhere. */
	for (int i = 0; i < ESC_SIDES; i++) {
		enum esc_side side = on ? ESC_SIDE_BLACK : ESC_SIDE_RED;
		if (i)
			side = on ? ESC_SIDE_RED : ESC_SIDE_BLACK;
		struct esc_nic_cfg cfg = {
			.abi_version = ESC_ABI_VERSION,
			.on = on,
			.listen_port = htons(n->model->listen_port),
			.flags = side == ESC_SIDE_BLACK && n->model->split.dhcp ? ESC_NIC_DHCP : 0,
		};
		memcpy(cfg.mac, n->side[side].nic.mac, sizeof(cfg.mac));
		int err = esc_bpf_configure(n->bpf, side, &cfg);
		if (err)
			esc_err("configuring the program of %s: %s", nic_name(n, side),
				strerror(-err));
	}
	if (on)
		split_set_on(n, true);
}

int plane_policy(struct node *n, const struct esc_split_conf *conf)
{
	int err = split_policy(n, conf);

	if (!err) /* a process that is not there is told when it starts */
		firewall_tell(n, &conf->secure);
	return err;
}

/*
 * The program's table has addresses that are still being checked for duplicates too: the kernel
 * must hear answers about them.
 */
static void tell_program(struct node *n, enum esc_side side)
{
	uint8_t addr[ESC_ADDRS_MAX][16];
	int count =
		esc_netlink_addrs(n->netlink, n->side[side].nic.ifindex, true, addr, ESC_ADDRS_MAX);
	int err = count < 0 ? count
			    : esc_bpf_addrs(n->bpf, side, (const uint8_t(*)[16])addr,
					    (uint32_t)count);

	if (err)
		esc_warn("telling the program of %s its addresses: %s", nic_name(n, side),
			 strerror(-err));
}

void plane_tell_nic(struct node *n, enum esc_side side)
{
	struct side *s = &n->side[side];
	struct esc_msg m = {.type = ESC_MSG_NIC};
	struct esc_msg_nic *nic = &m.u.nic;

	tell_program(n, side);
	split_tell(n);
	memcpy(nic->mac, s->nic.mac, sizeof(nic->mac));
	nic->up = s->nic.up;
	nic->mtu = s->nic.mtu;
	nic->inner_mtu = esc_inner_mtu(n->side[ESC_SIDE_BLACK].nic.mtu);
	nic->addrs = s->addrs;
	memcpy(nic->addr, s->addr, sizeof(nic->addr));
	child_send(&s->child, &m);
}

/* --- up ------------------------------------------------------------------------------------- */

/* What keeps the node from running, "" if nothing does; several lines while it starts. */
static void look_for_obstacles(struct node *n, char *why, size_t size)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	*why = '\0';
	if (!f) {
		snprintf(why, size, "out of memory");
		return;
	}
	if (!esc_plan_nics(n->model, f)) {
		for (int side = 0; side < ESC_SIDES; side++) {
			links_look(&n->side[side]);
			if (!n->side[side].nic.up)
				fprintf(f, "%s is down. Run: ip link set %s up\n",
					nic_name(n, side), nic_name(n, side));
		}
	}
	fclose(f);
	snprintf(why, size, "%s", text);
	free(text);
}

/* Processes cannot start now: give up, or wait for better times and say so once. */
static void wait_for(struct node *n, const char *why)
{
	if (!n->was_running) {
		esc_log_text(ESC_LOG_ERR, why);
		node_fail(n);
		return;
	}
	if (strcmp(n->waiting_for, why) != 0) {
		snprintf(n->waiting_for, sizeof(n->waiting_for), "%s", why);
		esc_log_text(ESC_LOG_WARN, why);
		esc_notify("STATUS=waiting for a network device");
	}
	esc_loop_arm(&n->loop, &n->timer, LOOK_NS);
}

static int attach(struct node *n)
{
	int err = 0;

	for (int side = 0; side < ESC_SIDES && !err; side++) {
		if (!esc_bpf_attached(n->bpf, side))
			err = esc_bpf_attach(n->bpf, side, &n->side[side].nic);
	}
	return err;
}

static int place_sockets(struct node *n)
{
	int err = 0;

	for (int side = 0; side < ESC_SIDES; side++) {
		for (uint32_t q = 0; q < n->model->queues && !err; q++)
			err = esc_bpf_socket(n->bpf, side, q, n->memory.xsk[side][q]);
	}
	return err;
}

static int find_users(struct node *n)
{
	for (int i = 0; i < ESC_SIDES; i++) {
		struct child *c = &n->side[i].child;
		const char *name = i == ESC_SIDE_RED ? n->model->red_user : n->model->crypto_user;
		int err = esc_spawn_user(i, name, &c->uid, &c->gid);
		if (err) {
			esc_err("user %s of the %s process: %s. Make it: useradd --system "
				"--no-create-home %s",
				*name ? name : "of the system", child_name(c),
				err == -EPERM ? "it is root, or its group is" : "there is none",
				name);
			return err;
		}
	}
	if (n->side[0].child.uid != n->side[1].child.uid &&
	    n->side[0].child.gid != n->side[1].child.gid)
		return 0;
	esc_err("the red and the crypto process need two users with groups of their own");
	return -EINVAL;
}

static int start_processes(struct node *n)
{
	const char *what = "";

	n->frame_size = esc_frame_size(n->side[0].nic.mtu, n->side[1].nic.mtu);
	int err = find_users(n);
	if (err)
		return err;
	err = esc_memory_open(&n->memory, n->model->queues, n->frame_size, &what);
	if (!err) {
		what = "putting the AF_XDP sockets into the programs' maps";
		err = place_sockets(n);
	}
	if (err) {
		esc_err("%s: %s", what, strerror(-err));
		return err;
	}
	esc_bpf_for_crypto(n->bpf, &n->memory.guard, &n->memory.budgets);
	n->phase = PHASE_STARTING;
	for (int side = 0; side < ESC_SIDES && !err; side++) {
		err = child_start(&n->side[side].child);
		if (!err)
			plane_tell_nic(n, side);
	}
	firewall_tell(n, &n->model->split.secure);
	esc_memory_hand_over(&n->memory); /* the kernel's tables now live as long as they do */
	return err;
}

void plane_up(struct node *n)
{
	char why[sizeof(n->waiting_for)];

	for (int side = 0; side < ESC_SIDES; side++) {
		if (n->side[side].child.alive) /* its end, when it comes, calls this again */
			return;
	}
	if (n->timer.due && !*n->waiting_for) /* not yet */
		return;
	look_for_obstacles(n, why, sizeof(why));
	if (*why) {
		wait_for(n, why);
		return;
	}
	n->waiting_for[0] = '\0';
	plane_set_on(n, false);
	int err = attach(n);
	if (!err) {
		err = apply_secure(n);
		if (err)
			esc_err("telling the red program which prefixes are secure: %s",
				strerror(-err));
	}
	if (!err)
		err = plane_policy(n, &n->model->split);
	if (!err)
		err = start_processes(n);
	if (err)
		plane_down(n);
	else if (!n->side[ESC_SIDE_BLACK].child.terminal.lent) /* a person takes their time */
		esc_loop_arm(&n->loop, &n->timer, START_NS);
}

/* --- running -------------------------------------------------------------------------------- */

static void say_sandbox(const struct node *n)
{
	uint32_t missing = ESC_LAYERS_BUILT & n->model->waived & ESC_LAYERS_WAIVABLE;
	uint32_t not_built = ESC_LAYERS_ALL & ~ESC_LAYERS_BUILT;
	char names[ESC_LAYERS_STR];

	if (missing)
		esc_warn("the sandbox of red and crypto is NOT COMPLETE: Sandbox = waives %s",
			 esc_layers_text(missing, names));
	if (not_built)
		esc_warn("the sandbox of red and crypto is NOT COMPLETE: this test build with a "
			 "sanitizer leaves out %s",
			 esc_layers_text(not_built, names));
}

static void say_running(const struct node *n)
{
	for (int i = 0; i < ESC_SIDES; i++) {
		const struct side *s = &n->side[i];
		esc_info("%s NIC %s: %s, XDP %s, AF_XDP %s, MTU %u", i ? "red" : "black",
			 s->nic.name, *s->nic.driver ? s->nic.driver : "unknown driver",
			 esc_bpf_generic(n->bpf, i) ? "generic" : "native",
			 s->child.zero_copy ? "zero-copy" : "copy", s->nic.mtu);
		if (esc_nic_forwards(s->nic.name))
			esc_warn("%s: the kernel forwards packets (sysctl net.ipv4.ip_forward or "
				 "its IPv6 sibling). When esclusa stops it could route the LAN's "
				 "packets in clear; switch it off",
				 s->nic.name);
		if (!s->addrs)
			esc_warn("%s has no IP address; nobody can reach this node there",
				 s->nic.name);
	}
	if (esc_inner_mtu(n->side[ESC_SIDE_BLACK].nic.mtu) < 1280)
		esc_warn("%s: MTU %u leaves less than the 1280 bytes that IPv6 needs inside",
			 n->side[ESC_SIDE_BLACK].nic.name, n->side[ESC_SIDE_BLACK].nic.mtu);
	say_sandbox(n);
	esc_info("running: port %u, %u peer%s, AEAD %s", n->model->listen_port, n->model->peers,
		 n->model->peers == 1 ? "" : "s", n->side[ESC_SIDE_BLACK].child.note);
}

/* Measuring all of them takes longer than the rest of a restart: once is enough. */
static void keep_provider(struct node *n)
{
	const char *name = n->memory.crypto->provider; /* written by another process */
	const char *end = memchr(name, '\0', sizeof(n->memory.crypto->provider));

	if (strcmp(n->model->provider, "auto") != 0 || !end)
		return;
	snprintf(n->provider, sizeof(n->provider), "%s", name);
	if (strspn(n->provider, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(n->provider))
		*n->provider = '\0';
}

void plane_running(struct node *n)
{
	esc_loop_cancel(&n->loop, &n->timer);
	n->phase = PHASE_RUNNING;
	n->running_since = esc_now();
	plane_set_on(n, true);
	if (!n->was_running) {
		say_running(n);
		esc_notify("READY=1\nSTATUS=running");
	} else {
		n->restarts++;
		esc_info("running again");
		esc_notify("STATUS=running");
	}
	n->was_running = true;
	record_running(n);
	monitor_running(n);
	keep_provider(n);
}

/* --- down ----------------------------------------------------------------------------------- */

void plane_because(struct node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->last_failure, sizeof(n->last_failure), fmt, ap);
	va_end(ap);
	esc_warn("%s", n->last_failure);
	record_failure(n);
	monitor_state(n, "failure", n->last_failure);
}

/* What failed soon after its start fails again: do not let that fill the processor and the log. */
static uint64_t next_backoff(const struct node *n)
{
	if (n->phase == PHASE_RUNNING && esc_now() - n->running_since >= STABLE_NS)
		return 0;
	if (!n->backoff)
		return BACKOFF_NS;
	return n->backoff < BACKOFF_MAX_NS / 2 ? n->backoff * 2 : BACKOFF_MAX_NS;
}

void plane_down(struct node *n)
{
	plane_set_on(n, false);
	apply_save_endpoints(n);
	for (int side = 0; side < ESC_SIDES; side++) {
		child_kill(&n->side[side].child);
		esc_resolver_reset(n->side[side].resolver);
	}
	esc_memory_close(&n->memory);
	if (n->phase == PHASE_STARTING) /* not with the provider of before, perhaps */
		*n->provider = '\0';
	n->backoff = next_backoff(n);
	n->phase = PHASE_WAITING;
	apply_abort(n);
	if (!n->was_running) {
		node_fail(n);
		return;
	}
	if (n->backoff)
		esc_info("processes are started again in %u ms",
			 (unsigned int)(n->backoff / ESC_MS));
	esc_loop_arm(&n->loop, &n->timer, n->backoff);
}

void plane_lost_nic(struct node *n, enum esc_side side)
{
	esc_bpf_detach(n->bpf, side);
	if (n->phase == PHASE_STARTING || n->phase == PHASE_CONFIGURING ||
	    n->phase == PHASE_RUNNING)
		plane_down(n);
}

void plane_timer(struct node *n)
{
	if (n->phase == PHASE_WAITING) {
		plane_up(n);
		return;
	}
	for (int side = 0; side < ESC_SIDES && n->phase == PHASE_STARTING; side++) {
		if (!n->side[side].child.ready)
			plane_because(n, "%s process was not ready after %u s",
				      child_name(&n->side[side].child),
				      (unsigned int)(START_NS / ESC_S));
	}
	if (n->phase != PHASE_STARTING)
		plane_because(n, "crypto process did not take its configuration in time");
	plane_down(n);
}
