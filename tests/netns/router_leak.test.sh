# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router_leak.test.sh: everything at once, and nothing of the LAN in clear on the black side: users
# beside and inside of tunnels, a fuzzer on both NICs, processes that die (R5, fail closed).
#
# LEAK_SECONDS=600 for the long run. The seed is printed; LEAK_SEED repeats it.

LEAK_SECONDS=${LEAK_SECONDS:-30}
LEAK_SEED=${LEAK_SEED:-$$}

# loop NS COMMAND...: again and again until the lab closes.
loop()
{
	(
		while :; do
			at "$@" >/dev/null 2>&1 </dev/null
			sleep 0.05
		done
	) &
}

users()
{
	local to

	random_file big 2000000
	for to in "$SRV4" "$SRV6"; do
		loop lana curl -s --globoff --max-time 5 -o /dev/null "$(url "$to" big)"
		loop lana ping -n -q -i 0.01 -c 50 -W 1 "$to"
	done
	for to in 10.2.0.2 fd00:2::2; do
		loop lana ping -n -q -i 0.01 -c 50 -W 1 -s 1000 "$to"
		loop lana curl -s --globoff --max-time 2 -o /dev/null "$(url "$to" big)"
	done
	loop lanb ping -n -q -i 0.05 -c 20 -W 1 10.1.0.2
	loop lana sh -c "echo x | nc -n -u -w 1 $SRV4 3478"
	loop lana sh -c "echo x | nc -n -u -w 1 10.2.0.2 3478"
}

# deaths SECONDS: red, crypto and now and then control are killed.
deaths()
{
	local end=$((SECONDS + $1)) turn=0 domain

	while [ "$SECONDS" -lt "$end" ]; do
		sleep 1.5
		turn=$((turn + 1))
		case $((turn % 6)) in
		0)
			kill -KILL "${NODE_PID[a]}"
			wait_for 20 pid_gone "${NODE_PID[a]}"
			sleep 0.5
			router_start
			;;
		[135]) domain=crypto ;;
		*) domain=red ;;
		esac
		[ $((turn % 6)) = 0 ] || node_kill a "$domain"
	done
}

fuzz()
{
	bg a "$LAB_DIR/fuzz-$1" env PYTHONDONTWRITEBYTECODE=1 \
		python3 "$LAB_HERE/router_fuzz.py" "$LAB_TAG" "$1" "$2" $(($2 * 200)) "$LEAK_SEED"
	eval "FUZZ_$1=$BG"
}

fuzzed()
{
	local pid

	eval "pid=\$FUZZ_$1"
	wait "$pid" || fail "the fuzzer broke: $(cat "$LAB_DIR/fuzz-$1")"
	echo "frames of the $1's fuzzer: $(cat "$LAB_DIR/fuzz-$1")"
}

# wire_tells SITE [SPLIT TUNNELLED]: see router_wire.py.
wire_tells()
{
	PYTHONDONTWRITEBYTECODE=1 python3 "$LAB_HERE/router_wire.py" "$LAB_DIR/wire-$1.pcap" "${@:2}"
}

LIMIT[router_leak]=$((LEAK_SECONDS + 90))
test_router_leak()
{
	TUNNEL_RULES=('[Split]' "Deny = udp 53 to 198.51.100.3" '[Firewall]'
		"Forward = tcp 8080 to 10.1.0.2:80" "Open = tcp 443 to 2001:db8:a1::2" "Local = dhcp, dns")
	tunnel_lab
	internet lanb
	echo "seed $LEAK_SEED"
	wire_open a
	users
	fuzz lan "$LEAK_SECONDS"
	fuzz internet "$LEAK_SECONDS"
	deaths "$((LEAK_SECONDS - 2))"
	fuzzed lan
	fuzzed internet
	wire_close a
	wire_tells a 1000 1000 || fail "the wire tells of the LAN"
	ping_up lana 10.2.0.2 60
	[ "$(whose lana "$SRV4")" = "$OWN4" ] || fail "the internet is not there any more"
	equal "broken promises" "$(node_show a violations)" 0
}

# The first firewall has lost its wits (a build of its own): it takes everything for internet
# traffic that may leave. The guard behind it lets nothing out that it must not.
test_router_leak_without_classifier()
{
	local blind=$BUILD/blind/esclusa

	router_needs_esclusa
	[ -x "$blind" ] || fail "there is no $blind: make blind-bin"
	lab_internet
	router_rules '[Split]' "Deny = udp 53"
	node_config b
	node_peer a b
	ESCLUSA=$blind node_start a esclusa # its red domain knows no flows: no answer comes back
	wire_open a
	at lana ping -n -q -c 20 -i 0.05 -W 1 10.2.0.2 || true
	at lana ping -n -q -c 20 -i 0.05 -W 1 fd00:2::2 || true
	get_fails lana 10.2.0.2 who
	echo x | at lana nc -n -u -w 1 "$SRV4" 53
	at lana ping -n -q -c 20 -i 0.05 -W 1 "$SRV4" || true
	LEAK_SECONDS=8
	fuzz lan "$LEAK_SECONDS"
	fuzzed lan
	wire_close a
	[ "$(node_show a counter black_out secure)" -ge 40 ] ||
		fail "the guard saw nothing secure: the classifier is at work"
	[ "$(node_show a counter black_out denied)" -ge 1 ] || fail "the guard let a denied packet out"
	equal "secure packets to red" "$(node_show a counter red_xdp to_red)" 0
	wire_tells a 15 0 || fail "the wire tells of the LAN"
}

# The judge itself: the kernel's router, which knows no secure prefixes, and a LAN without NAT.
test_router_leak_would_be_found()
{
	lab_internet
	ROUTER_KIND=nftables
	router_start
	internet
	wire_open a
	whose lana "$SRV4" >/dev/null
	wire_close a
	tcpdump -r "$LAB_DIR/wire-a.pcap" -w "$LAB_DIR/wire-usual.pcap" "not ip6 multicast" 2>/dev/null
	wire_tells usual 3 0 || fail "a usual router's wire is refused"
	wire_open a
	at lana ping -n -q -c 1 -W 1 10.2.0.2 || true
	wire_close a
	must_fail wire_tells a
	grep -q "address 10.2.0.2" "$LAB_DIR/must_fail.out" || fail "$(cat "$LAB_DIR/must_fail.out")"
	at a nft delete chain inet router after
	wire_open a
	at lana ping -n -q -c 1 -W 1 "$SRV4" || true
	wire_close a
	must_fail wire_tells a
	grep -q "address 10.1.0.2" "$LAB_DIR/must_fail.out" || fail "$(cat "$LAB_DIR/must_fail.out")"
}
