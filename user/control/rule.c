/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/rule.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"

#define TEXT_MAX  4096u
#define WORD_SHOW 40 /* characters of an offending word */
#define BLANKS	  " \t"

#define PROTOCOLS "tcp, udp, icmp or any"
#define PREFIXES  "any, an address or a prefix, 10.1.0.0/24 or fd00:1::/64"

/* A text in its parts, all of them in `copy`; NULL: not there. */
struct parts {
	char copy[TEXT_MAX + 1];
	char *proto, *ports, *to, *from;
};

struct ports {
	uint16_t first, last;
};

__attribute__((format(printf, 2, 3))) static bool say(char why[ESC_RULE_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, ESC_RULE_WHY, fmt, ap);
	va_end(ap);
	for (char *s = why; *s; s++) /* it shows words of the file */
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
	return false;
}

static bool expected(char why[ESC_RULE_WHY], const char *word, const char *what)
{
	return say(why, "'%.*s'%s: expected %s", WORD_SHOW, word,
		   strlen(word) > WORD_SHOW ? "..." : "", what);
}

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, BLANKS);
	for (len = strlen(s); len && strchr(BLANKS, s[len - 1]);)
		len--;
	s[len] = '\0';
	return s;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* The word at *at, ended in place; *at goes behind it. NULL: no more. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, BLANKS);
	size_t len = strcspn(word, BLANKS);

	if (!len)
		return NULL;
	*at = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

/* What stands between the protocol and the first `to` or `from`; *at goes to that word. */
static char *take_ports(char **at)
{
	char *start = *at, *s = start;

	for (;;) {
		s += strspn(s, BLANKS);
		size_t len = strcspn(s, BLANKS);
		if (!len || (len == 2 && !strncasecmp(s, "to", 2)) ||
		    (len == 4 && !strncasecmp(s, "from", 4)))
			break;
		s += len;
	}
	if (s > start && *s)
		s[-1] = '\0'; /* the blank before */
	*at = s;
	start = trim(start);
	return start < s && *start ? start : NULL;
}

static bool split(const char *text, struct parts *p, char why[ESC_RULE_WHY])
{
	char *at = p->copy, *word;

	p->proto = p->ports = p->to = p->from = NULL;
	if (strlen(text) > TEXT_MAX)
		return say(why, "more than %u characters", TEXT_MAX);
	memcpy(p->copy, text, strlen(text) + 1);
	p->proto = next_word(&at);
	if (!p->proto) {
		expected(why, "", PROTOCOLS " first");
		return false;
	}
	p->ports = take_ports(&at);
	while ((word = next_word(&at))) {
		bool is_to = !strcasecmp(word, "to"), is_from = !strcasecmp(word, "from");
		char **slot = is_to ? &p->to : &p->from;

		if (!is_to && !is_from)
			return expected(why, word, "to PREFIX or from PREFIX");
		if (*slot)
			return say(why, "a second '%s': expected one only", word);
		*slot = next_word(&at);
		if (!*slot)
			return say(why, "nothing after '%s': expected " PREFIXES, word);
	}
	return true;
}

static bool parse_proto(const char *word, uint8_t *proto)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} names[] = {
		{"any", 0}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(word, names[i].name)) {
			*proto = names[i].proto;
			return true;
		}
	return false;
}

/* Decimal digits only, up to the end, or to `end`. */
static bool parse_port(const char *s, const char *end, uint16_t *port)
{
	uint32_t v = 0;

	if (s == end)
		return false;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint32_t)(*s - '0');
		if (v > 65535)
			return false;
	}
	*port = (uint16_t)v;
	return true;
}

bool esc_ports_parse(const char *s, uint16_t *first, uint16_t *last)
{
	const char *end = s + strlen(s), *dash = strchr(s, '-');

	if (!dash) {
		if (!parse_port(s, end, first))
			return false;
		*last = *first;
		return true;
	}
	return parse_port(s, dash, first) && parse_port(dash + 1, end, last) && *first <= *last;
}

