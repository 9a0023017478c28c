# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router_tunnel.test.sh: tunnels beside the internet. What is for a secure site goes through its
# tunnel or nowhere (R5, and the threat model's first sentence).

SECURE="dst net 10.2.0.0/16 or dst net fd00:2::/32 or src net 10.0.0.0/8 or src net fd00::/8"

# Sites a, a router, and b, an encryptor; an internet. TUNNEL_RULES: lines of a's file.
TUNNEL_RULES=()

tunnel_lab()
{
	router_needs_esclusa
	lab_internet
	[ ${#TUNNEL_RULES[@]} -eq 0 ] || router_rules "${TUNNEL_RULES[@]}"
	NODE_MODE=encryptor
	lab_site b
	node_config b
	node_peer a b
	node_peer b a
	node_start b "$NODE_B"
	router_start
	internet
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
}

# no_clear BEGIN|END: between the two nothing for or of a secure prefix is seen in clear.
no_clear()
{
	case $1 in
	begin) sniff net a0 1 -Q in "($SECURE)" ;;
	end)
		! pid_gone "$SNIFF" || fail "seen in clear: $(cat "$LAB_DIR/sniff.log")"
		lab_kill "$SNIFF"
		;;
	esac
}

# The control: without a node the capture does see such packets.
test_router_clear_text_would_be_seen()
{
	lab_internet
	ROUTER_KIND=nftables
	router_start
	no_clear begin
	ping_dead lana 10.2.0.2
	wait_for 20 pid_gone "$SNIFF" || fail "the capture sees nothing"
}

test_router_tunnel_beside_internet()
{
	tunnel_lab
	no_clear begin
	wire_open a
	random_file big 3000000
	tcp_copy lana lanb 10.2.0.2 2000000
	tcp_copy lanb lana 10.1.0.2 2000000
	tcp_copy lana lanb fd00:2::2 1000000
	udp_copy lana lanb 10.2.0.2 500 1200
	equal "digest from the internet" \
		"$(get lana "$SRV4" big | sha256sum | cut -d' ' -f1)" "$DIGEST"
	equal "digest from the internet by IPv6" \
		"$(get lana "$SRV6" big | sha256sum | cut -d' ' -f1)" "$DIGEST"
	wire_close a
	[ "$(wire a count data)" -ge 2000 ] || fail "the capture does not show the tunnel"
	no_clear end
	node_adds_up a b
	router_fine
}

# Site b's LAN gets to site a's, and not through it into the internet.
test_router_is_no_exit_for_sites()
{
	tunnel_lab
	sniff srv eth0 1 "src net 10.2.0.0/16 or host $OWN4 and icmp"
	must_fail at lanb ping -n -q -c 2 -i 0.3 -W 1 "$SRV4"
	sniffed 1 | grep -q " IP " && fail "left: $(sniffed 0)"
	ping_all lanb 10.1.0.2 -c 3
}

# told NS ADDRESS: nobody is reached, and the user hears why from the gateway.
told_unreachable()
{
	local out

	out=$(at "$1" ping -n -c 4 -i 0.3 -W 5 "$2" 2>&1) && fail "$2 answers: $out"
	grep -q "^From .*nreachable\|^From .*rohibited\|^From .*iltered" <<<"$out" ||
		fail "the user of $2 hears nothing: $out"
}

secure_stays_inside()
{
	no_clear begin
	"$@"
	get_fails lana 10.2.0.2 who --connect-timeout 1
	get_fails lana fd00:2::2 who --connect-timeout 1
	echo x | at lana nc -n -u -w 1 10.2.0.2 53 || true
	no_clear end
	whose lana "$SRV4" >/dev/null
}

both_told()
{
	told_unreachable lana 10.2.0.2
	told_unreachable lana fd00:2::2
}

test_router_tunnel_down()
{
	tunnel_lab
	node_stop b
	lab_ip net link set b0 down
	node_wg set a peer "$(node_public b)" remove
	secure_stays_inside both_told
}

# A prefix that was secure stays so for what is open: the peer comes back, the tunnel works. That
# takes fifteen seconds without an answer, and a handshake.
test_router_peer_comes_back()
{
	local ping

	tunnel_lab
	no_clear begin
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.05 10.2.0.2
	ping=$BG
	node_stop b
	sleep 1
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2 90
	lab_kill "$ping"
	no_clear end
}

# No other end answers the handshake: after three attempts users are told at once.
test_router_peer_unreachable()
{
	tunnel_lab
	node_stop b
	router_restart
	no_clear begin
	wait_for 90 hears lana 10.2.0.2 || fail "the user hears nothing"
	no_clear end
	secure_stays_inside both_told
}

hears()
{
	local out

	out=$(at "$1" ping -n -c 1 -W 1 "$2" 2>&1) || true
	grep -q "^From .*nreachable" <<<"$out"
}

router_restart()
{
	node_stop a || fail "node a ended with $?"
	router_start
}

killed()
{
	local domain=$1 i

	for ((i = 0; i < 5; i++)); do
		node_kill a "$domain"
		at lana ping -n -q -c 3 -i 0.05 -W 1 10.2.0.2 >/dev/null 2>&1 || true
		at lana ping -n -q -c 3 -i 0.05 -W 1 fd00:2::2 >/dev/null 2>&1 || true
		sleep 0.2
	done
}

# What goes past the tunnel needs no process.
test_router_processes_killed()
{
	local domain slow

	tunnel_lab
	bg lana "$LAB_DIR/slow" curl -sS -N "$(url "$SRV4" slow)"
	slow=$BG
	for domain in crypto red; do
		no_clear begin
		killed $domain
		no_clear end
		ping_up lana 10.2.0.2 60
	done
	slow_goes_on || fail "the download stopped"
	kill "$slow"
}

# Control dies: what is attached stays attached, and nothing secure leaves.
test_router_control_killed()
{
	tunnel_lab
	no_clear begin
	kill -KILL "${NODE_PID[a]}"
	wait_for 20 pid_gone "${NODE_PID[a]}"
	ping_dead lana 10.2.0.2
	ping_dead lana fd00:2::2
	at lana ping -n -q -c 10 -i 0.1 -W 1 "$SRV4" >"$LAB_DIR/ping.out" || true
	no_clear end
	router_start
	ping_up lana 10.2.0.2 60
	whose lana "$SRV4" >/dev/null
}
