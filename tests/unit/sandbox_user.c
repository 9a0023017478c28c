/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileges of a packet process: what goes with whatever layers are waived. Needs root. */
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "locked_in.h"

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
	skip_unless(root, "root");
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
	skip_unless(root, "root");
	assert_int_equal(in_child(root_is_refused), WORKED);
}

static void without_rights_a_process_stays_who_it_is(void **state)
{
	(void)state;
	skip_unless(root, "root");
	assert_int_equal(in_child(nobody_stays_who_it_is), WORKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(privileges_go_whatever_is_waived_or_inherited),
		cmocka_unit_test(root_is_not_somebody_to_become),
		cmocka_unit_test(without_rights_a_process_stays_who_it_is),
	};

	return cmocka_run_group_tests(tests, locked_in_set_up, NULL);
}
