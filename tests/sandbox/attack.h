/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attack.h: what someone who owns a packet process might try. Each attack is run inside red or
 * crypto after the sandbox is complete; tests/sandbox/attacks.table says what must stop it, with
 * all layers and with some of them waived.
 */
#ifndef ESC_SANDBOX_ATTACK_H
#define ESC_SANDBOX_ATTACK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/fds.h"

/* Descriptors of a packet process with one queue. */
#define FDS (ESC_FD_XSK + 1)

struct target {
	char domain[8];	   /* red or crypto */
	char node[16];	   /* the node's name */
	char key[256];	   /* path of the file with the node's private key */
	char abstract[32]; /* name of an abstract UNIX socket that somebody listens on */
};

/* Either a function: 0 = it worked, else the errno that stopped it; or one system call. */
struct attack {
	const char *name;
	int (*run)(const struct target *t);
	long call;
	long arg[6];
};

#define CALL(name, number, ...)                                                                    \
	{                                                                                          \
		name, NULL, number,                                                                \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define P(pointer) ((long)(pointer))

/* 0, or errno, of a call that returns -1 on failure. */
#define TRIED(call) ((call) < 0 ? errno : 0)

/* Ended by one without a name. */
extern const struct attack attacks_on_files[], attacks_on_network[], attacks_on_processes[],
	attacks_on_memory[], attacks_on_privileges[], attacks_on_kernel[];

/* hook.c: a line in the node's log, the way that a packet process has. */
void attack_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What the environment says. false: nothing. */
bool attack_word(const char *key, char *value, size_t size);

#endif
