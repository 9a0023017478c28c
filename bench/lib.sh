# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# lib.sh: what the measurements share. Each question is a script of its own that prints lines of
# JSON: {"question", "side", "case", "value", "unit"}; bench/run collects them.
#
# Sides are measured in turn, ROUNDS times, so that a drifting machine hits all of them.
set -eE -o pipefail

BENCH_HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/netns/lab.sh
. "$BENCH_HERE/../tests/netns/lab.sh"
case ${BUILD:-} in
/*) BENCH_BIN=$BUILD/bench ;;
*) BENCH_BIN=$LAB_ROOT/${BUILD:-build}/bench ;;
esac
ROUNDS=${ROUNDS:-3}
SECONDS_EACH=${SECONDS_EACH:-4}

# result SIDE CASE VALUE UNIT
result()
{
	printf '{"question":"%s","side":"%s","case":"%s","value":%s,"unit":"%s"}\n' \
		"$QUESTION" "$1" "$2" "$3" "$4"
}

mac()
{
	lab_ip "$1" -j link show "$2" | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["address"])'
}

field()
{
	python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# Clock ticks that these processes used so far.
ticks()
{
	local pid sum=0 t

	for pid; do
		t=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
		sum=$((sum + t))
	done
	echo "$sum"
}

# A veth runs its receiver's whole path inside the sender's system call, packet by packet. With
# threaded NAPI it receives in a context of its own, in batches, as a NIC does. For all sides alike.
threaded()
{
	local end

	for end; do
		ip netns exec "$LAB_TAG-${end% *}" sh -c "echo 1 >/sys/class/net/${end#* }/threaded"
	done
}

# two_sites KIND: host - node - router - node - host, tunnel up.
two_sites()
{
	lab_site a
	lab_site b
	lab_join a "$1" b "$1"
	[ -n "${NO_THREADED:-}" ] || threaded "lana lan0" "lanb lan0" "a red0" "b red0" \
		"a black0" "b black0" "net a0" "net b0"
	wait_for 10 at lana ping -c 1 -W 1 10.2.0.2 >/dev/null
}

# one_node SIDE PEERS: host - node - network, where `load peer` will be the node's peers.
# SIDE copy: with a plain copy in place of the AEAD; all others: the node as it is.
one_node()
{
	local i

	LOAD=$BENCH_BIN/load
	if [ "$1" = copy ]; then
		LOAD=$BENCH_BIN/load-copy
		ESCLUSA=$BENCH_BIN/esclusa-copy
	fi
	lab_site a
	node_config a
	for ((i = 0; i < $2; i++)); do
		printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.%d.%d.0/24\n' \
			"$("$LOAD" key 7 "$i" public)" $((100 + i / 256)) $((i % 256))
	done >>"$LAB_DIR/a.conf"
	node_start a esclusa
	RED_MAC=$(mac a red0) BLACK_MAC=$(mac a black0) NET_MAC=$(mac net a0)
	at lana ping -c 1 10.1.0.1 >/dev/null
	at lana "$LOAD" sink lan0 0 0 >/dev/null # fails early where XDP does not work
}

# peers COUNT SECONDS [LENGTH]: with a length, they send packets of it.
peers()
{
	local send=()

	[ -z "${3:-}" ] || send=(a0 "$3" "$BLACK_MAC" "$NET_MAC" 100.64.1.254)
	at net "$LOAD" peer 7 "$1" 100.64.1.1 51820 "$(node_public a)" "$2" auto "${send[@]}"
}

# flood LENGTH SECONDS PEERS: packets of the LAN host for the peers' networks.
flood()
{
	at lana "$LOAD" flood lan0 "$RED_MAC" 10.1.0.2 10.100.0.2 "$1" "$2" "$3"
}

# seal SIDE LENGTH: packets per second from the LAN that leave the node sealed.
seal()
(
	lab_open bench
	one_node "$1" 1
	peers 1 $((SECONDS_EACH + 5)) >"$LAB_DIR/peers" &
	sleep 1
	at net "$LOAD" sink a0 1.5 "$SECONDS_EACH" >"$LAB_DIR/sink" &
	sink=$!
	flood "$2" $((SECONDS_EACH + 2)) 1 >/dev/null
	wait "$sink"
	result "$1" "seal, $2 B" "$(field pps <"$LAB_DIR/sink")" packet/s
)

# open SIDE LENGTH: packets per second of a peer that reach the LAN.
open()
(
	lab_open bench
	one_node "$1" 1
	at lana "$LOAD" sink lan0 2.5 "$SECONDS_EACH" >"$LAB_DIR/sink" &
	sink=$!
	peers 1 $((SECONDS_EACH + 3)) "$2" >"$LAB_DIR/peers"
	wait "$sink"
	result "$1" "open, $2 B" "$(field pps <"$LAB_DIR/sink")" packet/s
)
