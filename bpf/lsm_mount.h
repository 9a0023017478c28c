/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* lsm_mount.h: the file system of the pins: who looks into it, and what keeps it mounted. */
#ifndef ESC_BPF_LSM_MOUNT_H
#define ESC_BPF_LSM_MOUNT_H

#include "lsm_state.h"

/* --- which mount of the pins' file system must stay -------------------------------------- */

#define INSTANCES_MAX 64 /* of the file system; with more, unmounting is refused */
#define DEPTH_MAX     16 /* of mounts upon mounts */
#define ANCESTORS_MAX 64 /* of the process that loads this */

#define READ(ptr, member)                                                                          \
	({                                                                                         \
		typeof((ptr)->member) value = 0;                                                   \
		bpf_core_read(&value, sizeof(value), &(ptr)->member);                              \
		value;                                                                             \
	})

static __always_inline struct mount *mount_of(const void *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* The oldest ancestor's mount namespace: the machine's own, not that of a service. */
static __always_inline struct mnt_namespace *first_namespace(void)
{
	struct task_struct *t = bpf_get_current_task_btf();

	for (int i = 0; i < ANCESTORS_MAX && t->tgid != 1; i++)
		t = t->real_parent;
	return t->nsproxy->mnt_ns;
}

/* That namespace's mount of the file system; else the one by which it was found. */
static __always_inline struct mount *lasting_mount(struct super_block *sb, struct vfsmount *found)
{
	struct list_head *head = &sb->s_mounts, *at;
	struct mnt_namespace *first = first_namespace();

	if (!can_read)
		return mount_of(found);
	at = READ(sb, s_mounts.next);
	for (int i = 0; i < INSTANCES_MAX; i++) {
		struct mount *m = (void *)at - bpf_core_field_offset(struct mount, mnt_instance);

		if (!at || at == head)
			break;
		if (READ(m, mnt_ns) == first)
			return m;
		at = READ(at, next);
	}
	return mount_of(found);
}

/* --- the pins' file system --------------------------------------------------------------- */

SEC("lsm/inode_permission")
int BPF_PROG(lsm_permission, struct inode *inode, int mask, int ret)
{
	if (ret || !on_bpffs(inode->i_sb))
		return ret;
	if (!(kind_of(inode) & ESC_LSM_PINS) || trusted())
		return 0;
	return refuse(ESC_LSM_pins);
}

/*
 * The pins live as long as their file system has a mount. Copies of it in other mount namespaces
 * (services, containers) come and go, unless the kernel would repeat for the one that must stay
 * what is done to them.
 */
static __always_inline bool same_group(struct mount *a, struct mount *b)
{
	int group = READ(a, mnt_group_id);

	return group && group == READ(b, mnt_group_id);
}

/* What is done to m or on it, is it done to ours too? */
static __always_inline bool touches(struct mount *m, struct mount *ours)
{
	struct mount *from, *to;

	if (m == ours || same_group(m, ours))
		return true;
	from = READ(m, mnt_parent);
	to = READ(ours, mnt_parent);
	return same_group(from, to) || same_group(from, READ(to, mnt_master));
}

static __always_inline bool is_above(const struct mount *top, struct mount *m)
{
	for (int i = 0; i < DEPTH_MAX; i++) {
		struct mount *parent;

		if (m == top)
			return true;
		parent = READ(m, mnt_parent);
		if (parent == m)
			return false;
		m = parent;
	}
	return true;
}

/* Would unmounting this tree take our mount away? */
static __always_inline bool takes_away(const void *tree, struct mount *ours, struct super_block *sb)
{
	struct list_head *head = &sb->s_mounts, *at = READ(sb, s_mounts.next);

	for (int i = 0; i < INSTANCES_MAX; i++) {
		struct mount *m;

		if (!at || at == head)
			return false;
		m = (void *)at - bpf_core_field_offset(struct mount, mnt_instance);
		if (touches(m, ours) && is_above(mount_of(tree), m))
			return true;
		at = READ(at, next);
	}
	return true;
}

SEC("lsm/sb_umount")
int BPF_PROG(lsm_umount, struct vfsmount *mnt, int flags, int ret)
{
	const struct esc_lsm_state *s = state();

	if (ret || !s || !s->on || trusted())
		return ret;
	if (can_read ? takes_away(mnt, (void *)s->mount, (void *)s->super_block)
		     : (__u64)mount_of(mnt) == s->mount)
		return refuse(ESC_LSM_mount);
	return 0;
}

/* Of the pins' file system: is it our mount, or one that ours follows? */
static __always_inline bool is_pins_mount(struct vfsmount *mnt)
{
	const struct esc_lsm_state *s = state();

	if (!on_bpffs(mnt->mnt_sb) || !s)
		return false;
	return can_read ? touches(mount_of(mnt), (void *)s->mount)
			: (__u64)mount_of(mnt) == s->mount;
}

SEC("lsm/sb_mount")
int BPF_PROG(lsm_mount, const char *dev, const struct path *path, const char *type,
	     unsigned long flags, void *data, int ret)
{
	if (ret || !is_pins_mount(path->mnt) || trusted())
		return ret;
	return refuse(ESC_LSM_mount);
}

SEC("lsm/move_mount")
int BPF_PROG(lsm_move_mount, const struct path *from, const struct path *to, int ret)
{
	if (ret || (!is_pins_mount(from->mnt) && !is_pins_mount(to->mnt)) || trusted())
		return ret;
	return refuse(ESC_LSM_mount);
}

#endif
