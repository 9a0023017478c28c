/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bpf.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/log.h"
#include "control/bpf_int.h"
#include "control/egress.h"
#include "control/lsm.h"
#include "control/pins.h"

/* The maps that both sides have. */
struct side_maps {
	struct bpf_map *cfg, *addr, *xsks;
};

static struct side_maps maps_of(const struct esc_bpf *b, enum esc_side side)
{
	if (side == ESC_SIDE_BLACK)
		return (struct side_maps){b->black->maps.black_cfg, b->black->maps.black_addr,
					  b->black->maps.black_xsks};
	return (struct side_maps){b->red->maps.red_cfg, b->red->maps.red_addr,
				  b->red->maps.red_xsks};
}

static int prog_of(const struct esc_bpf *b, enum esc_side side)
{
	return bpf_program__fd(side == ESC_SIDE_BLACK ? b->black->progs.black : b->red->progs.red);
}

static const char *link_pin(enum esc_side side)
{
	return side == ESC_SIDE_BLACK ? "black_link" : "red_link";
}

/* --- loading ----------------------------------------------------------------------------- */

/* The skeletons hand out bytes of this file's own copy: the one that load() gives to the kernel. */
int esc_bpf_selftest(esc_selftest_report *report, void *arg)
{
	struct esc_object o[] = {
		{.name = "black"}, {.name = "red"},	  {.name = "egress"},
		{.name = "lsm"},   {.name = "black_out"}, {.name = "red_out"},
	};

	o[0].bytes = black_bpf__elf_bytes(&o[0].size);
	o[1].bytes = red_bpf__elf_bytes(&o[1].size);
	o[2].bytes = egress_bpf__elf_bytes(&o[2].size);
	o[3].bytes = esc_lsm_bytes(&o[3].size);
	o[4].bytes = black_out_bpf__elf_bytes(&o[4].size);
	o[5].bytes = red_out_bpf__elf_bytes(&o[5].size);
	return esc_selftest_control(o, sizeof(o) / sizeof(o[0]), report, arg);
}

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];

	if (level != LIBBPF_WARN)
		return 0;
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n > 0)
		esc_warn("%.*s", (int)strcspn(line, "\n"), line);
	return n;
}

static int pin_object(const struct esc_bpf *b, struct bpf_object *obj)
{
	struct bpf_map *map;
	struct bpf_program *prog;
	int err = 0;

	bpf_object__for_each_map(map, obj)
	{
		if (!err && !bpf_map__is_internal(map))
			err = esc_pin(b->node, bpf_map__name(map), bpf_map__fd(map));
	}
	bpf_object__for_each_program(prog, obj)
	{
		if (!err)
			err = esc_pin(b->node, bpf_program__name(prog), bpf_program__fd(prog));
	}
	return err;
}

static int set_limits(const struct esc_bpf *b, const struct esc_limits *limits)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(b->black->maps.black_limits), &zero, limits, BPF_ANY)
		       ? -errno
		       : 0;
}

/* What the black program may let through is known before anything can come. */
static int load_black(struct esc_bpf *b, const struct esc_model *m)
{
	b->black = black_bpf__open();
	b->black_out = black_out_bpf__open();
	if (!b->black || !b->black_out)
		return -errno;
	int err = bpf_map__set_max_entries(b->black->maps.black_sources, m->defence.sources);
	if (!err)
		err = esc_split_size(b->black->obj, m);
	if (!err)
		err = black_bpf__load(b->black);
	if (!err)
		err = esc_split_size(b->black_out->obj, m);
	if (!err)
		err = esc_split_share(b->black_out->obj, b->black->obj);
	if (!err)
		err = black_out_bpf__load(b->black_out);
	return err ? err : set_limits(b, &m->defence.limits);
}

/* Hairpinning is the red program's: it reads what NAT of the black domain has in its tables. */
static int load_red(struct esc_bpf *b, const struct esc_model *m)
{
	b->red = red_bpf__open();
	b->red_out = red_out_bpf__open();
	if (!b->red || !b->red_out)
		return -errno;
	int err = esc_split_size(b->red->obj, m);
	if (!err)
		err = esc_split_share(b->red->obj, b->black_out->obj);
	if (!err)
		err = red_bpf__load(b->red);
	if (!err)
		err = esc_split_size(b->red_out->obj, m);
	if (!err)
		err = esc_split_share(b->red_out->obj, b->red->obj);
	return err ? err : red_out_bpf__load(b->red_out);
}

