/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

char *esc_audit_path(char path[ESC_AUDIT_PATH], const char *configured, const char *state_dir,
		     const char *node)
{
	if (*configured)
		snprintf(path, ESC_AUDIT_PATH, "%s", configured);
	else
		snprintf(path, ESC_AUDIT_PATH, "%s/%s.audit", state_dir, node);
	return path;
}

/* --- the file -------------------------------------------------------------------------------- */

/* Where the chain stands: number and hash of the last line. A cut one ends here. */
static int continue_chain(struct esc_audit *a, off_t size)
{
	char tail[4 * ESC_AUDIT_LINE];
	size_t want = size > (off_t)sizeof(tail) - 1 ? sizeof(tail) - 1 : (size_t)size;
	ssize_t n = pread(a->fd, tail, want, size - (off_t)want);
	uint64_t seq;

	if (n != (ssize_t)want)
		return n < 0 ? -errno : -EIO;
	bool cut = tail[n - 1] != '\n';
	tail[cut ? n : n - 1] = '\0';
	for (char *rest = tail, *line; (line = strsep(&rest, "\n"));) {
		bool whole = rest || !cut;
		if (whole && esc_audit_number(line, "seq", &seq) && seq > a->seq)
			a->seq = seq;
		if (!rest)
			esc_audit_hash(a->last, line, strlen(line));
	}
	if (cut && write(a->fd, "\n", 1) != 1)
		return errno ? -errno : -EIO;
	return 0;
}

