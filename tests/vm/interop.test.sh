# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# interop.test.sh: a node at site a (LAN host "lana") and the Linux kernel's WireGuard as site k, and
# as site l where a test needs a second peer. A test starts with the guest booted and no more.

# join [LINE...]: node and guest as each other's peers; LINEs go into the node's [Peer]. Neither has
# sent anything when it returns, and the wire is being captured.
join()
{
	local outer=${OUTER:-4}

	lab_site a
	node_config a
	node_config k
	node_peer a k "$outer" "$@"
	node_peer k a "$outer"
	guest_wg k a || fail "the guest cannot make its interface"
	node_start a "$NODE_A"
	wire_open a k
}

# wire_roles INITIATOR RESPONDER: whose messages of a handshake crossed the black side.
wire_roles()
{
	wire_close a k
	[ "$(wire "$1" count initiation)" -ge 1 ] || fail "no initiation from $1"
	[ "$(wire "$2" count response)" -ge 1 ] || fail "no response from $2"
	equal "initiations from $2" "$(wire "$2" count initiation)" 0
	equal "responses from $1" "$(wire "$1" count response)" 0
	wire_clean a
}

# wire_grep SITE FILTER...: how many captured frames match.
wire_grep()
{
	local s=$1

	shift
	tcpdump -nr "$LAB_DIR/wire-$s.pcap" "$@" 2>/dev/null | wc -l
}

# The node knows the guest's endpoint, the guest answers.
test_node_initiates()
{
	join
	ping_up lana 10.11.0.2
	ping_all lana 10.11.0.2 -c 20 -i 0.05
	ping_all lana fd00:11::2 -c 20 -i 0.05
	wire_roles a k
}

# The node has no endpoint for this peer: it learns it from the guest's initiation.
test_guest_initiates()
{
	join Endpoint=
	must_fail at lana ping -n -q -c 1 -W 1 10.11.0.2
	wait_for 60 guest_reaches 10.1.0.2 || fail "the guest does not reach the LAN"
	guest_ping 10.1.0.2 -c 10 -i 0.1
	guest_ping fd00:1::2 -c 10 -i 0.1
	ping_all lana 10.11.0.2 -c 5 -i 0.1
	ping_all lana fd00:11::2 -c 5 -i 0.1
	wire_roles k a
}

# Handshakes with the preshared key in either role, and none with a wrong one.
test_preshared_key()
{
	local psk pub

	psk=$(wg genpsk)
	join "PresharedKey = $psk"
	pub=$(node_public a)
	ping_dead lana 10.11.0.2
	equal "handshakes without the key" "$(guest_handshake k)" 0
	guest "echo $psk >/run/psk && wg set wgk peer $pub preshared-key /run/psk"
	ping_up lana 10.11.0.2 60
	ping_all lana fd00:11::2 -c 5 -i 0.1

	# A new interface with no key tries the other role; then it gets the key.
	guest_wg k a
	sleep 1
	must_fail guest_reaches 10.1.0.2
	guest "wg set wgk peer $pub preshared-key /run/psk"
	wait_for 60 guest_reaches 10.1.0.2 || fail "no handshake by the guest with the right key"
	guest_ping fd00:1::2 -c 5
}

# copy_to_guest ADDRESS BYTES, copy_from_guest ADDRESS BYTES: random bytes over TCP, digests equal.
copy_to_guest()
{
	head -c "$2" /dev/urandom >"$LAB_DIR/sent"
	guest "rm -f /run/got; (timeout 250 nc -l -p 5001 | sha256sum >/run/got.new
		mv /run/got.new /run/got) >/dev/null 2>&1 &"
	wait_for 60 guest_listens 5001 || fail "the guest's nc does not listen"
	at lana timeout 250 nc -n -N "$1" 5001 <"$LAB_DIR/sent" || fail "TCP to $1 broke"
	wait_for 250 guest "cat /run/got" >"$LAB_DIR/got" 2>&1 || fail "TCP to $1: no answer from the guest"
	equal "digest of what $1 got" "$(awk 'END { print $1 }' "$LAB_DIR/got")" \
		"$(sha256sum <"$LAB_DIR/sent" | awk '{ print $1 }')"
}

