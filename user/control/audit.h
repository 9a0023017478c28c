/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.h: the audit log (R9): one flat JSON object per line, appended with one write() each, by
 * the node alone. Holds no secret. Names are stable; docs/operation.md lists them.
 *
 *   seq         1, 2, 3 ... over all files of the log
 *   time, ns    UNIX seconds, and nanoseconds of that second
 *   node, event what happened to which node
 *   by          "node", or "user" with uid, user, gid, pid, unit
 *   ...         the event's own
 *   result      done, accepted (a "change" line with the outcome follows), refused, failed
 *   error       with refused and failed
 *   prev        BLAKE2b-256 of the line before without its line end, in hexadecimal: a line that is
 *               changed, removed or put in shows. Who can write the file can also make all of it
 *               anew: against root, send the lines elsewhere (they go to the journal too).
 *
 * The file is looked for at every line, so a log that was moved away is left alone and a new one
 * begun, which goes on counting. Lines are complete: what a full disk cut off is taken back. A line
 * of text for people goes to the node's log as well.
 */
#ifndef ESC_CONTROL_AUDIT_H
#define ESC_CONTROL_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/json.h"
#include "control/access.h"
#include "sizes.h"

#define ESC_AUDIT_HASH 32u
#define ESC_AUDIT_LINE 16384u /* longer than any line */
#define ESC_AUDIT_PATH 320u

/*
 * Refusals are written down as they come, 20 of a class of clients, then one in six seconds: those
 * left out are counted in "suppressed" of the next. So nobody fills the disk, and no class hides
 * behind another.
 */
#define ESC_AUDIT_REFUSALS   20u
#define ESC_AUDIT_REFUSAL_NS (6ull * 1000000000ull)

struct esc_audit {
	char path[ESC_AUDIT_PATH];
	char node[ESC_NAME_MAX + 1];
	gid_t group[ESC_ACL_GROUPS]; /* may read the file besides root; 0: none */
	int fd;
	uint64_t seq; /* of the last line */
	uint8_t last[ESC_AUDIT_HASH];
	uint64_t lost; /* lines of the node itself that could not be written */
	bool failing;
	struct {
		uint64_t tokens_at; /* esc_now() time when the bucket was, or will be, empty */
		uint64_t suppressed;
	} refusals[ESC_RIGHT_ROOT + 1];
	/* the line that is being made */
	int error; /* of the file, when it was begun */
	FILE *f;
	char *text;
	size_t len;
	struct esc_json json;
};

/* "" as `configured`: NAME.audit in the state folder. Returns path. */
char *esc_audit_path(char path[ESC_AUDIT_PATH], const char *configured, const char *state_dir,
		     const char *node);

/*
 * Continue the log at path, or begin it (for root and these groups to read). 0, or -errno: -ENOSPC
 * and -EDQUOT mean that lines may be possible later, everything else that they never will. Close it
 * either way.
 */
int esc_audit_open(struct esc_audit *a, const char *path, const char *node,
		   const gid_t group[ESC_ACL_GROUPS]);
void esc_audit_close(struct esc_audit *a);

/*
 * A line: begin, add members to the object that is returned, end. `who` is NULL for the node
 * itself. NULL: out of memory (end it all the same).
 */
struct esc_json *esc_audit_begin(struct esc_audit *a, const char *event,
				 const struct esc_caller *who);
/* error may be NULL. 0: written; -errno: not, and the log is as it was. */
int esc_audit_end(struct esc_audit *a, const char *result, const char *error);
/* To the disk, with all lines before. Waits for it. 0 or -errno. */
int esc_audit_sync(struct esc_audit *a);

/* May a refusal of this class be written down now? *suppressed: how many were not, since. */
bool esc_audit_may_refuse(struct esc_audit *a, enum esc_right of, uint64_t now,
			  uint64_t *suppressed);
/* Has this class refusals left out that may be counted in a line now? Takes them. */
uint64_t esc_audit_suppressed(struct esc_audit *a, enum esc_right of, uint64_t now);

/* --- reading (audit_text.c) ------------------------------------------------------------------- */

/* One member of a flat object; values of strings without quotes, escapes as they are. */
struct esc_audit_field {
	const char *key, *value;
	size_t key_len, value_len;
};

/* *at: NULL before the first one. false: no more, or not such an object. */
bool esc_audit_field(const char *line, const char **at, struct esc_audit_field *f);
/* A member as a number; false: there is none. */
bool esc_audit_number(const char *line, const char *key, uint64_t *out);
/* For people, on one line, printable ASCII. full: with time and node. false: not a line of ours. */
bool esc_audit_readable(const char *line, bool full, char *out, size_t size);
/* Hash of a line without its line end. */
void esc_audit_hash(uint8_t out[ESC_AUDIT_HASH], const char *line, size_t len);

#endif
