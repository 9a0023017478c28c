# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# node.sh: nodes of a lab: "esclusa", the real thing, or "wireguard-go", a stock WireGuard with a
# TUN device in its place. Both kinds answer `wg`. Part of lab.sh.
#
#	node_config a             keys and the head of the file; NODE_MODE=router: of a router
#	node_peer a b [4|6] [LINE...]
#	                          a [Peer] for site b in a's file; LINE: more keys of that section,
#	                          Endpoint= or AllowedIPs= in place of the usual ones ("Endpoint="
#	                          with nothing: none)
#	node_start a esclusa      returns when the node works
#	node_stop a               its exit code
#	node_wg set a ...         `wg` on a node

case ${BUILD:=build} in
/*) ;;
*) BUILD=$LAB_ROOT/$BUILD ;;
esac
ESCLUSA=${ESCLUSA:-$BUILD/esclusa}
PROVIDER_SO=$BUILD/tests/provider/example.so
NODE_PORT=51820
declare -A NODE_KIND NODE_PID

node_name()
{
	echo "e$$$1"
}

node_public()
{
	cat "$LAB_DIR/$1.pub"
}

# node_config SITE [LINE...]: LINE goes into [Node].
node_config()
{
	local s=$1

	shift
	[ -e "$LAB_DIR/$s.key" ] || (umask 077 && wg genkey >"$LAB_DIR/$s.key")
	wg pubkey <"$LAB_DIR/$s.key" >"$LAB_DIR/$s.pub"
	(
		umask 077
		cat >"$LAB_DIR/$s.conf" <<-EOF
			[Interface]
			PrivateKey = $(cat "$LAB_DIR/$s.key")
			ListenPort = $NODE_PORT

			[Node]
			Name = $(node_name "$s")
			Mode = ${NODE_MODE:-encryptor}
			Lsm = off
			Black = black0
			Red = red0
			Queues = $LAB_QUEUES
			State = $LAB_DIR/$s.state
			${NODE_LINES:-}
		EOF
		for line; do
			echo "$line"
		done >>"$LAB_DIR/$s.conf"
	)
	mkdir -p "$LAB_DIR/$s.state"
}

# node_outer SITE [4|6]: a black address, as an endpoint writes it.
node_outer()
{
	local n

	n=$(site_number "$1")
	case ${2:-4} in
	4) echo "100.64.$n.1" ;;
	6) echo "[2001:db8:$n::1]" ;;
	esac
}

# A preshared key of the lab, the same for both ends: node_psk a b.
node_psk()
{
	local file

	file="$LAB_DIR/$(printf '%s\n' "$1" "$2" | sort | tr -d '\n').psk"
	[ -e "$file" ] || (umask 077 && wg genpsk >"$file")
	cat "$file"
}

node_peer()
{
	local s=$1 p=$2 outer=${3:-4} n endpoint ips line

	shift $(($# < 3 ? $# : 3))
	n=$(site_number "$p")
	endpoint="Endpoint = $(node_outer "$p" "$outer"):$NODE_PORT"
	ips="AllowedIPs = 10.$n.0.0/16, fd00:$n::/32"
	for line; do
		case $line in
		Endpoint*) endpoint=$line ;;
		AllowedIPs*) ips=$line ;;
		esac
	done
	{
		printf '\n[Peer]\nName = site-%s\nPublicKey = %s\n' "$p" "$(node_public "$p")"
		[ "$endpoint" = Endpoint= ] || echo "$endpoint"
		echo "$ips"
		for line; do
			case $line in
			Endpoint* | AllowedIPs*) ;;
			*) echo "$line" ;;
			esac
		done
	} >>"$LAB_DIR/$s.conf"
}

# What `wg setconf` understands of a node's file.
node_stripped()
{
	awk '/^\[Node\]/ { skip = 1; next } /^\[/ { skip = 0 } !skip && !/^Name *=/' \
		"$LAB_DIR/$1.conf"
}

node_start()
{
	NODE_KIND[$1]=$2
	case $2 in
	esclusa) node_start_esclusa "$1" ;;
	wireguard-go) node_start_wireguard_go "$1" ;;
	*)
		echo "unknown node kind $2" >&2
		return 1
		;;
	esac
}

node_start_esclusa()
{
	local s=$1

	bg "$s" "$LAB_DIR/$s.log" "$ESCLUSA" run "$LAB_DIR/$s.conf"
	NODE_PID[$s]=$BG
	wait_for 60 node_settled "$s" || fail "node $s is not ready after 60 s"
	! pid_gone "${NODE_PID[$s]}" || fail "node $s ended at its start"
}

node_settled()
{
	node_ready "$1" || pid_gone "${NODE_PID[$1]}"
}

node_ready()
{
	kill -0 "${NODE_PID[$1]}" 2>/dev/null || return 1
	[ "$(node_show "$1" field state 2>/dev/null)" = running ]
}

# node_show SITE QUESTION...: see show.py.
node_show()
{
	local s=$1

	shift
	"$ESCLUSA" show "$(node_name "$s")" -j | python3 "$LAB_HERE/show.py" "$@"
}

# node_kill SITE DOMAIN: one of its processes; while it is being replaced, the next one. (show says 0
# then, and `kill 0` would kill the lab.)
node_kill()
{
	wait_for 30 node_killed "$1" "$2" || fail "node $1 has no $2 process"
}

node_killed()
{
	local pid

	pid=$(node_show "$1" pid "$2") && [ "$pid" -gt 0 ] && kill -KILL "$pid"
} 2>/dev/null

# node_adds_up SITE...: what one domain passed on is what the next one took in, and every frame of
# the packet memories is somewhere. After traffic has come to rest.
node_adds_up()
{
	local s

	for s; do
		[ "${NODE_KIND[$s]}" = esclusa ] || continue
		wait_for 20 node_show "$s" flow 2>/dev/null || node_show "$s" flow ||
			fail "reasons of node $s do not add up"
		node_frames "$s"
		equal "broken promises between the processes of $s" "$(node_show "$s" violations)" 0
	done
}

# node_frames SITE: none is missing. A look while one goes from hand to hand sees it nowhere or twice.
node_frames()
{
	wait_for 10 node_show "$1" frames 2>/dev/null || node_show "$1" frames ||
		fail "frames of node $1 are missing"
}

# node_needs_esclusa SITE...: the test asks for what only an esclusa node has.
node_needs_esclusa()
{
	local s

	for s; do
		[ "${NODE_KIND[$s]}" = esclusa ] || skip "node $s is not an esclusa node"
	done
}

# wireguard-go asks people to use the kernel's WireGuard: not in the log. `wg` removes a socket at
# which nobody listens yet, so it must not be asked whether it is there.
node_start_wireguard_go()
{
	local s=$1 name ip mtu

	name=$(node_name "$s")
	bg "$s" "$LAB_DIR/$s.log" env LOG_LEVEL="${WG_GO_LOG:-error}" wireguard-go -f "$name"
	NODE_PID[$s]=$BG
	wait_for 60 wireguard_go_listens "$s" || fail "wireguard-go of $s does not listen"
	node_stripped "$s" >"$LAB_DIR/$s.wg"
	wg setconf "$name" "$LAB_DIR/$s.wg"
	mtu=$(lab_ip "$s" link show black0 | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
	lab_ip "$s" link set "$name" mtu $((mtu - 80)) up
	lab_forward "$s"
	for ip in $(wg show "$name" allowed-ips | cut -f2 | grep -v none); do
		case $ip in
		*:*) lab_ip "$s" -6 route add "$ip" dev "$name" ;;
		*) lab_ip "$s" route add "$ip" dev "$name" ;;
		esac
	done
}

wireguard_go_listens()
{
	[ -n "$(at "$1" ss -Hxl src "/var/run/wireguard/$(node_name "$1").sock")" ]
}

# What keeps a node's name in use: its process, its descriptors' pins, its sockets.
node_stop()
{
	local pid=${NODE_PID[$1]} status=0

	kill -TERM "$pid"
	wait_for 30 pid_gone "$pid" || kill -KILL "$pid"
	wait "$pid" || status=$?
	unset "NODE_PID[$1]"
	return "$status"
}

pid_gone()
{
	! kill -0 "$1" 2>/dev/null
}

# node_wg SUBCOMMAND SITE ARGUMENTS...
node_wg()
{
	local what=$1 s=$2

	shift 2
	wg "$what" "$(node_name "$s")" "$@"
}

# node_handshake SITE: UNIX time of the last handshake with its only (or first) peer.
node_handshake()
{
	node_wg show "$1" latest-handshakes | awk 'NR == 1 { print $2 }'
}

# After a failure: what the nodes had to say.
node_autopsy()
{
	local s

	for s in "${!NODE_KIND[@]}"; do
		echo "--- node $s (${NODE_KIND[$s]}), last lines of its log:"
		grep -v '^[│┌└]' "$LAB_DIR/$s.log" | tail -n 20
		[ "${NODE_KIND[$s]}" != esclusa ] || "$ESCLUSA" show "$(node_name "$s")"
	done
}

# Killed nodes leave sockets and pins; nothing else has these names.
node_sweep()
{
	local s name

	for s in "${!NODE_KIND[@]}"; do
		name=$(node_name "$s")
		rm -f "/var/run/wireguard/$name.sock" "/run/esclusa/$name".*
		[ ! -d "/sys/fs/bpf/esclusa/$name" ] || rm -rf "/sys/fs/bpf/esclusa/${name:?}"
	done
}
