/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ESC_BASE_CLOCK_H
#define ESC_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define ESC_MS 1000000ull
#define ESC_S  1000000000ull

/* Monotonic nanoseconds, counting while suspended (keys age then too). */
static inline uint64_t esc_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * ESC_S + (uint64_t)ts.tv_nsec;
}

/* UNIX nanoseconds. */
static inline uint64_t esc_unix_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * ESC_S + (uint64_t)ts.tv_nsec;
}

#endif
