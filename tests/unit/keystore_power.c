/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A save of a key store that ends anywhere: power cuts at every prefix of the file and around every
 * call that changes the disk, and writers that meet. The calls are this file's: a program's own
 * symbol goes before the C library's.
 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore/keystore.h"
#include "keystore/recovery.h"

#define PASS  "correct horse"
#define CALLS 32u

static const struct esc_kdf_cost cheap = {ESC_KDF_OPS_MIN, ESC_KDF_MEM_MIN};

static char dir[] = "/tmp/esc-keystore-XXXXXX";
static char path[64], temp[72];
static char why[ESC_KEYSTORE_WHY];
static uint8_t key[32];

/* --- calls that change the disk, counted; the process ends before or after the one wanted ------
 */

enum call { TRUNCATE = 1, CHMOD, WRITE, FSYNC_FILE, FSYNC_DIR, RENAME };

static struct {
	bool on;
	uint32_t calls;
	uint8_t call[CALLS];
	uint32_t end_before, end_after; /* the nth; 0: never */
} * trace;				/* shared with children */

static void enter(enum call c)
{
	if (!trace || !trace->on || trace->calls >= CALLS)
		return;
	trace->call[trace->calls++] = (uint8_t)c;
	if (trace->calls == trace->end_before)
		kill(getpid(), SIGKILL);
}

static int leave(long result)
{
	if (trace && trace->on && trace->calls == trace->end_after)
		kill(getpid(), SIGKILL);
	return (int)result;
}

int ftruncate(int fd, off_t size)
{
	enter(TRUNCATE);
	return leave(syscall(SYS_ftruncate, fd, size));
}

int fchmod(int fd, mode_t mode)
{
	enter(CHMOD);
	return leave(syscall(SYS_fchmod, fd, mode));
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t at)
{
	enter(WRITE);
	return leave(syscall(SYS_pwrite64, fd, buf, len, at));
}

