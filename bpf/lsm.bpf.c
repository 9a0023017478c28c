/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * lsm.bpf.c: what nobody may do to esclusa's processes, key files and BPF objects, root included
 * (R6). A task is trusted if its last execve() was of the registered program, or if a trusted one
 * forked it; it maps no code but the registered files'. Everybody else is refused what is counted
 * in ESC_LSM_REASONS. docs/lsm.md says what that covers and what it does not.
 *
 * Attached by control where the kernel has BPF LSM in its lsm= list. Types of the kernel are
 * declared here with the members that are used; libbpf finds them in the running kernel (CO-RE).
 */
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "lsm_abi.h"

/* Hooks have the kernel's arguments, used or not. */
#pragma clang diagnostic ignored "-Wunused-parameter"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define KERNEL	    __attribute__((preserve_access_index))

#define FMODE_WRITE 2u

struct list_head {
	struct list_head *next;
} KERNEL;

struct super_block {
	__u32 s_dev;
	struct list_head s_mounts;
} KERNEL;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
} KERNEL;

struct dentry {
	struct inode *d_inode;
} KERNEL;

struct vfsmount {
	struct super_block *mnt_sb;
} KERNEL;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} KERNEL;

struct mnt_namespace;

struct mount {
	struct mount *mnt_parent, *mnt_master;
	struct mnt_namespace *mnt_ns;
	struct vfsmount mnt;
	struct list_head mnt_instance; /* of its file system */
	int mnt_group_id;	       /* of those that get each other's mounts and unmounts */
} KERNEL;

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_mode;
	unsigned int f_flags;
} KERNEL;

struct vm_area_struct {
	struct file *vm_file;
} KERNEL;

struct linux_binprm {
	struct file *file;
} KERNEL;

struct nsproxy;

struct task_struct {
	unsigned int ptrace;
	int tgid;
	struct task_struct *real_parent;
	struct nsproxy *nsproxy;
} KERNEL;

struct bpf_map {
	__u32 id;
} KERNEL;

struct bpf_prog_aux {
	__u32 id;
} KERNEL;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} KERNEL;

struct ns_common {
	unsigned int inum;
} KERNEL;

struct net {
	struct ns_common ns;
} KERNEL;

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	possible_net_t skc_net;
} KERNEL;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
} KERNEL;

struct sk_buff {
	unsigned int len;
	unsigned char *data;
} KERNEL;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
} KERNEL;

struct cred;
struct user_namespace;

/* Two kinds of machine. */
struct pt_regs___x86 {
	unsigned long di, bx, orig_ax;
} KERNEL;

struct pt_regs___arm64 {
	__u64 orig_x0;
	__s32 syscallno;
} KERNEL;

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

/* --- trust ------------------------------------------------------------------------------- */

static __always_inline bool enter(const struct task_struct *t, __u32 is)
{
	struct task new = {.trusted = is, .cmd = -1};
	__u64 key = (__u64)t;

	return !bpf_map_update_elem(&lsm_tasks, &key, &new, BPF_ANY);
}

static __always_inline void leave(const struct task_struct *t)
{
	__u64 key = (__u64)t;

	bpf_map_delete_elem(&lsm_tasks, &key);
}

/* A fork has the memory of its parent, so it is as much to be protected. */
SEC("lsm/task_alloc")
int BPF_PROG(lsm_task_alloc, struct task_struct *task, unsigned long flags, int ret)
{
	if (ret || !trusted())
		return ret;
	return enter(task, 1) ? 0 : -EAGAIN;
}

SEC("lsm/task_free")
int BPF_PROG(lsm_task_free, struct task_struct *task)
{
	leave(task);
	return 0;
}

/*
 * Attaching as a tracer waits until execve() is over. The entry is made now, because afterwards
 * nothing can fail any more.
 */
