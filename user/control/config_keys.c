/* SPDX-License-Identifier: BSD-2-Clause */
/* config_keys.c: every key of the node's file, what it may be, and where it goes in the model. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "control/config_parse.h"

/* A pasted key can end up where a name is expected; no name of ours is as long as this. */
#define NAME_QUOTE_MAX 20u

void conf_bad(struct conf *c, const char *key, const char *value, const char *expected)
{
	char q[CONF_QUOTE];

	conf_error(c, c->line, "%s %s: expected %s", key, conf_quote(q, value), expected);
}

/* --- [Peer]
 * ---------------------------------------------------------------------------------------- */

static void set_peer_name(struct conf *c, const char *value)
{
	bool ok = *value && strlen(value) <= ESC_LABEL_MAX;

	for (const char *s = value; *s; s++)
		ok = ok && *s >= 0x20 && *s < 0x7f;
	if (!ok) {
		conf_bad(c, "Name", value, "1 to 63 printable ASCII characters");
		return;
	}
	snprintf(c->peer.name, sizeof(c->peer.name), "%s", value);
	c->peer.name_line = c->line;
}

static void set_psk(struct conf *c, const char *value)
{
	conf_secret(c, "PresharedKey", value, c->peer.psk);
}

static void set_public_key(struct conf *c, const char *value)
{
	c->peer.key_line = c->line;
	if (!esc_key_from_base64(c->peer.public_key, value))
		conf_bad(c, "PublicKey", value,
			 "44 characters of base64, as 'esclusa key public' prints");
	else if (esc_key_is_zero(c->peer.public_key))
		conf_bad(c, "PublicKey", value, "a key that is not all zero");
	else
		c->peer.key_ok = true;
}

static void set_endpoint(struct conf *c, const char *value)
{
	if (!esc_endpoint_parse(value, c->peer.endpoint, &c->peer.endpoint_port))
		conf_bad(c, "Endpoint", value,
			 "a numeric address and a port, 192.0.2.1:51820 or [2001:db8::1]:51820"
			 " (host names are not resolved)");
}

static void set_keepalive(struct conf *c, const char *value)
{
	uint32_t seconds = 0;

	if (strcasecmp(value, "off") != 0 && !conf_number(value, 0, 65535, &seconds))
		conf_bad(c, "PersistentKeepalive", value, "seconds from 0 to 65535, or off");
	else
		c->peer.keepalive = (uint16_t)seconds;
}

static void add_prefix(struct conf *c, const char *word)
{
	struct esc_prefix p = {.len = 0};

	if (!esc_prefix_parse(word, p.addr, &p.len)) {
		conf_bad(c, "AllowedIPs", word,
			 "an address or a prefix, 10.2.0.0/24 or fd00:2::/64");
		return;
	}
	if (c->peer.prefixes < ESC_PREFIXES_MAX) {
		c->prefix[c->peer.prefixes++] = (struct conf_prefix){.prefix = p, .line = c->line};
	} else if (!c->full_said) {
		c->full_said = true;
		conf_error(c, c->line, "more than %u prefixes in AllowedIPs", ESC_PREFIXES_MAX);
	}
}

static void set_allowed_ips(struct conf *c, const char *value)
{
	char list[ESC_CONFIG_LINE_MAX + 1];
	char *rest = list, *word;

	if (!*value)
		return; /* as for wg: the peer has none */
	snprintf(list, sizeof(list), "%s", value);
	while ((word = strsep(&rest, ",")))
		add_prefix(c, conf_trim(word));
}

/* --- the table
 * --------------------------------------------------------------------------------------- */

