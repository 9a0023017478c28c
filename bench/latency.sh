#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Host to host through two nodes: round-trip times, idle and beside a TCP stream.
QUESTION=latency
. "$(dirname "$0")/lib.sh"

rtt()
{
	at lana ping -i 0.005 -c 800 10.2.0.2 | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | sort -n |
		awk '{ t[NR] = $1 } END { print t[int(NR * .5)], t[int(NR * .99)] }'
}

measure()
(
	lab_open bench
	two_sites "$1"
	read -r p50 p99 <<<"$(rtt)"
	result "$1" "idle, p50" "$p50" ms
	result "$1" "idle, p99" "$p99" ms
	bg lanb "$LAB_DIR/iperf" iperf3 -s
	wait_for 5 listens lanb 5201
	bg lana "$LAB_DIR/client" iperf3 -c 10.2.0.2 -t 8
	sleep 1
	read -r p50 p99 <<<"$(rtt)"
	result "$1" "loaded, p50" "$p50" ms
	result "$1" "loaded, p99" "$p99" ms
)

for ((round = 0; round < ROUNDS; round++)); do
	measure esclusa
	measure wireguard-go
done
