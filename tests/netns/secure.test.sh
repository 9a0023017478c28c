# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# secure.test.sh: [Firewall] Secure, SecureAllow, SecureDeny: what secure sites may begin in a LAN.

# A second host at site a, 10.1.5.2 and fd00:1:5::2, beside 10.1.0.2: not for SecureAllow below.
# secure_lab LINE...: b has these lines in [Firewall].
secure_lab()
{
	local line

	lab_site a
	lab_site b
	lab_addr lana lan0 10.1.5.2/24 fd00:1:5::2/64
	lab_route a 10.1.5.0/24 10.1.0.2
	lab_route a fd00:1:5::/64 fd00:1::2
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	secure_says b "$@"
	node_start a "$NODE_A"
	node_start b esclusa
}

# secure_says SITE LINE...: its file has this [Firewall], in place of one that it had.
secure_says()
{
	local file=$LAB_DIR/$1.conf line

	shift
	sed -i '/^\[Firewall\]/,$d' "$file"
	{
		printf '[Firewall]\n'
		for line; do
			echo "$line"
		done
	} >>"$file"
}

# serve NS PORT: every connection is answered with the port.
serve()
{
	bg "$1" "$LAB_DIR/serve-$2.log" python3 -c '
import socket, sys
server = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6,
                              dualstack_ipv6=True)
while True:
    with server.accept()[0] as client:
        client.sendall(sys.argv[1].encode())
' "$2"
	wait_for 20 listens "$1" "$2" || fail "no server at port $2"
}

# served NS FROM ADDRESS PORT; not_served: the same, but does not wait long for what should not come.
served()
{
	[ "$(at "$1" timeout 30 nc -n -d -w 20 -s "$2" "$3" "$4" 2>/dev/null)" = "$4" ]
}

not_served()
{
	[ "$(at "$1" timeout 30 nc -n -d -w 2 -s "$2" "$3" "$4" 2>/dev/null)" != "$4" ]
}

# streams NS COUNT: connections to iperf3 at the other site.
streams()
{
	[ "$(at "$1" ss -Htn state established 'dport = :5201' | wc -l)" -eq "$2" ]
}

error_comes()
{
	at lanb traceroute -n -q 1 -w 2 10.1.0.2 >"$LAB_DIR/trace"
	grep -q '^ 2  10\.1\.0\.1 ' "$LAB_DIR/trace"
}

# 443 of one host for one prefix, and what the LAN begins: nothing else.
what_secure_deny_means()
{
	local denied

	# The LAN begins, of every kind: answers, fragments of answers, errors come back.
	ping_up lanb 10.1.0.2
	learn_mtus
	ping_all lanb fd00:1::2 -c 5
	ping_all lanb 10.1.0.2 -c 3 -s 5000
	ping_all lanb fd00:1::2 -c 3 -s 5000
	tcp_copy lanb lana 10.1.0.2 300000
	tcp_copy lanb lana fd00:1::2 300000
	udp_copy lanb lana 10.1.0.2 20 500
	wait_for 60 error_comes || fail "no ICMP error came: $(cat "$LAB_DIR/trace")"
	# The site begins: what the rule names.
	served lana 10.1.0.2 10.2.0.2 443 || fail "443 is not served"
	not_served lana fd00:1::2 fd00:2::2 443 || fail "443 is served over IPv6"
	not_served lana 10.1.5.2 10.2.0.2 443 || fail "443 is served to who may not"
	not_served lana 10.1.0.2 10.2.0.2 444 || fail "444 is served"
	denied=$(node_show b counter red in_firewall)
	ping_dead lana 10.2.0.2
	ping_dead lana fd00:2::2
	ping_dead lana 10.2.0.1
	equal "echo requests denied" "$(($(node_show b counter red in_firewall) - denied))" 6
}

test_secure_deny_lets_in_answers_and_what_a_rule_names()
{
	secure_lab 'Secure = deny' 'SecureAllow = tcp 443 to 10.2.0.2 from 10.1.0.0/24'
	serve lanb 443
	serve lanb 444
	what_secure_deny_means
	node_adds_up a b
}