static bool takes_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/* One element of a list of ports; *rest as for strsep(). */
static bool next_ports(char **rest, struct ports *p, char why[ESC_RULE_WHY])
{
	char *word = strsep(rest, ",");

	if (!word)
		return false; /* the caller's loop ends before */
	word = trim(word);
	if (!esc_ports_parse(word, &p->first, &p->last))
		return expected(why, word,
				"ports: a number from 1 to 65535, FIRST-LAST with the lower one "
				"first, or a list of them with commas");
	if (!p->first)
		return expected(why, word, "ports from 1 on");
	return true;
}

static bool check_ports(const struct parts *p, uint8_t proto, char why[ESC_RULE_WHY])
{
	if (!p->ports || takes_ports(proto))
		return true;
	return say(why, "'%.*s' after %s: expected to or from (only tcp and udp have ports)",
		   WORD_SHOW, p->ports, p->proto);
}

/* --- prefixes --------------------------------------------------------------------------------- */

bool esc_prefix_contains(const uint8_t a[16], uint8_t a_len, const uint8_t b[16], uint8_t b_len)
{
	return a_len <= b_len && esc_addr_within(b, a, a_len);
}

bool esc_prefix_overlaps(const uint8_t a[16], uint8_t a_len, const uint8_t b[16], uint8_t b_len)
{
	return esc_prefix_contains(a, a_len, b, b_len) || esc_prefix_contains(b, b_len, a, a_len);
}

/* IPv4 is a part of the 16 bytes: an IPv6 prefix that contains it would be of both families. */
static bool is_both(const uint8_t a[16], uint8_t len)
{
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff};

	return len < 96 && esc_prefix_contains(a, len, v4, 96);
}

static bool parse_prefix(const char *word, uint8_t a[16], uint8_t *len, char why[ESC_RULE_WHY])
{
	memset(a, 0, 16);
	*len = 0;
	if (!word || !strcasecmp(word, "any"))
		return true;
	if (!esc_prefix_parse(word, a, len))
		return expected(why, word, PREFIXES);
	if (is_both(a, *len))
		return expected(why, word,
				"any for both families, 2000::/3 for the IPv6 internet, or "
				"0.0.0.0/0 for IPv4");
	return true;
}

static bool same_family(const uint8_t a[16], uint8_t a_len, const uint8_t b[16], uint8_t b_len)
{
	return !a_len || !b_len || esc_addr_is_v4(a) == esc_addr_is_v4(b);
}

static bool mixed(const struct parts *p, char why[ESC_RULE_WHY])
{
	return say(why, "to '%.*s' from '%.*s': expected IPv4 on both sides, or IPv6", WORD_SHOW,
		   p->to, WORD_SHOW, p->from);
}

/* --- rules ------------------------------------------------------------------------------------ */

bool esc_rule_parse(const char *text, enum esc_verdict verdict, struct esc_rule *list, uint32_t max,
		    uint32_t *count, char why[ESC_RULE_WHY])
{
	struct esc_rule rule = {.verdict = (uint8_t)verdict, .port_last = 65535};
	uint32_t n = *count;
	struct parts p;

	if (!split(text, &p, why) || !p.proto)
		return false;
	if (!parse_proto(p.proto, &rule.proto))
		return expected(why, p.proto, PROTOCOLS);
	if (!check_ports(&p, rule.proto, why) || !parse_prefix(p.to, rule.to, &rule.to_len, why) ||
	    !parse_prefix(p.from, rule.from, &rule.from_len, why))
		return false;
	if (!same_family(rule.to, rule.to_len, rule.from, rule.from_len))
		return mixed(&p, why);
	do {
		struct ports ports = {rule.port_first, rule.port_last};

		if (p.ports && !next_ports(&p.ports, &ports, why))
			return false;
		if (n == max)
			return say(why, "more than %u rules (each element of a list is one)", max);
		rule.port_first = ports.first;
		rule.port_last = ports.last;
		list[n++] = rule;
	} while (p.ports);
	*count = n;
	return true;
}

/* --- openings --------------------------------------------------------------------------------- */

bool esc_opening_is_forward(const struct esc_opening *o)
{
	return esc_addr_is_v4(o->to);
}

static bool full(uint32_t max, char why[ESC_RULE_WHY])
{
	return say(why, "more than %u of Forward and Open together", max);
}

