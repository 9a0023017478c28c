#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Router mode: packets per second of UDP that a node forwards past its tunnels, with NAT, against
# the kernel's forwarding with nftables masquerade in the same lab: one flow, 10000 flows, each
# packet a new flow. One processor makes, forwards and counts the packets: what making and counting
# costs (a third of a microsecond) is in both figures. New flows soon fill both sides' tables: both
# then push the oldest unanswered ones out. And what router mode costs the tunnels: sealing and
# opening, in both modes.
QUESTION='split'
. "$(dirname "$0")/lib.sh"
LOAD=$BENCH_BIN/load

# Both begin with live frames that XDP redirects into the node's red NIC. A NIC without an XDP
# program takes those only if GRO is switched on while it is up.
router()
{
	ROUTER_KIND=$1
	lab_internet
	router_start
	if [ "$1" = nftables ]; then
		at a ethtool -K red0 gro off
		at a ethtool -K red0 gro on
	fi
	wait_for 10 at lana ping -c 1 -W 1 "$SRV4" >/dev/null
}

# split SIDE LENGTH CASE [PORTS [fresh]]
split()
(
	lab_open bench
	router "$1"
	at net "$LOAD" sink a0 1.5 "$SECONDS_EACH" >"$LAB_DIR/sink" &
	sink=$!
	at lana "$LOAD" flood lan0 "$(mac a red0)" 10.1.0.2 "$SRV4" "$2" $((SECONDS_EACH + 2)) \
		1 "${@:4}" >/dev/null
	wait "$sink"
	result "$1" "$3, $2 B" "$(field pps <"$LAB_DIR/sink")" packet/s
)

for ((round = 0; round < ROUNDS; round++)); do
	for size in 64 1420; do
		for side in esclusa nftables; do
			split "$side" "$size" "1 flow" 1
			split "$side" "$size" "10000 flows" 10000
		done
		for mode in router encryptor; do
			NODE_MODE=$mode seal "Mode = $mode" "$size"
			NODE_MODE=$mode open "Mode = $mode" "$size"
		done
	done
	for side in esclusa nftables; do
		split "$side" 64 "new flows" 20000 fresh
	done
done
