/* SPDX-License-Identifier: BSD-2-Clause */
/* show_router.h: what stays outside of the tunnels, for `esclusa show`. Only in router mode. */
#ifndef ESC_CONTROL_SHOW_ROUTER_H
#define ESC_CONTROL_SHOW_ROUTER_H

#include <stdio.h>

#include "base/json.h"
#include "control/snapshot.h"

/* A member "router". */
void esc_router_json(struct esc_json *j, const struct esc_snap_router *r);
void esc_router_text(const struct esc_snap_router *r, FILE *f);

#endif
