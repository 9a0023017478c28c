/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sandbox of a packet process, layer by layer: with one layer alone in force, what that layer
 * is there to refuse is refused by it; without it, the same works. Each check runs in a process of
 * its own, which tells with its exit status (or its end) what happened. Most need root.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/fds.h"
#include "ipc/msg.h"
#include "proc/sandbox.h"

#define SOMEBODY   64123
#define HEAP	   ((size_t)1 << 20)

#define ALL	   ESC_LAYERS_WAIVABLE
#define ONLY(name) (ALL & ~ESC_LAYER_BIT(ESC_LAYER_##name)) /* what to waive for it */

/* What a process reports: what it tried worked, was refused with an errno, or killed it. */
enum { WORKED = 0, NOT_SO = 200, NOT_LOCKED_IN = 201, KILLED = 256 };
#define KILLED_BY(sig) (KILLED + (sig))

/* In a locked-in process: nothing can be written, so the line number has to do. */
#define must(ok)                                                                                   \
	do {                                                                                       \
		if (!(ok))                                                                         \
			_exit(NOT_SO);                                                             \
	} while (0)

static bool root;
static pid_t parent;
static int queue; /* a System V message queue that everybody may use */
static char listener_name[32];

static uint32_t layers; /* in the locked-in process: what it was told is in force */

/* --- a process with the descriptors that it expects ------------------------------------------ */

static void place_descriptors(int control)
{
	int null = open("/dev/null", O_RDWR), fd[ESC_FD_XSK + 1];

	for (int i = 0; i <= ESC_FD_XSK; i++)
		fd[i] = fcntl(null, F_DUPFD, 100);
	fd[ESC_FD_LOG] = fcntl(STDERR_FILENO, F_DUPFD, 100);
	fd[ESC_FD_CONTROL] = fcntl(control, F_DUPFD, 100);
	fd[ESC_FD_STATUS] = fcntl(memfd_create("file", 0), F_DUPFD, 100);
	fd[ESC_FD_RED_WAKE] = fcntl(eventfd(0, EFD_NONBLOCK), F_DUPFD, 100);
	fd[ESC_FD_CRYPTO_WAKE] = fcntl(eventfd(0, EFD_NONBLOCK), F_DUPFD, 100);
	fd[ESC_FD_XSK] = fcntl(socket(AF_UNIX, SOCK_DGRAM, 0), F_DUPFD, 100);
	for (int i = 0; i <= ESC_FD_XSK; i++)
		dup2(fd[i], i);
	syscall(SYS_close_range, ESC_FD_XSK + 1u, ~0u, 0u);
}

static int enter(uint32_t waived, char why[ESC_SANDBOX_WHY])
{
	const struct esc_sandbox box = {
		.uid = root ? SOMEBODY : 0,
		.gid = root ? SOMEBODY : 0,
		.waived = waived,
		.queues = 1,
		.own_bell = ESC_FD_RED_WAKE,
		.peer_bell = ESC_FD_CRYPTO_WAKE,
		.heap = HEAP,
	};

	return esc_sandbox_enter(&box, &layers, why);
}

