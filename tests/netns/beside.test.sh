# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# beside.test.sh: Mode = encryptor beside a router that is there already.

# The router "gate" of site a, between its LAN, the internet, and both sides of the node:
#
#	lana lan0 10.1.0.2 ─┐                          ┌─ net a0 100.64.1.254
#	                    ├─ gate: 10.1.0.1, wan0 ───┘
#	a red0, black0 ─────┘
#
# beside_router lan|link ADDRESS GATE-ADDRESS: the node's red side is in the LAN (as
# 10.1.0.9) or on a link of its own; then its black address and the router's on that link.
beside_router()
{
	lab_ns net lana gate a
	lab_forward net
	lab_forward gate
	lab_link net a0 gate wan0
	lab_addr net a0 100.64.1.254/24 2001:db8:1::ffff/64
	lab_addr gate wan0 100.64.1.1/24 2001:db8:1::1/64
	lab_route gate default 100.64.1.254
	lab_route gate ::/0 2001:db8:1::ffff
	lab_ip gate link add br0 type bridge
	lab_ip gate link set br0 up
	lab_addr gate br0 10.1.0.1/24 fd00:1::1/64
	lab_link lana lan0 gate host0
	lab_ip gate link set host0 master br0
	lab_addr lana lan0 10.1.0.2/24 fd00:1::2/64
	lab_route lana default 10.1.0.1
	lab_route lana ::/0 fd00:1::1
	lab_link a red0 gate red0
	lab_link a black0 gate black0
	case $1 in
	lan)
		lab_ip gate link set red0 master br0
		red_side 10.1.0.9 fd00:1::9 24 64
		;;
	link)
		lab_addr gate red0 10.1.254.1/30 fd00:1:fe::1/126
		red_side 10.1.254.2 fd00:1:fe::2 30 126
		lab_route a 10.1.0.0/24 10.1.254.1
		lab_route a fd00:1::/64 fd00:1:fe::1
		;;
	esac
	lab_addr gate black0 "$3"
	lab_addr a black0 "$2"
	lab_route a default "${3%/*}"
	lab_site b
	node_config a
	node_config b
}

# The node's red addresses, and the static routes of the router: the whole change to the site.
red_side()
{
	lab_addr a red0 "$1/$3" "$2/$4"
	lab_route gate 10.2.0.0/16 "$1"
	lab_route gate fd00:2::/32 "$2"
}

# What users see: other sites and the internet, and nothing of the change.
site_works()
{
	ping_up lana 10.2.0.2 60
	ping_up lana fd00:2::2
	ping_up lanb 10.1.0.2
	learn_mtus
	ping_all lana 10.2.0.2 -c 5 -s 1372 -M "do"
	ping_all lana 10.2.0.2 -c 3 -s 4000
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana 10.1.0.2 1000000
	tcp_copy lana lanb fd00:2::2 1000000
	tcp_copy lanb lana fd00:1::2 1000000
	udp_copy lana lanb 10.2.0.2 100 1392
	ping_all lana 100.64.1.254 -c 3
	tcp_copy lana net 100.64.1.254 100000
	node_adds_up a b
}

# No packet of the LAN's for the other site is on the router's way out in clear.
nothing_in_clear()
{
	bg gate "$LAB_DIR/clear.log" tcpdump -n -l -i wan0 --immediate-mode \
		'net 10.2.0.0/16 or net fd00:2::/32'
	CLEAR=$BG
	wait_for 20 grep -q 'listening on' "$LAB_DIR/clear.log" || fail "tcpdump does not start"
}

nothing_was_in_clear()
{
	sleep 0.2
	end_capture "$CLEAR"
	! grep -q 'IP' "$LAB_DIR/clear.log" || fail "in clear: $(cat "$LAB_DIR/clear.log")"
}

# Public address for the node, links of its own: the router does nothing but route.
test_beside_a_router_on_links_of_its_own()
{
	beside_router link 203.0.113.2/30 203.0.113.1/30
	lab_route net 203.0.113.0/30 100.64.1.1
	lab_route net 10.1.0.0/24 100.64.1.1
	node_peer a b
	node_peer b a 4 "Endpoint = 203.0.113.2:$NODE_PORT"
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	nothing_in_clear
	site_works
	nothing_was_in_clear
	wait_for 60 hops_are "10.1.0.1 10.1.254.2 10.2.0.1 10.2.0.2" ||
		fail "hops: $(cat "$LAB_DIR/trace")"
}

