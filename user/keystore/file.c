/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c: reading, replacing and destroying a key store's file.
 *
 * A save writes PATH.new, fsyncs it, renames it over PATH and fsyncs the directory: a power cut at
 * any point leaves the old or the new file under PATH, whole. PATH.new is also the lock: writers
 * flock() it and then look whether it still has its name. One that was left behind by an
 * interrupted save is never read, and is used up by the next save.
 */
#include "keystore/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMP_SUFFIX ".new"

/* How long another writer, who holds the lock for a few disk writes, is waited for. */
#define LOCK_TRIES   100
#define LOCK_PAUSE_N 20000000

#define OPEN_FLAGS   (O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Where a store is: its directory, open, and names in it. */
struct place {
	int dir;
	char name[NAME_MAX + 1], temp[NAME_MAX + 1];
};

static int open_place(struct place *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char dir[PATH_MAX];

	if (!*name || strlen(name) + strlen(TEMP_SUFFIX) > NAME_MAX ||
	    (size_t)(name - path) >= sizeof(dir))
		return *name ? -ENAMETOOLONG : -EISDIR;
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->temp, sizeof(p->temp), "%.*s%s", (int)(NAME_MAX - strlen(TEMP_SUFFIX)), name,
		 TEMP_SUFFIX);
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	p->dir = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->dir < 0 ? -errno : 0;
}

/* All of it from the file's beginning; a longer file shows by more than size - 1. -errno. */
static ssize_t read_all(int fd, uint8_t *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, buf + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int write_all(int fd, const uint8_t *buf, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- reading ------------------------------------------------------------------------------- */

static int check_file(int fd, const char *path, char why[ESC_KEYSTORE_WHY])
{
	struct stat st;

	if (fstat(fd, &st)) {
		int err = -errno;

		snprintf(why, ESC_KEYSTORE_WHY, "%s: cannot examine the file: %s", path,
			 strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, ESC_KEYSTORE_WHY, "%s: not a regular file: expected a key store",
			 path);
		return -EINVAL;
	}
	if (st.st_uid && st.st_uid != geteuid()) {
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: the key store belongs to user %u: expected root. If it is the right "
			 "one: chown root %s",
			 path, st.st_uid, path);
		return -EPERM;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: group or others may read or write the key store (mode %04o): "
			 "chmod 600 %s",
			 path, st.st_mode & 07777, path);
		return -EPERM;
	}
	return 0;
}

static int read_fd(int fd, struct esc_ks_file *f, const char *path, char why[ESC_KEYSTORE_WHY])
{
	uint8_t bytes[ESC_KEYSTORE_SIZE + 1];
	int err = check_file(fd, path, why);

	if (err)
		return err;
	ssize_t len = read_all(fd, bytes, sizeof(bytes));
	if (len < 0) {
		snprintf(why, ESC_KEYSTORE_WHY, "%s: cannot read the key store: %s", path,
			 strerror((int)-len));
		return (int)len;
	}
	const char *wrong = esc_ks_check(bytes, (size_t)len);
	if (wrong) {
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: not a key store, or a damaged one: %s. Restore it from a backup",
			 path, wrong);
		return -EBADMSG;
	}
	memcpy(f, bytes, sizeof(*f));
	return 0;
}

int esc_ks_file_read(struct esc_ks_file *f, const char *path, char why[ESC_KEYSTORE_WHY])
{
	int fd = open(path, O_RDONLY | OPEN_FLAGS);

	if (fd < 0) {
		int err = -errno;

		if (err == -ELOOP)
			snprintf(why, ESC_KEYSTORE_WHY,
				 "%s: a symbolic link: expected the key store itself", path);
		else
			snprintf(why, ESC_KEYSTORE_WHY, "%s: cannot open the key store: %s%s", path,
				 strerror(-err),
				 err == -ENOENT ? ". Make one with 'esclusa key create'" : "");
		return err;
	}
	int err = read_fd(fd, f, path, why);
	close(fd);
	return err;
}

/* --- replacing ----------------------------------------------------------------------------- */

static bool is_named(int fd, const struct place *p, const char *name, struct stat *st)
{
	struct stat now;

	return !fstat(fd, st) && !fstatat(p->dir, name, &now, AT_SYMLINK_NOFOLLOW) &&
	       st->st_ino == now.st_ino && st->st_dev == now.st_dev;
}

/* The temporary file, open and locked, whatever is in it. -EEXIST: something else has its name. */
static int lock_temp(const struct place *p)
{
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		int fd = openat(p->dir, p->temp, O_RDWR | O_CREAT | OPEN_FLAGS, 0600);
		struct stat st;

		if (fd < 0)
			return errno == ELOOP ? -EEXIST : -errno;
		if (!flock(fd, LOCK_EX | LOCK_NB) && is_named(fd, p, p->temp, &st)) {
			if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 &&
			    !(st.st_mode & (S_IRWXG | S_IRWXO)))
				return fd;
			close(fd);
			return -EEXIST;
		}
		close(fd);
		nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_N}, NULL);
	}
	return -EBUSY;
}