SEC("lsm/bprm_check_security")
int BPF_PROG(lsm_bprm_check, struct linux_binprm *bprm, int ret)
{
	const struct task_struct *t = bpf_get_current_task_btf();

	if (ret || !(kind_of(bprm->file->f_inode) & ESC_LSM_PROGRAM))
		return ret;
	if (t->ptrace && on())
		return refuse(ESC_LSM_traced_exec);
	return find(t) || enter(t, 0) ? 0 : -EAGAIN;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(lsm_bprm_done, struct linux_binprm *bprm)
{
	const struct task_struct *t = bpf_get_current_task_btf();
	struct task *k = find(t);

	if (!k)
		return 0;
	if (kind_of(bprm->file->f_inode) & ESC_LSM_PROGRAM)
		k->trusted = 1;
	else
		leave(t);
	return 0;
}

/* Memory without a file is no code either: nothing in esclusa makes its own. */
static __always_inline bool foreign(struct file *file, unsigned long prot)
{
	if (!(prot & PROT_EXEC) || !on() || !trusted())
		return false;
	return !file || !(kind_of(file->f_inode) & (ESC_LSM_PROGRAM | ESC_LSM_CODE));
}

SEC("lsm/mmap_file")
int BPF_PROG(lsm_mmap_file, struct file *file, unsigned long reqprot, unsigned long prot,
	     unsigned long flags, int ret)
{
	if (ret)
		return ret;
	return foreign(file, prot) ? refuse(ESC_LSM_foreign_code) : 0;
}

SEC("lsm/file_mprotect")
int BPF_PROG(lsm_mprotect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot,
	     int ret)
{
	if (ret)
		return ret;
	return foreign(vma->vm_file, prot) ? refuse(ESC_LSM_foreign_code) : 0;
}

/* --- which mount of the pins' file system must stay -------------------------------------- */

#define INSTANCES_MAX 64 /* of the file system; with more, unmounting is refused */
#define DEPTH_MAX     16 /* of mounts upon mounts */
#define ANCESTORS_MAX 64 /* of the process that loads this */

/* Where the kernel lets no program read its memory, not even this one. */
const volatile bool can_read = true;

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
	struct list_head *head = &sb->s_mounts, *at = READ(sb, s_mounts.next);
	struct mnt_namespace *first = first_namespace();

	for (int i = 0; can_read && i < INSTANCES_MAX; i++) {
		struct mount *m = (void *)at - bpf_core_field_offset(struct mount, mnt_instance);

		if (!at || at == head)
			break;
		if (READ(m, mnt_ns) == first)
			return m;
		at = READ(at, next);
	}
	return mount_of(found);
}

/* --- calls from control ------------------------------------------------------------------ */

static __always_inline bool mark(struct inode *inode, __u32 kind)
{
	struct esc_lsm_inode key;

	key_of(&key, inode);
	kind |= kind_of(inode);
	return !bpf_map_update_elem(&lsm_inodes, &key, &kind, BPF_ANY);
}

static __always_inline bool call(struct esc_lsm_state *s, struct file *file, unsigned int cmd)
{
	struct inode *inode = file->f_inode;

	if (cmd == ESC_LSM_CALL_KEY)
		return trusted() && mark(inode, ESC_LSM_KEY);
	if (s->on)
		return false;
	if (cmd == ESC_LSM_CALL_TRUST)
		return !__sync_val_compare_and_swap(&s->loaded, 0, 1) &&
		       enter(bpf_get_current_task_btf(), 1);
	if (!trusted())
		return false;
	if (cmd == ESC_LSM_CALL_PROGRAM)
		return mark(inode, ESC_LSM_PROGRAM | ESC_LSM_CODE);
	if (cmd == ESC_LSM_CALL_CODE)
		return mark(inode, ESC_LSM_CODE);
	if (cmd != ESC_LSM_CALL_PINS)
		return false;
	s->bpffs = inode->i_sb->s_dev;
	s->super_block = (__u64)inode->i_sb;
	s->mount = (__u64)lasting_mount(inode->i_sb, file->f_path.mnt);
	return mark(inode, ESC_LSM_PINS);
}

SEC("lsm/file_ioctl")
int BPF_PROG(lsm_ioctl, struct file *file, unsigned int cmd, unsigned long arg, int ret)
{
	struct esc_lsm_state *s;

	if (ret || (cmd & ~0xffu) != ESC_LSM_CALL)
		return ret;
	s = state();
	return s && call(s, file, cmd) ? -EALREADY : -EPERM;
}

/* --- processes --------------------------------------------------------------------------- */

