/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steps.h: the steps of sandbox.c's table, by mechanism. Each returns 0, or -1 with errno; one
 * that needs to say more than errno does leaves it in box->detail.
 */
#ifndef ESC_PROC_STEPS_H
#define ESC_PROC_STEPS_H

#include <stdbool.h>

#include "proc/sandbox.h"

struct box {
	const struct esc_sandbox *want;
	uid_t uid;
	gid_t gid;
	bool stay;	 /* not started by root: there is no other user to become */
	uint32_t layers; /* to be in force */
	char detail[160];
};

static inline bool box_has(const struct box *b, enum esc_layer layer)
{
	return b->layers & ESC_LAYER_BIT(layer);
}

int box_fds(const struct box *b); /* descriptors 0 .. box_fds() - 1 are open */

/* identity.c */
int step_no_groups(struct box *b);
int step_group(struct box *b);
int step_user(struct box *b);
int step_bounding_set(struct box *b);
int step_no_capabilities(struct box *b);
int step_no_new_privs(struct box *b);
int step_no_core(struct box *b);
int step_not_dumpable(struct box *b);
int step_die_with_control(struct box *b);
int step_no_identity_back(struct box *b);

/* namespace.c */
int step_uts(struct box *b);
int step_ipc(struct box *b);
int step_network(struct box *b);
int step_pid(struct box *b);
int step_mount(struct box *b);

/* memory.c; need /proc/self */
int step_memory(struct box *b);	   /* heap and stack have their size, everything is locked */
int step_no_memory(struct box *b); /* after the capabilities: none can be added */
int step_address_space(struct box *b);
int step_wx(struct box *b);

/* landlock.c */
int step_landlock(struct box *b);

/* limits.c */
int step_limits(struct box *b);

/* policy.c */
int step_seccomp(struct box *b);

#endif
