/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.c: runs the attacks that the environment names, one after the other, in a process that is
 * locked in, and tells control what became of them. A test that expects a process to be killed
 * names one attack. ESCLUSA_ATTACK is words KEY=VALUE:
 *
 *	red=NAME,... crypto=NAME,...	attacks of that process
 *	node= key= abstract=		struct target
 *	orders=FILE			the attacks come when its first byte is 'b', not at start
 *	rings=DOMAIN talk=DOMAIN	that process is hostile in the rings, or to control
 *					(hostile.h), from 'b' there on until 'e'
 *
 * An order is taken once: what replaces the process that took it is honest.
 */
#include "proc/hook.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"
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

/* One byte of the file with orders, shared with whoever gives them; NULL: there is none. */
static volatile char *orders;

/* While a file can be opened still. What cannot be mapped never attacks: the tests say so. */
__attribute__((constructor)) static void map_orders(void)
{
	char path[256];

	if (!attack_word("orders", path, sizeof(path)))
		return;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	orders = p == MAP_FAILED ? NULL : p;
	close(fd);
}

static bool ordered(char what)
{
	if (!orders || *orders != what)
		return false;
	*orders = '-';
	return true;
}

static char list[8192]; /* of attacks; empty: none, or done */
static struct target t;
static bool rings, talks; /* it is this process that is to be hostile */
static void (*volley)(void *process), (*talk)(void *process);

static bool is_of(const char *key, const char *domain)
{
	char value[8];

	return attack_word(key, value, sizeof(value)) && !strcmp(value, domain);
}

void esc_hook_locked(const char *domain, void *process)
{
	const bool red = !strcmp(domain, "red");

	(void)process;
	snprintf(t.domain, sizeof(t.domain), "%s", domain);
	attack_word("node", t.node, sizeof(t.node));
	attack_word("key", t.key, sizeof(t.key));
	attack_word("abstract", t.abstract, sizeof(t.abstract));
	attack_word(domain, list, sizeof(list));
	rings = is_of("rings", domain);
	talks = is_of("talk", domain);
	volley = red ? hostile_red : hostile_crypto;
	talk = red ? hostile_red_talk : hostile_crypto_talk;
	if (*list && !orders)
		run_list(list, &t);
}

/* --- while it works ------------------------------------------------------------------------ */

/* Its own books are worthless afterwards: it goes. */
static uint32_t hostile_round(void *process)
{
	static uint64_t volleys;

	if (volleys && ordered('e')) {
		attack_log("hostile rings: %llu volleys", (unsigned long long)volleys);
		_exit(1);
	}
	if (!volleys && !ordered('b'))
		return 0;
	volleys++;
	volley(process);
	return 1; /* stay awake */
}

/* The last word is asked of a successor too: a flood may have cost its author's life before. */
static uint32_t talk_round(void *process)
{
	static bool talking;

	if (ordered('e')) {
		talking = false;
		hostile_last_word();
	}
	talking = talking || ordered('b');
	if (talking)
		talk(process);
	return talking;
}

uint32_t esc_hook_round(void *process)
{
	if (*list && ordered('b')) {
		run_list(list, &t);
		*list = 0;
	}
	if (talks)
		return talk_round(process);
	return rings ? hostile_round(process) : 0;
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
