# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router_policy.test.sh: [Split] and [Firewall] decide what leaves and what enters, and are
# replaced while traffic flows (R5).

test_router_default_deny()
{
	lab_internet
	lab_hosts 2
	router_rules '[Split]' "Default = deny" "Allow = tcp 80 to 198.51.100.0/24 from 10.1.0.2/32" \
		"Allow = icmp to $SRV6/128" "Allow = udp 53,3470-3480 to $SRV4/32"
	router_start
	internet
	whose lana "$SRV4" >/dev/null
	refused lana2 "$SRV4" who
	refused lana "$SRV6" who
	refused lana "$SRV4":8000 who
	refused lana 100.64.1.254 who
	ping_all lana "$SRV6" -c 3
	ping_dead lana "$SRV4"
	wait_for 20 udp_answers lana2 "$SRV4" 3478 || fail "an allowed port is closed"
	! udp_answers lana2 198.51.100.3 3478 || fail "a denied server answers"
	router_fine
}

# The first rule that fits decides, not the most exact one.
test_router_rules_in_order()
{
	lab_internet
	lab_hosts 2
	router_rules '[Split]' "Allow = tcp 80 to $SRV4" "Deny = any to 198.51.100.0/24" \
		"Allow = any to 198.51.100.3" "Deny = any from 10.1.0.3" "Deny = tcp 80 to 2001:db8:f::/64"
	router_start
	internet
	whose lana "$SRV4" >/dev/null
	whose lana2 "$SRV4" >/dev/null
	refused lana 198.51.100.3 who
	ping_dead lana "$SRV4"
	ping_all lana 100.64.1.254 -c 2
	ping_dead lana2 100.64.1.254
	refused lana "$SRV6" who
	ping_all lana "$SRV6" -c 2
	ping_all lana2 "$SRV6" -c 2 # `from 10.1.0.3` says nothing about IPv6
}

# Denied packets do not leave, whatever else they are.
test_router_denied_stays_inside()
{
	lab_internet
	router_rules '[Split]' "Deny = any to $SRV4" "Deny = any to $SRV6"
	router_start
	sniff net a0 1 -Q in "dst host $SRV4 or dst host $SRV6"
	ping_dead lana "$SRV4"
	get_fails lana "$SRV4" who
	get_fails lana "$SRV6" who
	at lana ping -n -q -c 3 -i 0.2 -W 1 -s 3000 "$SRV4" >/dev/null || true
	sniffed 1 | grep -q "IP" && fail "left the node: $(sniffed 0)"
	return 0
}

# file_line NUMBER TEXT: a line of the node's file is another one.
file_line()
{
	sed -i "$1s|.*|$2|" "$LAB_DIR/a.conf"
}

# What is open goes on, as in conntrack; the new rules are for what begins.
test_router_reload_keeps_connections()
{
	local slow line

	lab_internet
	router_rules '[Split]' "Default = allow"
	line=$(wc -l <"$LAB_DIR/a.conf")
	router_rules '[Firewall]' "Forward = tcp 8080 to 10.1.0.2:80"
	router_start
	internet
	internet lana
	bg lana "$LAB_DIR/slow" curl -sS -N "$(url "$SRV4" slow)"
	slow=$BG
	wait_for 30 test -s "$LAB_DIR/slow" || fail "the download does not begin"
	whose srv "$OWN4":8080 >/dev/null

	file_line "$line" "Default = deny"
	router_reload
	wait_for 20 is_refused lana "$SRV4" who || fail "the new rules do nothing"
	refused lana "$SRV6" who
	slow_goes_on || fail "the download stopped"
	whose srv "$OWN4":8080 >/dev/null

	file_line "$line" "Default = allow"
	sed -i '/^Forward/d' "$LAB_DIR/a.conf"
	router_reload
	wait_for 20 eval "whose lana $SRV4 >/dev/null 2>&1" || fail "the old rules are still there"
	get_fails srv "$OWN4":8080 who
	kill "$slow"
	router_fine
}

# A file with a mistake changes nothing, and the log says what.
test_router_reload_of_a_wrong_file()
{
	local line

	router_needs_esclusa
	lab_internet
	router_rules '[Split]' "Deny = tcp 81"
	line=$(wc -l <"$LAB_DIR/a.conf")
	router_start
	internet
	refused lana "$SRV4":81 who
	file_line "$line" "Deny = tcp 80-banana"
	router_reload
	wait_for 20 grep -q banana "$LAB_DIR/a.log" || fail "the log says nothing: $(tail -n 5 "$LAB_DIR/a.log")"
	whose lana "$SRV4" >/dev/null
	refused lana "$SRV4":81 who
	file_line "$line" "Deny = tcp 80"
	router_reload
	wait_for 20 is_refused lana "$SRV4" who || fail "the right file does nothing"
}

# A rule must not promise what no rule can: a secure prefix in clear.
test_router_check_refuses_secure_prefixes()
{
	local rule

	router_needs_esclusa
	lab_internet
	node_config b
	node_peer a b
	at a "$ESCLUSA" check "$LAB_DIR/a.conf" >/dev/null || fail "the file is refused without a rule"
	cp -p "$LAB_DIR/a.conf" "$LAB_DIR/base.conf"
	for rule in "any to 10.2.0.0/16" "tcp 80 to 10.2.3.4" "udp 53 to 10.2.128.0/17" \
		"any to fd00:2::/64"; do
		{ cat "$LAB_DIR/base.conf" && printf '[Split]\nAllow = %s\n' "$rule"; } >"$LAB_DIR/a.conf"
		must_fail at a "$ESCLUSA" check "$LAB_DIR/a.conf"
		grep -Eq "a.conf:[0-9]+: .*" "$LAB_DIR/must_fail.out" ||
			fail "no line number: $(cat "$LAB_DIR/must_fail.out")"
	done
	for rule in "Allow = any" "Deny = any to 10.2.0.0/16" "Allow = any to 10.0.0.0/8"; do
		{ cat "$LAB_DIR/base.conf" && printf '[Split]\n%s\n' "$rule"; } >"$LAB_DIR/a.conf"
		at a "$ESCLUSA" check "$LAB_DIR/a.conf" >"$LAB_DIR/check.out" 2>&1 ||
			fail "'$rule' is refused: $(cat "$LAB_DIR/check.out")"
	done
}

# Two hosts of the LAN by the public address: a port forward, from inside.
test_router_hairpin_to_a_port_forward()
{
	lab_internet
	lab_hosts 3
	router_rules '[Firewall]' "Forward = tcp 8080 to 10.1.0.2:80" "Forward = udp 3478 to 10.1.0.2"
	router_start
	internet lana
	random_file big 2000000
	equal "digest by the public address" \
		"$(get lana2 "$OWN4":8080 big | sha256sum | cut -d' ' -f1)" "$DIGEST"
	case $(whose lana3 "$OWN4":8080) in
	10.1.0.4) fail "the server saw the host's inner address: answers would go past the node" ;;
	esac
	wait_for 20 udp_answers lana2 "$OWN4" 3478 || fail "no answer by UDP"
	get_fails lana2 "$OWN4":80 who
	router_fine
}
