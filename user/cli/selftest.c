/* SPDX-License-Identifier: BSD-2-Clause */
/* selftest.c: esclusa selftest: what every node tests of itself when it starts, and more, in full.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "control/bpf.h"
#include "selftest/selftest.h"

static const char help[] =
	"Usage: esclusa selftest\n"
	"\n"
	"Runs the power-on self-test of a node and prints a line per test: known answers of each\n"
	"cryptographic primitive, the random source, the BPF programs in this file, every AEAD\n"
	"provider. Needs no root and no configuration; nothing is started. A node tests itself\n"
	"when it starts, and does not start if anything fails.\n"
	"Exit codes: 0 all passed, 1 a test failed.\n";

static bool print(void *arg, const char *test, const char *source, const char *why)
{
	unsigned int *count = arg;

	count[!!why]++;
	printf("%-4s  %-36s  %s%s%s\n", why ? "FAIL" : "ok", test, source, why ? ": " : "",
	       why ? why : "");
	return true;
}

int cmd_selftest(int argc, char **argv)
{
	unsigned int count[2] = {0}; /* passed, failed */
	int code = cli_common(argc, argv, help), err = 0;

	if (code >= 0)
		return code;
	if (argc > 1)
		return cli_usage("selftest", help, "'%s': expected no argument", argv[1]);
	puts("control:");
	err |= esc_bpf_selftest(print, count);
	puts("crypto:");
	err |= esc_selftest_crypto(print, count);
	err |= esc_selftest_providers(print, count);
	printf("%u passed, %u failed\n", count[0], count[1]);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "esclusa selftest: cannot write to standard output: %s\n",
			strerror(errno));
		return ESC_EXIT_FAILED;
	}
	return err || count[1] ? ESC_EXIT_FAILED : ESC_EXIT_OK;
}
