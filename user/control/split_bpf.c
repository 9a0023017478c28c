/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/split_bpf.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/addr.h"
#include "base/clock.h"
#include "control/bpf_int.h"

#define PORTS_BYTES ((size_t)ESC_PORTS_MAX * sizeof(uint64_t))

/* --- loading ----------------------------------------------------------------------------- */

/* In encryptor mode nothing is ever entered. */
static int resize(struct bpf_map *map, const struct esc_model *m)
{
	const char *name = bpf_map__name(map);
	const uint32_t answered =
		m->mode == ESC_MODE_ROUTER ? m->split.connections : ESC_CONNECTIONS_MIN;
	const struct {
		const char *name;
		uint32_t entries;
	} size[] = {
		{"conn", answered},
		{"conn_new", answered / 4},
		{"nat_map", answered + answered / 4},
		{"red_flow", answered + answered / 4},
	};

	if (!strcmp(name, "nat_ports"))
		return bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		if (!strcmp(name, size[i].name))
			return bpf_map__set_max_entries(map, size[i].entries);
	}
	return 0;
}

int esc_split_size(struct bpf_object *obj, const struct esc_model *m)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, obj)
	{
		if (!err)
			err = resize(map, m);
	}
	return err;
}

int esc_split_share(struct bpf_object *to, const struct bpf_object *from)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, to)
	{
		const struct bpf_map *same = bpf_object__find_map_by_name(from, bpf_map__name(map));
		if (!err && same && !bpf_map__is_internal(map))
			err = bpf_map__reuse_fd(map, bpf_map__fd(same));
	}
	return err;
}

