/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockdown.h: control's own, smaller sandbox (R2, R6, R9). Control stays root, loads BPF, and,
 *where it has no launcher (launch.h), starts the packet processes; so it cannot be as locked in as
 *they are. But it needs few capabilities, no network socket, and no way into another process:
 *
 *	capabilities	those of a table in lockdown.c, one reason each; the bounding set too
 *	privileges	no_new_privs, and a session keyring of its own, without keys
 *	dump		not dumpable, no core file
 *	memory		locked, as it may hold keys		(Sandbox = memory waives it)
 *	seccomp		the system calls of calls.c		(Sandbox = seccomp waives it)
 *
 * Whatever control starts inherits all of it and adds its own. Landlock is not among them: a
 * process under it may not mount, and neither may its children, which exchange their root.
 */
#ifndef ESC_CONTROL_LOCKDOWN_H
#define ESC_CONTROL_LOCKDOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/sandbox.h"

#define ESC_LOCKDOWN_WHY 320

#define ESC_LOCKDOWN_LAYERS                                                                        \
	(ESC_LAYER_BIT(ESC_LAYER_privileges) | ESC_LAYER_BIT(ESC_LAYER_dump) |                     \
	 ESC_LAYER_BIT(ESC_LAYER_memory) | ESC_LAYER_BIT(ESC_LAYER_seccomp))

/*
 * Enter it, for good: after the arguments were read, before the first packet process is started.
 * 0, and in *layers what is in force (ESC_LAYER_BITs); or -errno, with what failed and what to do
 * in why[]: then the process is half locked in and must end. Needs root, one thread.
 */
int esc_lockdown(uint32_t waived, uint32_t *layers, char why[ESC_LOCKDOWN_WHY]);

/*
 * calls.c: the filter of system calls; starts: with those that start packet processes and that
 * these lock themselves in with. 0 or -errno. Needs no_new_privs.
 */
int esc_calls_load(bool starts);

#endif