static pid_t fork_into(bool own_pids)
{
	struct clone_args args = {
		.flags = own_pids ? CLONE_NEWPID : 0,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static bool pids_of_its_own(uint32_t waived)
{
	return !(waived & ESC_LAYER_BIT(ESC_LAYER_pid));
}

/*
 * Fork, prepare() (may be NULL), lock in with these layers waived, try(): what came of it. why gets
 * the reason if it could not lock itself in.
 */
static int locked_in(uint32_t waived, void (*prepare)(void), int (*try)(void),
		     char why[ESC_SANDBOX_WHY])
{
	int pair[2], status;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid_t pid = fork_into(root && pids_of_its_own(waived));
	assert_true(pid >= 0);
	if (!pid) {
		char text[ESC_SANDBOX_WHY] = "";
		place_descriptors(pair[1]);
		if (prepare)
			prepare();
		if (!enter(waived, text))
			_exit(try());
		send(ESC_FD_CONTROL, text, sizeof(text), 0);
		_exit(NOT_LOCKED_IN);
	}
	close(pair[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (recv(pair[0], why, ESC_SANDBOX_WHY, 0) <= 0)
		why[0] = '\0';
	close(pair[0]);
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status)) : WEXITSTATUS(status);
}

static void expect(const char *what, uint32_t waived, int (*try)(void), int expected)
{
	char why[ESC_SANDBOX_WHY];
	int got = locked_in(waived, NULL, try, why);

	if (got != expected)
		fail_msg("%s: %d (%s), expected %d %s", what, got,
			 got < NOT_SO ? strerror(got) : "not an errno", expected, why);
}

static void skip_unless_root(void)
{
	if (!root) {
		print_message("needs root\n");
		skip();
	}
}

/* --- attempts: 0 if it works, else the errno ---------------------------------------------------
 */

static int result(long r)
{
	return r < 0 ? errno : WORKED;
}

static int open_a_file(void)
{
	return result(open("/dev/null", O_RDONLY));
}

static int make_a_file(void)
{
	int err = result(mknod("/tmp/esclusa-sandbox-test", S_IFREG | 0600, 0));

	unlink("/tmp/esclusa-sandbox-test");
	return err;
}

/* Is this the host's name, or that of nobody? */
static int ask_the_host_name(void)
{
	char name[65] = "";

	must(!gethostname(name, sizeof(name) - 1));
	return strcmp(name, "(none)") ? WORKED : ENOENT;
}

static int use_a_message_queue(void)
{
	struct msqid_ds ds;

	return result(msgctl(queue, IPC_STAT, &ds));
}

/* Abstract names belong to the network namespace. */
static int connect_to_listener(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	memcpy(to.sun_path + 1, listener_name, strlen(listener_name));
	close(ESC_FD_LINK); /* there may be no room for another */
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	must(fd >= 0);
	return result(connect(
		fd, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(listener_name))));
}

/* EPERM is an answer about the process, ESRCH is none. */
static int name_the_parent(void)
{
	return kill(parent, 0) && errno == ESRCH ? ESRCH : WORKED;
}

static int fork_a_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return result(pid);
}

static int open_a_descriptor(void)
{
	return result(dup(0));
}

static int write_a_file(void)
{
	return result(write(ESC_FD_STATUS, "x", 1));
}

static int map_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : WORKED;
}

static int allocate(void)
{
	return malloc(64 << 20) ? WORKED : errno;
}

static _Alignas(4096) uint8_t page[4096];

static int execute_a_page(void)
{
	return result(mprotect(page, sizeof(page), PROT_READ | PROT_EXEC));
}

static int map_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? errno : WORKED;
}

static int bind_a_port(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET};
	close(ESC_FD_LINK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd >= 0);
	return result(bind(fd, (const struct sockaddr *)&any, sizeof(any)));
}

/* --- each layer --------------------------------------------------------------------------------
 */

static const struct {
	enum esc_layer layer;
	const char *what;
	int (*try)(void);
	int refusal;
} attempts[] = {
	{ESC_LAYER_mount, "opening a file", open_a_file, EACCES},
	{ESC_LAYER_mount, "making a file", make_a_file, EACCES},
	{ESC_LAYER_network, "connecting to a name", connect_to_listener, ECONNREFUSED},
	{ESC_LAYER_ipc, "using a message queue", use_a_message_queue, EINVAL},
	{ESC_LAYER_pid, "naming the parent", name_the_parent, ESRCH},
	{ESC_LAYER_uts, "the host's name", ask_the_host_name, ENOENT},
	{ESC_LAYER_landlock, "opening a file", open_a_file, EACCES},
	{ESC_LAYER_landlock, "making a file", make_a_file, EACCES},
	{ESC_LAYER_limits, "forking", fork_a_process, EAGAIN},
	{ESC_LAYER_limits, "opening a descriptor", open_a_descriptor, EMFILE},
	{ESC_LAYER_limits, "writing a file", write_a_file, KILLED_BY(SIGXFSZ)},
	{ESC_LAYER_limits, "allocating without end", allocate, ENOMEM},
	{ESC_LAYER_memory, "mapping memory", map_memory, EAGAIN},
	{ESC_LAYER_memory, "allocating more than there is", allocate, ENOMEM},
	{ESC_LAYER_seccomp, "opening a file", open_a_file, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "making a file", make_a_file, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "the host's name", ask_the_host_name, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "using a message queue", use_a_message_queue, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "connecting to a name", connect_to_listener, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "binding a port", bind_a_port, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "naming the parent", name_the_parent, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "forking", fork_a_process, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "opening a descriptor", open_a_descriptor, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "writing a file", write_a_file, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "executing a page", execute_a_page, KILLED_BY(SIGSYS)},
	{ESC_LAYER_seccomp, "mapping executable memory", map_executable, KILLED_BY(SIGSYS)},
};

