/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/conns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"

#define SWEEP_NS	 (2 * ESC_S)
#define EMPTY_NS	 (5 * ESC_S)	/* there was nothing at all */
#define TIGHT_NS	 (200 * ESC_MS) /* more than three quarters of the table are in use */
#define URGENT_NS	 (20 * ESC_MS)	/* as much as a full one is left with, or more */
#define STEP_NS		 (3 * ESC_MS) /* between two steps of a sweep: others have most of the time */
#define SAY_NS		 (60 * ESC_S)

#define MAPPING_NS	 (10 * ESC_S) /* a mapping is kept so long at least after its last connection */
#define MAPPING_TIGHT_NS (100 * ESC_MS) /* where there is little room for others */
#define AGING_NS	 (1 * ESC_S)	/* for programs that were about to take a port */
#define SMALL		 8192u		/* entries that can be looked at in one go */

/* Where connections are removed because there are too many, and how many are left. */
#define FULL_PERCENT 90u
#define LEFT_PERCENT 85u

/* RFC 5382, REQ-5: so long a TCP connection must be kept: it goes after all that may go. */
#define TCP_KEPT_S 7440u

/* Idle time in relation to its timeout, in so many ranks; those to be kept are below all others. */
#define RANKS 512u

enum phase { BEGIN, CONNECTIONS, EVICT, MAPPINGS, PORTS };

struct esc_conns {
	const struct esc_conns_ops *ops;
	void *arg;
	uint64_t *ports;
	uint32_t max;
	uint64_t timeout[ESC_CONN_STATES]; /* ns */

	enum phase phase;
	struct esc_conns_cursor at;
	uint64_t began;	       /* this sweep */
	uint64_t aged;	       /* when ports began to leave last */
	uint32_t seen, walked; /* entries, in this step and in this sweep */
	struct esc_conns_counts next, counts;
	uint32_t rank[2 * RANKS];   /* answered connections of each */
	uint32_t surplus;	    /* still to be evicted, */
	uint32_t limit, limit_left; /* all above that rank, and so many of it */
	uint64_t evicted;
	uint64_t said_full, said_error, evicted_said;

	uint8_t used[ESC_PORTS_MAX / 8]; /* by a connection or mapping, in this sweep */
	union {
		struct esc_conn_key conn[ESC_CONNS_BATCH];
		struct esc_nat_key nat[ESC_CONNS_BATCH];
	} key;
	union {
		struct esc_conn conn[ESC_CONNS_BATCH];
		struct esc_nat_map nat[ESC_CONNS_BATCH];
	} value;
};

/* --- start and end ---------------------------------------------------------------------------- */

int esc_conns_open(struct esc_conns **out, const struct esc_conns_ops *ops, void *arg,
		   uint64_t *ports, uint32_t max)
{
	struct esc_conns *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ops = ops;
	c->arg = arg;
	c->ports = ports;
	c->max = max;
	*out = c;
	return 0;
}

void esc_conns_close(struct esc_conns *c)
{
	free(c);
}

void esc_conns_timeouts(struct esc_conns *c, const uint32_t timeout[ESC_CONN_STATES])
{
	for (int i = 0; i < ESC_CONN_STATES; i++)
		c->timeout[i] = timeout[i] * ESC_S;
}

uint64_t esc_conns_evicted(const struct esc_conns *c)
{
	return c->evicted;
}

/* --- walking ---------------------------------------------------------------------------------- */

/* The next entries of c->at.map into c->key and c->value. 1; 0: these were the last; -errno. */
static int walk(struct esc_conns *c, struct esc_conns_cursor *at, uint32_t *count)
{
	*count = ESC_CONNS_BATCH;
	int err = c->ops->walk(c->arg, at->map, !at->started, &at->at, &c->key, &c->value, count);

	at->started = true;
	if (err && err != -ENOENT)
		return err;
	if (*count > ESC_CONNS_BATCH)
		return -EOVERFLOW;
	c->seen += *count;
	c->walked += *count;
	return err ? 0 : 1;
}

static int gone(int err)
{
	return err == -ENOENT ? 0 : err;
}

/* --- ports ------------------------------------------------------------------------------------ */

static bool bit(const uint8_t *set, uint32_t i)
{
	return set[i / 8] >> i % 8 & 1;
}

static void set_bit(uint8_t *set, uint32_t i)
{
	set[i / 8] |= (uint8_t)(1u << i % 8);
}