test_secure_rules_are_read_in_order()
{
	secure_lab 'SecureDeny = tcp 443 from 10.1.5.0/24' 'SecureAllow = tcp 443' \
		'SecureDeny = tcp 400-500' 'SecureDeny = icmp to fd00:2::/64'
	serve lanb 443
	serve lanb 444
	serve lanb 600
	ping_up lana 10.2.0.2
	served lana 10.1.0.2 10.2.0.2 443 || fail "443 is not served"
	served lana fd00:1::2 fd00:2::2 443 || fail "443 is not served over IPv6"
	not_served lana 10.1.5.2 10.2.0.2 443 || fail "443 is served to who may not"
	not_served lana 10.1.0.2 10.2.0.2 444 || fail "444 is served"
	served lana 10.1.5.2 10.2.0.2 600 || fail "600 is not served"
	ping_dead lana fd00:2::2
	node_adds_up a b
}

# Red has no memory of what was before its start: the LAN's next segment makes it known again.
test_secure_connections_live_on_when_red_is_restarted()
{
	local pid

	secure_lab 'Secure = deny'
	serve lanb 443
	ping_up lanb 10.1.0.2
	not_served lana 10.1.0.2 10.2.0.2 443 || fail "443 is served"
	pid=$(node_show b pid red)
	bg lana "$LAB_DIR/iperf.server" iperf3 -s -1
	wait_for 20 listens lana 5201
	bg lanb "$LAB_DIR/iperf.client" iperf3 -c 10.1.0.2 -t 6 -J
	wait_for 20 streams lanb 2 || fail "iperf3 does not begin: $(cat "$LAB_DIR/iperf.client")"
	sleep 1
	kill -KILL "$pid"
	wait "$BG" || fail "the LAN's connection broke: $(tail -n 3 "$LAB_DIR/iperf.client")"
	[ "$(node_show b pid red)" != "$pid" ] || fail "red was not restarted"
	not_served lana 10.1.0.2 10.2.0.2 443 || fail "443 is served after the restart of red"
}

secure_reload()
{
	secure_says b "$@"
	kill -HUP "${NODE_PID[b]}"
}

# SIGHUP: new conversations find the new rules, those under way live on, whoever began them.
test_secure_rules_change_at_reload_and_connections_live_on()
{
	local site

	secure_lab 'Secure = deny' 'SecureAllow = tcp 5201'
	serve lanb 443
	ping_up lanb 10.1.0.2
	not_served lana 10.1.0.2 10.2.0.2 443 || fail "443 is served"
	bg lanb "$LAB_DIR/iperf.server" iperf3 -s -1
	wait_for 20 listens lanb 5201
	bg lana "$LAB_DIR/iperf.client" iperf3 -c 10.2.0.2 -t 8 --bidir
	site=$BG
	wait_for 20 streams lana 3 || fail "iperf3 does not begin: $(cat "$LAB_DIR/iperf.client")"
	secure_reload 'Secure = deny' 'SecureAllow = tcp 443 from 10.1.0.0/24'
	wait_for 60 served lana 10.1.0.2 10.2.0.2 443 || fail "443 is not served after the reload"
	not_served lana 10.1.5.2 10.2.0.2 443 || fail "443 is served to who may not"
	must_fail at lana timeout 3 nc -n -z -w 1 10.2.0.2 5201
	secure_reload 'Secure = allow'
	wait_for 60 served lana 10.1.5.2 10.2.0.2 443 || fail "443 is not served to all"
	secure_reload 'Secure = allow' 'SecureDeny = tcp 443' 'SecureDeny = tcp 5201'
	wait_for 60 not_served lana 10.1.0.2 10.2.0.2 443 || fail "443 is served for ever"
	# A mistake changes nothing.
	secure_reload 'Secure = perhaps'
	wait_for 20 grep -q 'Nothing changes' "$LAB_DIR/b.log" || fail "the mistake is not refused"
	not_served lana 10.1.0.2 10.2.0.2 443 || fail "443 is served after a file with a mistake"
	ping_all lana 10.2.0.2 -c 2
	wait "$site" || fail "the site's connection broke: $(tail -n 3 "$LAB_DIR/iperf.client")"
	equal "restarts" "$(node_show b field restarts)" 0
}
