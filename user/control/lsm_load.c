/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new instance: programs first, attached but switched off; then what they have to know; then
 * the switch. Whatever fails on the way leaves nothing behind.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/lsm.h"
#include "control/pins.h"
#include "lsm.skel.h"

#define LSM_LIST "/sys/kernel/security/lsm"

static const char not_listed[] =
	"the kernel does not run it; add bpf to the list lsm= on the kernel's command line (the "
	"present list is in " LSM_LIST ")";

const void *esc_lsm_bytes(size_t *size)
{
	return lsm_bpf__elf_bytes(size);
}

/* --- can it be ----------------------------------------------------------------------------- */

/* What libbpf says about a kernel that lacks something is for those who look for it. */
static int print_debug(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];

	if (level != LIBBPF_WARN)
		return 0;
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n > 0)
		esc_debug("%.*s", (int)strcspn(line, "\n"), line);
	return n;
}

/* false only if the kernel says so; securityfs may not be mounted. */
static bool may_be_listed(void)
{
	char list[256] = ",";
	int fd = open(LSM_LIST, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, list + 1, sizeof(list) - 3);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return true;
	list[1 + strcspn(list + 1, "\n")] = ',';
	return strstr(list, ",bpf,") != NULL;
}

static const char *explain(int err)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return "the kernel has no type information (CONFIG_DEBUG_INFO_BTF)";
	if (err == -EPERM || err == -EACCES)
		return "the kernel does not let this process load such programs";
	return "the kernel cannot load its programs; it needs Linux 6.1 or newer with "
	       "CONFIG_BPF_LSM (ESCLUSA_LOG=debug tells more)";
}

/* --- what it has to know ------------------------------------------------------------------- */

/* A line of /proc/self/maps: what is mapped executable, if its name still leads to it. */
static int take_mapping(char *line)
{
	char perms[8], inode[24];
	struct stat st;
	int name = 0;

	if (sscanf(line, "%*s %7s %*s %*s %23s %n", perms, inode, &name) != 2 || !name ||
	    perms[2] != 'x' || line[name] != '/')
		return 0;
	line[strcspn(line, "\n")] = '\0';
	if (stat(line + name, &st))
		return -errno;
	if (st.st_ino != strtoull(inode, NULL, 10))
		return -ESTALE;
	return esc_lsm_call_path(line + name, ESC_LSM_CALL_CODE);
}

/* The program, its libraries, those that looking up users brings in, the provider of the file. */
static int take_code(const struct esc_model *m)
{
	char line[PATH_MAX + 128];
	int err = esc_lsm_call_path("/proc/self/exe", ESC_LSM_CALL_PROGRAM);

	getpwnam("esclusa-nobody");
	getgrnam("esclusa-nobody");
	FILE *f = fopen("/proc/self/maps", "re");
	if (!f)
		return -errno;
	while (!err && fgets(line, sizeof(line), f))
		err = take_mapping(line);
	fclose(f);
	if (!err && strchr(m->provider, '/'))
		err = esc_lsm_call_path(m->provider, ESC_LSM_CALL_CODE);
	return err;
}

static int take_objects(struct lsm_bpf *skel)
{
	const int objects = bpf_map__fd(skel->maps.lsm_objects);
	struct bpf_program *prog;
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, skel->obj)
	{
		if (!err)
			err = esc_lsm_add_object(objects, ESC_LSM_MAP, bpf_map__fd(map));
	}
	bpf_object__for_each_program(prog, skel->obj)
	{
		if (!err)
			err = esc_lsm_add_object(objects, ESC_LSM_PROG, bpf_program__fd(prog));
	}
	for (int i = 0; i < skel->skeleton->prog_cnt && !err; i++)
		err = esc_lsm_add_object(objects, ESC_LSM_LINK,
					 bpf_link__fd(*skel->skeleton->progs[i].link));
	return err;
}

static int pin_all(struct lsm_bpf *skel)
{
	struct bpf_map *map;
	int err = esc_pins_open(ESC_LSM_PIN);

	bpf_object__for_each_map(map, skel->obj)
	{
		if (!err && !bpf_map__is_internal(map))
			err = esc_pin(ESC_LSM_PIN, bpf_map__name(map), bpf_map__fd(map));
	}
	for (int i = 0; i < skel->skeleton->prog_cnt && !err; i++)
		err = esc_pin(ESC_LSM_PIN, skel->skeleton->progs[i].name,
			      bpf_link__fd(*skel->skeleton->progs[i].link));
	return err ? err : esc_lsm_call_path(ESC_BPFFS "/esclusa", ESC_LSM_CALL_PINS);
}

