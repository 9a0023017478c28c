/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/watchdog.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A sleep counts as one if it lasted from one look to the next: a busy process sleeps briefly. */
#define LOOKS_ASLEEP 2u

void esc_watchdog_open(struct esc_watchdog *w, pid_t pid)
{
	char path[32];

	*w = (struct esc_watchdog){0};
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	w->stat = open(path, O_RDONLY | O_CLOEXEC);
	w->has_clock = !clock_getcpuclockid(pid, &w->clock);
}

void esc_watchdog_close(struct esc_watchdog *w)
{
	if (w->stat >= 0)
		close(w->stat);
	w->stat = -1;
	w->waiting = 0;
}

static uint64_t processor_time(const struct esc_watchdog *w)
{
	struct timespec ts;

	if (!w->has_clock || clock_gettime(w->clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * ESC_S + (uint64_t)ts.tv_nsec;
}

/* The letter behind the name, which may hold anything. */
static char state(const struct esc_watchdog *w)
{
	char text[256];
	ssize_t n = w->stat >= 0 ? pread(w->stat, text, sizeof(text) - 1, 0) : -1;

	if (n <= 0)
		return '?';
	text[n] = '\0';
	const char *end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] ? end[2] : '?';
}

static void wait_from(struct esc_watchdog *w, uint64_t now)
{
	w->waiting = now;
	w->cpu = processor_time(w);
	w->last_cpu = w->cpu;
	w->asleep = 0;
}

bool esc_watchdog_ask(struct esc_watchdog *w, uint64_t now, uint32_t *seq)
{
	if (w->sent && now - w->last_asked < ESC_WATCHDOG_ASK_NS)
		return false;
	*seq = ++w->sent; /* asked again while one is open: its answer may not have fitted */
	w->last_asked = now;
	if (!w->waiting)
		wait_from(w, now);
	return true;
}

bool esc_watchdog_answer(struct esc_watchdog *w, uint32_t seq)
{
	if (seq <= w->answered || seq > w->sent)
		return false;
	w->answered = seq;
	w->waiting = 0;
	return true;
}

void esc_watchdog_forgive(struct esc_watchdog *w, uint64_t now)
{
	if (w->waiting)
		wait_from(w, now);
}

const char *esc_watchdog_weigh(struct esc_watchdog *w, uint64_t now, struct esc_sign sign)
{
	const bool sleeps = sign.state == 'S' || sign.state == 'D';

	w->asleep = !sleeps ? 0 : sign.cpu == w->last_cpu ? w->asleep + 1 : 1;
	w->last_cpu = sign.cpu;
	if (sign.state == 'T' || sign.state == 't')
		return "is stopped";
	if (now - w->waiting < ESC_WATCHDOG_LIMIT_NS)
		return NULL;
	if (sign.cpu - w->cpu >= ESC_WATCHDOG_CPU_NS)
		return "does not answer: it spins";
	if (w->asleep >= LOOKS_ASLEEP)
		return "does not answer: it sleeps";
	return now - w->waiting >= ESC_WATCHDOG_STARVED_NS ? "does not get to answer" : NULL;
}

const char *esc_watchdog_judge(struct esc_watchdog *w, uint64_t now)
{
	if (!w->waiting || now - w->waiting < ESC_WATCHDOG_LIMIT_NS / 2)
		return NULL;
	struct esc_sign sign = {processor_time(w), state(w)};
	return esc_watchdog_weigh(w, now, sign);
}
