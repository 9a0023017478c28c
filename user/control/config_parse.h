/* SPDX-License-Identifier: BSD-2-Clause */
/* config_parse.h: the inside of the file's parser, for config*.c only. */
#ifndef ESC_CONTROL_CONFIG_PARSE_H
#define ESC_CONTROL_CONFIG_PARSE_H

#include "control/config.h"

enum conf_section {
	CONF_NONE,
	CONF_INTERFACE,
	CONF_NODE,
	CONF_GUARD,
	CONF_SPLIT,
	CONF_FIREWALL,
	CONF_PEER,
	CONF_UNKNOWN,
};

#define CONF_SECTIONS "[Interface], [Node], [Guard], [Split], [Firewall] or [Peer]"

/* A quoted word: printable, cut to fit. */
#define CONF_QUOTE 80u

/* AllowedIPs of the [Peer] being read, with the line that each came from. */
struct conf_prefix {
	struct esc_prefix prefix;
	uint32_t line;
};

struct conf_peer {
	uint32_t line;	   /* of [Peer] */
	uint32_t key_line; /* of PublicKey; 0 = none yet */
	bool key_ok;
	uint8_t public_key[ESC_KEY_LEN];
	uint8_t psk[ESC_KEY_LEN];
	char name[ESC_LABEL_MAX + 1];
	uint32_t name_line;
	uint8_t endpoint[16];
	uint16_t endpoint_port;
	uint16_t keepalive;
	uint32_t prefixes;
};

#define CONF_KEYS_MAX 64u

/* A node's name; also a path component, a socket's name and what `wg` prints. */
#define CONF_NAME_CHARS "_=+.-"
#define CONF_NAME_FORM	"1 to 15 characters of a-z A-Z 0-9 _ = + . -"

#define CONF_OWN_KEY	"PublicKey is this node's own: expected the other node's"

/* Guarded memory as a whole: the line, the private key and the psk pass through it. */
struct conf {
	const char *file;
	FILE *err;
	bool exposed, exposed_said;
	bool full_said; /* no room for more peers or prefixes */
	uint32_t errors;
	uint32_t line;	 /* being read */
	const char *key; /* being set, as the table spells it */
	enum conf_section section;
	uint32_t section_line[CONF_UNKNOWN]; /* where it begins; 0 = not yet */
	uint32_t seen[CONF_KEYS_MAX];	     /* line of each key, in its section */
	struct esc_model *m;
	struct conf_peer peer;
	struct conf_prefix *prefix;	   /* ESC_PREFIXES_MAX of them */
	uint32_t peer_line[ESC_PEERS_MAX]; /* of [Peer] */
	uint32_t peer_key_line[ESC_PEERS_MAX];
	char text[ESC_CONFIG_LINE_MAX + 1];
};

/* --- config_lex.c ----------------------------------------------------------------------------- */

/* "FILE:LINE: …", or "FILE: …" if line is 0. Counts; silent beyond ESC_CONFIG_ERRORS_MAX. */
__attribute__((format(printf, 3, 4))) void conf_error(struct conf *c, uint32_t line,
						      const char *fmt, ...);

/* 'word' with what is not printable ASCII as '?'; returns buf. */
const char *conf_quote(char buf[CONF_QUOTE], const char *word);

char *conf_trim(char *s); /* in place: blanks at both ends */

/* Decimal digits only. */
bool conf_number(const char *s, uint32_t min, uint32_t max, uint32_t *out);

/* Only characters of [a-zA-Z0-9] and `extra`, 1..max of them, and neither "." nor "..". */
bool conf_word(const char *s, size_t max, const char *extra);

/*
 * Takes the next line of [*pos, len) into c->text, without comment, blanks and line end. false at
 * the end. A line that is too long or has a NUL byte is reported and comes as an empty one.
 */
bool conf_next_line(struct conf *c, const char *text, size_t len, size_t *pos);

/* --- config_keys.c -----------------------------------------------------------------------------
 */

/* "Key = Value" in the current section. */
void conf_key(struct conf *c, char *name, char *value);

/* Enters a section; a [Peer] starts without any key seen. */
void conf_section_begin(struct conf *c, enum conf_section section);

/* Line of a key (the last one, where it may repeat) outside of [Peer], 0: the file has none. */
uint32_t conf_seen(const struct conf *c, enum conf_section section, const char *name);

/* "KEY 'value': expected …", at the line being read. */
void conf_bad(struct conf *c, const char *key, const char *value, const char *expected);

/* --- config_node.c: [Interface] and [Node] ------------------------------------------------------
 */

void conf_private_key(struct conf *c, const char *value);
void conf_listen_port(struct conf *c, const char *value);
void conf_keystore(struct conf *c, const char *value);
void conf_name(struct conf *c, const char *value);
void conf_mode(struct conf *c, const char *value);
void conf_dhcp(struct conf *c, const char *value);
void conf_black(struct conf *c, const char *value);
void conf_red(struct conf *c, const char *value);
void conf_queues(struct conf *c, const char *value);
void conf_provider(struct conf *c, const char *value);
void conf_state(struct conf *c, const char *value);
void conf_red_user(struct conf *c, const char *value);
void conf_crypto_user(struct conf *c, const char *value);
void conf_sandbox(struct conf *c, const char *value);
void conf_lsm(struct conf *c, const char *value);
void conf_admins(struct conf *c, const char *value);
void conf_monitors(struct conf *c, const char *value);
void conf_audit(struct conf *c, const char *value);

/* Key material in base64, never quoted. false: it is none, which was reported. */
bool conf_secret(struct conf *c, const char *what, const char *value, uint8_t key[ESC_KEY_LEN]);

/* --- config_guard.c --------------------------------------------------------------------------- */

/* Any number of [Guard]; and what counts as an attack. */
void conf_guard_number(struct conf *c, const char *value);
void conf_guard_threshold(struct conf *c, const char *value);

/* --- config_split.c: [Split] and [Firewall] ----------------------------------------------------
 */

void conf_split_default(struct conf *c, const char *value);
void conf_split_allow(struct conf *c, const char *value);
void conf_split_deny(struct conf *c, const char *value);
void conf_split_ports(struct conf *c, const char *value);
void conf_split_connections(struct conf *c, const char *value);
void conf_split_timeout(struct conf *c, const char *value);
void conf_split_fragment_timeout(struct conf *c, const char *value);
void conf_firewall_secure(struct conf *c, const char *value);
void conf_firewall_secure_allow(struct conf *c, const char *value);
void conf_firewall_secure_deny(struct conf *c, const char *value);
void conf_firewall_forward(struct conf *c, const char *value);
void conf_firewall_open(struct conf *c, const char *value);
void conf_firewall_local(struct conf *c, const char *value);

/* --- config_split_check.c: what of it can be right only with the rest of the file --------------
 */

void conf_split_check(struct conf *c);

#endif
