/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/access.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the groups of the file -------------------------------------------------------------------
 */

static int find_group(const struct esc_model *m, const char *key, uint32_t line, const char *name,
		      gid_t *gid, FILE *err)
{
	errno = 0;
	const struct group *g = *name ? getgrnam(name) : NULL;

	*gid = g ? g->gr_gid : 0;
	if (g || !*name)
		return 0;
	if (*m->file && line)
		fprintf(err, "%s:%u: ", m->file, line);
	if (errno && errno != ENOENT && errno != ESRCH)
		fprintf(err, "%s = %s: looking the group up: %s\n", key, name, strerror(errno));
	else
		fprintf(err, "%s = %s: there is no such group. Make it: groupadd --system %s\n",
			key, name, name);
	return 1;
}

int esc_access_resolve(struct esc_access *a, const struct esc_model *m, FILE *err)
{
	*a = (struct esc_access){.own = geteuid()};
	memcpy(a->admins_name, m->admins, sizeof(a->admins_name));
	memcpy(a->monitors_name, m->monitors, sizeof(a->monitors_name));
	int bad = find_group(m, "Admins", m->admins_line, m->admins, &a->admins, err);

	bad |= find_group(m, "Monitors", m->monitors_line, m->monitors, &a->monitors, err);
	return bad;
}

const char *esc_access_group(const struct esc_access *a, enum esc_right right)
{
	if (right == ESC_RIGHT_READ && a->monitors)
		return a->monitors_name;
	return right <= ESC_RIGHT_CHANGE && a->admins ? a->admins_name : NULL;
}

/* --- the rule ---------------------------------------------------------------------------------
 */

static bool is_member(gid_t group, gid_t gid, const gid_t *groups, size_t n)
{
	bool yes = gid == group;

	for (size_t i = 0; i < n; i++)
		yes |= groups[i] == group;
	return group && yes;
}

enum esc_right esc_access_right(const struct esc_access *a, uid_t uid, gid_t gid,
				const gid_t *groups, size_t n)
{
	if (uid == 0 || uid == a->own)
		return ESC_RIGHT_ROOT;
	if (is_member(a->admins, gid, groups, n))
		return ESC_RIGHT_CHANGE;
	return is_member(a->monitors, gid, groups, n) ? ESC_RIGHT_READ : ESC_RIGHT_NONE;
}

/* All supplementary groups of the other end: *groups is the caller's to free. */
static int peer_groups(int fd, gid_t **groups, size_t *n)
{
	socklen_t len = 64 * sizeof(gid_t);

	*groups = NULL;
	*n = 0;
	for (int tries = 0; tries < 2; tries++) {
		gid_t *list = malloc(len);

		if (!list)
			return -ENOMEM;
		if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len)) {
			*groups = list;
			*n = len / sizeof(gid_t);
			return 0;
		}
		int err = -errno;
		free(list); /* ERANGE: the kernel said how many there are */
		if (err != -ERANGE || len > NGROUPS_MAX * sizeof(gid_t))
			return err;
	}
	return -ERANGE;
}

int esc_access_ask(const struct esc_access *a, int fd, struct esc_caller *who)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups;
	size_t n;

	*who = (struct esc_caller){.uid = (uid_t)-1, .gid = (gid_t)-1, .right = ESC_RIGHT_NONE};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	who->pid = cred.pid;
	who->uid = cred.uid;
	who->gid = cred.gid;
	int err = peer_groups(fd, &groups, &n);
	if (err)
		n = 0; /* what is known of it still counts: root has no need of groups */
	who->right = esc_access_right(a, cred.uid, cred.gid, groups, n);
	free(groups);
	return err;
}

void esc_access_groups(const struct esc_access *a, gid_t group[ESC_ACL_GROUPS])
{
	group[0] = a->monitors;
	group[1] = a->admins;
}
