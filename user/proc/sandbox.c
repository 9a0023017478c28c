/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/fds.h"
#include "proc/proc.h"
#include "proc/steps.h"

int box_fds(const struct box *b)
{
	return ESC_FD_XSK + (int)b->want->queues;
}

static int step_descriptors(struct box *b)
{
	int err = esc_proc_verify_fds(box_fds(b));

	errno = -err;
	return err ? -1 : 0;
}

/* Whatever was there to unlock a key with, or to complain to before control did. */
static int step_no_terminal(struct box *b)
{
	(void)b;
	if (!(ESC_LAYERS_BUILT & ESC_LAYER_BIT(ESC_LAYER_limits)))
		return 0; /* a sanitizer reports there */
	return dup2(1, 0) < 0 || dup2(1, 2) < 0 ? -1 : 0;
}

/*
 * The order. What reads /proc comes before it goes; memory is locked, namespaces are left and the
 * file system is exchanged with root's capabilities, the bounding set goes with CAP_SETPCAP, groups
 * with CAP_SETGID. Changing the user makes the kernel forget that the process is to end with
 * control, and sets "dumpable" anew. Landlock and the limits come late, because they would refuse
 * what the steps before them do; seccomp comes last and refuses the steps themselves.
 */
static const struct {
	enum esc_layer layer;
	const char *what;
	int (*step)(struct box *b);
} steps[] = {
	{ESC_LAYER_descriptors, "exactly the expected descriptors", step_descriptors},
	{ESC_LAYER_descriptors, "none of them a terminal or a log", step_no_terminal},
	{ESC_LAYER_dump, "no core file", step_no_core},
	{ESC_LAYER_capabilities, "empty capability bounding set", step_bounding_set},
	{ESC_LAYER_pid, "own PID namespace", step_pid},
	{ESC_LAYER_uts, "own UTS namespace", step_uts},
	{ESC_LAYER_ipc, "own IPC namespace", step_ipc},
	{ESC_LAYER_network, "own network namespace", step_network},
	{ESC_LAYER_memory, "all memory there will be, locked", step_memory},
	{ESC_LAYER_wx, "no memory both writable and executable", step_wx},
	{ESC_LAYER_limits, "bounded address space", step_address_space},
	{ESC_LAYER_mount, "own mount namespace with an empty root", step_mount},
	{ESC_LAYER_user, "no supplementary groups", step_no_groups},
	{ESC_LAYER_user, "own group", step_group},
	{ESC_LAYER_user, "own user", step_user},
	{ESC_LAYER_capabilities, "no capabilities", step_no_capabilities},
	{ESC_LAYER_privileges, "no_new_privs", step_no_new_privs},
	{ESC_LAYER_dump, "not dumpable", step_not_dumpable},
	{ESC_LAYER_user, "end with control", step_die_with_control},
	{ESC_LAYER_user, "no way back", step_no_identity_back},
	{ESC_LAYER_memory, "no memory beyond it", step_no_memory},
	{ESC_LAYER_landlock, "no path", step_landlock},
	{ESC_LAYER_limits, "nothing that packets do not need", step_limits},
	{ESC_LAYER_seccomp, "filter of system calls", step_seccomp},
};

/* What a kernel must have or allow for a layer. */
static const char *const needs[ESC_LAYER_COUNT] = {
	[ESC_LAYER_mount] = "mount namespaces (user.max_mnt_namespaces) and tmpfs (CONFIG_TMPFS)",
	[ESC_LAYER_network] = "network namespaces (CONFIG_NET_NS, user.max_net_namespaces)",
	[ESC_LAYER_ipc] = "IPC namespaces (CONFIG_IPC_NS, user.max_ipc_namespaces)",
	[ESC_LAYER_pid] = "PID namespaces (CONFIG_PID_NS, user.max_pid_namespaces)",
	[ESC_LAYER_uts] = "UTS namespaces (CONFIG_UTS_NS, user.max_uts_namespaces)",
	[ESC_LAYER_landlock] = "Landlock (CONFIG_SECURITY_LANDLOCK, and landlock in lsm=)",
	[ESC_LAYER_limits] = "resource limits that may be lowered",
	[ESC_LAYER_memory] = "CAP_IPC_LOCK, and as much free memory",
	[ESC_LAYER_wx] = "Linux 6.3 (PR_SET_MDWE), or the layer seccomp",
	[ESC_LAYER_seccomp] = "seccomp filters (CONFIG_SECCOMP_FILTER)",
};

static int explain(struct box *b, size_t i, int error, char why[ESC_SANDBOX_WHY])
{
	enum esc_layer layer = steps[i].layer;
	const struct esc_layer_info *info = &esc_layer_info[layer];
	int n = snprintf(why, ESC_SANDBOX_WHY, "sandbox layer %s: %s", info->name, steps[i].what);

	if (layer == ESC_LAYER_user)
		n += snprintf(why + n, ESC_SANDBOX_WHY - (size_t)n, " (uid %u, gid %u)", b->uid,
			      b->gid);
	n += snprintf(why + n, ESC_SANDBOX_WHY - (size_t)n, ": %s",
		      *b->detail ? b->detail : strerror(error));
	if (info->waivable)
		snprintf(why + n, ESC_SANDBOX_WHY - (size_t)n,
			 ". It needs %s. Without that, only Sandbox = %s under [Node] starts the "
			 "node, with less protection",
			 needs[layer], info->name);
	return -error;
}

int esc_sandbox_enter(const struct esc_sandbox *s, uint32_t *layers, char why[ESC_SANDBOX_WHY])
{
	struct box b = {
		.want = s,
		.uid = s->uid,
		.gid = s->gid,
		.layers = esc_layers_expected(s->waived),
	};

	if (geteuid() && !s->uid && !s->gid) {
		b.stay = true;
		b.uid = geteuid();
		b.gid = getegid();
	}
	if (!b.uid || !b.gid) {
		snprintf(why, ESC_SANDBOX_WHY, "user or group 0 is not one to become");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!box_has(&b, steps[i].layer))
			continue;
		errno = 0;
		if (steps[i].step(&b))
			return explain(&b, i, errno ? errno : EPERM, why);
	}
	*layers = b.layers;
	return 0;
}
