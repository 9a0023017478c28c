/* SPDX-License-Identifier: BSD-2-Clause */
/* conns_bpf.c: the tables of conns.h as the kernel has them. */
#include <bpf/bpf.h>
#include <errno.h>

#include "control/conns.h"

static int bpf_walk(void *arg, enum esc_conns_map map, bool first, uint32_t *cursor, void *key,
		    void *value, uint32_t *count)
{
	const int *fd = arg;

	return bpf_map_lookup_batch(fd[map], first ? NULL : cursor, cursor, key, value, count, NULL)
		       ? -errno
		       : 0;
}

static int bpf_look(void *arg, enum esc_conns_map map, const void *key, void *value)
{
	const int *fd = arg;

	return bpf_map_lookup_elem(fd[map], key, value) ? -errno : 0;
}

static int bpf_remove(void *arg, enum esc_conns_map map, const void *key)
{
	const int *fd = arg;

	return bpf_map_delete_elem(fd[map], key) ? -errno : 0;
}

const struct esc_conns_ops esc_conns_bpf = {bpf_walk, bpf_look, bpf_remove};