int fsync(int fd)
{
	struct stat st;
	enum call c = !fstat(fd, &st) && S_ISDIR(st.st_mode) ? FSYNC_DIR : FSYNC_FILE;

	enter(c);
	return leave(syscall(SYS_fsync, fd));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	enter(RENAME);
	return leave(syscall(SYS_renameat2, from_dir, from, to_dir, to, 0));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	enter(RENAME);
	return leave(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

/* --- stores -------------------------------------------------------------------------------- */

static void make(struct esc_keystore *ks)
{
	struct esc_recovery code;

	unlink(path);
	unlink(temp);
	esc_recovery_new(&code);
	randombytes_buf(key, sizeof(key));
	assert_int_equal(esc_keystore_new(ks, key, why), 0);
	assert_int_equal(esc_keystore_add(ks, ESC_SLOT_PASSPHRASE, "", PASS, strlen(PASS), &cheap,
					  NULL, why),
			 0);
	assert_int_equal(esc_keystore_add(ks, ESC_SLOT_RECOVERY, "", code.digits,
					  sizeof(code.digits), &cheap, NULL, why),
			 0);
}

/* Slots in use of the store on disk, which must open; -1: it does not. */
static int slots_on_disk(void)
{
	struct esc_keystore ks;
	int n = 0;

	if (esc_keystore_read(&ks, path, why) ||
	    esc_keystore_unlock(&ks, ESC_SLOT_PASSPHRASE, PASS, strlen(PASS), NULL, why) ||
	    sodium_memcmp(esc_keystore_private_key(&ks), key, 32))
		n = -1;
	for (uint32_t i = 0; i < ESC_KEYSTORE_SLOTS && n >= 0; i++)
		n += esc_ks_slot_info(&ks.image, i).type != ESC_SLOT_FREE;
	esc_keystore_close(&ks);
	return n;
}

static void add_slot(struct esc_keystore *ks)
{
	assert_int_equal(
		esc_keystore_add(ks, ESC_SLOT_PASSPHRASE, "", "another one", 11, &cheap, NULL, why),
		0);
}

/* A child saves with files limited to so many bytes: the kernel kills it exactly there. */
static int save_in_child(struct esc_keystore *ks, rlim_t limit)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		const struct rlimit none = {0, 0}, size = {limit, limit};

		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_FSIZE, &size);
		_exit(esc_keystore_save(ks, path, why) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void the_old_store_survives_a_cut_at_every_prefix(void **state)
{
	struct esc_keystore ks;
	struct stat st;

	(void)state;
	make(&ks);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	add_slot(&ks);
	for (rlim_t k = 0; k < ESC_KEYSTORE_SIZE; k++) {
		int status = save_in_child(&ks, k);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGXFSZ);
		assert_int_equal(stat(temp, &st), 0); /* cut exactly there: what the disk has */
		assert_int_equal(st.st_size, k);
		if (slots_on_disk() != 2)
			fail_msg("cut after %ju bytes: %s", (uintmax_t)k, why);
	}
	/* What is left over harms nobody, and the next writer uses it up. */
	assert_int_equal(save_in_child(&ks, ESC_KEYSTORE_SIZE), 0);
	assert_int_equal(slots_on_disk(), 3);
	assert_int_equal(access(temp, F_OK), -1);
	esc_keystore_close(&ks);
}

static void a_new_store_is_there_whole_or_not_at_all(void **state)
{
	struct esc_keystore ks;

	(void)state;
	make(&ks);
	for (rlim_t k = 0; k < ESC_KEYSTORE_SIZE; k += 37) {
		assert_true(WIFSIGNALED(save_in_child(&ks, k)));
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_int_equal(save_in_child(&ks, ESC_KEYSTORE_SIZE), 0);
	assert_int_equal(slots_on_disk(), 2);
	assert_int_equal(esc_keystore_save(&ks, path, why), -EEXIST);
	esc_keystore_close(&ks);
}

/* Data reaches the disk before the name does, and the name before success is reported. */
static void the_calls_come_in_the_order_that_a_disk_needs(void **state)
{
	static const uint8_t order[] = {TRUNCATE, CHMOD, WRITE, FSYNC_FILE, RENAME, FSYNC_DIR};
	struct esc_keystore ks;

	(void)state;
	make(&ks);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	add_slot(&ks);
	trace->calls = 0;
	trace->on = true;
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	trace->on = false;
	assert_int_equal(trace->calls, sizeof(order));
	assert_memory_equal(trace->call, order, sizeof(order));
	esc_keystore_close(&ks);
}

static void killed_around_any_call_leaves_the_old_or_the_new_store(void **state)
{
	struct esc_keystore ks;
	bool old_seen = false, new_seen = false;

	(void)state;
	make(&ks);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	for (uint32_t n = 1; n <= 12; n++) {
		make(&ks);
		assert_int_equal(esc_keystore_save(&ks, path, why), 0);
		add_slot(&ks);
		trace->calls = 0;
		trace->end_before = n % 2 ? (n + 1) / 2 : 0;
		trace->end_after = n % 2 ? 0 : n / 2;
		trace->on = true;
		int status = save_in_child(&ks, RLIM_INFINITY);
		trace->on = false;
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		bool renamed = trace->calls > 5 || (trace->calls == 5 && trace->end_after);
		assert_int_equal(slots_on_disk(), renamed ? 3 : 2);
		old_seen |= !renamed;
		new_seen |= renamed;
		esc_keystore_close(&ks);
	}
	assert_true(old_seen && new_seen);
}

static void a_full_disk_changes_nothing_and_leaves_nothing(void **state)
{
	struct esc_keystore ks;
	int status;

	(void)state;
	make(&ks);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	add_slot(&ks);
	pid_t pid = fork();
	if (!pid) {
		const struct rlimit size = {1000, 1000};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &size);
		_exit(esc_keystore_save(&ks, path, why) == -EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(temp, F_OK), -1);
	assert_int_equal(slots_on_disk(), 2);
	esc_keystore_close(&ks);
}

/* Two writers that read the same file: the second one is told, and loses nothing by trying again.
 */
static void add_three(void)
{
	for (int done = 0; done < 3;) {
		struct esc_keystore ks;
		int err = esc_keystore_read(&ks, path, why);

		if (!err)
			err = esc_keystore_unlock(&ks, ESC_SLOT_PASSPHRASE, PASS, strlen(PASS),
						  NULL, why);
		if (!err)
			err = esc_keystore_add(&ks, ESC_SLOT_PASSPHRASE, "", "another one", 11,
					       &cheap, NULL, why);
		if (!err)
			err = esc_keystore_save(&ks, path, why);
		esc_keystore_close(&ks);
		if (err && err != -ESTALE && err != -EBUSY)
			_exit(1);
		done += !err;
	}
	_exit(0);
}

static void two_writers_lose_no_slot(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct esc_keystore ks;
		int status[2];
		pid_t pid[2];

		make(&ks);
		assert_int_equal(esc_keystore_save(&ks, path, why), 0);
		esc_keystore_close(&ks);
		for (int i = 0; i < 2; i++) {
			pid[i] = fork();
			if (!pid[i])
				add_three();
		}
		for (int i = 0; i < 2; i++)
			assert_int_equal(waitpid(pid[i], &status[i], 0), pid[i]);
		assert_int_equal(status[0] | status[1], 0);
		assert_int_equal(slots_on_disk(), 8);
	}
}

static void what_a_save_is_based_on_must_be_there_still(void **state)
{
	struct esc_keystore a, b;

	(void)state;
	make(&a);
	assert_int_equal(esc_keystore_save(&a, path, why), 0);
	assert_int_equal(esc_keystore_read(&b, path, why), 0);
	assert_int_equal(
		esc_keystore_unlock(&b, ESC_SLOT_PASSPHRASE, PASS, strlen(PASS), NULL, why), 0);
	add_slot(&a);
	assert_int_equal(esc_keystore_save(&a, path, why), 0);
	add_slot(&b);
	assert_int_equal(esc_keystore_save(&b, path, why), -ESTALE);
	assert_int_equal(slots_on_disk(), 3);
	unlink(path);
	assert_int_equal(esc_keystore_save(&a, path, why), -ESTALE);
	assert_int_equal(access(path, F_OK), -1);
	esc_keystore_close(&a);
	esc_keystore_close(&b);
}

/* Somebody's own file, a link, a directory under the temporary name: not ours to write into. */
static void the_temporary_name_is_not_followed(void **state)
{
	struct esc_keystore ks;
	char victim[72];

	(void)state;
	make(&ks);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	add_slot(&ks);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	assert_int_equal(close(open(victim, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(symlink(victim, temp), 0);
	assert_int_equal(esc_keystore_save(&ks, path, why), -EEXIST);
	unlink(temp);
	assert_int_equal(link(victim, temp), 0);
	assert_int_equal(esc_keystore_save(&ks, path, why), -EEXIST);
	unlink(temp);
	assert_int_equal(link(path, temp), 0); /* the store itself, under both names */
	assert_int_equal(esc_keystore_save(&ks, path, why), -EEXIST);
	unlink(temp);
	unlink(victim);
	assert_int_equal(slots_on_disk(), 2);
	assert_int_equal(esc_keystore_save(&ks, path, why), 0);
	esc_keystore_close(&ks);
}

static int set_up(void **state)
{
	(void)state;
	trace = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (sodium_init() < 0 || trace == MAP_FAILED || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/store", dir);
	snprintf(temp, sizeof(temp), "%s.new", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(temp);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_old_store_survives_a_cut_at_every_prefix),
		cmocka_unit_test(a_new_store_is_there_whole_or_not_at_all),
		cmocka_unit_test(the_calls_come_in_the_order_that_a_disk_needs),
		cmocka_unit_test(killed_around_any_call_leaves_the_old_or_the_new_store),
		cmocka_unit_test(a_full_disk_changes_nothing_and_leaves_nothing),
		cmocka_unit_test(two_writers_lose_no_slot),
		cmocka_unit_test(what_a_save_is_based_on_must_be_there_still),
		cmocka_unit_test(the_temporary_name_is_not_followed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
