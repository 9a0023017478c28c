/* SPDX-License-Identifier: BSD-2-Clause */
/* launch.c: esclusa launch: the launcher of a node under systemd (control/launch.h). */
#include "base/log.h"
#include "cli/cli.h"
#include "control/launch.h"

static const char help[] =
	"Usage: esclusa launch\n"
	"\n"
	"Starts the red and the crypto process for a node whose control process may not, on a\n"
	"socket that systemd passes: esclusa-launch@NAME.service. Not for people.\n"
	"Exit codes: 0 the node ended, 1 not started by systemd, or the node misbehaved.\n";

int cmd_launch(int argc, char **argv)
{
	int code = cli_common(argc, argv, help);

	if (code >= 0)
		return code;
	if (argc > 1)
		return cli_usage("launch", help, "'%s': expected no argument", argv[1]);
	esc_log_init("launcher", NULL);
	return esc_launcher_run();
}
