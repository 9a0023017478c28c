/* SPDX-License-Identifier: BSD-2-Clause */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "cli/cli.h"
#include "crypto/crypto.h"
#include "ipc/fds.h"
#include "red/red.h"

static const struct {
	const char *name, *args, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", "FILE", "run a node in the foreground", cmd_run},
	{"check", "FILE [-j]", "validate a configuration file and print what it means", cmd_check},
	{"show", "[NAME] [-j]", "what a running node does: domains, peers, drops", cmd_show},
	{"monitor", "[NAME] [-j]", "what happens to a node, as it happens: attacks, sessions",
	 cmd_monitor},
	{"key", "COMMAND ...", "private keys, and the encrypted files that hold them", cmd_key},
	{"selftest", "", "test the primitives, the random source and the BPF objects",
	 cmd_selftest},
	{"audit", "NAME|FILE [-f]", "who changed what, and when; --verify: is it whole?",
	 cmd_audit},
	{"launch", "", "start processes for a node; a systemd unit does this", cmd_launch},
	{"lsm", "status|secret|unload", "what root itself is refused; switch that off", cmd_lsm},
	{"zeroize", "FILE|NAME [--yes]", "make a node's keys unrecoverable, at once", cmd_zeroize},
	{"demo", "[--keep]", "two sites joined by two nodes, in namespaces, with a report",
	 cmd_demo},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *f)
{
	fputs("esclusa: a red/black network encryptor, compatible with WireGuard\n\n"
	      "Usage: esclusa COMMAND [ARGUMENTS]\n\n",
	      f);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-9s%-23s%s\n", commands[i].name, commands[i].args, commands[i].help);
	fputs("\n"
	      "'esclusa COMMAND --help' tells more; 'esclusa --version' prints the version.\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong usage or a mistake in the file.\n",
	      f);
}

/* The words that control starts the other processes with. */
static void run_domain(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], ESC_ARG_RED))
		esc_red_main();
	if (argc == 2 && !strcmp(argv[1], ESC_ARG_CRYPTO))
		esc_crypto_main();
}

int main(int argc, char **argv)
{
	/* Any command may come to hold a key: no core file, no tracing by its own user. */
	prctl(PR_SET_DUMPABLE, 0);
	if (sodium_init() < 0) {
		fputs("esclusa: libsodium cannot start: no source of randomness\n", stderr);
		return ESC_EXIT_FAILED;
	}
	run_domain(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return ESC_EXIT_USAGE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		print_help(stdout);
		return fflush(stdout) ? ESC_EXIT_FAILED : ESC_EXIT_OK;
	}
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
		puts("esclusa " ESC_VERSION);
		return fflush(stdout) ? ESC_EXIT_FAILED : ESC_EXIT_OK;
	}
	fprintf(stderr, "esclusa: unknown command '%s'\n\n", argv[1]);
	print_help(stderr);
	return ESC_EXIT_USAGE;
}
