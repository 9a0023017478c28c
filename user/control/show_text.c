/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/encode.h"
#include "control/show_attack.h"
#include "control/show_router.h"
#include "control/show_units.h"
#include "control/snapshot.h"
#include "ipc/sandbox.h"

static void head(const struct esc_snapshot *s, FILE *f)
{
	char key[ESC_KEY_B64], time[ESC_UNITS_STR];

	fprintf(f, "%s: %s, %s, up %s", s->model->name, s->state, esc_mode_name(s->model->mode),
		esc_span_text(s->now > s->started ? s->now - s->started : 0, time));
	if (s->restarts)
		fprintf(f, ", processes restarted %u time%s", s->restarts,
			s->restarts == 1 ? "" : "s");
	fprintf(f, "\n");
	if (*s->last_failure)
		fprintf(f, "  last failure: %s\n", s->last_failure);
	if (*s->waiting_for)
		fprintf(f, "  waiting: %s%s", s->waiting_for,
			strchr(s->waiting_for, '\n') ? "" : "\n");
	fprintf(f, "  key     %s   port %u\n",
		s->model->has_key ? esc_key_to_base64(key, s->model->public_key) : "(none)",
		s->model->listen_port);
	if (*s->model->keystore)
		fprintf(f, "          from %s\n", s->model->keystore);
	fprintf(f, "  AEAD    %s%s\n", *s->provider ? s->provider : "-",
		s->under_load ? "   UNDER LOAD: handshakes need cookies" : "");
}

static void processes(const struct esc_snapshot *s, FILE *f)
{
	static const char *const holds[] = {"root; no packets", "plaintext; no keys",
					    "keys; no network but its queues"};

	char layers[ESC_LAYERS_STR];

	fprintf(f, "\nDomains\n");
	for (int i = 0; i < 3; i++) {
		const struct esc_snap_process *p = &s->process[i];
		if (!p->pid) {
			fprintf(f, "  %-8s not running\n", p->domain);
			continue;
		}
		fprintf(f, "  %-8s process %-8d %-16s %s\n", p->domain, (int)p->pid, p->user,
			holds[i]);
		fprintf(f, "           sandbox %s: %s\n", p->complete ? "complete" : "NOT COMPLETE",
			esc_layers_text(p->layers, layers));
		if (p->waived)
			fprintf(f, "           WAIVED: %s\n", esc_layers_text(p->waived, layers));
	}
	fprintf(f, "  root     %s\n",
		s->lsm ? "kept out by the BPF LSM layer"
		       : "can read all of them: no BPF LSM layer");
}

static void nics(const struct esc_snapshot *s, FILE *f)
{
	char text[ESC_ADDR_STR];

	fprintf(f, "\nNICs\n");
	for (int i = 0; i < ESC_SIDES; i++) {
		const struct esc_snap_nic *n = &s->nic[i];
		fprintf(f, "  %-8s %s: ", n->side, n->nic->name);
		if (!n->present) {
			fprintf(f, "gone\n");
			continue;
		}
		fprintf(f, "%s, %s, XDP %s, AF_XDP %s, %u queue%s, MTU %u\n",
			n->nic->up ? "up" : "DOWN", *n->nic->driver ? n->nic->driver : "?",
			n->generic ? "generic (slow)" : "native",
			n->zero_copy ? "zero-copy" : "copy", n->nic->rx_queues,
			n->nic->rx_queues == 1 ? "" : "s", n->nic->mtu);
		fprintf(f, "          ");
		for (uint32_t k = 0; k < n->addrs && k < 6; k++)
			fprintf(f, " %s", esc_addr_format(n->addr[k], text));
		fprintf(f, "%s\n", n->addrs ? n->addrs > 6 ? " …" : "" : " no address");
	}
}

static void peer(const struct esc_snapshot *s, const struct esc_peer *p, FILE *f)
{
	char key[ESC_KEY_B64], text[ESC_EP_STR], a[ESC_UNITS_STR], b[ESC_UNITS_STR];
	const struct esc_prefix *prefix;
	struct esc_live live;
	uint32_t cursor = 0, shown = 0;

	esc_live_read(s->crypto, p->id, &live);
	fprintf(f, "  %s%s%s\n", p->name, *p->name ? "  " : "",
		esc_key_to_base64(key, p->public_key));
	if (live.endpoint_port)
		fprintf(f, "    at %s",
			esc_endpoint_format(live.endpoint, live.endpoint_port, text));
	else if (p->endpoint_port)
		fprintf(f, "    at %s", esc_endpoint_format(p->endpoint, p->endpoint_port, text));
	else
		fprintf(f, "    endpoint not known yet");
	fprintf(f, "; %s", live.session ? "session up" : "no session");
	uint64_t last = live.last_handshake / ESC_S;
	if (last)
		fprintf(f, ", last handshake %s ago",
			esc_span_text(s->now > last ? s->now - last : 0, a));
	fprintf(f, "\n    received %s in %" PRIu64 " packets, sent %s in %" PRIu64 "\n   ",
		esc_size_text(live.rx_bytes, a), live.rx_packets, esc_size_text(live.tx_bytes, b),
		live.tx_packets);
	for (; shown < 8 && (prefix = esc_model_prefix_next(s->model, p->id, &cursor)); shown++)
		fprintf(f, " %s", esc_prefix_format(prefix->addr, prefix->len, text));
	if (p->prefixes > shown)
		fprintf(f, " and %u more", p->prefixes - shown);
	fprintf(f, "%s\n", p->prefixes ? "" : " no AllowedIPs");
}

