# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# basic.test.sh: traffic of every kind between two sites.

test_ping_sizes()
{
	local size family to

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	learn_mtus
	for family in 4 6; do
		to=10.2.0.2
		[ $family = 4 ] || to=fd00:2::2
		for size in 0 1 2 3 7 8 15 16 17 31 {32..1372..67} 1391 1392 1393 1471 1472 1473 \
			1500 2800 4000 8000; do
			ping_all lana "$to" -c 2 -s "$size"
		done
		ping_all lana "$to" -c 40 -s 1000
		ping_all lana "$to" -c 50 -s 1372 -M "do"
	done
	ping_all lanb 10.1.0.2 -c 10
	ping_all lanb fd00:1::2 -c 10
}

test_tcp_both_ways()
{
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	tcp_copy lana lanb 10.2.0.2 8000000
	tcp_copy lanb lana 10.1.0.2 8000000
	tcp_copy lana lanb fd00:2::2 8000000
	tcp_copy lanb lana fd00:1::2 8000000
	tcp_copy lana lanb 10.2.0.2 1
}

test_udp_both_ways()
{
	local size

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	learn_mtus
	for size in 48 200 1392 3000; do
		udp_copy lana lanb 10.2.0.2 400 $size
		udp_copy lanb lana fd00:1::2 400 $size
	done
}

test_iperf_many_streams()
{
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	iperf lana lanb 10.2.0.2 -t 3 -P 4
	echo "4 streams: $(iperf_bps) bit/s"
	iperf lana lanb fd00:2::2 -t 2 -R
	echo "reverse: $(iperf_bps) bit/s"
	iperf lana lanb 10.2.0.2 -t 2 -u -b 50M -l 1300
	[ "$(iperf_datagrams)" -gt 1000 ] || fail "$(iperf_datagrams) of 9600 datagrams arrived"
	node_adds_up a b
}

# The four families: inner IPv4 and IPv6, each inside outer IPv4 and IPv6.
families()
{
	lab_join a "$NODE_A" b "$NODE_B" "$1"
	wire_open
	ping_up lana 10.2.0.2
	ping_all lana 10.2.0.2 -c 20 -s 1372 -M "do"
	ping_all lana fd00:2::2 -c 20 -s 1352 -M "do"
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana fd00:1::2 1000000
	wire_close
	[ "$(wire a count data)" -gt 400 ] || fail "the wire saw no data"
}

test_families_outer_ipv4()
{
	families 4
}

test_families_outer_ipv6()
{
	families 6
}

test_two_queues()
{
	local i

	export LAB_QUEUES=2
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	for i in 1 2 3 4 5 6 7 8; do
		tcp_copy lana lanb 10.2.0.2 300000
		tcp_copy lanb lana fd00:1::2 300000
	done
	ping_all lana 10.2.0.2 -c 40 -s 1000
	iperf lana lanb 10.2.0.2 -t 3 -P 8
	echo "8 streams on 2 queues: $(iperf_bps) bit/s"
	node_adds_up a b
	# A queue pair each way: what came in on a red queue leaves on the black one of that number.
	queues_used a red0
	queues_used net a0
}

# queues_used NS NIC: both queues received their share.
queues_used()
{
	local q packets

	for q in 0 1; do
		packets=$(at "$1" ethtool -S "$2" | sed -n "s/.*rx_queue_${q}_xdp_packets: //p")
		[ "$packets" -gt 100 ] || fail "queue $q of $2 in $1 had $packets packets"
	done
}

# No router between the nodes: the peer is its own next hop.
test_peers_on_one_link()
{
	local s n

	lab_ns lana a lanb b
	lab_link a black0 b black0
	for s in a b; do
		n=$(site_number $s)
		lab_link lan$s lan0 $s red0
		lab_addr lan$s lan0 "10.$n.0.2/24" "fd00:$n::2/64"
		lab_addr $s red0 "10.$n.0.1/24" "fd00:$n::1/64"
		lab_addr $s black0 "192.0.2.$n/24" "2001:db8::$n/64"
		lab_route lan$s default "10.$n.0.1"
		lab_route lan$s ::/0 "fd00:$n::1"
		node_config $s
	done
	node_peer a b 4 "Endpoint = [2001:db8::2]:$NODE_PORT"
	node_peer b a 4 "Endpoint = 192.0.2.1:$NODE_PORT"
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lanb fd00:1::2
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana fd00:1::2 1000000
	equal "endpoint of b" "$(node_wg show a endpoints | cut -f2)" "[2001:db8::2]:$NODE_PORT"
}

