/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/snapshot.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/lockdown.h"
#include "control/lsm.h"
#include "control/node.h"
#include "ipc/sandbox.h"

struct reason_name {
	const char *id, *text;
	enum esc_kind kind;
};

#define NAME(id, kind, text) {#id, text, ESC_KIND_##kind},
static const struct reason_name black_names[] = {ESC_BLACK_REASONS(NAME)};
static const struct reason_name red_names[] = {ESC_RED_REASONS(NAME)};
static const struct reason_name red_proc_names[] = {ESC_RED_PROC_REASONS(NAME)};
static const struct reason_name crypto_names[] = {ESC_CRYPTO_OUT_REASONS(NAME)
							  ESC_CRYPTO_IN_REASONS(NAME)};
static const struct reason_name black_out_names[] = {ESC_BLACK_OUT_REASONS(NAME)};
static const struct reason_name red_out_names[] = {ESC_RED_OUT_REASONS(NAME)};
static const struct reason_name kernel_names[] = {ESC_KERNEL_DROPS(NAME)};
static const struct reason_name violation_names[] = {ESC_VIOLATIONS(NAME)};
static const struct reason_name place_names[] = {ESC_PLACES(NAME)};
#undef NAME

static const struct reason_name egress_names[] = {
	{"arp", "ARP of the node's kernel", ESC_KIND_PASS},
	{"nd", "neighbour discovery of the node's kernel", ESC_KIND_PASS},
	{"dhcp", "DHCP client's requests", ESC_KIND_PASS},
	{"dropped", "anything else of the node's kernel", ESC_KIND_DROP},
};

_Static_assert(sizeof(egress_names) / sizeof(egress_names[0]) == ESC_EGRESS_COUNT,
	       "one name per egress reason");

const char *esc_place_id(unsigned int place)
{
	return place_names[place].id;
}

const char *esc_place_text(unsigned int place)
{
	return place_names[place].text;
}

const char *esc_violation_id(unsigned int violation)
{
	return violation_names[violation].id;
}

const char *esc_violation_text(unsigned int violation)
{
	return violation_names[violation].text;
}

uint64_t esc_frames_sum(const struct esc_snap_frames *f)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < ESC_PLACE_COUNT; i++)
		sum += f->place[i];
	return sum;
}

/* --- counters ------------------------------------------------------------------------------- */

static void add(struct esc_snapshot *s, const char *domain, const struct reason_name *name,
		uint64_t packets)
{
	s->reason[s->reasons++] = (struct esc_snap_reason){
		.domain = domain,
		.id = name->id,
		.text = name->text,
		.kind = name->kind,
		.packets = packets,
	};
}

static void add_program(struct esc_snapshot *s, const struct node *n, const char *domain,
			enum esc_bpf_stats which, const struct reason_name *names, uint32_t count)
{
	struct esc_count c[ESC_BLACK_REASON_COUNT + ESC_RED_REASON_COUNT + ESC_EGRESS_COUNT];

	if (esc_bpf_stats(n->bpf, which, c, count))
		memset(c, 0, sizeof(c));
	for (uint32_t i = 0; i < count; i++) {
		add(s, domain, &names[i], c[i].packets);
		s->reason[s->reasons - 1].has_bytes = true;
		s->reason[s->reasons - 1].bytes = c[i].bytes;
	}
}

static void add_process(struct esc_snapshot *s, const char *domain, const esc_cell *cell,
			const struct reason_name *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		add(s, domain, &names[i], cell ? esc_cell_get(&cell[i]) : 0);
}

static void take_reasons(const struct node *n, struct esc_snapshot *s)
{
	const struct esc_red_status *red = n->memory.red;
	const struct esc_crypto_status *crypto = n->memory.crypto;

	add_program(s, n, "black_xdp", ESC_STATS_BLACK, black_names, ESC_BLACK_REASON_COUNT);
	add_program(s, n, "red_xdp", ESC_STATS_RED, red_names, ESC_RED_REASON_COUNT);
	add_process(s, "black_kernel", crypto ? crypto->kernel_drop : NULL, kernel_names,
		    ESC_KERNEL_DROP_COUNT);
	add_process(s, "red_kernel", red ? red->kernel_drop : NULL, kernel_names,
		    ESC_KERNEL_DROP_COUNT);
	add_process(s, "red", red ? red->reason : NULL, red_proc_names, ESC_RP_COUNT);
	add_process(s, "crypto", crypto ? crypto->reason : NULL, crypto_names, ESC_CR_COUNT);
	add_program(s, n, "egress", ESC_STATS_EGRESS, egress_names, ESC_EGRESS_COUNT);
	if (n->model->mode != ESC_MODE_ROUTER)
		return;
	add_program(s, n, "black_out", ESC_STATS_BLACK_OUT, black_out_names, ESC_BLACK_OUT_COUNT);
	add_program(s, n, "red_out", ESC_STATS_RED_OUT, red_out_names, ESC_RED_OUT_COUNT);
}

static void take_frames(const struct esc_ledger *l, struct esc_snap_frames *f)
{
	f->total = esc_cell_get(&l->total);
	f->lost = esc_cell_get(&l->lost);
	for (unsigned int i = 0; i < ESC_PLACE_COUNT; i++)
		f->place[i] = esc_cell_get(&l->place[i]);
}

