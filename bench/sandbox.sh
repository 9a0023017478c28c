#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the sandbox costs: packets per second of one node with all its layers and with all that can
# be waived left out. The difference is small: many short rounds in turn.
QUESTION=sandbox
. "$(dirname "$0")/lib.sh"
ROUNDS=$((ROUNDS * 3))

for ((round = 0; round < ROUNDS; round++)); do
	for size in 64 1420; do
		for side in "all layers" "all waived"; do
			NODE_LINES=
			[ "$side" = "all layers" ] || NODE_LINES="Sandbox = none"
			seal "$side" "$size"
			open "$side" "$size"
		done
	done
done
