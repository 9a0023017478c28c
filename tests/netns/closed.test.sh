# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# closed.test.sh: a site that cannot be reached: nothing leaves in clear, and the LAN hears of it.
# Killed processes: faults.test.sh.

# unreachable ADDRESS...: the LAN of site a hears it from node a, and at once.
unreachable()
{
	local to

	for to; do
		at lana ping -n -c 1 -W 1 "$to" >"$LAB_DIR/unreachable" 2>&1 &&
			fail "$to answers"
		grep -q 'From \(10\.1\.0\.1\|fd00:1::1\) .*nreachable' "$LAB_DIR/unreachable" ||
			return 1
	done
}

# nc ends with the error, long before it would give up by itself.
refused_at_once()
{
	local from=${EPOCHREALTIME/./} to

	for to; do
		must_fail at lana timeout 10 nc -n -v -w 8 "$to" 80
		grep -qi 'no route to host' "$LAB_DIR/must_fail.out" ||
			fail "TCP to $to: $(cat "$LAB_DIR/must_fail.out")"
	done
	[ $((${EPOCHREALTIME/./} - from)) -lt 1500000 ] || fail "TCP waits for its time-out"
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
	unreachable 10.2.0.2 fd00:2::2 10.2.77.1 || fail "not told at once"
	refused_at_once 10.2.0.2 fd00:2::2
	wire_close a
	equal "frames that are neither WireGuard nor ARP nor ND" \
		"$(($(wire a count other) + $(wire a count mld)))" 0
	node_adds_up a
}

LIMIT[peer_that_does_not_answer_is_unreachable]=90
test_peer_that_does_not_answer_is_unreachable()
{
	closed_lab
	wait_for 15 unreachable 10.2.0.2 || fail "the LAN is not told within 15 s"
	lan_is_told_and_nothing_leaves
	[ "$(wire a count initiation)" -ge 3 ] || fail "no handshakes were tried"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 15
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
	wait_for 15 unreachable 10.2.0.2 || fail "the LAN is not told within 15 s"
	lan_is_told_and_nothing_leaves
	node_start b esclusa
	ping_up lana 10.2.0.2 25
}

test_peer_without_endpoint_is_unreachable()
{
	closed_lab Endpoint=
	lan_is_told_and_nothing_leaves
	node_wg set a peer "$(node_public b)" endpoint "$(node_outer b):$NODE_PORT"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 15
}

test_endpoint_without_route_is_unreachable()
{
	closed_lab
	lab_ip a route del default
	wait_for 5 unreachable 10.2.0.2 || fail "the LAN is not told"
	lan_is_told_and_nothing_leaves
	lab_route a default 100.64.1.254
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 25
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
