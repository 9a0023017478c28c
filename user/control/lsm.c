/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/lsm.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "control/pins.h"

#define AGAIN "ESCLUSA_LSM_AGAIN" /* in the environment of a process that executed itself */

/* --- the instance ------------------------------------------------------------------------- */

/* The state, shared with the programs; NULL and errno. */
static struct esc_lsm_state *map_state(void)
{
	int fd = esc_pin_get(ESC_LSM_PIN, "lsm_state");

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	void *p =
		mmap(NULL, sizeof(struct esc_lsm_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int err = p == MAP_FAILED ? errno : 0;
	close(fd);
	errno = err;
	return err ? NULL : p;
}

static void unmap_state(struct esc_lsm_state *s)
{
	munmap(s, sizeof(*s));
}

enum esc_lsm_standing esc_lsm_look(void)
{
	struct esc_lsm_state *s = map_state();

	if (!s)
		return errno == EPERM || errno == EACCES ? ESC_LSM_STRANGER : ESC_LSM_ABSENT;
	bool on = s->on && s->abi_version == ESC_LSM_ABI;
	unmap_state(s);
	return on ? ESC_LSM_IN_FORCE : ESC_LSM_ABSENT;
}

int esc_lsm_call(int fd, unsigned int call)
{
	if (!ioctl(fd, call, 0))
		return -ENOTTY;
	return errno == EALREADY ? 0 : -errno;
}

int esc_lsm_call_path(const char *path, unsigned int call)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	int err = esc_lsm_call(fd, call);
	close(fd);
	return err;
}

/* --- objects ------------------------------------------------------------------------------ */

static int id_of(enum esc_lsm_object_type type, int fd, uint32_t *id)
{
	union {
		struct bpf_map_info map;
		struct bpf_prog_info prog;
		struct bpf_link_info link;
	} info = {0};
	uint32_t len = type == ESC_LSM_MAP    ? sizeof(info.map)
		       : type == ESC_LSM_PROG ? sizeof(info.prog)
					      : sizeof(info.link);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	*id = type == ESC_LSM_MAP    ? info.map.id
	      : type == ESC_LSM_PROG ? info.prog.id
				     : info.link.id;
	return 0;
}

int esc_lsm_add_object(int objects, enum esc_lsm_object_type type, int fd)
{
	struct esc_lsm_object key = {.type = type};
	const uint32_t one = 1;
	int err = id_of(type, fd, &key.id);

	if (err)
		return err;
	return bpf_map_update_elem(objects, &key, &one, BPF_ANY) ? -errno : 0;
}

int esc_lsm_link(int link)
{
	int objects = esc_pin_get(ESC_LSM_PIN, "lsm_objects");

	if (objects < 0)
		return objects == -ENOENT ? 0 : objects;
	int err = esc_lsm_add_object(objects, ESC_LSM_LINK, link);
	close(objects);
	return err;
}

static bool is_gone(const struct esc_lsm_object *o)
{
	int fd = o->type == ESC_LSM_MAP	   ? bpf_map_get_fd_by_id(o->id)
		 : o->type == ESC_LSM_PROG ? bpf_prog_get_fd_by_id(o->id)
					   : bpf_link_get_fd_by_id(o->id);

	if (fd < 0)
		return errno == ENOENT;
	close(fd);
	return false;
}

/* Numbers of objects that are gone: they come back, to others, after some time. */
static void forget_objects(void)
{
	struct esc_lsm_object key, next;
	int objects = esc_pin_get(ESC_LSM_PIN, "lsm_objects");

	if (objects < 0)
		return;
	bool more = !bpf_map_get_next_key(objects, NULL, &next);
	while (more) {
		key = next;
		more = !bpf_map_get_next_key(objects, &key, &next);
		if (key.type <= ESC_LSM_LINK && is_gone(&key))
			bpf_map_delete_elem(objects, &key);
	}
	close(objects);
}

/* --- a node's start ------------------------------------------------------------------------ */

int esc_lsm_key_file(const char *path)
{
	if (esc_lsm_look() != ESC_LSM_IN_FORCE)
		return 0;
	return esc_lsm_call_path(path, ESC_LSM_CALL_KEY);
}

static int protect_keys(const struct esc_model *m)
{
	const char *file = *m->keystore ? m->keystore : m->file;
	int err = esc_lsm_call_path(file, ESC_LSM_CALL_KEY);

	if (err)
		esc_err("BPF LSM layer: protecting the key file %s: %s", file, strerror(-err));
	return err;
}

/*
 * Another node may have loaded the instance after this process was started: executing it again
 * makes it trusted, if it is the program that the other one is.
 */
static void again(void)
{
	char words[4096], *argv[64];
	int fd = getenv(AGAIN) ? -1 : open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, words, sizeof(words));
	size_t n = 0;

	if (fd >= 0)
		close(fd);
	if (len <= 0 || (size_t)len == sizeof(words) || words[len - 1] || setenv(AGAIN, "1", 1))
		return;
	for (char *p = words; p < words + len && n < 63; p += strlen(p) + 1)
		argv[n++] = p;
	argv[n] = NULL;
	execv("/proc/self/exe", argv);
}

