/* SPDX-License-Identifier: BSD-2-Clause */
/* Control's own sandbox. Each check runs in a child, because none of it can be undone. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "control/launch.h"
#include "control/lockdown.h"

#define WAIVED_NONE 0u

#define must(ok)                                                                                   \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #ok,       \
				strerror(errno));                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void lock(uint32_t waived)
{
	char why[ESC_LOCKDOWN_WHY] = "";
	uint32_t layers;

	if (esc_lockdown(waived, &layers, why)) {
		fprintf(stderr, "%s\n", why);
		_exit(1);
	}
}

/* What becomes of a process that locks itself in and does this. */
static int fate(uint32_t waived, void (*act)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		lock(waived);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void need_root(void)
{
	if (!geteuid())
		return;
	print_message("skip: needs root\n");
	skip();
}

static void good(uint32_t waived, void (*act)(void))
{
	need_root();
	int status = fate(waived, act);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- capabilities ------------------------------------------------------------------------- */

static void lost_and_kept(void)
{
	static const unsigned int gone[] = {CAP_SYS_PTRACE,   CAP_SYS_MODULE, CAP_SYS_RAWIO,
					    CAP_DAC_OVERRIDE, CAP_SYS_BOOT,   CAP_SYS_TIME,
					    CAP_MKNOD,	      CAP_FOWNER,     CAP_AUDIT_CONTROL};

	must(!capng_get_caps_process());
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		must(!capng_have_capability(CAPNG_PERMITTED, gone[i]));
		must(!capng_have_capability(CAPNG_EFFECTIVE, gone[i]));
		must(prctl(PR_CAPBSET_READ, gone[i], 0, 0, 0) == 0);
	}
	must(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN));
	must(capng_have_capability(CAPNG_EFFECTIVE, CAP_KILL));
}

static void test_capabilities_are_few_for_good(void **state)
{
	(void)state;
	good(WAIVED_NONE, lost_and_kept);
}

/* --- what is in force ---------------------------------------------------------------------- */

static void attributes(void)
{
	struct rlimit core;

	must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
	must(!getrlimit(RLIMIT_CORE, &core) && !core.rlim_max);
}

static void test_flags_limits_and_filter(void **state)
{
	(void)state;
	good(WAIVED_NONE, attributes);
}

static void no_filter(void)
{
	must(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0);
	must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void test_the_filter_can_be_waived_the_rest_cannot(void **state)
{
	(void)state;
	good(ESC_LAYER_BIT(ESC_LAYER_seccomp), no_filter);
	good(~ESC_LAYER_BIT(ESC_LAYER_memory), no_filter);
}

static void test_it_says_what_is_in_force(void **state)
{
	const uint32_t all = ESC_LAYER_BIT(ESC_LAYER_privileges) | ESC_LAYER_BIT(ESC_LAYER_dump) |
			     ESC_LAYER_BIT(ESC_LAYER_memory) | ESC_LAYER_BIT(ESC_LAYER_seccomp);
	int status;

	(void)state;
	need_root();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char why[ESC_LOCKDOWN_WHY];
		uint32_t layers = 0;
		must(!esc_lockdown(ESC_LAYER_BIT(ESC_LAYER_memory), &layers, why));
		must(layers == (all & ~ESC_LAYER_BIT(ESC_LAYER_memory)));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- system calls --------------------------------------------------------------------------- */

static void sockets(void)
{
	static const int refused[] = {AF_INET,	    AF_INET6, AF_PACKET, AF_VSOCK,
				      AF_BLUETOOTH, AF_ALG,   AF_KEY,	 AF_TIPC};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++)
			must(socket(refused[i], type, 0) < 0 && errno == EPERM);
		/* The upper half of the register is not the kernel's to look at, nor the filter's.
		 */
		must(syscall(SYS_socket, 0x100000000ull | (unsigned int)refused[i], SOCK_DGRAM, 0) <
		     0);
		must(errno == EPERM);
	}
	must(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) < 0);
	must(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) < 0);
	must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0);
	must(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	must(socket(AF_XDP, SOCK_RAW, 0) >= 0 || errno == EAFNOSUPPORT);
}

static void test_no_network_socket_of_any_kind(void **state)
{
	(void)state;
	good(WAIVED_NONE, sockets);
}

