/* SPDX-License-Identifier: BSD-2-Clause */
/* config_keys.c: every key of the node's file, what it may be, and where it goes in the model. */
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "control/config_parse.h"
#include "ipc/sandbox.h"

/* A pasted key can end up where a name is expected; no name of ours is as long as this. */
#define NAME_QUOTE_MAX 20u

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* --- key material: never quoted ----------------------------------------------------------------
 */

static void check_exposed(struct conf *c, const char *what)
{
	if (!c->exposed || c->exposed_said)
		return;
	c->exposed_said = true;
	conf_error(c, c->line, "%s in a file that group or others may read or write: chmod 600 %s",
		   what, c->file);
}

static bool read_secret(struct conf *c, const char *what, const char *value, uint8_t key[32])
{
	check_exposed(c, what);
	if (esc_key_from_base64(key, value))
		return true;
	conf_error(c, c->line,
		   "%s is not a key: expected 44 characters of base64, found %zu characters%s",
		   what, strlen(value),
		   strlen(value) == ESC_KEY_B64 - 1 ? " that are not base64 of 32 bytes" : "");
	return false;
}

static void take_private_key(struct conf *c, const uint8_t key[32])
{
	uint8_t own[ESC_KEY_LEN];

	if (esc_key_is_zero(key)) {
		conf_error(c, c->line,
			   "PrivateKey is all zero: make one with 'esclusa key generate'");
		return;
	}
	/* A peer that came before [Interface]; esc_model_set_key() would drop it quietly. */
	esc_key_public(own, key);
	const struct esc_peer *self = esc_model_find(c->m, own);
	if (self)
		conf_error(c, c->peer_key_line[self->id], CONF_OWN_KEY);
	esc_model_set_key(c->m, key);
}

static void set_private_key(struct conf *c, const char *value)
{
	uint8_t key[ESC_KEY_LEN];

	if (read_secret(c, "PrivateKey", value, key))
		take_private_key(c, key);
	sodium_memzero(key, sizeof(key));
}

static void set_psk(struct conf *c, const char *value)
{
	read_secret(c, "PresharedKey", value, c->peer.psk);
}

/* --- [Interface] and [Node] ----------------------------------------------------------------------
 */

static void bad(struct conf *c, const char *key, const char *value, const char *expected)
{
	char q[CONF_QUOTE];

	conf_error(c, c->line, "%s %s: expected %s", key, conf_quote(q, value), expected);
}

static void set_listen_port(struct conf *c, const char *value)
{
	uint32_t port;

	if (!conf_number(value, 0, 65535, &port))
		bad(c, "ListenPort", value, "a number from 0 to 65535 (0: 51820)");
	else
		c->m->listen_port = (uint16_t)(port ? port : ESC_DEFAULT_PORT);
}

static void set_name(struct conf *c, const char *value)
{
	if (conf_word(value, ESC_NAME_MAX, CONF_NAME_CHARS))
		copy(c->m->name, sizeof(c->m->name), value);
	else
		bad(c, "Name", value, CONF_NAME_FORM);
}

static void set_mode(struct conf *c, const char *value)
{
	if (!strcasecmp(value, "encryptor"))
		c->m->mode = ESC_MODE_ENCRYPTOR;
	else if (!strcasecmp(value, "router"))
		conf_error(c, c->line,
			   "Mode 'router' is not available in this version: use encryptor");
	else
		bad(c, "Mode", value, "encryptor");
}

static void set_nic(struct conf *c, const char *key, char nic[ESC_NIC_MAX + 1], const char *value)
{
	bool ok = *value && strlen(value) <= ESC_NIC_MAX && strcmp(value, ".") != 0 &&
		  strcmp(value, "..") != 0 && !strpbrk(value, "/: \t");

	for (const char *s = value; *s; s++)
		ok = ok && *s > 0x20 && *s < 0x7f;
	if (ok)
		copy(nic, ESC_NIC_MAX + 1, value);
	else
		bad(c, key, value, "the name of a network device, as 'ip link' shows it");
}

