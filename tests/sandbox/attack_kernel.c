/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks on the kernel's own interfaces: BPF maps and links, tracing, modules, the clock. */
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "attack.h"

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int bpf_by_id(int next, int get)
{
	union bpf_attr attr = {0};
	int err = TRIED(bpf(next, &attr));

	for (unsigned int id = 1; id < 4096 && err; id++) {
		memset(&attr, 0, sizeof(attr));
		attr.map_id = id;
		int now = TRIED(bpf(get, &attr));

		if (!now)
			return 0;
		if (now != ENOENT)
			err = now;
	}
	return err;
}

static int bpf_map_by_id(const struct target *t)
{
	(void)t;
	return bpf_by_id(BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID);
}

static int bpf_link_by_id(const struct target *t)
{
	(void)t;
	return bpf_by_id(BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID);
}

static int bpf_program_by_id(const struct target *t)
{
	(void)t;
	return bpf_by_id(BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID);
}

static int bpf_pinned_map(const struct target *t)
{
	char path[64];
	union bpf_attr attr = {.pathname = (uintptr_t)path};

	snprintf(path, sizeof(path), "/sys/fs/bpf/esclusa/%s/black_cfg", t->node);
	return TRIED(bpf(BPF_OBJ_GET, &attr));
}

/* "Is this descriptor a map?" Each of them is asked. */
static int bpf_write_held(const struct target *t)
{
	uint32_t key = 0;
	uint8_t value[256] = {0};
	int err = 0;

	(void)t;
	for (uint32_t fd = 0; fd < FDS; fd++) {
		union bpf_attr attr = {
			.map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)value};

		err = TRIED(bpf(BPF_MAP_UPDATE_ELEM, &attr));
		if (!err)
			return 0;
	}
	return err;
}

static int bpf_detach_held(const struct target *t)
{
	int err = 0;

	(void)t;
	for (uint32_t fd = 0; fd < FDS; fd++) {
		union bpf_attr attr = {.link_detach.link_fd = fd};

		err = TRIED(bpf(BPF_LINK_DETACH, &attr));
		if (!err)
			return 0;
	}
	return err;
}

static int bpf_new_map(const struct target *t)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	(void)t;
	return TRIED(bpf(BPF_MAP_CREATE, &attr));
}

/* The shortest program: r0 = 0; exit. */
static int bpf_new_program(const struct target *t)
{
	static const uint64_t insn[] = {0xb7, 0x95};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			       .insn_cnt = 2,
			       .insns = (uintptr_t)insn,
			       .license = (uintptr_t) "GPL"};

	(void)t;
	return TRIED(bpf(BPF_PROG_LOAD, &attr));
}

static int measure_kernel(const struct target *t)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CPU_CLOCK};

	(void)t;
	return TRIED(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static int uring(const struct target *t)
{
	uint32_t params[30] = {0};

	(void)t;
	return TRIED(syscall(SYS_io_uring_setup, 4, params));
}

static int set_clock(const struct target *t)
{
	struct timex tx = {.modes = ADJ_SETOFFSET};

	(void)t;
	return TRIED(adjtimex(&tx));
}

#ifdef __x86_64__
/* The 32-bit door of the kernel has other numbers: a filter that does not ask for it is blind. */
static int old_door(const struct target *t)
{
	int result;

	(void)t;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(20 /* getpid */)
			 : "memory", "r8", "r9", "r10", "r11");
	return result < 0 ? -result : 0;
}
#else
static int old_door(const struct target *t)
{
	(void)t;
	return ENOSYS;
}
#endif

static const uint64_t midnight[2];
static char log_bytes[64];

const struct attack attacks_on_kernel[] = {
	{.name = "bpf_map_by_id", .run = bpf_map_by_id},
	{.name = "bpf_link_by_id", .run = bpf_link_by_id},
	{.name = "bpf_program_by_id", .run = bpf_program_by_id},
	{.name = "bpf_pinned_map", .run = bpf_pinned_map},
	{.name = "bpf_write_held", .run = bpf_write_held},
	{.name = "bpf_detach_held", .run = bpf_detach_held},
	{.name = "bpf_new_map", .run = bpf_new_map},
	{.name = "bpf_new_program", .run = bpf_new_program},
	{.name = "measure_kernel", .run = measure_kernel},
	{.name = "uring", .run = uring},
	{.name = "set_clock", .run = set_clock},
	{.name = "old_door", .run = old_door},
	CALL("x32_door", 0x40000000 + SYS_getpid),
	CALL("set_time", SYS_clock_settime, 0, P(midnight)),
	CALL("kernel_log", SYS_syslog, 3, P(log_bytes), sizeof(log_bytes)),
	CALL("load_module", SYS_init_module, P(log_bytes), sizeof(log_bytes), P("")),
	CALL("load_kernel", SYS_kexec_load, 0, 0, 0, 0),
	CALL("host_name", SYS_sethostname, P("attack"), 6),
	CALL("reboot", SYS_reboot, 0xfee1dead, 0x28121969, 0 /* CAD off */, 0),
	CALL("accounting", SYS_acct, P("/tmp/esclusa-attack")),
	CALL("swap", SYS_swapoff, P("/swap")),
	CALL("watch_file_systems", SYS_fanotify_init, 0, 0),
#ifdef SYS_iopl
	CALL("io_ports", SYS_iopl, 3),
#endif
	{0},
};
