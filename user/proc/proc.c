/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/fds.h"
#include "ipc/sandbox.h"

int esc_proc_verify_fds(int end)
{
	for (int fd = 0; fd < end; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			return -EBADF;
	}
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return -errno;
	const struct dirent *e;
	int err = 0;
	while (!err && (e = readdir(dir))) {
		long fd = e->d_name[0] == '.' ? 0 : strtol(e->d_name, NULL, 10);

		if (fd >= end && fd != dirfd(dir))
			err = -EMFILE;
	}
	closedir(dir);
	return err;
}

static void *map_locked(int fd, size_t size, int prot, const char *what)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED) {
		esc_err("mapping %s: %s", what, strerror(errno));
		return NULL;
	}
	if (mlock(p, size)) { /* packets never reach a disk, and no page fault stalls them */
		esc_err("locking %s in memory: %s", what, strerror(errno));
		munmap(p, size);
		return NULL;
	}
	return p;
}

void *esc_proc_map(int fd, size_t size, const char *what)
{
	struct stat st;

	if (fstat(fd, &st) || (uint64_t)st.st_size != size) {
		esc_err("%s: descriptor %d is not %zu bytes of memory", what, fd, size);
		return NULL;
	}
	return map_locked(fd, size, PROT_READ | PROT_WRITE, what);
}

/* The kernel refuses to map more pages than the value has. */
void *esc_proc_map_bpf(int fd, size_t size, int prot, const char *what)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = map_locked(fd, (size + page - 1) / page * page, prot, what);

	if (p && dup2(STDOUT_FILENO, fd) < 0) {
		esc_err("closing %s: %s", what, strerror(errno));
		return NULL;
	}
	return p;
}

int esc_proc_receive_start(uint32_t type, struct esc_msg_start *start)
{
	struct esc_msg m;
	int got = esc_msg_recv(ESC_FD_CONTROL, &m);
	const struct esc_msg_start *s = &m.u.start;

	if (got != 1 || m.type != type || s->abi_version != ESC_ABI_VERSION || !s->queues ||
	    s->queues > ESC_QUEUES_MAX || s->frames != s->queues * ESC_FRAMES_PER_QUEUE ||
	    (s->waived & ~ESC_LAYERS_WAIVABLE) ||
	    (s->frame_size != ESC_FRAME_SMALL && s->frame_size != ESC_FRAME_LARGE))
		return -EPROTO;
	*start = *s;
	return 0;
}

static void to_control(enum esc_log_level level, const char *text)
{
	struct esc_msg m = {.type = ESC_MSG_LOG};

	m.u.log.level = (uint8_t)level;
	snprintf(m.u.log.text, sizeof(m.u.log.text), "%s", text);
	esc_msg_send(ESC_FD_CONTROL, &m); /* a full queue costs the line */
}

void esc_proc_log_to_control(void)
{
	esc_log_to(to_control);
}

void esc_proc_schedule(void)
{
	const struct sched_param none = {0};

	if (sched_setscheduler(0, SCHED_BATCH, &none))
		esc_debug("scheduling as a batch process: %s", strerror(errno));
}

/* Red, crypto, and the kernel's receiving work on either NIC. */
#define PROCESSORS_FOR_ALL 4
#define SPIN_TIME	   (20 * 1000ull)

uint64_t esc_proc_spin_time(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	return CPU_COUNT(&set) >= PROCESSORS_FOR_ALL ? SPIN_TIME : 0;
}
