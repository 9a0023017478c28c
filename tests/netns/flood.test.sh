# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# flood.test.sh: a node under floods of every kind (R3). While one lasts, traffic of the tunnel goes
# on, peers connect and move; the node counts what it drops for the right reason, loses no frame,
# and is as before when it is over. Nothing here is judged by its speed.

# flood_lab KIND-OF-B: both sites joined, what each node sends has been captured once.
flood_lab()
{
	lab_join a esclusa b "$1"
	node_needs_esclusa a
	wire_open a b
	ping_up lanb 10.1.0.2
	ping_all lana 10.2.0.2 -c 20
	wire_close a b
	flood_open
}

# counts NAME: packets by reason of node a's black program.
counts()
{
	"$ESCLUSA" show "$(node_name a)" -j >"$LAB_DIR/show.$1"
}

# grown REASON...: packets that these reasons counted between `counts before` and `counts after`.
grown()
{
	python3 - "$LAB_DIR" "$@" <<-'EOF'
		import json, sys

		def of(name):
		    with open("%s/show.%s" % (sys.argv[1], name)) as f:
		        return {c["domain"] + "." + c["reason"]: c["packets"]
		                for c in json.load(f)["counters"]}

		before, after = of("before"), of("after")
		print(sum(after[r] - before[r] for r in sys.argv[2:]))
	EOF
}

# The tunnel's traffic during a flood: content intact, and most of the echoes back.
traffic()
{
	local out lost

	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana 10.1.0.2 1000000
	out=$(at lana ping -n -q -i 0.02 -c 50 -W 2 10.2.0.2) || fail "no echo during the flood: $out"
	lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' <<<"$out")
	echo "  $lost % of the echoes lost"
	[ "${lost%.*}" -lt 50 ] || fail "during the flood: $out"
}

# A peer that knows no session any more: its handshake gets through.
reconnect()
{
	node_stop b || true
	node_start b "${NODE_KIND[b]}"
	ping_up lanb 10.1.0.2 60
}

# Frames, so far, for which the cable's other end had no room: that is where a fast sender loses them.
cable_refused()
{
	at net ethtool -S a0 | awk '/xdp_xmit_errors/ { n += $2 } END { print n + 0 }'
}

# survive NAME OPTION...: a flood, and what must go on while it lasts. FLOOD_SENT frames arrived.
survive()
{
	local refused

	refused=$(cable_refused)
	counts before
	BEGUN=$SECONDS
	flood_begin "$@"
	[ -z "${WARM_UP:-}" ] || lab_kill "$WARM_UP"
	sleep 0.5
	traffic
	reconnect
	traffic
	flood_running
	flood_end
	refused=$(($(cable_refused) - refused))
	FLOOD_SENT=$((FLOOD_SENT - refused))
	counts after
	kill -0 "${NODE_PID[a]}" || fail "the node died"
	echo "$1: $FLOOD_SENT frames, $refused more were refused"
}

# dropped REASON...: of the flood's frames nearly all ended in these ("domain.reason", or just a
# reason of the black program). Generous: a frame may be lost on the way, and others send some, too.
dropped()
{
	local reasons=() n r

	for r; do
		[[ $r == *.* ]] || r=black_xdp.$r
		reasons+=("$r")
	done
	n=$(grown "${reasons[@]}")
	echo "  $n of them: $*"
	((n >= FLOOD_SENT - FLOOD_SENT / 10 && n <= FLOOD_SENT + 200)) ||
		fail "of $FLOOD_SENT frames of the flood $n are counted as $*"
}

# Initiations with a right mac1 that end in none of the black program's budgets cost crypto work:
# bounded by what these let through, unless it gets no time and they end in front of it.
ADMITTED="crypto.in_cookie_sent crypto.in_bad_handshake crypto.in_handshake_full"
UNREAD="black_kernel.rx_ring_full black_kernel.rx_dropped"

