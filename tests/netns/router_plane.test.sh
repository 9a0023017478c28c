# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router_plane.test.sh: router mode follows the machine that it runs on (R4, R10): routes,
# neighbours and NICs that change, many that are asked for, nothing that happens.

plane_lab()
{
	router_needs_esclusa
	lab_internet
	router_start
	wait_for 20 reaches "$SRV4"
	wait_for 20 reaches "$SRV6"
}

reaches()
{
	at lana ping -n -q -c 1 -W 1 "$1" >/dev/null
}

# plane_map NAME: how many entries a map of node a has.
plane_map()
{
	bpftool -j map dump pinned "/sys/fs/bpf/esclusa/$(node_name a)/$1" |
		python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'
}

plane_map_below()
{
	[ "$(plane_map "$1")" -lt "$2" ]
}

test_router_follows_another_gateway()
{
	plane_lab
	at net sysctl -qw net.ipv4.conf.a0.promote_secondaries=1
	lab_addr net a0 100.64.1.253/24 2001:db8:1::fffd/64
	lab_route a default 100.64.1.253
	lab_route a ::/0 2001:db8:1::fffd
	lab_ip net addr del 100.64.1.254/24 dev a0
	lab_ip net addr del 2001:db8:1::ffff/64 dev a0
	lab_route net 2001:db8:a1::/64 "$OWN6"
	wait_for 20 reaches "$SRV4"
	wait_for 20 reaches "$SRV6"
	router_fine
}

test_router_follows_a_gateway_with_another_mac()
{
	plane_lab
	lab_ip net link set a0 address 02:00:00:00:00:77
	at net arping -q -c 2 -U -I a0 100.64.1.254 2>/dev/null || lab_ip a neigh flush dev black0
	lab_route net 2001:db8:a1::/64 "$OWN6"
	wait_for 30 reaches "$SRV4"
	router_fine
}

test_router_without_a_route_sends_nothing()
{
	plane_lab
	lab_ip a route del default
	lab_ip a -6 route del default
	wait_for 20 plane_silent "$SRV4"
	wait_for 20 plane_silent "$SRV6"
	lab_route a default 100.64.1.254
	lab_route a ::/0 2001:db8:1::ffff
	wait_for 20 reaches "$SRV4"
	wait_for 20 reaches "$SRV6"
	lab_ip a route add blackhole 198.51.100.0/24
	wait_for 20 plane_silent "$SRV4"
	ping_dead lana "$SRV4"
	router_fine
}

plane_silent()
{
	! reaches "$1"
}

test_router_black_nic_comes_back()
{
	plane_lab
	lab_ip a link del black0
	wait_for 20 plane_silent "$SRV4"
	lab_link net a0 a black0
	lab_addr a black0 "$OWN4/24" "$OWN6/64"
	lab_addr net a0 100.64.1.254/24 2001:db8:1::ffff/64
	lab_route a default 100.64.1.254
	lab_route a ::/0 2001:db8:1::ffff
	lab_route net 2001:db8:a1::/64 "$OWN6"
	wait_for 30 reaches "$SRV4"
	wait_for 30 reaches "$SRV6"
}

# What is pinned stays, and drops everything when control does not say that it is alive.
test_router_control_is_killed()
{
	plane_lab
	kill -KILL "$(node_show a pid control)"
	wait "${NODE_PID[a]}" 2>/dev/null || true
	unset "NODE_PID[a]"
	wait_for 30 plane_silent "$SRV4"
	ping_dead lana "$SRV4"
	router_start
	wait_for 20 reaches "$SRV4"
	wait_for 20 reaches "$SRV6"
}

# A host that scans the black link asks for more neighbours than control shall ask for.
test_router_scan_of_the_link_is_bounded()
{
	local ticks

	router_needs_esclusa
	lab_internet
	lab_ip a addr del 100.64.1.1/24 dev black0
	lab_addr a black0 100.64.1.1/16
	lab_route a default 100.64.1.254
	router_start
	wait_for 20 reaches "$SRV4"
	ticks=$(control_ticks a)
	at lana python3 - <<-'EOS'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for i in range(20000):
		    s.sendto(b"x", (f"100.64.{2 + i // 250}.{1 + i % 250}", 9))
	EOS
	keeps_gateway || fail "the gateway is lost while somebody scans"
	sleep 3
	keeps_gateway || fail "the gateway is lost after a scan"
	ticks=$(($(control_ticks a) - ticks))
	[ "$ticks" -le 100 ] || fail "control needed $ticks ticks of 100 for a scan"
	wait_for 60 plane_map_below black_neigh 64 ||
		fail "$(plane_map black_neigh) neighbours stay in the program's table"
	router_fine
}

# One packet may be lost in a full queue.
keeps_gateway()
{
	at lana ping -n -q -c 5 -i 0.05 -W 1 "$SRV4" >/dev/null
}

control_ticks()
{
	awk '{ print $14 + $15 }' "/proc/$(node_show "$1" pid control)/stat"
}

test_router_idle_is_idle()
{
	local before after

	plane_lab
	sleep 1
	before=$(cpu_ticks a)
	sleep 5
	after=$(cpu_ticks a)
	[ $((after - before)) -le 10 ] || fail "$((after - before)) ticks of 500 while idle"
}
