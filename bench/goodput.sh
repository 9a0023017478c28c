#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Host to host through two nodes, all on this machine: TCP and UDP goodput.
QUESTION=goodput
. "$(dirname "$0")/lib.sh"

# The highest offered rate of which at most 1 % is lost anywhere on the way, hosts and their veth
# queues of 256 packets included; found by halving the interval.
udp_clean()
{
	local low=0 high=3000 rate

	while [ $((high - low)) -gt 50 ]; do
		rate=$(((low + high) / 2))
		wait_for 5 listens lanb 5201
		if SECONDS_EACH=2 iperf_json -u -b "${rate}M" -l 1368 -w 2M | python3 -c '
import json, sys
sys.exit(json.load(sys.stdin)["end"]["sum"]["lost_percent"] > 1)'; then
			low=$rate
		else
			high=$rate
		fi
	done
	echo "$low"
}

# Mbit/s that arrive of 1300 offered.
udp_delivered()
{
	iperf_json -u -b 1300M -l 1368 -w 2M | python3 -c '
import json, sys
s = json.load(sys.stdin)["end"]["sum"]
print(s["bits_per_second"] * (1 - s["lost_percent"] / 100) / 1e6)'
}

tcp()
{
	iperf_json -P "$1" | python3 -c '
import json, sys
print(json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e6)'
}

iperf_json()
{
	at lana iperf3 -J -c 10.2.0.2 -t "$SECONDS_EACH" "$@"
}

measure()
(
	lab_open bench
	two_sites "$1"
	while :; do at lanb iperf3 -s -1 >/dev/null 2>&1 || sleep 0.1; done &
	wait_for 5 listens lanb 5201
	result "$1" "TCP, 1 stream" "$(tcp 1)" Mbit/s
	wait_for 5 listens lanb 5201
	result "$1" "TCP, 4 streams" "$(tcp 4)" Mbit/s
	wait_for 5 listens lanb 5201
	result "$1" "UDP, of 1300 offered" "$(udp_delivered)" Mbit/s
	result "$1" "UDP, 1 % lost at most" "$(udp_clean)" Mbit/s
)

for ((round = 0; round < ROUNDS; round++)); do
	measure esclusa
	measure wireguard-go
done
