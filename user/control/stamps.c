/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"

/* One line: public key in base64, both stamps in hexadecimal. */
#define STAMP_HEX 25 /* 24 digits and NUL */

static bool parse_stamp(const char *hex, uint8_t out[12])
{
	size_t len;

	return !sodium_hex2bin(out, 12, hex, strlen(hex), NULL, &len, NULL) && len == 12;
}

static bool parse_line(const char *line, struct esc_msg_stamp *m)
{
	char key[ESC_KEY_B64], sent[STAMP_HEX], seen[STAMP_HEX], end;

	return sscanf(line, "%44s %24s %24s %c", key, sent, seen, &end) == 3 &&
	       esc_key_from_base64(m->public_key, key) && parse_stamp(sent, m->sent) &&
	       parse_stamp(seen, m->seen);
}

static int read_file(struct esc_stamps *s)
{
	FILE *f = fopen(s->path, "re");
	char line[160];
	unsigned int damaged = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (s->n < ESC_STAMPS_MAX && parse_line(line, &s->stamp[s->n]))
			s->n++;
		else
			damaged++;
	}
	if (damaged)
		esc_warn("%s: %u lines are not a peer's time stamps; left out", s->path, damaged);
	fclose(f);
	return 0;
}

int esc_stamps_open(struct esc_stamps *s, const char *dir, const char *node)
{
	s->n = 0;
	s->dirty = false;
	snprintf(s->path, sizeof(s->path), "%s/%s.stamps", dir, node);
	/* Passable, not readable: the audit log beside it may be for a group. */
	if (mkdir(dir, 0711) && errno != EEXIST) {
		int err = -errno;
		esc_err("making the state folder %s: %s. Make it, or set State in [Node]", dir,
			strerror(-err));
		return err;
	}
	int err = read_file(s);
	if (err)
		esc_err("reading %s: %s", s->path, strerror(-err));
	return err;
}

const struct esc_msg_stamp *esc_stamps_find(const struct esc_stamps *s, const uint8_t key[32])
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (!memcmp(s->stamp[i].public_key, key, 32))
			return &s->stamp[i];
	}
	return NULL;
}

/* TAI64N is big-endian: its order is the order of its bytes. */
static bool advance(uint8_t mine[12], const uint8_t theirs[12])
{
	if (memcmp(theirs, mine, 12) <= 0)
		return false;
	memcpy(mine, theirs, 12);
	return true;
}

static struct esc_msg_stamp *make_room(struct esc_stamps *s,
				       bool (*keep)(void *arg, const uint8_t key[32]), void *arg)
{
	if (s->n < ESC_STAMPS_MAX)
		return &s->stamp[s->n++];
	for (uint32_t i = 0; i < s->n; i++) {
		if (!keep(arg, s->stamp[i].public_key))
			return &s->stamp[i];
	}
	return NULL;
}

bool esc_stamps_put(struct esc_stamps *s, const struct esc_msg_stamp *m,
		    bool (*keep)(void *arg, const uint8_t key[32]), void *arg)
{
	const struct esc_msg_stamp *known = esc_stamps_find(s, m->public_key);
	struct esc_msg_stamp *at;

	if (!keep(arg, m->public_key))
		return false;
	if (!known) {
		at = make_room(s, keep, arg);
		if (!at)
			return false;
		*at = (struct esc_msg_stamp){0};
		memcpy(at->public_key, m->public_key, 32);
	} else {
		at = &s->stamp[known - s->stamp];
	}
	bool sent = advance(at->sent, m->sent), seen = advance(at->seen, m->seen);
	s->dirty |= sent || seen;
	return sent || seen;
}

static bool write_lines(const struct esc_stamps *s, FILE *f)
{
	fputs("# esclusa: newest handshake time stamps sent to and seen from each peer\n", f);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct esc_msg_stamp *m = &s->stamp[i];
		char key[ESC_KEY_B64], sent[STAMP_HEX], seen[STAMP_HEX];
		fprintf(f, "%s %s %s\n", esc_key_to_base64(key, m->public_key),
			sodium_bin2hex(sent, sizeof(sent), m->sent, 12),
			sodium_bin2hex(seen, sizeof(seen), m->seen, 12));
	}
	return !fflush(f) && !ferror(f) && !fsync(fileno(f));
}

int esc_stamps_flush(struct esc_stamps *s)
{
	char tmp[sizeof(s->path) + 4];

	if (!s->dirty)
		return 0;
	snprintf(tmp, sizeof(tmp), "%s.new", s->path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		int err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	errno = 0;
	bool ok = write_lines(s, f);
	int err = ok ? 0 : errno ? -errno : -EIO;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(tmp, s->path))
		err = -errno;
	if (err)
		unlink(tmp);
	else
		s->dirty = false;
	return err;
}
