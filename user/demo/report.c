/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "demo/demo.h"

/* Red is plaintext, cyan is ciphertext. */
static const char bold[] = "\033[1m", red[] = "\033[31m", green[] = "\033[32m", cyan[] = "\033[36m",
		  none[] = "\033[0m";

static const char *ink(const struct demo *d, const char *colour)
{
	return d->colour ? colour : "";
}

void report_step(const char *what)
{
	static const char dots[] = "................................................";
	size_t len = strlen(what);

	printf("  %s %s ", what, dots + (len < sizeof(dots) - 4 ? len : sizeof(dots) - 4));
	fflush(stdout);
}

void report_done(const struct demo *d, int err)
{
	if (!err)
		printf("%sdone%s\n", ink(d, green), ink(d, none));
	else
		printf("%s%s%s\n", ink(d, red), err == -EINTR ? "interrupted" : "failed",
		       ink(d, none));
	fflush(stdout);
}

static void heading(const struct demo *d, const char *text)
{
	printf("\n%s%s%s\n", ink(d, bold), text, ink(d, none));
}

/* --- the drawing ---------------------------------------------------------------------------------
 */

/* A row of five boxes: LAN, node, internet, node, LAN, with the cables between them. */
static void row(const struct demo *d, const char *const box[5], char cable)
{
	const bool edge = *box[0] == '+';
	const char *colour[5] = {red, "", cyan, "", red};

	fputs("  ", stdout);
	for (int i = 0; i < 5; i++) {
		bool black = i == 2 || i == 3;

		if (i)
			printf("%s%c%c%c%s", ink(d, black ? cyan : red),
			       cable && black ? '='
			       : cable	      ? '-'
					      : ' ',
			       cable && black ? '='
			       : cable	      ? '-'
					      : ' ',
			       cable && black ? '='
			       : cable	      ? '-'
					      : ' ',
			       ink(d, none));
		fputs(ink(d, colour[i]), stdout);
		if (edge)
			fputs("+----------------+", stdout);
		else
			printf("| %-14s |", box[i]);
		fputs(ink(d, *colour[i] ? none : ""), stdout);
	}
	putchar('\n');
}

static void drawing(const struct demo *d)
{
	const struct demo_site *a = &demo_site[0], *b = &demo_site[1];
	const char *const line[5] = {"+", "+", "+", "+", "+"};
	const char *const title[5] = {"LAN A", "node A", "internet", "node B", "LAN B"};
	const char *const v4[5] = {a->host4, a->gate4, a->router4, b->gate4, b->host4};
	const char *const v6[5] = {a->host6, a->gate6, b->router4, b->gate6, b->host6};
	const char *const black[5] = {"", a->black4, "", b->black4, ""};

	heading(d, "The lab");
	row(d, line, '\0');
	row(d, title, '\0');
	row(d, v4, '\0');
	row(d, v6, '-');
	row(d, black, '\0');
	row(d, line, '\0');
	printf("   %s--- red: plaintext%s   %s=== black: WireGuard only%s   each box is a network"
	       " namespace\n",
	       ink(d, red), ink(d, none), ink(d, cyan), ink(d, none));
}

static void who(const struct demo *d)
{
	char key[ESC_KEY_B64];

	heading(d, "Who is who");
	for (int i = 0; i < DEMO_SITES; i++) {
		const struct demo_site *s = &demo_site[i];

		printf("  demo-%s  public key %s\n"
		       "               black %s:%d   red %s, %s   site %s, %s\n",
		       s->name, esc_key_to_base64(key, d->node[i].public_key), s->black4, DEMO_PORT,
		       s->gate4, s->gate6, s->lan4, s->lan6);
	}
}

/* --- the numbers
 * ----------------------------------------------------------------------------------- */

static void numbers(const struct demo *d)
{
	heading(d, "Round-trip times, host to host");
	printf("  %-42s %8s %8s %8s\n", "", "min", "avg", "max");
	for (unsigned int i = 0; i < d->pings; i++) {
		const struct demo_ping *p = &d->ping[i];

		printf("  %-42s %8.3f %8.3f %8.3f ms   %u of %u came back\n", p->what, p->min,
		       p->avg, p->max, p->received, p->sent);
	}
	heading(d, "Throughput, host to host");
	for (unsigned int i = 0; i < d->flows; i++) {
		const struct demo_flow *f = &d->flow[i];

		printf("  %-42s %8.0f Mbit/s", f->what, f->mbit);
		if (f->udp)
			printf("   %.2f %% lost", f->lost);
		putchar('\n');
	}
	puts("  Hosts, nodes and router share this machine's processors.");
}

static uint64_t frames(const struct demo_wire *w)
{
	return w->handshake + w->cookie + w->data + w->arp + w->nd + w->other;
}

static void wire(const struct demo *d)
{
	const struct demo_wire *w = &d->wire;

	heading(d, "What the wire saw");
	printf("  \"%s\" was sent %d times by TCP and UDP, IPv4 and IPv6, and echoed.\n", d->marker,
	       DEMO_COPIES);
	printf("  LAN A, red         %s%" PRIu64 " of %" PRIu64 " frames hold it%s\n", ink(d, red),
	       d->lan.marker, frames(&d->lan), ink(d, none));
	printf("  internet, black    %s%" PRIu64 " of %" PRIu64 " frames hold it%s: %" PRIu64
	       " handshake, %" PRIu64 " cookie, %" PRIu64 " data, %" PRIu64 " ARP, %" PRIu64
	       " ND\n",
	       ink(d, cyan), w->marker, frames(w), ink(d, none), w->handshake, w->cookie, w->data,
	       w->arp, w->nd);
	printf("  Frames that are none of these, in the whole run: %" PRIu64 "\n",
	       w->other + d->strangers);
}

