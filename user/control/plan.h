/* SPDX-License-Identifier: BSD-2-Clause */
/* plan.h: what a configuration needs from this machine; looks only, changes nothing. */
#ifndef ESC_CONTROL_PLAN_H
#define ESC_CONTROL_PLAN_H

#include <stdio.h>

#include "control/model.h"

/* Both NICs exist, are Ethernet, can run XDP, have the queues. 0, or 1 after writing why to err. */
int esc_plan_nics(const struct esc_model *m, FILE *err);

#endif
