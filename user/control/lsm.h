/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lsm.h: the BPF LSM layer (R2, R6): what root itself is refused. bpf/lsm.bpf.c decides, this
 * loads it, tells it what is esclusa's, and takes it away again. One instance per machine, pinned
 * under /sys/fs/bpf/esclusa/@lsm/; nothing of it is kept here between calls.
 *
 *   lsm.c         what a running instance is told and asked
 *   lsm_load.c    how one comes into being
 *
 * Privileges: root; with an instance in force also that this process executed the program that
 * the instance knows. docs/lsm.md is the administrator's side of it.
 */
#ifndef ESC_CONTROL_LSM_H
#define ESC_CONTROL_LSM_H

#include <stdbool.h>
#include <stdint.h>

#include "control/model.h"
#include "lsm_abi.h"

#define ESC_LSM_SECRET	"/etc/esclusa/lsm.secret" /* crypto_pwhash_str(), one line */
#define ESC_LSM_GUESSES 10u			  /* of the secret, until the next boot */

enum esc_lsm_standing {
	ESC_LSM_ABSENT,	  /* nothing is loaded */
	ESC_LSM_IN_FORCE, /* and it trusts this process */
	ESC_LSM_STRANGER, /* it is in force, or was, and does not let this process near */
};

enum esc_lsm_standing esc_lsm_look(void);

/*
 * At a node's start, before it makes BPF objects: load it as model->lsm says, or join the one that
 * is in force; its key files are protected then. 0; -errno after saying why the node cannot start.
 * A process that was started before the instance executes itself again.
 */
int esc_lsm_begin(const struct esc_model *m);

/* A bpf_link of this node: nobody gets a descriptor of it by its number. Nothing to do: 0. */
int esc_lsm_link(int link);
/* A file that holds keys: only esclusa opens it. Nothing to do: 0; else -errno. */
int esc_lsm_key_file(const char *path);

struct esc_lsm_status {
	enum esc_lsm_standing standing;
	struct esc_lsm_state state; /* without the secret and the kernel's addresses */
	uint32_t tasks, code_files, key_files, objects;
	uint64_t refused[ESC_LSM_REASON_COUNT];
};

/* 0 or -errno. */
int esc_lsm_status(struct esc_lsm_status *s);

/*
 * Switch it off and remove it. 0; -ENOENT: it is not loaded; -ENOKEY: loaded without a secret;
 * -EKEYREJECTED: wrong secret; -EDQUOT: too many wrong ones; -EPERM: a stranger; other -errno.
 */
int esc_lsm_unload(const char *secret);

/* The embedded object, for the self-test. */
const void *esc_lsm_bytes(size_t *size);

/* --- between lsm.c and lsm_load.c --- */

#define ESC_LSM_PIN "@lsm"

/* Load a new instance. 0; -EEXIST: there is one; else -errno and *why, for the administrator. */
int esc_lsm_load(const struct esc_model *m, const char **why);
/* ioctl(fd, call). 0, -EPERM; other -errno: nobody answers. */
int esc_lsm_call(int fd, unsigned int call);
/* The same on a path. */
int esc_lsm_call_path(const char *path, unsigned int call);
/* By descriptor, in the map lsm_objects. 0 or -errno. */
int esc_lsm_add_object(int objects, enum esc_lsm_object_type type, int fd);

#endif
