/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.h: access lists of files, acl(5): groups that may use a file beside its owner. Unlike giving
 * the file to a group this takes no privilege but owning it, and there may be two.
 */
#ifndef ESC_BASE_ACL_H
#define ESC_BASE_ACL_H

#include <stdbool.h>
#include <sys/types.h>

#define ESC_ACL_GROUPS 2

/*
 * Owner: read and write; these groups (0: none): read, and write if asked; all others nothing. The
 * file is path, or fd if that is NULL. No groups: nothing is changed. 0 or -errno (-EOPNOTSUPP: the
 * file system has no access lists).
 */
int esc_acl_set(const char *path, int fd, const gid_t group[ESC_ACL_GROUPS], bool write);

/* The groups of that file's list, in the order in which they were given; 0: none. */
void esc_acl_get(const char *path, gid_t group[ESC_ACL_GROUPS]);

#endif