/* The slot of an own port; ESC_PORTS_MAX: of a protocol without ports. */
static uint32_t slot_of(uint8_t proto, uint16_t be_port)
{
	switch (proto) {
	case IPPROTO_TCP:
		return esc_port_slot(ESC_PORTS_TCP, ntohs(be_port));
	case IPPROTO_UDP:
		return esc_port_slot(ESC_PORTS_UDP, ntohs(be_port));
	case IPPROTO_ICMP:
		return esc_port_slot(ESC_PORTS_ICMP, ntohs(be_port));
	default:
		return ESC_PORTS_MAX;
	}
}

static void use(struct esc_conns *c, uint8_t proto, uint16_t be_port)
{
	uint32_t slot = slot_of(proto, be_port);

	if (slot < ESC_PORTS_MAX)
		set_bit(c->used, slot);
}

/*
 * From the first step on (owner, with LEAVING) no program can take it, and those that were about to
 * have made their connections when the next sweep begins.
 */
static void sweep_port(struct esc_conns *c, uint32_t slot, bool aging)
{
	uint64_t owner = __atomic_load_n(&c->ports[slot], __ATOMIC_RELAXED), next;

	if (owner == ESC_PORT_FREE || owner & ESC_PORT_RESERVED)
		return;
	c->next.ports[slot / 65536u]++;
	if (bit(c->used, slot))
		next = owner & ~ESC_PORT_LEAVING;
	else if (aging)
		next = owner & ESC_PORT_LEAVING ? ESC_PORT_FREE : owner | ESC_PORT_LEAVING;
	else
		return;
	if (next != owner && __atomic_compare_exchange_n(&c->ports[slot], &owner, next, false,
							 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		c->next.ports[slot / 65536u] -= next == ESC_PORT_FREE;
}

static void sweep_ports(struct esc_conns *c, uint64_t now)
{
	bool aging = c->began - c->aged >= AGING_NS;

	for (uint32_t slot = 0; slot < ESC_PORTS_MAX; slot++)
		sweep_port(c, slot, aging);
	if (aging)
		c->aged = now;
}

/* --- connections ------------------------------------------------------------------------------ */

static uint32_t rank_of(const struct esc_conns *c, const struct esc_conn *conn, uint64_t now)
{
	uint64_t timeout = c->timeout[conn->state];
	uint64_t left = conn->expires > now ? conn->expires - now : 0;
	uint64_t idle = left < timeout ? timeout - left : 0;
	bool kept = conn->state == ESC_CONN_ESTABLISHED && idle < TCP_KEPT_S * ESC_S;
	uint32_t rank = timeout ? (uint32_t)(idle / ((timeout + RANKS - 1) / RANKS)) : RANKS - 1;

	if (rank > RANKS - 1)
		rank = RANKS - 1;
	return kept ? rank : RANKS + rank;
}

static void count(struct esc_conns *c, const struct esc_conn_key *key, const struct esc_conn *conn,
		  uint64_t now)
{
	if (c->at.map == ESC_CONNS_ANSWERED) {
		c->next.answered++;
		c->rank[rank_of(c, conn, now)]++;
	} else {
		c->next.unanswered++;
	}
	c->next.state[conn->state]++;
	if (esc_addr_is_v4(key->lan))
		c->next.ipv4++;
	else
		c->next.ipv6++;
}

/* It may have been renewed since it was read. */
static int expire(struct esc_conns *c, const struct esc_conn_key *key, uint64_t now)
{
	struct esc_conn conn;
	int err = c->ops->look(c->arg, c->at.map, key, &conn);

	if (!err && conn.expires > now)
		use(c, key->proto, conn.port);
	else if (!err)
		err = c->ops->remove(c->arg, c->at.map, key);
	return gone(err);
}

static int sweep_connections(struct esc_conns *c, uint64_t now)
{
	uint32_t n;
	int more = walk(c, &c->at, &n), err = more < 0 ? more : 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		const struct esc_conn_key *key = &c->key.conn[i];
		const struct esc_conn *conn = &c->value.conn[i];
		if (conn->expires <= now || conn->state >= ESC_CONN_STATES) {
			err = expire(c, key, now);
			continue;
		}
		if (esc_addr_is_v4(key->lan))
			use(c, key->proto, conn->port);
		count(c, key, conn, now);
	}
	return err ? err : more;
}

/* --- when the table is nearly full ------------------------------------------------------------ */

/* Which ranks have to go: true if any. */
static bool find_surplus(struct esc_conns *c)
{
	uint64_t full = (uint64_t)c->max * FULL_PERCENT / 100;
	uint32_t above = 0;

	if (c->next.answered <= full)
		return false;
	c->surplus = c->next.answered - (uint32_t)((uint64_t)c->max * LEFT_PERCENT / 100);
	c->limit = 2 * RANKS - 1;
	while (c->limit && above + c->rank[c->limit] < c->surplus)
		above += c->rank[c->limit--];
	c->limit_left = c->surplus - above;
	return true;
}

static int evict(struct esc_conns *c, uint64_t now)
{
	uint32_t n;
	int more = walk(c, &c->at, &n), err = more < 0 ? more : 0;

	for (uint32_t i = 0; i < n && !err && c->surplus; i++) {
		const struct esc_conn *conn = &c->value.conn[i];
		uint32_t rank = conn->state < ESC_CONN_STATES ? rank_of(c, conn, now) : 0;
		if (rank < c->limit || (rank == c->limit && !c->limit_left))
			continue;
		c->limit_left -= rank == c->limit;
		err = gone(c->ops->remove(c->arg, c->at.map, &c->key.conn[i]));
		c->surplus--;
		c->evicted++;
	}
	return err ? err : more && c->surplus;
}

static void say_full(struct esc_conns *c, uint64_t now)
{
	if (c->said_full && now - c->said_full < SAY_NS)
		return;
	esc_warn("the table of connections is nearly full, %u of %u: %llu that were idle longest "
		 "were removed. See: esclusa show connections; Connections = under [Split] makes "
		 "it larger",
		 c->next.answered, c->max, (unsigned long long)(c->evicted - c->evicted_said));
	c->said_full = now;
	c->evicted_said = c->evicted;
}

/* --- mappings --------------------------------------------------------------------------------- */

/* Of nat_map, as the last sweep found it. */
static bool mappings_full(const struct esc_conns *c, uint32_t percent)
{
	return c->counts.mappings > ((uint64_t)c->max + c->max / 4) * percent / 100;
}

static bool is_fresh(const struct esc_conns *c, const struct esc_nat_map *m)
{
	return m->used + (mappings_full(c, 75) ? MAPPING_TIGHT_NS : MAPPING_NS) > c->began;
}

/* A connection may have begun with it since it was read. */
static int unmap(struct esc_conns *c, const struct esc_nat_key *key)
{
	struct esc_nat_map m;
	int err = c->ops->look(c->arg, ESC_CONNS_NAT, key, &m);

	if (!err && !is_fresh(c, &m))
		return gone(c->ops->remove(c->arg, ESC_CONNS_NAT, key));
	if (!err) {
		use(c, key->proto, m.port);
		c->next.mappings++;
	}
	return gone(err);
}

static int sweep_mappings(struct esc_conns *c)
{
	uint32_t n;
	int more = walk(c, &c->at, &n), err = more < 0 ? more : 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		const struct esc_nat_key *key = &c->key.nat[i];
		const struct esc_nat_map *m = &c->value.nat[i];
		uint32_t slot = slot_of(key->proto, m->port);
		if (!is_fresh(c, m) && (slot >= ESC_PORTS_MAX || !bit(c->used, slot))) {
			err = unmap(c, key);
			continue;
		}
		use(c, key->proto, m->port);
		c->next.mappings++;
	}
	return err ? err : more;
}

