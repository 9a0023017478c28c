/* SPDX-License-Identifier: BSD-2-Clause */
/* check_split.h: what `esclusa check` says about [Split] and [Firewall], to standard output. */
#ifndef ESC_CLI_CHECK_SPLIT_H
#define ESC_CLI_CHECK_SPLIT_H

#include "base/json.h"
#include "control/model.h"

/* Sections of their own, rules in the order in which they are tried; defaults are left out. */
void check_split_text(const struct esc_model *m);

/* Members "split" (null in encryptor mode) and "firewall", with all values. */
void check_split_json(struct esc_json *j, const struct esc_model *m);

#endif
