# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# faults.test.sh: NICs and processes that go and come back, and what a node leaves behind.

# nic_flap SITE DEV
nic_flap()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	lab_ip "$1" link set "$2" down
	sleep 1
	ping_dead lana 10.2.0.2
	kill -0 "${NODE_PID[$1]}" || fail "the node is gone"
	lab_ip "$1" link set "$2" up
	# The kernel forgets IPv6 addresses and routes of a device that was down.
	nic_addresses "$1" "$2"
	ping_up lana 10.2.0.2 60
	ping_up lana fd00:2::2 60
	grep -q "$2" "$LAB_DIR/$1.log" || fail "the log does not name $2"
}

nic_addresses()
{
	local n

	n=$(site_number "$1")
	case $2 in
	red0)
		lab_addr "$1" red0 "10.$n.0.1/24" "fd00:$n::1/64" 2>/dev/null || true
		lab_ip "$1" addr replace "fd00:$n::1/64" dev red0 nodad
		;;
	black0)
		lab_addr "$1" black0 "100.64.$n.1/24" 2>/dev/null || true
		lab_ip "$1" addr replace "2001:db8:$n::1/64" dev black0 nodad
		lab_route "$1" default "100.64.$n.254"
		lab_route "$1" ::/0 "2001:db8:$n::ffff"
		;;
	esac
}

test_black_nic_down_up()
{
	nic_flap a black0
}

test_red_nic_down_up()
{
	nic_flap b red0
}

test_black_nic_deleted_and_recreated()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	lab_ip a link del black0
	sleep 1
	ping_dead lana 10.2.0.2
	lab_link net a0 a black0
	lab_addr net a0 100.64.1.254/24 2001:db8:1::ffff/64
	nic_addresses a black0
	ping_up lana 10.2.0.2 60
	tcp_copy lana lanb 10.2.0.2 1000000
}

test_red_nic_deleted_and_recreated()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	lab_ip b link del red0
	sleep 1
	ping_dead lana 10.2.0.2
	lab_link lanb lan0 b red0
	lab_addr lanb lan0 10.2.0.2/24 fd00:2::2/64
	lab_route lanb default 10.2.0.1
	lab_route lanb ::/0 fd00:2::1
	nic_addresses b red0
	ping_up lana 10.2.0.2 60
	tcp_copy lana lanb 10.2.0.2 1000000
}

# kill_process DOMAIN: nothing leaves while it is dead, and traffic resumes.
kill_process()
{
	local pid restarts

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	pid=$(node_show a pid "$1")
	[ "$pid" -gt 1 ] || fail "no process of $1"
	wire_open a
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.01 -W 1 10.2.0.2
	wait_for 20 grep -q 'icmp_seq=20 ' "$LAB_DIR/ping.log" || fail "no traffic"
	kill -KILL "$pid"
	wait_for 20 pid_gone "$pid" || fail "it is not dead"
	ping_up lana 10.2.0.2 60
	[ "$(node_show a pid "$1")" != "$pid" ] || fail "the same process id"
	restarts=$(node_show a field restarts)
	[ "$restarts" -ge 1 ] || fail "no restart counted"
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana fd00:1::2 1000000
	wire_close a
	wire_clean a
	node_frames a
}

test_kill_red_process()
{
	kill_process red
}

test_kill_crypto_process()
{
	kill_process crypto
}

# Killed as a whole, the node leaves its programs on the NICs: nothing passes, nothing leaks.
handshake_after()
{
	[ "$(node_handshake "$1")" -gt "$2" ]
}

# Nobody sends anything: the handshake is the restarted node's own doing, so a peer that only
# sends to it does not wait for its own timers, of which the first comes after 15 s.
test_restarted_node_calls_its_peers()
{
	local before

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa b
	ping_up lana 10.2.0.2
	before=$(node_handshake a)
	sleep 1.1
	kill -KILL "$(node_show b pid crypto)"
	wait_for 13 handshake_after a "$before" || fail "the peer heard nothing within 13 s"
	at lana ping -n -c 10 -i 0.2 -W 2 10.2.0.2 || fail "no traffic after the restart"
}

