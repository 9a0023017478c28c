/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp.h: a filter of system calls out of a table: one row per use of a call, with what its
 * arguments have to be and why it is there. Everything that no row allows ends the process.
 */
#ifndef ESC_PROC_SECCOMP_H
#define ESC_PROC_SECCOMP_H

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define ESC_CALL_ARGS 6

struct esc_call {
	int call;	 /* SCMP_SYS(name) */
	const char *why; /* for people */
	int refuse;	 /* errno that the caller gets; 0: the call is allowed */
	unsigned int conditions;
	struct scmp_arg_cmp arg[ESC_CALL_ARGS];
};

/*
 * An int argument is 32 bits of a register whose upper half is anybody's: they are masked. The
 * others are compared whole.
 */
#define ESC_ARG_INT(n, value)                                                                      \
	{                                                                                          \
		(n), SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value)                             \
	}
#define ESC_ARG_IS(n, value)                                                                       \
	{                                                                                          \
		(n), SCMP_CMP_EQ, (value), 0                                                       \
	}
#define ESC_ARG_MAX(n, value)                                                                      \
	{                                                                                          \
		(n), SCMP_CMP_LE, (value), 0                                                       \
	}

struct esc_filter;

/* NULL: out of memory. */
struct esc_filter *esc_filter_new(void);
void esc_filter_free(struct esc_filter *f);

/* The rows that come first are looked up first. 0 or -errno. */
int esc_filter_add(struct esc_filter *f, const struct esc_call *row);

/* Needs no_new_privs. 0 or -errno; -ENOSYS or -EINVAL: not with this kernel. */
int esc_filter_load(struct esc_filter *f);

#endif
