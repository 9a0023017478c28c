/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h: the node's file: WireGuard's own format ([Interface], [Peer]) with sections [Node],
 * [Guard], [Split] and [Firewall].
 * Every mistake of a file is reported (up to ESC_CONFIG_ERRORS_MAX) as "FILE:LINE: message" with
 * the offending word and what was expected; values of key material are never quoted.
 */
#ifndef ESC_CONTROL_CONFIG_H
#define ESC_CONTROL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "control/model.h"

#define ESC_CONFIG_ERRORS_MAX 20u
#define ESC_CONFIG_SIZE_MAX   (4u << 20)
#define ESC_CONFIG_LINE_MAX   4096u

/*
 * Reads a regular file. 0 and *m (the caller's, esc_model_free); or the exit code after writing
 * why to err: 1 the file cannot be read, 2 its type, permissions or contents are wrong.
 * Needs sodium_init(). It looks at nothing but the file: no NIC, no user, no key store.
 */
int esc_config_load(const char *path, FILE *err, struct esc_model **m);

/*
 * The same from memory. file: the name for messages, whose base name is the default node name.
 * exposed: others than the owner can read the file, so a key in it is an error.
 */
int esc_config_parse(const char *file, const char *text, size_t len, bool exposed, FILE *err,
		     struct esc_model **m);

#endif
