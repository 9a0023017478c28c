# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# site.test.sh: what a small site needs besides the node: docs/site.md, word for word.

# The block of docs/site.md that begins with "# NAME".
site_file()
{
	awk -v want="# $1" '
		/^```/ { if (on) exit; fresh = 1; next }
		fresh && $0 == want { on = 1 }
		{ fresh = 0 }
		on
	' "$LAB_ROOT/docs/site.md"
}

# dhcp_client NS DEV OPTIONS...: a lease, or an error; $LAB_DIR/lease-NS tells what was offered.
dhcp_client()
{
	local ns=$1 dev=$2

	shift 2
	cat >"$LAB_DIR/udhcpc.sh" <<-'EOF2'
		#!/bin/sh
		case $1 in
		bound | renew)
			ip addr replace "$ip/$mask" dev "$interface"
			ip route replace default via "$router"
			printf 'event %s\naddress %s\nrouter %s\ndns %s\ndomain %s\n' \
				"$1" "$ip" "$router" "$dns" "$domain" >"$LEASE"
			;;
		esac
	EOF2
	chmod 755 "$LAB_DIR/udhcpc.sh"
	LEASE=$LAB_DIR/lease-$ns at "$ns" timeout 60 busybox udhcpc -i "$dev" -f -t 40 -T 1 \
		-s "$LAB_DIR/udhcpc.sh" "$@" >"$LAB_DIR/udhcpc-$ns.log" 2>&1
}

leased()
{
	awk -v key="$2" '$1 == key { print $2 }' "$LAB_DIR/lease-$1"
}

# Site a as docs/site.md has it, with a secure site b; its host knows no address yet.
# site_lab LINE...: of the node's file.
site_lab()
{
	lab_internet
	lab_site b
	node_config b
	node_peer a b
	node_peer b a
	router_rules "$@"
	node_start a esclusa
	node_start b "$NODE_B"
	lab_ip lana addr flush dev lan0 scope global
	lab_ip lana route flush dev lan0
	site_file /etc/dnsmasq.d/lan.conf >"$LAB_DIR/lan.conf"
	grep -q dhcp-range "$LAB_DIR/lan.conf" || fail "docs/site.md has no dnsmasq.conf"
	bg a "$LAB_DIR/dnsmasq.log" dnsmasq -k -d -C "$LAB_DIR/lan.conf" -h --pid-file= \
		--dhcp-leasefile="$LAB_DIR/leases"
	bg srv "$LAB_DIR/dns.log" dnsmasq -k -d -C /dev/null -R -h --pid-file= \
		--address=/www.example/"$SRV4" --address=/www.example/"$SRV6"
	wait_for 30 grep -q started "$LAB_DIR/dnsmasq.log" ||
		fail "dnsmasq: $(cat "$LAB_DIR/dnsmasq.log")"
	wait_for 30 grep -q started "$LAB_DIR/dns.log" || fail "dnsmasq: $(cat "$LAB_DIR/dns.log")"
}

test_site_dhcp_and_dns_by_dnsmasq()
{
	site_lab '[Firewall]' 'Local = dhcp, dns'
	dhcp_client lana lan0 -n -q -x hostname:printer ||
		fail "no lease: $(cat "$LAB_DIR/udhcpc-lana.log" "$LAB_DIR/dnsmasq.log")"
	case $(leased lana address) in
	10.1.0.1[0-9][0-9]) ;;
	*) fail "the lease: $(cat "$LAB_DIR/lease-lana")" ;;
	esac
	equal "router of the lease" "$(leased lana router)" 10.1.0.1
	equal "resolver of the lease" "$(leased lana dns)" "$SRV4"
	equal "domain of the lease" "$(leased lana domain)" lan
	# With it: the other site, the internet, names of both kinds.
	ping_up lana 10.2.0.2
	ping_all lana "$SRV4" -c 3
	at lana busybox nslookup www.example "$(leased lana dns)" >"$LAB_DIR/ns" ||
		fail "no answer from the internet: $(cat "$LAB_DIR/ns")"
	at lana busybox nslookup printer.lan 10.1.0.1 >"$LAB_DIR/ns" ||
		fail "no answer from the node: $(cat "$LAB_DIR/ns")"
	grep -q "Address.*$(leased lana address)" "$LAB_DIR/ns" || fail "$(cat "$LAB_DIR/ns")"
	must_fail at lana busybox nslookup www.example 10.1.0.1
	grep -q REFUSED "$LAB_DIR/must_fail.out" || fail "not refused: $(cat "$LAB_DIR/must_fail.out")"
	[ "$(node_show a counter red_xdp service)" -ge 4 ] || fail "services are not counted"
	# Nobody else reaches it, and the node itself has no internet.
	must_fail at net timeout 5 busybox nslookup printer.lan 100.64.1.1
	must_fail at lanb timeout 5 busybox nslookup printer.lan 10.1.0.1
	ping_dead a "$SRV4"
	node_adds_up a b
}

test_site_ipv6_by_router_advertisement()
{
	site_lab '[Firewall]' 'Local = dhcp, dns'
	lab_ip lana link set lan0 down
	at lana sysctl -qw net.ipv6.conf.lan0.accept_ra=1 net.ipv6.conf.lan0.autoconf=1 \
		net.ipv6.conf.lan0.router_solicitations=3
	lab_ip lana link set lan0 up
	wait_for 40 has_address lana 2001:db8:a1: ||
		fail "no address: $(lab_ip lana -6 addr; cat "$LAB_DIR/dnsmasq.log")"
	lab_ip lana -6 route | grep -q '^default via fe80:' || fail "no default route"
	ping_up lana "$SRV6"
	ping_up lana fd00:2::2
	node_adds_up a b
}

has_address()
{
	lab_ip "$1" -6 -o addr show scope global | grep -q " $2"
}

test_site_services_need_a_rule()
{
	site_lab
	must_fail dhcp_client lana lan0 -n -q -t 4
	[ ! -e "$LAB_DIR/lease-lana" ] || fail "a lease: $(cat "$LAB_DIR/lease-lana")"
	! grep -q DHCPDISCOVER "$LAB_DIR/dnsmasq.log" || fail "the node's kernel was asked"
	lab_addr lana lan0 10.1.0.2/24
	must_fail at lana timeout 5 busybox nslookup printer.lan 10.1.0.1
	! grep -q printer "$LAB_DIR/dnsmasq.log" || fail "the node's kernel was asked"
}

# The black address comes while the node runs, and stays leased; then another one comes.
test_site_black_address_by_dhcp()
{
	local client

	lab_internet
	lab_site b
	node_config b
	sed -i '/^\[Node\]/a Dhcp = yes' "$LAB_DIR/a.conf"
	node_peer a b 4 "PersistentKeepalive = 1"
	node_peer b a 4 Endpoint=
	lab_ip a addr flush dev black0 scope global
	lab_ip a route flush dev black0
	provider 100.64.1.50
	node_start a esclusa
	node_start b "$NODE_B"
	wire_open a
	dhcp_client a black0 -q -n || fail "no lease: $(cat "$LAB_DIR/udhcpc-a.log" "$LAB_DIR/provider.log")"
	equal "address" "$(leased a address)" 100.64.1.50
	ping_up lana 10.2.0.2 60
	ping_up lana "$SRV4" 60
	# The client that stays renews by unicast, from the node's kernel.
	rm "$LAB_DIR/lease-a"
	dhcp_client a black0 -p "$LAB_DIR/udhcpc.pid" || true &
	wait_for 30 grep -q 'event bound' "$LAB_DIR/lease-a" || fail "no second lease"
	client=$(cat "$LAB_DIR/udhcpc.pid")
	kill -USR1 "$client"
	wait_for 30 grep -q 'event renew' "$LAB_DIR/lease-a" ||
		fail "not renewed: $(cat "$LAB_DIR/udhcpc-a.log")"
	kill "$client"
	ping_all lana "$SRV4" -c 3
	wire_close a
	# Another network: the tunnel and the internet follow.
	lab_ip a addr flush dev black0 scope global
	lab_kill "$PROVIDER"
	provider 100.64.1.60
	dhcp_client a black0 -q -n || fail "no new lease: $(cat "$LAB_DIR/udhcpc-a.log")"
	equal "new address" "$(leased a address)" 100.64.1.60
	ping_up lana 10.2.0.2 60
	ping_up lana "$SRV4" 60
	node_adds_up a b
}

# provider ADDRESS: a DHCP server behind the black NIC that leases this one.
provider()
{
	rm -f "$LAB_DIR/provider.leases" "$LAB_DIR/provider.log"
	bg net "$LAB_DIR/provider.log" dnsmasq -k -d -C /dev/null -p 0 -R --pid-file= -i a0 \
		--bind-interfaces --dhcp-leasefile="$LAB_DIR/provider.leases" \
		--dhcp-range="$1,$1,1h" --dhcp-option=option:router,100.64.1.254
	PROVIDER=$BG
	wait_for 30 grep -qs started "$LAB_DIR/provider.log" ||
		fail "dnsmasq: $(cat "$LAB_DIR/provider.log")"
}