static const struct conf_entry {
	enum conf_section section;
	bool repeat;
	const char *name;
	void (*set)(struct conf *c, const char *value);
} entries[] = {
	{CONF_INTERFACE, false, "PrivateKey", conf_private_key},
	{CONF_INTERFACE, false, "ListenPort", conf_listen_port},
	{CONF_INTERFACE, false, "Keystore", conf_keystore},
	{CONF_NODE, false, "Name", conf_name},
	{CONF_NODE, false, "Mode", conf_mode},
	{CONF_NODE, false, "Dhcp", conf_dhcp},
	{CONF_NODE, false, "Black", conf_black},
	{CONF_NODE, false, "Red", conf_red},
	{CONF_NODE, false, "Queues", conf_queues},
	{CONF_NODE, false, "Provider", conf_provider},
	{CONF_NODE, false, "State", conf_state},
	{CONF_NODE, false, "RedUser", conf_red_user},
	{CONF_NODE, false, "CryptoUser", conf_crypto_user},
	{CONF_NODE, false, "Sandbox", conf_sandbox},
	{CONF_NODE, false, "Lsm", conf_lsm},
	{CONF_NODE, false, "Admins", conf_admins},
	{CONF_NODE, false, "Monitors", conf_monitors},
	{CONF_NODE, false, "Audit", conf_audit},
	{CONF_GUARD, false, "MacRate", conf_guard_number},
	{CONF_GUARD, false, "SourceRate", conf_guard_number},
	{CONF_GUARD, false, "SourceBurst", conf_guard_number},
	{CONF_GUARD, false, "TotalRate", conf_guard_number},
	{CONF_GUARD, false, "TotalBurst", conf_guard_number},
	{CONF_GUARD, false, "CookieRate", conf_guard_number},
	{CONF_GUARD, false, "CookieBurst", conf_guard_number},
	{CONF_GUARD, false, "KnownRate", conf_guard_number},
	{CONF_GUARD, false, "KnownBurst", conf_guard_number},
	{CONF_GUARD, false, "NeighbourRate", conf_guard_number},
	{CONF_GUARD, false, "NeighbourBurst", conf_guard_number},
	{CONF_GUARD, false, "Sources", conf_guard_number},
	{CONF_GUARD, false, "Threshold", conf_guard_threshold},
	{CONF_GUARD, false, "AlarmAfter", conf_guard_number},
	{CONF_GUARD, false, "CalmAfter", conf_guard_number},
	{CONF_SPLIT, false, "Default", conf_split_default},
	{CONF_SPLIT, true, "Allow", conf_split_allow},
	{CONF_SPLIT, true, "Deny", conf_split_deny},
	{CONF_SPLIT, false, "Ports", conf_split_ports},
	{CONF_SPLIT, false, "Connections", conf_split_connections},
	{CONF_SPLIT, false, "UdpTimeout", conf_split_timeout},
	{CONF_SPLIT, false, "UdpUnrepliedTimeout", conf_split_timeout},
	{CONF_SPLIT, false, "TcpTimeout", conf_split_timeout},
	{CONF_SPLIT, false, "TcpTransitoryTimeout", conf_split_timeout},
	{CONF_SPLIT, false, "IcmpTimeout", conf_split_timeout},
	{CONF_SPLIT, false, "FragmentTimeout", conf_split_fragment_timeout},
	{CONF_FIREWALL, false, "Secure", conf_firewall_secure},
	{CONF_FIREWALL, true, "SecureAllow", conf_firewall_secure_allow},
	{CONF_FIREWALL, true, "SecureDeny", conf_firewall_secure_deny},
	{CONF_FIREWALL, true, "Forward", conf_firewall_forward},
	{CONF_FIREWALL, true, "Open", conf_firewall_open},
	{CONF_FIREWALL, true, "Local", conf_firewall_local},
	{CONF_PEER, false, "Name", set_peer_name},
	{CONF_PEER, false, "PublicKey", set_public_key},
	{CONF_PEER, false, "PresharedKey", set_psk},
	{CONF_PEER, true, "AllowedIPs", set_allowed_ips},
	{CONF_PEER, false, "Endpoint", set_endpoint},
	{CONF_PEER, false, "PersistentKeepalive", set_keepalive},
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

_Static_assert(ENTRIES <= CONF_KEYS_MAX, "a line number per key");

/* Keys of wg-quick and of WireGuard's [Interface] that have no place here. */
static const struct {
	const char *name, *advice;
} foreign[] = {
	{"Address", "addresses are configured by the system: ip address add ADDRESS dev RED"},
	{"DNS", "name servers are configured by the system, not per tunnel"},
	{"MTU", "the tunnel's MTU follows the black NIC's: ip link set BLACK mtu BYTES"},
	{"Table", "AllowedIPs are the routing table; the system's routes are left alone"},
	{"PreUp", "no commands are run: use ExecStartPre= of the service"},
	{"PostUp", "no commands are run: use ExecStartPost= of the service"},
	{"PreDown", "no commands are run: use ExecStop= of the service"},
	{"PostDown", "no commands are run: use ExecStopPost= of the service"},
	{"SaveConfig", "the file is never written: keep changes in it yourself"},
	{"FwMark", "packets do not pass through a socket that could mark them"},
};

static const char *const section_names[] = {
	[CONF_INTERFACE] = "Interface", [CONF_NODE] = "Node",	      [CONF_GUARD] = "Guard",
	[CONF_SPLIT] = "Split",		[CONF_FIREWALL] = "Firewall", [CONF_PEER] = "Peer",
};

/* "A, B or C": the keys of a section. */
static void list_keys(enum conf_section section, char *buf, size_t size)
{
	size_t left = 0, at = 0;

	for (size_t i = 0; i < ENTRIES; i++)
		left += entries[i].section == section;
	buf[0] = '\0';
	for (size_t i = 0; i < ENTRIES && at < size; i++) {
		if (entries[i].section != section)
			continue;
		left--;
		int n = snprintf(buf + at, size - at, "%s%s", entries[i].name,
				 left > 1 ? ", "
				 : left	  ? " or "
					  : "");
		at += n > 0 ? (size_t)n : 0;
	}
}

static void unknown_key(struct conf *c, const char *name)
{
	const char *section = section_names[c->section];
	char q[CONF_QUOTE], expected[320];

	list_keys(c->section, expected, sizeof(expected));
	if (strlen(name) > NAME_QUOTE_MAX) {
		conf_error(c, c->line,
			   "unknown key in [%s] (%zu characters, not shown): expected %s", section,
			   strlen(name), expected);
		return;
	}
	conf_quote(q, name);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (!strcasecmp(name, foreign[i].name)) {
			conf_error(c, c->line, "%s is not a key of this file: %s", q,
				   foreign[i].advice);
			return;
		}
	for (size_t i = 0; i < ENTRIES; i++)
		if (!strcasecmp(name, entries[i].name)) {
			conf_error(c, c->line, "%s in [%s]: expected in [%s]", q, section,
				   section_names[entries[i].section]);
			return;
		}
	conf_error(c, c->line, "unknown key %s in [%s]: expected %s", q, section, expected);
}

void conf_key(struct conf *c, char *name, char *value)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct conf_entry *e = &entries[i];

		if (e->section != c->section || strcasecmp(name, e->name) != 0)
			continue;
		if (c->seen[i] && !e->repeat) {
			conf_error(c, c->line, "%s is given twice: first at line %u", e->name,
				   c->seen[i]);
			return;
		}
		c->seen[i] = c->line;
		c->key = e->name;
		e->set(c, value);
		return;
	}
	unknown_key(c, name);
}

void conf_section_begin(struct conf *c, enum conf_section section)
{
	c->section = section;
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].section == section && section == CONF_PEER)
			c->seen[i] = 0;
}

uint32_t conf_seen(const struct conf *c, enum conf_section section, const char *name)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].section == section && !strcasecmp(entries[i].name, name))
			return c->seen[i];
	return 0;
}
