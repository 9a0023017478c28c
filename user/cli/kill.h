/* SPDX-License-Identifier: BSD-2-Clause */
/* kill.h: ends a node that does not answer. */
#ifndef ESC_CLI_KILL_H
#define ESC_CLI_KILL_H

#include <sys/types.h>

/*
 * SIGKILL to a process and all that descend from it, the ancestor first so that it starts no
 * others; returns when they have ended. 0; -ETIMEDOUT after two seconds; other -errno.
 */
int cli_kill_tree(pid_t pid);

#endif
