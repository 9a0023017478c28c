/* SPDX-License-Identifier: BSD-2-Clause */
/* run.c: esclusa run FILE: a node in the foreground. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "control/config.h"
#include "control/node.h"

static const char help[] =
	"Usage: esclusa run FILE\n"
	"\n"
	"Runs the node that FILE describes, in the foreground, until SIGINT or SIGTERM. Needs\n"
	"root; starts a red and a crypto process that give up all privileges. Messages go to\n"
	"standard error. Under systemd use Type=notify.\n"
	"While it runs: 'esclusa show' and 'wg show' look at it, 'wg set' changes peers, SIGHUP\n"
	"makes it read FILE again (all of it is right and taken over, or nothing changes).\n"
	"Environment: ESCLUSA_LOG=debug for more messages.\n"
	"Exit codes: 0 stopped by a signal, 1 cannot run (nothing is left behind), 2 the file\n"
	"has mistakes ('esclusa check FILE' finds them too).\n";

/* SIGHUP asks for a reload: one that comes before the node listens waits instead of ending it. */
static void hold_reload(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int cmd_run(int argc, char **argv)
{
	struct esc_model *m;
	int code = cli_common(argc, argv, help);

	if (code >= 0)
		return code;
	if (argc > 1 && !strcmp(argv[1], "--")) {
		argc--;
		argv++;
	} else if (argc > 1 && argv[1][0] == '-') {
		return cli_usage("run", help, "unknown option '%s'", argv[1]);
	}
	if (argc < 2)
		return cli_usage("run", help, "expected a FILE");
	if (argc > 2)
		return cli_usage("run", help, "'%s': expected one FILE only", argv[2]);
	hold_reload();
	code = esc_config_load(argv[1], stderr, &m);
	if (code)
		return code;
	esc_log_init(m->name, NULL);
	if (geteuid() != 0) {
		esc_err("running a node needs root. Run: sudo esclusa run %s", argv[1]);
		esc_model_free(m);
		return ESC_EXIT_FAILED;
	}
	return esc_node_run(m);
}
