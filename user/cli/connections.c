/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connections.c: esclusa show connections: what a node in router mode has under way outside of the
 * tunnels. The node sends its tables as they are (control/conns.h); here they become lines as
 * conntrack(8) prints them, or JSON, and here they are chosen from.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "control/conns.h"
#include "control/runtime.h"

static const char help[] =
	"Usage: esclusa show connections [NAME] [-j] [--proto P] [--state S] [--src PREFIX]\n"
	"                                [--dst PREFIX]\n"
	"\n"
	"Lists what a running node in router mode lets through outside of the tunnels, as\n"
	"'conntrack -L' does: protocol, seconds until it is forgotten, the direction in which it\n"
	"began, and its answers as the internet sends them. [UNREPLIED]: no answer yet; "
	"[ASSURED]:\n"
	"new ones never push it out; [FROM_OUTSIDE]: Forward or Open let it in.\n"
	"Without NAME: the only running node. For root and for the groups that [Node] Admins and\n"
	"Monitors name.\n"
	"  -j, --json     as JSON: an array of flat objects, integers, UNIX seconds\n"
	"  --proto P      tcp, udp, icmp, icmpv6 only\n"
	"  --state S      e.g. established, syn_sent, unreplied, replied\n"
	"  --src, --dst   of the direction in which it began: an address or prefix\n"
	"Exit codes: 0 shown, 1 no such node is running or it is no router, 2 wrong usage.\n";

struct filter {
	uint8_t proto;	   /* 0: any */
	const char *state; /* NULL: any */
	bool by_src, by_dst;
	uint8_t src[16], src_len, dst[16], dst_len;
};

/* --- what a row means ------------------------------------------------------------------------- */

struct way {
	uint8_t src[16], dst[16];
	uint16_t sport, dport; /* host order; ICMP: both are the identifier */
	uint8_t type;	       /* of ICMP */
	uint64_t packets, bytes;
};

struct connection {
	uint8_t proto;
	const char *name, *state;
	bool icmp, answered, from_outside;
	uint64_t left;		 /* s */
	uint64_t began, expires; /* UNIX s */
	struct way original, reply;
};

