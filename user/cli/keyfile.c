/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config.h"

#define BLANKS " \t\r"

struct scan {
	struct cli_keyfile *k;
	char *text;	/* guarded memory */
	size_t len, at; /* of the line */
	int fd;
	bool overwrite, node_section;
	int error;
};

static void put(struct scan *s, size_t offset, size_t len)
{
	char stars[64];

	memset(stars, '*', sizeof(stars));
	while (len && !s->error) {
		size_t part = len < sizeof(stars) ? len : sizeof(stars);
		ssize_t n = pwrite(s->fd, stars, part, (off_t)offset);
		if (n <= 0) {
			s->error = n ? -errno : -EIO;
			return;
		}
		offset += (size_t)n;
		len -= (size_t)n;
	}
}

static void take_word(char *to, size_t size, const char *value, size_t len)
{
	if (len && len < size)
		snprintf(to, size, "%.*s", (int)len, value);
}

static bool is(const char *key, size_t len, const char *name)
{
	return strlen(name) == len && !strncasecmp(key, name, len);
}

static void take_value(struct scan *s, const char *key, size_t key_len, const char *value,
		       size_t len)
{
	struct cli_keyfile *k = s->k;

	if (is(key, key_len, "PrivateKey") || is(key, key_len, "PresharedKey")) {
		k->keys += len > 0;
		if (s->overwrite)
			put(s, (size_t)(value - s->text), len);
	} else if (is(key, key_len, "Keystore")) {
		take_word(k->keystore, sizeof(k->keystore), value, len);
	} else if (s->node_section && is(key, key_len, "Name")) {
		take_word(k->name, sizeof(k->name), value, len);
	} else if (s->node_section && is(key, key_len, "State")) {
		take_word(k->state, sizeof(k->state), value, len);
	} else if (s->node_section && is(key, key_len, "Audit")) {
		take_word(k->audit, sizeof(k->audit), value, len);
	}
}

static size_t trimmed(const char *p, size_t len)
{
	while (len && strchr(BLANKS, p[len - 1]))
		len--;
	return len;
}

/* A key that was commented out is a key all the same; other comments are not read. */
static void take_line(struct scan *s, const char *line, size_t len)
{
	const char *end = line + len, *p = line, *equals, *value;
	bool comment = false;

	for (; p < end && strchr("#" BLANKS, *p); p++)
		comment |= *p == '#';
	if (p < end && *p == '[' && !comment)
		s->node_section = !strncasecmp(p, "[Node]", 6);
	equals = memchr(p, '=', (size_t)(end - p));
	if (!equals)
		return;
	size_t key_len = trimmed(p, (size_t)(equals - p));
	for (value = equals + 1; value < end && strchr(BLANKS, *value); value++)
		continue;
	size_t value_len = (size_t)(end - value);
	const char *hash = memchr(value, '#', value_len);
	value_len = trimmed(value, hash ? (size_t)(hash - value) : value_len);
	if (!comment || is(p, key_len, "PrivateKey") || is(p, key_len, "PresharedKey"))
		take_value(s, p, key_len, value, value_len);
}

static void scan(struct scan *s)
{
	while (s->at < s->len && !s->error) {
		const char *line = s->text + s->at, *end = memchr(line, '\n', s->len - s->at);
		size_t len = end ? (size_t)(end - line) : s->len - s->at;

		take_line(s, line, len);
		s->at += len + 1;
	}
}

/* As the node does: the file's base name. */
static void default_name(struct cli_keyfile *k, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	if (len > 5 && !strcmp(base + len - 5, ".conf"))
		len -= 5;
	take_word(k->name, sizeof(k->name), base, len);
}

static int load(struct scan *s, size_t size)
{
	s->text = sodium_malloc(size + 1); /* the last byte ends searches */
	if (!s->text)
		return -ENOMEM;
	s->text[size] = '\0';
	while (s->len < size) {
		ssize_t n = pread(s->fd, s->text + s->len, size - s->len, (off_t)s->len);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		s->len += (size_t)n;
	}
	return 0;
}

static int work(const char *path, struct cli_keyfile *k, bool overwrite)
{
	struct scan s = {.k = k, .overwrite = overwrite};
	struct stat st;

	*k = (struct cli_keyfile){.state = ESC_DEFAULT_STATE};
	default_name(k, path);
	s.fd = open(path, (overwrite ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (s.fd < 0)
		return -errno;
	if (fstat(s.fd, &st))
		s.error = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)ESC_CONFIG_SIZE_MAX)
		s.error = -EINVAL;
	if (!s.error)
		s.error = load(&s, (size_t)st.st_size);
	if (!s.error)
		scan(&s);
	if (overwrite && fsync(s.fd) && !s.error)
		s.error = -errno;
	sodium_free(s.text);
	close(s.fd);
	return s.error;
}

int cli_keyfile_read(const char *path, struct cli_keyfile *k)
{
	return work(path, k, false);
}

int cli_keyfile_overwrite(const char *path, struct cli_keyfile *k)
{
	return work(path, k, true);
}
