/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c: the system calls that control may make, and, where it starts them itself, the packet
 * processes until each of them loaded its own, much shorter list. One reason per call.
 *
 * A call that is in none of them fails with EPERM instead of ending the process: control keeps the
 * node up, its libraries (the C library's name service among them) try calls that they can do
 * without, and one that is refused harms nobody. A call of the last list is another matter: nothing
 * here has an innocent use for it, so who makes it is not control any more, and is killed; systemd
 * starts the node again.
 */
#include <errno.h>
#include <net/if.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "control/lockdown.h"

struct call {
	int number;
	const char *why;
};

#define CALL(name, why)                                                                            \
	{                                                                                          \
		SCMP_SYS(name), why                                                                \
	}

static const struct call allowed[] = {
	/* files: its own in the state, run and BPF directories; libraries, /proc, user names */
	CALL(openat, "files"),
	CALL(close, "any descriptor"),
	CALL(read, "files, signals, bells"),
	CALL(pread64, "lock files, states of processes, libraries"),
	CALL(write, "log, files, bells"),
	CALL(writev, "the C library's last words"),
	CALL(pwrite64, "lock files"),
	CALL(lseek, "user names"),
	CALL(fcntl, "non-blocking sockets, seals of memory"),
	CALL(fstat, "files"),
	CALL(stat, "files"),
	CALL(newfstatat, "files"),
	CALL(statx, "files"),
	CALL(access, "libraries and the loader look for theirs"),
	CALL(getcwd, "the whole name of a file"),
	CALL(faccessat, "libraries look for theirs"),
	CALL(faccessat2, "the same"),
	CALL(readlink, "which queues a device has"),
	CALL(readlinkat, "the same"),
	CALL(getdents64, "pins of a node that died; open descriptors"),
	CALL(statfs, "is the BPF file system there?"),
	CALL(fstatfs, "the same"),
	CALL(mkdir, "its directories"),
	CALL(mkdirat, "the same"),
	CALL(rmdir, "the same, at the end"),
	CALL(unlink, "sockets, pins and locks, at the end"),
	CALL(unlinkat, "the same"),
	CALL(rename, "files are exchanged whole"),
	CALL(renameat, "the same"),
	CALL(renameat2, "the same"),
	CALL(fsync, "what must survive a power cut"),
	CALL(fdatasync, "the same"),
	CALL(ftruncate, "lock files, sizes of shared memory"),
	CALL(flock, "one control per node"),
	CALL(umask, "sockets that nobody else may open"),
	CALL(chmod, "folders for all to look into"),
	CALL(fchmod, "the same"),
	CALL(fchmodat, "the same"),
	CALL(setxattr, "access lists of administrators' sockets"),
	CALL(fsetxattr, "and of the audit log"),

	/* sockets; socket() itself is below */
	CALL(bind, "administrators' sockets, netlink, AF_XDP queues"),
	CALL(listen, "administrators' sockets"),
	CALL(accept4, "administrators"),
	CALL(connect, "is another control there? systemd, user names"),
	CALL(getsockname, "netlink"),
	CALL(getpeername, "user names"),
	CALL(getsockopt, "who asks? what did the kernel drop?"),
	CALL(setsockopt, "netlink groups, AF_XDP rings"),
	CALL(sendto, "messages, answers, netlink"),
	CALL(sendmsg, "netlink, user names"),
	CALL(recvfrom, "messages, questions"),
	CALL(recvmsg, "netlink, user names"),
	CALL(shutdown, "user names"),

	/* waiting */
	CALL(epoll_create1, "the event loop"),
	CALL(epoll_ctl, "the event loop"),
	CALL(epoll_wait, "the event loop"),
	CALL(epoll_pwait, "the same on other machines"),
	CALL(poll, "the end of a process"),
	CALL(signalfd4, "signals are events"),
	CALL(eventfd2, "bells of the packet processes"),
	CALL(clock_gettime, "time, processor time of the packet processes"),
	CALL(clock_getres, "is that clock there?"),
	CALL(nanosleep, "the same"),
	CALL(gettimeofday, "where it takes a system call"),
	CALL(time, "the same"),
	CALL(restart_syscall, "the rest of a wait, after SIGSTOP and SIGCONT"),

	/* memory */
	CALL(brk, "malloc"),
	CALL(mmap, "malloc, libraries, shared memory, AF_XDP rings"),
	CALL(munmap, "the same"),
	CALL(mremap, "malloc"),
	CALL(mprotect, "guarded keys, the loader"),
	CALL(madvise, "keys are left out of core files"),
	CALL(mlock, "keys and packets are locked"),
	CALL(mlock2, "the same"),
	CALL(mlockall, "the same"),
	CALL(munlock, "keys are given back"),
	CALL(memfd_create, "packet memory, rings, status"),
	CALL(getrandom, "keys, nonces, hash seeds"),

	/* BPF: which programs, maps and links is the BPF LSM's to say */
	CALL(bpf, "programs, maps, links"),
	CALL(dup3, "a map that two programs share"),

	/* processes */
	CALL(waitid, "how a packet process ended, or was stopped"),
	CALL(pidfd_send_signal, "end it"),
	CALL(kill, "end it"),
	CALL(tgkill, "abort()"),
	CALL(exit, "end"),
	CALL(exit_group, "end"),
	CALL(getpid, "who am I?"),
	CALL(getpgrp, "is the terminal ours?"),
	CALL(getpgid, "the same on other machines"),
	CALL(gettid, "who am I?"),
	CALL(rt_sigaction, "signals"),
	CALL(rt_sigprocmask, "signals"),
	CALL(rt_sigreturn, "signals"),
	CALL(sigaltstack, "the C library"),
	CALL(futex, "locks of libraries"),
	CALL(membarrier, "libraries"),
	CALL(sched_yield, "libraries"),
	CALL(getcpu, "libraries"),
	CALL(sched_getaffinity, "how many processors?"),
	CALL(uname, "which kernel?"),
	CALL(sysinfo, "how much memory?"),
	CALL(getrusage, "libraries"),

	/* limits and rights, its own */
	CALL(prctl, "no_new_privs, not dumpable, end with control, names"),
	CALL(prlimit64, "limits"),
	CALL(getrlimit, "limits"),
	CALL(capget, "which capabilities?"),
	CALL(getuid, "who am I?"),
	CALL(geteuid, "who am I?"),
	CALL(getgid, "who am I?"),
	CALL(getegid, "who am I?"),
	CALL(getresuid, "who am I?"),
	CALL(getresgid, "who am I?"),
	CALL(getgroups, "who am I?"),
};

/* What starts a packet process, and what that does to lock itself in. Not with a launcher. */
static const struct call starting[] = {
	/* another process, and another program */
	CALL(clone, "start a packet process"),
	CALL(clone3, "the same, in a PID namespace"),
	CALL(vfork, "the same, in the C library"),
	CALL(pidfd_open, "its end is an event"),
	CALL(setsid, "a packet process does not hear Ctrl-C"),
	CALL(getppid, "is control still there?"),
	CALL(dup, "does a packet process have room for a descriptor?"),
	CALL(dup2, "descriptors of a packet process in their places"),
	CALL(close_range, "descriptors that a packet process is not to have"),
	CALL(execve, "the packet process is this program again"),
	CALL(wait4, "does a packet process have room for another?"),

	/* the loader and the C library start */
	CALL(set_tid_address, "the C library starts"),
	CALL(set_robust_list, "the C library starts"),
	CALL(rseq, "the C library starts"),
	CALL(arch_prctl, "the C library starts"),

	/* its life before it is locked in */
	CALL(ppoll, "packet processes wait"),
	CALL(clock_nanosleep, "a queue is not free yet"),
	CALL(sched_setscheduler, "packet processes are scheduled in batches"),

	/* locking itself in */
	CALL(setrlimit, "limits"),
	CALL(capset, "fewer capabilities"),
	CALL(setuid, "try to become root again, and fail"),
	CALL(setgid, "the same"),
	CALL(setgroups, "no other groups"),
	CALL(setresuid, "a user of its own"),
	CALL(setresgid, "a group of its own"),
	CALL(unshare, "namespaces of its own"),
	CALL(mount, "an empty root; the BPF file system"),
	CALL(pivot_root, "that root"),
	CALL(umount2, "the old one goes"),
	CALL(chdir, "into the new one"),
	CALL(sethostname, "no host name"),
	CALL(setdomainname, "no domain name"),
	CALL(landlock_create_ruleset, "no path"),
	CALL(landlock_add_rule, "no path"),
	CALL(landlock_restrict_self, "no path"),
	CALL(seccomp, "its own filter"),
};

/* Into other processes, into the kernel, around the lists above, or at the machine. */
static const struct call deadly[] = {
	CALL(ptrace, "another process's memory"),
	CALL(process_vm_readv, "another process's memory"),
	CALL(process_vm_writev, "another process's memory"),
	CALL(process_madvise, "another process's memory"),
	CALL(pidfd_getfd, "another process's descriptors"),
	CALL(kcmp, "another process's descriptors"),
	CALL(setns, "another process's namespaces"),
	CALL(open_by_handle_at, "files past all directories"),
	CALL(kexec_load, "another kernel"),
	CALL(kexec_file_load, "another kernel"),
	CALL(init_module, "code in the kernel"),
	CALL(finit_module, "code in the kernel"),
	CALL(delete_module, "code in the kernel"),
	CALL(perf_event_open, "what other processes execute"),
	CALL(userfaultfd, "a stopped kernel, at a place of one's choice"),
	CALL(io_uring_setup, "calls that no filter sees"),
	CALL(io_uring_enter, "the same"),
	CALL(io_uring_register, "the same"),
	CALL(add_key, "the kernel's key rings"),
	CALL(request_key, "the kernel's key rings"),
	CALL(keyctl, "the kernel's key rings"),
	CALL(syslog, "the kernel's addresses"),
	CALL(mknod, "devices"),
	CALL(mknodat, "devices"),
	CALL(iopl, "ports of the machine"),
	CALL(ioperm, "ports of the machine"),
	CALL(modify_ldt, "old holes of the kernel"),
	CALL(personality, "a weaker address space"),
	CALL(reboot, "the machine's end"),
	CALL(swapon, "memory on a disk"),
	CALL(swapoff, "memory on a disk"),
	CALL(settimeofday, "a clock that lies"),
	CALL(clock_settime, "a clock that lies"),
	CALL(acct, "files of the kernel"),
	CALL(quotactl, "file systems"),
};

/* What may be asked of a device: the NICs' state, and a terminal for the key store's passphrase. */
static const unsigned long requests[] = {
	SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFHWADDR, SIOCETHTOOL,
	TCGETS,	      TCSETS,	    TCSETSW,	TCSETSF,       TIOCGPGRP,
};

/*
 * No process of a node can ever have a network socket (R9): neither control nor what it starts.
 * Netlink: NICs, addresses, routes, neighbours; and the generic family, which libbpf asks what
 * XDP can do on a NIC.
 */
static const struct {
	int family, protocol; /* -1: any */
} sockets[] = {
	{AF_UNIX, -1},
	{AF_XDP, -1},
	{AF_NETLINK, NETLINK_ROUTE},
	{AF_NETLINK, NETLINK_GENERIC},
};

#define COUNT(list)    (sizeof(list) / sizeof((list)[0]))
#define SAME(n, value) SCMP_CMP32((n), SCMP_CMP_EQ, (uint32_t)(value))

static int add_sockets(scmp_filter_ctx f)
{
	int err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SAME(0, AF_UNIX));

	for (size_t i = 0; i < COUNT(sockets) && !err; i++)
		err = sockets[i].protocol < 0
			      ? seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
						 SAME(0, sockets[i].family))
			      : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
						 SAME(0, sockets[i].family),
						 SAME(2, sockets[i].protocol));
	return err;
}

static int add_all(scmp_filter_ctx f, bool starts)
{
	int err = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (!err) /* no_new_privs is a step of its own */
		err = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	if (!err) /* a tree: packet processes pass through this filter too */
		err = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < COUNT(allowed) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i].number, 0);
	for (size_t i = 0; i < COUNT(starting) && starts && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, starting[i].number, 0);
	for (size_t i = 0; i < COUNT(deadly) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i].number, 0);
	for (size_t i = 0; i < COUNT(requests) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SAME(1, requests[i]));
	return err ? err : add_sockets(f);
}

int esc_calls_load(bool starts)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (!f)
		return -ENOMEM;
	int err = add_all(f, starts);
	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}
