/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <string.h>
#include <sys/xattr.h>

#define NAME "system.posix_acl_access"

/* Besides the groups: owner, owning group, mask, others. */
#define ENTRIES_MAX (4 + ESC_ACL_GROUPS)

struct acl {
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry entry[ENTRIES_MAX];
};

static void add(struct acl *a, unsigned int *n, uint16_t tag, uint16_t perm, uint32_t id)
{
	a->entry[(*n)++] = (struct posix_acl_xattr_entry){
		.e_tag = htole16(tag), .e_perm = htole16(perm), .e_id = htole32(id)};
}

int esc_acl_set(const char *path, int fd, const gid_t group[ESC_ACL_GROUPS], bool write)
{
	const uint16_t all = ACL_READ | ACL_WRITE, some = write ? all : ACL_READ;
	const uint32_t nobody = (uint32_t)-1;
	struct acl a = {.head.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
	unsigned int n = 0, named;

	add(&a, &n, ACL_USER_OBJ, all, nobody);
	add(&a, &n, ACL_GROUP_OBJ, 0, nobody);
	named = n;
	if (group[0])
		add(&a, &n, ACL_GROUP, some, group[0]);
	if (group[1] && group[1] != group[0])
		add(&a, &n, ACL_GROUP, some, group[1]);
	if (n == named)
		return 0;
	add(&a, &n, ACL_MASK, some, nobody);
	add(&a, &n, ACL_OTHER, 0, nobody);
	size_t size = sizeof(a.head) + n * sizeof(a.entry[0]);
	int err = path ? setxattr(path, NAME, &a, size, 0) : fsetxattr(fd, NAME, &a, size, 0);
	return err ? -errno : 0;
}

void esc_acl_get(const char *path, gid_t group[ESC_ACL_GROUPS])
{
	struct acl a;
	ssize_t size = getxattr(path, NAME, &a, sizeof(a));
	size_t n = size > (ssize_t)sizeof(a.head)
			   ? ((size_t)size - sizeof(a.head)) / sizeof(a.entry[0])
			   : 0;
	int found = 0;

	memset(group, 0, ESC_ACL_GROUPS * sizeof(*group));
	for (size_t i = 0; i < n && found < ESC_ACL_GROUPS; i++)
		if (le16toh(a.entry[i].e_tag) == ACL_GROUP)
			group[found++] = le32toh(a.entry[i].e_id);
}
