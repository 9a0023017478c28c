/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stamp.h: TAI64N, the timestamp in an initiation (R2): 8 bytes of seconds since 1970 TAI plus
 * 2^62, 4 bytes of nanoseconds, big-endian, so that memcmp() orders them. WireGuard paper, 5.1.
 */
#ifndef ESC_NOISE_STAMP_H
#define ESC_NOISE_STAMP_H

#include <stdint.h>

#include "noise/wire.h"

/*
 * The stamp for unix_ns, or the one after `last` if that is not earlier (may overlap stamp): a
 * clock that was set back must not lock a node out. Stamps move in steps of 2^24 ns (about 17 ms,
 * less than WG_INITIATION_INTERVAL), so that the wire does not show the host's exact time.
 */
void wg_stamp_next(uint8_t stamp[WG_TIMESTAMP_LEN], const uint8_t last[WG_TIMESTAMP_LEN],
		   uint64_t unix_ns);

#endif
