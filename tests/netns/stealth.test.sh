# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# stealth.test.sh: to whoever cannot authenticate there is nobody at a node's black address but a
# neighbour that answers ARP and neighbour discovery (R2, R3).

# answers SITE [but KIND]: frames that site's NIC sent, other than ARP and ND.
answers()
{
	local kind n=0

	for kind in initiation response cookie data mld other; do
		[ "$kind" = "${3:-}" ] || n=$((n + $(wire "$1" count "$kind")))
	done
	echo "$n"
}

# seen SITE KIND: the capture has such a frame.
seen()
{
	[ "$(wire "$1" count "$2")" -ge 1 ]
}

probe()
{
	at net timeout 60 python3 "$LAB_HERE/probe.py" "${1}0" "$(mac_of "$1" black0)" "$(site_number "$1")"
}

silent()
{
	equal "frames in answer to $1" "$(answers a)" 0
	equal "programs that ended" "$(node_show a field restarts)" 0
}

# The same probes make a usual host speak: its capture shows answers, the node's shows none.
test_stealth_against_scans()
{
	local what

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b 4 Endpoint=
	node_start a "$NODE_A"
	node_needs_esclusa a
	wire_open a b
	probe a || fail "the probes failed"
	probe b || fail "the probes failed"
	sleep 2 # MLD and IGMP reports may be late
	wait_for 20 seen b mld || fail "a usual host did not answer the MLD query"
	wire_close a b
	for what in "tcp[13] & 4 != 0" "icmp[0] == 0" "icmp[0] == 3" "icmp[0] == 14" "icmp6[0] == 129"; do
		[ -n "$(tcpdump -c 1 -nr "$LAB_DIR/wire-b.pcap" "$what" 2>/dev/null)" ] ||
			fail "a usual host gave no answer of the kind '$what'"
	done
	seen a arp || fail "the capture does not show the ARP reply"
	seen a nd || fail "the capture does not show the advertisement"
	silent "scans and probes"
}

# handshakes KIND PORT COUNT: so many, of an attacker that would see an answer.
handshakes()
{
	flood_begin "$1" --from "100.64.1.254:$2" --count "$3" --rate 100
	flood_all
	equal "frames sent" "$FLOOD_SENT" "$3"
}

# Somebody who is no peer: with a wrong mac1, with a right one, with a real WireGuard.
test_stealth_against_strangers()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_config c
	node_peer a c 4 Endpoint=
	node_peer b a
	node_start a "$NODE_A"
	node_needs_esclusa a
	flood_open
	wire_open a b
	handshakes mac1 7777 40
	handshakes initiation 7777 40
	handshakes response 7777 40
	handshakes session 7777 40
	node_start b wireguard-go
	must_fail at lanb ping -n -q -c 2 -W 1 10.1.0.2
	wait_for 20 seen b initiation || fail "the stranger did not try"
	sleep 0.5
	wire_close a b
	silent "strangers"

	# As soon as it is a peer there is an answer, and the capture shows it.
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/16
	wire_open a
	ping_up lanb 10.1.0.2 60
	wire_close a
	seen a response || fail "the capture does not show the response"
}

# cookies PORT: replies that went to this port of the router (invented sources use any port).
cookies()
{
	tcpdump -nr "$LAB_DIR/wire-a.pcap" \
		"dst host 100.64.1.254 and udp dst port $1 and udp[8] == 3" 2>/dev/null | wc -l
}

some_cookies()
{
	[ "$(cookies "$1")" -ge 1 ]
}

# Under load a right mac1 earns a cookie, a wrong one nothing.
test_stealth_under_load()
{
	local load

	lab_site a
	node_config a
	node_config b
	node_peer a b 4 Endpoint=
	node_start a "$NODE_A"
	node_needs_esclusa a
	flood_open
	flood_begin initiation --rate 5000
	load=$FLOOD_PID
	wait_for 30 under_load || fail "not under load"
	wire_open a
	handshakes mac1 7777 200
	handshakes initiation 8888 200
	wait_for 10 some_cookies 8888 || fail "no cookie for a right mac1: the test shows nothing"
	wire_close a
	lab_kill "$load"
	equal "cookies for a wrong mac1" "$(cookies 7777)" 0
	equal "answers other than cookies" "$(answers a but cookie)" 0
}