static void set_black(struct conf *c, const char *value)
{
	set_nic(c, "Black", c->m->black, value);
}

static void set_red(struct conf *c, const char *value)
{
	set_nic(c, "Red", c->m->red, value);
}

static void set_queues(struct conf *c, const char *value)
{
	if (!conf_number(value, 1, ESC_QUEUES_MAX, &c->m->queues))
		bad(c, "Queues", value, "a number from 1 to 16");
}

static void set_provider(struct conf *c, const char *value)
{
	static const char *const names[] = {"auto", "sodium", "openssl", "ipsec-mb"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(value, names[i])) {
			copy(c->m->provider, sizeof(c->m->provider), names[i]);
			return;
		}
	if (*value == '/' && strlen(value) <= ESC_PROVIDER_MAX)
		copy(c->m->provider, sizeof(c->m->provider), value);
	else
		bad(c, "Provider", value,
		    "auto, sodium, openssl, ipsec-mb or the full path of a shared object");
}

static void set_state(struct conf *c, const char *value)
{
	if (*value == '/' && strlen(value) <= ESC_PATH_MAX)
		copy(c->m->state_dir, sizeof(c->m->state_dir), value);
	else
		bad(c, "State", value, "the full path of a directory");
}

static void set_path(struct conf *c, const char *key, char path[ESC_PATH_MAX + 1],
		     const char *value)
{
	if (*value == '/' && strlen(value) <= ESC_PATH_MAX)
		copy(path, ESC_PATH_MAX + 1, value);
	else
		bad(c, key, value, "the full path of a file");
}

static void set_keystore(struct conf *c, const char *value)
{
	set_path(c, "Keystore", c->m->keystore, value);
}

static void set_audit(struct conf *c, const char *value)
{
	set_path(c, "Audit", c->m->audit, value);
}

static void list_waivable(char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "full, none, or layers to leave out:");

	for (size_t i = 0; i < ESC_LAYER_COUNT && at < size; i++)
		if (esc_layer_info[i].waivable)
			at += (size_t)snprintf(buf + at, size - at, " %s", esc_layer_info[i].name);
}

static void waive(struct conf *c, const char *word)
{
	const bool all = !strcasecmp(word, "none");
	bool known = all;
	char expected[256];

	for (size_t i = 0; i < ESC_LAYER_COUNT; i++)
		if (esc_layer_info[i].waivable &&
		    (all || !strcasecmp(word, esc_layer_info[i].name))) {
			c->m->waived |= ESC_LAYER_BIT(i);
			known = true;
		}
	if (known)
		return;
	list_waivable(expected, sizeof(expected));
	bad(c, "Sandbox", word, expected);
}

static void set_sandbox(struct conf *c, const char *value)
{
	char list[ESC_CONFIG_LINE_MAX + 1];
	char *rest = list, *word;

	c->m->waived = 0;
	if (!strcasecmp(value, "full"))
		return;
	copy(list, sizeof(list), value);
	while ((word = strsep(&rest, ", \t")))
		if (*word || !*value)
			waive(c, word);
}

static void set_lsm(struct conf *c, const char *value)
{
	static const char *const names[] = {
		[ESC_LSM_AUTO] = "auto", [ESC_LSM_OFF] = "off", [ESC_LSM_REQUIRED] = "required"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(value, names[i])) {
			c->m->lsm = (enum esc_lsm_mode)i;
			return;
		}
	bad(c, "Lsm", value, "auto, off or required");
}

static void set_group(struct conf *c, const char *key, char group[ESC_USER_MAX + 1],
		      const char *value)
{
	if (!conf_word(value, ESC_USER_MAX, "_.-") || *value == '-')
		bad(c, key, value, "the name of a group");
	else
		copy(group, ESC_USER_MAX + 1, value);
}

static void set_admins(struct conf *c, const char *value)
{
	set_group(c, "Admins", c->m->admins, value);
}

