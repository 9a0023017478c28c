/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "demo/demo.h"

static const char help[] =
	"Usage: esclusa demo [--keep]   build a lab, send traffic through it, report\n"
	"       esclusa demo --remove   remove a lab that was kept or left behind\n"
	"\n"
	"Two site networks, two nodes and an internet between them, in five network namespaces of\n"
	"this machine: nothing outside them is touched. Ping, TCP both ways, UDP, IPv4 and IPv6; "
	"a\n"
	"planted plaintext is searched for in a capture of the black side. Takes about half a\n"
	"minute. Needs root.\n"
	"  --keep    leave the lab up and say how to enter it\n"
	"Exit codes: 0 all checks hold, 1 some do not (or the lab cannot be built), 2 usage.\n";

static const struct {
	const char *program, *package;
} tools[] = {
	{"ip", "iproute2"},	  {"sysctl", "procps"}, {"ethtool", "ethtool"},
	{"ping", "iputils-ping"}, {"iperf3", "iperf3"}, {"tcpdump", "tcpdump"},
};
#define TOOLS (sizeof(tools) / sizeof(tools[0]))

static bool have_tools(void)
{
	bool missing[TOOLS], all = true;

	for (size_t i = 0; i < TOOLS; i++) {
		missing[i] = !exec_have(tools[i].program);
		all = all && !missing[i];
	}
	if (all)
		return true;
	fputs("esclusa demo: programs are missing; install them with:\n  sudo apt-get install",
	      stderr);
	for (size_t i = 0; i < TOOLS; i++)
		if (missing[i])
			fprintf(stderr, " %s", tools[i].package);
	fputc('\n', stderr);
	return false;
}

/* --- the run
 * --------------------------------------------------------------------------------------- */

static int step(struct demo *d, const char *what, int (*run)(struct demo *d))
{
	report_step(what);
	int err = run(d);
	report_done(d, err);
	return err;
}

static int build(struct demo *d)
{
	(void)d;
	return lab_up();
}

static int plant(struct demo *d)
{
	struct demo_captures full = {0};
	int err = capture_start(d, &full);

	err = err ? err : traffic_begin(d);
	err = err ? err : traffic_marker(d);
	capture_stop(&full);
	return err;
}

/* What the nodes themselves say, while they still run. */
static void save_status(const struct demo *d)
{
	char self[256], text[65536] = "", path[DEMO_PATH + 32];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	for (int i = 0; i < DEMO_SITES && len > 0; i++) {
		self[len] = '\0';
		if (exec_run(NULL, text, sizeof(text), "%s show demo-%s -j", self,
			     demo_site[i].name))
			continue;
		snprintf(path, sizeof(path), "%s/%s.json", d->dir, demo_site[i].name);
		FILE *f = fopen(path, "we");
		if (!f)
			continue;
		fputs(text, f);
		fclose(f);
	}
}

static int run_traffic(struct demo *d)
{
	struct demo_captures strangers = {0};
	int err = capture_strangers(d, &strangers);

	err = err ? err : step(d, "sending a planted plaintext, capturing", plant);
	err = err ? err : step(d, "ping", traffic_pings);
	err = err ? err : step(d, "TCP and UDP at full speed", traffic_flows);
	if (!err)
		save_status(d);
	capture_stop(&strangers);
	return err;
}

static int run_all(struct demo *d)
{
	int err = step(d, "building five namespaces", build);

	err = err ? err : step(d, "starting two nodes", node_up);
	err = err ? err : run_traffic(d);
	if (!err && !d->keep) {
		report_step("stopping the nodes");
		node_down(d);
		report_done(d, 0);
	}
	return err ? err : step(d, "reading the captures", capture_read);
}

static int run(struct demo *d)
{
	puts("esclusa demo: two sites, two nodes, an internet between them\n");
	int err = run_all(d);
	if (!err) {
		report_all(d);
		err = report_json(d);
	}
	exec_cleaning();
	if (d->keep && !err) {
		report_kept(d);
	} else {
		node_down(d);
		lab_down();
	}
	if (err) {
		fprintf(stderr, "esclusa demo: %s; what there is to read is in %s\n",
			exec_interrupted() ? "interrupted, and everything was removed"
					   : "the demo did not get to its end",
			d->dir);
		return ESC_EXIT_FAILED;
	}
	if (d->failed) {
		printf("\n%u of the checks failed.\n", d->failed);
		return ESC_EXIT_FAILED;
	}
	puts("\nAll checks hold.");
	return ESC_EXIT_OK;
}

static int remove_lab(void)
{
	exec_cleaning();
	if (!lab_exists()) {
		puts("There is no lab to remove.");
		return ESC_EXIT_OK;
	}
	lab_down();
	if (lab_exists()) {
		fputs("esclusa demo: the lab could not be removed whole\n", stderr);
		return ESC_EXIT_FAILED;
	}
	puts("The lab is gone.");
	return ESC_EXIT_OK;
}

static bool want_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

int cmd_demo(int argc, char **argv)
{
	struct demo d = {.colour = want_colour()};
	bool keep, remove;
	int code = cli_common(argc, argv, help);

	if (code >= 0)
		return code;
	keep = argc == 2 && !strcmp(argv[1], "--keep");
	remove = argc == 2 && !strcmp(argv[1], "--remove");
	if (argc > 1 && !keep && !remove)
		return cli_usage("demo", help, "'%s': expected nothing, --keep or --remove",
				 argv[argc - 1]);
	if (geteuid()) {
		fputs("esclusa demo: needs root to build network namespaces: sudo esclusa demo\n",
		      stderr);
		return ESC_EXIT_FAILED;
	}
	int err = exec_init();
	if (err) {
		fprintf(stderr, "esclusa demo: cannot watch signals: %s\n", strerror(-err));
		return ESC_EXIT_FAILED;
	}
	if (!have_tools())
		return ESC_EXIT_FAILED;
	if (remove)
		return remove_lab();
	if (lab_exists()) {
		fputs("esclusa demo: a lab is already there (kept, left behind, or of a demo that "
		      "runs now).\nRemove it with: esclusa demo --remove\n",
		      stderr);
		return ESC_EXIT_FAILED;
	}
	d.keep = keep;
	snprintf(d.dir, sizeof(d.dir), "/tmp/esclusa-demo.XXXXXX");
	if (!mkdtemp(d.dir)) {
		fprintf(stderr, "esclusa demo: cannot make a folder in /tmp: %s\n",
			strerror(errno));
		return ESC_EXIT_FAILED;
	}
	return run(&d);
}