static void counters(const struct esc_snapshot *s, FILE *f)
{
	static const struct {
		const char *id, *title;
	} domain[] = {
		{"black_xdp", "From the internet (black XDP program)"},
		{"black_kernel", "Lost between the black XDP program and crypto"},
		{"crypto", "Crypto process"},
		{"red_xdp", "From the LAN (red XDP program)"},
		{"red_kernel", "Lost between the red XDP program and red"},
		{"red", "Red process"},
		{"egress", "Egress guard on the black NIC"},
		{"black_out", "To the internet, outside of the tunnels (black_out XDP program)"},
		{"red_out", "Into the LAN, from outside of the tunnels (red_out XDP program)"},
	};
	static const char *const kinds[] = {
		[ESC_KIND_PASS] = "",
		[ESC_KIND_LOCAL] = "answered",
		[ESC_KIND_ANSWER] = "REFUSED",
		[ESC_KIND_DROP] = "DROPPED",
	};

	for (size_t d = 0; d < sizeof(domain) / sizeof(domain[0]); d++) {
		uint64_t total = 0;
		bool there = false;
		for (uint32_t i = 0; i < s->reasons; i++) {
			if (strcmp(s->reason[i].domain, domain[d].id) != 0)
				continue;
			there = true;
			total += s->reason[i].packets;
		}
		if (!there)
			continue;
		fprintf(f, "\n%s: %" PRIu64 " packets\n", domain[d].title, total);
		for (uint32_t i = 0; i < s->reasons; i++) {
			const struct esc_snap_reason *r = &s->reason[i];
			if (r->packets && !strcmp(r->domain, domain[d].id))
				fprintf(f, "  %12" PRIu64 "  %-8s  %s\n", r->packets,
					kinds[r->kind], r->text);
		}
	}
}

static void frames(const struct esc_snapshot *s, FILE *f)
{
	fprintf(f, "\nFrames\n");
	for (int i = 0; i < ESC_SIDES; i++) {
		const struct esc_snap_frames *l = &s->frames[i];
		const char *sep = "";
		fprintf(f, "  %-8s %" PRIu64 " of %" PRIu64 ": ", s->nic[i].side, esc_frames_sum(l),
			l->total);
		for (unsigned int k = 0; k < ESC_PLACE_COUNT; k++) {
			if (!l->place[k])
				continue;
			fprintf(f, "%s%" PRIu64 " %s", sep, l->place[k], esc_place_text(k));
			sep = "; ";
		}
		fprintf(f, "%s\n", l->lost ? "  LOST SOME" : "");
	}
	for (int i = 0; i < ESC_SIDES; i++) {
		for (unsigned int k = 0; k < ESC_VIOLATION_COUNT; k++) {
			if (s->violation[i][k])
				fprintf(f, "  VIOLATION counted by %s: %" PRIu64 " x %s\n",
					i == ESC_SIDE_BLACK ? "crypto" : "red", s->violation[i][k],
					esc_violation_text(k));
		}
	}
}

bool esc_show_text(const struct esc_snapshot *s, FILE *f)
{
	head(s, f);
	processes(s, f);
	nics(s, f);
	fprintf(f, "\nPeers (%u)\n", s->model->peers);
	for (uint32_t id = 0; id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *p = esc_model_peer(s->model, id);
		if (p)
			peer(s, p, f);
	}
	if (s->router)
		esc_router_text(s->router, f);
	esc_detect_text_show(s->detect, f);
	counters(s, f);
	frames(s, f);
	fprintf(f,
		"\nHandshakes completed %" PRIu64 " (%" PRIu64
		" messages sent), keepalives %" PRIu64 ", ICMP answers %" PRIu64
		", MSS clamped %" PRIu64 "\n",
		s->handshakes_done, s->handshakes_sent, s->keepalives_sent, s->icmp_sent,
		s->mss_clamped);
	return !fflush(f) && !ferror(f);
}
