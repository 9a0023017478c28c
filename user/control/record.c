/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c: what the audit log says about a node. A change by an administrator is on the disk
 * before it happens, and what cannot be written down does not happen (R9). What happens to the node
 * by itself happens anyway: packets do not wait for a disk; such lines are counted when they are
 * lost, and the next one tells.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/lsm.h"
#include "control/node.h"
#include "control/show_attack.h"
#include "ipc/sandbox.h"

/* Prefixes that a line names; the rest are counted. */
#define PREFIXES_NAMED 48u

/* --- the node itself -------------------------------------------------------------------------- */

static void end_own(struct node *n, const char *result, const char *error)
{
	struct esc_audit *a = &n->audit;

	if (esc_audit_end(a, result, error))
		a->lost++;
	else
		esc_audit_sync(a);
}

/* A line about the node itself; NULL: no memory for it. */
static struct esc_json *begin_own(struct node *n, const char *event, const struct esc_caller *who)
{
	struct esc_audit *a = &n->audit;
	uint64_t lost = a->lost;

	if (lost) {
		struct esc_json *j = esc_audit_begin(a, "lost", NULL);
		if (j)
			esc_json_u64(j, "lines", lost);
		if (!esc_audit_end(a, "done", NULL))
			a->lost -= lost;
	}
	return esc_audit_begin(a, event, who);
}

int record_open(struct node *n)
{
	char path[ESC_AUDIT_PATH];
	const struct esc_model *m = n->model;
	gid_t groups[ESC_ACL_GROUPS];

	esc_access_groups(&n->access, groups);
	esc_audit_path(path, m->audit, m->state_dir, m->name);
	int err = esc_audit_open(&n->audit, path, m->name, groups);
	if (err == -ENOSPC || err == -EDQUOT)
		return 0; /* said with the first line */
	if (err)
		esc_err("audit log %s: %s. Make its folder, or set another Audit in [Node]", path,
			err == -EINVAL ? "not a file" : strerror(-err));
	if (err)
		*n->audit.path = '\0';
	return err;
}

static void waived_layers(uint32_t waived, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < ESC_LAYER_COUNT && len < size; i++)
		if (waived & ESC_LAYER_BIT(i))
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						esc_layer_info[i].name);
}

static void put_file(struct esc_json *j, const struct esc_model *m)
{
	char hex[2 * sizeof(m->digest) + 1], path[PATH_MAX];

	esc_json_str(j, "config", realpath(m->file, path) ? path : m->file);
	esc_json_str(j, "config_digest",
		     sodium_bin2hex(hex, sizeof(hex), m->digest, sizeof(m->digest)));
}

void record_start(struct node *n)
{
	static const char *const lsm[] = {
		[ESC_LSM_AUTO] = "auto", [ESC_LSM_OFF] = "off", [ESC_LSM_REQUIRED] = "required"};
	const struct esc_model *m = n->model;
	char waived[256], key[ESC_KEY_B64];
	struct esc_json *j = begin_own(n, "start", NULL);

	if (j) {
		waived_layers(m->waived, waived, sizeof(waived));
		esc_json_str(j, "version", ESC_VERSION);
		put_file(j, m);
		esc_json_str(j, "public_key",
			     m->has_key ? esc_key_to_base64(key, m->public_key) : NULL);
		esc_json_u64(j, "listen_port", m->listen_port);
		esc_json_u64(j, "peers", m->peers);
		esc_json_str(j, "admins", *m->admins ? m->admins : NULL);
		esc_json_str(j, "monitors", *m->monitors ? m->monitors : NULL);
		esc_json_str(j, "waived", waived);
		esc_json_str(j, "lsm", lsm[m->lsm]);
	}
	end_own(n, "accepted", NULL);
}

void record_running(struct node *n)
{
	struct esc_json *j = begin_own(n, "running", NULL);
	char key[ESC_KEY_B64];

	if (j) {
		esc_json_u64(j, "restarts", n->restarts);
		esc_json_u64(j, "peers", n->model->peers);
		esc_json_str(j, "public_key", esc_key_to_base64(key, n->model->public_key));
		esc_json_str(j, "lsm", esc_lsm_look() == ESC_LSM_IN_FORCE ? "in_force" : "absent");
		esc_json_u64(j, "red_pid", (uint64_t)n->side[ESC_SIDE_RED].child.pid);
		esc_json_u64(j, "crypto_pid", (uint64_t)n->side[ESC_SIDE_BLACK].child.pid);
	}
	end_own(n, "done", NULL);
}

void record_failure(struct node *n)
{
	begin_own(n, "failure", NULL);
	end_own(n, "failed", n->last_failure);
}

