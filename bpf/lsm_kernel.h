/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * lsm_kernel.h: types of the kernel with the members that are used; libbpf finds them in the
 * running kernel (CO-RE). Not vmlinux.h: the machine that builds may have no type information.
 */
#ifndef ESC_BPF_LSM_KERNEL_H
#define ESC_BPF_LSM_KERNEL_H

#include <linux/types.h>

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

#endif
