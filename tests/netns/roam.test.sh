# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# roam.test.sh: a node's black address changes in the middle of a transfer.

# move SITE: to another address of its black network, as a DHCP server or another uplink would.
move()
{
	local n

	n=$(site_number "$1")
	lab_ip "$1" addr del "100.64.$n.1/24" dev black0
	lab_ip "$1" addr del "2001:db8:$n::1/64" dev black0
	lab_addr "$1" black0 "100.64.$n.77/24" "2001:db8:$n::77/64"
	lab_route "$1" default "100.64.$n.254"
	lab_route "$1" ::/0 "2001:db8:$n::ffff"
}

# roam OUTER EXPECTED-ENDPOINT FROM TO ADDRESS
roam()
{
	local handshake server transfer

	lab_join a "$NODE_A" b "$NODE_B" "$1"
	ping_up lana 10.2.0.2
	handshake=$(node_handshake a)
	head -c 40000000 /dev/urandom >"$LAB_DIR/roam.sent"
	at "$4" timeout 60 nc -n -l -d "$5" 5001 >"$LAB_DIR/roam.got" &
	server=$!
	wait_for 20 listens "$4" 5001 || fail "nc does not listen"
	at "$3" timeout 60 sh -c 'head -c 10000000; sleep 2; cat' <"$LAB_DIR/roam.sent" |
		at "$3" timeout 60 nc -n -N "$5" 5001 &
	transfer=$!
	sleep 1
	move a
	wait $transfer $server || fail "the transfer broke"
	cmp "$LAB_DIR/roam.sent" "$LAB_DIR/roam.got" || fail "the transfer changed the content"
	equal "last handshake" "$(node_handshake a)" "$handshake"
	equal "endpoint that b knows" "$(node_wg show b endpoints | cut -f2)" "$2"
}

test_roam_while_sending()
{
	roam 4 100.64.1.77:51820 lana lanb 10.2.0.2
}

test_roam_while_receiving()
{
	roam 4 100.64.1.77:51820 lanb lana 10.1.0.2
}

test_roam_outer_ipv6()
{
	roam 6 '[2001:db8:1::77]:51820' lana lanb 10.2.0.2
}

# Another uplink: from IPv4 to IPv6 outside, by telling the peer's other address.
test_roam_between_families()
{
	local handshake

	lab_join a "$NODE_A" b "$NODE_B" 4
	ping_up lana 10.2.0.2
	handshake=$(node_handshake a)
	node_wg set a peer "$(node_public b)" endpoint "$(node_outer b 6):51820"
	ping_all lana 10.2.0.2 -c 5
	equal "last handshake" "$(node_handshake a)" "$handshake"
	equal "endpoint that b knows" "$(node_wg show b endpoints | cut -f2)" \
		"$(node_outer a 6):51820"
}
