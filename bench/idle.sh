#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A node with one peer and nothing to do: CPU, and how long it took to start.
QUESTION=idle
. "$(dirname "$0")/lib.sh"

measure()
(
	lab_open bench
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	begin=$(date +%s%N)
	node_start a esclusa
	result esclusa "start to ready" "$((($(date +%s%N) - begin) / 1000000))" ms
	sleep 1
	# shellcheck disable=SC2046
	before=$(ticks "${NODE_PID[a]}" $(pgrep -P "${NODE_PID[a]}"))
	sleep 10
	# shellcheck disable=SC2046
	after=$(ticks "${NODE_PID[a]}" $(pgrep -P "${NODE_PID[a]}"))
	result esclusa "CPU of an idle node" \
		"$(awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { print t / hz * 10 }')" "% of a core"
)

for ((round = 0; round < ROUNDS; round++)); do
	measure
done
