/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.h: the last lines of news, for readers who follow at their own pace. One store of bounded
 * size whatever the number of readers: who is too slow finds that lines are gone.
 */
#ifndef ESC_CONTROL_EVENTS_H
#define ESC_CONTROL_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#define ESC_EVENTS_KEPT 128u
#define ESC_EVENT_LINE	4096u /* longer lines are refused */

struct esc_events {
	char *line[ESC_EVENTS_KEPT]; /* of event number n: [n % ESC_EVENTS_KEPT] */
	uint64_t next;		     /* number of the next one */
};

/* Takes a line from malloc(), which replaces the oldest. 0; -EMSGSIZE: it is freed, and not in. */
int esc_events_put(struct esc_events *e, char *line);
/*
 * The line at *cursor, which moves on, or NULL: nothing new. *lost: so many before it are gone, and
 * *cursor skipped them. The line stays until the next put. A reader begins with *cursor = next.
 */
const char *esc_events_get(const struct esc_events *e, uint64_t *cursor, uint64_t *lost);
void esc_events_free(struct esc_events *e);

#endif
