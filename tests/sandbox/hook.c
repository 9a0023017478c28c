/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.c: runs the attacks that the environment names, one after the other, in a process that is
 * locked in, and tells control what became of them. A test that expects a process to be killed
 * names one attack. ESCLUSA_ATTACK is words KEY=VALUE:
 *
 *	red=NAME,... crypto=NAME,...	attacks of that process
 *	node= key= abstract=		struct target
 *	time=FROM-TO			of uptime: the attacks come then and not at start
 *	red-rings= crypto-rings=	FROM-TO: hostile in the rings then (hostile.h)
 *	red-talk= crypto-talk=		FROM-TO: hostile to control then
 */
#include "proc/hook.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"
#include "base/clock.h"
#include "hostile.h"
#include "ipc/msg.h"

static const struct attack *const groups[] = {
	attacks_on_files,  attacks_on_network,	  attacks_on_processes,
	attacks_on_memory, attacks_on_privileges, attacks_on_kernel,
};

bool attack_word(const char *key, char *value, size_t size)
{
	const char *all = getenv("ESCLUSA_ATTACK");
	size_t len = strlen(key);

	for (const char *p = all; p && *p; p += strcspn(p, " "), p += *p == ' ') {
		if (strncmp(p, key, len) || p[len] != '=')
			continue;
		snprintf(value, size, "%.*s", (int)strcspn(p + len + 1, " "), p + len + 1);
		return true;
	}
	return false;
}

void attack_log(const char *fmt, ...)
{
	struct esc_msg m = {.type = ESC_MSG_LOG, .u.log.level = 6};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m.u.log.text, sizeof(m.u.log.text), fmt, ap);
	va_end(ap);
	esc_msg_send(ESC_FD_CONTROL, &m);
}

static const struct attack *find(const char *name)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		for (const struct attack *a = groups[i]; a->name; a++) {
			if (!strcmp(a->name, name))
				return a;
		}
	}
	return NULL;
}

static int run(const struct attack *a, const struct target *t)
{
	if (a->run)
		return a->run(t);
	return TRIED(
		syscall(a->call, a->arg[0], a->arg[1], a->arg[2], a->arg[3], a->arg[4], a->arg[5]));
}

static const char *result(const struct attack *a, const struct target *t)
{
	if (!a)
		return "unknown";
	int err = run(a, t);
	const char *name = err ? strerrorname_np(err) : "worked";
	return name ? name : "strange";
}

/* Results of several attacks in one line: control takes only so many lines. */
static void run_list(char *names, const struct target *t)
{
	char line[240] = "";
	char *name;

	while ((name = strsep(&names, ","))) {
		char one[80];

		snprintf(one, sizeof(one), " %s=%s", name, result(find(name), t));
		if (strlen(line) + strlen(one) >= sizeof(line)) {
			attack_log("attacks:%s", line);
			*line = 0;
		}
		strcat(line, one);
	}
	attack_log("attacks:%s", line);
}

/* FROM-TO: is it between these seconds of uptime? */
struct window {
	uint64_t from, to; /* esc_now(); 0: never */
};

static struct window window_of(const char *key)
{
	char text[32], *dash = NULL;
	struct window w = {0};

	if (!attack_word(key, text, sizeof(text)))
		return w;
	w.from = strtoull(text, &dash, 10) * ESC_S;
	w.to = *dash ? strtoull(dash + 1, NULL, 10) * ESC_S : 0;
	return w;
}

static bool within(const struct window *w)
{
	const uint64_t now = esc_now();

	return now >= w->from && now < w->to;
}

static char list[8192]; /* of attacks; empty: none, or done */
static struct target t;
static struct window attack_time, rings_time, talk_time;
static void (*volley)(void *process), (*talk)(void *process);

void esc_hook_locked(const char *domain, void *process)
{
	const bool red = !strcmp(domain, "red");

	(void)process;
	snprintf(t.domain, sizeof(t.domain), "%s", domain);
	attack_word("node", t.node, sizeof(t.node));
	attack_word("key", t.key, sizeof(t.key));
	attack_word("abstract", t.abstract, sizeof(t.abstract));
	attack_word(domain, list, sizeof(list));
	attack_time = window_of("time");
	rings_time = window_of(red ? "red-rings" : "crypto-rings");
	talk_time = window_of(red ? "red-talk" : "crypto-talk");
	volley = red ? hostile_red : hostile_crypto;
	talk = red ? hostile_red_talk : hostile_crypto_talk;
	if (*list && !attack_time.to)
		run_list(list, &t);
}

/* --- while it works ------------------------------------------------------------------------ */

/* Its own books are worthless afterwards: it goes, and the next one comes too late to be hostile.
 */
static uint32_t hostile_round(void *process)
{
	static uint64_t volleys;

	if (within(&rings_time)) {
		volleys++;
		volley(process);
		return 1; /* stay awake */
	}
	if (!volleys)
		return 0;
	attack_log("hostile rings: %llu volleys", (unsigned long long)volleys);
	_exit(1);
}

static uint32_t talk_round(void *process)
{
	static bool talked;

	if (within(&talk_time)) {
		talked = true;
		talk(process);
		return 1;
	}
	if (talked)
		hostile_last_word();
	talked = false;
	return 0;
}

uint32_t esc_hook_round(void *process)
{
	if (*list && within(&attack_time)) {
		run_list(list, &t);
		*list = 0;
	}
	if (talk_time.to)
		return talk_round(process);
	return rings_time.to ? hostile_round(process) : 0;
}

/* --- session keys -------------------------------------------------------------------------- */

/*
 * What the canary test looks for in other memory. It finds them here by the first word; masked, so
 * that this list is not what it finds.
 */
static struct {
	char magic[24];
	uint32_t mask, count;
	uint8_t key[64][32];
} keys;

void esc_hook_key(const uint8_t key[32])
{
	if (sodium_is_zero(key, 32)) /* a size is being measured */
		return;
	const uint32_t slot = keys.count++ % 64;

	memcpy(keys.magic, "ESCLUSA-", 8); /* in two pieces: the program's text is not the list */
	memcpy(keys.magic + 8, "SESSION-KEYS", 13);
	keys.mask = 0x5a;
	for (int i = 0; i < 32; i++)
		keys.key[slot][i] = key[i] ^ 0x5a;
}