static void each_layer_refuses_by_itself_what_is_possible_without_it(void **state)
{
	(void)state;
	skip_unless_root();
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		uint32_t bit = ESC_LAYER_BIT(attempts[i].layer);
		char what[96];

		if (!(bit & ESC_LAYERS_BUILT))
			continue;
		snprintf(what, sizeof(what), "%s, with %s", attempts[i].what,
			 esc_layer_info[attempts[i].layer].name);
		expect(what, ALL & ~bit, attempts[i].try, attempts[i].refusal);
		snprintf(what, sizeof(what), "%s, without any layer", attempts[i].what);
		expect(what, ALL, attempts[i].try, WORKED);
	}
}

/* Which refusal it is depends on the kernel: before 6.3 only seccomp knows. */
static void memory_does_not_become_executable(void **state)
{
	(void)state;
	bool mdwe = prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0) >= 0;

	skip_unless_root();
	if (mdwe) {
		expect("executing a page, with wx", ONLY(wx), execute_a_page, EACCES);
		expect("mapping executable memory, with wx", ONLY(wx), map_executable, EACCES);
	}
	expect("executing a page, without", ALL, execute_a_page, WORKED);
	expect("mapping executable memory, without", ALL, map_executable, WORKED);
}

static int report_layers(void)
{
	return layers == ESC_LAYERS_BUILT ? WORKED : NOT_SO;
}

static int report_no_layers(void)
{
	return layers == (ESC_LAYERS_BUILT & ~ESC_LAYERS_WAIVABLE) ? WORKED : NOT_SO;
}

static void it_says_what_is_in_force(void **state)
{
	(void)state;
	skip_unless_root();
	expect("all layers", 0, report_layers, WORKED);
	expect("none of those that can be waived", ALL, report_no_layers, WORKED);
	expect("none of any", UINT32_MAX, report_no_layers, WORKED);
}

/* --- what cannot be completed ------------------------------------------------------------------
 */

static void expect_stop(uint32_t waived, void (*prepare)(void), const char *layer,
			const char *feature)
{
	char why[ESC_SANDBOX_WHY];
	int got = locked_in(waived, prepare, report_layers, why);

	if (got != NOT_LOCKED_IN || !strstr(why, layer) || !strstr(why, feature))
		fail_msg("expected \"%s\" and \"%s\", got %d: %s", layer, feature, got, why);
}

static void take_descriptor(void)
{
	must(dup(0) > ESC_FD_XSK);
}

static void lose_admin(void)
{
	capng_get_caps_process();
	must(!capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN));
	must(!capng_apply(CAPNG_SELECT_CAPS));
}

static void make_writable_code(void)
{
	must(!map_executable());
}

static void leave_no_memory(void)
{
	must(!setrlimit(RLIMIT_AS, &(struct rlimit){HEAP / 2, HEAP / 2}));
}

static void a_layer_that_cannot_be_completed_stops_the_start(void **state)
{
	(void)state;
	skip_unless_root();
	expect_stop(0, take_descriptor, "sandbox layer descriptors", "Too many open files");
	expect_stop(0, lose_admin, "sandbox layer uts", "CONFIG_UTS_NS");
	expect_stop(ALL & ~ESC_LAYER_BIT(ESC_LAYER_mount), lose_admin, "sandbox layer mount",
		    "Sandbox = mount");
	expect_stop(0, make_writable_code, "sandbox layer wx", "writable and executable");
	if (ESC_LAYERS_BUILT & ESC_LAYER_BIT(ESC_LAYER_memory))
		expect_stop(0, leave_no_memory, "sandbox layer memory", "Cannot allocate memory");
}

