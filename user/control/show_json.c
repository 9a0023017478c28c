/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "control/show_attack.h"
#include "control/show_router.h"
#include "control/snapshot.h"
#include "ipc/sandbox.h"

static const char *const kinds[] = {
	[ESC_KIND_PASS] = "pass",
	[ESC_KIND_LOCAL] = "local",
	[ESC_KIND_ANSWER] = "answer",
	[ESC_KIND_DROP] = "drop",
};

static void layers(struct esc_json *j, const char *name, uint32_t bits)
{
	esc_json_array(j, name);
	for (int i = 0; i < ESC_LAYER_COUNT; i++) {
		if (bits & ESC_LAYER_BIT(i))
			esc_json_str(j, NULL, esc_layer_info[i].name);
	}
	esc_json_end(j);
}

static void processes(struct esc_json *j, const struct esc_snapshot *s)
{
	esc_json_array(j, "domains");
	for (int i = 0; i < 3; i++) {
		const struct esc_snap_process *p = &s->process[i];
		esc_json_object(j, NULL);
		esc_json_str(j, "domain", p->domain);
		esc_json_u64(j, "pid", (uint64_t)p->pid);
		esc_json_u64(j, "uid", p->uid);
		esc_json_str(j, "user", p->user);
		esc_json_u64(j, "wakeups", p->wakeups);
		esc_json_bool(j, "sandbox_complete", p->complete);
		layers(j, "layers", p->layers);
		layers(j, "layers_waived", p->waived);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void nics(struct esc_json *j, const struct esc_snapshot *s)
{
	char text[ESC_ADDR_STR];

	esc_json_array(j, "nics");
	for (int i = 0; i < ESC_SIDES; i++) {
		const struct esc_snap_nic *n = &s->nic[i];
		esc_json_object(j, NULL);
		esc_json_str(j, "side", n->side);
		esc_json_str(j, "name", n->nic->name);
		esc_json_bool(j, "present", n->present);
		esc_json_bool(j, "up", n->present && n->nic->up);
		esc_json_str(j, "driver", n->nic->driver);
		esc_json_str(j, "xdp", n->generic ? "generic" : "native");
		esc_json_str(j, "af_xdp", n->zero_copy ? "zero-copy" : "copy");
		esc_json_u64(j, "mtu", n->nic->mtu);
		esc_json_u64(j, "queues", n->nic->rx_queues);
		esc_json_array(j, "addresses");
		for (uint32_t k = 0; k < n->addrs; k++)
			esc_json_str(j, NULL, esc_addr_format(n->addr[k], text));
		esc_json_end(j);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void peer(struct esc_json *j, const struct esc_snapshot *s, const struct esc_peer *p)
{
	char key[ESC_KEY_B64], text[ESC_EP_STR];
	const struct esc_prefix *prefix;
	struct esc_live live;
	uint32_t cursor = 0;

	esc_live_read(s->crypto, p->id, &live);
	esc_json_object(j, NULL);
	esc_json_str(j, "name", p->name);
	esc_json_str(j, "public_key", esc_key_to_base64(key, p->public_key));
	esc_json_bool(j, "preshared_key", p->has_psk);
	if (live.endpoint_port)
		esc_endpoint_format(live.endpoint, live.endpoint_port, text);
	else if (p->endpoint_port)
		esc_endpoint_format(p->endpoint, p->endpoint_port, text);
	esc_json_str(j, "endpoint", live.endpoint_port || p->endpoint_port ? text : NULL);
	esc_json_u64(j, "persistent_keepalive", p->keepalive);
	esc_json_bool(j, "session", live.session);
	esc_json_u64(j, "last_handshake", live.last_handshake / ESC_S);
	esc_json_u64(j, "last_received", live.last_rx / ESC_S);
	esc_json_u64(j, "handshakes", live.handshakes);
	esc_json_u64(j, "rx_bytes", live.rx_bytes);
	esc_json_u64(j, "tx_bytes", live.tx_bytes);
	esc_json_u64(j, "rx_packets", live.rx_packets);
	esc_json_u64(j, "tx_packets", live.tx_packets);
	esc_json_array(j, "allowed_ips");
	while ((prefix = esc_model_prefix_next(s->model, p->id, &cursor)))
		esc_json_str(j, NULL, esc_prefix_format(prefix->addr, prefix->len, text));
	esc_json_end(j);
	esc_json_end(j);
}

static void counters(struct esc_json *j, const struct esc_snapshot *s)
{
	esc_json_array(j, "counters");
	for (uint32_t i = 0; i < s->reasons; i++) {
		const struct esc_snap_reason *r = &s->reason[i];
		esc_json_object(j, NULL);
		esc_json_str(j, "domain", r->domain);
		esc_json_str(j, "reason", r->id);
		esc_json_str(j, "kind", kinds[r->kind]);
		esc_json_u64(j, "packets", r->packets);
		if (r->has_bytes)
			esc_json_u64(j, "bytes", r->bytes);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void frames(struct esc_json *j, const struct esc_snapshot *s)
{
	esc_json_array(j, "frames");
	for (int i = 0; i < ESC_SIDES; i++) {
		const struct esc_snap_frames *f = &s->frames[i];
		esc_json_object(j, NULL);
		esc_json_str(j, "side", s->nic[i].side);
		esc_json_u64(j, "total", f->total);
		for (unsigned int k = 0; k < ESC_PLACE_COUNT; k++)
			esc_json_u64(j, esc_place_id(k), f->place[k]);
		esc_json_u64(j, "sum", esc_frames_sum(f));
		esc_json_u64(j, "lost", f->lost);
		esc_json_end(j);
	}
	esc_json_end(j);
	esc_json_array(j, "violations");
	for (int i = 0; i < ESC_SIDES; i++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "counted_by", i == ESC_SIDE_BLACK ? "crypto" : "red");
		for (unsigned int k = 0; k < ESC_VIOLATION_COUNT; k++)
			esc_json_u64(j, esc_violation_id(k), s->violation[i][k]);
		esc_json_end(j);
	}
	esc_json_end(j);
}

bool esc_show_json(const struct esc_snapshot *s, FILE *f)
{
	struct esc_json j;
	char key[ESC_KEY_B64];

	esc_json_init(&j, f);
	esc_json_object(&j, NULL);
	esc_json_str(&j, "name", s->model->name);
	esc_json_str(&j, "version", ESC_VERSION);
	esc_json_str(&j, "mode", esc_mode_name(s->model->mode));
	esc_json_str(&j, "state", s->state);
	esc_json_str(&j, "waiting_for", *s->waiting_for ? s->waiting_for : NULL);
	esc_json_u64(&j, "time", s->now);
	esc_json_u64(&j, "started", s->started);
	esc_json_u64(&j, "restarts", s->restarts);
	esc_json_str(&j, "last_failure", *s->last_failure ? s->last_failure : NULL);
	esc_json_str(&j, "public_key",
		     s->model->has_key ? esc_key_to_base64(key, s->model->public_key) : NULL);
	esc_json_str(&j, "keystore", *s->model->keystore ? s->model->keystore : NULL);
	esc_json_u64(&j, "listen_port", s->model->listen_port);
	esc_json_str(&j, "provider", s->provider);
	esc_json_bool(&j, "lsm", s->lsm);
	processes(&j, s);
	nics(&j, s);
	esc_json_array(&j, "peers");
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(s->model, id);
		if (p)
			peer(&j, s, p);
	}
	esc_json_end(&j);
	if (s->router)
		esc_router_json(&j, s->router);
	esc_detect_json(&j, s->detect);
	counters(&j, s);
	frames(&j, s);
	esc_json_u64(&j, "icmp_sent", s->icmp_sent);
	esc_json_u64(&j, "mss_clamped", s->mss_clamped);
	esc_json_u64(&j, "handshake_messages_sent", s->handshakes_sent);
	esc_json_u64(&j, "handshakes_done", s->handshakes_done);
	esc_json_u64(&j, "keepalives_sent", s->keepalives_sent);
	esc_json_bool(&j, "under_load", s->under_load);
	esc_json_end(&j);
	return esc_json_finish(&j);
}
