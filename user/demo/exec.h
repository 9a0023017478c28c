/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.h: other programs, in namespaces, without a shell. A command is a format whose words are
 * separated by single blanks; no word is ever quoted, so nothing that a person typed may be in it.
 *
 * Ctrl-C and TERM are seen only here: they end the command that is being waited for, and every
 * later one returns -EINTR until exec_cleaning() says that what follows must run to its end.
 * One thread. Needs root where a namespace is named.
 */
#ifndef ESC_DEMO_EXEC_H
#define ESC_DEMO_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Start to watch for signals. 0 or -errno. */
int exec_init(void);
bool exec_interrupted(void);
void exec_cleaning(void);

/* Is there such a program in PATH (or a system directory that PATH often lacks)? */
bool exec_have(const char *program);

struct exec_job {
	pid_t pid; /* 0: none */
	bool survive;
};

/*
 * Start a command with its output in the file `log` (NULL: /dev/null), in the namespace ns (NULL:
 * this one). survive: it goes on when this process dies. 0 or -errno.
 */
__attribute__((format(printf, 4, 5))) int exec_start(struct exec_job *job, const char *ns,
						     const char *log, const char *fmt, ...);

/* The same for a function of this program; its result is the exit code. */
int exec_fork(struct exec_job *job, const char *ns, int (*run)(const void *arg), const void *arg);

/* Exit status (128 + n for a signal), -ETIMEDOUT after killing it, or -EINTR likewise. */
int exec_wait(struct exec_job *job, unsigned int ms);
bool exec_running(struct exec_job *job);
/* TERM, and KILL after a while. Exit status or -errno; fine when there is no job. */
int exec_stop(struct exec_job *job);

/* Run a command to its end; its output, cut to size, as a string in out (NULL: not wanted). */
__attribute__((format(printf, 4, 5))) int exec_run(const char *ns, char *out, size_t size,
						   const char *fmt, ...);

/* 0 or -EINTR. */
int exec_sleep(unsigned int ms);

/* Read a whole file, cut to size, as a string. 0 or -errno. */
int exec_read(const char *path, char *out, size_t size);

#endif
