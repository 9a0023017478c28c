/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * lsm_abi.h: what the BPF LSM programs (bpf/lsm.bpf.c) and control (user/control/lsm.c) share (R6).
 * One instance per machine: maps and links are pinned under /sys/fs/bpf/esclusa/@lsm/ by their
 * names ('@' is in no node's name), shared by all nodes, and outlive them.
 *
 *   lsm_state    array of one, mmap-able    struct esc_lsm_state
 *   lsm_tasks    hash: address of a task    1: trusted, 0: is being executed
 *   lsm_inodes   hash: struct esc_lsm_inode what the inode is: ESC_LSM_* bits
 *   lsm_objects  hash: struct esc_lsm_object, the value is 1: esclusa's maps, programs and links
 *   lsm_refused  per-CPU array by reason    how often something was refused
 */
#ifndef ESC_MAPS_LSM_ABI_H
#define ESC_MAPS_LSM_ABI_H

#include <linux/types.h>

#define ESC_LSM_ABI	    1u
#define ESC_LSM_TASKS_MAX   16384u
#define ESC_LSM_INODES_MAX  4096u
#define ESC_LSM_OBJECTS_MAX 65536u

struct esc_lsm_state {
	__u32 abi_version;
	__u32 on;		  /* 0: everything is let through */
	__u32 guesses;		  /* of the secret that are left until the next boot */
	__u32 has_secret;	  /* 0: only a reboot unloads */
	__u64 bpffs;		  /* device of the file system that the pins are on */
	__u64 loaded;		  /* UNIX seconds */
	__u64 super_block, mount; /* kernel addresses: that file system and its mount */
	char secret[128];	  /* crypto_pwhash_str() */
};

/* What an inode is; several may apply. */
#define ESC_LSM_PROGRAM 1u /* executing it makes a trusted task */
#define ESC_LSM_CODE	2u /* trusted tasks may map it executable; nobody may write it */
#define ESC_LSM_KEY	4u /* only trusted tasks may open it */
#define ESC_LSM_PINS	8u /* only trusted tasks may look up names in it */

struct esc_lsm_inode {
	__u64 dev, ino; /* of the kernel: super block's device, inode number */
};

enum esc_lsm_object_type { ESC_LSM_MAP = 1, ESC_LSM_PROG, ESC_LSM_LINK };

/* Also, with a network namespace's number as type: an interface whose egress guard is protected. */
struct esc_lsm_object {
	__u32 type, id;
};

/*
 * Calls to the LSM: ioctl(FD, ESC_LSM_CALL + n), which no file answers. Done: EALREADY. Not
 * allowed: EPERM. The LSM does not run: what the file itself says, ENOTTY as a rule.
 */
#define ESC_LSM_CALL	     0xe5c15a00u
#define ESC_LSM_CALL_TRUST   (ESC_LSM_CALL + 0) /* the caller; the first one, until `on` */
#define ESC_LSM_CALL_PROGRAM (ESC_LSM_CALL + 1) /* the file is one; until `on` */
#define ESC_LSM_CALL_CODE    (ESC_LSM_CALL + 2) /* until `on` */
#define ESC_LSM_CALL_KEY     (ESC_LSM_CALL + 3)
#define ESC_LSM_CALL_PINS    (ESC_LSM_CALL + 4) /* until `on`; its device becomes `bpffs` */

/* X(id, what was refused) */
#define ESC_LSM_REASONS(X)                                                                         \
	X(trace, "tracing a process, reading its memory, taking its descriptors")                  \
	X(traced_exec, "executing the program under a tracer")                                     \
	X(foreign_code, "executing code that is not the program's")                                \
	X(key_file, "opening a key file")                                                          \
	X(code_file, "writing to the program or its libraries")                                    \
	X(pins, "reaching the pinned maps and links")                                              \
	X(object, "getting hold of a map, a program or a link")                                    \
	X(mount, "unmounting, moving or covering the pins")                                        \
	X(guard, "replacing or removing the egress guard")                                         \
	X(bpf_load, "loading BPF programs that can read memory")                                   \
	X(lockdown, "kernel memory, tracing, unsigned modules, kexec")                             \
	X(perf, "performance events")

enum esc_lsm_reason {
#define X(id, text) ESC_LSM_##id,
	ESC_LSM_REASONS(X)
#undef X
		ESC_LSM_REASON_COUNT
};

_Static_assert(sizeof(struct esc_lsm_state) == 176, "esc_lsm_state layout");
_Static_assert(sizeof(struct esc_lsm_inode) == 16, "esc_lsm_inode layout");
_Static_assert(sizeof(struct esc_lsm_object) == 8, "esc_lsm_object layout");

#endif