static void take_status(const struct node *n, struct esc_snapshot *s)
{
	const struct esc_red_status *red = n->memory.red;
	const struct esc_crypto_status *crypto = n->memory.crypto;

	if (!red || !crypto)
		return;
	take_frames(&red->frames, &s->frames[ESC_SIDE_RED]);
	take_frames(&crypto->frames, &s->frames[ESC_SIDE_BLACK]);
	for (unsigned int i = 0; i < ESC_VIOLATION_COUNT; i++) {
		s->violation[ESC_SIDE_RED][i] = esc_cell_get(&red->violation[i]);
		s->violation[ESC_SIDE_BLACK][i] = esc_cell_get(&crypto->violation[i]);
	}
	s->process[1].wakeups = esc_cell_get(&red->wakeups);
	s->process[2].wakeups = esc_cell_get(&crypto->wakeups);
	s->icmp_sent = esc_cell_get(&red->icmp_sent);
	s->mss_clamped = esc_cell_get(&red->mss_clamped);
	s->handshakes_sent = esc_cell_get(&crypto->handshakes_sent);
	s->handshakes_done = esc_cell_get(&crypto->handshakes_done);
	s->keepalives_sent = esc_cell_get(&crypto->keepalives_sent);
	s->under_load = esc_cell_get(&crypto->under_load) != 0;
}

/* --- router mode ------------------------------------------------------------------------------ */

static struct esc_count reason(const struct esc_snapshot *s, const char *domain, const char *id)
{
	for (uint32_t i = 0; i < s->reasons; i++) {
		const struct esc_snap_reason *r = &s->reason[i];
		if (!strcmp(r->domain, domain) && !strcmp(r->id, id))
			return (struct esc_count){r->packets, r->bytes};
	}
	return (struct esc_count){0};
}

static void take_peers(const struct node *n, struct esc_snap_router *r)
{
	struct esc_live live;

	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		if (!esc_model_peer(n->model, id) || !esc_live_read(n->memory.crypto, id, &live))
			continue;
		r->tunnel_out.packets += live.tx_packets;
		r->tunnel_out.bytes += live.tx_bytes;
		r->tunnel_in.packets += live.rx_packets;
		r->tunnel_in.bytes += live.rx_bytes;
	}
}

static void take_router(const struct node *n, struct esc_snapshot *s)
{
	struct esc_snap_router *r = &s->outside;

	if (n->model->mode != ESC_MODE_ROUTER)
		return;
	r->conf = &n->model->split;
	r->split_out = reason(s, "black_out", "sent");
	r->split_in = reason(s, "red_out", "let_in");
	take_peers(n, r);
	connections_counts(n, r);
	if (esc_bpf_stats(n->bpf, ESC_STATS_HITS, r->hit, ESC_HITS))
		memset(r->hit, 0, sizeof(r->hit));
	s->router = r;
}

/* --- the rest ------------------------------------------------------------------------------- */

static void take_process(struct esc_snap_process *p, const char *domain, pid_t pid, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	p->domain = domain;
	p->pid = pid;
	p->uid = uid;
	if (pw)
		snprintf(p->user, sizeof(p->user), "%s", pw->pw_name);
	else
		snprintf(p->user, sizeof(p->user), "uid %u", (unsigned int)uid);
}

static void take_layers(struct esc_snap_process *p, uint32_t layers, uint32_t all, uint32_t waived)
{
	p->layers = p->pid ? layers : 0;
	p->waived = waived & all;
	p->complete = p->layers == all;
}

static void take_nic(const struct node *n, enum esc_side side, struct esc_snap_nic *nic)
{
	const struct side *s = &n->side[side];

	nic->side = side == ESC_SIDE_BLACK ? "black" : "red";
	nic->nic = &s->nic;
	nic->present = s->nic.ifindex != 0;
	nic->generic = esc_bpf_generic(n->bpf, side);
	nic->zero_copy = s->child.alive && s->child.zero_copy;
	nic->addrs = s->addrs;
	nic->addr = (const uint8_t(*)[16])s->addr;
}

const char *esc_node_state(const struct node *n)
{
	switch (n->phase) {
	case PHASE_WAITING:
		return *n->waiting_for ? "waiting" : "restarting";
	case PHASE_STARTING:
	case PHASE_CONFIGURING:
		return n->side[ESC_SIDE_BLACK].child.terminal.lent ? "locked" : "starting";
	case PHASE_RUNNING:
		return "running";
	case PHASE_ZEROIZING:
	case PHASE_ZEROIZED:
		return "zeroized";
	default:
		return "stopping";
	}
}

void esc_snapshot_take(const struct node *n, struct esc_snapshot *s)
{
	const struct child *red = &n->side[ESC_SIDE_RED].child;
	const struct child *crypto = &n->side[ESC_SIDE_BLACK].child;

	*s = (struct esc_snapshot){
		.model = n->model,
		.crypto = n->memory.crypto,
		.state = esc_node_state(n),
		.waiting_for = n->waiting_for,
		.provider = crypto->note,
		.now = esc_unix_now() / ESC_S,
		.started = n->started,
		.restarts = n->restarts,
		.last_failure = n->last_failure,
		.lsm = esc_lsm_look() == ESC_LSM_IN_FORCE,
		.detect = &n->alarm.detect,
	};
	take_process(&s->process[0], "control", getpid(), geteuid());
	take_process(&s->process[1], "red", red->alive ? red->pid : 0, red->uid);
	take_process(&s->process[2], "crypto", crypto->alive ? crypto->pid : 0, crypto->uid);
	take_layers(&s->process[0], n->layers, ESC_LOCKDOWN_LAYERS, n->model->waived);
	take_layers(&s->process[1], red->layers, ESC_LAYERS_ALL, n->model->waived);
	take_layers(&s->process[2], crypto->layers, ESC_LAYERS_ALL, n->model->waived);
	take_nic(n, ESC_SIDE_BLACK, &s->nic[ESC_SIDE_BLACK]);
	take_nic(n, ESC_SIDE_RED, &s->nic[ESC_SIDE_RED]);
	take_reasons(n, s);
	take_status(n, s);
	take_router(n, s);
}