/* --- a sweep ---------------------------------------------------------------------------------- */

static void enter(struct esc_conns *c, enum phase phase, enum esc_conns_map map)
{
	c->phase = phase;
	c->at = (struct esc_conns_cursor){.map = map};
}

static void begin(struct esc_conns *c, uint64_t now)
{
	c->began = now;
	c->walked = 0;
	c->next = (struct esc_conns_counts){0};
	memset(c->rank, 0, sizeof(c->rank));
	memset(c->used, 0, sizeof(c->used));
	enter(c, CONNECTIONS, ESC_CONNS_NEW);
}

static bool is_empty(const struct esc_conns_counts *n)
{
	return !n->unanswered && !n->answered && !n->mappings && !n->ports[ESC_PORTS_TCP] &&
	       !n->ports[ESC_PORTS_UDP] && !n->ports[ESC_PORTS_ICMP];
}

/* What is known about use is not all: nothing may be freed because of it. */
static void give_up(struct esc_conns *c, int err, uint64_t now)
{
	static const char *const name[] = {"conn_new", "conn", "nat_map"};

	if (!c->said_error || now - c->said_error >= SAY_NS) {
		esc_warn("reading the table of connections (BPF map %s): %s. Nothing is removed "
			 "from it until that works",
			 name[c->at.map], strerror(-err));
		c->said_error = now;
	}
	c->phase = BEGIN;
}