/* --- the verdict
 * -------------------------------------------------------------------------------------- */

static void check(struct demo *d, bool ok, const char *what)
{
	printf("  %s%s%s  %s\n", ink(d, ok ? green : red), ok ? "ok    " : "FAILED", ink(d, none),
	       what);
	d->failed += !ok;
}

static void checks(struct demo *d)
{
	bool pings = d->pings == DEMO_PINGS, flows = d->flows == DEMO_FLOWS, stopped = true;

	for (unsigned int i = 0; i < d->pings; i++)
		pings = pings && d->ping[i].received == d->ping[i].sent;
	for (unsigned int i = 0; i < d->flows; i++)
		flows = flows && d->flow[i].mbit > 0 && (!d->flow[i].udp || d->flow[i].lost < 50);
	for (int i = 0; i < DEMO_SITES; i++)
		stopped = stopped && !d->node[i].exit_code;
	heading(d, "Checks");
	check(d, d->answered == 2, "the first packet made the tunnel, IPv4 and IPv6");
	check(d, d->copies_back == DEMO_COPIES, "all planted packets came back unchanged");
	check(d, pings, "every echo was answered");
	check(d, flows, "TCP both ways and UDP passed, most of the UDP at its rate");
	check(d, d->wire_complete, "the captures are complete");
	check(d, d->lan.marker >= DEMO_COPIES, "on the LAN the planted plaintext is found");
	check(d, !d->wire.marker && d->wire.data, "on the black wire it is not");
	check(d, !d->wire.other && !d->strangers, "only WireGuard, ARP and ND left the nodes");
	if (!d->keep)
		check(d, stopped, "both nodes ended in order, all packet buffers accounted for");
}

void report_all(struct demo *d)
{
	drawing(d);
	who(d);
	numbers(d);
	wire(d);
	checks(d);
	heading(d, "Artefacts");
	printf("  %s: the nodes' files (without keys) and logs, captures, iperf3's results,\n"
	       "  report.json, and the nodes' own counters\n",
	       d->dir);
}

void report_kept(const struct demo *d)
{
	heading(d, "The lab is still up");
	printf("  A shell on a host of LAN A (then: ping %s)\n"
	       "      ip netns exec %s bash\n"
	       "  What the internet sees of node A\n"
	       "      ip netns exec %s tcpdump -ni %s\n"
	       "  What a node does; the same, as WireGuard's users ask\n"
	       "      esclusa show demo-%s\n"
	       "      wg show demo-%s\n"
	       "  Remove it all\n"
	       "      esclusa demo --remove\n",
	       demo_site[1].host4, demo_site[0].lan_ns, DEMO_NET, demo_site[0].wire,
	       demo_site[0].name, demo_site[0].name);
}

/* --- for programs
 * ---------------------------------------------------------------------------------------- */

static void json_wire(struct esc_json *j, const char *name, const struct demo_wire *w)
{
	esc_json_object(j, name);
	esc_json_u64(j, "handshake", w->handshake);
	esc_json_u64(j, "cookie", w->cookie);
	esc_json_u64(j, "data", w->data);
	esc_json_u64(j, "arp", w->arp);
	esc_json_u64(j, "nd", w->nd);
	esc_json_u64(j, "other", w->other);
	esc_json_u64(j, "with_plaintext", w->marker);
	esc_json_end(j);
}

static void json_results(struct esc_json *j, const struct demo *d)
{
	esc_json_array(j, "pings");
	for (unsigned int i = 0; i < d->pings; i++) {
		const struct demo_ping *p = &d->ping[i];

		esc_json_object(j, NULL);
		esc_json_str(j, "what", p->what);
		esc_json_u64(j, "sent", p->sent);
		esc_json_u64(j, "received", p->received);
		esc_json_u64(j, "min_us", (uint64_t)(p->min * 1000));
		esc_json_u64(j, "avg_us", (uint64_t)(p->avg * 1000));
		esc_json_u64(j, "max_us", (uint64_t)(p->max * 1000));
		esc_json_end(j);
	}
	esc_json_end(j);
	esc_json_array(j, "flows");
	for (unsigned int i = 0; i < d->flows; i++) {
		const struct demo_flow *f = &d->flow[i];

		esc_json_object(j, NULL);
		esc_json_str(j, "what", f->what);
		esc_json_u64(j, "bits_per_second", (uint64_t)(f->mbit * 1e6));
		esc_json_end(j);
	}
	esc_json_end(j);
}

int report_json(const struct demo *d)
{
	char path[DEMO_PATH + 32];
	struct esc_json j;

	snprintf(path, sizeof(path), "%s/report.json", d->dir);
	FILE *f = fopen(path, "we");
	if (!f)
		return -errno;
	esc_json_init(&j, f);
	esc_json_object(&j, NULL);
	json_results(&j, d);
	json_wire(&j, "black", &d->wire);
	json_wire(&j, "lan_a", &d->lan);
	esc_json_u64(&j, "strangers_on_black", d->strangers);
	esc_json_u64(&j, "planted_sent", DEMO_COPIES);
	esc_json_u64(&j, "planted_returned", d->copies_back);
	esc_json_u64(&j, "checks_failed", d->failed);
	esc_json_end(&j);
	bool ok = esc_json_finish(&j);
	return fclose(f) || !ok ? -EIO : 0;
}
