# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# wg.test.sh: WireGuard's own features, most of them through the stock `wg` tool.

test_wg_show()
{
	local dump

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	node_wg show a >"$LAB_DIR/show"
	grep -q "peer: $(node_public b)" "$LAB_DIR/show" || fail "wg show: no peer"
	grep -q "endpoint: $(node_outer b):51820" "$LAB_DIR/show" || fail "wg show: no endpoint"
	grep -q "latest handshake: " "$LAB_DIR/show" || fail "wg show: no handshake"
	grep -q "allowed ips: 10.2.0.0/16, fd00:2::/32" "$LAB_DIR/show" || fail "wg show: prefixes"
	equal "device line of the dump" "$(node_wg show a dump | head -n 1)" \
		"$(printf '(none)\t(none)\t51820\toff')"
	dump=$(node_wg show a dump | sed -n 2p)
	equal "key in the dump" "$(cut -f1 <<<"$dump")" "$(node_public b)"
	equal "endpoint in the dump" "$(cut -f3 <<<"$dump")" "$(node_outer b):51820"
	[ "$(cut -f6 <<<"$dump")" -gt 0 ] || fail "nothing received, says the dump: $dump"
	[ "$(cut -f7 <<<"$dump")" -gt 0 ] || fail "nothing sent, says the dump: $dump"
	grep -qw "$(node_name a)" <<<"$(wg show interfaces)" || fail "wg show interfaces does not list it"
	equal "public key in esclusa show" "$(node_show a field public_key)" "$(node_public a)"
	! grep -rqF "$(cat "$LAB_DIR/a.key")" "$LAB_DIR/a.log" "$LAB_DIR/show" ||
		fail "the private key was shown"
}

# `wg` removes sockets at which nobody listens: it must not find one before the node does.
test_wg_asks_while_the_node_starts()
{
	lab_site a
	node_config a
	NODE_KIND[a]=esclusa
	bg a "$LAB_DIR/a.log" strace -o "$LAB_DIR/strace.log" -e trace=listen \
		-e inject=listen:delay_enter=500000 "$ESCLUSA" run "$LAB_DIR/a.conf"
	NODE_PID[a]=$BG
	wait_for 60 asked_and_settled a || fail "the node does not start"
	node_wg show a >/dev/null || fail "its socket is gone"
}

asked_and_settled()
{
	wg show interfaces >/dev/null
	node_settled "$1"
}

test_wg_set()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	node_wg set a peer "$(node_public b)" persistent-keepalive 7
	equal "keepalive" "$(node_wg show a persistent-keepalive | cut -f2)" 7
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/24
	ping_all lana 10.2.0.2 -c 3
	ping_dead lana fd00:2::2
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/24,fd00:2::/64
	ping_up lana fd00:2::2
	node_wg set a peer "$(node_public b)" remove
	equal "peers left" "$(node_wg show a peers)" ""
	ping_dead lana 10.2.0.2
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/24 endpoint "$(node_outer b):51820"
	ping_up lana 10.2.0.2
	# Nothing of a request with a mistake is applied.
	must_fail node_wg set a peer "$(node_public b)" persistent-keepalive 9 endpoint 0.0.0.0:0
	must_fail node_wg set a private-key /dev/null
	ping_all lana 10.2.0.2 -c 3
}

test_wg_syncconf()
{
	local key

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	key=$(node_handshake a)
	node_stripped a >"$LAB_DIR/sync"
	printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.99.0.0/16\n' "$(wg genkey | wg pubkey)" \
		>>"$LAB_DIR/sync"
	node_wg syncconf a "$LAB_DIR/sync"
	equal "peers after syncconf" "$(node_wg show a peers | wc -l)" 2
	equal "handshake after syncconf" "$(node_wg show a latest-handshakes |
		grep "^$(node_public b)" | cut -f2)" "$key"
	ping_all lana 10.2.0.2 -c 3
	# Without the key in the file the node keeps its own.
	grep -v PrivateKey "$LAB_DIR/sync" | sed '/10.99/d' >"$LAB_DIR/sync2"
	node_wg syncconf a "$LAB_DIR/sync2"
	ping_all lana 10.2.0.2 -c 3
	equal "public key after syncconf" "$(node_show a field public_key)" "$(node_public a)"
}