static int load(struct esc_bpf *b, const struct esc_model *m)
{
	int err = load_black(b, m);

	if (!err)
		err = load_red(b, m);
	if (!err)
		err = esc_split_open(b, m);
	if (err)
		return err;
	b->egress = egress_bpf__open();
	if (!b->egress)
		return -errno;
	err = esc_split_share(b->egress->obj, b->black->obj);
	return err ? err : egress_bpf__load(b->egress);
}

static void destroy(struct esc_bpf *b)
{
	esc_split_close(b);
	black_bpf__destroy(b->black);
	black_out_bpf__destroy(b->black_out);
	red_bpf__destroy(b->red);
	red_out_bpf__destroy(b->red_out);
	egress_bpf__destroy(b->egress);
	free(b);
}

int esc_bpf_open(struct esc_bpf **out, const struct esc_model *m)
{
	struct esc_bpf *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	snprintf(b->node, sizeof(b->node), "%s", m->name);
	b->hook[ESC_SIDE_BLACK].link = b->hook[ESC_SIDE_RED].link = -1;
	b->cpus = libbpf_num_possible_cpus();
	libbpf_set_print(print);
	int err = b->cpus < 0 ? b->cpus : load(b, m);
	if (err)
		esc_err("loading the BPF programs: %s. esclusa needs Linux 6.1 or newer and root",
			strerror(-err));
	if (!err)
		err = esc_pins_open(m->name);
	if (err) { /* what a dead instance pinned stays in force */
		destroy(b);
		return err;
	}
	*out = b;
	return 0;
}

void esc_bpf_close(struct esc_bpf *b)
{
	if (!b)
		return;
	esc_bpf_detach(b, ESC_SIDE_RED);
	esc_bpf_detach(b, ESC_SIDE_BLACK);
	esc_pins_remove(b->node);
	destroy(b);
}

/* --- attaching --------------------------------------------------------------------------- */

/* A link that a dead instance left: replace its program, so that the NIC is never without one. */
static int take_over(const struct esc_bpf *b, enum esc_side side, uint32_t ifindex)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int fd = esc_pin_get(b->node, link_pin(side));

	if (fd < 0)
		return fd;
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (!err && (info.type != BPF_LINK_TYPE_XDP || info.xdp.ifindex != ifindex))
		err = -ESTALE; /* of another NIC, or of one that is gone */
	if (!err && bpf_link_update(fd, prog_of(b, side), NULL))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	esc_unpin(b->node, link_pin(side));
	return err;
}

static int new_link(const struct esc_bpf *b, enum esc_side side, const struct esc_nic *nic)
{
	struct bpf_link_create_opts opts = {.sz = sizeof(opts), .flags = XDP_FLAGS_DRV_MODE};
	int prog = prog_of(b, side);
	int fd = bpf_link_create(prog, (int)nic->ifindex, BPF_XDP, &opts);

	if (fd >= 0 || errno == EBUSY || errno == EEXIST)
		return fd < 0 ? -errno : fd;
	int native = errno;
	opts.flags = XDP_FLAGS_SKB_MODE;
	fd = bpf_link_create(prog, (int)nic->ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return -errno;
	esc_warn("%s (driver %s): no native XDP (%s); the generic mode is used, which is slow",
		 nic->name, *nic->driver ? nic->driver : "unknown", strerror(native));
	return fd;
}

static void explain(int err, const struct esc_nic *nic)
{
	struct bpf_xdp_query_opts q = {.sz = sizeof(q)};
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info), id = 0;

	if ((err == -EBUSY || err == -EEXIST) && !bpf_xdp_query((int)nic->ifindex, 0, &q))
		id = q.prog_id ? q.prog_id : q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id;
	if (!id) {
		esc_err("attaching XDP to %s: %s. See the kernel's log (dmesg) for the driver's "
			"reason",
			nic->name, strerror(-err));
		return;
	}
	int fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		info.name[sizeof(info.name) - 1] = '\0';
	if (fd >= 0)
		close(fd);
	esc_err("%s has another XDP program already: %s (id %u). Stop what attached it, or run: "
		"ip link set dev %s %s off",
		nic->name, *info.name ? info.name : "unnamed", id, nic->name,
		q.attach_mode == XDP_ATTACHED_SKB ? "xdpgeneric" : "xdp");
}