/* Is the file what the caller's changes are based on? */
static int check_old(const struct place *p, const struct esc_ks_file *old)
{
	uint8_t bytes[ESC_KEYSTORE_SIZE + 1];
	struct stat st;

	if (!old)
		return fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : -EEXIST;
	int fd = openat(p->dir, p->name, O_RDONLY | OPEN_FLAGS);
	if (fd < 0)
		return -ESTALE;
	ssize_t len = read_all(fd, bytes, sizeof(bytes));
	close(fd);
	return len == sizeof(*old) && !memcmp(bytes, old, sizeof(*old)) ? 0 : -ESTALE;
}

/*
 * RENAME_NOREPLACE guards a new store against a file that came without taking the lock; file
 * systems that lack it do without.
 */
static int put_in_place(const struct place *p, bool replace)
{
	if (!replace) {
		if (!renameat2(p->dir, p->temp, p->dir, p->name, RENAME_NOREPLACE))
			return 0;
		if (errno != EINVAL)
			return -errno;
	}
	return renameat(p->dir, p->temp, p->dir, p->name) ? -errno : 0;
}

static int write_temp(const struct place *p, int temp, const struct esc_ks_file *new,
		      const struct esc_ks_file *old)
{
	int err = check_old(p, old);

	if (!err && (ftruncate(temp, 0) || fchmod(temp, 0600)))
		err = -errno;
	if (!err)
		err = write_all(temp, (const uint8_t *)new, sizeof(*new), 0);
	if (!err && fsync(temp))
		err = -errno;
	return err ? err : put_in_place(p, old != NULL);
}

static void explain(char why[ESC_KEYSTORE_WHY], const char *path, int err)
{
	switch (err) {
	case -EBUSY:
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: another command is writing the key store: try again. Nothing was "
			 "changed",
			 path);
		break;
	case -ESTALE:
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: the key store was changed or removed by another command meanwhile: "
			 "try again. Nothing was changed",
			 path);
		break;
	case -EEXIST:
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: the file, or %s" TEMP_SUFFIX ", exists already: choose another name, "
			 "or move it away. Nothing was changed",
			 path, path);
		break;
	default:
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: cannot write the key store: %s. Nothing was changed", path,
			 strerror(-err));
	}
}

int esc_ks_file_replace(const struct esc_ks_file *new, const struct esc_ks_file *old,
			const char *path, char why[ESC_KEYSTORE_WHY])
{
	struct place p;
	int err = open_place(&p, path);

	if (err) {
		explain(why, path, err);
		return err;
	}
	int temp = lock_temp(&p);
	err = temp < 0 ? temp : write_temp(&p, temp, new, old);
	if (err) {
		explain(why, path, err);
		if (temp >= 0)
			unlinkat(p.dir, p.temp, 0);
	} else if (fsync(p.dir)) {
		err = -errno;
		snprintf(why, ESC_KEYSTORE_WHY,
			 "%s: the new key store is in place, but writing its directory to disk "
			 "failed: %s. After a power cut the old one may be back",
			 path, strerror(-err));
	}
	if (temp >= 0)
		close(temp);
	close(p.dir);
	return err;
}

/* --- destroying --------------------------------------------------------------------------------
 */

/* Overwrite bytes from..end of a file, as far as it has them. */
static int scrub(int fd, off_t from, off_t end)
{
	uint8_t noise[ESC_KEYSTORE_SIZE];
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (end > st.st_size)
		end = st.st_size;
	if (from >= end)
		return 0;
	randombytes_buf(noise, sizeof(noise));
	int err = write_all(fd, noise, (size_t)(end - from), from);
	return !err && fsync(fd) ? -errno : err;
}

/* The header stays until the file goes: destroying can be tried again after a power cut. */
static int destroy_store(const struct place *p)
{
	uint8_t magic[sizeof(((struct esc_ks_header *)0)->magic)];
	int fd = openat(p->dir, p->name, O_RDWR | OPEN_FLAGS);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    read_all(fd, magic, sizeof(magic)) != sizeof(magic) ||
	    memcmp(magic, ESC_KEYSTORE_MAGIC, sizeof(magic)) != 0) {
		close(fd);
		return -EINVAL;
	}
	int err = scrub(fd, sizeof(struct esc_ks_header), ESC_KEYSTORE_SIZE);
	close(fd);
	if (unlinkat(p->dir, p->name, 0) && !err)
		err = -errno;
	return err;
}

int esc_keystore_destroy(const char *path)
{
	struct place p;
	int err = open_place(&p, path);

	if (err)
		return err;
	int temp = lock_temp(&p); /* a writer that does not let go is not waited for */
	err = destroy_store(&p);
	if (temp >= 0) {
		int left = scrub(temp, 0, ESC_KEYSTORE_SIZE);

		if (unlinkat(p.dir, p.temp, 0) && !left)
			left = -errno;
		err = err ? err : left;
		close(temp);
	}
	if (fsync(p.dir) && !err)
		err = -errno;
	close(p.dir);
	return err;
}
