/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime.h: what a running node has in the file system: /run/esclusa/NAME.lock (one instance per
 * name, holds its process id) and NAME.sock (status). Files that a dead instance left are taken
 * over.
 */
#ifndef ESC_CONTROL_RUNTIME_H
#define ESC_CONTROL_RUNTIME_H

#include <sys/types.h>

#define ESC_RUN_DIR	 "/run/esclusa"
#define ESC_WG_DIR	 "/var/run/wireguard"
#define ESC_RUN_PATH_MAX 64

/* First byte of an answer on NAME.sock that says why there is no other. */
#define ESC_REFUSED '!'

/* "DIR/NAME.SUFFIX". Returns path. */
char *esc_run_path(char path[ESC_RUN_PATH_MAX], const char *dir, const char *node,
		   const char *suffix);

/* Make the folder, for all to look into; one that is there stays as it is. 0 or -errno. */
int esc_run_dir(const char *dir);

/*
 * Take the node's lock, making the folder. The lock's descriptor; -EBUSY when *owner runs it
 * (0: not known); other -errno.
 */
int esc_lock(const char *node, pid_t *owner);
/* Remove the lock file, and the folder when it is empty. */
void esc_unlock(const char *node, int fd);

#endif
