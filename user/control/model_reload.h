/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_reload.h: a running node's file was read again: what becomes of its model? Peers, listen
 * port, [Split] and [Firewall] are the file's from now on; the rest cannot change while it runs.
 */
#ifndef ESC_CONTROL_MODEL_RELOAD_H
#define ESC_CONTROL_MODEL_RELOAD_H

#include "control/model.h"

#define ESC_RESTART_MAX 256u

/*
 * *next: `now` with what can be taken over from `file`, as esc_model_stage() makes it; only what
 * differs is touched, so a peer that the file describes as before keeps its session, and the
 * endpoint where it was last seen. restart: the keys that differ and need a restart, with commas;
 * "" none. 0; or NULL in *next and -errno, as esc_model_stage().
 */
int esc_model_reload(const struct esc_model *now, const struct esc_model *file,
		     struct esc_model **next, char restart[ESC_RESTART_MAX],
		     struct esc_reason *why);

#endif
