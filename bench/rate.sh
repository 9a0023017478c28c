#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# One node, one direction: packets per second, sealing and opening, against the same processes and
# rings with a plain copy in place of the AEAD, and against a single-process copying forwarder.
QUESTION=rate
. "$(dirname "$0")/lib.sh"

forward()
(
	lab_open bench
	LOAD=$BENCH_BIN/load
	lab_site a
	bg a "$LAB_DIR/forward" "$LOAD" forward red0 black0 $((SECONDS_EACH + 3))
	RED_MAC=$(mac a red0)
	sleep 0.5
	at net "$LOAD" sink a0 1.5 "$SECONDS_EACH" >"$LAB_DIR/sink" &
	sink=$!
	flood "$1" $((SECONDS_EACH + 2)) 1 >/dev/null
	wait "$sink"
	result "one process, copy only" "forward, $1 B" "$(field pps <"$LAB_DIR/sink")" packet/s
)

for ((round = 0; round < ROUNDS; round++)); do
	for size in 64 512 1420; do
		for side in aead copy; do
			seal "$side" "$size"
			open "$side" "$size"
		done
		forward "$size"
	done
done