static void unlisted(void)
{
	char c = 'x';

	must(ioctl(0, TIOCSTI, &c) < 0 && errno == EPERM);
	must(syscall(SYS_chroot, "/") < 0 && errno == EPERM);
	must(syscall(SYS_timer_create, 0, NULL, NULL) < 0 && errno == EPERM);
	must(syscall(100000) < 0 && errno == EPERM); /* calls of kernels to come */
}

static void test_an_unlisted_call_fails(void **state)
{
	(void)state;
	good(WAIVED_NONE, unlisted);
}

static void do_ptrace(void)
{
	ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void do_read_memory(void)
{
	char c;
	struct iovec v = {&c, 1};

	process_vm_readv(getppid(), &v, 1, &v, 1, 0);
}

static void do_setns(void)
{
	setns(0, 0);
}

static void do_handle(void)
{
	syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0);
}

static void do_module(void)
{
	syscall(SYS_finit_module, 0, "", 0);
}

static void do_kexec(void)
{
	syscall(SYS_kexec_load, 0, 0, NULL, 0);
}

static void do_uring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void do_userfaultfd(void)
{
	syscall(SYS_userfaultfd, 0);
}

static void do_perf(void)
{
	syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0);
}

static void do_keyctl(void)
{
	syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

#ifdef __x86_64__
/* The same call by its number of the 32-bit system, which means something else here. */
static void do_old_abi(void)
{
	__asm__ volatile("int $0x80" : : "a"(20) : "memory");
}

static void do_x32(void)
{
	syscall(0x40000000 | SYS_getpid);
}
#endif

static void test_calls_without_an_innocent_use_are_deadly(void **state)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} deadly[] = {
		{"ptrace", do_ptrace},
		{"process_vm_readv", do_read_memory},
		{"setns", do_setns},
		{"open_by_handle_at", do_handle},
		{"finit_module", do_module},
		{"kexec_load", do_kexec},
		{"io_uring_setup", do_uring},
		{"userfaultfd", do_userfaultfd},
		{"perf_event_open", do_perf},
		{"keyctl", do_keyctl},
#ifdef __x86_64__
		{"the 32-bit ABI", do_old_abi},
		{"the x32 ABI", do_x32},
#endif
	};

	(void)state;
	need_root();
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		int status = fate(WAIVED_NONE, deadly[i].act);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: status 0x%x", deadly[i].name, (unsigned int)status);
	}
}

/* What the packet processes will do under it. */
static void set_up_of_a_process(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		must(!unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS));
		must(!setresgid(64123, 64123, 64123) && !setresuid(64123, 64123, 64123));
		capng_clear(CAPNG_SELECT_ALL);
		must(!capng_apply(CAPNG_SELECT_CAPS));
		must(socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM);
		pause();
		_exit(errno == EPERM ? 0 : 1); /* nobody waits like that here */
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void test_what_it_starts_inherits_it(void **state)
{
	(void)state;
	good(WAIVED_NONE, set_up_of_a_process);
}

/* Control neither executes anything nor starts anyone, and has no right that only that needs. */
static void no_processes(void)
{
	char name[] = "true", *const argv[] = {name, NULL};

	must(fork() < 0 && errno == EPERM);
	must(execv("/bin/true", argv) < 0 && errno == EPERM);
	must(unshare(CLONE_NEWNET) < 0 && errno == EPERM);
	must(setuid(1) < 0 && errno == EPERM);
	must(!capng_get_caps_process());
	must(!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN));
	must(!capng_have_capability(CAPNG_PERMITTED, CAP_SETUID));
	must(!capng_have_capability(CAPNG_PERMITTED, CAP_SETPCAP));
	must(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
	must(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN));
}

static void test_with_a_launcher_it_starts_nobody(void **state)
{
	(void)state;
	setenv(ESC_LAUNCHER_ENV, "/nowhere", 1);
	good(WAIVED_NONE, no_processes);
	unsetenv(ESC_LAUNCHER_ENV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities_are_few_for_good),
		cmocka_unit_test(test_flags_limits_and_filter),
		cmocka_unit_test(test_the_filter_can_be_waived_the_rest_cannot),
		cmocka_unit_test(test_it_says_what_is_in_force),
		cmocka_unit_test(test_no_network_socket_of_any_kind),
		cmocka_unit_test(test_an_unlisted_call_fails),
		cmocka_unit_test(test_calls_without_an_innocent_use_are_deadly),
		cmocka_unit_test(test_what_it_starts_inherits_it),
		cmocka_unit_test(test_with_a_launcher_it_starts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
