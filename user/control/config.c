/* SPDX-License-Identifier: BSD-2-Clause */
/* config.c: reading the node's file, sections, and the checks that need more than one line. */
#include "control/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "control/config_parse.h"

/* Exit codes that config.h promises. */
#define CANNOT_READ 1
#define MISTAKES    2

/* --- peers --------------------------------------------------------------------------------------
 */

/* Names are how people tell peers apart: no two alike. */
static void check_peer_name(struct conf *c)
{
	char q[CONF_QUOTE];

	for (uint32_t id = 0; c->peer.name[0] && id < ESC_PEERS_MAX; id++) {
		const struct esc_peer *other = esc_model_peer(c->m, id);

		if (!other || strcasecmp(other->name, c->peer.name) != 0)
			continue;
		conf_error(c, c->peer.name_line, "Name %s is also that of the peer at line %u",
			   conf_quote(q, c->peer.name), c->peer_line[id]);
		return;
	}
}

static void finish_prefixes(struct conf *c, uint32_t id)
{
	for (uint32_t i = 0; i < c->peer.prefixes; i++) {
		const struct conf_prefix *p = &c->prefix[i];
		uint32_t owner = esc_model_prefix_owner(c->m, &p->prefix);

		if (owner != ESC_NO_PEER && owner != id) {
			const struct esc_peer *other = esc_model_peer(c->m, owner);
			char text[ESC_PREFIX_STR], q[CONF_QUOTE];

			esc_prefix_format(p->prefix.addr, p->prefix.len, text);
			conf_error(c, p->line,
				   "AllowedIPs '%s' is also that of the peer at line %u%s%s:"
				   " expected each prefix in one peer only",
				   text, c->peer_line[owner], other->name[0] ? ", " : "",
				   other->name[0] ? conf_quote(q, other->name) : "");
		} else if (esc_model_prefix_add(c->m, id, &p->prefix) && !c->full_said) {
			c->full_said = true;
			conf_error(c, p->line, "more than %u prefixes in AllowedIPs",
				   ESC_PREFIXES_MAX);
		}
	}
}

/* The end of a [Peer]: only now is its key known, and with it where the rest belongs. */
static void finish_peer(struct conf *c)
{
	const struct conf_peer *p = &c->peer;
	uint32_t id = 0;

	if (!p->key_line)
		conf_error(c, p->line, "[Peer] without a PublicKey");
	if (!p->key_ok)
		return;
	check_peer_name(c);
	if (c->m->has_key && !memcmp(p->public_key, c->m->public_key, ESC_KEY_LEN)) {
		conf_error(c, p->key_line, CONF_OWN_KEY);
		return;
	}
	const struct esc_peer *twin = esc_model_find(c->m, p->public_key);
	if (twin) {
		char key[ESC_KEY_B64];

		conf_error(c, p->key_line, "PublicKey '%s' is also that of the peer at line %u",
			   esc_key_to_base64(key, p->public_key), c->peer_line[twin->id]);
		return;
	}
	if (esc_model_peer_add(c->m, p->public_key, &id)) {
		if (!c->full_said)
			conf_error(c, p->line, "more than %u peers", ESC_PEERS_MAX);
		c->full_said = true;
		return;
	}
	struct esc_peer *peer = esc_model_peer_edit(c->m, id);
	c->peer_line[id] = p->line;
	c->peer_key_line[id] = p->key_line;
	memcpy(peer->name, p->name, sizeof(peer->name));
	memcpy(peer->endpoint, p->endpoint, sizeof(peer->endpoint));
	peer->endpoint_port = p->endpoint_port;
	peer->keepalive = p->keepalive;
	if (!esc_key_is_zero(p->psk))
		esc_model_set_psk(c->m, id, p->psk);
	finish_prefixes(c, id);
}

/* --- sections ------------------------------------------------------------------------------------
 */

static void end_section(struct conf *c)
{
	if (c->section == CONF_PEER)
		finish_peer(c);
	sodium_memzero(&c->peer, sizeof(c->peer));
}

