/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keyfile.h: a node's configuration file as `esclusa zeroize` sees it: where the keys in it are.
 * Unlike control/config.h it takes what it can from a file with mistakes, for it may be urgent.
 */
#ifndef ESC_CLI_KEYFILE_H
#define ESC_CLI_KEYFILE_H

#include "control/model.h"

struct cli_keyfile {
	char name[ESC_NAME_MAX + 1];
	char keystore[ESC_PATH_MAX + 1]; /* "" = none */
	char state[ESC_PATH_MAX + 1];
	char audit[ESC_PATH_MAX + 1]; /* "" = in state */
	unsigned int keys;	      /* PrivateKey and PresharedKey, also in comments */
};

/* 0 or -errno. Needs sodium_init(). */
int cli_keyfile_read(const char *path, struct cli_keyfile *k);

/*
 * Write '*' over every key, in place, and sync: 0, and k->keys is how many; or -errno, when some
 * may be left. What the file system, snapshots, backups or flash kept of the old bytes is out of
 * reach.
 */
int cli_keyfile_overwrite(const char *path, struct cli_keyfile *k);

#endif