void record_stop(struct node *n, int signo, pid_t pid, uid_t uid)
{
	const struct esc_caller who = {.pid = pid, .uid = uid, .gid = (gid_t)-1};
	struct esc_json *j;

	if (!*n->audit.path) /* it did not get as far as having a log */
		return;
	j = begin_own(n, "stop", pid ? &who : NULL);
	if (j && signo)
		esc_json_str(j, "signal", sigabbrev_np(signo));
	end_own(n, signo ? "done" : "failed", signo ? NULL : "it could not run; see its log");
}

void record_zeroize(struct node *n, const struct esc_caller *who, const char *how)
{
	struct esc_json *j = begin_own(n, "zeroize", who);

	if (j)
		esc_json_str(j, "crypto", how);
	end_own(n, "done", NULL);
}

void record_zeroize_file(struct node *n, const struct esc_caller *who, bool done)
{
	begin_own(n, "zeroize_files", who);
	end_own(n, done ? "done" : "failed", done ? NULL : "see what the command said");
}

void record_attack(struct node *n, const struct esc_attack *a)
{
	struct esc_json *j = begin_own(n, a->end ? "attack_end" : "attack_start", NULL);

	if (j)
		esc_attack_line(j, a);
	end_own(n, "done", NULL);
}

/* --- refusals --------------------------------------------------------------------------------- */

/* Not synced: whoever is refused shall not make the node wait for its disk. */
void record_refusal(struct node *n, const struct esc_caller *who, const char *request,
		    const char *why)
{
	uint64_t suppressed;

	if (!esc_audit_may_refuse(&n->audit, who->right, esc_now(), &suppressed))
		return;
	struct esc_json *j = esc_audit_begin(&n->audit, "request", who);
	if (j) {
		esc_json_str(j, "request", request);
		if (suppressed)
			esc_json_u64(j, "suppressed", suppressed);
	}
	if (esc_audit_end(&n->audit, "refused", why))
		n->audit.lost++;
}

void record_tick(struct node *n)
{
	for (int of = ESC_RIGHT_NONE; of <= ESC_RIGHT_ROOT; of++) {
		uint64_t suppressed = esc_audit_suppressed(&n->audit, of, esc_now());
		struct esc_json *j;

		if (!suppressed)
			continue;
		j = esc_audit_begin(&n->audit, "requests", NULL);
		if (j)
			esc_json_u64(j, "suppressed", suppressed);
		if (esc_audit_end(&n->audit, "refused", "more requests than are written down"))
			n->audit.lost++;
	}
}

/* --- changes ---------------------------------------------------------------------------------- */

struct walk {
	struct node *n;
	const struct esc_caller *who;
	const struct esc_model *from, *to;
	struct change *change;
	int error;
};

static struct esc_json *begin_line(struct walk *w, const char *event)
{
	struct esc_json *j = esc_audit_begin(&w->n->audit, event, w->who);

	if (!w->change->lines++)
		w->change->first = w->n->audit.seq + 1;
	if (j)
		esc_json_u64(j, "change", w->change->first);
	return j;
}

static void end_line(struct walk *w)
{
	int err = esc_audit_end(&w->n->audit, "accepted", NULL);

	if (!w->error)
		w->error = err;
}

/* Those of `has` that do not belong to this peer in `lacks`; as one string, the first ones. */
static uint32_t list_prefixes(const struct esc_model *has, const struct esc_model *lacks,
			      uint32_t id, char *buf, size_t size)
{
	const struct esc_prefix *p;
	char text[ESC_PREFIX_STR];
	uint32_t cursor = 0, count = 0;
	size_t len = 0;

	*buf = '\0';
	while ((p = esc_model_prefix_next(has, id, &cursor))) {
		if (lacks && esc_model_prefix_owner(lacks, p) == id)
			continue;
		if (count++ < PREFIXES_NAMED && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						esc_prefix_format(p->addr, p->len, text));
	}
	return count;
}

static void put_prefixes(struct esc_json *j, const char *name, const char *count_name,
			 const struct esc_model *has, const struct esc_model *lacks, uint32_t id)
{
	char list[PREFIXES_NAMED * (ESC_PREFIX_STR + 1)];
	uint32_t count = list_prefixes(has, lacks, id, list, sizeof(list));

	if (!count)
		return;
	esc_json_str(j, name, list);
	if (count > PREFIXES_NAMED)
		esc_json_u64(j, count_name, count);
}

static void put_peer(struct esc_json *j, const struct esc_peer *p)
{
	char key[ESC_KEY_B64];

	esc_json_str(j, "public_key", esc_key_to_base64(key, p->public_key));
	if (*p->name)
		esc_json_str(j, "name", p->name);
}

static void put_endpoint(struct esc_json *j, const struct esc_peer *p)
{
	char text[ESC_EP_STR];

	if (p->endpoint_port)
		esc_json_str(j, "endpoint",
			     esc_endpoint_format(p->endpoint, p->endpoint_port, text));
}