test_key_change()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	(umask 077 && wg genkey >"$LAB_DIR/a2.key")
	node_wg set a private-key "$LAB_DIR/a2.key"
	ping_dead lana 10.2.0.2
	node_wg set b peer "$(node_public a)" remove peer "$(wg pubkey <"$LAB_DIR/a2.key")" \
		allowed-ips 10.1.0.0/16,fd00:1::/32 endpoint "$(node_outer a):51820"
	ping_up lana 10.2.0.2
	tcp_copy lanb lana 10.1.0.2 100000
	equal "public key" "$(node_show a field public_key)" "$(wg pubkey <"$LAB_DIR/a2.key")"
}

test_preshared_key()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b 4 "PresharedKey = $(node_psk a b)"
	node_peer b a 4 "PresharedKey = $(node_psk a b)"
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
	tcp_copy lana lanb 10.2.0.2 100000
}

test_preshared_key_mismatch()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b 4 "PresharedKey = $(node_psk a b)"
	node_peer b a 4 "PresharedKey = $(node_psk b c)"
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	ping_dead lana 10.2.0.2
	ping_dead lanb 10.1.0.2
	equal "handshake" "$(node_handshake a)" 0
	node_psk a b >"$LAB_DIR/right.psk"
	node_wg set b peer "$(node_public a)" preshared-key "$LAB_DIR/right.psk"
	ping_up lana 10.2.0.2
}

# third_site KIND: c beside a and b, all three each other's peers.
third_site()
{
	local s p

	for s in a b c; do
		lab_site $s
		node_config $s
	done
	for s in a b c; do
		for p in a b c; do
			[ $s = $p ] || node_peer $s $p
		done
	done
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	node_start c "$1"
}

test_three_nodes()
{
	third_site "$NODE_A"
	ping_up lana 10.2.0.2
	ping_up lana 10.3.0.2
	ping_up lanb 10.3.0.2
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lanc fd00:3::2 1000000
	tcp_copy lanc lana 10.1.0.2 1000000
}

# One address that two sites have; the prefix decides which of them is meant.
test_allowed_ips_move()
{
	local s

	third_site "$NODE_B"
	node_needs_esclusa a b c
	for s in b c; do
		lab_addr lan$s lo 10.9.0.1/32
		lab_route $s 10.9.0.0/24 "10.$(site_number $s).0.2"
		node_wg set $s peer "$(node_public a)" allowed-ips 10.1.0.0/16,fd00:1::/32
	done
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/16,10.9.0.0/24
	ping_up lana 10.9.0.1
	equal "who has 10.9.0.0/24" "$(prefix_owner 10.9.0.0/24)" "$(node_public b)"
	tcp_copy lana lanb 10.9.0.1 10000
	node_wg set a peer "$(node_public c)" allowed-ips 10.3.0.0/16,10.9.0.0/24
	equal "who has 10.9.0.0/24" "$(prefix_owner 10.9.0.0/24)" "$(node_public c)"
	ping_up lana 10.9.0.1
	tcp_copy lana lanc 10.9.0.1 10000
	# A longer prefix wins, wherever it is.
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/16,10.9.0.1/32
	tcp_copy lana lanb 10.9.0.1 10000
}

prefix_owner()
{
	node_wg show a allowed-ips | awk -v p="$1" '{ for (i = 2; i <= NF; i++) if ($i == p) print $1 }'
}

# A packet whose inner source is not in its peer's AllowedIPs ends at the receiving node.
test_source_filter()
{
	lab_join a "$NODE_A" b "$NODE_B"
	lab_addr lana lan0 10.77.0.2/32 fd77::2/128
	lab_route b 10.77.0.0/24 10.2.0.2
	ping_up lana 10.2.0.2
	sniff lanb lan0 1 'src 10.77.0.2 or src fd77::2'
	must_fail at lana ping -n -q -c 5 -i 0.05 -W 1 -I 10.77.0.2 10.2.0.2
	must_fail at lana ping -n -q -c 5 -i 0.05 -W 1 -I fd77::2 fd00:2::2
	sniffed 0 | grep -q '^0 packets captured' || fail "spoofed packets came through"
	if [ "${NODE_KIND[b]}" = esclusa ]; then
		wait_for 20 spoofed_are_counted || fail "no spoofed packet counted"
	fi
	ping_all lana 10.2.0.2 -c 3
}

spoofed_are_counted()
{
	[ "$(node_show b counter crypto in_source)" -ge 10 ]
}

