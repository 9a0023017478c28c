/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *esc_run_path(char path[ESC_RUN_PATH_MAX], const char *dir, const char *node,
		   const char *suffix)
{
	snprintf(path, ESC_RUN_PATH_MAX, "%s/%s.%s", dir, node, suffix);
	return path;
}

static pid_t read_owner(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Between opening and locking, an instance that stops may have removed the file. */
static bool is_current(int fd, const char *path)
{
	struct stat mine, there;

	return !fstat(fd, &mine) && !stat(path, &there) && mine.st_ino == there.st_ino &&
	       mine.st_dev == there.st_dev;
}

static int write_owner(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	return ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n ? -EIO : 0;
}

int esc_run_dir(const char *dir)
{
	if (mkdir(dir, 0755))
		return errno == EEXIST ? 0 : -errno;
	return chmod(dir, 0755) ? -errno : 0; /* whatever the umask is */
}

int esc_lock(const char *node, pid_t *owner)
{
	char path[ESC_RUN_PATH_MAX];

	*owner = 0;
	esc_run_path(path, ESC_RUN_DIR, node, "lock");
	for (;;) {
		int err = esc_run_dir(ESC_RUN_DIR);
		if (err && err != -ENOENT)
			return err;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0 && errno == ENOENT)
			continue; /* the folder went with the last instance */
		if (fd < 0)
			return -errno;
		err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
		if (err == -EWOULDBLOCK) {
			*owner = read_owner(fd);
			err = -EBUSY;
		}
		bool current = !err && is_current(fd, path);
		if (current)
			err = write_owner(fd);
		if (current && !err)
			return fd;
		close(fd);
		if (err)
			return err;
	}
}

void esc_unlock(const char *node, int fd)
{
	char path[ESC_RUN_PATH_MAX];

	if (fd < 0)
		return;
	unlink(esc_run_path(path, ESC_RUN_DIR, node, "lock"));
	rmdir(ESC_RUN_DIR);
	close(fd);
}
