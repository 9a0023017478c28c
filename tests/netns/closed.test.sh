# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# closed.test.sh: a site that cannot be reached: nothing leaves in clear, and the LAN hears of it.
# Killed processes: faults.test.sh.

# unreachable ADDRESS...: the LAN of site a hears it from node a, which ends ping at once.
unreachable()
{
	local to

	for to; do
		at lana ping -n -c 1 -W 5 "$to" >"$LAB_DIR/unreachable" 2>&1 &&
			fail "$to answers"
		grep -q 'From \(10\.1\.0\.1\|fd00:1::1\) .*nreachable' "$LAB_DIR/unreachable" ||
			return 1
	done
}

# nc ends with the node's error, not with its own time-out.
tcp_refused()
{
	local to

	for to; do
		must_fail at lana timeout 30 nc -n -v -w 8 "$to" 80
		grep -qi 'no route to host' "$LAB_DIR/must_fail.out" ||
			fail "TCP to $to: $(cat "$LAB_DIR/must_fail.out")"
	done
}

# closed_lab LINE...: as node_peer of a; b has the usual file, and is not started.
closed_lab()
{
	lab_site a
	lab_site b
	node_config a
	sed -i "s/^Mode = .*/Mode = ${CLOSED_MODE:-encryptor}/" "$LAB_DIR/a.conf"
	node_config b
	node_peer a b 4 "$@"
	node_peer b a
	node_start a esclusa
	wire_open a
}

# Nothing but WireGuard and neighbours left the node.
lan_is_told_and_nothing_leaves()
{
	unreachable 10.2.0.2 fd00:2::2 10.2.77.1 || fail "not told"
	tcp_refused 10.2.0.2 fd00:2::2
	wire_close a
	equal "frames that are neither WireGuard nor ARP nor ND" \
		"$(($(wire a count other) + $(wire a count mld)))" 0
	node_adds_up a
}

LIMIT[peer_that_does_not_answer_is_unreachable]=90
test_peer_that_does_not_answer_is_unreachable()
{
	closed_lab
	wait_for 60 unreachable 10.2.0.2 || fail "the LAN is not told"
	lan_is_told_and_nothing_leaves
	[ "$(wire a count initiation)" -ge 3 ] || fail "no handshakes were tried"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 60
	ping_up lana fd00:2::2
	tcp_copy lana lanb 10.2.0.2 100000
}

# A session that ends for want of an answer: the same.
LIMIT[peer_that_dies_is_unreachable]=100
test_peer_that_dies_is_unreachable()
{
	closed_lab "PersistentKeepalive = 1"
	node_start b esclusa
	ping_up lana 10.2.0.2
	kill -KILL "${NODE_PID[b]}"
	wait "${NODE_PID[b]}" 2>/dev/null || true
	# Until its keys are old, the session is all right as far as anybody can see.
	node_wg set a peer "$(node_public b)" remove peer "$(node_public b)" \
		endpoint "$(node_outer b):$NODE_PORT" allowed-ips 10.2.0.0/16,fd00:2::/32
	wait_for 60 unreachable 10.2.0.2 || fail "the LAN is not told"
	lan_is_told_and_nothing_leaves
	node_start b esclusa
	ping_up lana 10.2.0.2 60
}

test_peer_without_endpoint_is_unreachable()
{
	closed_lab Endpoint=
	lan_is_told_and_nothing_leaves
	node_wg set a peer "$(node_public b)" endpoint "$(node_outer b):$NODE_PORT"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 60
}

test_endpoint_without_route_is_unreachable()
{
	closed_lab
	lab_ip a route del default
	wait_for 60 unreachable 10.2.0.2 || fail "the LAN is not told"
	lan_is_told_and_nothing_leaves
	lab_route a default 100.64.1.254
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 60
}

# Encryptor mode: prefixes of a peer that is gone are nobody's, and nobody's packets go nowhere.
test_removed_prefix_goes_nowhere()
{
	local before

	closed_lab
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
	node_wg set a peer "$(node_public b)" allowed-ips fd00:2::/32
	before=$(node_show a counter red_xdp not_secure)
	ping_dead lana 10.2.0.2
	equal "packets refused" "$(($(node_show a counter red_xdp not_secure) - before))" 2
	ping_all lana fd00:2::2 -c 3
	node_wg set a peer "$(node_public b)" remove
	ping_dead lana 10.2.0.2
	ping_dead lana fd00:2::2
	wire_close a
	wire_clean a
}

# --- router mode: what is secure could be the internet's, too ------------------------------------------

# A secure prefix that the black NIC has a route for: only the node keeps it out of the internet.
closed_router_lab()
{
	CLOSED_MODE=router closed_lab "AllowedIPs = 10.2.0.0/16, 198.51.100.0/24, fd00:2::/32" "$@"
	lab_addr lanb lan0 198.51.100.2/32
	lab_route b 198.51.100.2/32 10.2.0.2
}

no_secure_packet_left()
{
	sleep 0.2
	wire_close a
	! tcpdump -n -r "$LAB_DIR/wire-a.pcap" 'net 198.51.100.0/24 or net 10.0.0.0/8 or net fd00::/16' \
		2>/dev/null | grep . || fail "in clear"
}

test_router_mode_site_without_session_is_unreachable()
{
	closed_router_lab Endpoint=
	unreachable 10.2.0.2 fd00:2::2 198.51.100.2 || fail "not told"
	tcp_refused 10.2.0.2 fd00:2::2 198.51.100.2
	ping_all lana 100.64.1.254 -c 2 # the internet is another matter
	no_secure_packet_left
}

# came_back TIMES: node a's processes were replaced so often, and it works.
came_back()
{
	[ "$(node_show a field restarts)" = "$1" ] && node_ready a
}

# Whoever is gone, its prefixes are not the internet's before the node starts again.
test_router_mode_removed_prefix_stays_secure()
{
	closed_router_lab
	node_start b "$NODE_B"
	ping_up lana 198.51.100.2
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/16
	unreachable 198.51.100.2 fd00:2::2 || fail "not told of the prefix that is gone"
	ping_all lana 10.2.0.2 -c 2
	node_wg set a peer "$(node_public b)" remove
	unreachable 10.2.0.2 198.51.100.2 fd00:2::2 || fail "not told of the peer that is gone"
	tcp_refused 198.51.100.2
	kill -KILL "$(node_show a pid crypto)"
	wait_for 60 came_back 1 || fail "the node does not come back"
	wait_for 60 unreachable 198.51.100.2 || fail "not told after a restart of the processes"
	node_wg set a peer "$(node_public b)" endpoint "$(node_outer b):$NODE_PORT" \
		allowed-ips 10.2.0.0/16,198.51.100.0/24
	ping_up lana 198.51.100.2 60
	no_secure_packet_left
}

test_router_mode_killed_processes_leak_nothing()
{
	local domain times=0

	closed_router_lab
	node_start b "$NODE_B"
	ping_up lana 198.51.100.2
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.005 -W 1 198.51.100.2
	for domain in crypto red crypto; do
		kill -KILL "$(node_show a pid $domain)"
		wait_for 60 came_back $((++times)) || fail "the node does not come back"
	done
	kill -KILL "${NODE_PID[a]}"
	wait "${NODE_PID[a]}" 2>/dev/null || true
	sleep 1
	no_secure_packet_left
}
