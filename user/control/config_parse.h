/* SPDX-License-Identifier: BSD-2-Clause */
/* config_parse.h: the inside of the file's parser, for config*.c only. */
#ifndef ESC_CONTROL_CONFIG_PARSE_H
#define ESC_CONTROL_CONFIG_PARSE_H

#include "control/config.h"

enum conf_section { CONF_NONE, CONF_INTERFACE, CONF_NODE, CONF_GUARD, CONF_PEER, CONF_UNKNOWN };

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

#define CONF_KEYS_MAX 48u

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

/* Line of a key of [Interface], [Node] or [Guard], 0 if the file did not have it. */
uint32_t conf_seen(const struct conf *c, enum conf_section section, const char *name);

/* --- config_guard.c --------------------------------------------------------------------------- */

/* Any number of [Guard]; and what counts as an attack. */
void conf_guard_number(struct conf *c, const char *value);
void conf_guard_threshold(struct conf *c, const char *value);

#endif
