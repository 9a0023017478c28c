// SPDX-License-Identifier: BSD-2-Clause
/*
 * load.c: a user's own AEAD provider from a shared object. The file is opened once and both
 * examined and loaded through that descriptor, so nobody can put another in its place between.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define SYMBOL	     "esc_aead_provider"
#define NAME_MAX_LEN 31u

typedef const struct esc_aead_provider *(*provider_fn)(void);

/* A long path is cut before the reason is. */
static void explain(char why[ESC_AEAD_WHY], const char *what, const char *path, const char *reason)
{
	snprintf(why, ESC_AEAD_WHY, "%s provider %.110s: %.120s", what, path, reason);
}

/* An open descriptor of a file that may be loaded, or -errno with why[]. */
static int open_trusted(const char *path, char why[ESC_AEAD_WHY])
{
	const char *wrong = NULL;
	struct stat st;
	/* O_NONBLOCK: a FIFO in this place must not hang the start. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		explain(why, "cannot open", path, strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (!S_ISREG(st.st_mode))
		wrong = "not a regular file";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		wrong = "owned by neither root nor the user that loads it (chown root FILE)";
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		wrong = "writable by others than its owner (chmod go-w FILE)";
	if (wrong) {
		explain(why, "refused", path, wrong);
		close(fd);
		return -EPERM;
	}
	return fd;
}

/* The first word of the structure is all that versions have in common: nothing else before it. */
static const char *find_fault(const struct esc_aead_provider *p)
{
	size_t len;

	if (!p->name || !p->start || !p->stop || !p->key_new || !p->key_free || !p->seal ||
	    !p->open)
		return "its name or one of its functions is NULL";
	len = strnlen(p->name, NAME_MAX_LEN + 1);
	if (!len || len > NAME_MAX_LEN)
		return "its name is not 1 to 31 characters long";
	for (size_t i = 0; i < len; i++)
		if (p->name[i] <= ' ' || p->name[i] > '~')
			return "its name is not printable ASCII without spaces";
	return NULL;
}

static int use_object(struct esc_aead *a, void *object, const char *path, char why[ESC_AEAD_WHY])
{
	const struct esc_aead_provider *p;
	char reason[ESC_AEAD_WHY];
	const char *fault;
	provider_fn get;
	int err;

	/* POSIX has dlsym return functions as void *; ISO C has no cast for that. */
	*(void **)&get = dlsym(object, SYMBOL);
	p = get ? get() : NULL;
	if (!p) {
		explain(why, "refused", path,
			get ? SYMBOL "() returned NULL" : "it does not export " SYMBOL "()");
		return -ENOEXEC;
	}
	if (p->abi_version != ESC_AEAD_ABI_VERSION) {
		snprintf(reason, sizeof(reason),
			 "built for ABI version %u, this is %u (compile it with this version's "
			 "aead.h)",
			 p->abi_version, ESC_AEAD_ABI_VERSION);
		explain(why, "refused", path, reason);
		return -ENOEXEC;
	}
	fault = find_fault(p);
	if (fault) {
		explain(why, "refused", path, fault);
		return -ENOEXEC;
	}
	err = esc_aead_start(a, p, reason);
	if (err)
		explain(why, "refused", path, reason);
	return err;
}

int esc_aead_load(struct esc_aead *a, const char *path, char why[ESC_AEAD_WHY])
{
	char link[32];
	void *object;
	int err, fd = open_trusted(path, why);

	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	object = dlopen(link, RTLD_NOW | RTLD_LOCAL);
	close(fd);
	if (!object) {
		const char *text = dlerror(), *skip = text ? strstr(text, link) : NULL;

		/* The linker names the descriptor; the user knows the path. */
		if (skip == text && skip && !strncmp(skip + strlen(link), ": ", 2))
			text += strlen(link) + 2;
		explain(why, "cannot load", path, text ? text : "unknown error");
		return -ENOEXEC;
	}
	err = use_object(a, object, path, why);
	if (err) {
		dlclose(object);
		return err;
	}
	a->object = object;
	snprintf(a->note, sizeof(a->note), "%s (self-test passed), from %s", a->provider->name,
		 path);
	return 0;
}
