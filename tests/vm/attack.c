/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attack.c: what a hostile root may try, one system call deep. Linked statically, run in the guest:
 *
 *	attack NAME [ARGUMENTS...]
 *
 * Prints "NAME: done" (exit code 0), "NAME: refused: ERRNO" (1: by permission, EPERM or EACCES), or
 * "NAME: failed: ..." (2: for another reason, which proves nothing).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *name;

/* ok: the attack did what it was to do; else errno tells. */
__attribute__((noreturn)) static void end(int ok)
{
	if (ok) {
		printf("%s: done\n", name);
		exit(0);
	}
	if (errno == EPERM || errno == EACCES) {
		printf("%s: refused: %s\n", name, strerror(errno));
		exit(1);
	}
	printf("%s: failed: %s\n", name, strerror(errno));
	exit(2);
}

static uint64_t ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* --- processes --------------------------------------------------------------------------- */

static int attach(pid_t pid, int how)
{
	if (ptrace(how, pid, 0, 0))
		return 0;
	if (how == PTRACE_ATTACH)
		waitpid(pid, NULL, __WALL);
	return !ptrace(PTRACE_DETACH, pid, 0, 0) || how == PTRACE_SEIZE;
}

/* An address of the process's stack: its 28th number in stat is zero for strangers, so look. */
static unsigned long some_address(pid_t pid)
{
	char path[64], line[512], *end_of_it;
	unsigned long address = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0x400000; /* refused too: any address will do */
	while (fgets(line, sizeof(line), f)) {
		unsigned long from = strtoul(line, &end_of_it, 16);
		if (strstr(line, "[stack]"))
			address = strtoul(end_of_it + 1, NULL, 16) - 64;
		else if (!address && strstr(line, " r"))
			address = from;
	}
	fclose(f);
	return address;
}

static int readv_of(pid_t pid)
{
	char buf[16];
	struct iovec local = {buf, sizeof(buf)};
	struct iovec remote = {(void *)some_address(pid), sizeof(buf)};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(buf);
}

static int writev_of(pid_t pid)
{
	char buf[16];
	struct iovec local = {buf, sizeof(buf)};
	struct iovec remote = {(void *)some_address(pid), sizeof(buf)};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(buf) &&
	       process_vm_writev(pid, &local, 1, &remote, 1, 0) == sizeof(buf);
}

static int proc_open(pid_t pid, const char *what)
{
	char path[64], c;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (!strcmp(what, "mem"))
		return pread(fd, &c, 1, (off_t)some_address(pid)) == 1;
	return read(fd, &c, 1) >= 0; /* an environment may be empty */
}

static int proc_link(pid_t pid, const char *what)
{
	char path[64], to[256];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	return readlink(path, to, sizeof(to)) > 0;
}

static int getfd(pid_t pid, int number)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	return pidfd >= 0 && syscall(SYS_pidfd_getfd, pidfd, number, 0) >= 0;
}

static int samples(pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 100000,
		.sample_type = PERF_SAMPLE_STACK_USER | PERF_SAMPLE_REGS_USER,
		.sample_regs_user = 1,
		.sample_stack_user = 4096,
	};

	return syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0) >= 0;
}

/* The program under a tracer from its first instruction. */
static int traced_exec(const char *program)
{
	int status;
	pid_t child = fork();

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execl(program, program, "--version", NULL);
		_exit(errno);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 0;
	if (WIFSTOPPED(status)) { /* at its first instruction */
		kill(child, SIGKILL);
		return 1;
	}
	errno = WEXITSTATUS(status);
	return 0;
}

/* --- files and mounts ---------------------------------------------------------------------- */

static int open_as(const char *path, int flags)
{
	return open(path, flags, 0600) >= 0;
}

static int bind_over(const char *path)
{
	return !mount("/tmp", path, NULL, MS_BIND, NULL);
}

/* Mount points are taken away with the tree above them, wherever that is seen. */
static int umount_tree(const char *path)
{
	mkdir("/tmp/tree", 0700);
	if (mount("tree", "/tmp/tree", "tmpfs", 0, NULL) || mkdir("/tmp/tree/sys", 0700) ||
	    mount(path, "/tmp/tree/sys", NULL, MS_BIND | MS_REC, NULL))
		return 0;
	return !umount2("/tmp/tree", MNT_DETACH);
}