# A planted plaintext must not be on the wire, nor anything that is not WireGuard, ARP or ND.
test_wire_is_clean()
{
	local marker=ESCLUSA-PLANTED-PLAINTEXT-$RANDOM$RANDOM i

	lab_join a "$NODE_A" b "$NODE_B"
	wire_open
	ping_up lana 10.2.0.2
	for i in {1..200}; do
		echo "$marker $i"
	done >"$LAB_DIR/marker"
	at lanb timeout 60 nc -n -l -d 10.2.0.2 5003 >"$LAB_DIR/marker.got" &
	wait_for 20 listens lanb 5003 || fail "nc does not listen"
	at lana timeout 60 nc -n -N 10.2.0.2 5003 <"$LAB_DIR/marker"
	wait $!
	cmp "$LAB_DIR/marker" "$LAB_DIR/marker.got"
	ping_all lana fd00:2::2 -c 20 -s 100 -p "$(printf '%.16s' "$marker" | od -An -tx1 | tr -d ' \n')"
	wire_close
	wire_clean a "${marker:0:12}"
	wire_clean b "${marker:0:12}"
}

# Plain traffic towards the internet has no way out of an encryptor.
test_nothing_else_leaves()
{
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	wire_open
	ping_dead lana 100.64.1.254
	ping_dead lana 8.8.8.8
	ping_dead lana 2001:db8:1::ffff
	ping_all lana 10.2.0.2 -c 3
	# Of the node itself: who asks for that neighbour is its kernel, in the packet's name.
	must_fail at a ping -n -q -c 2 -W 1 -I 10.1.0.1 100.64.1.77
	wire_close
	wire_clean a
	equal "ARP in the name of the red NIC" \
		"$(tcpdump -nr "$LAB_DIR/wire-a.pcap" 'arp[14:4] == 0x0a010001' 2>/dev/null)" ""
	[ "$(node_show a counter egress dropped)" -ge 1 ] || fail "the node asked nobody"
}

test_fragmented_inner()
{
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	learn_mtus
	ping_all lana 10.2.0.2 -c 20 -s 5000 -M dont
	ping_all lana fd00:2::2 -c 20 -s 5000
	udp_copy lana lanb 10.2.0.2 100 20000
	udp_copy lanb lana fd00:1::2 100 20000
	node_adds_up a b
}

test_traceroute_shows_nodes()
{
	local out

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	out=$(at lana traceroute -n -q 1 -w 10,0,0 10.2.0.2)
	grep -q '^ 1  10\.1\.0\.1 ' <<<"$out" || fail "first hop is not node a: $out"
	grep -q '^ 2  10\.2\.0\.1 ' <<<"$out" || fail "second hop is not node b: $out"
	grep -q '^ 3  10\.2\.0\.2 ' <<<"$out" || fail "no third hop: $out"
	out=$(at lana traceroute -6 -n -q 1 -w 10,0,0 fd00:2::2)
	grep -q '^ 1  fd00:1::1 ' <<<"$out" || fail "first hop is not node a: $out"
	grep -q '^ 2  fd00:2::1 ' <<<"$out" || fail "second hop is not node b: $out"
	grep -q '^ 3  fd00:2::2 ' <<<"$out" || fail "no third hop: $out"
	must_fail at lana ping -n -c 1 -W 10 -t 1 10.2.0.2
	grep -q 'Time to live exceeded' "$LAB_DIR/must_fail.out" || fail "no time exceeded"
	node_adds_up a b
}

# The node's red address answers its own LAN and the other site.
test_echo_to_node()
{
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_all lana 10.1.0.1 -c 5
	ping_all lana fd00:1::1 -c 5
	ping_all lana 10.2.0.1 -c 5 -s 1000
	ping_all lana fd00:2::1 -c 5 -s 1000
	ping_all lanb 10.1.0.1 -c 5
	node_adds_up a b
}

# A second router behind node b's LAN host.
test_lan_behind_router()
{
	lab_site a
	lab_site b
	lab_ns farb
	lab_link lanb far0 farb lan0
	lab_addr lanb far0 10.2.9.1/24 fd00:2:9::1/64
	lab_addr farb lan0 10.2.9.2/24 fd00:2:9::2/64
	lab_route farb default 10.2.9.1
	lab_route farb ::/0 fd00:2:9::1
	lab_forward lanb
	lab_route b 10.2.9.0/24 10.2.0.2
	lab_route b fd00:2:9::/64 fd00:2::2
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.9.2
	ping_all lana fd00:2:9::2 -c 5
	tcp_copy lana farb 10.2.9.2 1000000
	tcp_copy farb lana fd00:1::2 1000000
}
