/* SPDX-License-Identifier: BSD-2-Clause */
#include "red/firewall.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "red/flows.h"
#include "split.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

#define TCP_LEN	      20u
#define TRANSPORT_LEN 8u /* of UDP and ICMP, and what every ICMP error quotes (RFC 792) */
#define TCP_FLAGS_AT  13u

/* What was seen of a TCP connection: struct flow.flags. */
enum {
	LAN_SPOKE = 1,
	SITE_SPOKE = 2,
	OPENING = 4, /* began with a SYN, and nothing but SYNs so far */
	ESTABLISHED = 8,
	CLOSING = 16, /* one side has nothing more to say, or reset it */
};

struct policy {
	uint32_t rules, otherwise;
	struct esc_rule rule[ESC_RULES_MAX];
};

struct firewall {
	bool open;		     /* nothing is ever refused */
	const struct policy *policy; /* in force: one of the two; NULL: none yet */
	struct policy slot[2];
	uint32_t told; /* rules of the next one that are here */
	struct flows *lan, *site, *fragments;
};

/* A packet as its conversation sees it. */
struct segment {
	struct esc_conn_key key;
	uint8_t tcp;	/* flags */
	uint16_t port;	/* destination's, host order */
	bool may_begin; /* a conversation: it is no answer */
};

struct firewall *firewall_new(uint32_t conversations)
{
	struct firewall *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->lan = flows_new(conversations);
	f->site = flows_new(conversations / 4);
	f->fragments = flows_new(FIREWALL_FRAGMENTS);
	if (f->lan && f->site && f->fragments)
		return f;
	firewall_free(f);
	return NULL;
}

void firewall_free(struct firewall *f)
{
	if (!f)
		return;
	flows_free(f->lan);
	flows_free(f->site);
	flows_free(f->fragments);
	free(f);
}

/* --- the policy ---------------------------------------------------------------------------- */

static bool rule_ok(const struct esc_rule *r)
{
	return r->from_len <= 128 && r->to_len <= 128 && r->verdict <= ESC_ALLOW;
}

static bool never_denies(const struct policy *p)
{
	for (uint32_t i = 0; i < p->rules; i++) {
		if (p->rule[i].verdict == ESC_DENY)
			return false;
	}
	return p->otherwise == ESC_ALLOW;
}

int firewall_update(struct firewall *f, const struct esc_msg_firewall *m)
{
	struct policy *next = &f->slot[f->policy == &f->slot[0]];

	if (!m->first)
		f->told = 0;
	if (m->first != f->told || m->count > ESC_MSG_RULES || m->rules > ESC_RULES_MAX ||
	    m->first > m->rules || m->count > m->rules - m->first || (!m->count && m->rules) ||
	    m->otherwise > ESC_ALLOW)
		return -EPROTO;
	for (uint32_t i = 0; i < m->count; i++) {
		if (!rule_ok(&m->rule[i]))
			return -EPROTO;
		next->rule[f->told++] = m->rule[i];
	}
	if (f->told < m->rules)
		return 0;
	next->rules = m->rules;
	next->otherwise = m->otherwise;
	f->told = 0;
	f->policy = next;
	f->open = never_denies(next);
	return 0;
}

static bool fits(const struct esc_rule *r, const struct segment *s)
{
	uint8_t proto = s->key.proto == IPPROTO_ICMPV6 ? IPPROTO_ICMP : s->key.proto;

	return (!r->proto || r->proto == proto) && s->port >= r->port_first &&
	       s->port <= r->port_last && esc_addr_within(s->key.remote, r->from, r->from_len) &&
	       esc_addr_within(s->key.lan, r->to, r->to_len);
}

static bool allowed(const struct policy *p, const struct segment *s)
{
	if (!p)
		return false;
	for (uint32_t i = 0; i < p->rules; i++) {
		if (fits(&p->rule[i], s))
			return p->rule[i].verdict == ESC_ALLOW;
	}
	return p->otherwise == ESC_ALLOW;
}

/* --- packets ------------------------------------------------------------------------------- */

static void set_ports(struct segment *s, const uint8_t *t, bool from_lan)
{
	memcpy(&s->key.lan_port, t + (from_lan ? 0 : 2), 2);
	memcpy(&s->key.remote_port, t + (from_lan ? 2 : 0), 2);
	s->port = get16(t + 2);
}

