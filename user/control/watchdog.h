/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchdog.h: does a packet process still work? Control asks (ESC_MSG_PING) and expects an answer
 * (ESC_MSG_PONG); one that does not come is judged by what the process did meanwhile, so that a
 * process that only waits for its turn on a loaded machine is not taken for one that hangs:
 *
 *	stopped, or traced			at once
 *	it used ESC_WATCHDOG_CPU_NS of a processor and did not get to its messages: it spins
 *	it sleeps and uses no processor: it waits for something that does not come
 *	neither: it is starved, which is forgiven for ESC_WATCHDOG_STARVED_NS
 *
 * The last three after ESC_WATCHDOG_LIMIT_NS without an answer. Its processor time is read from
 * its clock, its state from /proc/PID/stat, which is opened while the process is young: neither
 * needs a privilege later. One thread.
 */
#ifndef ESC_CONTROL_WATCHDOG_H
#define ESC_CONTROL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/clock.h"

#define ESC_WATCHDOG_ASK_NS	(200 * ESC_MS) /* between two questions */
#define ESC_WATCHDOG_LIMIT_NS	(500 * ESC_MS)
#define ESC_WATCHDOG_CPU_NS	(150 * ESC_MS) /* an honest one looks every 10 ms */
#define ESC_WATCHDOG_STARVED_NS (5 * ESC_S)

/* What a process is seen doing: processor time so far, state as in proc(5), '?' if unknown. */
struct esc_sign {
	uint64_t cpu;
	char state;
};

struct esc_watchdog {
	int stat; /* /proc/PID/stat, or -1 */
	clockid_t clock;
	bool has_clock;
	uint32_t sent, answered; /* numbers of the newest question and answer */
	uint64_t last_asked;
	uint64_t waiting;  /* since when an answer is due, esc_now(); 0: none is */
	uint64_t cpu;	   /* its processor time then */
	uint64_t last_cpu; /* when it was looked at last */
	uint32_t asleep;   /* looks in a row that found it asleep, not having run */
};

/* A process that just started, not yet reaped. What cannot be opened is done without. */
void esc_watchdog_open(struct esc_watchdog *w, pid_t pid);
void esc_watchdog_close(struct esc_watchdog *w);

/* Is a question due? *seq is its number then, and the answer is waited for from now on. */
bool esc_watchdog_ask(struct esc_watchdog *w, uint64_t now, uint32_t *seq);
/* An answer came. false: to a question that nobody asked. */
bool esc_watchdog_answer(struct esc_watchdog *w, uint32_t seq);
/* The asker did not run for a while itself: what is open counts from now. */
void esc_watchdog_forgive(struct esc_watchdog *w, uint64_t now);

/* NULL: fine, or wait. Else why the process must be replaced. Cheap while an answer is not late. */
const char *esc_watchdog_judge(struct esc_watchdog *w, uint64_t now);
/* The judgement alone, of what was seen now. */
const char *esc_watchdog_weigh(struct esc_watchdog *w, uint64_t now, struct esc_sign sign);

#endif
