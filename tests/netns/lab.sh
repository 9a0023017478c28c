# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# lab.sh: network labs out of namespaces, for tests and benchmarks. Needs root. Source it, then
#
#	lab_open NAME             a lab of its own; everything in it goes when the shell exits
#	lab_site a                a site: LAN host "lana" - node "a" - router "net"
#	lab_join a esclusa b wireguard-go
#	                          two sites, nodes of these kinds, each the other's peer, running
#	at lana ping 10.2.0.2     a command in a namespace of the lab
#
# Sites are single letters; N is the letter's place in the alphabet, P is 0 for a, 1 for b ...
#
#	lanX  lan0    10.N.0.2/24   fd00:N::2/64       default route to the node
#	X     red0    10.N.0.1/24   fd00:N::1/64
#	X     black0  100.64.N.1/24 2001:db8:N::1/64   default route to the router
#	net   X0      100.64.N.254  2001:db8:N::ffff   forwards between all sites
#
# Names are unique per shell, so labs can run side by side: namespaces esc-PID-X, nodes ePIDX.

LAB_HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
LAB_ROOT=$(readlink -f "$LAB_HERE/../..")
LAB_TAG=esc-$$
LAB_DIR=
LAB_QUEUES=${LAB_QUEUES:-1}	# of each node NIC
LAB_NS=()

# shellcheck source=tests/netns/node.sh
. "$LAB_HERE/node.sh"
# shellcheck source=tests/netns/check.sh
. "$LAB_HERE/check.sh"
# shellcheck source=tests/netns/attack.sh
. "$LAB_HERE/attack.sh"
# shellcheck source=tests/netns/router.sh
. "$LAB_HERE/router.sh"

lab_open()
{
	if [ "$(id -u)" -ne 0 ]; then
		echo "labs need root" >&2
		return 1
	fi
	LAB_DIR=$(mktemp -d "/tmp/$LAB_TAG-$1.XXXXXX")
	trap lab_close EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# Own processes first (nodes get time to clean up after themselves), then the namespaces with
# whatever still runs in them.
lab_close()
{
	local status=$? ns pid

	trap '' INT TERM HUP PIPE
	trap - EXIT ERR
	set +e
	case $status in
	0 | 77) ;;
	*) node_autopsy >&2 ;;
	esac
	# shellcheck disable=SC2046
	lab_kill $(jobs -pr)
	for ns in "${LAB_NS[@]}"; do
		for pid in $(ip netns pids "$LAB_TAG-$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns del "$LAB_TAG-$ns" 2>/dev/null
	done
	node_sweep
	findmnt -rno TARGET | grep -F "$LAB_DIR/" | xargs -r umount
	[ -z "$LAB_DIR" ] || [ -n "${LAB_KEEP:-}" ] || rm -rf "$LAB_DIR"
	exit "$status"
}

