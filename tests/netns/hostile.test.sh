# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# hostile.test.sh: bytes that no honest neighbour sends, while an honest one uses the tunnel.

# frames_from NS DEV: how many frames that end of a cable sent.
frames_from()
{
	lab_ip "$1" -s -j link show "$2" | python3 -c \
		'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["tx"]["packets"])'
}

# uncounted NS DEV SIDE: frames that left DEV and that node a's program on that side does not know.
# Read at one moment: no frame may leave between the two readings.
uncounted()
{
	local before=- after counted

	while after=$(frames_from "$1" "$2") && [ "$before" != "$after" ]; do
		before=$after
		counted=$(node_show a sum "$3_xdp")
	done
	echo $((after - counted))
}

uncounted_is()
{
	[ "$(uncounted "${@:2}")" = "$1" ]
}

# hostile SIDE NS DEV NIC SEED: into node a. Its program counts every frame once, red and crypto
# count once what it passed on, nothing dies, nothing is lost.
hostile()
{
	local side=$1 ns=$2 dev=$3 nic=$4 seed=$5 sent

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	wire_open a
	ping_up lana 10.2.0.2
	tcp_copy lana lanb 10.2.0.2 100000
	wire_close a
	sent=$(uncounted "$ns" "$dev" "$side")
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.05 10.2.0.2
	at "$ns" timeout 60 python3 "$LAB_HERE/hostile.py" "$dev" "$(mac_of a "$nic")" "$side" 20000 \
		"$seed" "$LAB_DIR/wire-a.pcap"
	kill -0 "${NODE_PID[a]}" || fail "the node died"
	ping_up lana 10.2.0.2 # the gateway's ARP had to share its budget
	ping_all lana 10.2.0.2 -c 20
	lab_kill "$BG"
	sleep 1
	equal "restarts" "$(node_show a field restarts)" 0
	wait_for 20 uncounted_is "$sent" "$ns" "$dev" "$side" ||
		fail "$(uncounted "$ns" "$dev" "$side") frames not counted, $sent before"
	node_adds_up a
	tcp_copy lana lanb 10.2.0.2 500000
	node_stop a || fail "node a ended with $?"
	grep -Eq 'frames: red ([0-9]+) of \1 home, black ([0-9]+) of \2 home' "$LAB_DIR/a.log" ||
		fail "frames were lost: $(tail -n 3 "$LAB_DIR/a.log")"
}

test_hostile_bytes_on_black()
{
	hostile black net a0 black0 1
}

test_hostile_bytes_on_red()
{
	hostile red lana lan0 red0 2
}

replays_counted()
{
	[ "$(node_show b counter crypto in_replay)" -ge 50 ]
}

# A capture of the wire, sent again as it was: every message is refused.
test_replay()
{
	local before after

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	wire_open a
	ping_up lana 10.2.0.2
	ping_all lana 10.2.0.2 -c 50
	wire_close a
	before=$(node_show b counter crypto in_opened)
	sniff lanb lan0 1 icmp
	at net python3 "$LAB_HERE/replay.py" b0 "$(mac_of b black0)" "$LAB_DIR/wire-a.pcap"
	wait_for 20 replays_counted || fail "no replays counted"
	sleep 0.5
	after=$(node_show b counter crypto in_opened)
	equal "messages that were opened twice" $((after - before)) 0
	sniffed 0 | grep -q '^0 packets captured' || fail "a replayed packet came through"
	ping_all lana 10.2.0.2 -c 5
}
