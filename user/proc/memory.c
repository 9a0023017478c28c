/* SPDX-License-Identifier: BSD-2-Clause */
/* What memory the process has, and that it gets no other: locked, bounded, never executable. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proc/steps.h"

#ifndef PR_SET_MDWE /* Linux 6.3 */
#define PR_SET_MDWE		 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define STACK_SIZE ((size_t)512 << 10)

/* What libseccomp makes a filter out of (measured: 0.3 MiB for 16 queues; it crashes without). */
#define FILTER_SIZE ((size_t)2 << 20)

/* Room for libraries to breathe when memory may still be added. */
#define SLACK ((rlim_t)32 << 20)

struct mapping {
	uintptr_t start, end;
	const char *rights; /* "rwxp" */
};

/* "7f0c00000000-7f0c00021000 rw-p 00000000 ..." (proc_pid_maps(5)) */
static bool parse(char *line, struct mapping *m)
{
	char *at = line;

	m->start = strtoumax(at, &at, 16);
	if (*at++ != '-')
		return false;
	m->end = strtoumax(at, &at, 16);
	m->rights = at + 1;
	return *at == ' ' && strlen(m->rights) >= 4;
}

/* visit() every mapping: 0, or the first -1 of its. */
static int each_mapping(int (*visit)(struct box *b, const struct mapping *m), struct box *b)
{
	struct mapping m;
	char *line = NULL;
	size_t size = 0;
	int err = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	if (!f)
		return -1;
	while (!err && getline(&line, &size, f) > 0)
		err = parse(line, &m) ? visit(b, &m) : -1;
	free(line);
	fclose(f);
	return err;
}

/* --- locked ------------------------------------------------------------------------------- */

/* malloc takes from what brk gave before, and never gives any of it back. */
static int grow_heap(size_t size)
{
	if (!mallopt(M_ARENA_MAX, 1) || !mallopt(M_MMAP_MAX, 0) || !mallopt(M_TRIM_THRESHOLD, -1))
		return -1;
	void *p = malloc(size);
	if (!p)
		return -1;
	free(p);
	return 0;
}

/* A locked stack does not grow without the right to lock more: it has to have its size before. */
__attribute__((noinline)) static void grow_stack(void)
{
	volatile char stack[STACK_SIZE];

	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
}

static int leave_out_of_dumps(struct box *b, const struct mapping *m)
{
	(void)b;
	if (m->rights[1] != 'w')
		return 0;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): that is what the file has */
	return madvise((void *)m->start, m->end - m->start, MADV_DONTDUMP);
}

/*
 * MCL_FUTURE and a limit of 0: once CAP_IPC_LOCK is gone no mapping can be added, since it would
 * have to be locked. What a fork would inherit needs no care: there is none.
 */
int step_memory(struct box *b)
{
	const struct rlimit none = {0, 0};

	if (grow_heap(b->want->heap + FILTER_SIZE))
		return -1;
	grow_stack();
	if (each_mapping(leave_out_of_dumps, b))
		return -1;
	if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
		snprintf(b->detail, sizeof(b->detail), "locking all memory: %s", strerror(errno));
		return -1;
	}
	return setrlimit(RLIMIT_MEMLOCK, &none);
}

int step_no_memory(struct box *b)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 0;
	munmap(p, 4096);
	snprintf(b->detail, sizeof(b->detail), "there is still memory to be had");
	errno = EPERM;
	return -1;
}

/* --- bounded ------------------------------------------------------------------------------ */

int step_address_space(struct box *b)
{
	char line[64] = "";
	FILE *f = fopen("/proc/self/statm", "re"); /* proc_pid_statm(5): pages, first of all */

	if (!f)
		return -1;
	rlim_t size = fgets(line, sizeof(line), f) ? strtoumax(line, NULL, 10) : 0;
	fclose(f);
	if (!size) {
		snprintf(b->detail, sizeof(b->detail), "/proc/self/statm does not say how large");
		return -1;
	}
	size *= (rlim_t)sysconf(_SC_PAGESIZE);
	if (!box_has(b, ESC_LAYER_memory))
		size += b->want->heap + FILTER_SIZE + SLACK;
	return setrlimit(RLIMIT_AS, &(struct rlimit){size, size});
}

/* --- never executable --------------------------------------------------------------------- */

static int not_both(struct box *b, const struct mapping *m)
{
	if (m->rights[1] != 'w' || m->rights[2] != 'x')
		return 0;
	snprintf(b->detail, sizeof(b->detail), "memory at %" PRIxPTR " is writable and executable",
		 m->start);
	errno = EPERM;
	return -1;
}

int step_wx(struct box *b)
{
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) &&
	    !(errno == EINVAL && box_has(b, ESC_LAYER_seccomp))) /* its policy has no PROT_EXEC */
		return -1;
	return each_mapping(not_both, b);
}