static int move_mount_of(const char *path)
{
	mkdir("/tmp/to", 0700);
	return !syscall(SYS_move_mount, AT_FDCWD, path, AT_FDCWD, "/tmp/to", 0);
}

/* --- the egress guard ----------------------------------------------------------------------- */

/* To clsact egress of an interface: the guard's own filter, or the whole hook. */
static int guard(const char *nic, int type, uint32_t parent, uint32_t info, uint32_t handle)
{
	struct {
		struct nlmsghdr h, tail;
		char rest[256];
	} answer;
	struct {
		struct nlmsghdr nothing, h;
		struct tcmsg t;
	} m = {
		.nothing = {.nlmsg_len = sizeof(m.nothing), .nlmsg_type = NLMSG_NOOP},
		.h = {.nlmsg_len = sizeof(m) - sizeof(m.nothing),
		      .nlmsg_type = (uint16_t)type,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.t = {.tcm_ifindex = (int)if_nametoindex(nic),
		      .tcm_parent = parent,
		      .tcm_handle = handle,
		      .tcm_info = info},
	};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	ssize_t n = fd < 0 ? -1 : send(fd, &m, sizeof(m), 0);

	if (n != (ssize_t)sizeof(m) || recv(fd, &answer, sizeof(answer), 0) < 0)
		return 0;
	const struct nlmsgerr *e = NLMSG_DATA(&answer.h);
	errno = -e->error;
	return answer.h.nlmsg_type == NLMSG_ERROR && !e->error;
}

static int attach_tcx(const char *nic)
{
	union bpf_attr attr = {.link_create = {.prog_fd = 0, .attach_type = 47}};

	attr.link_create.target_ifindex = if_nametoindex(nic);
	return !syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) ||
	       (errno != EPERM && errno != EACCES); /* Linux 6.1 has no tcx: it got that far */
}

/* --- BPF ------------------------------------------------------------------------------------ */

/* The next descriptor of that kind; all that were not given are counted. */
static int next_fd(int get_next, int get_fd, uint32_t *id, unsigned int *refused)
{
	for (;;) {
		union bpf_attr attr = {.start_id = *id};
		if (bpf(get_next, &attr))
			return -1;
		*id = attr.next_id;
		attr = (union bpf_attr){.map_id = *id};
		int fd = bpf(get_fd, &attr);
		if (fd >= 0)
			return fd;
		*refused += errno == EPERM;
	}
}

static int info_of(int fd, void *info, uint32_t size)
{
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd, .info_len = size}};

	attr.info.info = ptr(info);
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

/* All XDP links. */
static int detach_links(void)
{
	unsigned int refused = 0, done = 0;
	uint32_t id = 0;
	int fd;

	while ((fd = next_fd(BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, &id, &refused)) >= 0) {
		struct bpf_link_info info = {0};
		union bpf_attr attr = {.link_detach = {.link_fd = (uint32_t)fd}};
		done += !info_of(fd, &info, sizeof(info)) && info.type == BPF_LINK_TYPE_XDP &&
			!bpf(BPF_LINK_DETACH, &attr);
		close(fd);
	}
	errno = refused ? EPERM : ENOENT;
	return done > 0;
}

/* A map of that name: its first key gets a value of zeros. */
static int write_map(const char *wanted)
{
	static char key[64], value[4096];
	unsigned int refused = 0;
	uint32_t id = 0;
	int fd;

	while ((fd = next_fd(BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID, &id, &refused)) >= 0) {
		struct bpf_map_info info = {0};
		union bpf_attr attr = {.map_fd = (uint32_t)fd};
		attr.key = ptr(key);
		attr.value = ptr(value);
		if (!info_of(fd, &info, sizeof(info)) && !strcmp(info.name, wanted))
			return info.value_size <= sizeof(value) && !bpf(BPF_MAP_UPDATE_ELEM, &attr);
		close(fd);
	}
	errno = refused ? EPERM : ENOENT;
	return 0;
}

static int take_program(const char *wanted)
{
	unsigned int refused = 0;
	uint32_t id = 0;
	int fd;

	while ((fd = next_fd(BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, &id, &refused)) >= 0) {
		struct bpf_prog_info info = {0};
		if (!info_of(fd, &info, sizeof(info)) && !strcmp(info.name, wanted))
			return 1;
		close(fd);
	}
	errno = refused ? EPERM : ENOENT;
	return 0;
}