/* A new file is begun for the groups, one that is there is taken as it is. */
static int open_file(struct esc_audit *a)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
	struct stat st;

	a->fd = open(a->path, flags | O_CREAT | O_EXCL, 0600);
	if (a->fd >= 0) {
		int err = esc_acl_set(NULL, a->fd, a->group, false);
		if (err)
			esc_warn("audit log %s: only root can read it: access list: %s", a->path,
				 strerror(-err));
		return 0;
	}
	if (errno != EEXIST)
		return -errno;
	a->fd = open(a->path, flags);
	if (a->fd < 0 || fstat(a->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size ? continue_chain(a, st.st_size) : 0;
}

static void close_file(struct esc_audit *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static int reopen(struct esc_audit *a)
{
	close_file(a);
	int err = open_file(a);
	if (err)
		close_file(a);
	return err;
}

/* Is the open file the one at the path? It may have been moved away to make room. */
static bool is_current(const struct esc_audit *a)
{
	struct stat mine, there;

	return a->fd >= 0 && !fstat(a->fd, &mine) && !stat(a->path, &there) &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

int esc_audit_open(struct esc_audit *a, const char *path, const char *node,
		   const gid_t group[ESC_ACL_GROUPS])
{
	*a = (struct esc_audit){.fd = -1};
	memcpy(a->group, group, sizeof(a->group));
	snprintf(a->path, sizeof(a->path), "%s", path);
	snprintf(a->node, sizeof(a->node), "%s", node);
	return reopen(a);
}

void esc_audit_close(struct esc_audit *a)
{
	close_file(a);
}

int esc_audit_sync(struct esc_audit *a)
{
	return a->fd >= 0 && !fdatasync(a->fd) ? 0 : a->fd < 0 ? -EBADF : -errno;
}

/* All of the line or nothing. */
static int append(struct esc_audit *a, const char *line, size_t len)
{
	struct stat st;

	if (fstat(a->fd, &st))
		return -errno;
	ssize_t n = write(a->fd, line, len);
	if (n == (ssize_t)len)
		return 0;
	int err = n < 0 ? -errno : -ENOSPC;
	if (n > 0 && ftruncate(a->fd, st.st_size))
		close_file(a); /* the next line begins by ending this one */
	return err;
}

/* --- who -------------------------------------------------------------------------------------- */

/* From the machine's own file: a directory service could keep the node waiting. */
static const char *user_name(uid_t uid, char *buf, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *p;

	*buf = '\0';
	while (f && (p = fgetpwent(f))) {
		if (p->pw_uid != uid)
			continue;
		snprintf(buf, size, "%s", p->pw_name);
		break;
	}
	if (f)
		fclose(f);
	return *buf ? buf : NULL;
}

/* The unit or session that systemd runs the process in: the last part of its cgroup's path. */
static const char *unit_name(pid_t pid, char *buf, size_t size)
{
	char path[32], line[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return NULL;
	while (fgets(line, sizeof(line), f) && strncmp(line, "0::", 3) != 0)
		continue;
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	const char *last = strrchr(line, '/');
	if (strncmp(line, "0::", 3) != 0 || !last || !last[1])
		return NULL;
	snprintf(buf, size, "%s", last + 1);
	for (char *p = buf; *p; p++) /* who makes cgroups may name them */
		if (*p <= ' ' || *p >= 0x7f)
			*p = '?';
	return buf;
}

/* --- a line ----------------------------------------------------------------------------------- */

struct esc_json *esc_audit_begin(struct esc_audit *a, const char *event,
				 const struct esc_caller *who)
{
	struct esc_json *j = &a->json;
	uint64_t now = esc_unix_now();
	char text[128];

	/* The file may be another one by now, whose last line is another, too. */
	a->error = is_current(a) ? 0 : reopen(a);
	a->text = NULL;
	a->f = open_memstream(&a->text, &a->len);
	if (!a->f)
		return NULL;
	esc_json_init_line(j, a->f);
	esc_json_object(j, NULL);
	esc_json_u64(j, "seq", a->seq + 1);
	esc_json_u64(j, "time", now / ESC_S);
	esc_json_u64(j, "ns", now % ESC_S);
	esc_json_str(j, "node", a->node);
	esc_json_str(j, "event", event);
	esc_json_str(j, "by", who ? "user" : "node");
	if (who) {
		esc_json_u64(j, "uid", who->uid);
		esc_json_str(j, "user", user_name(who->uid, text, sizeof(text)));
		if (who->gid != (gid_t)-1) /* a signal does not tell */
			esc_json_u64(j, "gid", who->gid);
		esc_json_u64(j, "pid", (uint64_t)who->pid);
		esc_json_str(j, "unit", unit_name(who->pid, text, sizeof(text)));
	}
	return j;
}

static void say(const struct esc_audit *a, const char *result, int err)
{
	const bool bad = !strcmp(result, "refused") || !strcmp(result, "failed");
	char text[900];

	if (esc_audit_readable(a->text, false, text, sizeof(text)))
		esc_log(bad ? ESC_LOG_WARN : ESC_LOG_INFO, "audit %s%s",
			err ? "(not in the log) " : "", text);
}

static void say_failing(struct esc_audit *a, int err)
{
	if (err && !a->failing)
		esc_err("audit log %s: %s. Changes by administrators are refused until it can be "
			"written; make room, or set another Audit in [Node]",
			a->path, strerror(-err));
	else if (!err && a->failing)
		esc_info("audit log %s: can be written again", a->path);
	a->failing = err != 0;
}

int esc_audit_end(struct esc_audit *a, const char *result, const char *error)
{
	struct esc_json *j = &a->json;
	char hex[2 * ESC_AUDIT_HASH + 1];

	if (!a->f)
		return -ENOMEM;
	esc_json_str(j, "result", result);
	if (error)
		esc_json_str(j, "error", error);
	int err = a->error;
	esc_json_str(j, "prev", sodium_bin2hex(hex, sizeof(hex), a->last, sizeof(a->last)));
	esc_json_end(j);
	bool whole = esc_json_finish(j);
	fclose(a->f);
	a->f = NULL;
	if (!err && (!whole || a->len > ESC_AUDIT_LINE))
		err = whole ? -EMSGSIZE : -ENOMEM;
	if (!err)
		err = append(a, a->text, a->len);
	if (!err) {
		a->seq++;
		esc_audit_hash(a->last, a->text, a->len - 1);
	}
	say_failing(a, err);
	say(a, result, err);
	free(a->text);
	return err;
}

/* --- refusals --------------------------------------------------------------------------------- */

/* tokens_at moves on with each line, and may be at most a full bucket ahead of the clock. */
static bool take_token(struct esc_audit *a, enum esc_right of, uint64_t now)
{
	uint64_t *at = &a->refusals[of].tokens_at;

	if (*at < now)
		*at = now;
	if (*at - now > (ESC_AUDIT_REFUSALS - 1) * ESC_AUDIT_REFUSAL_NS)
		return false;
	*at += ESC_AUDIT_REFUSAL_NS;
	return true;
}

bool esc_audit_may_refuse(struct esc_audit *a, enum esc_right of, uint64_t now,
			  uint64_t *suppressed)
{
	if (!take_token(a, of, now)) {
		a->refusals[of].suppressed++;
		return false;
	}
	*suppressed = a->refusals[of].suppressed;
	a->refusals[of].suppressed = 0;
	return true;
}

uint64_t esc_audit_suppressed(struct esc_audit *a, enum esc_right of, uint64_t now)
{
	uint64_t n = a->refusals[of].suppressed;

	if (!n || !take_token(a, of, now))
		return 0;
	a->refusals[of].suppressed = 0;
	return n;
}
