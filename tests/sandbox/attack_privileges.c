/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks that ask for a privilege back, or for a name space in which to have it. */
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "attack.h"

static int set_capabilities(const struct target *t)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{~0u, ~0u, ~0u}, {0x1ff, 0x1ff, 0x1ff}};

	(void)t;
	return TRIED(syscall(SYS_capset, &head, data));
}

/* setfsuid() tells by its next call only. */
static int file_user(const struct target *t)
{
	(void)t;
	if (syscall(SYS_setfsuid, 0) < 0)
		return errno;
	return syscall(SYS_setfsuid, -1) ? EPERM : 0;
}

static int enter_namespace(const struct target *t)
{
	int err = 0;

	(void)t;
	for (int fd = 0; fd < FDS; fd++) {
		err = TRIED(setns(fd, 0));
		if (!err)
			return 0;
	}
	return err;
}

/* A key in the session keyring of who started the node: possessed by whoever inherits that. */
static int inherited_key(const struct target *t)
{
	(void)t;
	return TRIED(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
			     "esclusa-attack", 0));
}

static const gid_t root_group[] = {0};

const struct attack attacks_on_privileges[] = {
	{.name = "set_capabilities", .run = set_capabilities},
	{.name = "file_user", .run = file_user},
	{.name = "enter_namespace", .run = enter_namespace},
	{.name = "inherited_key", .run = inherited_key},
	CALL("set_user", SYS_setuid, 0),
	CALL("set_users", SYS_setresuid, 0, 0, 0),
	CALL("set_effective_user", SYS_setreuid, -1, 0),
	CALL("set_group", SYS_setgid, 0),
	CALL("set_groups", SYS_setgroups, 1, P(root_group)),
	CALL("new_privileges", SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0),
	CALL("ambient_capability", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN,
	     0, 0),
	CALL("secure_bits", SYS_prctl, PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0),
	CALL("dumpable", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0),
	CALL("outlive_control", SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0),
	CALL("user_namespace", SYS_unshare, CLONE_NEWUSER),
	CALL("mount_namespace", SYS_unshare, CLONE_NEWNS),
	CALL("network_namespace", SYS_unshare, CLONE_NEWNET),
	CALL("pid_namespace", SYS_unshare, CLONE_NEWPID),
	CALL("mount", SYS_mount, P("none"), P("/"), P("tmpfs"), 0, 0),
	CALL("remount", SYS_mount, P("none"), P("/"), 0, MS_REMOUNT | MS_BIND, 0),
	CALL("unmount", SYS_umount2, P("/"), MNT_DETACH),
	CALL("open_mount", SYS_fsopen, P("proc"), 0),
	CALL("change_root", SYS_chroot, P("/")),
	CALL("pivot_root", SYS_pivot_root, P("/"), P("/")),
	CALL("personality", SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */),
	{0},
};
