/* SPDX-License-Identifier: BSD-2-Clause */
/* show_attack.h: what detect.h found, as text and as JSON. Names are stable (docs/operation.md). */
#ifndef ESC_CONTROL_SHOW_ATTACK_H
#define ESC_CONTROL_SHOW_ATTACK_H

#include <stdio.h>

#include "base/json.h"
#include "control/detect.h"

#define ESC_ATTACK_STR 320u

/* Members of the object that is open, which stays flat: for lines of the audit log and of events.
 */
void esc_attack_line(struct esc_json *j, const struct esc_attack *a);
/* A member "detection". */
void esc_detect_json(struct esc_json *j, const struct esc_detect *d);

/* One line while it is calm, a block during an attack; and the last five. */
void esc_detect_text_show(const struct esc_detect *d, FILE *f);

/* "mac1,rate"; "192.0.2.1,2001:db8::/64". Return buf. */
char *esc_attack_kinds(uint32_t kinds, char buf[ESC_ATTACK_STR]);
char *esc_attack_sources(const struct esc_attack *a, char buf[ESC_ATTACK_STR]);

#endif
