#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# R8: one peer or 250, all with sessions and traffic: packets per second, memory, time to connect.
QUESTION=scale
. "$(dirname "$0")/lib.sh"
# All peers call from one address at once, which peers do not: the budget of a source is in the way.
NODE_LINES=$'[Guard]\nSourceBurst = 500\nKnownBurst = 500'

memory()
{
	local pid sum=0 kib

	for pid in $(node_pids a); do
		kib=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
		sum=$((sum + kib))
	done
	echo "$sum"
}

# Control and its children.
node_pids()
{
	local top

	top=$(pgrep -P "${NODE_PID[$1]}" -f "$ESCLUSA" || true)
	echo "${NODE_PID[$1]} $top $(pgrep -P "${NODE_PID[$1]}" || true)" | tr ' ' '\n' | sort -u
}

measure()
(
	lab_open bench
	one_node aead "$1"
	peers "$1" $((SECONDS_EACH + 12)) >"$LAB_DIR/peers" &
	peers=$!
	sleep 8
	at net "$LOAD" sink a0 1.5 "$SECONDS_EACH" >"$LAB_DIR/sink" &
	sink=$!
	flood 1420 $((SECONDS_EACH + 2)) "$1" >/dev/null
	wait "$sink"
	result "$1 peers" "seal, 1420 B" "$(field pps <"$LAB_DIR/sink")" packet/s
	result "$1 peers" "memory of the node" "$(memory)" KiB
	wait "$peers"
	result "$1 peers" "all sessions up" "$(field all_sessions_s <"$LAB_DIR/peers")" s
)

for ((round = 0; round < ROUNDS; round++)); do
	measure 1
	measure 250
done
