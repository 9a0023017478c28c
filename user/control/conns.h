/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conns.h: keeps the tables of router mode (maps/split.h; R5, R11). Programs fill them; here
 * entries go: connections that have expired, mappings and own ports that no connection uses, and,
 * when the table is nearly full, the connections that will be missed least.
 *
 * Work comes in steps of about a millisecond, so that control is never kept from anything else. A
 * sweep is all steps from the first table to the last; it needs no memory for what it finds.
 *
 *	timer:	arm(timer, esc_conns_step(c, now));
 *
 * A port that neither a connection nor a mapping has is marked (ESC_PORT_LEAVING), so that no
 *program takes it any more, and freed by the next sweep; unless that finds the connection of a
 *program that had come just before the mark.
 *
 * One thread. Times are CLOCK_MONOTONIC in ns, as the programs' are (not esc_now()).
 */
#ifndef ESC_CONTROL_CONNS_H
#define ESC_CONTROL_CONNS_H

#include <stdbool.h>
#include <stdint.h>

#include "split.h"

#define ESC_CONNS_BATCH 512u /* entries of a step; more than any bucket of a hash ever has */

/* In the order of a sweep: what is answered meanwhile moves from the first to the second. */
enum esc_conns_map { ESC_CONNS_NEW, ESC_CONNS_ANSWERED, ESC_CONNS_NAT, ESC_CONNS_MAPS };

/* The maps conn_new, conn, nat_map. */
struct esc_conns_ops {
	/*
	 * The next entries: at most *count. *cursor is what the last call left in it, whatever it
	 * is for the first one. 0; -ENOENT: these are the last, if any; other -errno.
	 */
	int (*walk)(void *arg, enum esc_conns_map map, bool first, uint32_t *cursor, void *key,
		    void *value, uint32_t *count);
	/* 0; -ENOENT: it is gone; other -errno. */
	int (*look)(void *arg, enum esc_conns_map map, const void *key, void *value);
	int (*remove)(void *arg, enum esc_conns_map map, const void *key);
};

/* BPF maps; arg: int[ESC_CONNS_MAPS], their descriptors; conns_bpf.c. Needs CAP_BPF. */
extern const struct esc_conns_ops esc_conns_bpf;

/* What the last sweep found. */
struct esc_conns_counts {
	uint32_t unanswered, answered; /* table use */
	uint32_t ipv4, ipv6;
	uint32_t state[ESC_CONN_STATES];
	uint32_t mappings;
	uint32_t ports[ESC_PORTS_TABLES]; /* own ports that are taken, reserved ones not counted */
};

struct esc_conns;

/*
 * `ports` is nat_ports, ESC_PORTS_MAX owners, mapped; it and `arg` must outlive *c. `max` entries
 * fit the table of answered ones. 0 or -ENOMEM.
 */
int esc_conns_open(struct esc_conns **c, const struct esc_conns_ops *ops, void *arg,
		   uint64_t *ports, uint32_t max);
void esc_conns_close(struct esc_conns *c); /* NULL is fine */

/* Timeouts by state, in s: how long a connection has been idle follows from them. */
void esc_conns_timeouts(struct esc_conns *c, const uint32_t timeout[ESC_CONN_STATES]);

/* One step of work. Returns after how many ns the next one is due. */
uint64_t esc_conns_step(struct esc_conns *c, uint64_t now);

/* The counts as they are now, by a sweep at once if the table is small; else of the last one. */
const struct esc_conns_counts *esc_conns_counts(struct esc_conns *c, uint64_t now);
/* Counted since the start: removed because the table was nearly full. */
uint64_t esc_conns_evicted(const struct esc_conns *c);

/*
 * The black IPv4 address is another one: all IPv4 connections and mappings end, before it returns.
 * The next two sweeps free their ports. 0 or -errno.
 */
int esc_conns_flush4(struct esc_conns *c);

/* --- reading all of them, for `esclusa show connections` --- */

/* Begin with a zeroed one. */
struct esc_conns_cursor {
	enum esc_conns_map map;
	uint32_t at;
	bool started;
};

struct esc_conns_row {
	struct esc_conn_key key;
	struct esc_conn conn;
	uint32_t answered;
	uint32_t end; /* no connection: the list is whole */
};

/* What comes before the rows at the status socket. */
#define ESC_CONNS_MAGIC "connlist"

struct esc_conns_head {
	char magic[8];
	uint32_t abi_version, row_size;
	uint64_t now, unix_now; /* ns, both of the same moment */
	uint8_t own4[4];
	uint32_t reserved;
};

/*
 * The next rows, ESC_CONNS_BATCH at most: how many; -errno. There are more, perhaps, as long as
 * esc_conns_left(). What comes and goes meanwhile may be missing, and what is just answered may
 * come twice.
 */
int esc_conns_read(struct esc_conns *c, struct esc_conns_cursor *at,
		   struct esc_conns_row row[ESC_CONNS_BATCH]);
static inline bool esc_conns_left(const struct esc_conns_cursor *at)
{
	return at->map <= ESC_CONNS_ANSWERED;
}

_Static_assert(sizeof(struct esc_conns_row) == 136, "esc_conns_row layout");

#endif
