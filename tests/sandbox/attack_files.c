/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks on files: read, list, make, change, and what a held descriptor may lead to. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "attack.h"

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int open_passwd(const struct target *t)
{
	(void)t;
	return try_open("/etc/passwd", O_RDONLY);
}

static int open_key(const struct target *t)
{
	return try_open(t->key, O_RDONLY);
}

static int open_own_memory(const struct target *t)
{
	(void)t;
	return try_open("/proc/self/mem", O_RDWR);
}

static int open_init_environ(const struct target *t)
{
	(void)t;
	return try_open("/proc/1/environ", O_RDONLY);
}

static int open_own_program(const struct target *t)
{
	(void)t;
	return try_open("/proc/self/exe", O_RDONLY);
}

static int open_device(const struct target *t)
{
	(void)t;
	return try_open("/dev/mem", O_RDWR) ? try_open("/dev/zero", O_RDWR) : 0;
}

/* The root that was left behind must not be reachable from the working directory. */
static int open_parent(const struct target *t)
{
	char path[64];
	int err = ENOENT;

	(void)t;
	for (int up = 0; up < 8 && err; up++) {
		snprintf(path, sizeof(path), "%.*setc/passwd", 3 * up, "../../../../../../../../");
		err = try_open(path, O_RDONLY);
	}
	return err;
}

/* A descriptor that were a directory would be a way out. */
static int open_below_held(const struct target *t)
{
	int err = 0;

	(void)t;
	for (int held = 0; held < FDS; held++) {
		int fd = openat(held, "..", O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			return 0;
		err = errno;
	}
	return err;
}

/* In a directory that everybody may write to; each process of each node its own. */
static const char *own_path(const struct target *t)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/esclusa-attack-%s-%s", t->node, t->domain);
	return path;
}

static int create_file(const struct target *t)
{
	int err = try_open(own_path(t), O_WRONLY | O_CREAT);

	if (!err)
		unlink(own_path(t));
	return err;
}

static int create_in_root(const struct target *t)
{
	(void)t;
	return try_open("/esclusa-attack", O_WRONLY | O_CREAT);
}

static int make_directory(const struct target *t)
{
	int err = TRIED(mkdir(own_path(t), 0700));

	if (!err)
		rmdir(own_path(t));
	return err;
}

static int make_link(const struct target *t)
{
	int err = TRIED(symlink("/etc/shadow", own_path(t)));

	if (!err)
		unlink(own_path(t));
	return err;
}

static int create_unnamed(const struct target *t)
{
	(void)t;
	return try_open("/tmp", O_WRONLY | O_TMPFILE);
}

/* What is there to be seen? An empty root is nothing. */
static int list_root(const struct target *t)
{
	char entries[4096];
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)t;
	if (fd < 0)
		return errno;
	long n = syscall(SYS_getdents64, fd, entries, sizeof(entries));
	int err = n < 0 ? errno : n <= 48 ? ENOENT : 0; /* "." and ".." */
	close(fd);
	return err;
}

static int stat_passwd(const struct target *t)
{
	struct stat st;

	(void)t;
	return TRIED(stat("/etc/passwd", &st));
}

static int read_own_link(const struct target *t)
{
	char path[256];

	(void)t;
	return TRIED(readlink("/proc/self/exe", path, sizeof(path)));
}

static int file_system_facts(const struct target *t)
{
	struct statfs fs;

	(void)t;
	return TRIED(statfs("/etc", &fs));
}

static int handle_of_path(const struct target *t)
{
	struct {
		struct file_handle h;
		char bytes[128];
	} handle = {.h.handle_bytes = 128};
	int mount;

	(void)t;
	return TRIED(name_to_handle_at(AT_FDCWD, "/etc/passwd", &handle.h, &mount, 0));
}

/* CAP_DAC_READ_SEARCH would open any inode of a file system by its number. */
static int open_by_handle(const struct target *t)
{
	struct {
		struct file_handle h;
		char bytes[8];
	} handle = {.h = {.handle_bytes = 8, .handle_type = 1}};

	(void)t;
	return TRIED(open_by_handle_at(AT_FDCWD, &handle.h, O_RDONLY));
}

/* A memory that shrinks under the other process would kill it. */
static int shrink_shared(const struct target *t)
{
	(void)t;
	return TRIED(ftruncate(ESC_FD_LINK, 0));
}

static int seal_shared(const struct target *t)
{
	(void)t;
	return TRIED(fcntl(ESC_FD_LINK, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
}

/* The bells are open files that both processes share: without O_NONBLOCK the other one hangs. */
static int block_bells(const struct target *t)
{
	(void)t;
	return TRIED(fcntl(ESC_FD_CRYPTO_WAKE, F_SETFL, 0));
}

static int watch_files(const struct target *t)
{
	(void)t;
	int fd = inotify_init1(IN_CLOEXEC);
	return fd < 0 ? errno : TRIED(inotify_add_watch(fd, "/etc", IN_ACCESS));
}

const struct attack attacks_on_files[] = {
	{.name = "open_passwd", .run = open_passwd},
	{.name = "open_key", .run = open_key},
	{.name = "open_own_memory", .run = open_own_memory},
	{.name = "open_init_environ", .run = open_init_environ},
	{.name = "open_own_program", .run = open_own_program},
	{.name = "open_device", .run = open_device},
	{.name = "open_parent", .run = open_parent},
	{.name = "open_below_held", .run = open_below_held},
	{.name = "create_file", .run = create_file},
	{.name = "create_in_root", .run = create_in_root},
	{.name = "make_directory", .run = make_directory},
	{.name = "make_link", .run = make_link},
	{.name = "create_unnamed", .run = create_unnamed},
	{.name = "list_root", .run = list_root},
	{.name = "stat_passwd", .run = stat_passwd},
	{.name = "read_own_link", .run = read_own_link},
	{.name = "file_system_facts", .run = file_system_facts},
	{.name = "handle_of_path", .run = handle_of_path},
	{.name = "open_by_handle", .run = open_by_handle},
	{.name = "shrink_shared", .run = shrink_shared},
	{.name = "seal_shared", .run = seal_shared},
	{.name = "block_bells", .run = block_bells},
	{.name = "watch_files", .run = watch_files},
	CALL("make_node", SYS_mknodat, AT_FDCWD, P("/esclusa-attack"), S_IFCHR | 0600, 0x101),
	CALL("remove_file", SYS_unlinkat, AT_FDCWD, P("/etc/hostname"), 0),
	CALL("change_mode", SYS_fchmodat, AT_FDCWD, P("/etc/passwd"), 0666),
	CALL("change_owner", SYS_fchownat, AT_FDCWD, P("/etc/passwd"), 65532, 65532, 0),
	CALL("truncate_path", SYS_truncate, P("/etc/passwd"), 1000000),
	CALL("working_directory", SYS_chdir, P("/etc")),
	{0},
};
