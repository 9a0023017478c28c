# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# connections.test.sh: what a router shows of its connections, forgets, and does when there are too
# many (R3, R5).

# listed KEY=VALUE... [KEY?]: of `esclusa show connections -j`, see connections.py.
listed()
{
	"$ESCLUSA" show connections "$(node_name a)" -j | python3 "$LAB_HERE/connections.py" match "$@"
}

# router_is EXPRESSION: about the member "router" of `show -j`, as r.
router_is()
{
	"$ESCLUSA" show "$(node_name a)" -j |
		python3 -c 'import json, sys; r = json.load(sys.stdin)["router"]; sys.exit(not eval(sys.argv[1]))' "$1"
}

router_says()
{
	wait_for "${2:-20}" router_is "$1" ||
		fail "not so: $1: $("$ESCLUSA" show "$(node_name a)" -j |
			python3 -c 'import json, sys; print(json.load(sys.stdin)["router"])')"
}

# LAN port and own port of the only connection, as the server sees the latter.
check_tcp()
{
	local ports own

	ports=$(listed protocol=tcp state=ESTABLISHED src=10.1.0.2 dst="$SRV4" dport=80 \
		reply_src="$SRV4" reply_dst="$OWN4" reply_sport=80 replied=True from_outside=False \
		sport? reply_dport?) || fail "the download is not in the list"
	own=$(at srv ss -Hnt state established "sport = :80" | awk '{ sub(/.*:/, "", $4); print $4 }')
	equal "own port" "${ports#* }" "$own"
	equal "LAN port" "${ports% *}" "$(at lana ss -Hnt state established 'dport = :80' |
		awk '{ sub(/.*:/, "", $3); print $3 }')"
}

test_connections_are_listed()
{
	router_needs_esclusa
	lab_internet
	router_rules '[Split]' 'Allow = tcp 80 to 198.51.100.0/24' 'Default = allow'
	node_start a esclusa # without the pings of router_start
	internet
	bg lana "$LAB_DIR/slow" curl -sS -N "http://$SRV4/slow"
	wait_for 30 grep -q 3 "$LAB_DIR/slow" || fail "no download: $(cat "$LAB_DIR/slow")"
	check_tcp
	# Until the neighbours on both NICs are known, first packets are lost.
	at lana ping -n -q -c 3 -i 0.2 198.51.100.3 >/dev/null
	at lana ping -n -q -c 3 -i 0.2 2001:db8:f::3 >/dev/null
	ping_all lana "$SRV4" -c 5
	ping_all lana "$SRV6" -c 3 -I 2001:db8:a1::2
	equal "answers" "$(at lana python3 "$LAB_HERE/connections.py" udp 1 "$SRV4" 3478 1 10)" 1
	equal "answers" "$(at lana python3 "$LAB_HERE/connections.py" udp 1 198.51.100.77 9)" 0
	listed protocol=icmp type=8 code=0 src=10.1.0.2 dst="$SRV4" packets=5 bytes=420 \
		reply_type=0 reply_src="$SRV4" reply_dst="$OWN4" reply_packets=5 reply_bytes=420 >/dev/null ||
		fail "the ping is not in the list"
	listed protocol=icmpv6 type=128 src=2001:db8:a1::2 dst="$SRV6" packets=3 bytes=312 \
		reply_type=129 reply_src="$SRV6" reply_dst=2001:db8:a1::2 reply_packets=3 >/dev/null ||
		fail "the ping of IPv6 is not in the list"
	listed protocol=udp state=REPLIED dst="$SRV4" dport=3478 packets=1 bytes=29 reply_packets=1 >/dev/null ||
		fail "the datagram is not in the list"
	listed protocol=udp state=UNREPLIED replied=False dst=198.51.100.77 reply_packets=0 >/dev/null ||
		fail "the datagram without an answer is not in the list"
	"$ESCLUSA" show connections "$(node_name a)" --proto tcp >"$LAB_DIR/list"
	grep -qE "^tcp      6 74[0-9]{2} ESTABLISHED src=10.1.0.2 dst=$SRV4 sport=[0-9]+ dport=80 .* \[ASSURED\]$" \
		"$LAB_DIR/list" || fail "the list reads: $(cat "$LAB_DIR/list")"
	equal "lines" "$(wc -l <"$LAB_DIR/list")" 1
	router_says "r['connections'] == 6 and r['unanswered'] == 1 and r['ipv6'] == 2"
	router_says "{p['protocol']: p['used'] for p in r['ports']} == {'tcp': 1, 'udp': 2, 'icmp': 2}"
	router_says "r['rules'][0]['rule'] == 'tcp 80 to 198.51.100.0/24' and r['rules'][0]['packets'] == 1"
	router_says "r['default']['verdict'] == 'allow' and r['default']['packets'] >= 6"
	router_says "all(t['packets'] > 10 for t in r['traffic'] if t['path'] == 'split')"
	"$ESCLUSA" show "$(node_name a)" >"$LAB_DIR/text"
	grep -qE '^ +1 +tcp +established$' "$LAB_DIR/text" || fail "show's text does not count it"
	router_fine
}

