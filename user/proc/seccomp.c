/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/seccomp.h"

#include <errno.h>
#include <stdlib.h>

struct esc_filter {
	scmp_filter_ctx ctx;
	uint8_t priority; /* of the next call: a filter is a chain of comparisons */
};

struct esc_filter *esc_filter_new(void)
{
	struct esc_filter *f = malloc(sizeof(*f));

	if (!f)
		return NULL;
	f->priority = UINT8_MAX;
	f->ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	/* no_new_privs is a layer of its own, set and verified before */
	if (!f->ctx || seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) ||
	    seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_NNP, 0)) {
		esc_filter_free(f);
		return NULL;
	}
	return f;
}

void esc_filter_free(struct esc_filter *f)
{
	if (f && f->ctx)
		seccomp_release(f->ctx);
	free(f);
}

int esc_filter_add(struct esc_filter *f, const struct esc_call *row)
{
	uint32_t action =
		row->refuse ? SCMP_ACT_ERRNO((uint32_t)row->refuse) : (uint32_t)SCMP_ACT_ALLOW;
	int err = seccomp_syscall_priority(f->ctx, row->call, f->priority);

	if (f->priority)
		f->priority--;
	return err ? err
		   : seccomp_rule_add_exact_array(f->ctx, action, row->call, row->conditions,
						  row->arg);
}

int esc_filter_load(struct esc_filter *f)
{
	return seccomp_load(f->ctx);
}
