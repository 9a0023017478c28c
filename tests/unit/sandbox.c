/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sandbox of a packet process, layer by layer: with one layer alone in force, what that layer
 * is there to refuse is refused by it; without it, the same works. And what it takes to stop the
 * start. Most need root.
 */
#include <cap-ng.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "locked_in.h"

static pid_t parent;
static int queue; /* a System V message queue that everybody may use */
static char listener_name[32], file_name[48];

/* --- attempts: 0 if it works, else the errno ---------------------------------------------------
 */

static int open_a_file(void)
{
	return result(open("/dev/null", O_RDONLY));
}

static int make_a_file(void)
{
	int err = result(mknod(file_name, S_IFREG | 0600, 0));

	unlink(file_name);
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
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		uint32_t bit = ESC_LAYER_BIT(attempts[i].layer);
		char what[96];

		if (!built(attempts[i].layer) || (!root && bit & NEED_ROOT))
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
	skip_unless(root, "root");
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
	must(!setrlimit(RLIMIT_AS, &(struct rlimit){heap_size / 2, heap_size / 2}));
}

/* A kernel without a call, or without one use of it. */
static void lack(int call, int error, unsigned int argument, uint64_t value)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	must(f && !seccomp_rule_add(f, SCMP_ACT_ERRNO((uint32_t)error), call, 1,
				    SCMP_CMP(argument, SCMP_CMP_EQ, value)));
	must(!seccomp_load(f));
	seccomp_release(f);
}

static void lack_landlock(void)
{
	lack(SCMP_SYS(landlock_create_ruleset), ENOSYS, 1, 0);
}

static void switch_landlock_off(void)
{
	lack(SCMP_SYS(landlock_create_ruleset), EOPNOTSUPP, 1, 0);
}

static void lack_network_namespaces(void)
{
	lack(SCMP_SYS(unshare), EINVAL, 0, CLONE_NEWNET);
}

static void use_up_ipc_namespaces(void)
{
	lack(SCMP_SYS(unshare), ENOSPC, 0, CLONE_NEWIPC);
}

static void lack_mount_namespaces(void)
{
	lack(SCMP_SYS(unshare), EINVAL, 0, CLONE_NEWNS);
}

/* As on Linux before 6.3. */
static void lack_mdwe(void)
{
	lack(SCMP_SYS(prctl), EINVAL, 0, 65 /* PR_SET_MDWE */);
}

static void lack_filters(void)
{
	lack(SCMP_SYS(seccomp), EINVAL, 0, SECCOMP_SET_MODE_FILTER);
}

static void a_feature_that_is_missing_stops_the_start(void **state)
{
	static const struct {
		void (*prepare)(void);
		const char *layer, *feature;
	} missing[] = {
		{lack_landlock, "sandbox layer landlock", "CONFIG_SECURITY_LANDLOCK"},
		{switch_landlock_off, "sandbox layer landlock", "switched off"},
		{lack_network_namespaces, "sandbox layer network", "CONFIG_NET_NS"},
		{use_up_ipc_namespaces, "sandbox layer ipc", "user.max_ipc_namespaces"},
		{lack_mount_namespaces, "sandbox layer mount", "user.max_mnt_namespaces"},
	};
	char why[ESC_SANDBOX_WHY];

	(void)state;
	skip_unless(root, "root");
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		expect_stop(0, missing[i].prepare, missing[i].layer, missing[i].feature);
	skip_unless(built(ESC_LAYER_seccomp), "a build without sanitizer");
	expect_stop(0, lack_filters, "sandbox layer seccomp", "CONFIG_SECCOMP_FILTER");
	/* either of the two makes that layer complete */
	expect_stop(ESC_LAYER_BIT(ESC_LAYER_seccomp), lack_mdwe, "sandbox layer wx", "6.3");
	assert_int_equal(locked_in(0, lack_mdwe, execute_a_page, why), KILLED_BY(SIGSYS));
}

static void a_layer_that_cannot_be_completed_stops_the_start(void **state)
{
	(void)state;
	skip_unless(root, "root");
	expect_stop(0, take_descriptor, "sandbox layer descriptors", "Too many open files");
	expect_stop(0, lose_admin, "sandbox layer uts", "CONFIG_UTS_NS");
	expect_stop(ALL & ~ESC_LAYER_BIT(ESC_LAYER_mount), lose_admin, "sandbox layer mount",
		    "Sandbox = mount");
	expect_stop(0, make_writable_code, "sandbox layer wx", "writable and executable");
	if (built(ESC_LAYER_memory))
		expect_stop(0, leave_no_memory, "sandbox layer memory", "Cannot allocate memory");
}

static void it_must_be_the_first_process_of_its_namespace(void **state)
{
	char why[ESC_SANDBOX_WHY] = "";
	int status;

	(void)state;
	skip_unless(root, "root");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		place_descriptors(0);
		_exit(enter(ONLY(pid), why) && strstr(why, "Sandbox = pid") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static int set_up(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	locked_in_set_up(state);
	parent = getpid();
	queue = msgget(IPC_PRIVATE, 0666);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(file_name, sizeof(file_name), "/tmp/esclusa-sandbox-%d", (int)parent);
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
		cmocka_unit_test(a_feature_that_is_missing_stops_the_start),
		cmocka_unit_test(a_layer_that_cannot_be_completed_stops_the_start),
		cmocka_unit_test(it_must_be_the_first_process_of_its_namespace),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
