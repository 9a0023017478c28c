/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <grp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/access.h"

#define ADMINS	 60u
#define MONITORS 29u
#define OWN	 4000u

static const struct esc_access both = {
	.own = OWN,
	.admins = ADMINS,
	.monitors = MONITORS,
	.admins_name = "admins",
	.monitors_name = "monitors",
};
static const struct esc_access none = {.own = OWN};

static enum esc_right right(const struct esc_access *a, uid_t uid, gid_t gid, gid_t other)
{
	const gid_t groups[] = {7, other, 9};

	return esc_access_right(a, uid, gid, groups, 3);
}

static void test_root_and_the_nodes_own_user_may_do_everything(void **state)
{
	(void)state;
	assert_int_equal(right(&none, 0, 5, 5), ESC_RIGHT_ROOT);
	assert_int_equal(right(&none, OWN, 5, 5), ESC_RIGHT_ROOT);
	assert_int_equal(right(&both, 0, 5, 5), ESC_RIGHT_ROOT);
}

static void test_group_of_admins_may_change_whichever_way_one_is_in_it(void **state)
{
	(void)state;
	assert_int_equal(right(&both, 1000, ADMINS, 5), ESC_RIGHT_CHANGE);
	assert_int_equal(right(&both, 1000, 5, ADMINS), ESC_RIGHT_CHANGE);
	/* who is in both groups has the greater right */
	assert_int_equal(right(&both, 1000, MONITORS, ADMINS), ESC_RIGHT_CHANGE);
}

static void test_group_of_monitors_may_only_read(void **state)
{
	(void)state;
	assert_int_equal(right(&both, 1000, MONITORS, 5), ESC_RIGHT_READ);
	assert_int_equal(right(&both, 1000, 5, MONITORS), ESC_RIGHT_READ);
}

static void test_others_may_do_nothing(void **state)
{
	(void)state;
	assert_int_equal(right(&both, 1000, 5, 6), ESC_RIGHT_NONE);
	assert_int_equal(right(&both, ADMINS, 5, 6), ESC_RIGHT_NONE); /* a user id is no group */
	assert_int_equal(esc_access_right(&both, 1000, 5, NULL, 0), ESC_RIGHT_NONE);
}

/* A group that the file does not name is 0 in the table: being in root's group is not enough. */
static void test_group_root_is_nobodys_right(void **state)
{
	(void)state;
	assert_int_equal(right(&none, 1000, 0, 0), ESC_RIGHT_NONE);
	assert_int_equal(right(&both, 1000, 0, 0), ESC_RIGHT_NONE);
}

static void test_advice_names_the_smallest_group_that_suffices(void **state)
{
	struct esc_access a = both;

	(void)state;
	assert_string_equal(esc_access_group(&both, ESC_RIGHT_READ), "monitors");
	assert_string_equal(esc_access_group(&both, ESC_RIGHT_CHANGE), "admins");
	a.monitors = 0;
	assert_string_equal(esc_access_group(&a, ESC_RIGHT_READ), "admins");
	assert_null(esc_access_group(&none, ESC_RIGHT_READ));
	assert_null(esc_access_group(&none, ESC_RIGHT_CHANGE));
}

/* What the kernel says of a process with these groups that made a socket pair and left. */
static struct esc_caller ask_about(uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
	struct esc_caller who;
	int fd[2], status;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	pid_t pid = fork();
	if (!pid) {
		int own[2];
		char x = 'x';
		struct msghdr m = {.msg_iov = &(struct iovec){&x, 1}, .msg_iovlen = 1};
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(int))];
		} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS}};
		if (setgroups(n, groups) || setgid(gid) || setuid(uid) ||
		    socketpair(AF_UNIX, SOCK_STREAM, 0, own))
			_exit(1);
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		memcpy(CMSG_DATA(&control.head), &own[0], sizeof(int));
		_exit(sendmsg(fd[1], &m, 0) == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr m = {.msg_iov = &(struct iovec){&byte, 1},
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	int theirs;
	assert_int_equal(recvmsg(fd[0], &m, 0), 1);
	memcpy(&theirs, CMSG_DATA(&control.head), sizeof(theirs));
	assert_int_equal(esc_access_ask(&both, theirs, &who), 0);
	assert_int_equal(who.pid, pid);
	assert_int_equal(who.uid, uid);
	assert_int_equal(who.gid, gid);
	close(theirs);
	close(fd[0]);
	close(fd[1]);
	return who;
}

static void test_kernel_tells_who_asks(void **state)
{
	const gid_t few[] = {7, ADMINS};
	gid_t many[1000];

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(ask_about(1000, 5, few, 2).right, ESC_RIGHT_CHANGE);
	assert_int_equal(ask_about(1000, 5, few, 1).right, ESC_RIGHT_NONE);
	assert_int_equal(ask_about(1000, MONITORS, NULL, 0).right, ESC_RIGHT_READ);
	assert_int_equal(ask_about(0, 0, NULL, 0).right, ESC_RIGHT_ROOT);
	/* more groups than a first guess has room for; the one that counts is the last */
	for (gid_t i = 0; i < 1000; i++)
		many[i] = 10000 + i;
	assert_int_equal(ask_about(1000, 5, many, 1000).right, ESC_RIGHT_NONE);
	many[999] = MONITORS;
	assert_int_equal(ask_about(1000, 5, many, 1000).right, ESC_RIGHT_READ);
}

static void test_no_socket_no_right(void **state)
{
	struct esc_caller who;

	(void)state;
	assert_true(esc_access_ask(&both, -1, &who) < 0);
	assert_int_equal(who.right, ESC_RIGHT_NONE);
}

static void test_missing_group_is_named_with_line_and_command(void **state)
{
	struct esc_model *m = esc_model_new();
	struct esc_access a;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	snprintf(m->file, sizeof(m->file), "a.conf");
	snprintf(m->admins, sizeof(m->admins), "no-such-group");
	m->admins_line = 12;
	assert_int_equal(esc_access_resolve(&a, m, f), 1);
	fclose(f);
	assert_string_equal(text, "a.conf:12: Admins = no-such-group: there is no such group. Make "
				  "it: groupadd --system no-such-group\n");
	free(text);
	snprintf(m->admins, sizeof(m->admins), "daemon");
	assert_int_equal(esc_access_resolve(&a, m, stderr), 0);
	assert_int_equal(a.admins, getgrnam("daemon")->gr_gid);
	assert_int_equal(a.monitors, 0);
	esc_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_and_the_nodes_own_user_may_do_everything),
		cmocka_unit_test(test_group_of_admins_may_change_whichever_way_one_is_in_it),
		cmocka_unit_test(test_group_of_monitors_may_only_read),
		cmocka_unit_test(test_others_may_do_nothing),
		cmocka_unit_test(test_group_root_is_nobodys_right),
		cmocka_unit_test(test_advice_names_the_smallest_group_that_suffices),
		cmocka_unit_test(test_kernel_tells_who_asks),
		cmocka_unit_test(test_no_socket_no_right),
		cmocka_unit_test(test_missing_group_is_named_with_line_and_command),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