static void record_device(struct walk *w)
{
	bool key = memcmp(w->from->public_key, w->to->public_key, ESC_KEY_LEN) != 0;
	bool port = w->from->listen_port != w->to->listen_port;
	char text[ESC_KEY_B64];
	struct esc_json *j;

	if (!key && !port)
		return;
	j = begin_line(w, "device_changed");
	if (j && key) {
		esc_json_str(j, "private_key", "changed");
		esc_json_str(j, "public_key", esc_key_to_base64(text, w->to->public_key));
	}
	if (j && port)
		esc_json_u64(j, "listen_port", w->to->listen_port);
	end_line(w);
}

static void record_added(struct walk *w, const struct esc_peer *p)
{
	struct esc_json *j = begin_line(w, "peer_added");

	if (j) {
		put_peer(j, p);
		put_endpoint(j, p);
		esc_json_str(j, "preshared_key", p->has_psk ? "set" : "none");
		esc_json_u64(j, "persistent_keepalive", p->keepalive);
		put_prefixes(j, "allowed_ips", "allowed_ips_count", w->to, NULL, p->id);
	}
	end_line(w);
}

static void record_removed(struct walk *w, const struct esc_peer *p)
{
	struct esc_json *j = begin_line(w, "peer_removed");

	if (j)
		put_peer(j, p);
	end_line(w);
}

/* What became of the key, "" if nothing. */
static const char *psk_change(const struct walk *w, const struct esc_peer *a,
			      const struct esc_peer *b)
{
	if (!sodium_memcmp(esc_model_psk(w->from, a->id), esc_model_psk(w->to, b->id), ESC_KEY_LEN))
		return "";
	return !b->has_psk ? "removed" : a->has_psk ? "changed" : "set";
}

static void record_changed(struct walk *w, const struct esc_peer *a, const struct esc_peer *b)
{
	/* An endpoint that is named again replaces the one that the peer roamed to. */
	bool endpoint = b->touched & ESC_PEER_ENDPOINT, keepalive = a->keepalive != b->keepalive;
	const char *psk = psk_change(w, a, b);
	char unused[ESC_PREFIX_STR];
	struct esc_json *j;

	if (!endpoint && !keepalive && !*psk &&
	    !list_prefixes(w->to, w->from, b->id, unused, sizeof(unused)) &&
	    !list_prefixes(w->from, w->to, a->id, unused, sizeof(unused)))
		return;
	j = begin_line(w, "peer_changed");
	if (j) {
		put_peer(j, b);
		if (endpoint)
			put_endpoint(j, b);
		if (*psk)
			esc_json_str(j, "preshared_key", psk);
		if (keepalive)
			esc_json_u64(j, "persistent_keepalive", b->keepalive);
		put_prefixes(j, "allowed_ips_added", "allowed_ips_added_count", w->to, w->from,
			     b->id);
		put_prefixes(j, "allowed_ips_removed", "allowed_ips_removed_count", w->from, w->to,
			     a->id);
	}
	end_line(w);
}

static void record_peer(struct walk *w, uint32_t id)
{
	const struct esc_peer *a = esc_model_peer(w->from, id), *b = esc_model_peer(w->to, id);

	if (a && b && a->generation == b->generation) {
		record_changed(w, a, b);
		return;
	}
	if (a)
		record_removed(w, a);
	if (b)
		record_added(w, b);
}

static void record_reload(struct walk *w, const char *restart)
{
	struct esc_json *j = begin_line(w, "reload");
	const struct esc_policy *p = &w->to->split.policy;

	if (j) {
		put_file(j, w->to);
		esc_json_u64(j, "peers", w->to->peers);
		esc_json_u64(j, "rules", p->rules);
		esc_json_u64(j, "openings", p->openings);
		esc_json_u64(j, "services", p->services);
		esc_json_u64(j, "secure_rules", w->to->split.secure.rules);
		esc_json_str(j, "needs_restart", restart);
	}
	end_line(w);
}

int record_change(struct node *n, const struct request *r, const struct esc_model *from,
		  const struct esc_model *to, struct change *c)
{
	struct walk w = {.n = n, .who = r->who, .from = from, .to = to, .change = c};

	*c = (struct change){0};
	if (r->restart)
		record_reload(&w, r->restart);
	record_device(&w);
	for (uint32_t id = 0; id < ESC_PEERS_MAX && !w.error; id++)
		record_peer(&w, id);
	if (c->lines && !w.error)
		w.error = esc_audit_sync(&n->audit);
	if (w.error)
		record_outcome(n, r->who, c, w.error);
	return w.error;
}

void record_outcome(struct node *n, const struct esc_caller *who, const struct change *c, int err)
{
	if (!c->lines)
		return;
	struct esc_json *j = begin_own(n, "change", who);
	if (j)
		esc_json_u64(j, "change", c->first);
	end_own(n, err ? "failed" : "done", err ? strerror(-err) : NULL);
}
