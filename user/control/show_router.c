/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/show_router.h"

#include <inttypes.h>

#include "control/rule.h"
#include "control/show_units.h"

static const struct {
	const char *proto, *state;
} states[ESC_CONN_STATES] = {
	[ESC_CONN_UDP_UNREPLIED] = {"udp", "unreplied"},
	[ESC_CONN_UDP_REPLIED] = {"udp", "replied"},
	[ESC_CONN_ICMP] = {"icmp", "echo"},
	[ESC_CONN_SYN_SENT] = {"tcp", "syn_sent"},
	[ESC_CONN_SYN_RECV] = {"tcp", "syn_recv"},
	[ESC_CONN_ESTABLISHED] = {"tcp", "established"},
	[ESC_CONN_FIN_WAIT] = {"tcp", "fin_wait"},
	[ESC_CONN_TIME_WAIT] = {"tcp", "time_wait"},
	[ESC_CONN_CLOSE] = {"tcp", "close"},
};

static const char *const tables[ESC_PORTS_TABLES] = {
	[ESC_PORTS_TCP] = "tcp",
	[ESC_PORTS_UDP] = "udp",
	[ESC_PORTS_ICMP] = "icmp",
};

static const char *verdict(uint32_t v)
{
	return v == ESC_ALLOW ? "allow" : "deny";
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void count_json(struct esc_json *j, const struct esc_count *c)
{
	esc_json_u64(j, "packets", c->packets);
	esc_json_u64(j, "bytes", c->bytes);
}

static void traffic_json(struct esc_json *j, const struct esc_snap_router *r)
{
	const struct {
		const char *path, *direction;
		const struct esc_count *count;
	} way[] = {
		{"split", "out", &r->split_out},
		{"split", "in", &r->split_in},
		{"tunnel", "out", &r->tunnel_out},
		{"tunnel", "in", &r->tunnel_in},
	};

	esc_json_array(j, "traffic");
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "path", way[i].path);
		esc_json_str(j, "direction", way[i].direction);
		count_json(j, way[i].count);
		esc_json_end(j);
	}
	esc_json_end(j);
}

static void connections_json(struct esc_json *j, const struct esc_snap_router *r)
{
	esc_json_u64(j, "connections", r->conns.answered);
	esc_json_u64(j, "connections_max", r->max);
	esc_json_u64(j, "unanswered", r->conns.unanswered);
	esc_json_u64(j, "unanswered_max", r->max_new);
	esc_json_u64(j, "evicted", r->evicted);
	esc_json_u64(j, "ipv4", r->conns.ipv4);
	esc_json_u64(j, "ipv6", r->conns.ipv6);
	esc_json_array(j, "states");
	for (unsigned int i = 0; i < ESC_CONN_STATES; i++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "protocol", states[i].proto);
		esc_json_str(j, "state", states[i].state);
		esc_json_u64(j, "connections", r->conns.state[i]);
		esc_json_end(j);
	}
	esc_json_end(j);
	esc_json_u64(j, "mappings", r->conns.mappings);
	esc_json_u64(j, "port_first", r->conf->port_first);
	esc_json_u64(j, "port_last", r->conf->port_last);
	esc_json_array(j, "ports");
	for (int i = 0; i < ESC_PORTS_TABLES; i++) {
		esc_json_object(j, NULL);
		esc_json_str(j, "protocol", tables[i]);
		esc_json_u64(j, "used", r->conns.ports[i]);
		esc_json_end(j);
	}
	esc_json_end(j);
}

void esc_router_json(struct esc_json *j, const struct esc_snap_router *r)
{
	const struct esc_policy *p = &r->conf->policy;
	char text[ESC_RULE_STR];

	esc_json_object(j, "router");
	traffic_json(j, r);
	connections_json(j, r);
	esc_json_array(j, "rules");
	for (uint32_t i = 0; i < p->rules; i++) {
		esc_json_object(j, NULL);
		esc_json_u64(j, "line", r->conf->rule_line[i]);
		esc_json_str(j, "verdict", verdict(p->rule[i].verdict));
		esc_json_str(j, "rule", esc_rule_text(&p->rule[i], text));
		count_json(j, &r->hit[i]);
		esc_json_end(j);
	}
	esc_json_end(j);
	esc_json_object(j, "default");
	esc_json_str(j, "verdict", verdict(p->otherwise));
	count_json(j, &r->hit[ESC_RULES_MAX]);
	esc_json_end(j);
	esc_json_end(j);
}

/* --- text ------------------------------------------------------------------------------------- */

static void traffic_text(const char *name, const struct esc_count *out, const struct esc_count *in,
			 FILE *f)
{
	char a[ESC_UNITS_STR], b[ESC_UNITS_STR];

	fprintf(f, "  %-12s %llu packets out, %s; %llu in, %s\n", name, out->packets,
		esc_size_text(out->bytes, a), in->packets, esc_size_text(in->bytes, b));
}

static void states_text(const struct esc_snap_router *r, FILE *f)
{
	for (unsigned int i = 0; i < ESC_CONN_STATES; i++) {
		if (r->conns.state[i])
			fprintf(f, "  %12" PRIu32 "  %-4s  %s\n", r->conns.state[i],
				states[i].proto, states[i].state);
	}
}

static void rule_text(const char *where, uint32_t v, const char *text, const struct esc_count *hit,
		      FILE *f)
{
	char size[ESC_UNITS_STR];

	fprintf(f, "  %12llu  %-10s  %s %s%s%s\n", hit->packets, esc_size_text(hit->bytes, size),
		where, verdict(v), *text ? " " : "", text);
}

void esc_router_text(const struct esc_snap_router *r, FILE *f)
{
	const struct esc_policy *p = &r->conf->policy;
	const uint32_t range = r->conf->port_last - r->conf->port_first + 1u;
	char text[ESC_RULE_STR], where[24];

	fprintf(f, "\nOutside of the tunnels\n");
	traffic_text("split", &r->split_out, &r->split_in, f);
	traffic_text("tunnelled", &r->tunnel_out, &r->tunnel_in, f);
	fprintf(f,
		"  connections  %" PRIu32 " of %" PRIu32 " answered, %" PRIu32 " of %" PRIu32
		" not; IPv4 %" PRIu32 ", IPv6 %" PRIu32,
		r->conns.answered, r->max, r->conns.unanswered, r->max_new, r->conns.ipv4,
		r->conns.ipv6);
	if (r->evicted)
		fprintf(f, "; TABLE WAS FULL: %" PRIu64 " idle ones removed", r->evicted);
	fprintf(f, "\n");
	states_text(r, f);
	fprintf(f,
		"  own ports    tcp %" PRIu32 ", udp %" PRIu32 ", icmp %" PRIu32
		" in use, of %" PRIu32 " each from %u on\n",
		r->conns.ports[ESC_PORTS_TCP], r->conns.ports[ESC_PORTS_UDP],
		r->conns.ports[ESC_PORTS_ICMP], range, r->conf->port_first);
	fprintf(f, "  rules        by packets that they decided about\n");
	for (uint32_t i = 0; i < p->rules; i++) {
		snprintf(where, sizeof(where), "line %" PRIu32 ":", r->conf->rule_line[i]);
		rule_text(where, p->rule[i].verdict, esc_rule_text(&p->rule[i], text), &r->hit[i],
			  f);
	}
	rule_text("Default:", p->otherwise, "", &r->hit[ESC_RULES_MAX], f);
}