static void set_monitors(struct conf *c, const char *value)
{
	set_group(c, "Monitors", c->m->monitors, value);
}

static void set_user(struct conf *c, const char *key, char user[ESC_USER_MAX + 1],
		     const char *value)
{
	if (!conf_word(value, ESC_USER_MAX, "_.-") || *value == '-' || !strcmp(value, "root"))
		bad(c, key, value, "the name of a user other than root");
	else
		copy(user, ESC_USER_MAX + 1, value);
}

static void set_red_user(struct conf *c, const char *value)
{
	set_user(c, "RedUser", c->m->red_user, value);
}

static void set_crypto_user(struct conf *c, const char *value)
{
	set_user(c, "CryptoUser", c->m->crypto_user, value);
}

/* --- [Peer]
 * ---------------------------------------------------------------------------------------- */

static void set_peer_name(struct conf *c, const char *value)
{
	bool ok = *value && strlen(value) <= ESC_LABEL_MAX;

	for (const char *s = value; *s; s++)
		ok = ok && *s >= 0x20 && *s < 0x7f;
	if (!ok) {
		bad(c, "Name", value, "1 to 63 printable ASCII characters");
		return;
	}
	copy(c->peer.name, sizeof(c->peer.name), value);
	c->peer.name_line = c->line;
}

static void set_public_key(struct conf *c, const char *value)
{
	c->peer.key_line = c->line;
	if (!esc_key_from_base64(c->peer.public_key, value))
		bad(c, "PublicKey", value,
		    "44 characters of base64, as 'esclusa key public' prints");
	else if (esc_key_is_zero(c->peer.public_key))
		bad(c, "PublicKey", value, "a key that is not all zero");
	else
		c->peer.key_ok = true;
}

static void set_endpoint(struct conf *c, const char *value)
{
	if (!esc_endpoint_parse(value, c->peer.endpoint, &c->peer.endpoint_port))
		bad(c, "Endpoint", value,
		    "a numeric address and a port, 192.0.2.1:51820 or [2001:db8::1]:51820"
		    " (host names are not resolved)");
}

static void set_keepalive(struct conf *c, const char *value)
{
	uint32_t seconds = 0;

	if (strcasecmp(value, "off") != 0 && !conf_number(value, 0, 65535, &seconds))
		bad(c, "PersistentKeepalive", value, "seconds from 0 to 65535, or off");
	else
		c->peer.keepalive = (uint16_t)seconds;
}

static void add_prefix(struct conf *c, const char *word)
{
	struct esc_prefix p = {.len = 0};

	if (!esc_prefix_parse(word, p.addr, &p.len)) {
		bad(c, "AllowedIPs", word, "an address or a prefix, 10.2.0.0/24 or fd00:2::/64");
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
	copy(list, sizeof(list), value);
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
	{CONF_INTERFACE, false, "PrivateKey", set_private_key},
	{CONF_INTERFACE, false, "ListenPort", set_listen_port},
	{CONF_INTERFACE, false, "Keystore", set_keystore},
	{CONF_NODE, false, "Name", set_name},
	{CONF_NODE, false, "Mode", set_mode},
	{CONF_NODE, false, "Black", set_black},
	{CONF_NODE, false, "Red", set_red},
	{CONF_NODE, false, "Queues", set_queues},
	{CONF_NODE, false, "Provider", set_provider},
	{CONF_NODE, false, "State", set_state},
	{CONF_NODE, false, "RedUser", set_red_user},
	{CONF_NODE, false, "CryptoUser", set_crypto_user},
	{CONF_NODE, false, "Sandbox", set_sandbox},
	{CONF_NODE, false, "Lsm", set_lsm},
	{CONF_NODE, false, "Admins", set_admins},
	{CONF_NODE, false, "Monitors", set_monitors},
	{CONF_NODE, false, "Audit", set_audit},
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
	[CONF_INTERFACE] = "Interface",
	[CONF_NODE] = "Node",
	[CONF_GUARD] = "Guard",
	[CONF_PEER] = "Peer",
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
