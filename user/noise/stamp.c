/* SPDX-License-Identifier: BSD-2-Clause */
/* stamp.c: TAI64N stamps that never repeat or go back (R2). */
#include "noise/stamp.h"

#include <endian.h>
#include <string.h>

#define STAMP_STEP (1u << 24) /* ns */
#define TAI64_1970 0x400000000000000aull

_Static_assert(STAMP_STEP < WG_INITIATION_INTERVAL, "initiations in time have different stamps");

static void put(uint8_t stamp[WG_TIMESTAMP_LEN], uint64_t seconds, uint64_t ns)
{
	uint64_t s = htobe64(seconds);
	uint32_t n = htobe32((uint32_t)ns);

	memcpy(stamp, &s, sizeof(s));
	memcpy(stamp + sizeof(s), &n, sizeof(n));
}

void wg_stamp_next(uint8_t stamp[WG_TIMESTAMP_LEN], const uint8_t last[WG_TIMESTAMP_LEN],
		   uint64_t unix_ns)
{
	uint64_t seconds, ns = unix_ns % WG_SECOND;
	uint8_t clock[WG_TIMESTAMP_LEN];
	uint32_t last_ns;

	put(clock, TAI64_1970 + unix_ns / WG_SECOND, ns - ns % STAMP_STEP);
	if (memcmp(clock, last, sizeof(clock)) > 0) {
		memcpy(stamp, clock, sizeof(clock));
		return;
	}
	memcpy(&seconds, last, sizeof(seconds));
	memcpy(&last_ns, last + sizeof(seconds), sizeof(last_ns));
	seconds = be64toh(seconds);
	ns = (uint64_t)be32toh(last_ns) + STAMP_STEP;
	if (ns >= WG_SECOND) {
		ns -= WG_SECOND;
		seconds++;
	}
	put(stamp, seconds, ns);
}