/* The map of that name, whichever program has it; -ENOENT. */
static int map_fd(const struct esc_bpf *b, const char *name)
{
	const struct bpf_object *obj[] = {b->black->obj, b->black_out->obj, b->red->obj,
					  b->red_out->obj};

	for (size_t i = 0; i < sizeof(obj) / sizeof(obj[0]); i++) {
		int fd = bpf_object__find_map_fd_by_name(obj[i], name);
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

/* The map of one side: black_NAME or red_NAME. */
static int side_fd(const struct esc_bpf *b, enum esc_side side, const char *black, const char *red)
{
	return map_fd(b, side == ESC_SIDE_BLACK ? black : red);
}

static int update(int fd, const void *key, const void *value)
{
	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

static int delete_key(int fd, const void *key)
{
	if (fd < 0)
		return fd;
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

/* --- wants ------------------------------------------------------------------------------- */

/* One call of esc_bpf_wants(). */
struct reading {
	uint32_t n, max;
	void (*fn)(void *arg, const uint8_t addr[16]);
	void *arg;
};

/* Anything but 0 ends the reading, behind this record. */
static int one_want(void *ctx, void *data, size_t size)
{
	struct reading **r = ctx;
	const struct esc_neigh_want *w = data;

	(*r)->n++;
	if (size >= sizeof(*w))
		(*r)->fn((*r)->arg, w->addr);
	return (*r)->n < (*r)->max ? 0 : -ECANCELED;
}

uint32_t esc_bpf_wants(struct esc_bpf *b, enum esc_side side, uint32_t max,
		       void (*fn)(void *arg, const uint8_t addr[16]), void *arg)
{
	struct reading r = {.max = max, .fn = fn, .arg = arg};

	if (!b->split.wants[side])
		return 0;
	b->split.reading = &r;
	ring_buffer__consume(b->split.wants[side]);
	b->split.reading = NULL;
	return r.n;
}

int esc_bpf_wants_fd(const struct esc_bpf *b, enum esc_side side)
{
	return b->split.wants[side] ? ring_buffer__epoll_fd(b->split.wants[side]) : -1;
}

int esc_split_open(struct esc_bpf *b, const struct esc_model *m)
{
	struct split_state *s = &b->split;

	if (m->mode != ESC_MODE_ROUTER)
		return 0;
	s->router = true;
	for (int side = 0; side < ESC_SIDES; side++) {
		int fd = side_fd(b, side, "black_wants", "red_wants");
		s->wants[side] = fd < 0 ? NULL : ring_buffer__new(fd, one_want, &s->reading, NULL);
		if (!s->wants[side])
			return fd < 0 ? fd : -errno;
	}
	int fd = map_fd(b, "nat_ports");
	if (fd < 0)
		return fd;
	s->ports = mmap(NULL, PORTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s->ports != MAP_FAILED)
		return 0;
	s->ports = NULL;
	return -errno;
}

void esc_split_close(struct esc_bpf *b)
{
	struct split_state *s = &b->split;

	for (int side = 0; side < ESC_SIDES; side++)
		ring_buffer__free(s->wants[side]);
	if (s->ports)
		munmap(s->ports, PORTS_BYTES);
	free(s->lan);
	*s = (struct split_state){0};
}

int esc_bpf_conns(const struct esc_bpf *b, int fd[3])
{
	static const char *const name[3] = {"conn_new", "conn", "nat_map"};

	for (int i = 0; i < 3; i++) {
		fd[i] = map_fd(b, name[i]);
		if (fd[i] < 0)
			return fd[i];
	}
	return 0;
}

uint64_t *esc_bpf_ports(const struct esc_bpf *b)
{
	return b->split.ports;
}

/* --- NICs -------------------------------------------------------------------------------- */

/*
 * A NIC of either side stands in both domains' devmaps, always with the program of that side's
 * other domain in front: whoever redirects there is looked at.
 */
int esc_split_device(struct esc_bpf *b, enum esc_side side, uint32_t ifindex)
{
	const uint32_t key = side == ESC_SIDE_BLACK ? ESC_DEV_BLACK : ESC_DEV_RED;
	const int devs[] = {bpf_map__fd(b->black->maps.black_devs),
			    bpf_map__fd(b->red->maps.red_devs)};
	struct bpf_devmap_val dev = {.ifindex = ifindex};
	int err = 0;

	if (!b->split.router)
		return 0;
	dev.bpf_prog.fd = bpf_program__fd(side == ESC_SIDE_BLACK ? b->black_out->progs.black_out
								 : b->red_out->progs.red_out);
	for (size_t i = 0; i < sizeof(devs) / sizeof(devs[0]) && !err; i++)
		err = ifindex ? update(devs[i], &key, &dev) : delete_key(devs[i], &key);
	return err;
}

/* --- settings and policy ----------------------------------------------------------------- */

static int write_cfg(struct esc_bpf *b, enum esc_side side)
{
	const uint32_t zero = 0;
	struct esc_split_cfg cfg = b->split.cfg;

	cfg.policy = b->split.slot;
	return update(side_fd(b, side, "black_split", "red_split"), &zero, &cfg);
}

int esc_bpf_split(struct esc_bpf *b, const struct esc_split_cfg *cfg)
{
	const enum esc_side first = cfg->on ? ESC_SIDE_BLACK : ESC_SIDE_RED;

	if (!b->split.router)
		return 0;
	b->split.cfg = *cfg;
	int err = write_cfg(b, first);
	int err2 = write_cfg(b, first == ESC_SIDE_BLACK ? ESC_SIDE_RED : ESC_SIDE_BLACK);
	return err ? err : err2;
}

const struct esc_split_cfg *esc_bpf_split_cfg(const struct esc_bpf *b)
{
	return &b->split.cfg;
}

static int clear_hits(struct esc_bpf *b, uint32_t slot)
{
	struct esc_count *none = calloc((size_t)b->cpus, sizeof(*none));
	int fd = map_fd(b, "red_hits"), err = none ? 0 : -ENOMEM;

	for (uint32_t i = slot * ESC_HITS; i < (slot + 1) * ESC_HITS && !err; i++)
		err = update(fd, &i, none);
	free(none);
	return err;
}

int esc_bpf_policy(struct esc_bpf *b, const struct esc_policy *p)
{
	const uint32_t old = b->split.slot, slot = !old;

	if (!b->split.router)
		return 0;
	int err = update(map_fd(b, "black_policy"), &slot, p);
	if (!err)
		err = update(map_fd(b, "red_policy"), &slot, p);
	if (!err)
		err = clear_hits(b, slot);
	if (err)
		return err;
	b->split.slot = slot;
	err = write_cfg(b, ESC_SIDE_BLACK);
	if (!err)
		err = write_cfg(b, ESC_SIDE_RED);
	if (!err)
		return 0;
	b->split.slot = old;
	write_cfg(b, ESC_SIDE_BLACK);
	write_cfg(b, ESC_SIDE_RED);
	return err;
}

/* --- reserved ports ---------------------------------------------------------------------- */

static void want_port(uint8_t *want, uint32_t table, uint16_t port)
{
	uint32_t slot = esc_port_slot(table, port);

	want[slot / 8] |= (uint8_t)(1u << slot % 8);
}

static void want_openings(uint8_t *want, const struct esc_policy *p)
{
	for (uint32_t i = 0; i < p->openings && i < ESC_OPENINGS_MAX; i++) {
		const struct esc_opening *o = &p->opening[i];
		uint32_t table = o->proto == IPPROTO_TCP ? ESC_PORTS_TCP : ESC_PORTS_UDP;

		if (!esc_addr_is_v4(o->to) || (o->proto != IPPROTO_TCP && o->proto != IPPROTO_UDP))
			continue;
		for (uint32_t port = o->port_first; port <= o->port_last; port++)
			want_port(want, table, (uint16_t)port);
	}
}

/* esc_port_owner() backwards. */
static struct esc_nat_key owner_key(uint64_t owner)
{
	return (struct esc_nat_key){
		.lan = {(uint8_t)(owner >> 24), (uint8_t)(owner >> 16), (uint8_t)(owner >> 8),
			(uint8_t)owner},
		.port = (__be16)(owner >> 32),
		.proto = (uint8_t)(owner >> 48),
	};
}

int esc_bpf_reserve(struct esc_bpf *b, uint16_t listen_port, const struct esc_policy *p,
		    uint32_t *taken)
{
	uint8_t *want = calloc(1, ESC_PORTS_MAX / 8);
	int nat_map = map_fd(b, "nat_map"), err = 0;

	*taken = 0;
	if (!b->split.router || !want || nat_map < 0) {
		free(want);
		return !b->split.router ? 0 : nat_map < 0 ? nat_map : -ENOMEM;
	}
	want_port(want, ESC_PORTS_UDP, listen_port);
	want_openings(want, p);
	for (uint32_t slot = 0; slot < ESC_PORTS_MAX; slot++) {
		uint64_t *port = &b->split.ports[slot], reserved = ESC_PORT_RESERVED;
		bool wanted = want[slot / 8] & 1u << slot % 8;

		if (!wanted)
			__atomic_compare_exchange_n(port, &reserved, ESC_PORT_FREE, false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		if (!wanted || __atomic_load_n(port, __ATOMIC_RELAXED) == ESC_PORT_RESERVED)
			continue;
		uint64_t owner = __atomic_exchange_n(port, ESC_PORT_RESERVED, __ATOMIC_RELAXED);
		if (owner == ESC_PORT_FREE)
			continue;
		struct esc_nat_key key = owner_key(owner);
		int e = delete_key(nat_map, &key);
		err = err ? err : e;
		(*taken)++;
	}
	free(want);
	return err;
}

/* --- prefixes ---------------------------------------------------------------------------- */

int esc_split_secure(struct esc_bpf *b, const struct esc_lpm_key *key, uint8_t family, bool add)
{
	int fd = map_fd(b, "black_secure");

	return add ? update(fd, key, &family) : delete_key(fd, key);
}

static bool has_key(const struct esc_lpm_key *list, uint32_t n, const struct esc_lpm_key *key)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!memcmp(&list[i], key, sizeof(*key)))
			return true;
	}
	return false;
}

int esc_bpf_lan(struct esc_bpf *b, const struct esc_lpm_key *key, uint32_t n)
{
	struct split_state *s = &b->split;
	struct esc_lpm_key *list = calloc(n + 1, sizeof(*list));
	int fd = map_fd(b, "black_lan"), err = list ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n && !err; i++) {
		uint8_t family = key[i].prefixlen >= 96 && esc_addr_is_v4(key[i].addr)
					 ? ESC_SECURE_IPV4
					 : ESC_SECURE_IPV6;
		list[i] = key[i];
		if (!has_key(s->lan, s->lans, &key[i]))
			err = update(fd, &key[i], &family);
	}
	for (uint32_t i = 0; i < s->lans && !err; i++) {
		if (!has_key(list, n, &s->lan[i]))
			err = delete_key(fd, &s->lan[i]);
	}
	if (err) { /* entries of both may be there: the next time looks at all of them again */
		free(list);
		return err;
	}
	free(s->lan);
	s->lan = list;
	s->lans = n;
	return 0;
}

uint64_t esc_bpf_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * ESC_S + (uint64_t)ts.tv_nsec;
}

/* --- next hops --------------------------------------------------------------------------- */

int esc_bpf_route(struct esc_bpf *b, enum esc_side side, const struct esc_lpm_key *to,
		  const struct esc_next *next)
{
	int fd = side_fd(b, side, "black_route", "red_route");

	return next ? update(fd, to, next) : delete_key(fd, to);
}

int esc_bpf_neigh(struct esc_bpf *b, enum esc_side side, const uint8_t addr[16],
		  const uint8_t mac[6])
{
	struct esc_neigh_hop hop = {.valid = 1};
	int fd = side_fd(b, side, "black_neigh", "red_neigh");

	if (!mac)
		return delete_key(fd, addr);
	hop.asked = esc_bpf_now();
	memcpy(hop.mac, mac, sizeof(hop.mac));
	return update(fd, addr, &hop);
}

uint32_t esc_bpf_neighs(struct esc_bpf *b, enum esc_side side, uint8_t (*addr)[16], uint32_t max)
{
	int fd = side_fd(b, side, "black_neigh", "red_neigh");
	uint32_t n = 0;

	while (fd >= 0 && n < max && !bpf_map_get_next_key(fd, n ? addr[n - 1] : NULL, addr[n]))
		n++;
	return n;
}
