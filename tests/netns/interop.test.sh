# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# interop.test.sh: a stock WireGuard (wireguard-go) at the other end, in both roles.

# interop KIND KIND OUTER: a begins, then b does with a new session.
interop()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b "$3" "PresharedKey = $(node_psk a b)"
	node_peer b a "$3" "PresharedKey = $(node_psk a b)"
	node_start a "$1"
	node_start b "$2"
	ping_up lana 10.2.0.2
	learn_mtus
	ping_all lana fd00:2::2 -c 20 -s 1300
	ping_all lana 10.2.0.2 -c 20 -s 1372 -M "do"
	tcp_copy lana lanb 10.2.0.2 4000000
	tcp_copy lanb lana fd00:1::2 4000000
	udp_copy lana lanb fd00:2::2 200 1200
	udp_copy lanb lana 10.1.0.2 200 3000
	iperf lana lanb 10.2.0.2 -t 2 -P 4
	iperf lana lanb 10.2.0.2 -t 2 -R
}

test_interop_initiator_outer_ipv4()
{
	interop esclusa wireguard-go 4
}

test_interop_initiator_outer_ipv6()
{
	interop esclusa wireguard-go 6
}

# The stock peer sends the first packet: the node answers its handshake.
responder()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b "$1" "Endpoint="
	node_peer b a "$1"
	node_start a esclusa
	node_start b wireguard-go
	wire_open a
	ping_up lanb 10.1.0.2
	wire_close a
	equal "handshakes begun by the node" "$(wire a count initiation)" 0
	equal "handshakes answered by the node" "$(wire a count response)" 1
	tcp_copy lana lanb 10.2.0.2 2000000
	tcp_copy lanb lana fd00:1::2 2000000
}

test_interop_responder_outer_ipv4()
{
	responder 4
}

test_interop_responder_outer_ipv6()
{
	responder 6
}

LIMIT[interop_rekey_without_loss]=240
test_interop_rekey_without_loss()
{
	local before

	lab_join a esclusa b wireguard-go
	ping_up lanb 10.1.0.2
	before=$(node_handshake a)
	ping_all lanb 10.1.0.2 -c 2640 -w 500
	[ "$(node_handshake a)" -gt $((before + 100)) ] || fail "no new handshake in 132 s"
}

# Each AEAD provider, a user's own shared object too, against another implementation.
test_every_provider()
{
	local provider

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start b wireguard-go
	for provider in sodium openssl ipsec-mb "$PROVIDER_SO"; do
		sed -i "/^Provider/d; s,^Mode = .*,&\nProvider = $provider," "$LAB_DIR/a.conf"
		if [ "$provider" = ipsec-mb ] && ! grep -qw avx2 /proc/cpuinfo; then
			continue
		fi
		node_start a esclusa
		ping_up lana 10.2.0.2
		tcp_copy lana lanb 10.2.0.2 2000000
		tcp_copy lanb lana fd00:1::2 2000000
		node_stop a || fail "with $provider the node ended with $?"
	done
}