/* Where packets of a host's can go: not multicast, not "this network", not the host itself. */
static bool is_unicast(const uint8_t a[16])
{
	static const uint8_t zero[16], loopback[16] = {[15] = 1};

	if (esc_addr_is_v4(a))
		return a[12] && a[12] != 127 && a[12] < 224;
	return a[0] != 0xff && !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80) &&
	       memcmp(a, zero, 16) != 0 && memcmp(a, loopback, 16) != 0;
}

/* ADDRESS[:PORT] */
static bool parse_target(char *word, struct esc_opening *o, char why[ESC_RULE_WHY])
{
	static const char what[] = "the IPv4 address of a host of the LAN, and its port if it is "
				   "another one, 10.1.0.5 or 10.1.0.5:80";
	char *colon = strchr(word, ':');
	bool ok = true;

	o->to_port = o->port_first;
	if (colon)
		ok = parse_port(colon + 1, colon + strlen(colon), &o->to_port) && o->to_port;
	if (ok && colon)
		*colon = '\0';
	ok = ok && esc_addr_parse(word, o->to) && esc_addr_is_v4(o->to) && is_unicast(o->to);
	if (!ok)
		return expected(why, word, what);
	if (o->to_port + (o->port_last - o->port_first) > 65535)
		return say(why, "ports %u-%u to port %u: the last one would be above 65535",
			   o->port_first, o->port_last, o->to_port);
	o->to_len = 128;
	return true;
}

bool esc_forward_parse(const char *text, struct esc_opening *list, uint32_t max, uint32_t *count,
		       char why[ESC_RULE_WHY])
{
	struct esc_opening o = {.to_len = 128};
	struct parts p;

	if (!split(text, &p, why) || !p.proto)
		return false;
	if (!parse_proto(p.proto, &o.proto) || !takes_ports(o.proto))
		return expected(why, p.proto, "tcp or udp");
	if (!p.ports)
		return say(why, "no port: expected tcp PORT to ADDRESS[:PORT]");
	if (!esc_ports_parse(p.ports, &o.port_first, &o.port_last) || !o.port_first)
		return expected(why, p.ports, "one port from 1 to 65535, or FIRST-LAST");
	if (!p.to)
		return say(why, "no target: expected to ADDRESS or to ADDRESS:PORT");
	if (!parse_target(p.to, &o, why) || !parse_prefix(p.from, o.from, &o.from_len, why))
		return false;
	if (!same_family(o.to, o.to_len, o.from, o.from_len))
		return mixed(&p, why);
	if (*count == max)
		return full(max, why);
	list[(*count)++] = o;
	return true;
}

bool esc_open_parse(const char *text, struct esc_opening *list, uint32_t max, uint32_t *count,
		    char why[ESC_RULE_WHY])
{
	struct esc_opening o = {.port_last = 65535};
	uint32_t n = *count;
	struct parts p;

	if (!split(text, &p, why) || !p.proto)
		return false;
	if (!parse_proto(p.proto, &o.proto) || !o.proto)
		return expected(why, p.proto, "tcp, udp or icmp");
	if (!check_ports(&p, o.proto, why))
		return false;
	if (!p.to)
		return say(why, "no target: expected to ADDRESS or to PREFIX, of IPv6");
	if (!parse_prefix(p.to, o.to, &o.to_len, why) ||
	    !parse_prefix(p.from, o.from, &o.from_len, why))
		return false;
	if (!o.to_len || esc_addr_is_v4(o.to) || !is_unicast(o.to))
		return expected(why, p.to,
				"an IPv6 address or prefix of the LAN (Forward is for IPv4)");
	if (!same_family(o.to, o.to_len, o.from, o.from_len))
		return mixed(&p, why);
	if (o.proto == IPPROTO_ICMP)
		o.proto = IPPROTO_ICMPV6;
	do {
		struct ports ports = {o.port_first, o.port_last};

		if (p.ports && !next_ports(&p.ports, &ports, why))
			return false;
		if (n == max)
			return full(max, why);
		o.port_first = o.to_port = ports.first;
		o.port_last = ports.last;
		list[n++] = o;
	} while (p.ports);
	*count = n;
	return true;
}

