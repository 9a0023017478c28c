/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cli_common(int argc, char **argv, const char *help)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			fputs(help, stdout);
		else if (!strcmp(argv[i], "-V") || !strcmp(argv[i], "--version"))
			puts("esclusa " ESC_VERSION);
		else
			continue;
		return fflush(stdout) ? ESC_EXIT_FAILED : ESC_EXIT_OK;
	}
	return -1;
}

int cli_usage(const char *name, const char *help, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "esclusa%s%s: ", *name ? " " : "", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n\n%s", help);
	return ESC_EXIT_USAGE;
}
