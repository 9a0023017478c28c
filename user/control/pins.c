/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"

#define ROOT ESC_BPFFS "/esclusa"

char *esc_pin_path(char path[ESC_PIN_PATH], const char *node, const char *name)
{
	snprintf(path, ESC_PIN_PATH, "%s/%s%s%s", ROOT, node, *name ? "/" : "", name);
	return path;
}

static int mount_bpffs(void)
{
	struct statfs fs;

	if (!statfs(ESC_BPFFS, &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", ESC_BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return -errno;
	esc_debug("mounted the BPF file system at %s", ESC_BPFFS);
	return 0;
}

static int make_folder(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int esc_pins_open(const char *node)
{
	char path[ESC_PIN_PATH];
	int err = mount_bpffs();

	if (err) {
		esc_err("mounting the BPF file system at %s: %s. Run as root, on a kernel with BPF",
			ESC_BPFFS, strerror(-err));
		return err;
	}
	err = make_folder(ROOT);
	if (!err)
		err = make_folder(esc_pin_path(path, node, ""));
	if (err)
		esc_err("making %s: %s", esc_pin_path(path, node, ""), strerror(-err));
	return err;
}

void esc_pins_remove(const char *node)
{
	char folder[ESC_PIN_PATH], path[ESC_PIN_PATH];
	DIR *d = opendir(esc_pin_path(folder, node, ""));
	const struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (strlen(e->d_name) < 32 && e->d_name[0] != '.')
			unlink(esc_pin_path(path, node, e->d_name));
	}
	closedir(d);
	if (rmdir(folder) && errno != ENOENT)
		esc_warn("removing %s: %s", folder, strerror(errno));
}

int esc_pin(const char *node, const char *name, int fd)
{
	char path[ESC_PIN_PATH];

	unlink(esc_pin_path(path, node, name));
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int esc_pin_get(const char *node, const char *name)
{
	char path[ESC_PIN_PATH];
	int fd = bpf_obj_get(esc_pin_path(path, node, name));

	return fd < 0 ? -errno : fd;
}

void esc_unpin(const char *node, const char *name)
{
	char path[ESC_PIN_PATH];

	unlink(esc_pin_path(path, node, name));
}
