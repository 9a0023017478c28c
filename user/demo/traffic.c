/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo/demo.h"

#define LAN_A	    demo_site[0].lan_ns
#define LAN_B	    demo_site[1].lan_ns
#define MARKER_PORT 7007
#define FLOW_SPARE  60000u /* ms that iperf3 may take besides its own time */

/* --- ping ----------------------------------------------------------------------------------------
 */

/* The number after the last `label` in text; *out is left alone if there is none. */
static bool number_after(const char *text, const char *label, double *out)
{
	const char *at = strstr(text, label);
	char *end;

	if (!at)
		return false;
	double v = strtod(at + strlen(label), &end);
	if (end == at + strlen(label))
		return false;
	*out = v;
	return true;
}

/* Asked for until enough came back: what was lost shows by the gap in the answers' numbers. */
static void parse_ping(const char *text, struct demo_ping *p)
{
	static const char label[] = " icmp_seq=";
	const char *rtt = strstr(text, "min/avg/max/mdev = ");
	unsigned int last = 0;
	char *end;

	for (const char *at = text; (at = strstr(at, label)); p->received++) {
		at += sizeof(label) - 1;
		unsigned long seq = strtoul(at, NULL, 10);
		last = seq > last ? (unsigned int)seq : last;
	}
	if (p->received >= p->sent)
		p->sent = last;
	if (!rtt)
		return;
	p->min = strtod(rtt + strlen("min/avg/max/mdev = "), &end);
	p->avg = strtod(end + (*end == '/'), &end);
	p->max = strtod(end + (*end == '/'), &end);
}

static int ping(struct demo *d, const char *what, const char *to, unsigned int size)
{
	struct demo_ping *p = &d->ping[d->pings++];
	char out[32768] = "";

	*p = (struct demo_ping){.what = what, .sent = 200};
	int status = exec_run(LAN_A, out, sizeof(out), "ping -n -c %u -i 0.01 -w 20 -s %u %s",
			      p->sent, size, to);
	if (status < 0)
		return status;
	parse_ping(out, p);
	return 0;
}

int traffic_begin(struct demo *d)
{
	const char *to[] = {demo_site[1].host4, demo_site[1].host6};

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		int status = exec_run(LAN_A, NULL, 0, "ping -n -q -c 1 -W 20 %s", to[i]);

		if (status < 0)
			return status;
		d->answered += !status;
	}
	return 0;
}

int traffic_pings(struct demo *d)
{
	int err = ping(d, "ping  IPv4", demo_site[1].host4, 56);

	err = err ? err : ping(d, "ping  IPv6", demo_site[1].host6, 56);
	return err ? err : ping(d, "ping  IPv4, packets of 1400 bytes", demo_site[1].host4, 1372);
}

/* --- the planted plaintext
 * ------------------------------------------------------------------------- */

static int bind_any(int type)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(MARKER_PORT)};
	int off = 0, on = 1, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) &&
	    (type == SOCK_DGRAM || !listen(fd, 4)))
		return fd;
	close(fd);
	return -1;
}

static void echo_stream(int fd)
{
	char buf[256];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	close(fd);
}