/* Asked about another process only: ptrace(), /proc/PID, pidfd_getfd(), process_vm_readv(). */
SEC("lsm/ptrace_access_check")
int BPF_PROG(lsm_ptrace, struct task_struct *child, unsigned int mode, int ret)
{
	if (ret || !on())
		return ret;
	return is_trusted(child) ? refuse(ESC_LSM_trace) : 0;
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(lsm_traceme, struct task_struct *parent, int ret)
{
	if (ret || !on())
		return ret;
	return trusted() ? refuse(ESC_LSM_trace) : 0;
}

/* --- files ------------------------------------------------------------------------------- */

SEC("lsm/file_open")
int BPF_PROG(lsm_file_open, struct file *file, int ret)
{
	__u32 kind = kind_of(file->f_inode);

	if (ret || !kind || !on())
		return ret;
	if (kind & ESC_LSM_KEY && !trusted())
		return refuse(ESC_LSM_key_file);
	if (kind & ESC_LSM_CODE && (file->f_mode & FMODE_WRITE || file->f_flags & O_TRUNC))
		return refuse(ESC_LSM_code_file);
	return 0;
}

SEC("lsm/path_truncate")
int BPF_PROG(lsm_truncate, const struct path *path, int ret)
{
	if (ret || !(kind_of(path->dentry->d_inode) & ESC_LSM_CODE) || !on())
		return ret;
	return refuse(ESC_LSM_code_file);
}

/* A key file is written anew and takes the old one's name: the new one is what the old one was. */
SEC("lsm/inode_rename")
int BPF_PROG(lsm_rename, struct inode *old_dir, struct dentry *old, struct inode *new_dir,
	     struct dentry *new, int ret)
{
	struct inode *over = new->d_inode;
	__u32 kind = over ? kind_of(over) : 0;

	if (ret)
		return ret;
	if (kind & ESC_LSM_KEY && trusted())
		mark(old->d_inode, ESC_LSM_KEY);
	kind |= kind_of(old->d_inode);
	return kind & ESC_LSM_PINS && on() && !trusted() ? refuse(ESC_LSM_pins) : 0;
}

/* The number of an inode that is gone for good may come back as another file's. */
SEC("lsm/inode_free_security")
int BPF_PROG(lsm_inode_free, struct inode *inode)
{
	struct esc_lsm_inode key;

	if (inode->i_nlink)
		return 0;
	key_of(&key, inode);
	bpf_map_delete_elem(&lsm_inodes, &key);
	return 0;
}

/* --- BPF objects ------------------------------------------------------------------------- */

static __always_inline bool is_ours(__u32 type, __u32 id)
{
	struct esc_lsm_object key = {.type = type, .id = id};

	return bpf_map_lookup_elem(&lsm_objects, &key);
}

/* A new descriptor of an object: what a trusted task creates is protected from now on. */
static __always_inline int descriptor(__u32 type, __u32 id, int creates)
{
	struct esc_lsm_object key = {.type = type, .id = id};
	const struct task *k = find(bpf_get_current_task_btf());
	const __u32 one = 1;

	if (k && k->trusted) {
		if (k->cmd == creates && bpf_map_update_elem(&lsm_objects, &key, &one, BPF_ANY))
			return -ENOSPC;
		return 0;
	}
	return on() && is_ours(type, id) ? refuse(ESC_LSM_object) : 0;
}

SEC("lsm/bpf_map")
int BPF_PROG(lsm_bpf_map, struct bpf_map *map, unsigned int mode, int ret)
{
	return ret ? ret : descriptor(ESC_LSM_MAP, map->id, BPF_MAP_CREATE);
}

SEC("lsm/bpf_prog")
int BPF_PROG(lsm_bpf_prog, struct bpf_prog *prog, int ret)
{
	return ret ? ret : descriptor(ESC_LSM_PROG, prog->aux->id, BPF_PROG_LOAD);
}

/* Programs that run before the egress guard, since Linux 6.6; for older headers by number. */
static __always_inline bool is_tcx(__u32 type)
{
	return type == 46 || type == 47;
}

static __always_inline bool is_guarded(__u32 ifindex)
{
	return is_ours(bpf_get_current_task_btf()->nsproxy->net_ns->ns.inum, ifindex);
}

SEC("lsm/bpf")
int BPF_PROG(lsm_bpf, int cmd, union bpf_attr *attr, unsigned int size, int ret)
{
	struct task *k;

	if (ret)
		return ret;
	k = find(bpf_get_current_task_btf());
	if (k && k->trusted) {
		k->cmd = cmd;
		return 0;
	}
	if (cmd == BPF_LINK_GET_FD_BY_ID && on() && is_ours(ESC_LSM_LINK, attr->link_id))
		return refuse(ESC_LSM_object);
	if (cmd == BPF_LINK_CREATE && is_tcx(attr->link_create.attach_type) && on() &&
	    is_guarded(attr->link_create.target_ifindex))
		return refuse(ESC_LSM_guard);
	if (cmd == BPF_PROG_ATTACH && is_tcx(attr->attach_type) && on() &&
	    is_guarded(attr->target_fd))
		return refuse(ESC_LSM_guard);
	return 0;
}

/* A program that is run may load another one. */
static __always_inline bool is_load(__u64 cmd)
{
	return (int)cmd == BPF_PROG_LOAD || (int)cmd == BPF_PROG_TEST_RUN;
}

/* Is the task in bpf(BPF_PROG_LOAD)? Of 32-bit programs on x86 too. */
static __always_inline bool loads_program(struct task_struct *t)
{
	const void *regs = (const void *)bpf_task_pt_regs(t);

	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax)) {
		const struct pt_regs___x86 *r = regs;
		unsigned long nr = r->orig_ax & 0x3ffffffful;

		return (nr == 321 && is_load(r->di)) || (nr == 357 && is_load(r->bx));
	}
	if (bpf_core_field_exists(struct pt_regs___arm64, syscallno)) {
		const struct pt_regs___arm64 *r = regs;

		return (r->syscallno == 280 || r->syscallno == 386) && is_load(r->orig_x0);
	}
	return true;
}

