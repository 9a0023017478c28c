/* SPDX-License-Identifier: BSD-2-Clause */
/* key_import.c: the private key out of a WireGuard or esclusa configuration, or a bare key file. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "cli/key.h"

#define IMPORT_MAX (1u << 20)

/* -errno, or how much there is, at most size. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}

/* One line, changed. false: it names a second key, or one that is none. */
static bool take_line(struct key_import *i, char *line, uint32_t number, bool *in_interface)
{
	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (*line == '[')
		*in_interface = !strcasecmp(line, "[Interface]");
	char *equals = strchr(line, '=');
	if (!*in_interface || !equals)
		return true;
	*equals = '\0';
	if (strcasecmp(trim(line), "PrivateKey") != 0)
		return true;
	if (i->line || !esc_key_from_base64(i->key, trim(equals + 1)))
		return false;
	i->line = number;
	return true;
}

/* The text is changed. false: there is not exactly one key in it. */
static bool find_key(struct key_import *i, char *text)
{
	bool in_interface = false;
	uint32_t number = 0;
	char *line;

	if (esc_key_from_base64(i->key, trim(text)))
		return true;
	while ((line = strsep(&text, "\n")))
		if (!take_line(i, line, ++number, &in_interface))
			return false;
	return i->line != 0;
}

static int read_text(char *text, int fd, const char *path)
{
	ssize_t len = read_all(fd, text, IMPORT_MAX);

	if (len < 0)
		return key_failed("%s: cannot read the file: %s", path, strerror((int)-len));
	if (len == IMPORT_MAX || memchr(text, 0, (size_t)len))
		return key_failed("%s: not a configuration file or a key", path);
	text[len] = '\0';
	return 0;
}

static int import_fd(struct key_import *i, int fd, const char *path)
{
	struct stat st;
	char *text = sodium_malloc(IMPORT_MAX);

	if (!text)
		return key_failed("%s: out of memory", path);
	int code = read_text(text, fd, path);
	if (!code && !find_key(i, text))
		code = key_failed("%s: expected a line 'PrivateKey = ...' in [Interface], or a key "
				  "alone in the file, once, of 44 characters of base64",
				  path);
	if (!code && esc_key_is_zero(i->key))
		code = key_failed("%s: the private key is all zero", path);
	i->exposed = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO);
	sodium_free(text);
	return code;
}

int key_import(struct key_import *i, const char *path)
{
	memset(i, 0, sizeof(*i));
	if (!strcmp(path, "-"))
		return import_fd(i, STDIN_FILENO, "standard input");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return key_failed("%s: cannot open the file to import from: %s", path,
				  strerror(errno));
	int code = import_fd(i, fd, path);
	close(fd);
	return code;
}