test_kill_control_fails_closed()
{
	local domain pid pids=()

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	lab_forward a
	for domain in red crypto; do
		pids+=("$(node_show a pid $domain)")
	done
	kill -KILL "${NODE_PID[a]}"
	wait "${NODE_PID[a]}" 2>/dev/null || true
	for pid in "${pids[@]}"; do
		wait_for 20 pid_gone "$pid" || fail "process $pid outlived control"
	done
	sleep 0.5
	wire_open a
	ping_dead lana 10.2.0.2
	ping_dead lana 100.64.1.254
	ping_dead lana fd00:2::2
	wire_close a
	equal "frames other than ARP and ND" "$(($(wire a count other) + $(wire a count data)))" 0
	must_fail lab_ip a link set black0 xdp off
	# The next instance takes over what the dead one left.
	node_start a esclusa
	ping_up lana 10.2.0.2 60
}

# What a node does to a machine is undone when it stops, and all its packet buffers are back.
test_clean_stop()
{
	local name s before

	lab_site a
	lab_site b
	before=$(leftovers a)
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	iperf lana lanb 10.2.0.2 -t 2 -P 4
	udp_copy lanb lana 10.1.0.2 200 1000
	node_adds_up a b
	for s in a b; do
		name=$(node_name $s)
		node_stop $s || fail "node $s ended with $?"
		grep -Eq 'frames: red ([0-9]+) of \1 home, black ([0-9]+) of \2 home' "$LAB_DIR/$s.log" ||
			fail "frames were lost: $(tail -n 3 "$LAB_DIR/$s.log")"
		[ ! -e "/var/run/wireguard/$name.sock" ] || fail "the wg socket is left"
		[ ! -e "/sys/fs/bpf/esclusa/$name" ] || fail "pins are left"
		compgen -G "/run/esclusa/$name.*" >/dev/null && fail "files in /run are left"
		equal "processes left" "$(ip netns pids "$LAB_TAG-$s")" ""
	done
	wait_for 10 nothing_left_in a "$before" ||
		equal "programs, qdiscs and sockets" "$(leftovers a)" "$before"
}

# The kernel takes some of it away a little later.
nothing_left_in()
{
	[ "$(leftovers "$1")" = "$2" ]
}

# XDP programs, qdiscs, listening and packet sockets of a site's node namespace.
leftovers()
{
	lab_ip "$1" -o link | grep -o 'prog/xdp.*id [0-9]*' || true
	at "$1" tc qdisc | grep -v noqueue || true
	at "$1" ss -Hanx | grep -c "$(node_name "$1")" || true
	at "$1" ss -Htuln
}

# Stopping in the middle of traffic must not lose a frame either.
test_stop_under_load()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	bg lanb "$LAB_DIR/iperf.server" iperf3 -s -1
	wait_for 20 listens lanb 5201 || fail "iperf3 does not listen"
	bg lana "$LAB_DIR/iperf.client" iperf3 -c 10.2.0.2 -t 10 -P 4
	sleep 2
	node_stop a || fail "node a ended with $?"
	grep -Eq 'frames: red ([0-9]+) of \1 home, black ([0-9]+) of \2 home' "$LAB_DIR/a.log" ||
		fail "frames were lost: $(tail -n 3 "$LAB_DIR/a.log")"
	node_start a esclusa
	ping_up lana 10.2.0.2 60
}

test_second_instance_is_refused()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	must_exit 1 at a "$ESCLUSA" run "$LAB_DIR/a.conf"
	grep -q "running" "$LAB_DIR/must_exit.out" || fail "it does not say why: $(cat "$LAB_DIR/must_exit.out")"
	ping_all lana 10.2.0.2 -c 3
}

# A restarted node finds its peer again, and its handshakes are not taken for old ones.
test_restart()
{
	local i

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	for i in 1 2 3; do
		node_stop a || fail "stop $i: $?"
		node_start a "$NODE_A"
		ping_up lana 10.2.0.2
	done
	node_stop b || fail "stop of b: $?"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 60
}

# An idle node uses next to no processor time: ticks (1/100 s) in 5 s, of all its processes.
test_idle_node_is_idle()
{
	local before after

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	sleep 1
	before=$(cpu_ticks a)
	sleep 5
	after=$(cpu_ticks a)
	[ $((after - before)) -le 10 ] || fail "$((after - before)) ticks of 500 while idle"
}

cpu_ticks()
{
	local domain total=0 ticks

	for domain in control red crypto; do
		ticks=$(awk '{ print $14 + $15 }' "/proc/$(node_show "$1" pid $domain)/stat")
		total=$((total + ticks))
	done
	echo $total
}
