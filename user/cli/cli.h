/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli.h: the subcommands. Each takes its own argv (argv[0] is its name), answers -h and --help on
 * standard output, and returns an exit code.
 */
#ifndef ESC_CLI_CLI_H
#define ESC_CLI_CLI_H

enum esc_exit {
	ESC_EXIT_OK = 0,
	ESC_EXIT_FAILED = 1, /* asked for something that did not work */
	ESC_EXIT_USAGE = 2,  /* wrong words on the command line or in the file */
};

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_show_connections(int argc, char **argv); /* "show connections" */
int cmd_key(int argc, char **argv);
int cmd_launch(int argc, char **argv);
int cmd_selftest(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_lsm(int argc, char **argv);
int cmd_zeroize(int argc, char **argv);
int cmd_demo(int argc, char **argv);

/*
 * Common start of a subcommand: -1 to go on, otherwise the exit code. Prints help to standard
 * output if argv asks for it (-h, --help), the version for --version.
 */
int cli_common(int argc, char **argv, const char *help);

/* "esclusa NAME: message" (name may be ""), then help, to standard error; ESC_EXIT_USAGE. */
__attribute__((format(printf, 3, 4))) int cli_usage(const char *name, const char *help,
						    const char *fmt, ...);

#endif
