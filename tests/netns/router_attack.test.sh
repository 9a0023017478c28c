# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# router_attack.test.sh: what the internet tries against a LAN behind a node in router mode (R2).

router_attack()
{
	lab_internet
	lab_hosts 2
	router_rules '[Firewall]' "Forward = tcp 8080 to 10.1.0.2:80" "Open = tcp 443 to 2001:db8:a1::2"
	router_start
	router_python router_attack.py "$@"
	router_fine
}

test_router_scan_of_all_ports()
{
	router_attack scan_all_ports
}

test_router_scan_of_the_lan_by_ipv6()
{
	router_attack scan_ipv6
}

test_router_pings_from_outside()
{
	router_attack pings
}

# The probes of stealth_against_scans, against a node that also routes.
test_router_stealth()
{
	router_needs_esclusa
	lab_internet
	router_start
	ping_all lana "$SRV4" -c 2
	ping_all lana "$SRV6" -c 2
	wire_open a
	probe a || fail "the probes failed"
	wire_close a
	silent "scans and probes"
}

test_router_forged_replies()
{
	router_attack forged_replies
}

test_router_impossible_sources()
{
	router_attack impossible_sources
}

test_router_forged_icmp_errors()
{
	router_attack forged_errors
}

test_router_fragments_without_first()
{
	router_attack fragments_without_first
}

test_router_many_strangers()
{
	router_attack many_strangers
}
