/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* lsm_state.h: the maps of the LSM programs, and the questions that every hook asks them. */
#ifndef ESC_BPF_LSM_STATE_H
#define ESC_BPF_LSM_STATE_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "lsm_abi.h"
#include "lsm_kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct esc_lsm_state);
} lsm_state SEC(".maps");

/*
 * Not task storage: looking that up fails when another task of the same CPU is at it (Linux 6.1),
 * and a task that is not found here is not protected. task_free keeps addresses from going stale.
 */
struct task {
	__u32 trusted;
	__s32 cmd; /* the last bpf() command */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESC_LSM_TASKS_MAX);
	__type(key, __u64);
	__type(value, struct task);
} lsm_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESC_LSM_INODES_MAX);
	__type(key, struct esc_lsm_inode);
	__type(value, __u32);
} lsm_inodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ESC_LSM_OBJECTS_MAX);
	__type(key, struct esc_lsm_object);
	__type(value, __u32);
} lsm_objects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ESC_LSM_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} lsm_refused SEC(".maps");

/* Where the kernel lets no program read its memory, not even this one. */
const volatile bool can_read = true;

/* --- who and what ------------------------------------------------------------------------ */

static __always_inline struct esc_lsm_state *state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&lsm_state, &zero);
}

static __always_inline bool on(void)
{
	const struct esc_lsm_state *s = state();

	return s && s->on;
}

static __always_inline struct task *find(const struct task_struct *t)
{
	__u64 key = (__u64)t;

	return bpf_map_lookup_elem(&lsm_tasks, &key);
}

static __always_inline bool is_trusted(const struct task_struct *t)
{
	const struct task *k = find(t);

	return k && k->trusted;
}

static __always_inline bool trusted(void)
{
	return is_trusted(bpf_get_current_task_btf());
}

static __always_inline void key_of(struct esc_lsm_inode *key, struct inode *inode)
{
	key->dev = inode->i_sb->s_dev;
	key->ino = inode->i_ino;
}

/* ESC_LSM_* bits, 0 for nearly all inodes. */
static __always_inline __u32 kind_of(struct inode *inode)
{
	struct esc_lsm_inode key;
	const __u32 *kind;

	key_of(&key, inode);
	kind = bpf_map_lookup_elem(&lsm_inodes, &key);
	return kind ? *kind : 0;
}

static __always_inline bool on_bpffs(struct super_block *sb)
{
	const struct esc_lsm_state *s = state();

	return s && s->on && sb->s_dev == s->bpffs;
}

static __always_inline int refuse(__u32 reason)
{
	__u64 *n = bpf_map_lookup_elem(&lsm_refused, &reason);

	if (n)
		*n += 1;
	return -EPERM;
}

#endif