static void begin_section(struct conf *c, char *line)
{
	static const struct {
		const char *name;
		enum conf_section section;
	} known[] = {
		{"[Interface]", CONF_INTERFACE}, {"[Node]", CONF_NODE},
		{"[Guard]", CONF_GUARD},	 {"[Split]", CONF_SPLIT},
		{"[Firewall]", CONF_FIREWALL},	 {"[Peer]", CONF_PEER},
	};
	enum conf_section section = CONF_UNKNOWN;
	char q[CONF_QUOTE];

	end_section(c);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcasecmp(line, known[i].name))
			section = known[i].section;
	conf_section_begin(c, section);
	if (section == CONF_UNKNOWN) {
		conf_error(c, c->line, "unknown section %s: expected " CONF_SECTIONS,
			   conf_quote(q, line));
		return;
	}
	if (section != CONF_PEER && c->section_line[section])
		conf_error(c, c->line, "second section %s: the first is at line %u",
			   conf_quote(q, line), c->section_line[section]);
	c->section_line[section] = c->line;
	c->peer.line = c->line;
}

static void parse_line(struct conf *c, char *line)
{
	char *equals;

	if (!*line)
		return;
	if (*line == '[') {
		begin_section(c, line);
		return;
	}
	if (c->section == CONF_UNKNOWN)
		return; /* the section was reported */
	equals = strchr(line, '=');
	if (!equals) {
		/* The line is not shown: it may be a key that was broken in two. */
		conf_error(c, c->line,
			   "expected 'Key = Value' or '[Section]', found a line without '='");
		return;
	}
	if (c->section == CONF_NONE) {
		conf_error(c, c->line,
			   "a key before any section: expected " CONF_SECTIONS " first");
		c->section = CONF_UNKNOWN;
		return;
	}
	*equals = '\0';
	conf_key(c, conf_trim(line), conf_trim(equals + 1));
}

/* --- the whole file
 * ---------------------------------------------------------------------------------- */

static void default_name(struct conf *c)
{
	const char *slash = strrchr(c->file, '/');
	char base[256], q[CONF_QUOTE];
	size_t len;

	if (conf_seen(c, CONF_NODE, "Name"))
		return;
	snprintf(base, sizeof(base), "%s", slash ? slash + 1 : c->file);
	len = strlen(base);
	if (len > 5 && !strcmp(base + len - 5, ".conf"))
		base[len - 5] = '\0';
	if (conf_word(base, ESC_NAME_MAX, CONF_NAME_CHARS))
		snprintf(c->m->name, sizeof(c->m->name), "%.*s", (int)ESC_NAME_MAX, base);
	else
		conf_error(c, c->section_line[CONF_NODE],
			   "the file's name %s cannot be the node's name: expected Name in [Node],"
			   " " CONF_NAME_FORM,
			   conf_quote(q, base));
}

static void check_nics(struct conf *c)
{
	uint32_t section = c->section_line[CONF_NODE];
	uint32_t red = conf_seen(c, CONF_NODE, "Red");

	if (!conf_seen(c, CONF_NODE, "Black"))
		conf_error(c, section, "no Black in [Node]: expected the NIC towards the internet");
	if (!red)
		conf_error(c, section, "no Red in [Node]: expected the NIC towards the LAN");
	if (c->m->red[0] && !strcmp(c->m->red, c->m->black))
		conf_error(c, red, "Red '%s' is also Black: expected two different NICs",
			   c->m->red);
}

/* What later checks against the machine need to point at. */
static void note_lines(struct conf *c)
{
	struct esc_model *m = c->m;

	snprintf(m->file, sizeof(m->file), "%s", c->file);
	m->black_line = conf_seen(c, CONF_NODE, "Black");
	m->red_line = conf_seen(c, CONF_NODE, "Red");
	m->queues_line = conf_seen(c, CONF_NODE, "Queues");
	m->provider_line = conf_seen(c, CONF_NODE, "Provider");
	m->keystore_line = conf_seen(c, CONF_INTERFACE, "Keystore");
	m->admins_line = conf_seen(c, CONF_NODE, "Admins");
	m->monitors_line = conf_seen(c, CONF_NODE, "Monitors");
}

