# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# mtu.test.sh: packets that do not fit, and how hosts learn it. The tunnel's MTU is the black
# NIC's less 80 bytes, whatever the outer family.

# black_mtu SITE BYTES: both ends of the cable.
black_mtu()
{
	lab_mtu "$1" black0 "$2"
	lab_mtu net "${1}0" "$2"
}

# fits NS ADDRESS MTU: a packet of that size passes unfragmented, one byte more is answered with the
# MTU, and afterwards the host knows it.
fits()
{
	local ns=$1 to=$2 mtu=$3 header=28

	[[ $to != *:* ]] || header=48
	ping_all "$ns" "$to" -c 3 -s $((mtu - header)) -M "do"
	must_fail at "$ns" ping -n -c 1 -W 10 -s $((mtu - header + 1)) -M "do" "$to"
	grep -Eqi "mtu ?=? ?$mtu|too (big|long)" "$LAB_DIR/must_fail.out" ||
		fail "no word about the MTU: $(cat "$LAB_DIR/must_fail.out")"
	grep -q "mtu $mtu" <<<"$(at "$ns" ip route get "$to")" ||
		fail "$ns did not learn MTU $mtu: $(at "$ns" ip route get "$to")"
}

forget_mtu()
{
	lab_ip "$1" route flush cache
	lab_ip "$1" -6 route flush cache
}

test_path_mtu()
{
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	fits lana 10.2.0.2 1420
	fits lana fd00:2::2 1420
	fits lanb 10.1.0.2 1420
	fits lanb fd00:1::2 1420
}

test_path_mtu_black_1400()
{
	lab_site a
	lab_site b
	black_mtu a 1400
	black_mtu b 1400
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	fits lana 10.2.0.2 1320
	fits lana fd00:2::2 1320
	tcp_copy lana lanb 10.2.0.2 2000000
	tcp_copy lanb lana fd00:1::2 2000000
}

test_mtu_changes_while_running()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	fits lana 10.2.0.2 1420
	black_mtu a 1360
	black_mtu b 1360
	wait_for 20 too_big_now 10.2.0.2 1281 || fail "the nodes do not notice"
	forget_mtu lana
	fits lana 10.2.0.2 1280
	fits lana fd00:2::2 1280
	tcp_copy lana lanb 10.2.0.2 1000000
	black_mtu a 1500
	black_mtu b 1500
	wait_for 20 passes_now 10.2.0.2 1420 || fail "the nodes do not notice"
	forget_mtu lana
	fits lana 10.2.0.2 1420
}

# too_big_now ADDRESS BYTES: says a node to lana. passes_now: both ways.
too_big_now()
{
	local out

	forget_mtu lana
	out=$(at lana ping -n -c 1 -W 1 -s $(($2 - 28)) -M "do" "$1" 2>&1) || true
	[[ $out == *mtu* ]]
}

passes_now()
{
	forget_mtu lana
	at lana ping -n -c 1 -W 1 -s $(($2 - 28)) -M "do" "$1" >/dev/null 2>&1
}

# 3500 is about what a veth pair takes while an XDP program is attached.
test_mtu_jumbo()
{
	local s

	lab_site a
	lab_site b
	for s in a b; do
		black_mtu $s 3500
		lab_mtu $s red0 3500
		lab_mtu lan$s lan0 3500
	done
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	fits lana 10.2.0.2 3420
	fits lana fd00:2::2 3420
	tcp_copy lana lanb 10.2.0.2 4000000
	tcp_copy lanb lana fd00:1::2 4000000
}

# Hosts that ignore ICMP still get through: SYNs are clamped on their way.
test_mss_is_clamped()
{
	local family to

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	for family in 4 6; do
		to=10.2.0.2
		[ $family = 4 ] || to=fd00:2::2
		sniff lanb lan0 1 'dst port 5001 and (tcp[13] & 2 != 0 or ip6[53] & 2 != 0)'
		tcp_copy lana lanb $to 1000
		sniffed | grep -q "mss $((1420 - (family == 4 ? 40 : 60)))" ||
			fail "SYN is not clamped: $(sniffed)"
	done
	[ "$(node_show a field mss_clamped)" -ge 2 ] || fail "no clamped SYN counted"
}

# Path MTU beyond the node: a link of 1300 behind LAN B's host.
test_too_big_from_remote_lan()
{
	lab_site a
	lab_site b
	lab_mtu b red0 1300
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	fits lana 10.2.0.2 1300
	fits lana fd00:2::2 1300
}