static int obj_get(const char *path)
{
	union bpf_attr attr = {.pathname = ptr(path)};

	return bpf(BPF_OBJ_GET, &attr) >= 0;
}

/* A program that reads the memory of whatever process is current when a packet arrives. */
static int load(uint32_t type, int reads)
{
	const struct bpf_insn r1 = {
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 10};
	const struct bpf_insn add = {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .imm = -8};
	const struct bpf_insn r2 = {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 8};
	const struct bpf_insn r3 = {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 4096};
	const struct bpf_insn call = {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_user};
	const struct bpf_insn r0 = {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 2};
	const struct bpf_insn out = {.code = BPF_JMP | BPF_EXIT};
	const struct bpf_insn all[] = {r1, add, r2, r3, call, r0, out};
	static char log[65536];
	union bpf_attr attr = {.prog_type = type, .insn_cnt = reads ? 7 : 2};

	attr.insns = ptr(reads ? all : all + 5);
	attr.license = ptr("GPL");
	attr.log_buf = ptr(log);
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	if (bpf(BPF_PROG_LOAD, &attr) >= 0)
		return 1;
	if (errno == EINVAL && strstr(log, "unknown func")) /* the helper is not for this one */
		errno = EPERM;
	return 0;
}

int main(int argc, char **argv)
{
	const char *a = argc > 2 ? argv[2] : "";
	const pid_t pid = (pid_t)atoi(a);
	const int number = argc > 3 ? atoi(argv[3]) : 0;

	name = argc > 1 ? argv[1] : "?";
#define ATTACK(word, expression)                                                                   \
	if (!strcmp(name, word))                                                                   \
	end(expression)
	ATTACK("attach", attach(pid, PTRACE_ATTACH));
	ATTACK("seize", attach(pid, PTRACE_SEIZE));
	ATTACK("readv", readv_of(pid));
	ATTACK("writev", writev_of(pid));
	ATTACK("mem", proc_open(pid, "mem"));
	ATTACK("maps", proc_open(pid, "maps"));
	ATTACK("environ", proc_open(pid, "environ"));
	ATTACK("auxv", proc_open(pid, "auxv"));
	ATTACK("exe", proc_link(pid, "exe"));
	ATTACK("fd", proc_link(pid, "fd/2"));
	ATTACK("getfd", getfd(pid, number));
	ATTACK("samples", samples(pid));
	ATTACK("traced_exec", traced_exec(a));
	ATTACK("open", open_as(a, O_RDONLY));
	ATTACK("write", open_as(a, O_WRONLY));
	ATTACK("otrunc", open_as(a, O_RDONLY | O_TRUNC));
	ATTACK("truncate", !truncate(a, 0));
	ATTACK("link", !link(a, "/tmp/another") && open_as("/tmp/another", O_RDONLY));
	ATTACK("unlink", !unlink(a));
	ATTACK("rename", !rename(a, "/sys/fs/bpf/elsewhere"));
	ATTACK("bind_over", bind_over(a));
	ATTACK("umount", !umount2(a, 0));
	ATTACK("umount_lazy", !umount2(a, MNT_DETACH));
	ATTACK("umount_tree", umount_tree(a));
	ATTACK("move_mount", move_mount_of(a));
	ATTACK("del_filter", guard(a, RTM_DELTFILTER, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
				   TC_H_MAKE(1u << 16, 0), 0));
	ATTACK("del_clsact", guard(a, RTM_DELQDISC, TC_H_CLSACT, 0, 0));
	ATTACK("attach_tcx", attach_tcx(a));
	ATTACK("detach_links", detach_links());
	ATTACK("write_map", write_map(a));
	ATTACK("take_program", take_program(a));
	ATTACK("obj_get", obj_get(a));
	ATTACK("load_xdp", load(BPF_PROG_TYPE_XDP, 0));
	ATTACK("load_reader", load(BPF_PROG_TYPE_XDP, 1));
	ATTACK("load_kprobe", load(BPF_PROG_TYPE_KPROBE, 0));
	ATTACK("kcore", open_as("/proc/kcore", O_RDONLY));
	ATTACK("tracefs", open_as("/sys/kernel/tracing/uprobe_events", O_WRONLY));
	printf("%s: failed: there is no such attack\n", name);
	return 2;
}