/*
 * Echo alone. Who asks is part of the key (the place of the port): an answer to the LAN's question
 * does not let a site ask.
 */
static bool set_echo(struct segment *s, const struct packet *p, const uint8_t *t, bool from_lan)
{
	uint8_t request = p->v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	uint8_t reply = p->v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;

	if (t[0] != request && t[0] != reply)
		return false;
	s->may_begin = t[0] == request;
	memcpy(&s->key.lan_port, t + 4, 2);
	s->key.remote_port = s->may_begin != from_lan;
	return true;
}

/* false: not whole, or of no conversation. quoted: 8 bytes of TCP are enough. */
static bool segment_of(const struct packet *p, bool from_lan, bool quoted, struct segment *s)
{
	uint32_t there = p->len - p->upper;
	const uint8_t *t = p->ip + p->upper;

	*s = (struct segment){.key.proto = p->protocol, .may_begin = true};
	memcpy(s->key.lan, from_lan ? p->src : p->dst, 16);
	memcpy(s->key.remote, from_lan ? p->dst : p->src, 16);
	switch (p->protocol) {
	case IPPROTO_TCP:
		if (there < (quoted ? TRANSPORT_LEN : TCP_LEN))
			return false;
		set_ports(s, t, from_lan);
		s->tcp = quoted ? 0 : t[TCP_FLAGS_AT];
		s->may_begin = !(s->tcp & TCP_RST) &&
			       (s->tcp & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK);
		return true;
	case IPPROTO_UDP:
		if (there < TRANSPORT_LEN)
			return false;
		set_ports(s, t, from_lan);
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return (p->protocol == IPPROTO_ICMP) == p->v4 && there >= TRANSPORT_LEN &&
		       set_echo(s, p, t, from_lan);
	default:
		return true;
	}
}

/* --- conversations --------------------------------------------------------------------------- */

static struct flow *find(struct firewall *f, const struct segment *s, struct flows **table,
			 uint64_t now)
{
	struct flow *flow = flows_find(f->lan, &s->key, now);

	*table = f->lan;
	if (flow)
		return flow;
	*table = f->site;
	return flows_find(f->site, &s->key, now);
}

