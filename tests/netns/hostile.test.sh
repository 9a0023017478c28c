# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# hostile.test.sh: bytes that no honest neighbour sends, on both NICs, while a ping runs.

# frames_into NS DEV: how many frames that end of a cable sent.
frames_into()
{
	at "$1" cat /proc/net/dev | awk -v d="$2:" '$1 == d { print $11 }'
}

# hostile SITE NS DEV DOMAIN SEND-ARGUMENTS...: every frame sent into the node is counted once by
# its program, and honest traffic goes on.
hostile()
{
	local s=$1 ns=$2 dev=$3 domain=$4 sent counted

	shift 4
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.05 10.2.0.2
	sent=$(frames_into "$ns" "$dev") counted=$(node_show "$s" sum "$domain")
	at "$ns" timeout 50 python3 "$LAB_HERE/hostile.py" "$dev" "$@"
	sleep 0.5
	kill -0 "${NODE_PID[$s]}" || fail "the node died"
	equal "restarts" "$(node_show "$s" field restarts)" 0
	ping_all lana 10.2.0.2 -c 10 -i 0.02
	lab_kill "$BG"
	sleep 0.5
	equal "frames counted by $domain" \
		"$(($(node_show "$s" sum "$domain") - counted))" "$(($(frames_into "$ns" "$dev") - sent))"
	node_show "$s" frames
	equal "violations" "$(node_show "$s" violations)" 0
	tcp_copy lana lanb 10.2.0.2 500000
}

black_target()
{
	echo "--mac $(at a cat /proc/net/if_inet6 >/dev/null; lab_ip a -o link show black0 |
		sed 's/.*link.ether \([0-9a-f:]*\).*/\1/')"
}

test_hostile_bytes_on_black()
{
	wire_open_none=1
	hostile a net a0 black --seed 1 --count 20000 --shape black
}

test_hostile_bytes_on_red()
{
	hostile a lana lan0 red_xdp --seed 2 --count 20000 --shape red
}
