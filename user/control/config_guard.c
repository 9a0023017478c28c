/* SPDX-License-Identifier: BSD-2-Clause */
/* config_guard.c: the keys of [Guard], their defaults and bounds. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "control/config_parse.h"

/*
 * An initiation costs crypto about 0.2 ms if it is authentic, 45 us if it is forged, a cookie reply
 * some microseconds: strangers get a few percent of a core. One source gets as many handshakes as
 * the WireGuard of Linux gives it (20/s); bursts are larger, because all peers of a network may
 * come at once, and several from behind one address. A mac1 is about 0.5 us of the core that serves
 * the NIC's queue: a quarter of it for strangers. The kernel's tables of neighbours have room for
 * 1024 on all NICs, of which it pushes out none that is younger than 5 s: what the black link may
 * fill of them in that time is 700.
 */
const struct esc_defence esc_defence_default = {
	.limits =
		{
			.mac_rate = 250000,
			.source_rate = 20,
			.source_burst = 50,
			.total_rate = 500,
			.total_burst = 1000,
			.cookie_rate = 5000,
			.cookie_burst = 1000,
			.known_rate = 20,
			.known_burst = 50,
			.neighbour_rate = 10,
			.neighbour_burst = 20,
			.replay_ms = ESC_REPLAY_MS,
		},
	.sources = ESC_SOURCES_DEFAULT,
	.detect = {.alarm_after = 2, .calm_after = 30},
};

static const struct {
	const char *id, *text;
} kinds[ESC_DETECT_KINDS] = {
	[ESC_ATTACK_malformed] = {"malformed", "malformed, or not for this node"},
	[ESC_ATTACK_mac1] = {"mac1", "handshakes with a wrong mac1"},
	[ESC_ATTACK_mac2] = {"mac2", "handshakes without a cookie"},
	[ESC_ATTACK_rate] = {"rate", "more handshakes than the limits allow"},
	[ESC_ATTACK_session] = {"session", "packets of sessions that do not exist"},
	[ESC_ATTACK_neighbour] = {"neighbour", "ARP and neighbour discovery"},
	[ESC_DETECT_FORGED] = {"forged", "forged or replayed messages"},
};

const char *esc_detect_id(unsigned int kind)
{
	return kinds[kind].id;
}

const char *esc_detect_text(unsigned int kind)
{
	return kinds[kind].text;
}

#define LIMIT(field) offsetof(struct esc_defence, limits.field)

static const struct {
	const char *name;
	size_t at;
	uint32_t min, max;
} numbers[] = {
	{"MacRate", LIMIT(mac_rate), 1, ESC_MAC_RATE_MAX},
	{"SourceRate", LIMIT(source_rate), 1, ESC_RATE_MAX},
	{"SourceBurst", LIMIT(source_burst), 1, ESC_BURST_MAX},
	{"TotalRate", LIMIT(total_rate), 1, ESC_RATE_MAX},
	{"TotalBurst", LIMIT(total_burst), 1, ESC_BURST_MAX},
	{"CookieRate", LIMIT(cookie_rate), 1, ESC_RATE_MAX},
	{"CookieBurst", LIMIT(cookie_burst), 1, ESC_BURST_MAX},
	{"KnownRate", LIMIT(known_rate), 1, ESC_RATE_MAX},
	{"KnownBurst", LIMIT(known_burst), 1, ESC_BURST_MAX},
	{"NeighbourRate", LIMIT(neighbour_rate), 1, ESC_RATE_MAX},
	{"NeighbourBurst", LIMIT(neighbour_burst), 1, ESC_BURST_MAX},
	{"Sources", offsetof(struct esc_defence, sources), ESC_SOURCES_MIN, ESC_SOURCES_MAX},
	{"AlarmAfter", offsetof(struct esc_defence, detect.alarm_after), 1, 60},
	{"CalmAfter", offsetof(struct esc_defence, detect.calm_after), 1, 3600},
};

void conf_guard_number(struct conf *c, const char *value)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char q[CONF_QUOTE];
		uint32_t number;

		if (strcmp(numbers[i].name, c->key) != 0)
			continue;
		if (conf_number(value, numbers[i].min, numbers[i].max, &number))
			memcpy((char *)&c->m->defence + numbers[i].at, &number, sizeof(number));
		else
			conf_error(c, c->line, "%s %s: expected a number from %u to %u", c->key,
				   conf_quote(q, value), numbers[i].min, numbers[i].max);
	}
}

/* "auto", "1000" for all kinds, "mac1=1000" for one. */
static bool take_threshold(struct esc_detect_conf *d, char *word)
{
	char *equals = strchr(word, '=');
	const char *number = equals ? equals + 1 : word;
	uint32_t threshold = 0;
	bool known = !equals;

	if (strcasecmp(number, "auto") != 0 &&
	    !conf_number(number, 1, ESC_THRESHOLD_MAX, &threshold))
		return false;
	if (equals)
		*equals = '\0';
	for (unsigned int k = 0; k < ESC_DETECT_KINDS; k++)
		if (!equals || !strcasecmp(word, kinds[k].id)) {
			d->threshold[k] = threshold;
			known = true;
		}
	if (equals)
		*equals = '=';
	return known;
}

void conf_guard_threshold(struct conf *c, const char *value)
{
	char list[ESC_CONFIG_LINE_MAX + 1], q[CONF_QUOTE];
	char *rest = list, *word;

	snprintf(list, sizeof(list), "%s", value);
	while ((word = strsep(&rest, ", \t"))) {
		if ((!*word && *value) || take_threshold(&c->m->defence.detect, word))
			continue;
		conf_error(c, c->line,
			   "Threshold %s: expected auto or packets per second, for all kinds or as "
			   "KIND=1000; kinds are malformed, mac1, mac2, rate, session, neighbour, "
			   "forged",
			   conf_quote(q, word));
		return;
	}
}
