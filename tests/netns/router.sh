# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router.sh: site a in router mode, and an internet with a server. Part of lab.sh.
#
#	lab_internet              site a and the server; then, where needed:
#	lab_hosts 3               LAN hosts lana, lana2, lana3 behind a switch "swa"
#	lab_far 1300              a server behind a link of this MTU
#	router_rules '[Split]' 'Deny = udp 53 to 192.0.2.0/24'
#	                          lines into the node's file; peers by node_peer
#	router_start              node a works
#	router_reload             its file is read again
#
#	lanaN  lan0    10.1.0.(N+1)/24  fd00:1::(N+1)/64  2001:db8:a1::(N+1)/64 (hexadecimal)
#	a      red0    10.1.0.1         fd00:1::1         2001:db8:a1::1
#	       black0  100.64.1.1       2001:db8:1::1
#	net            routes; knows nothing of 10.1.0.0/24 and fd00:1::/64
#	srv    eth0    198.51.100.2, .3  2001:db8:f::2, ::3
#	far, srv3      203.0.113.2       2001:db8:e::2
#
# ROUTER_KIND=nftables puts the kernel's own router in the node's place, with the same rules: what
# shows that a test can pass without esclusa, and what it is that esclusa does differently.

ROUTER_KIND=${ROUTER_KIND:-esclusa}
OWN4=100.64.1.1
OWN6=2001:db8:1::1
SRV4=198.51.100.2
SRV6=2001:db8:f::2

lab_internet()
{
	NODE_MODE=router
	lab_site a
	lab_server srv net 198.51.100 2001:db8:f
	lab_addr srv eth0 198.51.100.3/24
	lab_ip srv addr add 2001:db8:f::3/64 dev eth0 nodad preferred_lft 0
	lab_addr a red0 2001:db8:a1::1/64
	lab_addr lana lan0 2001:db8:a1::2/64
	lab_route lana ::/0 2001:db8:a1::1
	lab_route net 2001:db8:a1::/64 "$OWN6"
	node_config a
}

# lab_server NS ROUTER NETWORK4 NETWORK6: the server is .2, the router .1.
lab_server()
{
	lab_ns "$1"
	lab_link "$2" "${1}0" "$1" eth0
	lab_addr "$2" "${1}0" "$3.1/24" "$4::1/64"
	lab_addr "$1" eth0 "$3.2/24" "$4::2/64"
	lab_route "$1" default "$3.1"
	lab_route "$1" ::/0 "$4::1"
}

# lab_far MTU: srv3, behind a router "far", behind a link of that MTU.
lab_far()
{
	lab_ns far
	lab_forward far
	lab_link net far0 far eth0
	lab_addr net far0 192.0.2.1/24 2001:db8:d::1/64
	lab_addr far eth0 192.0.2.2/24 2001:db8:d::2/64
	lab_mtu net far0 "$1"
	lab_mtu far eth0 "$1"
	lab_route far default 192.0.2.1
	lab_route far ::/0 2001:db8:d::1
	lab_server srv3 far 203.0.113 2001:db8:e
	lab_route net 203.0.113.0/24 192.0.2.2
	lab_route net 2001:db8:e::/64 2001:db8:d::2
}

# A switch between the node and its LAN hosts. Before the node starts: the cable is a new one.
lab_hosts()
{
	local i host

	lab_ip a link del red0
	lab_ns swa
	lab_ip swa link add br0 type bridge mcast_snooping 0
	lab_ip swa link set br0 up
	lab_link swa node a red0 "$LAB_QUEUES"
	lab_ip swa link set node master br0
	lab_addr a red0 10.1.0.1/24 fd00:1::1/64 2001:db8:a1::1/64
	for ((i = 1; i <= $1; i++)); do
		host=lana$i
		[ "$i" -gt 1 ] && lab_ns "$host" || host=lana
		lab_link swa "p$i" "$host" lan0
		lab_ip swa link set "p$i" master br0
		lab_host "$host" $((i + 1))
	done
}

# lab_host NS NUMBER: addresses and routes of a LAN host of site a.
lab_host()
{
	local hex

	hex=$(printf '%x' "$2")
	lab_addr "$1" lan0 "10.1.0.$2/24" "fd00:1::$hex/64" "2001:db8:a1::$hex/64"
	lab_route "$1" default 10.1.0.1
	lab_route "$1" ::/0 2001:db8:a1::1
}

# router_rules [SECTION] LINE...
router_rules()
{
	printf '%s\n' "$@" >>"$LAB_DIR/a.conf"
}

router_start()
{
	router_hosts_tell
	case $ROUTER_KIND in
	esclusa)
		node_start a esclusa
		router_neighbours
		;;
	nftables)
		lab_forward a
		router_nft
		;;
	esac
}

# Kernels limit how many ICMP errors they send, Linux up to 6.12 in all namespaces together: what one
# lab provokes would be missing in another.
router_hosts_tell()
{
	local ns

	for ns in "${LAB_NS[@]}"; do
		at "$ns" sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratemask=
	done
}

# A packet for a neighbour whose MAC address is not known yet is lost; where a test counts packets,
# that shall not be the first of them.
router_neighbours()
{
	local ns pids=()

	for ns in "${LAB_NS[@]}"; do
		case $ns in
		lana*)
			{
				router_neighbour "$ns" "$SRV4"
				router_neighbour "$ns" "$SRV6"
			} &
			pids+=($!)
			;;
		esac
	done
	wait "${pids[@]}"
}

