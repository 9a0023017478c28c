/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret.h: how a secret gets into a process: from a person at a terminal, from a line of standard
 * input, from a file. It is only ever in guarded memory; no buffer of stdio sees it.
 */
#ifndef ESC_KEYSTORE_SECRET_H
#define ESC_KEYSTORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "keystore/keystore.h"

struct esc_secret {
	size_t len;
	char bytes[ESC_CREDENTIAL_MAX];
};

/*
 * For a process that handles secrets: no core file, no tracing by others of its user; and, if it
 * has the right to lock as much as Argon2id needs, no page of it on a swap device, now or later.
 * mlockall(MCL_CURRENT) ends the "later".
 */
void esc_secret_guard_process(void);

struct esc_secret *esc_secret_new(void);    /* empty; NULL: out of memory */
void esc_secret_free(struct esc_secret *s); /* wipes; NULL is fine */

/*
 * Ask at a terminal: write the prompt, read a line without echo. A signal that ends the process
 * (Ctrl-C, SIGTERM, SIGHUP, SIGQUIT) does so after the terminal echoes again. 0, -EMSGSIZE (too
 * long), -EINTR (the caller has a handler for such a signal), -ENOTTY, other
 * -errno. End of file is an empty line.
 */
int esc_secret_ask(struct esc_secret *s, int fd, const char *prompt);

/* One line, without its end, leaving the next ones to be read. 0, -ENODATA (end of file),
 * -EMSGSIZE. */
int esc_secret_line(struct esc_secret *s, int fd);

/*
 * A whole file. line: it holds one line, whose end is not part of the secret. 0; -EPERM: others
 * may read it; -EMSGSIZE; -EINVAL: more than one line, or a NUL in it; errors of open and read.
 */
int esc_secret_file(struct esc_secret *s, const char *path, bool line);

#endif