# hops_are ADDRESSES: of the way to the other site. Hosts limit how many errors they send.
hops_are()
{
	at lana traceroute -n -q 1 -w 2 10.2.0.2 >"$LAB_DIR/trace"
	[ "$(awk 'NR > 1 { print $2 }' "$LAB_DIR/trace" | xargs)" = "$1" ]
}

# The node is a host of the LAN on its red side, and behind NAT on its black one: it calls.
test_beside_a_router_in_the_lan_behind_nat()
{
	beside_router lan 172.20.0.2/24 172.20.0.1/24
	# The router does NAT for all of the site, as most do; LAN to LAN is none of it.
	at gate nft -f - <<-EOF
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat;
				oifname "wan0" masquerade
			}
		}
	EOF
	node_peer a b 4 "PersistentKeepalive = 5"
	node_peer b a 4 Endpoint=
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	nothing_in_clear
	site_works
	nothing_was_in_clear
	equal "endpoint of a, as b sees it" "$(node_wg show b endpoints | cut -f2 | cut -d: -f1)" \
		100.64.1.1
}

# The node dies: what the router sends it goes nowhere, least of all back to the router.
test_beside_a_router_a_dead_node_is_a_dead_end()
{
	beside_router link 203.0.113.2/30 203.0.113.1/30
	lab_route net 203.0.113.0/30 100.64.1.1
	lab_route net 10.1.0.0/24 100.64.1.1
	node_peer a b
	node_peer b a 4 "Endpoint = 203.0.113.2:$NODE_PORT"
	node_start a esclusa
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 60
	nothing_in_clear
	lab_forward a # even of a kernel that forwards
	kill -KILL "${NODE_PID[a]}"
	wait "${NODE_PID[a]}" 2>/dev/null || true
	ping_dead lana 10.2.0.2
	ping_dead lana fd00:2::2
	ping_all lana 100.64.1.254 -c 3
	# Its link goes, and the static route with it: the router's own last line.
	lab_ip gate route add unreachable 10.2.0.0/16 metric 1000
	lab_ip gate -6 route add unreachable fd00:2::/32 metric 2000
	lab_ip gate link set red0 down
	ping_dead lana 10.2.0.2
	ping_dead lana fd00:2::2
	nothing_was_in_clear
}

# reasons SITE DOMAIN REASON...: their sum.
reasons()
{
	local s=$1 domain=$2 sum=0 reason

	shift 2
	for reason; do
		sum=$((sum + $(node_show "$s" counter "$domain" "$reason")))
	done
	echo "$sum"
}

# Inline: hosts have the node as router for the other sites alone. All else ends at its NICs.
test_inline_all_but_secure_prefixes_is_dropped_and_counted()
{
	local red black

	lab_join a esclusa b "$NODE_B"
	lab_ip lana route replace 10.2.0.0/16 via 10.1.0.1
	lab_ip lana route del default
	lab_ip lana -6 route replace fd00:2::/32 via fd00:1::1
	lab_ip lana -6 route del ::/0 via fd00:1::1
	ping_up lana 10.2.0.2
	tcp_copy lana lanb fd00:2::2 100000
	must_fail at lana ping -n -c 1 -W 1 192.0.2.1
	grep -q 'unreachable' "$LAB_DIR/must_fail.out" || fail "the host has another router"
	wire_open a
	# A host that thinks otherwise.
	lab_route lana 192.0.2.0/24 10.1.0.1
	lab_route lana 2001:db8:99::/64 fd00:1::1
	red=$(reasons a red_xdp not_secure)
	ping_dead lana 192.0.2.1
	ping_dead lana 2001:db8:99::1
	equal "packets of the LAN for elsewhere" "$(($(reasons a red_xdp not_secure) - red))" 4
	must_fail at lana timeout 2 nc -n -w 1 10.1.0.1 22
	[ "$(reasons a red_xdp own_addr)" -gt 0 ] || fail "a connection to the node was not counted"
	# The internet: to the node, and through it.
	lab_route net 10.1.0.0/24 100.64.1.1
	black=$(reasons a black_xdp not_udp not_own_addr)
	ping_dead net 100.64.1.1
	must_fail at net timeout 2 nc -n -w 1 100.64.1.1 22
	ping_dead net 10.1.0.2
	[ "$(($(reasons a black_xdp not_udp not_own_addr) - black))" -ge 5 ] ||
		fail "packets of the internet were not counted"
	ping_all lana 10.2.0.2 -c 3
	wire_close a
	wire_clean a
	node_adds_up a
}