static const struct {
	const char *name;
	uint8_t number, request, reply; /* the latter two: types of ICMP */
} protocols[] = {
	{"tcp", IPPROTO_TCP, 0, 0},
	{"udp", IPPROTO_UDP, 0, 0},
	{"icmp", IPPROTO_ICMP, 8, 0},
	{"icmpv6", IPPROTO_ICMPV6, 128, 129},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* Those without a handshake are told by whether there was an answer. */
static const char *const tcp_states[ESC_CONN_STATES] = {
	[ESC_CONN_SYN_SENT] = "SYN_SENT",	[ESC_CONN_SYN_RECV] = "SYN_RECV",
	[ESC_CONN_ESTABLISHED] = "ESTABLISHED", [ESC_CONN_FIN_WAIT] = "FIN_WAIT",
	[ESC_CONN_TIME_WAIT] = "TIME_WAIT",	[ESC_CONN_CLOSE] = "CLOSE",
};

/* From or to the LAN's side, in its own addresses or in the node's. */
static struct way way_out(const struct esc_conn_key *k, const struct esc_conn *c)
{
	struct way w = {
		.sport = ntohs(k->lan_port),
		.dport = ntohs(k->remote_port),
		.packets = c->out_packets,
		.bytes = c->out_bytes,
	};

	memcpy(w.src, k->lan, 16);
	memcpy(w.dst, k->remote, 16);
	return w;
}

static struct way way_in(const struct esc_conns_head *h, const struct esc_conn_key *k,
			 const struct esc_conn *c)
{
	struct way w = {
		.sport = ntohs(k->remote_port),
		.dport = ntohs(c->port),
		.packets = c->in_packets,
		.bytes = c->in_bytes,
	};

	memcpy(w.src, k->remote, 16);
	if (esc_addr_is_v4(k->lan))
		esc_addr_from_v4(w.dst, h->own4);
	else
		memcpy(w.dst, k->lan, 16);
	return w;
}

static void set_icmp(struct connection *c, uint8_t request, uint8_t reply)
{
	struct way *out = c->from_outside ? &c->reply : &c->original;
	struct way *in = c->from_outside ? &c->original : &c->reply;

	c->icmp = true;
	out->dport = out->sport;
	in->sport = in->dport;
	c->original.type = request;
	c->reply.type = reply;
}

/* false: it is over, or nothing that this version knows. */
static bool understand(const struct esc_conns_head *h, const struct esc_conns_row *row,
		       struct connection *c)
{
	const struct esc_conn *conn = &row->conn;
	size_t p = 0;

	while (p < PROTOCOLS && protocols[p].number != row->key.proto)
		p++;
	if (p == PROTOCOLS || conn->state >= ESC_CONN_STATES || conn->expires <= h->now)
		return false;
	*c = (struct connection){
		.proto = row->key.proto,
		.name = protocols[p].name,
		.state = tcp_states[conn->state],
		.answered = row->answered,
		.from_outside = conn->flags & ESC_CONN_FROM_OUTSIDE,
		.left = (conn->expires - h->now) / ESC_S,
		.began = (h->unix_now - h->now + conn->began) / ESC_S,
		.expires = (h->unix_now - h->now + conn->expires) / ESC_S,
	};
	if (!c->state)
		c->state = c->answered ? "REPLIED" : "UNREPLIED";
	c->original = c->from_outside ? way_in(h, &row->key, conn) : way_out(&row->key, conn);
	c->reply = c->from_outside ? way_out(&row->key, conn) : way_in(h, &row->key, conn);
	if (protocols[p].request)
		set_icmp(c, protocols[p].request, protocols[p].reply);
	return true;
}

static bool chosen(const struct filter *f, const struct connection *c)
{
	return (!f->proto || f->proto == c->proto) &&
	       (!f->state || !strcasecmp(f->state, c->state)) &&
	       (!f->by_src || esc_addr_within(c->original.src, f->src, f->src_len)) &&
	       (!f->by_dst || esc_addr_within(c->original.dst, f->dst, f->dst_len));
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_way(const struct connection *c, const struct way *w)
{
	char src[ESC_ADDR_STR], dst[ESC_ADDR_STR];

	printf("src=%s dst=%s ", esc_addr_format(w->src, src), esc_addr_format(w->dst, dst));
	if (c->icmp)
		printf("type=%u code=0 id=%u ", w->type, w->sport);
	else
		printf("sport=%u dport=%u ", w->sport, w->dport);
	printf("packets=%" PRIu64 " bytes=%" PRIu64, w->packets, w->bytes);
}

static void print_line(const struct connection *c)
{
	printf("%-8s %u %" PRIu64 " ", c->name, c->proto, c->left);
	if (c->proto == IPPROTO_TCP)
		printf("%s ", c->state);
	print_way(c, &c->original);
	fputs(c->answered ? " " : " [UNREPLIED] ", stdout);
	print_way(c, &c->reply);
	printf("%s%s\n", c->answered ? " [ASSURED]" : "", c->from_outside ? " [FROM_OUTSIDE]" : "");
}

/* Names with "reply_" before them, or without. */
static void json_way(struct esc_json *j, const struct connection *c, const struct way *w,
		     const char *const name[9])
{
	char text[ESC_ADDR_STR];

	esc_json_str(j, name[0], esc_addr_format(w->src, text));
	esc_json_str(j, name[1], esc_addr_format(w->dst, text));
	if (c->icmp) {
		esc_json_u64(j, name[4], w->type);
		esc_json_u64(j, name[5], 0);
		esc_json_u64(j, name[6], w->sport);
	} else {
		esc_json_u64(j, name[2], w->sport);
		esc_json_u64(j, name[3], w->dport);
	}
	esc_json_u64(j, name[7], w->packets);
	esc_json_u64(j, name[8], w->bytes);
}

static void print_json(struct esc_json *j, const struct connection *c)
{
	static const char *const original[] = {"src",  "dst", "sport",	 "dport", "type",
					       "code", "id",  "packets", "bytes"};
	static const char *const reply[] = {"reply_src",   "reply_dst",	    "reply_sport",
					    "reply_dport", "reply_type",    "reply_code",
					    "reply_id",	   "reply_packets", "reply_bytes"};

	esc_json_object(j, NULL);
	esc_json_str(j, "protocol", c->name);
	esc_json_u64(j, "protocol_number", c->proto);
	esc_json_str(j, "state", c->state);
	esc_json_bool(j, "replied", c->answered);
	esc_json_bool(j, "from_outside", c->from_outside);
	esc_json_u64(j, "began", c->began);
	esc_json_u64(j, "expires", c->expires);
	json_way(j, c, &c->original, original);
	json_way(j, c, &c->reply, reply);
	esc_json_end(j);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* What stands there in place of the list: why the node refuses. */
static void say_refusal(const char *name, const struct esc_conns_head *h, size_t len, FILE *f)
{
	const char *text = (const char *)h;
	int c;

	fprintf(stderr, "esclusa show: %s: %.*s", name, (int)len - 1, text + 1);
	while (len == sizeof(*h) && (c = fgetc(f)) != EOF)
		fputc(c, stderr);
}

/* 0 or -errno, as cli_say_error() takes it; -EPROTO: another version, or cut off. */
static int take_head(const char *name, FILE *f, struct esc_conns_head *h)
{
	size_t len = fread(h, 1, sizeof(*h), f);

	if (len && ((const char *)h)[0] == ESC_REFUSED) {
		say_refusal(name, h, len, f);
		return -EPERM;
	}
	if (!len)
		return ferror(f) ? -errno : -ENODATA;
	if (len != sizeof(*h) || memcmp(h->magic, ESC_CONNS_MAGIC, sizeof(h->magic)) != 0 ||
	    h->abi_version != ESC_ABI_VERSION || h->row_size != sizeof(struct esc_conns_row))
		return -EPROTO;
	return 0;
}

static int print_rows(FILE *f, const struct esc_conns_head *h, const struct filter *filter,
		      bool json)
{
	struct esc_conns_row row = {.end = 0};
	struct connection c;
	struct esc_json j;
	bool whole = false;

	esc_json_init(&j, stdout);
	if (json)
		esc_json_array(&j, NULL);
	while (!whole && fread(&row, sizeof(row), 1, f) == 1) {
		whole = row.end;
		if (whole || !understand(h, &row, &c) || !chosen(filter, &c))
			continue;
		if (json)
			print_json(&j, &c);
		else
			print_line(&c);
	}
	if (json) {
		esc_json_end(&j);
		esc_json_finish(&j);
	}
	return whole ? 0 : -ESTALE;
}

static int list(const char *name, int fd, const struct filter *filter, bool json)
{
	static const char question[] = "connections\n";
	struct esc_conns_head h;
	FILE *f = fdopen(fd, "r");
	int err = 0;

	if (!f || send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
		err = -errno;
	if (!err)
		err = take_head(name, f, &h);
	if (!err)
		err = print_rows(f, &h, filter, json);
	if (f)
		fclose(f);
	else
		close(fd);
	return err;
}

static int show(const char *name, const struct filter *filter, bool json)
{
	int fd = cli_connect(name);
	int err = fd < 0 ? fd : list(name, fd, filter, json);

	if (err == -EPROTO)
		fprintf(stderr,
			"esclusa show: %s runs another version of esclusa than this command\n",
			name);
	else if (err == -ESTALE)
		fprintf(stderr,
			"esclusa show: %s hung up before the list was complete: it is stopping, or "
			"this was read too slowly\n",
			name);
	else if (err)
		cli_say_error("show", name, err);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "esclusa show: writing to standard output: %s\n", strerror(errno));
		return ESC_EXIT_FAILED;
	}
	return err ? ESC_EXIT_FAILED : ESC_EXIT_OK;
}

static int show_any(const struct filter *filter, bool json)
{
	char names[CLI_NODES_MAX][ESC_NAME_MAX + 1];
	unsigned int n = cli_nodes(names);

	if (n == 1)
		return show(names[0], filter, json);
	fprintf(stderr, n ? "esclusa show: which node? There are:"
			  : "esclusa show: no node is running. Start one with: esclusa run FILE");
	for (unsigned int i = 0; i < n; i++)
		fprintf(stderr, " %s", names[i]);
	fputs("\n", stderr);
	return ESC_EXIT_FAILED;
}

/* --- the command line ------------------------------------------------------------------------- */

static bool take_proto(struct filter *f, const char *value)
{
	for (size_t i = 0; i < PROTOCOLS; i++) {
		if (!strcasecmp(value, protocols[i].name))
			f->proto = protocols[i].number;
	}
	return f->proto;
}

static bool take_state(struct filter *f, const char *value)
{
	if (!strcasecmp(value, "UNREPLIED") || !strcasecmp(value, "REPLIED"))
		f->state = value;
	for (int i = 0; i < ESC_CONN_STATES; i++) {
		if (tcp_states[i] && !strcasecmp(value, tcp_states[i]))
			f->state = value;
	}
	return f->state;
}

static bool take_src(struct filter *f, const char *value)
{
	f->by_src = true;
	return esc_prefix_parse(value, f->src, &f->src_len);
}

static bool take_dst(struct filter *f, const char *value)
{
	f->by_dst = true;
	return esc_prefix_parse(value, f->dst, &f->dst_len);
}

static const struct {
	const char *name, *expected;
	bool (*take)(struct filter *f, const char *value);
} options[] = {
	{"--proto", "tcp, udp, icmp or icmpv6", take_proto},
	{"--state",
	 "unreplied, replied, syn_sent, syn_recv, established, fin_wait, time_wait or close",
	 take_state},
	{"--src", "an address or prefix", take_src},
	{"--dst", "an address or prefix", take_dst},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* argv[i] is an option with a value: how many words it takes; 0: it is none; -1: said what is
 * wrong.
 */
static int take_option(struct filter *f, char **argv, int i)
{
	size_t o = 0;

	while (o < OPTIONS && strcmp(argv[i], options[o].name) != 0)
		o++;
	if (o == OPTIONS)
		return 0;
	if (argv[i + 1] && options[o].take(f, argv[i + 1]))
		return 2;
	cli_usage("show connections", help, "%s %s: expected %s", argv[i],
		  argv[i + 1] ? argv[i + 1] : "(nothing)", options[o].expected);
	return -1;
}

int cmd_show_connections(int argc, char **argv)
{
	struct filter filter = {.proto = 0};
	char command[] = "show connections",
	     *rest[4] = {command}; /* and what is not the filter's */
	const char *name;
	int words = 1, taken;
	bool json;

	for (int i = 1; i < argc; i += taken ? taken : 1) {
		taken = take_option(&filter, argv, i);
		if (taken < 0)
			return ESC_EXIT_USAGE;
		if (!taken && words < 4)
			rest[words++] = argv[i];
	}
	int code = cli_name_and_json(words, rest, help, &name, &json);
	if (code >= 0)
		return code;
	return name ? show(name, &filter, json) : show_any(&filter, json);
}