test_connections_of_an_encryptor()
{
	lab_site a
	node_config a
	node_start a esclusa
	must_exit 1 "$ESCLUSA" show connections "$(node_name a)"
	grep -q "encryptor mode" "$LAB_DIR/must_exit.out" || fail "$(cat "$LAB_DIR/must_exit.out")"
	"$ESCLUSA" show "$(node_name a)" -j | python3 -c '
import json, sys
s = json.load(sys.stdin)
sys.exit("router" in s or s["mode"] != "encryptor")' || fail "an encryptor shows a router"
}

# The shortest timeout that there is, of an echo: 60 s (RFC 5508, REQ-2).
LIMIT[connections_end_and_their_ports_are_free_again]=120
test_connections_end_and_their_ports_are_free_again()
{
	local begun

	router_needs_esclusa
	lab_internet
	router_rules '[Split]' 'IcmpTimeout = 60'
	node_start a esclusa # without the pings of router_start
	at lana ping -n -q -c 3 -i 0.2 "$SRV4" >/dev/null
	begun=$EPOCHSECONDS
	router_says "r['connections'] == 1 and r['mappings'] == 1 and r['ports'][2]['used'] == 1"
	sleep 50
	listed protocol=icmp >/dev/null || [ $((EPOCHSECONDS - begun)) -ge 55 ] ||
		fail "forgotten before its time"
	router_says "r['connections'] == 0 and r['mappings'] == 0" 90
	[ $((EPOCHSECONDS - begun)) -ge 55 ] || fail "forgotten after $((EPOCHSECONDS - begun)) s"
	router_says "r['ports'][2]['used'] == 0" 60
	at lana ping -n -q -c 3 -i 0.2 "$SRV4" >/dev/null
	router_says "r['connections'] == 1"
}

test_connections_new_ones_push_out_no_established_one()
{
	router_needs_esclusa
	lab_internet
	router_rules '[Split]' 'Connections = 1024'
	router_start
	internet
	bg lana "$LAB_DIR/alive" python3 "$LAB_HERE/connections.py" hold 50 "$SRV4"
	wait_for 60 grep -q '^alive 50$' "$LAB_DIR/alive" || fail "$(tail -3 "$LAB_DIR/alive")"
	at lana python3 "$LAB_HERE/connections.py" udp 5000 198.51.100.77 9 >"$LAB_DIR/answered"
	equal "answers from nobody" "$(cat "$LAB_DIR/answered")" 0
	router_says "r['evicted'] == 0 and 100 <= r['unanswered'] <= 256"
	: >"$LAB_DIR/alive"
	wait_for 60 grep -q '^alive 50$' "$LAB_DIR/alive" || fail "$(tail -3 "$LAB_DIR/alive")"
	equal "established" "$(listed state=ESTABLISHED dst="$SRV4" sport? | wc -l)" 50
	router_fine
}

# Too many that are answered: idle ones go, and new ones find room.
test_connections_full_table_makes_room()
{
	router_needs_esclusa
	lab_internet
	router_rules '[Split]' 'Connections = 1024'
	router_start
	internet
	bg lana "$LAB_DIR/alive" python3 "$LAB_HERE/connections.py" hold 50 "$SRV4"
	wait_for 60 grep -q '^alive 50$' "$LAB_DIR/alive" || fail "$(tail -3 "$LAB_DIR/alive")"
	for _ in 1 2 3 4; do
		at lana python3 "$LAB_HERE/connections.py" udp 400 "$SRV4" 3478 50 1 >>"$LAB_DIR/answered"
	done
	# A burst may be faster than room is made; who tries again finds it.
	[ "$(awk '{ n += $1 } END { print n }' "$LAB_DIR/answered")" -ge 1300 ] ||
		fail "answered, of 400 each: $(xargs <"$LAB_DIR/answered")"
	sleep 1
	router_says "r['connections'] <= 950 and r['mappings'] <= 1200" # as sweeps leave them
	equal "answered afterwards" \
		"$(at lana python3 "$LAB_HERE/connections.py" udp 50 "$SRV4" 3478 50 10)" 50
	router_says "r['evicted'] >= 300 and r['connections'] <= 1024"
	: >"$LAB_DIR/alive"
	wait_for 60 grep -q '^alive 50$' "$LAB_DIR/alive" || fail "$(tail -3 "$LAB_DIR/alive")"
	grep -q 'nearly full' "$LAB_DIR/a.log" || fail "the log says nothing"
	router_fine
}
