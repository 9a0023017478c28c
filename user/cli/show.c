/* SPDX-License-Identifier: BSD-2-Clause */
/* show.c: esclusa show [NAME] [-j]: asks running nodes; they write the answer themselves. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"

static const char help[] =
	"Usage: esclusa show [NAME] [-j]\n"
	"       esclusa show connections ...\n"
	"\n"
	"Shows what a running node is and does: its processes, NICs and peers, and what happened\n"
	"to each packet, with the reason of every drop. Without NAME: the only running node, or\n"
	"a list of them. For root and for the groups that [Node] Admins and Monitors name.\n"
	"'esclusa show connections --help': what a router lets through outside of the tunnels.\n"
	"  -j, --json   as JSON: stable names, integers, UNIX seconds\n"
	"Exit codes: 0 shown, 1 no such node is running, 2 wrong usage.\n";

static int show(const char *name, bool json)
{
	if (cli_ask("show", name, json ? "status\n" : "status text\n", 0, stdout))
		return ESC_EXIT_FAILED;
	if (!fflush(stdout))
		return ESC_EXIT_OK;
	fprintf(stderr, "esclusa show: writing to standard output: %s\n", strerror(errno));
	return ESC_EXIT_FAILED;
}

static int show_any(bool json)
{
	char names[CLI_NODES_MAX][ESC_NAME_MAX + 1];
	unsigned int n = cli_nodes(names);

	if (!n) {
		fputs("esclusa show: no node is running. Start one with: esclusa run FILE\n",
		      stderr);
		return ESC_EXIT_FAILED;
	}
	if (n == 1)
		return show(names[0], json);
	if (json)
		fputs("{\"nodes\":[", stdout);
	for (unsigned int i = 0; i < n; i++)
		printf(json ? "%s\"%s\"" : "%s%s\n", json && i ? "," : "", names[i]);
	if (json)
		fputs("]}\n", stdout);
	return fflush(stdout) ? ESC_EXIT_FAILED : ESC_EXIT_OK;
}

int cmd_show(int argc, char **argv)
{
	const char *name;
	bool json;

	if (argc > 1 && !strcmp(argv[1], "connections"))
		return cmd_show_connections(argc - 1, argv + 1);
	int code = cli_name_and_json(argc, argv, help, &name, &json);

	if (code >= 0)
		return code;
	return name ? show(name, json) : show_any(json);
}
