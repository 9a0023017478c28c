# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router.test.sh: a small site's users behind a node in router mode (R5, R10, R11): the clients and
# servers that people use, none of them configured for it.

router_lab()
{
	lab_internet
	[ $# -eq 0 ] || lab_hosts "$1"
	router_start
	internet
}

# copies ADDRESS: a file down and one up, both whole.
copies()
{
	random_file big 20000000
	equal "digest of the download from $1" \
		"$(get lana "$1" big | sha256sum | cut -d' ' -f1)" "$DIGEST"
	equal "digest of the upload to $1" "$(get lana "$1" up -T "$LAB_DIR/www/big")" "$DIGEST"
}

test_router_http_ipv4()
{
	router_lab
	copies "$SRV4"
	equal "source that the server sees" "$(whose lana "$SRV4")" "$OWN4"
	router_fine
}

test_router_http_ipv6()
{
	router_lab
	copies "$SRV6"
	equal "source that the server sees" "$(whose lana "$SRV6")" 2001:db8:a1::2
	router_fine
}

test_router_dns_over_udp()
{
	local server

	router_lab
	bg srv "$LAB_DIR/dns.log" dnsmasq -k -d -C /dev/null -R -h --pid-file= \
		--address=/www.example/"$SRV4" --address=/www.example/"$SRV6"
	wait_for 30 grep -q started "$LAB_DIR/dns.log" || fail "dnsmasq: $(cat "$LAB_DIR/dns.log")"
	for server in $SRV4 $SRV6; do
		wait_for 30 at lana busybox nslookup www.example "$server" >"$LAB_DIR/dns.out" ||
			fail "no answer from $server: $(cat "$LAB_DIR/dns.out" "$LAB_DIR/dns.log")"
		grep -q "Address.*$SRV4" "$LAB_DIR/dns.out" || fail "$(cat "$LAB_DIR/dns.out")"
	done
	at lana busybox nslookup nothing.example "$SRV4" && fail "a name that does not exist resolves"
	return 0
}

test_router_ping()
{
	router_lab
	ping_all lana "$SRV4" -c 20
	ping_all lana "$SRV6" -c 20
	ping_all lana "$SRV4" -c 5 -s 1472 -M "do"
	ping_all lana "$SRV6" -c 5 -s 1452 -M "do"
	ping_all lana 10.1.0.1 -c 5
	ping_all lana 100.64.1.254 -c 5
	ping_dead lana 198.51.100.77
}

# hops ADDRESS OPTIONS...: the addresses on the way, in a line.
hops()
{
	local to=$1

	shift
	at lana traceroute -n -q 1 -w 20 -m 5 "$@" "$to" >"$LAB_DIR/hops" 2>&1 ||
		fail "traceroute $* $to: $(cat "$LAB_DIR/hops")"
	awk 'NR > 1 { printf "%s%s", sep, $2; sep = " " }' "$LAB_DIR/hops"
}

test_router_traceroute()
{
	local how

	router_lab
	for how in "" -I "-T -p 80"; do
		# shellcheck disable=SC2086
		equal "hops by IPv4, traceroute $how" "$(hops $SRV4 $how)" \
			"10.1.0.1 100.64.1.254 $SRV4"
		# shellcheck disable=SC2086
		equal "hops by IPv6, traceroute $how" "$(hops $SRV6 $how)" \
			"2001:db8:a1::1 2001:db8:1::ffff $SRV6"
	done
}

# How fast it is, bench/run says. UDP is slow enough for a receiver that waits for its processor.
test_router_iperf()
{
	local to how

	router_lab
	for to in $SRV4 $SRV6; do
		for how in "" -R --bidir; do
			# shellcheck disable=SC2086
			iperf lana srv $to -n 50M -P 2 $how
			[ "$(iperf_bytes)" -ge 25000000 ] || fail "iperf3 $how to $to: $(iperf_bytes) bytes"
		done
		iperf lana srv "$to" -u -b 10M -l 1200 -n 1200000
		[ "$(iperf_bytes)" -ge 900000 ] || fail "iperf3 -u to $to: $(iperf_bytes) bytes of 1200000"
	done
	router_fine
}

# What the receiver got.
iperf_bytes()
{
	python3 -c 'import json, sys
end = json.load(open(sys.argv[1]))["end"]
print(end.get("sum_received", end.get("sum"))["bytes"])' "$LAB_DIR/iperf.json"
}

# A link of 1300 somewhere: those before it say so, to the node, and the node to whom it concerns.
test_router_path_mtu()
{
	local to

	lab_internet
	lab_far 1300
	router_start
	internet srv3
	random_file big 5000000
	for to in 203.0.113.2 2001:db8:e::2; do
		equal "digest of the download from $to" \
			"$(get lana $to big | sha256sum | cut -d' ' -f1)" "$DIGEST"
		at srv3 ip route get "$([ $to = 203.0.113.2 ] && echo "$OWN4" || echo 2001:db8:a1::2)" |
			grep -q "mtu 1300" || fail "the server did not learn it"
		forget_mtu srv3 # or it would ask for small segments
		equal "digest of the upload to $to" "$(get lana $to up -T "$LAB_DIR/www/big")" "$DIGEST"
		at lana ip route get $to | grep -q "mtu 1300" ||
			fail "the host did not learn it: $(at lana ip route get $to)"
	done
	must_fail at lana ping -n -c 1 -W 1 -M "do" -s 1400 203.0.113.2
	ping_all lana 203.0.113.2 -c 3 -s 1272 -M "do"
	ping_all lana 2001:db8:e::2 -c 3 -s 1252 -M "do"
}

# The black NIC itself is the narrow one: the node says so.
test_router_black_mtu()
{
	local to

	lab_internet
	lab_mtu a black0 1400
	lab_mtu net a0 1400
	router_start
	internet
	must_fail at lana ping -n -c 1 -W 20 -M "do" -s 1400 "$SRV4"
	grep -q "From 10.1.0.1 .*mtu = 1400" "$LAB_DIR/must_fail.out" ||
		fail "no word about it: $(cat "$LAB_DIR/must_fail.out")"
	must_fail at lana ping -n -c 1 -W 20 -M "do" -s 1400 "$SRV6"
	grep -q "From 2001:db8:a1::1 .*[Pp]acket too big: mtu=1400" "$LAB_DIR/must_fail.out" ||
		fail "no word about it: $(cat "$LAB_DIR/must_fail.out")"
	for to in $SRV4 $SRV6; do
		copies "$to"
	done
}

# A service, and a range of ports as FTP's passive mode uses it.
test_router_port_forwards()
{
	local port

	lab_internet
	lab_hosts 2
	router_rules '[Firewall]' "Forward = tcp 8080 to 10.1.0.2:80" \
		"Forward = tcp 5000-5009 to 10.1.0.3:5000" \
		"Forward = tcp 8081 to 10.1.0.2:80 from 198.51.100.3/32" \
		"Open = tcp 80 to 2001:db8:a1::2"
	router_start
	internet lana
	random_file big 3000000
	equal "digest through the port forward" \
		"$(get srv "$OWN4":8080 big | sha256sum | cut -d' ' -f1)" "$DIGEST"
	equal "digest through the opening" \
		"$(get srv 2001:db8:a1::2 big | sha256sum | cut -d' ' -f1)" "$DIGEST"
	equal "source that the LAN's server sees" "$(whose srv "$OWN4":8080)" "$SRV4"
	get_fails srv "$OWN4":80 big
	get_fails srv "$OWN4":8081 who
	equal "source that may" "$(get srv "$OWN4":8081 who --interface 198.51.100.3 | sed 's/ .*//')" \
		198.51.100.3
	get_fails srv 2001:db8:a1::3 who
	for port in 5000 5004 5009; do
		at lana2 timeout 60 nc -n -l 10.1.0.3 $port >"$LAB_DIR/got" </dev/null &
		wait_for 20 listens lana2 $port
		echo "port $port" | at srv timeout 40 nc -n -N "$OWN4" $port || fail "port $port"
		wait $!
		equal "what came to port $port" "$(cat "$LAB_DIR/got")" "port $port"
	done
	must_fail at srv nc -n -z -w 1 "$OWN4" 5010
	router_fine
}

# Each host gets a file, its own answers, and nobody else's.
LIMIT[router_fifty_hosts]=120
test_router_fifty_hosts()
{
	local i host what pids=()

	router_lab 50
	random_file big 300000
	for ((i = 1; i <= 50; i++)); do
		host=lana$i
		[ "$i" -gt 1 ] || host=lana
		{
			get $host "$SRV4" big | sha256sum
			ping_up $host "$SRV4" 60 # others' downloads may fill the NIC's queue
			get $host "$SRV6" who
		} >"$LAB_DIR/$host.out" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	for ((i = 1; i <= 50; i++)); do
		host=lana$i
		[ "$i" -gt 1 ] || host=lana
		for what in "$DIGEST" "^2001:db8:a1::$(printf '%x' $((i + 1))) "; do
			grep -q "$what" "$LAB_DIR/$host.out" ||
				fail "$host: no $what in $(cat "$LAB_DIR/$host.out")"
		done
	done
	router_fine
}

# RFC 8981: a host takes a new address; what it began with the old one goes on.
test_router_privacy_addresses()
{
	local slow

	router_lab
	bg lana "$LAB_DIR/slow" curl -sS -N --globoff --interface 2001:db8:a1::2 "$(url "$SRV6" slow)"
	slow=$BG
	wait_for 30 test -s "$LAB_DIR/slow" || fail "the download does not begin"
	lab_ip lana addr add 2001:db8:a1:0:9c1d:4bff:fe77:1234/64 dev lan0 nodad
	lab_ip lana addr change 2001:db8:a1::2/64 dev lan0 preferred_lft 0
	equal "source of new connections" "$(whose lana "$SRV6")" 2001:db8:a1:0:9c1d:4bff:fe77:1234
	slow_goes_on || fail "what the old address began does not go on"
	kill "$slow"
}

# The provider gives another address: what was open ends, what begins works, and says so at once.
test_router_black_address_changes()
{
	local slow

	router_lab
	bg lana "$LAB_DIR/slow" curl -sS -N --max-time 60 "$(url "$SRV4" slow)"
	slow=$BG
	wait_for 30 test -s "$LAB_DIR/slow" || fail "the download does not begin"
	lab_ip a addr del 100.64.1.1/24 dev black0
	lab_ip a addr add 100.64.1.9/24 dev black0
	lab_route a default 100.64.1.254
	wait_for 40 eval "[ \"\$(whose lana $SRV4)\" = 100.64.1.9 ]" ||
		fail "nothing works with the new address"
	equal "source of new connections" "$(whose lana "$SRV4")" 100.64.1.9
	sniff net a0 1 -Q in "src host 100.64.1.1"
	get lana "$SRV4" who >/dev/null
	sniffed 2 | grep -q "100.64.1.1" && fail "packets leave with the old address: $(sniffed 0)"
	kill "$slow" 2>/dev/null || true
	copies "$SRV6"
}

# Neither the node's own host name nor its services are there for the internet; and none of the
# LAN's hosts.
test_router_keeps_strangers_out()
{
	local to

	router_lab
	internet lana
	for to in 2001:db8:a1::2 $OWN6 $OWN4; do
		ping_dead srv "$to"
		get_fails srv "$to" who
	done
	must_fail at net ping -n -c 2 -i 0.3 -W 1 2001:db8:a1::2
	lab_route net 10.1.0.0/24 "$OWN4" # somebody near who tries it straight
	ping_dead net 10.1.0.2
	get_fails net 10.1.0.2 who
	ping_all lana "$SRV4" -c 5
}
