/* SPDX-License-Identifier: BSD-2-Clause */
/* config_node.c: the keys of [Interface] and [Node]. */
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "control/config_parse.h"
#include "ipc/sandbox.h"

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

bool conf_secret(struct conf *c, const char *what, const char *value, uint8_t key[ESC_KEY_LEN])
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

void conf_private_key(struct conf *c, const char *value)
{
	uint8_t key[ESC_KEY_LEN];

	if (conf_secret(c, "PrivateKey", value, key))
		take_private_key(c, key);
	sodium_memzero(key, sizeof(key));
}

/* --- [Interface] and [Node] ----------------------------------------------------------------------
 */

void conf_listen_port(struct conf *c, const char *value)
{
	uint32_t port;

	if (!conf_number(value, 0, 65535, &port))
		conf_bad(c, "ListenPort", value, "a number from 0 to 65535 (0: 51820)");
	else
		c->m->listen_port = (uint16_t)(port ? port : ESC_DEFAULT_PORT);
}

void conf_name(struct conf *c, const char *value)
{
	if (conf_word(value, ESC_NAME_MAX, CONF_NAME_CHARS))
		copy(c->m->name, sizeof(c->m->name), value);
	else
		conf_bad(c, "Name", value, CONF_NAME_FORM);
}

void conf_mode(struct conf *c, const char *value)
{
	if (!strcasecmp(value, "encryptor"))
		c->m->mode = ESC_MODE_ENCRYPTOR;
	else if (!strcasecmp(value, "router"))
		c->m->mode = ESC_MODE_ROUTER;
	else
		conf_bad(c, "Mode", value, "router or encryptor");
}

void conf_dhcp(struct conf *c, const char *value)
{
	if (!strcasecmp(value, "yes"))
		c->m->split.dhcp = true;
	else if (!strcasecmp(value, "no"))
		c->m->split.dhcp = false;
	else
		conf_bad(c, "Dhcp", value, "yes or no");
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
		conf_bad(c, key, value, "the name of a network device, as 'ip link' shows it");
}

void conf_black(struct conf *c, const char *value)
{
	set_nic(c, "Black", c->m->black, value);
}

void conf_red(struct conf *c, const char *value)
{
	set_nic(c, "Red", c->m->red, value);
}

void conf_queues(struct conf *c, const char *value)
{
	if (!conf_number(value, 1, ESC_QUEUES_MAX, &c->m->queues))
		conf_bad(c, "Queues", value, "a number from 1 to 16");
}

void conf_provider(struct conf *c, const char *value)
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
		conf_bad(c, "Provider", value,
			 "auto, sodium, openssl, ipsec-mb or the full path of a shared object");
}

void conf_state(struct conf *c, const char *value)
{
	if (*value == '/' && strlen(value) <= ESC_PATH_MAX)
		copy(c->m->state_dir, sizeof(c->m->state_dir), value);
	else
		conf_bad(c, "State", value, "the full path of a directory");
}

static void set_path(struct conf *c, const char *key, char path[ESC_PATH_MAX + 1],
		     const char *value)
{
	if (*value == '/' && strlen(value) <= ESC_PATH_MAX)
		copy(path, ESC_PATH_MAX + 1, value);
	else
		conf_bad(c, key, value, "the full path of a file");
}

void conf_keystore(struct conf *c, const char *value)
{
	set_path(c, "Keystore", c->m->keystore, value);
}

void conf_audit(struct conf *c, const char *value)
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
	conf_bad(c, "Sandbox", word, expected);
}

void conf_sandbox(struct conf *c, const char *value)
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

void conf_lsm(struct conf *c, const char *value)
{
	static const char *const names[] = {
		[ESC_LSM_AUTO] = "auto", [ESC_LSM_OFF] = "off", [ESC_LSM_REQUIRED] = "required"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(value, names[i])) {
			c->m->lsm = (enum esc_lsm_mode)i;
			return;
		}
	conf_bad(c, "Lsm", value, "auto, off or required");
}

static void set_group(struct conf *c, const char *key, char group[ESC_USER_MAX + 1],
		      const char *value)
{
	if (!conf_word(value, ESC_USER_MAX, "_.-") || *value == '-')
		conf_bad(c, key, value, "the name of a group");
	else
		copy(group, ESC_USER_MAX + 1, value);
}

void conf_admins(struct conf *c, const char *value)
{
	set_group(c, "Admins", c->m->admins, value);
}

void conf_monitors(struct conf *c, const char *value)
{
	set_group(c, "Monitors", c->m->monitors, value);
}

static void set_user(struct conf *c, const char *key, char user[ESC_USER_MAX + 1],
		     const char *value)
{
	if (!conf_word(value, ESC_USER_MAX, "_.-") || *value == '-' || !strcmp(value, "root"))
		conf_bad(c, key, value, "the name of a user other than root");
	else
		copy(user, ESC_USER_MAX + 1, value);
}

void conf_red_user(struct conf *c, const char *value)
{
	set_user(c, "RedUser", c->m->red_user, value);
}

void conf_crypto_user(struct conf *c, const char *value)
{
	set_user(c, "CryptoUser", c->m->crypto_user, value);
}
