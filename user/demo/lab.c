/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo/demo.h"

/* Addresses for documentation (RFC 5737, RFC 3849) and for private networks. */
const struct demo_site demo_site[DEMO_SITES] = {
	{
		.name = "site-a",
		.lan_ns = "esclusa-lan-a",
		.node_ns = "esclusa-node-a",
		.wire = "a0",
		.host4 = "10.1.0.2",
		.host6 = "fd00:1::2",
		.gate4 = "10.1.0.1",
		.gate6 = "fd00:1::1",
		.black4 = "192.0.2.1",
		.black6 = "2001:db8:a::1",
		.router4 = "192.0.2.254",
		.router6 = "2001:db8:a::fe",
		.lan4 = "10.1.0.0/24",
		.lan6 = "fd00:1::/64",
	},
	{
		.name = "site-b",
		.lan_ns = "esclusa-lan-b",
		.node_ns = "esclusa-node-b",
		.wire = "b0",
		.host4 = "10.2.0.2",
		.host6 = "fd00:2::2",
		.gate4 = "10.2.0.1",
		.gate6 = "fd00:2::1",
		.black4 = "198.51.100.1",
		.black6 = "2001:db8:b::1",
		.router4 = "198.51.100.254",
		.router6 = "2001:db8:b::fe",
		.lan4 = "10.2.0.0/24",
		.lan6 = "fd00:2::/64",
	},
};

static int must(int status, const char *what, const char *said)
{
	if (!status || status == -EINTR)
		return status;
	fprintf(stderr, "\nesclusa demo: cannot %s: %s\n", what,
		status < 0 ? strerror(-status) : said);
	return status < 0 ? status : -EIO;
}

/* No duplicate address detection: addresses work at once. */
static int namespace_up(const char *ns, bool forward)
{
	char said[256] = "";
	int err = exec_run(NULL, said, sizeof(said), "ip netns add %s", ns);

	if (!err)
		err = exec_run(ns, said, sizeof(said),
			       "sysctl -qw net.ipv6.conf.all.accept_dad=0"
			       " net.ipv6.conf.default.accept_dad=0"
			       " net.ipv6.conf.default.router_solicitations=0"
			       " net.ipv4.ip_forward=%d net.ipv6.conf.all.forwarding=%d",
			       forward, forward);
	if (!err)
		err = exec_run(NULL, said, sizeof(said), "ip -n %s link set lo up", ns);
	return must(err, "make a network namespace", said);
}

/* No checksum offload: an unfinished checksum would travel through the tunnel as it is. */
static int device_up(const char *ns, const char *dev, char *said, size_t size)
{
	int err = exec_run(ns, said, size, "ethtool -K %s tx off gro on", dev);

	if (!err)
		err = exec_run(NULL, said, size, "ip -n %s link set %s up", ns, dev);
	return err;
}

static int cable(const char *ns, const char *dev, const char *far_ns, const char *far_dev)
{
	char said[512] = "";
	int err = exec_run(NULL, said, sizeof(said),
			   "ip link add %s netns %s numtxqueues 1 numrxqueues 1 type veth"
			   " peer name %s netns %s numtxqueues 1 numrxqueues 1",
			   dev, ns, far_dev, far_ns);

	if (!err)
		err = device_up(ns, dev, said, sizeof(said));
	if (!err)
		err = device_up(far_ns, far_dev, said, sizeof(said));
	return must(err, "join two namespaces by a veth pair", said);
}

static int address(const char *ns, const char *dev, const char *v4, const char *v6)
{
	char said[256] = "";
	int err = exec_run(NULL, said, sizeof(said), "ip -n %s addr add %s/24 dev %s", ns, v4, dev);

	if (!err)
		err = exec_run(NULL, said, sizeof(said), "ip -n %s addr add %s/64 dev %s nodad", ns,
			       v6, dev);
	return must(err, "set an address", said);
}

static int gateway(const char *ns, const char *v4, const char *v6)
{
	char said[256] = "";
	int err = exec_run(NULL, said, sizeof(said), "ip -n %s route add default via %s", ns, v4);

	if (!err)
		err = exec_run(NULL, said, sizeof(said), "ip -n %s -6 route add default via %s", ns,
			       v6);
	return must(err, "set a route", said);
}

static int site_up(const struct demo_site *s)
{
	int err = namespace_up(s->lan_ns, false);

	err = err ? err : namespace_up(s->node_ns, false);
	err = err ? err : cable(s->lan_ns, "lan0", s->node_ns, "red0");
	err = err ? err : cable(DEMO_NET, s->wire, s->node_ns, "black0");
	err = err ? err : address(s->lan_ns, "lan0", s->host4, s->host6);
	err = err ? err : address(s->node_ns, "red0", s->gate4, s->gate6);
	err = err ? err : address(s->node_ns, "black0", s->black4, s->black6);
	err = err ? err : address(DEMO_NET, s->wire, s->router4, s->router6);
	err = err ? err : gateway(s->lan_ns, s->gate4, s->gate6);
	return err ? err : gateway(s->node_ns, s->router4, s->router6);
}

bool lab_exists(void)
{
	struct stat st;

	return !stat(DEMO_RUN_DIR, &st) || !stat("/run/netns/" DEMO_NET, &st);
}

int lab_up(void)
{
	int err = mkdir(DEMO_RUN_DIR, 0700) ? -errno : 0;

	if (err)
		return must(err, "make " DEMO_RUN_DIR, "");
	err = namespace_up(DEMO_NET, true);
	for (int i = 0; i < DEMO_SITES && !err; i++)
		err = site_up(&demo_site[i]);
	return err;
}

/* --- down ----------------------------------------------------------------------------------------
 */

/* Sends sig to whatever runs in the namespace; how many that were. */
static unsigned int signal_namespace(const char *ns, int sig)
{
	char pids[4096] = "", *rest = pids, *word;
	unsigned int count = 0;

	if (exec_run(NULL, pids, sizeof(pids), "ip netns pids %s", ns))
		return 0;
	while ((word = strsep(&rest, "\n"))) {
		long pid = strtol(word, NULL, 10);

		if (pid > 1 && pid != getpid() && !kill((pid_t)pid, sig))
			count++;
	}
	return count;
}

static void namespace_down(const char *ns)
{
	char path[128];

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	if (access(path, F_OK))
		return;
	/* Nodes of a kept lab get time to leave in order. */
	for (int i = 0; i < 50 && signal_namespace(ns, SIGTERM); i++)
		exec_sleep(100);
	signal_namespace(ns, SIGKILL);
	exec_run(NULL, NULL, 0, "ip netns del %s", ns);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

void lab_down(void)
{
	for (int i = 0; i < DEMO_SITES; i++) {
		namespace_down(demo_site[i].node_ns);
		namespace_down(demo_site[i].lan_ns);
	}
	namespace_down(DEMO_NET);
	if (nftw(DEMO_RUN_DIR, remove_one, 8, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
		fprintf(stderr, "esclusa demo: cannot remove %s: %s\n", DEMO_RUN_DIR,
			strerror(errno));
}