/* --- services --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t proto;
	uint16_t port;
} services[] = {
	{"dhcp", IPPROTO_UDP, 67}, {"dhcp", IPPROTO_UDP, 547}, {"dns", IPPROTO_UDP, 53},
	{"dns", IPPROTO_TCP, 53},  {"ntp", IPPROTO_UDP, 123},
};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static bool add_service(uint8_t proto, uint16_t port, struct esc_service *list, uint32_t max,
			uint32_t *count, char why[ESC_RULE_WHY])
{
	/* Who asks for an address has none yet, and does not know the server's. */
	const bool dhcp = proto == IPPROTO_UDP && (port == 67 || port == 547);

	for (uint32_t i = 0; i < *count; i++)
		if (list[i].port == port && list[i].proto == proto)
			return true;
	if (*count == max)
		return say(why, "more than %u ports in Local", max);
	list[(*count)++] =
		(struct esc_service){.port = port, .proto = proto, .broadcast = dhcp ? 1 : 0};
	return true;
}

bool esc_service_parse(const char *text, struct esc_service *list, uint32_t max, uint32_t *count,
		       char why[ESC_RULE_WHY])
{
	static const char what[] = "dhcp, dns, ntp, tcp PORT or udp PORT";
	uint32_t n = *count;
	uint16_t port, last;
	bool known = false;
	struct parts p;
	uint8_t proto;

	if (!split(text, &p, why) || !p.proto || p.to || p.from)
		return expected(why, text, what);
	for (size_t i = 0; i < SERVICES && !p.ports; i++) {
		if (strcasecmp(p.proto, services[i].name) != 0)
			continue;
		known = true;
		if (!add_service(services[i].proto, services[i].port, list, max, &n, why))
			return false;
	}
	if (!known) {
		if (!p.ports || !parse_proto(p.proto, &proto) || !takes_ports(proto) ||
		    !esc_ports_parse(p.ports, &port, &last) || !port || last != port)
			return expected(why, text, what);
		if (!add_service(proto, port, list, max, &n, why))
			return false;
	}
	*count = n;
	return true;
}

/* --- text ------------------------------------------------------------------------------------- */

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	default:
		return "any";
	}
}

/* " 80", " 5000-5100", or nothing for all of them. */
static void ports_text(uint16_t first, uint16_t last, char buf[16])
{
	if (!first)
		*buf = '\0';
	else if (first == last)
		snprintf(buf, 16, " %u", first);
	else
		snprintf(buf, 16, " %u-%u", first, last);
}

static char *prefix_text(const uint8_t a[16], uint8_t len, char buf[ESC_PREFIX_STR])
{
	if (!len)
		snprintf(buf, ESC_PREFIX_STR, "any");
	else if (len == 128)
		esc_addr_format(a, buf);
	else
		esc_prefix_format(a, len, buf);
	return buf;
}

static char *text(char buf[ESC_RULE_STR], uint8_t proto, const char *ports, const char *to,
		  const uint8_t from[16], uint8_t from_len)
{
	char prefix[ESC_PREFIX_STR];

	snprintf(buf, ESC_RULE_STR, "%s%s to %s%s%s", proto_name(proto), ports, to,
		 from_len ? " from " : "", from_len ? prefix_text(from, from_len, prefix) : "");
	return buf;
}

char *esc_rule_text(const struct esc_rule *r, char buf[ESC_RULE_STR])
{
	char ports[16], to[ESC_PREFIX_STR];

	ports_text(r->port_first, r->port_last, ports);
	return text(buf, r->proto, ports, prefix_text(r->to, r->to_len, to), r->from, r->from_len);
}

char *esc_opening_text(const struct esc_opening *o, char buf[ESC_RULE_STR])
{
	char ports[16], to[ESC_EP_STR];

	ports_text(o->port_first, o->port_last, ports);
	if (esc_opening_is_forward(o))
		esc_endpoint_format(o->to, o->to_port, to);
	else
		prefix_text(o->to, o->to_len, to);
	return text(buf, o->proto, ports, to, o->from, o->from_len);
}

char *esc_service_text(const struct esc_service *s, char buf[ESC_RULE_STR])
{
	snprintf(buf, ESC_RULE_STR, "%s %u", proto_name(s->proto), s->port);
	return buf;
}