static bool is_generic(uint32_t ifindex)
{
	struct bpf_xdp_query_opts q = {.sz = sizeof(q)};

	return !bpf_xdp_query((int)ifindex, 0, &q) && q.attach_mode == XDP_ATTACHED_SKB;
}

static int attach_guard(struct esc_bpf *b, const struct esc_nic *nic)
{
	int err = esc_egress_attach(nic->ifindex, bpf_program__fd(b->egress->progs.egress));

	if (err)
		esc_err("attaching the egress guard (tc clsact) to %s: %s. The kernel needs "
			"CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF",
			nic->name, strerror(-err));
	else
		err = pin_object(b, b->egress->obj);
	return err;
}

int esc_bpf_attach(struct esc_bpf *b, enum esc_side side, const struct esc_nic *nic)
{
	struct hook *h = &b->hook[side];
	int err = 0;

	esc_bpf_detach(b, side);
	memcpy(h->nic, nic->name, sizeof(h->nic));
	h->ifindex = nic->ifindex;
	if (side == ESC_SIDE_BLACK)
		err = attach_guard(b, nic);
	if (err)
		goto fail;
	h->link = take_over(b, side, nic->ifindex);
	if (h->link < 0) {
		h->link = new_link(b, side, nic);
		err = h->link < 0 ? h->link : esc_pin(b->node, link_pin(side), h->link);
	}
	if (h->link < 0) {
		explain(err, nic);
		goto fail;
	}
	if (!err)
		err = esc_lsm_link(h->link);
	if (!err)
		err = pin_object(b, side == ESC_SIDE_BLACK ? b->black->obj : b->red->obj);
	if (!err)
		err = pin_object(b, side == ESC_SIDE_BLACK ? b->black_out->obj : b->red_out->obj);
	if (err) {
		esc_err("pinning the programs of %s: %s", nic->name, strerror(-err));
		goto fail;
	}
	h->generic = is_generic(nic->ifindex);
	err = esc_split_device(b, side, nic->ifindex);
	if (!err)
		return 0;
	esc_err("%s as a way out of router mode (devmap): %s", nic->name, strerror(-err));
fail:
	esc_bpf_detach(b, side);
	return err;
}

void esc_bpf_detach(struct esc_bpf *b, enum esc_side side)
{
	struct hook *h = &b->hook[side];

	if (!h->ifindex)
		return;
	esc_split_device(b, side, 0);
	if (h->link >= 0) {
		esc_unpin(b->node, link_pin(side));
		bpf_link_detach(h->link); /* fails when the NIC is gone: then it is detached */
		close(h->link);
		h->link = -1;
	}
	if (side == ESC_SIDE_BLACK)
		esc_egress_detach(h->ifindex);
	h->ifindex = 0;
}

bool esc_bpf_attached(const struct esc_bpf *b, enum esc_side side)
{
	return b->hook[side].ifindex != 0;
}

bool esc_bpf_generic(const struct esc_bpf *b, enum esc_side side)
{
	return b->hook[side].generic;
}

/* --- maps -------------------------------------------------------------------------------- */

static int update(const struct bpf_map *map, const void *key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) ? -errno : 0;
}

/* Membership is the value: any will do. */
static int insert(const struct bpf_map *map, const void *key)
{
	const uint64_t one = 1;

	return bpf_map__value_size(map) > sizeof(one) ? -EINVAL : update(map, key, &one);
}

int esc_bpf_configure(struct esc_bpf *b, enum esc_side side, const struct esc_nic_cfg *cfg)
{
	const uint32_t zero = 0;
	int err = side == ESC_SIDE_BLACK ? update(b->egress->maps.egress_cfg, &zero, cfg) : 0;

	return err ? err : update(maps_of(b, side).cfg, &zero, cfg);
}

static bool in_list(const struct esc_addr_key *key, const uint8_t (*addr)[16], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!memcmp(key->addr, addr[i], 16))
			return true;
	}
	return false;
}