copy_from_guest()
{
	local server digest

	at lana timeout 250 nc -n -d -l "$1" 5001 >"$LAB_DIR/got" &
	server=$!
	wait_for 30 listens lana 5001 || fail "nc does not listen"
	digest=$(guest "head -c $2 /dev/urandom >/tmp/f; sha256sum </tmp/f
		timeout 250 nc $1 5001 </tmp/f; rm /tmp/f") || fail "TCP from the guest to $1 broke"
	wait "$server" || fail "TCP server at $1 broke"
	equal "digest of what $1 got" "$(sha256sum <"$LAB_DIR/got")" "${digest%%$'\n'*}"
}

test_tcp()
{
	join
	ping_up lana 10.11.0.2
	copy_to_guest 10.11.0.2 8000000
	copy_from_guest 10.1.0.2 8000000
	copy_to_guest fd00:11::2 8000000
	copy_from_guest fd00:1::2 8000000
	wire_close a k
	wire_clean a
}

# IPv6 between node and guest, both inner families.
test_outer_ipv6()
{
	OUTER=6 join
	ping_up lana 10.11.0.2
	ping_all lana 10.11.0.2 -c 5 -i 0.1 -s 1392
	ping_all lana fd00:11::2 -c 5 -i 0.1 -s 1372
	copy_to_guest 10.11.0.2 2000000
	copy_from_guest fd00:1::2 2000000
	wire_close a k
	equal "frames of IPv4 WireGuard" "$(wire_grep a 'ip and udp')" 0
	wire_clean a
}

# too_big ADDRESS SIZE: the LAN host is told the MTU that is left inside the tunnel.
too_big()
{
	must_fail at lana ping -n -c 2 -i 0.2 -W 10 -M 'do' -s "$2" "$1"
	grep -q 'mtu[:= ]*14[0-9][0-9]' "$LAB_DIR/must_fail.out" ||
		fail "no word of the MTU: $(cat "$LAB_DIR/must_fail.out")"
}

# Every remainder of 16, the ends of the range, and fragments. The kernel pads a packet to 16
# bytes but not past its MTU, so a full one is a data message of 1452 bytes: no multiple of 16.
test_sizes()
{
	local size

	join
	ping_up lana 10.11.0.2
	for size in 0 1 15 {496..512} {1380..1392}; do
		ping_all lana 10.11.0.2 -c 1 -s "$size"
	done
	for size in 0 {1360..1372}; do
		ping_all lana fd00:11::2 -c 1 -s "$size"
	done
	guest_ping 10.1.0.2 -c 3 -i 0.1 -s 1392
	guest_ping fd00:1::2 -c 3 -i 0.1 -s 1372

	# Path MTU discovery first: it tells the LAN host the size of its fragments.
	too_big 10.11.0.2 1472
	too_big fd00:11::2 1452
	ping_all lana 10.11.0.2 -c 3 -i 0.1 -s 4000
	ping_all lana fd00:11::2 -c 3 -i 0.1 -s 4000
	guest_ping 10.1.0.2 -c 3 -i 0.1 -s 4000
	guest_ping fd00:1::2 -c 3 -i 0.1 -s 4000
	wire_close a k
	[ "$(wire_grep k 'udp[4:2] == 1460 and udp[8] == 4')" -ge 6 ] ||
		fail "no data message of 1452 bytes from the guest"
}

guest_answers()
{
	at lana ping -n -q -c 1 -W 1 10.11.0.2 >/dev/null 2>&1
}

# connects_in_flood BURSTS_PER_SECOND: a node that knows no session connects, with a cookie.
connects_in_flood()
{
	local flood status=0

	bg net "$LAB_DIR/flood.log" python3 "$VM_HERE/flood.py" 100.64.11.1 "$NODE_PORT" "$1"
	flood=$BG
	sleep 1
	wait_for 30 guest_answers || status=1
	kill -0 "$flood" || fail "the flood is over: $(cat "$LAB_DIR/flood.log")"
	lab_kill "$flood"
	wire_close a k
	[ "$status" = 0 ] && [ "$(wire k count cookie)" -ge 1 ] &&
		[ "$(wire_grep a 'udp[8] == 1 and udp[140:4] != 0')" -ge 1 ]
}

# A guest whose queue of handshakes is full answers the node's initiation with a cookie; the node's
# next one carries a second MAC and gets through while the flood goes on. How many bursts that takes
# depends on the guest's speed: too few do not fill its queue, too many leave the node no room.
test_cookie()
{
	local rate

	join
	for rate in 4 8 20 4 8 20 4 8 20; do
		connects_in_flood "$rate" && return
		node_stop a || fail "node a ended with $?"
		node_start a "$NODE_A"
		wire_open a k
	done
	fail "no connection with a cookie in any of these floods"
}

# The guest changes its black address: the node follows the first authenticated packet.
test_guest_roams()
{
	local before

	join
	ping_up lana 10.11.0.2
	before=$(node_handshake a)
	guest "ip addr del 100.64.11.1/24 dev eth0 && ip addr add 100.64.11.2/24 dev eth0 &&
		ip route add default via 100.64.11.254"
	guest_ping 10.1.0.2 -c 3 -i 0.1
	equal "the guest's endpoint" "$(node_wg show a endpoints | cut -f2)" "100.64.11.2:$NODE_PORT"
	ping_all lana 10.11.0.2 -c 5 -i 0.1
	equal "the last handshake" "$(node_handshake a)" "$before"
}

# The node changes its black address: the guest follows, and no key is renewed.
test_node_roams()
{
	local before

	[ "$NODE_A" = esclusa ] || skip "$NODE_A stops sending when its address goes"
	join
	ping_up lana 10.11.0.2
	before=$(guest_handshake k)
	lab_ip a addr del 100.64.1.1/24 dev black0
	lab_addr a black0 100.64.1.9/24
	lab_route a default 100.64.1.254
	ping_up lana 10.11.0.2
	ping_all lana 10.11.0.2 -c 5 -i 0.1
	equal "the node's endpoint" "$(guest "wg show wgk endpoints" | awk 'NF == 2 { print $2 }')" \
		"100.64.1.9:$NODE_PORT"
	equal "the last handshake" "$(guest_handshake k)" "$before"
}

# The guest forgets its sessions as a reboot would: 15 s without an answer and the node starts anew.
test_guest_forgets()
{
	join
	ping_up lana 10.11.0.2
	guest_wg k a
	ping_up lana 10.11.0.2 90
	wire_close a k
	equal "initiations from the guest" "$(wire k count initiation)" 0
}

# Two peers, one handshake begun by each end, both renewed after 120 s, no echo lost.
test_rekey()
{
	local first second k l

	lab_site a
	node_config a
	node_config k
	NODE_PORT=51821 node_config l
	node_peer a k
	node_peer a l 4 Endpoint=
	node_peer k a
	node_peer l a
	guest_wg k a
	guest_wg l a
	node_start a "$NODE_A"
	wire_open a k
	ping_up lana 10.11.0.2
	guest "ping -q -c 3 -W 2 -I wgl 10.1.0.2" || fail "no handshake by the guest"
	k=$(guest_handshake k)
	l=$(guest_handshake l)

	(ping_all lana 10.11.0.2 -i 0.1 -c 1280 -w 150) &
	first=$!
	(ping_all lana fd00:12::2 -i 0.1 -c 1280 -w 150) &
	second=$!
	wait "$first" || fail "an echo by the node's session was lost"
	wait "$second" || fail "an echo by the guest's session was lost"
	[ $(($(guest_handshake k) - k)) -ge 119 ] || fail "the node did not renew its session"
	[ $(($(guest_handshake l) - l)) -ge 119 ] || fail "the guest did not renew its session"
	wire_close a k
	equal "initiations from the node" "$(wire_grep a 'udp[8] == 1')" 2
	equal "initiations from the guest" "$(wire_grep k 'udp[8] == 1')" 2
}

# kernel_under KIND OPTION...: the guest begins anew while a flood lasts.
kernel_under()
{
	flood_begin "$@"
	sleep 1
	guest_wg k a || fail "the guest cannot make its interface"
	equal "the guest's last handshake" "$(guest_handshake k)" 0
	wait_for 150 guest_reaches 10.1.0.2 || fail "no handshake by the guest during the flood ($1)"
	ping_up lana 10.11.0.2
	flood_end
}

# The kernel's WireGuard connects while others flood the node: known to it, then from an address where
# nobody has been seen, so that it needs a cookie.
test_connects_during_floods()
{
	[ "$NODE_A" = esclusa ] || skip "$NODE_A is not an esclusa node"
	join
	ping_up lana 10.11.0.2
	flood_open
	kernel_under mac1 --rate 50000
	[ "$(node_show a counter black_xdp mac1)" -ge 10000 ] || fail "the flood did not arrive"
	kernel_under initiation --rate 20000

	# The guest moves while it has no session: its second initiation carries the cookie.
	guest "ip link del wgk; ip addr del 100.64.11.1/24 dev eth0
		ip addr add 100.64.11.9/24 dev eth0 && ip route add default via 100.64.11.254"
	flood_begin initiation --rate 3000
	wait_for 60 under_load || fail "the node is not under load"
	guest_wg k a || fail "the guest cannot make its interface"
	wait_for 150 guest_reaches 10.1.0.2 || fail "the guest does not get in with a cookie"
	flood_end
	wire_close a k
	[ "$(wire a count cookie)" -ge 1 ] || fail "the node sent no cookie"
	[ "$(wire_grep k 'udp[8] == 1 and udp[140:4] != 0')" -ge 1 ] ||
		fail "no initiation with a second MAC"
	equal "the guest's endpoint" "$(node_wg show a endpoints | cut -f2)" "100.64.11.9:$NODE_PORT"
}
