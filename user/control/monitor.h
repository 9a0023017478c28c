/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor.h: clients of the status socket that follow what happens: its side of monitor.c. */
#ifndef ESC_CONTROL_MONITOR_H
#define ESC_CONTROL_MONITOR_H

#include "control/server.h"

/* The client, who may read, follows from now on. Answers it; false: disconnect. */
bool monitor_begin(struct esc_client *c, uint64_t *cursor);
/* The next line for it, if there is one. false: disconnect. */
bool monitor_next(struct esc_client *c, uint64_t *cursor);

#endif
