#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is left of a tunnel while node a is flooded: goodput towards its LAN, and the time that a new
# peer's handshake takes, by kind and rate of the flood. The generator keeps one core busy at any
# rate, rate 0 too, so the node has the same CPU in every cell; "mac" is the yardstick: frames that
# the node drops at its first check, also at the rate that arrived of another kind at its highest.
# What the NIC's queue cannot hold is lost for flood and tunnel alike ("arrived" is what the node
# saw): TCP soon dies of that, and "datagrams" tells what is left: percent of a steady stream of
# 120 Mbit/s that does not care about loss. FLOOD_SIDES, FLOOD_KINDS and FLOOD_RATES choose cells.
QUESTION=flood
. "$(dirname "$0")/lib.sh"
ROUNDS=${FLOOD_ROUNDS:-1}
SECONDS_EACH=${FLOOD_SECONDS_EACH:-2}
SIDES=${FLOOD_SIDES:-esclusa wireguard-go}
KINDS=${FLOOD_KINDS:-mac mac1 initiation session data}
RATES=${FLOOD_RATES:-50000 200000 500000 max}
HANDSHAKE_MAX=8 # seconds; who has none by then counts with this
LOAD=$BENCH_BIN/load
SEED=1000

# arrived_at WHERE NIC: packets so far
arrived_at()
{
	lab_ip "$1" -s -j link show "$2" | python3 -c \
		'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])'
}

# Mbit/s that arrive at site a's host; a connection that does not even begin has none.
goodput()
{
	local pid

	at lana iperf3 -s -1 >/dev/null 2>&1 &
	pid=$!
	wait_for 5 listens lana 5201
	at lanb timeout -k 1 $((SECONDS_EACH + 5)) iperf3 -J -c 10.1.0.2 -t "$SECONDS_EACH" \
		--connect-timeout 3000 >"$LAB_DIR/iperf.json" 2>/dev/null || true
	lab_kill "$pid"
	python3 - "$LAB_DIR/iperf.json" <<-'EOS'
		import json, sys
		try:
		    with open(sys.argv[1]) as f:
		        print(json.load(f)["end"]["sum_received"]["bits_per_second"] / 1e6)
		except (ValueError, KeyError):
		    print(0)
	EOS
}

# Percent of 12000 datagrams a second that arrive at site a's host.
datagrams()
{
	local before sent

	before=$(arrived_at lana lan0)
	sent=$(at lanb python3 -c '
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect(("10.1.0.2", 9))
    data, sent, begin = bytes(1250), 0, time.monotonic()
    while sent < 12000 * int(sys.argv[1]):
        while sent < 12000 * (time.monotonic() - begin):
            try:
                s.send(data)
            except ConnectionRefusedError:
                pass
            sent += 1
        time.sleep(0.0005)
    print(sent)' "$SECONDS_EACH")
	sleep 0.1
	python3 -c 'import sys; b, a, s = map(int, sys.argv[1:]); print(100 * (a - b) / s)' \
		"$before" "$(arrived_at lana lan0)" "$sent"
}

# handshake [ENDPOINT]: seconds until a peer that begins now has a session. With an endpoint the node
# knows its address; without one nobody has been seen there.
handshake()
{
	local key

	SEED=$((SEED + 1))
	key=$("$LOAD" key "$SEED" 0 public)
	node_wg set a peer "$key" allowed-ips 10.100.0.0/24 ${1:+endpoint "$1"}
	at net "$LOAD" peer "$SEED" 1 100.64.1.1 "$NODE_PORT" "$(node_public a)" \
		"-$HANDSHAKE_MAX" sodium >"$LAB_DIR/peer" || true
	node_wg set a peer "$key" remove
	python3 -c 'import json, sys
r = json.load(sys.stdin)
print(r["all_sessions_s"] if r["sessions"] else sys.argv[1])' "$HANDSHAKE_MAX" <"$LAB_DIR/peer"
}

# cell SIDE KIND RATE [NAME]; sets ARRIVED
cell()
{
	local side=$1 kind=$2 rate=$3 name=${4:-"$2, $3"} args=() before begin

	case $rate in
	0) args=(--rate 1) kind=mac ;;
	max) ;;
	*) args=(--rate "$rate") ;;
	esac
	if [ "$kind" = data ]; then # of the session that there is now
		wire_open b
		at lanb ping -q -c 5 -i 0.05 -W 1 10.1.0.2 >/dev/null || true
		wire_close b
		args+=(--capture "$LAB_DIR/wire-b.pcap")
	fi
	FLOOD_SECONDS=60 flood_begin "$kind" "${args[@]}"
	before=$(arrived_at a black0) begin=$(date +%s%N)
	result "$side" "goodput, $name" "$(goodput)" Mbit/s
	result "$side" "datagrams, $name" "$(datagrams)" %
	ARRIVED=$((($(arrived_at a black0) - before) * 1000000000 / ($(date +%s%N) - begin)))
	result "$side" "arrived, $name" "$ARRIVED" packet/s
	result "$side" "handshake, $name" "$(handshake 100.64.1.254:9)" s
	[ "$kind" != initiation ] || result "$side" "handshake from anywhere, $name" "$(handshake)" s
	flood_end
	sleep 1
}

# Between cells the tunnel has to work again.
recovered()
{
	wait_for 30 at lanb ping -q -c 1 -W 1 10.1.0.2 >/dev/null
}

measure()
(
	lab_open bench
	two_sites "$1"
	flood_open
	cell "$1" none 0
	for kind in $KINDS; do
		for rate in $RATES; do
			recovered
			cell "$1" "$kind" "$rate"
		done
		if [ "$kind" != mac ] && [ "$rate" = max ]; then
			recovered
			cell "$1" mac "$ARRIVED" "mac as $kind, max"
		fi
	done
)

for ((round = 0; round < ROUNDS; round++)); do
	for side in $SIDES; do
		measure "$side"
	done
done
