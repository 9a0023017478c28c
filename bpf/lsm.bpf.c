/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * lsm.bpf.c: what nobody may do to esclusa's processes, key files and BPF objects, root included
 * (R2, R6). A task is trusted if its last execve() was of the registered program, or if a trusted
 * one forked it; it maps no code but the registered files'. Everybody else is refused what is
 * counted in ESC_LSM_REASONS. docs/lsm.md says what that covers and what it does not.
 *
 * Attached by control where the kernel has BPF LSM in its lsm= list.
 */
/* Hooks have the kernel's arguments, used or not. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "lsm_guard.h"
#include "lsm_mount.h"
#include "lsm_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* --- trust ------------------------------------------------------------------------------- */

static __always_inline bool enter(const struct task_struct *t, __u32 is)
{
	struct task new = {.trusted = is, .cmd = -1};
	__u64 key = (__u64)t;

	return !bpf_map_update_elem(&lsm_tasks, &key, &new, BPF_ANY);
}

/* Deleting fails if this interrupted another deletion: then what is left says that it is nothing.
 */
static __always_inline void leave(const struct task_struct *t, struct task *k)
{
	__u64 key = (__u64)t;

	k->trusted = 0;
	bpf_map_delete_elem(&lsm_tasks, &key);
}

/*
 * A fork has the memory of its parent, so it is as much to be protected. Whoever gets the address
 * of a task that ended gets nothing of its trust.
 */
SEC("lsm/task_alloc")
int BPF_PROG(lsm_task_alloc, struct task_struct *task, unsigned long flags, int ret)
{
	struct task *old;

	if (ret)
		return ret;
	if (trusted())
		return enter(task, 1) ? 0 : -EAGAIN;
	old = find(task);
	if (old)
		leave(task, old);
	return 0;
}

SEC("lsm/task_free")
int BPF_PROG(lsm_task_free, struct task_struct *task)
{
	struct task *k = find(task);

	if (k)
		leave(task, k);
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
		leave(t, k);
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
	if (kind & ESC_LSM_KEY && trusted() && !mark(old->d_inode, ESC_LSM_KEY))
		return -ENOSPC;
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
