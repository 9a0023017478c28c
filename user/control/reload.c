/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload.c: SIGHUP: the node's file is read again. All of it is right and is taken over, as far as
 * a running node can change, or nothing changes and the log says why (R9: the sender is root, and
 * on record).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/config.h"
#include "control/model_reload.h"
#include "control/node.h"
#include "control/notify.h"

/* systemd waits for READY=1 after this (sd_notify(3)); before the start is over it waits anyway. */
static void notify_begin(const struct node *n)
{
	char text[64];

	if (!n->was_running)
		return;
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(esc_now() / 1000));
	esc_notify(text);
}

static void notify_end(const struct node *n)
{
	if (n->was_running)
		esc_notify("READY=1");
}

static void refuse(struct node *n, const struct esc_caller *who, const char *why)
{
	esc_err("reload: %s. Nothing changes", why);
	record_refusal(n, who, "reload", why);
	notify_end(n);
}

static void done(void *arg, int err)
{
	struct node *n = arg;

	if (err)
		esc_err("reload: %s. The node goes on with what it had", strerror(-err));
	else
		esc_info("reload: %s is in force: %u peers, %u rules, %u openings", n->model->file,
			 n->model->peers, n->model->split.policy.rules,
			 n->model->split.policy.openings);
	notify_end(n);
}

/* Each mistake is a line of the log. NULL: there are some. */
static struct esc_model *read_file(const struct node *n)
{
	struct esc_model *file = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f) {
		esc_config_load(n->model->file, f, &file);
		fclose(f);
	}
	esc_log_text(ESC_LOG_ERR, f && text ? text : "reading the file again: out of memory");
	free(text);
	return file;
}

static void take(struct node *n, const struct esc_model *file, const struct esc_caller *who)
{
	char restart[ESC_RESTART_MAX];
	struct esc_reason why = {""};
	struct esc_model *next;
	int err = esc_model_reload(n->model, file, &next, restart, &why);

	if (err) {
		refuse(n, who, *why.text ? why.text : strerror(-err));
		return;
	}
	if (*why.text)
		esc_warn("reload: %s", why.text);
	if (*restart)
		esc_warn("reload: %s in %s needs a restart of the node; until then it goes on with "
			 "what it started with",
			 restart, n->model->file);
	err = apply_model(n, next, &(struct request){who, restart}, done, n);
	if (err != -EINPROGRESS)
		done(n, err);
}

static void reload(struct node *n)
{
	const struct esc_caller who = n->reload;

	n->reload_wanted = false;
	if (n->phase == PHASE_ZEROIZING || n->phase == PHASE_ZEROIZED) {
		refuse(n, &who, "this node's keys were made unrecoverable: stop it");
		return;
	}
	esc_info("reload: reading %s again, for process %d of uid %u", n->model->file, (int)who.pid,
		 (unsigned int)who.uid);
	struct esc_model *file = read_file(n);
	if (file)
		take(n, file, &who);
	else
		refuse(n, &who, "the file cannot be taken over");
	esc_model_free(file);
}

void reload_begin(struct node *n, pid_t pid, uid_t uid)
{
	if (n->phase == PHASE_STOPPING || n->phase == PHASE_STOPPED)
		return;
	notify_begin(n);
	n->reload = (struct esc_caller){
		.pid = pid, .uid = uid, .gid = (gid_t)-1, .right = ESC_RIGHT_ROOT};
	n->reload_wanted = true;
	reload_resume(n);
}

void reload_resume(struct node *n)
{
	if (!n->reload_wanted || n->pending.active || n->phase == PHASE_CONFIGURING ||
	    n->phase == PHASE_STOPPING || n->phase == PHASE_STOPPED)
		return;
	reload(n);
}