# Node a is behind a NAT that forgets after 5 s; only its keepalives keep the way in open.
nat_lab()
{
	lab_site a
	lab_site b
	at net nft -f - <<-'EOF'
		table ip nat {
			chain post {
				type nat hook postrouting priority 100;
				iifname "a0" oifname "b0" masquerade random
			}
		}
		table ip filter {
			chain forward {
				type filter hook forward priority 0;
				iifname "b0" oifname "a0" ct state new drop
			}
		}
	EOF
	at net sysctl -qw net.netfilter.nf_conntrack_udp_timeout=5 \
		net.netfilter.nf_conntrack_udp_timeout_stream=5
	node_config a
	node_config b
	node_peer a b 4 "${1:-PersistentKeepalive = 0}"
	node_peer b a 4 "Endpoint="
	node_start a "$NODE_A"
	node_start b "$NODE_B"
}

test_persistent_keepalive_behind_nat()
{
	nat_lab "PersistentKeepalive = 1"
	wait_for 30 at lanb ping -n -q -c 1 -W 1 10.1.0.2 >/dev/null ||
		fail "the keepalive did not make a session"
	sleep 8
	ping_all lanb 10.1.0.2 -c 3
	node_wg set a peer "$(node_public b)" persistent-keepalive 0
	sleep 7
	ping_dead lanb 10.1.0.2
	# And from inside it works at once.
	ping_up lana 10.2.0.2
}

test_thousands_of_allowed_ips()
{
	local i p

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer b a
	node_peer a b 4
	for ((i = 0; i < 250; i++)); do
		printf 'AllowedIPs = '
		for ((p = 0; p < 16; p++)); do
			printf '10.%d.%d.%d/32, fd00:2:%x:%x::/64%s' $((100 + p)) $i $((i ^ p)) $((i + 1)) $p \
				"$([ $p = 15 ] || echo ', ')"
		done
		echo
	done >>"$LAB_DIR/a.conf"
	node_start a "$NODE_A"
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
	equal "prefixes" "$(node_wg show a allowed-ips | wc -w)" 8003
	lab_addr lanb lo 10.107.200.207/32 fd00:2:51:5::7/128
	lab_route b 10.107.0.0/16 10.2.0.2
	lab_route b fd00:2:51:5::/64 fd00:2::2
	lab_route lanb 10.1.0.0/16 10.2.0.1
	ping_up lana 10.107.200.207
	ping_up lana fd00:2:51:5::7
	ping_dead lana 10.107.200.208
	tcp_copy lana lanb 10.2.0.2 1000000
	node_wg set a peer "$(node_public b)" allowed-ips 10.2.0.0/16
	equal "prefixes" "$(node_wg show a allowed-ips | wc -w)" 2
	ping_all lana 10.2.0.2 -c 3
	ping_dead lana 10.107.200.207
}

# A session lives 120 s; what replaces it must not cost a packet.
LIMIT[rekey_without_loss]=240
test_rekey_without_loss()
{
	local before

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	before=$(node_handshake a)
	ping_all lana 10.2.0.2 -c 2640 -w 500
	[ "$(node_handshake a)" -gt $((before + 100)) ] || fail "no new handshake in 132 s"
}

# The outer header shows DSCP 0 and the inner ECN field; a mark made on the way comes out inside.
test_ecn_and_dscp()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a b
	ping_up lana 10.2.0.2
	ping_up lana fd00:2::2
	outer_tos 10.2.0.2 0xb8 00
	outer_tos 10.2.0.2 0x02 02
	outer_tos fd00:2::2 0xb9 01
	outer_tos 10.2.0.2 0x03 03
	at net nft -f - <<-'EOF'
		table ip congested {
			chain forward {
				type filter hook forward priority 0;
				iifname "a0" ip ecn ect0 ip ecn set ce
			}
		}
	EOF
	equal "what the host gets" "$(inner_tos 10.2.0.2 0x02)" 0x3
	equal "what the host gets, DSCP" "$(inner_tos 10.2.0.2 0xba)" 0xbb
	equal "what the host gets, not marked" "$(inner_tos 10.2.0.2 0xb8)" 0xb8
}

# outer_tos ADDRESS SENT EXPECTED: node a's data messages while pinging with that TOS.
outer_tos()
{
	wire_open a
	ping_all lana "$1" -c 5 -Q "$2"
	wire_close a
	equal "outer TOS for inner $2" "$(wire a tos)" "$3"
}

# inner_tos ADDRESS SENT: TOS of the echo request as LAN B's host sees it.
inner_tos()
{
	sniff lanb lan0 1 'icmp[0] == 8'
	at lana ping -n -q -c 2 -i 0.02 -Q "$2" "$1" >/dev/null
	sniffed | sed -n 's/.*tos \(0x[0-9a-f]*\).*/\1/p'
}
