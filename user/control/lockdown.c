/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/lockdown.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/keyctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/launch.h"

/*
 * What control cannot do without; and, where it starts the packet processes itself (no launcher),
 * what they cannot do without. All others go for ever.
 */
enum who { CONTROL, PROCESSES };

static const struct {
	unsigned int cap;
	enum who who;
	const char *why;
} kept[] = {
	{CAP_BPF, CONTROL, "load the programs, make and change their maps"},
	{CAP_PERFMON, CONTROL, "programs with bounded loops over packets"},
	{CAP_NET_ADMIN, CONTROL, "attach XDP and the egress guard, keep neighbours resolved"},
	{CAP_NET_RAW, CONTROL, "make AF_XDP sockets"},
	{CAP_IPC_LOCK, CONTROL, "lock packet memory and keys"},
	{CAP_KILL, CONTROL, "end processes that hang, and are other users"},
	{CAP_SYS_ADMIN, PROCESSES, "namespaces and an empty root; the BPF file system"},
	{CAP_SETUID, PROCESSES, "a user of its own"},
	{CAP_SETGID, PROCESSES, "groups of its own"},
	{CAP_SETPCAP, PROCESSES, "an empty bounding set"},
};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

static int no_core(void)
{
	return setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* On fault: what was never touched holds nothing, and costs nothing. */
static int locked_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

static bool is_kept(unsigned int cap)
{
	for (size_t i = 0; i < KEPT; i++) {
		if (kept[i].cap == cap)
			return kept[i].who == CONTROL || !esc_launch_wanted();
	}
	return false;
}

/* What a container did not give cannot be kept; who needs it says so then. */
static int few_capabilities(void)
{
	capng_select_t which = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
	bool had[KEPT];
	int bounds = 0;

	if (capng_get_caps_process())
		return -1;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		bounds += capng_have_capability(CAPNG_BOUNDING_SET, cap);
	for (size_t i = 0; i < KEPT; i++) {
		had[i] =
			is_kept(kept[i].cap) && capng_have_capability(CAPNG_PERMITTED, kept[i].cap);
		bounds -= had[i] && capng_have_capability(CAPNG_BOUNDING_SET, kept[i].cap);
	}
	if (bounds) /* else it is as small already, as in a unit of systemd */
		which |= CAPNG_SELECT_BOUNDS;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < KEPT; i++) {
		if (had[i] &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				 kept[i].cap))
			return -1;
	}
	return capng_apply(which) ? -1 : 0;
}

/* Who started the node may have keys in the session's keyring, and what control starts inherits it.
 */
static int no_session_keys(void)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS ? -1
											     : 0;
}

static int no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int not_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int few_calls(void)
{
	int err = esc_calls_load(!esc_launch_wanted());

	errno = -err;
	return err ? -1 : 0;
}

static int verify(void)
{
	errno = EPERM;
	if (capng_get_caps_process())
		return -1;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!is_kept(cap) && (capng_have_capability(CAPNG_EFFECTIVE, cap) ||
				      capng_have_capability(CAPNG_PERMITTED, cap) ||
				      capng_have_capability(CAPNG_INHERITABLE, cap) ||
				      capng_have_capability(CAPNG_BOUNDING_SET, cap) ||
				      capng_have_capability(CAPNG_AMBIENT, cap)))
			return -1;
	}
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

/* A filter that lets this through protects nothing. */
static int verify_calls(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EPERM)
		return 0;
	if (fd >= 0)
		close(fd);
	errno = EPERM;
	return -1;
}

/*
 * The order: the bounding set shrinks while there is CAP_SETPCAP; the filter needs no_new_privs,
 * and comes last because it refuses what others do.
 */
static const struct {
	enum esc_layer layer;
	const char *what, *needs;
	int (*step)(void);
} steps[] = {
	{ESC_LAYER_dump, "no core file", "", no_core},
	{ESC_LAYER_memory, "locked memory", "CAP_IPC_LOCK", locked_memory},
	{ESC_LAYER_privileges, "few capabilities", "CAP_SETPCAP", few_capabilities},
	{ESC_LAYER_privileges, "no keys of the session", "", no_session_keys},
	{ESC_LAYER_privileges, "no_new_privs", "", no_new_privs},
	{ESC_LAYER_dump, "not dumpable", "", not_dumpable},
	{ESC_LAYER_privileges, "no way back", "CAP_SETPCAP", verify},
	{ESC_LAYER_seccomp, "filter of system calls", "seccomp filters (CONFIG_SECCOMP_FILTER)",
	 few_calls},
	{ESC_LAYER_seccomp, "no network socket", "seccomp filters that work", verify_calls},
};

static int explain(size_t i, int error, char why[ESC_LOCKDOWN_WHY])
{
	const struct esc_layer_info *info = &esc_layer_info[steps[i].layer];
	int n = snprintf(why, ESC_LOCKDOWN_WHY, "sandbox layer %s of control: %s: %s", info->name,
			 steps[i].what, strerror(error));

	if (*steps[i].needs)
		n += snprintf(why + n, ESC_LOCKDOWN_WHY - (size_t)n, ". It needs %s",
			      steps[i].needs);
	if (info->waivable)
		snprintf(why + n, ESC_LOCKDOWN_WHY - (size_t)n,
			 ". Without that, only Sandbox = %s under [Node] starts the node, with "
			 "less protection",
			 info->name);
	return -error;
}

int esc_lockdown(uint32_t waived, uint32_t *layers, char why[ESC_LOCKDOWN_WHY])
{
	*layers = 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint32_t bit = ESC_LAYER_BIT(steps[i].layer);

		if (esc_layer_info[steps[i].layer].waivable && waived & bit)
			continue;
		errno = 0;
		if (steps[i].step())
			return explain(i, errno ? errno : EPERM, why);
		*layers |= bit;
	}
	return 0;
}
