# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# detect.test.sh: attacks are seen, followed, written down and over; work is not taken for one.

# detection SITE EXPRESSION: Python, about d, what `show -j` has under "detection".
detection()
{
	"$ESCLUSA" show "$(node_name "$1")" -j | python3 -c \
		'import json, sys; d = json.load(sys.stdin)["detection"]; print(eval(sys.argv[1]))' "$2"
}

detects()
{
	[ "$(detection "$1" "$2")" = True ]
}

# Both nodes; a, which runs already, is quick to be calm again.
detect_lab()
{
	detect_node
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
}

detect_node()
{
	lab_site a
	lab_site b
	NODE_LINES=$'[Guard]\nCalmAfter = 3' node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start a esclusa
	flood_open
}

# follow SITE LOG [-j]: `esclusa monitor` in the background; its process id in $BG.
follow()
{
	bg "$1" "$2" "$ESCLUSA" monitor "$(node_name "$1")" "${@:3}"
	wait_for 20 grep -q 'status' "$2" || fail "monitor says nothing: $(cat "$2")"
}

# event LOG EXPRESSION: how many lines of it, e, does this hold for?
event()
{
	python3 -c 'import json, sys
print(sum(bool(eval(sys.argv[2])) for e in map(json.loads, open(sys.argv[1]))))' "$1" "$2"
}

# told LOG COUNT EXPRESSION
told()
{
	[ "$(event "$1" "$3")" -ge "$2" ]
}

# told_once LOG EXPRESSION: who follows may hear of it later than who asks.
told_once()
{
	wait_for 20 told "$1" 1 "$2" || true
	equal "events with $2" "$(event "$1" "$2")" 1
}

# attacked EXPRESSION, calm_again: node a says so, within a time that decides nothing.
attacked()
{
	wait_for 30 detects a "d['state'] == 'attack' and ($1)" ||
		fail "no attack where $1: $(detection a d)"
}

calm_again()
{
	wait_for 60 detects a 'd["state"] == "calm"' || fail "it does not end: $(detection a d)"
}

test_attack_is_seen_followed_and_over()
{
	local json text begun ended peak dropped

	detect_lab
	follow a "$LAB_DIR/follow.json" -j
	json=$BG
	follow a "$LAB_DIR/follow.text"
	text=$BG
	detects a 'd["state"] == "calm" and not d["attacks"] and not d["top_sources"]' ||
		fail "not calm at first: $(detection a d)"
	"$ESCLUSA" show "$(node_name a)" >"$LAB_DIR/show.text"
	grep -q '^  calm: ' "$LAB_DIR/show.text" || fail "show does not say calm"
	begun=$EPOCHSECONDS
	flood_begin mac1 --from 203.0.113.9:1000 --rate 100000
	attacked True
	sleep 1
	detects a 'd["attacks"][0]["kinds"] == ["mac1"] and d["attacks"][0]["end"] == 0' ||
		fail "another kind: $(detection a d)"
	equal "main source" "$(detection a 'd["top_sources"][0]["source"]')" 203.0.113.9
	"$ESCLUSA" show "$(node_name a)" >"$LAB_DIR/show.text"
	grep -q 'UNDER ATTACK since .* packets/s refused' "$LAB_DIR/show.text" ||
		fail "show does not say UNDER ATTACK"
	grep -q 'from 203.0.113.9 .*: mac1' "$LAB_DIR/show.text" || fail "show has no source"
	sleep 2
	flood_end
	ended=$EPOCHSECONDS
	calm_again
	ping_all lana 10.2.0.2 -c 5
	# A second may begin with so few of them that it is not loud.
	dropped=$(($(node_show a counter black_xdp mac1) + $(node_show a counter black_xdp mac_rate)))
	detects a "abs(d['attacks'][0]['packets'] - $dropped) <= 500" ||
		fail "the program dropped $dropped, of $FLOOD_SENT: $(detection a d)"
	detects a "$begun - 9 <= d['attacks'][0]['start'] <= d['attacks'][0]['end'] - 3 <= $ended + 6" ||
		fail "another time, not from $begun to $ended: $(detection a d)"
	peak=$(detection a 'd["attacks"][0]["peak"]')
	[ "$peak" -ge 5000 ] || fail "peak $peak"
	# The audit log, and both who followed.
	audited a 1 "l.event == 'attack_start' and l.kinds == 'mac1' and l.peak > 100"
	audited a 1 "l.event == 'attack_end' and l.peak == $peak and l.sources == '203.0.113.9'"
	told_once "$LAB_DIR/follow.json" 'e["event"] == "attack_start" and e["kinds"] == "mac1"'
	told_once "$LAB_DIR/follow.json" "e['event'] == 'attack_end' and e['peak'] == $peak"
	wait_for 20 grep -q ' attack_start .* kinds=mac1 ' "$LAB_DIR/follow.text" ||
		fail "monitor's text: $(cat "$LAB_DIR/follow.text")"
	kill -INT "$text"
	wait "$text" || fail "monitor ended with $? after Ctrl-C"
	kill -TERM "$json"
	wait "$json" || fail "monitor ended with $? after SIGTERM"
	grep -q 'under attack: .* packets/s refused: mac1' "$LAB_DIR/a.log" ||
		fail "no line in the log: $(tail -n 3 "$LAB_DIR/a.log")"
	node_adds_up a
}

