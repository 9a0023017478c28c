/* SPDX-License-Identifier: BSD-2-Clause */
/* show_units.h: quantities for people. */
#ifndef ESC_CONTROL_SHOW_UNITS_H
#define ESC_CONTROL_SHOW_UNITS_H

#include <stdint.h>

#define ESC_UNITS_STR 32

/* "1.5 MiB"; "3 d 4 h", "12 min 5 s": the two largest units. Return buf. */
const char *esc_size_text(uint64_t bytes, char buf[ESC_UNITS_STR]);
const char *esc_span_text(uint64_t seconds, char buf[ESC_UNITS_STR]);

#endif
