/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int esc_events_put(struct esc_events *e, char *line)
{
	char **place = &e->line[e->next % ESC_EVENTS_KEPT];

	if (strlen(line) > ESC_EVENT_LINE) {
		free(line);
		return -EMSGSIZE;
	}
	free(*place);
	*place = line;
	e->next++;
	return 0;
}

const char *esc_events_get(const struct esc_events *e, uint64_t *cursor, uint64_t *lost)
{
	*lost = 0;
	if (e->next - *cursor > ESC_EVENTS_KEPT) {
		*lost = e->next - *cursor - ESC_EVENTS_KEPT;
		*cursor += *lost;
	}
	return *cursor == e->next ? NULL : e->line[(*cursor)++ % ESC_EVENTS_KEPT];
}

void esc_events_free(struct esc_events *e)
{
	for (size_t i = 0; i < ESC_EVENTS_KEPT; i++)
		free(e->line[i]);
	*e = (struct esc_events){0};
}