# TERM, five seconds, KILL.
lab_kill()
{
	local pid tries

	[ $# -gt 0 ] || return 0
	kill -TERM "$@" 2>/dev/null || true
	for ((tries = 0; tries < 50; tries++)); do
		for pid in "$@"; do
			kill -0 "$pid" 2>/dev/null && break
		done || break
		sleep 0.1
	done
	kill -KILL "$@" 2>/dev/null || true
}

# What labs of shells that were killed left behind: a dead shell's number tells.
lab_sweep()
{
	local it pid

	for it in /run/netns/esc-[0-9]*-*; do
		[ -e "$it" ] || continue
		it=${it##*/}
		pid=${it#esc-}
		pid=${pid%%-*}
		kill -0 "$pid" 2>/dev/null && continue
		for pid in $(ip netns pids "$it" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		ip netns del "$it" 2>/dev/null || true
	done
	for it in /run/esclusa/e[0-9]* /var/run/wireguard/e[0-9]* /sys/fs/bpf/esclusa/e[0-9]* \
		/tmp/esc-[0-9]*-*; do
		[ -e "$it" ] || continue
		pid=${it##*/e}
		pid=${pid#sc-}
		pid=${pid%%[!0-9]*}
		kill -0 "$pid" 2>/dev/null || rm -rf "$it"
	done
}

# --- namespaces and cables ------------------------------------------------------------------------

# at NS COMMAND...: nsenter rather than `ip netns exec`, which hides /sys/fs/bpf.
at()
{
	local ns=$1

	shift
	nsenter --net="/run/netns/$LAB_TAG-$ns" -- "$@"
}

# bg NS LOG COMMAND...: in the background; its process id in $BG.
bg()
{
	local ns=$1 log=$2

	shift 2
	nsenter --net="/run/netns/$LAB_TAG-$ns" -- "$@" >"$log" 2>&1 </dev/null &
	BG=$!
}

lab_ip()
{
	local ns=$1

	shift
	ip -n "$LAB_TAG-$ns" "$@"
}

# No duplicate address detection (addresses work at once), no router solicitations.
lab_ns()
{
	local ns

	for ns; do
		LAB_NS+=("$ns")
		ip netns add "$LAB_TAG-$ns"
		at "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.router_solicitations=0 \
			net.ipv6.conf.default.accept_ra=0
		lab_ip "$ns" link set lo up
	done
}

lab_forward()
{
	at "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# lab_link NS DEV NS DEV [QUEUES]. No checksum offload: an unfinished checksum would travel
# through the tunnel as it is. GRO gives the receiving end a NAPI context, which XDP redirects need.
lab_link()
{
	local q=${5:-1} end ns dev

	ip link add "$2" netns "$LAB_TAG-$1" numtxqueues "$q" numrxqueues "$q" type veth \
		peer name "$4" netns "$LAB_TAG-$3" numtxqueues "$q" numrxqueues "$q"
	for end in "$1 $2" "$3 $4"; do
		read -r ns dev <<<"$end"
		at "$ns" ethtool -K "$dev" tx off gro on >/dev/null
		lab_ip "$ns" link set "$dev" up
	done
}

# lab_addr NS DEV ADDRESS...
lab_addr()
{
	local ns=$1 dev=$2 a

	shift 2
	for a; do
		case $a in
		*:*) lab_ip "$ns" addr add "$a" dev "$dev" nodad ;;
		*) lab_ip "$ns" addr add "$a" dev "$dev" ;;
		esac
	done
}

# lab_route NS DESTINATION [via] ADDRESS
lab_route()
{
	case $2$3 in
	*:*) lab_ip "$1" -6 route replace "$2" via "$3" ;;
	*) lab_ip "$1" route replace "$2" via "$3" ;;
	esac
}

lab_mtu()
{
	lab_ip "$1" link set "$2" mtu "$3"
}

# --- sites ---------------------------------------------------------------------------------------------

site_number()
{
	printf '%d' $(($(printf '%d' "'$1") - 96))
}

lab_site()
{
	local s=$1 n

	n=$(site_number "$s")
	case " ${LAB_NS[*]} " in
	*" net "*) ;;
	*)
		lab_ns net
		lab_forward net
		;;
	esac
	lab_ns "lan$s" "$s"
	lab_link "lan$s" lan0 "$s" red0 "$LAB_QUEUES"
	lab_link net "${s}0" "$s" black0 "$LAB_QUEUES"
	lab_addr "lan$s" lan0 "10.$n.0.2/24" "fd00:$n::2/64"
	lab_addr "$s" red0 "10.$n.0.1/24" "fd00:$n::1/64"
	lab_addr "$s" black0 "100.64.$n.1/24" "2001:db8:$n::1/64"
	lab_addr net "${s}0" "100.64.$n.254/24" "2001:db8:$n::ffff/64"
	lab_route "lan$s" default "10.$n.0.1"
	lab_route "lan$s" ::/0 "fd00:$n::1"
	lab_route "$s" default "100.64.$n.254"
	lab_route "$s" ::/0 "2001:db8:$n::ffff"
}

# lab_join SITE KIND SITE KIND [4|6]: the outer family. Each node knows the other's endpoint.
lab_join()
{
	local outer=${5:-4}

	[ -e "/run/netns/$LAB_TAG-$1" ] || lab_site "$1"
	[ -e "/run/netns/$LAB_TAG-$3" ] || lab_site "$3"
	node_config "$1"
	node_config "$3"
	node_peer "$1" "$3" "$outer"
	node_peer "$3" "$1" "$outer"
	node_start "$1" "$2"
	node_start "$3" "$4"
}