int esc_bpf_addrs(struct esc_bpf *b, enum esc_side side, const uint8_t (*addr)[16], uint32_t n)
{
	const struct bpf_map *map = maps_of(b, side).addr;
	struct esc_addr_key gone[ESC_ADDRS_MAX], key, *last = NULL;
	uint32_t ngone = 0;

	/* Collected first: deleting while walking a hash starts the walk again. */
	while (ngone < ESC_ADDRS_MAX && !bpf_map_get_next_key(bpf_map__fd(map), last, &key)) {
		if (!in_list(&key, addr, n))
			gone[ngone++] = key;
		last = &key;
	}
	for (uint32_t i = 0; i < ngone; i++)
		bpf_map_delete_elem(bpf_map__fd(map), &gone[i]);
	for (uint32_t i = 0; i < n; i++) {
		int err = insert(map, addr[i]);
		if (err)
			return err;
	}
	return 0;
}

int esc_bpf_socket(struct esc_bpf *b, enum esc_side side, uint32_t queue, int xsk)
{
	return update(maps_of(b, side).xsks, &queue, &xsk);
}

void esc_bpf_for_crypto(const struct esc_bpf *b, int *guard, int *buckets)
{
	*guard = bpf_map__fd(b->black->maps.black_guard);
	*buckets = bpf_map__fd(b->black->maps.black_buckets);
}

int esc_bpf_secure(struct esc_bpf *b, const struct esc_prefix *p, bool add)
{
	struct esc_lpm_key key = {.prefixlen = p->len};
	const uint8_t family =
		esc_addr_is_v4(p->addr) && p->len >= 96 ? ESC_SECURE_IPV4 : ESC_SECURE_IPV6;

	memcpy(key.addr, p->addr, sizeof(key.addr));
	if (add) {
		int err = esc_split_secure(b, &key, family, true);
		return err ? err : update(b->red->maps.secure, &key, &family);
	}
	if (bpf_map_delete_elem(bpf_map__fd(b->red->maps.secure), &key) && errno != ENOENT)
		return -errno;
	return esc_split_secure(b, &key, family, false);
}

static const struct bpf_map *stats_of(const struct esc_bpf *b, enum esc_bpf_stats which)
{
	switch (which) {
	case ESC_STATS_BLACK:
		return b->black->maps.black_stats;
	case ESC_STATS_BLACK_OUT:
		return b->black_out->maps.black_out_stats;
	case ESC_STATS_RED:
		return b->red->maps.red_stats;
	case ESC_STATS_RED_OUT:
		return b->red_out->maps.red_out_stats;
	case ESC_STATS_HITS:
		return b->red_out->maps.red_hits;
	default:
		return b->egress->maps.egress_stats;
	}
}

int esc_bpf_stats(struct esc_bpf *b, enum esc_bpf_stats which, struct esc_count *out, uint32_t n)
{
	const struct bpf_map *map = stats_of(b, which);
	const uint32_t first = which == ESC_STATS_HITS ? b->split.slot * ESC_HITS : 0;
	struct esc_count *cpu = calloc((size_t)b->cpus, sizeof(*cpu));
	int err = cpu ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n && !err; i++) {
		uint32_t key = first + i;
		out[i] = (struct esc_count){0};
		if (bpf_map_lookup_elem(bpf_map__fd(map), &key, cpu))
			err = -errno;
		for (int c = 0; c < b->cpus && !err; c++) {
			out[i].packets += cpu[c].packets;
			out[i].bytes += cpu[c].bytes;
		}
	}
	free(cpu);
	return err;
}

#define TALKERS_BATCH 512u /* at least as many as any bucket of the hash has */

int esc_bpf_talkers(struct esc_bpf *b, struct esc_talker_reading *out, uint32_t max)
{
	static struct esc_source_key key[TALKERS_BATCH];
	static struct esc_talker talker[TALKERS_BATCH];
	int fd = bpf_map__fd(b->black->maps.black_talkers), err = 0;
	uint32_t n = 0, cursor = 0;
	bool more = false;

	/* Entries come and go meanwhile: `max` ends it in any case. */
	while (!err && n < max) {
		uint32_t count = TALKERS_BATCH;

		if (bpf_map_lookup_batch(fd, more ? &cursor : NULL, &cursor, key, talker, &count,
					 NULL))
			err = -errno;
		if (err && err != -ENOENT) /* that one comes with the last entries */
			return err;
		for (uint32_t i = 0; i < count && n < max; i++)
			out[n++] = (struct esc_talker_reading){key[i], talker[i]};
		more = true;
	}
	return (int)n;
}