static void it_must_be_the_first_process_of_its_namespace(void **state)
{
	char why[ESC_SANDBOX_WHY] = "";
	int status;

	(void)state;
	skip_unless_root();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		place_descriptors(0);
		_exit(enter(ONLY(pid), why) && strstr(why, "Sandbox = pid") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* --- privileges: what no waiver gives back ------------------------------------------------------
 */

static bool status_says(const char *line)
{
	char buf[256];
	bool found = false;
	FILE *f = fopen("/proc/self/status", "r");

	must(f);
	while (!found && fgets(buf, sizeof(buf), f))
		found = !strncmp(buf, line, strlen(line));
	fclose(f);
	return found;
}

static int nothing_is_left(void)
{
	static const char *const none[] = {
		"CapInh:\t0000000000000000\n",	      "CapPrm:\t0000000000000000\n",
		"CapEff:\t0000000000000000\n",	      "CapBnd:\t0000000000000000\n",
		"CapAmb:\t0000000000000000\n",	      "NoNewPrivs:\t1\n",
		"Uid:\t64123\t64123\t64123\t64123\n", "Gid:\t64123\t64123\t64123\t64123\n",
	};
	struct rlimit core;
	int signal_at_parents_end = 0;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		if (!status_says(none[i]))
			return (int)i + 1;
	}
	must(getgroups(0, NULL) == 0);
	must(setuid(0) < 0 && setgid(0) < 0 && seteuid(0) < 0 && setegid(0) < 0);
	must(setgroups(0, NULL) < 0);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(!prctl(PR_GET_PDEATHSIG, &signal_at_parents_end, 0, 0, 0));
	must(signal_at_parents_end == SIGKILL);
	must(!getrlimit(RLIMIT_CORE, &core) && !core.rlim_cur && !core.rlim_max);
	return WORKED;
}

/* What a parent may have left behind to keep privileges by. */
static void inherit(void)
{
	const gid_t groups[] = {0, 4, SOMEBODY};

	must(!setgroups(3, groups));
	must(!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	must(!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	/* no_setuid_fixup: a change of the user takes no capability away */
	must(!prctl(PR_SET_SECUREBITS, 1 << 2, 0, 0, 0));
}

static void privileges_go_whatever_is_waived_or_inherited(void **state)
{
	char why[ESC_SANDBOX_WHY];

	(void)state;
	skip_unless_root();
	expect("privileges", ALL, nothing_is_left, WORKED);
	expect("privileges, all waived", UINT32_MAX, nothing_is_left, WORKED);
	assert_int_equal(locked_in(ALL, inherit, nothing_is_left, why), WORKED);
}

static int enter_as(uid_t uid, gid_t gid, char why[ESC_SANDBOX_WHY])
{
	const struct esc_sandbox box = {.uid = uid, .gid = gid, .waived = ALL, .queues = 1};

	return esc_sandbox_enter(&box, &layers, why);
}

static int root_is_refused(void)
{
	static const uint32_t bad[][2] = {{0, 0}, {0, SOMEBODY}, {SOMEBODY, 0}};
	char why[ESC_SANDBOX_WHY];

	place_descriptors(0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		must(enter_as(bad[i][0], bad[i][1], why) == -EINVAL && strstr(why, "0"));
		must(!getuid() && !geteuid()); /* refused before anything was done */
	}
	must(enter_as(UINT32_MAX, UINT32_MAX, why) < 0); /* "no change" to the kernel */
	return WORKED;
}

static int nobody_stays_who_it_is(void)
{
	char why[ESC_SANDBOX_WHY] = "";

	must(!setgroups(0, NULL));
	must(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY) && !setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
	must(!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); /* or /proc/self is root's */
	place_descriptors(0);
	must(enter_as(SOMEBODY + 1, SOMEBODY + 1, why) < 0);
	must(enter_as(0, SOMEBODY, why) < 0);
	must(!enter_as(0, 0, why)); /* stay */
	must(getuid() == SOMEBODY && getgid() == SOMEBODY);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	return WORKED;
}

static int in_child(int (*check)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status)) : WEXITSTATUS(status);
}

static void root_is_not_somebody_to_become(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(in_child(root_is_refused), WORKED);
}

static void without_rights_a_process_stays_who_it_is(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(in_child(nobody_stays_who_it_is), WORKED);
}

static int set_up(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	(void)state;
	root = !geteuid();
	parent = getpid();
	queue = msgget(IPC_PRIVATE, 0666);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(listener_name, sizeof(listener_name), "esclusa-test-%d", (int)parent);
	memcpy(name.sun_path + 1, listener_name, strlen(listener_name));
	return queue < 0 || fd < 0 ||
	       bind(fd, (struct sockaddr *)&name,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				strlen(listener_name))) ||
	       listen(fd, 64);
}

static int tear_down(void **state)
{
	(void)state;
	return msgctl(queue, IPC_RMID, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_layer_refuses_by_itself_what_is_possible_without_it),
		cmocka_unit_test(memory_does_not_become_executable),
		cmocka_unit_test(it_says_what_is_in_force),
		cmocka_unit_test(a_layer_that_cannot_be_completed_stops_the_start),
		cmocka_unit_test(it_must_be_the_first_process_of_its_namespace),
		cmocka_unit_test(privileges_go_whatever_is_waived_or_inherited),
		cmocka_unit_test(root_is_not_somebody_to_become),
		cmocka_unit_test(without_rights_a_process_stays_who_it_is),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