/*
 * Without these a BPF program gets no helper that reads memory, and no pointers: it could run
 * while crypto is the current process and read its keys.
 */
SEC("lsm/capable")
int BPF_PROG(lsm_capable, const struct cred *cred, struct user_namespace *ns, int cap,
	     unsigned int opts, int ret)
{
	struct task_struct *t;

	if (ret || (cap != CAP_PERFMON && cap != CAP_SYS_ADMIN) || !on())
		return ret;
	t = bpf_get_current_task_btf();
	if (!loads_program(t) || is_trusted(t))
		return 0;
	return refuse(ESC_LSM_bpf_load);
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

/* --- the egress guard -------------------------------------------------------------------- */

struct walk {
	const unsigned char *data;
	__u32 len, at, netns;
	bool trusted, refused;
};

/* Groups of four: new, delete, get, set. */
static __always_inline bool changes_tc(__u32 type)
{
	__u32 group = type & ~3u;

	return type != group + 2 &&
	       (group == RTM_NEWQDISC || group == RTM_NEWTFILTER || group == RTM_NEWCHAIN);
}

/* One message to the kernel's traffic control, about the hook that the guard hangs on? */
static long one_message(__u32 i, struct walk *w)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg t;
	} m = {0};
	struct esc_lsm_object key = {.type = w->netns};
	const __u32 one = 1;

	if (w->at >= w->len || w->len - w->at < sizeof(m.h) ||
	    bpf_probe_read_kernel(&m, sizeof(m), w->data + w->at) || m.h.nlmsg_len < sizeof(m.h))
		return 1;
	w->at += NLMSG_ALIGN(m.h.nlmsg_len);
	if (m.h.nlmsg_len < sizeof(m) || !changes_tc(m.h.nlmsg_type) ||
	    (TC_H_MAJ(m.t.tcm_parent) != TC_H_MAJ(TC_H_CLSACT) &&
	     TC_H_MAJ(m.t.tcm_handle) != TC_H_MAJ(TC_H_CLSACT)))
		return 0;
	key.id = (__u32)m.t.tcm_ifindex;
	if (!w->trusted)
		w->refused |= !!bpf_map_lookup_elem(&lsm_objects, &key);
	else if (m.h.nlmsg_type == RTM_NEWTFILTER)
		bpf_map_update_elem(&lsm_objects, &key, &one, BPF_ANY);
	else if (m.h.nlmsg_type == RTM_DELTFILTER)
		bpf_map_delete_elem(&lsm_objects, &key);
	return 0;
}

/* What a trusted task puts a filter on is guarded until it takes it off. */
SEC("lsm/netlink_send")
int BPF_PROG(lsm_netlink, struct sock *sk, struct sk_buff *skb, int ret)
{
	struct walk w = {0};

	if (ret || !can_read || sk->sk_protocol != NETLINK_ROUTE || !on())
		return ret;
	w.data = skb->data;
	w.len = skb->len;
	w.netns = sk->__sk_common.skc_net.net->ns.inum;
	w.trusted = trusted();
	bpf_loop(w.len / NLMSG_HDRLEN, one_message, &w, 0);
	return w.refused ? refuse(ESC_LSM_guard) : 0;
}

/* --- the kernel -------------------------------------------------------------------------- */

/* As if it had been booted with lockdown=confidentiality, for all but trusted tasks. */
SEC("lsm/locked_down")
int BPF_PROG(lsm_locked_down, int what, int ret)
{
	if (ret || !on() || trusted())
		return ret;
	return refuse(ESC_LSM_lockdown);
}

/* Samples hold registers and stacks of whoever runs. */
SEC("lsm/perf_event_open")
int BPF_PROG(lsm_perf, void *attr, int type, int ret)
{
	if (ret || !on() || trusted())
		return ret;
	return refuse(ESC_LSM_perf);
}
