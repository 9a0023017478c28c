/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by memory: all of it, executable, of the other domain, of other processes. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "attack.h"

/* More than any packet process may ever have; what a machine could miss. */
#define TOO_MUCH ((size_t)4 << 30)
#define STEP	 ((size_t)16 << 20)

static int all_by_mmap(const struct target *t)
{
	size_t got;
	char *last = NULL;
	int err = 0;

	(void)t;
	for (got = 0; got < TOO_MUCH && !err; got += STEP) {
		char *p = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p == MAP_FAILED) {
			err = errno;
			break;
		}
		*(char **)p = last; /* a list of what is to be given back */
		last = p;
	}
	while (last) {
		char *next = *(char **)last;

		munmap(last, STEP);
		last = next;
	}
	return err;
}

static int all_by_brk(const struct target *t)
{
	char *start = (char *)syscall(SYS_brk, 0), *want = start;

	(void)t;
	do {
		want += STEP;
		if ((char *)syscall(SYS_brk, want) != want) {
			syscall(SYS_brk, start);
			return ENOMEM; /* brk() itself says nothing */
		}
	} while ((size_t)(want - start) < TOO_MUCH);
	syscall(SYS_brk, start);
	return 0;
}

static int all_by_malloc(const struct target *t)
{
	size_t got;
	void **last = NULL;
	int err = 0;

	(void)t;
	for (got = 0; got < TOO_MUCH; got += STEP / 16) {
		void **p = malloc(STEP / 16);

		if (!p) {
			err = errno;
			break;
		}
		*p = (void *)last;
		last = p;
	}
	while (last) {
		void **next = *last;

		free(last);
		last = next;
	}
	return err;
}

/* A page that was written and is then run: harmless code, "ret". */
static int map_exec(const struct target *t)
{
	(void)t;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (p == MAP_FAILED)
		return errno;
	munmap(p, 4096);
	return 0;
}

static char page[4096] __attribute__((aligned(4096))) = {(char)0xc3};

static int protect_exec(const struct target *t)
{
	(void)t;
	int err = TRIED(mprotect(page, sizeof(page), PROT_READ | PROT_EXEC));
	if (!err)
		mprotect(page, sizeof(page), PROT_READ | PROT_WRITE);
	return err;
}

static int protect_key_exec(const struct target *t)
{
	(void)t;
	int err = TRIED(syscall(SYS_pkey_mprotect, page, sizeof(page), PROT_READ | PROT_EXEC, -1));
	if (!err)
		mprotect(page, sizeof(page), PROT_READ | PROT_WRITE);
	return err;
}

/* Written through one mapping, run through the other. */
static int map_shared_exec(const struct target *t)
{
	(void)t;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, ESC_FD_STATUS, 0);
	if (p == MAP_FAILED)
		return errno;
	munmap(p, 4096);
	return 0;
}

static int write_code(const struct target *t)
{
	uintptr_t code = (uintptr_t)write_code & ~(uintptr_t)4095;

	(void)t;
	int err = TRIED(mprotect((void *)code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
	if (!err)
		mprotect((void *)code, 4096, PROT_READ | PROT_EXEC);
	return err;
}

static int read_implies_exec(const struct target *t)
{
	(void)t;
	return TRIED(syscall(SYS_personality, 0x0400000));
}

/*
 * Any descriptor that leads to a memory which is not this process's: in red, black packet memory;
 * in both, the other's status. What it has by right, its AF_XDP rings too, is no find.
 */
static int map_other_memory(const struct target *t)
{
	const int end = t->domain[0] == 'r' ? ESC_FD_RED_UMEM : ESC_FD_BLACK_UMEM;
	int err = ENOENT;

	for (int fd = 0; fd < 256; fd++) {
		if ((fd >= ESC_FD_STATUS && fd <= end) || fd == ESC_FD_XSK)
			continue;
		void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

		if (p != MAP_FAILED) {
			munmap(p, 4096);
			return 0;
		}
		if (errno != EBADF)
			err = errno;
	}
	return err;
}

/* The same by name. */
static int open_other_memory(const struct target *t)
{
	(void)t;
	int fd = open("/proc/self/fd/7", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	struct stat st;
	int err = TRIED(fstat(fd, &st));
	close(fd);
	/* In red that is /dev/null, in crypto its own. */
	return err ? err : t->domain[0] == 'r' && !S_ISREG(st.st_mode) ? ENXIO : 0;
}

/* System V memory of who started the node (treasure.py), readable by all. */
#define SHM_KEY 0xe5c1

static int attach_shm(const struct target *t)
{
	(void)t;
	int id = shmget(SHM_KEY, 0, 0);
	if (id < 0)
		return errno;
	void *p = shmat(id, NULL, SHM_RDONLY);
	if (p == (void *)-1)
		return errno;
	shmdt(p);
	return 0;
}

/* Let the kernel wait for us in the middle of a copy. */
static int fault_handler(const struct target *t)
{
	(void)t;
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

const struct attack attacks_on_memory[] = {
	{.name = "all_by_mmap", .run = all_by_mmap},
	{.name = "all_by_brk", .run = all_by_brk},
	{.name = "all_by_malloc", .run = all_by_malloc},
	{.name = "map_exec", .run = map_exec},
	{.name = "protect_exec", .run = protect_exec},
	{.name = "protect_key_exec", .run = protect_key_exec},
	{.name = "map_shared_exec", .run = map_shared_exec},
	{.name = "write_code", .run = write_code},
	{.name = "read_implies_exec", .run = read_implies_exec},
	{.name = "map_other_memory", .run = map_other_memory},
	{.name = "open_other_memory", .run = open_other_memory},
	{.name = "attach_shm", .run = attach_shm},
	{.name = "fault_handler", .run = fault_handler},
	CALL("new_memory", SYS_memfd_create, P("attack"), 0),
	CALL("unlock_memory", SYS_munlockall),
	CALL("dump_memory", SYS_madvise, P(page), sizeof(page), MADV_DODUMP),
	CALL("change_mappings", SYS_prctl, 35 /* PR_SET_MM */, 8 /* PR_SET_MM_ARG_START */, 0, 0,
	     0),
	{0},
};
