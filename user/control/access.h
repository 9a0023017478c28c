/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.h: who may do what with a running node (R9). Root, and the user that control runs as, may
 * do everything; members of [Node] Admins too; members of Monitors may read its status; nobody else
 * anything. What `wg` shows holds preshared keys, so it is for those who may change the node.
 *
 * A client is who the kernel says it is: its user and groups when it connected (SO_PEERCRED,
 * SO_PEERGROUPS; unix(7), socket(7)). They are asked for at every request. Access lists of the
 * sockets keep everybody else from connecting at all, and are only the second layer.
 */
#ifndef ESC_CONTROL_ACCESS_H
#define ESC_CONTROL_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/acl.h"
#include "control/model.h"

enum esc_right { ESC_RIGHT_NONE, ESC_RIGHT_READ, ESC_RIGHT_CHANGE, ESC_RIGHT_ROOT };

/* gid 0: nobody but root, who needs no group. */
struct esc_access {
	uid_t own; /* control's user */
	gid_t admins, monitors;
	char admins_name[ESC_USER_MAX + 1], monitors_name[ESC_USER_MAX + 1];
};

struct esc_caller {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	enum esc_right right;
};

/*
 * Look the file's groups up in the system's group database. 0, or 1 after writing to err what is
 * missing, with its line in the file and the command that makes it. May wait for the network where
 * the system keeps its groups there: at start only.
 */
int esc_access_resolve(struct esc_access *a, const struct esc_model *m, FILE *err);

/* The rule itself: groups are the supplementary ones. */
enum esc_right esc_access_right(const struct esc_access *a, uid_t uid, gid_t gid,
				const gid_t *groups, size_t n);

/* Who is at the other end, and what it may do. 0; -errno: right is NONE then. */
int esc_access_ask(const struct esc_access *a, int fd, struct esc_caller *who);

/* Who may connect to the sockets and read the audit log, besides root: those named in the file. */
void esc_access_groups(const struct esc_access *a, gid_t group[ESC_ACL_GROUPS]);

/* The group that a person without this right should ask to join; NULL: only root has it. */
const char *esc_access_group(const struct esc_access *a, enum esc_right right);

#endif