static bool first_syn(const struct segment *s)
{
	return s->key.proto == IPPROTO_TCP && (s->tcp & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static uint64_t timeout(const struct flow *flow, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return (flow->flags & (ESTABLISHED | CLOSING)) == ESTABLISHED ? FIREWALL_TCP
									      : FIREWALL_OTHER;
	case IPPROTO_UDP:
		return FIREWALL_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return FIREWALL_ECHO;
	default:
		return FIREWALL_OTHER;
	}
}

/* What a segment that belongs to it does to a connection. */
static void follow(struct flow *flow, const struct segment *s, uint32_t who)
{
	const uint32_t both = LAN_SPOKE | SITE_SPOKE;

	if (s->key.proto != IPPROTO_TCP)
		return;
	flow->flags |= who;
	if (s->tcp & (TCP_FIN | TCP_RST))
		flow->flags = (flow->flags & ~(uint32_t)OPENING) | CLOSING;
	else if (!(s->tcp & TCP_SYN) && (flow->flags & both) == both)
		flow->flags = (flow->flags & ~(uint32_t)OPENING) | ESTABLISHED;
}

static void begin(struct flow *flow, const struct segment *s, uint32_t who, uint64_t now)
{
	flow->flags = first_syn(s) ? OPENING : 0;
	follow(flow, s, who);
	flow->until = now + timeout(flow, s->key.proto);
}

void firewall_out(struct firewall *f, const struct packet *p, uint64_t now)
{
	struct flows *table;
	struct segment s;

	if (f->open || p->later_fragment || !segment_of(p, true, false, &s))
		return;
	struct flow *flow = find(f, &s, &table, now);
	if (!flow) {
		if (s.may_begin)
			begin(flows_add(f->lan, &s.key), &s, LAN_SPOKE, now);
		return;
	}
	flows_renew(table, flow);
	if (first_syn(&s) && flow->flags & CLOSING) {
		begin(flow, &s, LAN_SPOKE, now);
		return;
	}
	follow(flow, &s, LAN_SPOKE);
	flow->until = now + timeout(flow, s.key.proto);
}

/*
 * A SYN of the site's on ports that a connection has belongs to it only while that is being opened
 * (from both sides at once: RFC 9293, 3.5); else it would begin another.
 */
static bool belongs(const struct flow *flow, const struct segment *s)
{
	return !first_syn(s) || flow->flags & OPENING;
}

static void follow_site(struct flow *flow, const struct segment *s, uint64_t now)
{
	uint32_t before = flow->flags;

	follow(flow, s, SITE_SPOKE);
	if (flow->flags == before)
		return;
	uint64_t until = now + timeout(flow, s->key.proto);
	if (flow->flags & CLOSING ? until < flow->until : flow->flags & ESTABLISHED)
		flow->until = until;
}

static bool judge(struct firewall *f, const struct segment *s, uint64_t now)
{
	struct flows *table;
	struct flow *flow = find(f, s, &table, now);

	if (flow && belongs(flow, s)) {
		follow_site(flow, s, now);
		return true;
	}
	if (!s->may_begin || !allowed(f->policy, s))
		return false;
	if (!flow)
		begin(flows_add(f->site, &s->key), s, SITE_SPOKE, now);
	else if (flow->flags & CLOSING)
		begin(flow, s, SITE_SPOKE, now);
	return true;
}

/* --- ICMP errors --------------------------------------------------------------------------- */

static bool is_error(const struct packet *p)
{
	uint8_t type;

	if (p->len - p->upper < ICMP_LEN)
		return false;
	type = p->ip[p->upper];
	if (p->v4)
		return p->protocol == IPPROTO_ICMP &&
		       (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
			type == ICMP_PARAMETERPROB);
	return p->protocol == IPPROTO_ICMPV6 && type >= ICMP6_DST_UNREACH &&
	       type <= ICMP6_PARAM_PROB;
}

/* About what the LAN's host that it goes to sent in a conversation. Any router may say it. */
static bool error_expected(struct firewall *f, const struct packet *p, uint64_t now)
{
	uint32_t at = p->upper + ICMP_LEN;
	struct flows *table;
	struct segment s;
	struct packet q;

	return packet_parse_quote(p->ip + at, p->len - at, &q) && q.v4 == p->v4 &&
	       !memcmp(q.src, p->dst, 16) && !q.later_fragment && segment_of(&q, true, true, &s) &&
	       find(f, &s, &table, now);
}

/* --- fragments ----------------------------------------------------------------------------- */

static void fragment_key(const struct packet *p, struct esc_frag_key *key)
{
	*key = (struct esc_frag_key){.id = p->fragment_id, .proto = p->v4 ? p->protocol : 0};
	memcpy(key->from, p->src, 16);
	memcpy(key->to, p->dst, 16);
	key->in = 1;
}

static void remember_fragment(struct firewall *f, const struct packet *p, uint64_t now)
{
	struct esc_frag_key key;

	fragment_key(p, &key);
	struct flow *flow = flows_find(f->fragments, &key, now);
	if (!flow)
		flow = flows_add(f->fragments, &key);
	flow->until = now + FIREWALL_FRAGMENT;
}

/* It follows a first one that was let in, and does not replace its TCP header (RFC 3128). */
static bool fragment_expected(struct firewall *f, const struct packet *p, uint64_t now)
{
	struct esc_frag_key key;

	fragment_key(p, &key);
	return (p->protocol != IPPROTO_TCP || p->fragment_at >= TCP_LEN) &&
	       flows_find(f->fragments, &key, now);
}

bool firewall_in(struct firewall *f, const struct packet *p, uint64_t now)
{
	struct segment s;
	bool in;

	if (f->open)
		return true;
	if (p->protocol == NO_TRANSPORT) /* it may hide what a rule denies */
		return false;
	if (p->later_fragment)
		return fragment_expected(f, p, now);
	if (is_error(p))
		in = error_expected(f, p, now);
	else
		in = segment_of(p, false, false, &s) && judge(f, &s, now);
	if (in && p->fragment)
		remember_fragment(f, p, now);
	return in;
}
