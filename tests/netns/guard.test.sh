# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# guard.test.sh: what crypto tells the black program, read from outside through the pinned map.

guard()
{
	local s=$1

	shift
	python3 "$LAB_HERE/guard.py" "/sys/fs/bpf/esclusa/$(node_name "$s")/black_guard" "$@"
}

# ping_once NS ADDRESS
ping_once()
{
	at "$1" ping -n -c 1 -W 1 "$2" >/dev/null 2>&1
}

# The index under which node b now writes to node a.
index_on_the_wire()
{
	local index

	wire_open b
	ping_up lana 10.2.0.2
	ping_all lana 10.2.0.2 -c 3
	wire_close b
	index=$(python3 "$LAB_HERE/guard.py" "$LAB_DIR/wire-b.pcap" receivers | tail -n 1)
	[ -n "$index" ] || fail "no data message on the wire"
	echo "$index"
}

test_sessions_appear_and_vanish_in_the_guard_map()
{
	local first second

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	equal "version" "$(guard a abi)" 1
	equal "number of mac1's key" "$(guard a mac1)" 1
	equal "known addresses" "$(guard a known)" "$(node_outer b)"
	first=$(index_on_the_wire)
	guard a sessions | grep -qx "$first" || fail "session $first is not in the map"
	# A new crypto process knows nothing of the sessions of the one before.
	kill -KILL "$(node_show a pid crypto)"
	wait_for 60 ping_once lana 10.2.0.2 || fail "the node does not come back"
	second=$(index_on_the_wire)
	guard a sessions | grep -qx "$second" || fail "session $second is not in the map"
	! guard a sessions | grep -qx "$first" || fail "session $first is still in the map"
	equal "known addresses" "$(guard a known)" "$(node_outer b)"
	node_wg set a peer "$(node_public b)" remove
	equal "sessions of a peer that was removed" "$(guard a sessions)" ""
	equal "its addresses" "$(guard a known)" ""
	node_wg set a private-key <(wg genkey)
	equal "number of mac1's key" "$(guard a mac1)" 2
	"$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes >"$LAB_DIR/zeroize" || fail "zeroize failed"
	guard a zero || fail "zeroize left something in the map"
}

under_load_is()
{
	[ "$(guard a load)" = "$1" ]
}

# forge COUNT [FROM]: initiations to node a, see guard.py.
forge()
{
	local mac

	mac=$(lab_ip a -j link show black0 | python3 -c \
		'import json, sys; print(json.load(sys.stdin)[0]["address"])')
	at net timeout 30 python3 "$LAB_HERE/guard.py" a0 forge "$mac" "$(node_public a)" "$@"
}

# worked_on REFUSED: crypto has refused some more than these by now.
worked_on()
{
	[ $(($(node_show a counter crypto in_bad_handshake) - $1)) -ge 20 ]
}

# Enough of what only an attacker sends; then a peer that begins anew, and the calm after it.
test_under_load_and_calm_again()
{
	local refused

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	equal "under load" "$(node_show a field under_load)" False
	equal "number of the cookie secret" "$(guard a cookie)" 0
	forge 800
	wait_for 20 under_load_is 1 || fail "not under load"
	equal "under load" "$(node_show a field under_load)" True
	forge 50
	ping_all lana 10.2.0.2 -c 5
	[ "$(node_show a counter crypto in_cookie_sent)" -ge 50 ] || fail "no cookies were sent"
	equal "number of the cookie secret" "$(guard a cookie)" 2
	# In the name of a peer: few cost a Diffie-Hellman operation, the others are asked for a cookie.
	refused=$(node_show a counter crypto in_bad_handshake)
	forge 500 100.64.2.1
	wait_for 20 worked_on "$refused" || fail "hardly any of 500 was worked on"
	sleep 1
	refused=$(($(node_show a counter crypto in_bad_handshake) - refused))
	[ "$refused" -le 200 ] || fail "$refused of 500 were worked on"
	# It is where a peer was seen: its initiation is answered without a cookie.
	node_stop b
	node_start b "${NODE_KIND[b]}"
	sleep 2
	forge 300 # so that it stays under load
	ping_up lanb 10.1.0.2 60
	under_load_is 1 || fail "not under load any more"
	[ "${NODE_KIND[b]}" != esclusa ] ||
		equal "cookies for a peer that starts again" "$(node_show b counter crypto in_cookie)" 0
	wait_for 60 under_load_is 0 || fail "under load for ever"
	equal "under load" "$(node_show a field under_load)" False
	ping_all lana 10.2.0.2 -c 5
	node_adds_up a
}