# What crypto had to look at since `counts before` is what the budgets of that time allow, with a
# margin: CookieRate and TotalRate a second, and their bursts.
admitted_few()
{
	local n seconds=$((SECONDS - BEGUN + 1))

	# shellcheck disable=SC2086
	n=$(grown $ADMITTED)
	((n <= seconds * 6000 + 3000 && n <= FLOOD_SENT)) ||
		fail "crypto had to look at $n initiations in $seconds s"
	n=$(grown crypto.in_bad_handshake)
	((n <= seconds * 600 + 2000)) || fail "crypto worked on $n initiations in $seconds s"
}

# recapture: what node b sends in its newest session.
recapture()
{
	wire_open b
	ping_all lanb 10.1.0.2 -c 20
	wire_close b
}

# calm: as before. Frames are all home when the node ends.
calm()
{
	sleep 1
	equal "restarts" "$(node_show a field restarts)" 0
	ping_all lana 10.2.0.2 -c 20
	tcp_copy lana lanb 10.2.0.2 500000
	wait_for 200 not_under_load || fail "still under load, long after the flood"
	node_adds_up a b
	node_stop a || fail "node a ended with $?"
	grep -Eq 'frames: red ([0-9]+) of \1 home, black ([0-9]+) of \2 home' "$LAB_DIR/a.log" ||
		fail "frames were lost: $(tail -n 3 "$LAB_DIR/a.log")"
}

LIMIT[flood_of_malformed_packets]=150
test_flood_of_malformed_packets()
{
	flood_lab esclusa
	survive mac --rate 100000
	dropped not_for_us_l2
	survive port --rate 100000
	dropped udp_port
	survive short --rate 100000
	dropped wg_length
	survive long --rate 100000
	dropped wg_length
	survive fragment --rate 100000
	dropped fragment
	calm
}

LIMIT[flood_with_wrong_mac1]=90
test_flood_with_wrong_mac1()
{
	flood_lab esclusa
	survive mac1 --rate 100000
	dropped mac1 mac_rate
	FLOOD_FAMILY=6 survive mac1 --rate 100000
	dropped mac1 mac_rate
	calm
}

# Faster than the node has time to check: nothing but strangers' handshakes suffers.
LIMIT[flood_faster_than_mac1_is_checked]=90
test_flood_faster_than_mac1_is_checked()
{
	local NODE_LINES=$'[Guard]\nMacRate = 1000' n

	flood_lab esclusa
	survive mac1 --rate 100000
	dropped mac1 mac_rate
	n=$(grown black_xdp.mac1)
	((n >= 1000 && n <= FLOOD_SENT / 4)) || fail "mac1 of $n of $FLOOD_SENT frames was checked"
	calm
}

# Whoever knows the public key makes a right mac1; sources are invented.
LIMIT[flood_with_right_mac1]=90
test_flood_with_right_mac1()
{
	flood_lab esclusa
	survive initiation --rate 50000
	# shellcheck disable=SC2086
	dropped mac_rate mac2 total_rate source_rate $ADMITTED $UNREAD
	admitted_few
	FLOOD_FAMILY=6 survive initiation --rate 50000
	# shellcheck disable=SC2086
	dropped mac_rate mac2 total_rate source_rate $ADMITTED $UNREAD
	admitted_few
	calm
}

# One attacker that receives at its address and so can have a cookie.
LIMIT[flood_with_cookie]=90
test_flood_with_cookie()
{
	flood_lab esclusa
	flood_begin initiation --rate 20000 # for there are cookies only under load
	WARM_UP=$FLOOD_PID survive cookie --from 100.64.1.254:7777 --rate 50000
	[ "$(grown black_xdp.source_rate)" -ge $((FLOOD_SENT / 2)) ] ||
		fail "$(grown black_xdp.source_rate) of $FLOOD_SENT frames are above the source's rate"
	admitted_few
	calm
}

# Nearly all of them are known as such, and take nothing from the peer that they copy.
replays_die()
{
	# shellcheck disable=SC2086
	dropped replay mac_rate mac2 total_rate source_rate $ADMITTED $UNREAD
	[ "$(grown black_xdp.replay)" -ge $((FLOOD_SENT / 2)) ] ||
		fail "$(grown black_xdp.replay) of $FLOOD_SENT frames are known as replays"
	admitted_few
}