/* A file that others can write, or that is no hash, would let them choose the secret. */
static void take_secret(struct esc_lsm_state *s)
{
	char hash[sizeof(s->secret)] = "";
	int fd = open(ESC_LSM_SECRET, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0) {
		if (errno != ENOENT)
			esc_warn("reading %s: %s; only a reboot will unload the BPF LSM layer",
				 ESC_LSM_SECRET, strerror(errno));
		return;
	}
	ssize_t n = fstat(fd, &st) ? -1 : read(fd, hash, sizeof(hash) - 1);
	hash[strcspn(hash, "\n")] = '\0';
	if (n > 0 && S_ISREG(st.st_mode) && !st.st_uid && !(st.st_mode & 077) &&
	    !strncmp(hash, crypto_pwhash_STRPREFIX, strlen(crypto_pwhash_STRPREFIX))) {
		memcpy(s->secret, hash, sizeof(hash));
		s->has_secret = 1;
		s->guesses = ESC_LSM_GUESSES;
		if (esc_lsm_call(fd, ESC_LSM_CALL_KEY))
			esc_warn("%s stays readable for root", ESC_LSM_SECRET);
	} else {
		esc_warn("%s is not what 'esclusa lsm secret' makes (root's, mode 0600); only a "
			 "reboot will unload the BPF LSM layer",
			 ESC_LSM_SECRET);
	}
	sodium_memzero(hash, sizeof(hash));
	close(fd);
}

static int fill(struct lsm_bpf *skel, const struct esc_model *m)
{
	struct esc_lsm_state *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED,
				       bpf_map__fd(skel->maps.lsm_state), 0);

	if (s == MAP_FAILED)
		return -errno;
	s->abi_version = ESC_LSM_ABI;
	s->loaded = esc_unix_now() / ESC_S;
	take_secret(s);
	int err = take_code(m);
	if (!err)
		err = take_objects(skel);
	if (!err)
		err = pin_all(skel);
	if (!err)
		__atomic_store_n(&s->on, 1, __ATOMIC_SEQ_CST);
	else
		esc_pins_remove(ESC_LSM_PIN);
	munmap(s, sizeof(*s));
	return err;
}

/* --- loading ------------------------------------------------------------------------------- */

static int attach(struct lsm_bpf *skel, const struct esc_model *m, const char **why)
{
	int err = lsm_bpf__attach(skel);

	if (err) {
		*why = explain(err);
		return err;
	}
	/* Attaching works where the hooks are never called: it must answer. */
	err = esc_lsm_call_path("/proc/self/exe", ESC_LSM_CALL_TRUST);
	if (err) {
		*why = err == -EPERM ? "another process interfered" : not_listed;
		return err;
	}
	err = fill(skel, m);
	if (err)
		*why = strerror(-err);
	return err;
}

/* Under lockdown=confidentiality no BPF program reads the kernel's memory: then without that. */
static struct lsm_bpf *load_programs(void)
{
	struct lsm_bpf *skel = NULL;
	int err = 0;

	for (int can_read = 1; can_read >= 0 && !skel; can_read--) {
		skel = lsm_bpf__open();
		if (!skel)
			return NULL;
		skel->rodata->can_read = can_read;
		err = lsm_bpf__load(skel);
		if (err) {
			lsm_bpf__destroy(skel);
			skel = NULL;
		}
	}
	errno = -err;
	return skel;
}

static int load_locked(const struct esc_model *m, const char **why)
{
	esc_pins_remove(ESC_LSM_PIN); /* of one that was switched off, or never on */
	struct lsm_bpf *skel = load_programs();
	int err = skel ? 0 : -errno;

	if (err)
		*why = explain(err);
	else
		err = attach(skel, m, why);
	lsm_bpf__destroy(skel);
	return err;
}

int esc_lsm_load(const struct esc_model *m, const char **why)
{
	*why = not_listed;
	if (!may_be_listed())
		return -EOPNOTSUPP;
	/* Nodes may start at the same time. */
	int lock = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX)) {
		int err = -errno;
		*why = "cannot lock the folder /run";
		if (lock >= 0)
			close(lock);
		return err;
	}
	libbpf_print_fn_t print = libbpf_set_print(print_debug);
	enum esc_lsm_standing is = esc_lsm_look();
	int err = is == ESC_LSM_ABSENT ? load_locked(m, why) : -EEXIST;
	libbpf_set_print(print);
	close(lock);
	return err;
}
