/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/show_units.h"

#include <inttypes.h>
#include <stdio.h>

const char *esc_span_text(uint64_t seconds, char buf[ESC_UNITS_STR])
{
	static const struct {
		uint64_t s;
		const char *name;
	} unit[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	int i = 0;

	while (i < 3 && seconds < unit[i].s)
		i++;
	uint64_t rest = i < 3 ? seconds % unit[i].s / unit[i + 1].s : 0;
	if (rest)
		snprintf(buf, ESC_UNITS_STR, "%" PRIu64 " %s %" PRIu64 " %s", seconds / unit[i].s,
			 unit[i].name, rest, unit[i + 1].name);
	else
		snprintf(buf, ESC_UNITS_STR, "%" PRIu64 " %s", seconds / unit[i].s, unit[i].name);
	return buf;
}

const char *esc_size_text(uint64_t bytes, char buf[ESC_UNITS_STR])
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	int i = 0;

	for (; v >= 1024 && i < 5; i++)
		v /= 1024;
	snprintf(buf, ESC_UNITS_STR, i ? "%.1f %s" : "%.0f %s", v, unit[i]);
	return buf;
}