static int load(const struct esc_model *m)
{
	const char *why = "";
	int err = esc_lsm_load(m, &why);

	if (err == -EEXIST) /* another node was faster */
		return esc_lsm_begin(m);
	if (!err) {
		esc_info("BPF LSM layer loaded: root cannot read keys from memory; see "
			 "'esclusa lsm status'");
		return protect_keys(m);
	}
	if (m->lsm == ESC_LSM_REQUIRED) {
		esc_err("Lsm = required in [Node], and the BPF LSM layer cannot be loaded: %s",
			why);
		return err;
	}
	esc_warn("no BPF LSM layer: %s. Root on this machine can read the node's keys", why);
	return 0;
}

int esc_lsm_begin(const struct esc_model *m)
{
	enum esc_lsm_standing is = esc_lsm_look();

	if (is == ESC_LSM_STRANGER) {
		again();
		esc_err("a BPF LSM layer is in force that does not know this program: it was "
			"loaded by another build, or files were replaced since. Run 'esclusa lsm "
			"unload' with that build, or reboot");
		return -EPERM;
	}
	unsetenv(AGAIN);
	if (m->lsm == ESC_LSM_OFF)
		return 0;
	if (is == ESC_LSM_ABSENT)
		return load(m);
	forget_objects();
	return protect_keys(m);
}

/* --- status -------------------------------------------------------------------------------- */

static void count_inodes(struct esc_lsm_status *s)
{
	struct esc_lsm_inode key, *last = NULL;
	int fd = esc_pin_get(ESC_LSM_PIN, "lsm_inodes");
	uint32_t kind;

	while (fd >= 0 && !bpf_map_get_next_key(fd, last, &key)) {
		last = &key;
		if (bpf_map_lookup_elem(fd, &key, &kind))
			continue;
		s->code_files += (kind & ESC_LSM_CODE) != 0;
		s->key_files += (kind & ESC_LSM_KEY) != 0;
	}
	if (fd >= 0)
		close(fd);
}

static uint32_t count_keys(const char *map)
{
	uint64_t key, next; /* as large as the largest key */
	int fd = esc_pin_get(ESC_LSM_PIN, map);
	uint32_t n = 0;

	if (fd < 0)
		return 0;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);
	for (; more && n < ESC_LSM_OBJECTS_MAX; n++) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
	}
	close(fd);
	return n;
}

static int count_refused(struct esc_lsm_status *s)
{
	int cpus = libbpf_num_possible_cpus();
	int fd = esc_pin_get(ESC_LSM_PIN, "lsm_refused");
	uint64_t *cpu = cpus > 0 ? calloc((size_t)cpus, sizeof(*cpu)) : NULL;

	for (uint32_t i = 0; i < ESC_LSM_REASON_COUNT && fd >= 0 && cpu; i++) {
		if (bpf_map_lookup_elem(fd, &i, cpu))
			continue;
		for (int c = 0; c < cpus; c++)
			s->refused[i] += cpu[c];
	}
	int err = fd < 0 ? fd : cpu ? 0 : -ENOMEM;
	free(cpu);
	if (fd >= 0)
		close(fd);
	return err;
}

int esc_lsm_status(struct esc_lsm_status *s)
{
	*s = (struct esc_lsm_status){.standing = esc_lsm_look()};
	if (s->standing != ESC_LSM_IN_FORCE)
		return 0;
	forget_objects();
	struct esc_lsm_state *state = map_state();
	if (!state)
		return -errno;
	s->state = *state;
	sodium_memzero(s->state.secret, sizeof(s->state.secret));
	s->state.super_block = s->state.mount = 0;
	unmap_state(state);
	count_inodes(s);
	s->tasks = count_keys("lsm_tasks");
	s->objects = count_keys("lsm_objects");
	return count_refused(s);
}

/* --- unloading ----------------------------------------------------------------------------- */

/* Taken before the secret is looked at: ending this process early gives no guess back. */
static bool take_guess(struct esc_lsm_state *s)
{
	uint32_t left = __atomic_load_n(&s->guesses, __ATOMIC_SEQ_CST);

	while (left && !__atomic_compare_exchange_n(&s->guesses, &left, left - 1, false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	return left != 0;
}

static int check_secret(struct esc_lsm_state *s, const char *secret)
{
	char hash[sizeof(s->secret)];

	if (!s->has_secret)
		return -ENOKEY;
	if (!take_guess(s))
		return -EDQUOT;
	memcpy(hash, s->secret, sizeof(hash));
	hash[sizeof(hash) - 1] = '\0';
	int wrong = crypto_pwhash_str_verify(hash, secret, strlen(secret));
	sodium_memzero(hash, sizeof(hash));
	return wrong ? -EKEYREJECTED : 0;
}

int esc_lsm_unload(const char *secret)
{
	enum esc_lsm_standing is = esc_lsm_look();

	if (is != ESC_LSM_IN_FORCE)
		return is == ESC_LSM_STRANGER ? -EPERM : -ENOENT;
	struct esc_lsm_state *s = map_state();
	if (!s)
		return -errno;
	int err = check_secret(s, secret);
	if (!err) {
		s->on = 0;
		esc_pins_remove(ESC_LSM_PIN);
	}
	unmap_state(s);
	return err;
}