static void check_whole(struct conf *c)
{
	uint32_t crypto_user = conf_seen(c, CONF_NODE, "CryptoUser");

	if (!conf_seen(c, CONF_INTERFACE, "PrivateKey") &&
	    !conf_seen(c, CONF_INTERFACE, "Keystore"))
		conf_error(c, c->section_line[CONF_INTERFACE],
			   "no PrivateKey and no Keystore in [Interface]: make one with "
			   "'esclusa key generate' or 'esclusa key create'");
	if (c->m->has_key && c->m->keystore[0])
		conf_error(c, conf_seen(c, CONF_INTERFACE, "Keystore"),
			   "Keystore besides PrivateKey: expected one of them");
	default_name(c);
	check_nics(c);
	conf_split_check(c);
	if (c->m->red_user[0] && !strcmp(c->m->red_user, c->m->crypto_user))
		conf_error(c, crypto_user,
			   "CryptoUser '%s' is also RedUser: expected two different users",
			   c->m->crypto_user);
}

static int parse(struct conf *c, const char *text, size_t len)
{
	size_t pos = 0;

	while (c->errors <= ESC_CONFIG_ERRORS_MAX && conf_next_line(c, text, len, &pos))
		parse_line(c, conf_trim(c->text));
	end_section(c);
	check_whole(c);
	note_lines(c);
	return c->errors ? MISTAKES : 0;
}

int esc_config_parse(const char *file, const char *text, size_t len, bool exposed, FILE *err,
		     struct esc_model **m)
{
	struct conf *c = sodium_malloc(sizeof(*c));
	int code = CANNOT_READ;

	*m = NULL;
	if (c) {
		memset(c, 0, sizeof(*c));
		c->file = file;
		c->err = err;
		c->exposed = exposed;
		c->m = esc_model_new();
		c->prefix = calloc(ESC_PREFIXES_MAX, sizeof(*c->prefix));
	}
	if (c && c->m && c->prefix)
		code = parse(c, text, len);
	else
		fprintf(err, "%s: out of memory\n", file);
	if (c) {
		free(c->prefix);
		if (code)
			esc_model_free(c->m);
		else
			*m = c->m;
	}
	sodium_free(c);
	return code;
}

/* -errno, or the bytes that are there, at most size. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* An editor is at work, in the file or with another one in its place. */
static bool changed(int fd, const char *path, const struct stat *before)
{
	struct stat now, named;

	return fstat(fd, &now) || stat(path, &named) || named.st_dev != now.st_dev ||
	       named.st_ino != now.st_ino || now.st_size != before->st_size ||
	       now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

static int load_fd(int fd, const char *path, FILE *err, struct esc_model **m)
{
	struct stat st;

	if (fstat(fd, &st)) {
		fprintf(err, "%s: cannot examine the file: %s\n", path, strerror(errno));
		return CANNOT_READ;
	}
	if (!S_ISREG(st.st_mode)) {
		fprintf(err, "%s: not a regular file: expected a configuration file\n", path);
		return MISTAKES;
	}
	if (st.st_size > (off_t)ESC_CONFIG_SIZE_MAX) {
		fprintf(err, "%s: the file has %jd bytes: expected at most %u\n", path,
			(intmax_t)st.st_size, ESC_CONFIG_SIZE_MAX);
		return MISTAKES;
	}
	/* One byte more than there should be shows a file that grows meanwhile. */
	size_t size = (size_t)st.st_size + 1;
	char *text = sodium_malloc(size);
	ssize_t n = text ? read_all(fd, text, size) : -ENOMEM;
	int code = CANNOT_READ;
	if (n < 0)
		fprintf(err, "%s: cannot read the file: %s\n", path, strerror((int)-n));
	else if ((size_t)n == size || changed(fd, path, &st))
		fprintf(err, "%s: the file changed while it was read: try again\n", path);
	else
		code = esc_config_parse(path, text, (size_t)n, st.st_mode & 066, err, m);
	if (!code)
		crypto_generichash((*m)->digest, sizeof((*m)->digest), (unsigned char *)text,
				   (size_t)n, NULL, 0);
	sodium_free(text);
	return code;
}

int esc_config_load(const char *path, FILE *err, struct esc_model **m)
{
	/* O_NONBLOCK: a FIFO is refused below instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*m = NULL;
	if (fd < 0) {
		fprintf(err, "%s: cannot open the configuration file: %s%s\n", path,
			strerror(errno),
			errno == EPERM ? ". A BPF LSM layer keeps it for the build of esclusa that "
					 "loaded it: use that one, first of all for 'esclusa lsm "
					 "unload', or reboot"
				       : "");
		return CANNOT_READ;
	}
	int code = load_fd(fd, path, err, m);
	close(fd);
	return code;
}