/* In LAN B: sends back what comes by TCP (one connection at a time) and UDP, until it is ended. */
static int echo_server(const void *arg)
{
	struct pollfd p[2] = {{.fd = bind_any(SOCK_STREAM), .events = POLLIN},
			      {.fd = bind_any(SOCK_DGRAM), .events = POLLIN}};

	(void)arg;
	if (p[0].fd < 0 || p[1].fd < 0)
		return 1;
	while (poll(p, 2, -1) > 0) {
		struct sockaddr_in6 from;
		socklen_t len = sizeof(from);
		char buf[256];

		if (p[1].revents) {
			ssize_t n = recvfrom(p[1].fd, buf, sizeof(buf), 0, (struct sockaddr *)&from,
					     &len);
			if (n > 0)
				sendto(p[1].fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
		}
		if (p[0].revents) {
			int fd = accept(p[0].fd, NULL, NULL);
			if (fd >= 0)
				echo_stream(fd);
		}
	}
	return 1;
}

static int connect_to(const char *host, int type)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(MARKER_PORT)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(MARKER_PORT)};
	struct timeval patience = {.tv_sec = 20};
	bool four = inet_pton(AF_INET, host, &v4.sin_addr) == 1;

	if (!four && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return -1;
	for (int attempt = 0; attempt < 400; attempt++) {
		int fd = socket(four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return -1;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (!connect(fd, four ? (const struct sockaddr *)&v4 : (const void *)&v6,
			     four ? sizeof(v4) : sizeof(v6)))
			return fd;
		close(fd);
		usleep(50000);
	}
	return -1;
}

/* Sends the marker COPIES/4 times and counts those that come back as they were. */
static unsigned int exchange(const char *host, int type, const char *marker)
{
	int fd = connect_to(host, type);
	char buf[DEMO_MARKER];
	unsigned int back = 0;

	for (int i = 0; fd >= 0 && i < DEMO_COPIES / 4; i++) {
		if (send(fd, marker, DEMO_MARKER, MSG_NOSIGNAL) != DEMO_MARKER)
			break;
		if (recv(fd, buf, sizeof(buf), MSG_WAITALL) != DEMO_MARKER)
			break;
		back += !memcmp(buf, marker, DEMO_MARKER);
	}
	if (fd >= 0)
		close(fd);
	return back;
}

/* In LAN A; the exit code tells how many came back. */
static int marker_client(const void *marker)
{
	return (int)(exchange(demo_site[1].host4, SOCK_STREAM, marker) +
		     exchange(demo_site[1].host6, SOCK_STREAM, marker) +
		     exchange(demo_site[1].host4, SOCK_DGRAM, marker) +
		     exchange(demo_site[1].host6, SOCK_DGRAM, marker));
}

int traffic_marker(struct demo *d)
{
	struct exec_job server = {0}, client = {0};
	uint8_t random[12];
	char hex[sizeof(random) * 2 + 1];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
	snprintf(d->marker, sizeof(d->marker), "PLANTED-SECRET: %s", hex);
	int status = exec_fork(&server, LAN_B, echo_server, NULL);
	status = status ? status : exec_fork(&client, LAN_A, marker_client, d->marker);
	status = status ? status : exec_wait(&client, 120000);
	exec_stop(&server);
	if (status >= 0)
		d->copies_back = (unsigned int)status;
	return status < 0 ? status : 0;
}

/* --- throughput
 * --------------------------------------------------------------------------------------- */

/* iperf3's JSON is large and ours to trust: its last "sum_received" is the receiver's total. */
static bool parse_flow(const char *path, struct demo_flow *f)
{
	static const char label[] = "\"sum_received\"";
	const size_t size = 1u << 20;
	char *text = malloc(size);
	const char *sum = NULL;
	double bits = 0;

	if (!text)
		return false;
	if (!exec_read(path, text, size))
		for (const char *at = text; (at = strstr(at, label)); at += sizeof(label) - 1)
			sum = at;
	bool ok = sum && number_after(sum, "\"bits_per_second\":", &bits);
	if (ok && f->udp)
		ok = number_after(sum, "\"lost_percent\":", &f->lost);
	f->mbit = bits / 1e6;
	free(text);
	return ok;
}

/* A server for one test: one that serves several answers "busy" for a moment after each. */
static int serve(const struct demo *d, const char *name, struct exec_job *server)
{
	char log[DEMO_PATH + 32], text[512] = "";

	snprintf(log, sizeof(log), "%s/%s.server.log", d->dir, name);
	int err = exec_start(server, LAN_B, log, "iperf3 -s -1 --forceflush");
	for (int i = 0; i < 400 && !err && exec_running(server); i++) {
		if (!exec_read(log, text, sizeof(text)) && strstr(text, "listening"))
			return 0;
		err = exec_sleep(50);
	}
	if (err != -EINTR)
		fprintf(stderr, "\nesclusa demo: iperf3 does not listen: %s\n",
			err ? strerror(-err) : text);
	return err ? err : -EIO;
}

static int flow(struct demo *d, const struct demo_flow *what, const char *to, unsigned int seconds,
		const char *options)
{
	struct demo_flow *f = &d->flow[d->flows++];
	struct exec_job client = {0}, server = {0};
	char path[DEMO_PATH + 32];

	*f = *what;
	snprintf(path, sizeof(path), "%s/%s.json", d->dir, f->file);
	int status = serve(d, f->file, &server);
	if (!status)
		status = exec_start(&client, LAN_A, path, "iperf3 -J -c %s -t %u%s", to, seconds,
				    options);
	status = status ? status : exec_wait(&client, seconds * 1000 + FLOW_SPARE);
	exec_stop(&server);
	if (status == -EINTR)
		return status;
	/* What did not work shows as 0 Mbit/s and fails its check. */
	if (status || !parse_flow(path, f))
		f->mbit = 0;
	return 0;
}

int traffic_flows(struct demo *d)
{
	static const struct demo_flow what[DEMO_FLOWS] = {
		{.what = "TCP   A to B, IPv4", .file = "tcp-a-to-b"},
		{.what = "TCP   B to A, IPv4", .file = "tcp-b-to-a"},
		{.what = "TCP   A to B, IPv4, 4 streams", .file = "tcp-4-streams"},
		{.what = "TCP   A to B, IPv6", .file = "tcp-ipv6"},
		{.what = "UDP   A to B, IPv4, offered 100 Mbit/s", .file = "udp", .udp = true},
	};
	const char *v4 = demo_site[1].host4, *v6 = demo_site[1].host6;
	int err = flow(d, &what[0], v4, 4, "");

	err = err ? err : flow(d, &what[1], v4, 4, " -R");
	err = err ? err : flow(d, &what[2], v4, 3, " -P 4");
	err = err ? err : flow(d, &what[3], v6, 3, "");
	return err ? err : flow(d, &what[4], v4, 2, " -u -b 100M -l 1300");
}