/* Go on: 0, or -errno. */
static int work(struct esc_conns *c, uint64_t now)
{
	int more = 0;

	switch (c->phase) {
	case BEGIN:
		begin(c, now);
		return 0;
	case CONNECTIONS:
		more = sweep_connections(c, now);
		if (more)
			break;
		if (c->at.map == ESC_CONNS_NEW)
			enter(c, CONNECTIONS, ESC_CONNS_ANSWERED);
		else if (find_surplus(c))
			enter(c, EVICT, ESC_CONNS_ANSWERED);
		else
			enter(c, MAPPINGS, ESC_CONNS_NAT);
		return 0;
	case EVICT:
		more = evict(c, now);
		if (more)
			break;
		say_full(c, now);
		enter(c, MAPPINGS, ESC_CONNS_NAT);
		return 0;
	case MAPPINGS:
		more = sweep_mappings(c);
		if (!more)
			c->phase = PORTS;
		break;
	case PORTS:
		if (c->walked || !is_empty(&c->counts))
			sweep_ports(c, now);
		c->counts = c->next;
		c->phase = BEGIN;
		break;
	}
	return more < 0 ? more : 0;
}

/* A whole sweep of small tables is one step. */
uint64_t esc_conns_step(struct esc_conns *c, uint64_t now)
{
	c->seen = 0;
	do {
		int err = work(c, now);
		if (err) {
			give_up(c, err, now);
			return SWEEP_NS;
		}
	} while (c->phase != BEGIN && c->seen < ESC_CONNS_BATCH);
	if (c->phase != BEGIN)
		return STEP_NS;
	if (is_empty(&c->counts))
		return EMPTY_NS;
	if (c->counts.answered > c->max / 100 * (LEFT_PERCENT - 1) || mappings_full(c, 85))
		return URGENT_NS;
	if (c->counts.answered > c->max / 4 * 3 || mappings_full(c, 75))
		return TIGHT_NS;
	return SWEEP_NS;
}

const struct esc_conns_counts *esc_conns_counts(struct esc_conns *c, uint64_t now)
{
	uint32_t steps = SMALL / ESC_CONNS_BATCH;

	if (c->counts.answered + c->counts.unanswered + c->counts.mappings >= SMALL)
		return &c->counts;
	do
		esc_conns_step(c, now);
	while (c->phase != BEGIN && --steps);
	return &c->counts;
}

/* --- all at once, and all to read ------------------------------------------------------------- */

static int flush_map(struct esc_conns *c, enum esc_conns_map map)
{
	struct esc_conns_cursor at = {.map = map};
	int more = 1, err = 0;
	uint32_t n;

	while (more > 0 && !err) {
		more = walk(c, &at, &n);
		for (uint32_t i = 0; more >= 0 && i < n && !err; i++) {
			if (map == ESC_CONNS_NAT)
				err = gone(c->ops->remove(c->arg, map, &c->key.nat[i]));
			else if (esc_addr_is_v4(c->key.conn[i].lan))
				err = gone(c->ops->remove(c->arg, map, &c->key.conn[i]));
		}
	}
	return more < 0 ? more : err;
}

/* Mappings first: no connection begins with one of them then, and the rest is short work. */
int esc_conns_flush4(struct esc_conns *c)
{
	static const enum esc_conns_map order[] = {ESC_CONNS_NAT, ESC_CONNS_NEW,
						   ESC_CONNS_ANSWERED};
	int err = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		int failed = flush_map(c, order[i]);
		err = err ? err : failed;
	}
	c->phase = BEGIN;
	return err;
}

int esc_conns_read(struct esc_conns *c, struct esc_conns_cursor *at,
		   struct esc_conns_row row[ESC_CONNS_BATCH])
{
	uint32_t n;
	int more = walk(c, at, &n);

	if (more < 0)
		return more;
	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct esc_conns_row){
			.key = c->key.conn[i],
			.conn = c->value.conn[i],
			.answered = at->map == ESC_CONNS_ANSWERED,
		};
	if (!more)
		*at = (struct esc_conns_cursor){.map = at->map + 1};
	return (int)n;
}