router_neighbour()
{
	wait_for 20 router_answers "$1" "$2" || true
}

# router_answers NS ADDRESS: the server does, or the node says that it must not.
router_answers()
{
	local out

	! out=$(at "$1" ping -n -c 1 -W 0.2 "$2" 2>&1) || return 0
	grep -q "^From 10.1.0.1 \|^From 2001:db8:a1::1 " <<<"$out"
}

router_nft()
{
	python3 "$LAB_HERE/router_nft.py" "$LAB_DIR/a.conf" >"$LAB_DIR/a.nft"
	at a nft -f "$LAB_DIR/a.nft" || fail "nft: $(cat "$LAB_DIR/a.nft")"
}

router_reload()
{
	case $ROUTER_KIND in
	esclusa) kill -HUP "${NODE_PID[a]}" ;;
	nftables) router_nft ;;
	esac
}

router_needs_esclusa()
{
	[ "$ROUTER_KIND" = esclusa ] || skip "the kernel's router has nothing like it"
}

# Nothing broke on the way: no process was replaced, no promise between them broken.
router_fine()
{
	[ "$ROUTER_KIND" = esclusa ] || return 0
	equal "restarts" "$(node_show a field restarts)" 0
	equal "broken promises" "$(node_show a violations)" 0
}

# router_timeout KEY LEAST: one second less is an error that names the key.
router_timeout()
{
	local file=$LAB_DIR/timeout.conf

	router_needs_esclusa
	[ -e "$LAB_DIR/a.conf" ] || lab_internet
	cp -p "$LAB_DIR/a.conf" "$file"
	printf '[Split]\n%s = %d\n' "$1" "$2" >>"$file"
	at a "$ESCLUSA" check "$file" >"$LAB_DIR/check.out" 2>&1 ||
		fail "$1 = $2 is refused: $(cat "$LAB_DIR/check.out")"
	cp -p "$LAB_DIR/a.conf" "$file"
	printf '[Split]\n%s = %d\n' "$1" $(($2 - 1)) >>"$file"
	must_fail at a "$ESCLUSA" check "$file"
	grep -q "$1" "$LAB_DIR/must_fail.out" || fail "no word about $1: $(cat "$LAB_DIR/must_fail.out")"
}

# --- clients and servers ------------------------------------------------------------------------------

# internet [NS]: its servers, see internet.py. Files are in $LAB_DIR/www.
internet()
{
	local ns=${1:-srv}

	mkdir -p "$LAB_DIR/www"
	: >"$LAB_DIR/internet-$ns.log"
	bg "$ns" "$LAB_DIR/internet-$ns.log" python3 "$LAB_HERE/internet.py" "$LAB_DIR/www"
	INTERNET=$BG
	wait_for 30 grep -q ready "$LAB_DIR/internet-$ns.log" ||
		fail "servers do not start: $(cat "$LAB_DIR/internet-$ns.log")"
}

# random_file NAME BYTES: something to get; its digest in $DIGEST.
random_file()
{
	mkdir -p "$LAB_DIR/www"
	head -c "$2" /dev/urandom >"$LAB_DIR/www/$1"
	DIGEST=$(sha256sum <"$LAB_DIR/www/$1" | cut -d' ' -f1)
}

# url ADDRESS PATH: an IPv4 address may have a port.
url()
{
	case $1 in
	*:*:*) echo "http://[$1]/$2" ;;
	*) echo "http://$1/$2" ;;
	esac
}

# get NS ADDRESS PATH OPTIONS...: by curl, to standard output.
get()
{
	local ns=$1 to

	to=$(url "$2" "$3")
	shift 3
	at "$ns" curl -sS --globoff --max-time 100 --connect-timeout 40 "$@" "$to"
}

# get_fails NS ADDRESS PATH OPTIONS...: no answer at all, or a refusal.
get_fails()
{
	must_fail get "$@" --connect-timeout 2
}

# is_refused NS ADDRESS PATH: the node says so, nobody waits for nothing: then curl would end with 28.
is_refused()
{
	local status=0

	get "$@" >"$LAB_DIR/refused.out" 2>&1 || status=$?
	[ "$status" -eq 7 ]
}

refused()
{
	is_refused "$@" || fail "'$*' is not refused: $(cat "$LAB_DIR/refused.out")"
}

# udp_answers NS ADDRESS PORT: the server of internet.py answers.
udp_answers()
{
	[ "$(echo x | at "$1" nc -n -u -w 1 "$2" "$3")" ]
}

# slow_goes_on: what a get of "slow" writes to $LAB_DIR/slow, ten lines in a second.
slow_goes_on()
{
	local lines

	lines=$(($(wc -l <"$LAB_DIR/slow") + 10))
	wait_for 30 slow_has "$lines"
}

slow_has()
{
	[ "$(wc -l <"$LAB_DIR/slow")" -gt "$1" ]
}

# whose NS ADDRESS: the source address that the server sees.
whose()
{
	get "$1" "$2" who | sed 's/ .*//'
}

# router_python FILE TEST...: a test in Python, with sockets in the lab's namespaces.
router_python()
{
	local file=$1

	shift
	PYTHONDONTWRITEBYTECODE=1 python3 "$LAB_HERE/$file" "$LAB_TAG" "$@" ||
		fail "$file $*: see above"
}