# Real initiations of the peer, from its address and from invented ones.
LIMIT[flood_of_replayed_handshakes]=90
test_flood_of_replayed_handshakes()
{
	flood_lab esclusa
	survive replay --capture "$LAB_DIR/wire-b.pcap" --rate 50000
	replays_die
	survive replay --capture "$LAB_DIR/wire-b.pcap" --spread --rate 50000
	replays_die
	calm
}

# Other peers, or who stole their keys: each initiation is authentic, and none is sent twice.
LIMIT[flood_of_a_valid_peer]=90
test_flood_of_a_valid_peer()
{
	local n

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_config c
	node_config d
	node_peer a b
	node_peer a c 4 Endpoint=
	node_peer a d 4 Endpoint=
	node_peer b a
	node_start a "$NODE_A"
	node_needs_esclusa a
	node_start b esclusa
	ping_up lanb 10.1.0.2
	flood_open
	survive peer --private "$LAB_DIR/c.key" --from 100.64.1.254:7777 --rate 15 # within its budget
	n=$(grown crypto.in_handshake)
	((n >= 10 && n <= FLOOD_SENT + 5)) || fail "of $FLOOD_SENT initiations $n were answered"
	survive peer --private "$LAB_DIR/c.key" --from 100.64.1.254:7777 --rate 1000
	n=$(grown crypto.in_handshake)
	((n >= 10 && n <= 1000)) || fail "crypto answered $n initiations"
	admitted_few
	survive peer --private "$LAB_DIR/d.key" --rate 1000 # under load by now: who has no cookie waits
	n=$(grown crypto.in_handshake)
	[ "$n" -le 1000 ] || fail "crypto answered $n initiations"
	admitted_few
	calm
}

# Data and responses whose receiver index is nobody's, or the session's own.
LIMIT[flood_of_data]=150
test_flood_of_data()
{
	flood_lab esclusa
	survive session --rate 100000
	dropped no_session
	survive response --rate 100000
	dropped no_session
	survive data --capture "$LAB_DIR/wire-b.pcap" --rate 20000
	# shellcheck disable=SC2086
	dropped no_session crypto.in_bad_tag crypto.in_expired crypto.in_no_index crypto.in_replay $UNREAD
	recapture
	survive replay-data --capture "$LAB_DIR/wire-b.pcap" --rate 20000
	# shellcheck disable=SC2086
	dropped no_session crypto.in_replay crypto.in_expired crypto.in_no_index $UNREAD
	calm
}

LIMIT[flood_of_neighbours]=90
test_flood_of_neighbours()
{
	flood_lab esclusa
	survive arp --rate 100000
	dropped arp neighbour_rate
	FLOOD_FAMILY=6 survive nd --rate 100000
	dropped nd neighbour_rate
	calm
}

# The peer moves, and starts anew where nobody has seen it.
LIMIT[flood_and_a_peer_that_moves]=90
test_flood_and_a_peer_that_moves()
{
	local handshake

	flood_lab esclusa
	handshake=$(node_handshake a)
	flood_begin initiation --rate 3000
	sleep 1
	move b
	ping_up lanb 10.1.0.2 60
	traffic
	equal "last handshake" "$(node_handshake a)" "$handshake"
	equal "endpoint that a knows" "$(node_wg show a endpoints | cut -f2)" 100.64.2.77:51820
	flood_running
	node_stop b || fail "node b ended with $?"
	lab_ip b addr del 100.64.2.77/24 dev black0
	lab_addr b black0 100.64.2.99/24
	lab_route b default 100.64.2.254
	node_start b esclusa
	ping_up lanb 10.1.0.2 60
	traffic
	flood_running
	flood_end
	calm
}

# A stock peer makes its handshakes during floods, with a cookie where it must.
LIMIT[flood_and_a_stock_peer]=120
test_flood_and_a_stock_peer()
{
	flood_lab wireguard-go
	survive mac1 --rate 100000
	dropped mac1 mac_rate
	survive initiation --rate 20000
	admitted_few
	survive session --rate 100000
	dropped no_session
	calm
}