# attacked_by KIND SOURCE FLOOD...: such a flood is an attack of that kind, the next one; SOURCE is its
# main source, `none` if they are invented. WARM_UP: a flood that ends when this one has begun.
ATTACKS=0
attacked_by()
{
	local kind=$1 source=$2

	shift 2
	flood_begin "$@"
	[ -z "${WARM_UP:-}" ] || lab_kill "$WARM_UP"
	attacked "'$kind' in d['attacks'][0]['kinds']"
	sleep 1
	flood_end
	calm_again
	equal "attacks" "$(detection a 'd["attacks_seen"]')" $((++ATTACKS))
	equal "main source of $1" "$(detection a \
		'" ".join(s["source"] for s in d["attacks"][0]["sources"]) or "none"')" "$source"
}

# IPv6 sources by /64; invented ones have none that stands out, and what crypto refuses has none.
LIMIT[kinds_and_sources_of_attacks]=150
test_kinds_and_sources_of_attacks()
{
	local forgiven

	detect_node
	# Packets of sessions from before the start are no attack for 20 s.
	forgiven=$((SECONDS + 20))
	flood_begin session --rate 50000
	sleep 3
	flood_end
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
	wait_for 60 later_than "$forgiven"
	equal "attacks" "$(detection a 'd["attacks_seen"]')" 0
	wire_open b
	ping_all lanb 10.1.0.2 -c 20
	wire_close b
	attacked_by forged none data --capture "$LAB_DIR/wire-b.pcap" --rate 20000
	FLOOD_FAMILY=6 attacked_by session 2001:db8:bad::/64 session \
		--from '[2001:db8:bad::1]:1000' --rate 50000
	attacked_by neighbour none arp --rate 50000
	attacked_by malformed 203.0.113.9 short --from 203.0.113.9:1000 --rate 50000
	attacked_by malformed none port --rate 50000
	attacked_by mac2 none initiation --rate 50000
	# Whoever is too fast is soon asked for a cookie: of who has one it is the rate that is refused.
	flood_begin initiation --rate 20000
	WARM_UP=$FLOOD_PID attacked_by rate 100.64.1.254 cookie --from 100.64.1.254:7777 --rate 50000
	ping_all lana 10.2.0.2 -c 5
	"$ESCLUSA" audit "$(node_name a)" --verify >/dev/null || fail "the audit log is not whole"
	# A node that stops meanwhile writes down the end that it saw.
	flood_begin mac1 --rate 50000
	attacked True
	node_stop a || fail "node a ended with $?"
	flood_end
	audited a 8 "l.event == 'attack_end'"
	audited a 1 "l.event == 'attack_end' and l.kinds == 'mac1' and l.seq > 10"
}

later_than()
{
	[ "$SECONDS" -gt "$1" ]
}

# Traffic, handshakes, a crypto process that is killed while its peer goes on sending.
LIMIT[work_is_no_attack]=120
test_work_is_no_attack()
{
	detect_lab
	follow a "$LAB_DIR/follow.json" -j
	iperf lana lanb 10.2.0.2 -t 3
	iperf lanb lana 10.1.0.2 -t 3
	bg lanb "$LAB_DIR/ping.log" ping -n -q -i 0.002 10.1.0.2
	kill -KILL "$(node_show a pid crypto)"
	wait_for 60 restarted_once || fail "it does not come back"
	ping_up lana 10.2.0.2 60
	timeout 20 wg set "$(node_name b)" listen-port 51821
	ping_up lana 10.2.0.2 60
	lab_kill "$BG"
	equal "attacks" "$(detection a 'd["attacks_seen"]')" 0
	told_once "$LAB_DIR/follow.json" 'e["event"] == "failure"'
	told_once "$LAB_DIR/follow.json" 'e["event"] == "running" and e["restarts"] == 1'
	wait_for 20 told "$LAB_DIR/follow.json" 1 'e["event"] == "session_up"' ||
		fail "no session was told: $(cat "$LAB_DIR/follow.json")"
}

# Monitors may follow, strangers not; who follows is told of the stop, and of the next start.
test_who_may_follow_and_for_how_long()
{
	local log=$LAB_DIR/follow.json pid name

	admin_lab
	name=$(node_name a)
	must_exit 1 as "$STRANGER" nogroup "$LAB_DIR/esclusa" monitor "$name"
	says 'ask to be added to group games'
	chmod 666 "/run/esclusa/$name.sock"
	must_exit 1 as "$STRANGER" nogroup "$LAB_DIR/esclusa" monitor "$name"
	says 'you may not follow what happens: ask to be added to group games'
	audited a 1 "l.event == 'request' and l.uid == $STRANGER and l.request == 'monitor'"
	must_exit 1 "$ESCLUSA" monitor "${name}x"
	says 'no node named'
	# Not by as(): a function in the background is a shell, and what it runs would outlive it.
	setpriv --reuid "$MONITOR" --regid games --groups games -- \
		"$LAB_DIR/esclusa" monitor "$name" -j >"$log" 2>"$LAB_DIR/follow.err" &
	pid=$!
	wait_for 20 grep -q status "$log" || fail "a monitor may not follow: $(cat "$LAB_DIR/follow.err")"
	sleep 11 # nobody asks those who follow to say something
	must_exit 0 show_as "$MONITOR" games
	node_stop a || fail "node a ended with $?"
	wait_for 20 grep -q 'waiting for it' "$LAB_DIR/follow.err" || fail "it does not wait"
	kill -0 "$pid" || fail "monitor ended with the node"
	equal "stops that were told" "$(event "$log" 'e["event"] == "stop"')" 1
	node_start a esclusa
	wait_for 30 told "$log" 2 'e["event"] == "status"' ||
		fail "it does not come back: $(cat "$log" "$LAB_DIR/follow.err")"
	lab_kill "$pid"
}
