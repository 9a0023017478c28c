/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split_check.h: what is secure leaves through a tunnel or not at all, whatever [Split] allows
 * (R5). Programs look at the secure prefixes first; this is to tell people about rules that
 * contradict.
 */
#ifndef ESC_CONTROL_SPLIT_CHECK_H
#define ESC_CONTROL_SPLIT_CHECK_H

#include "control/model.h"

/* The peer that has a prefix which this one is, or is a part of, and that prefix; ESC_NO_PEER. */
uint32_t esc_split_inside_secure(const struct esc_model *m, const uint8_t addr[16], uint8_t len,
				 struct esc_prefix *secure);

/* The same, also of a prefix that is a part of this one. */
uint32_t esc_split_touches_secure(const struct esc_model *m, const uint8_t addr[16], uint8_t len,
				  struct esc_prefix *secure);

/* Warn about rules and openings of `to` that a prefix which `from` did not have makes void. */
void esc_split_warn(const struct esc_model *from, const struct esc_model *to);

#endif
