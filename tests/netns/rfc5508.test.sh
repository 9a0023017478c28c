# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# rfc5508.test.sh: NAT behaviour for ICMP, one test for each requirement that can be seen from
# outside. docs/nat.md has the table.

rfc5508()
{
	lab_internet
	lab_hosts 2
	router_rules '[Split]' 'Deny = any to 192.0.2.0/24' 'Deny = tcp 6666' 'Deny = udp 6666'
	router_start
	router_python rfc5508.py "$@"
	router_fine
}

test_rfc5508_req1_echoes_are_mapped()
{
	rfc5508 req1_echoes_are_mapped req1_echoes_ipv6
}

test_rfc5508_req2_timeout_has_a_least_value()
{
	router_timeout IcmpTimeout 60
}

test_rfc5508_req3_checksums_of_errors()
{
	rfc5508 req3_checksums_of_errors req3_extensions_of_errors
}

test_rfc5508_req4_errors_from_outside()
{
	rfc5508 req4_errors_from_outside req4_errors_from_outside_ipv6
}

test_rfc5508_req5_errors_from_the_lan()
{
	rfc5508 req5_errors_from_the_lan
}

test_rfc5508_req6_errors_do_not_end_an_echo()
{
	rfc5508 req6_errors_do_not_end_an_echo
}

test_rfc5508_req7_hairpinned_errors()
{
	rfc5508 req7_hairpinned_errors
}

test_rfc5508_req8_refusals_are_answered()
{
	rfc5508 req8_refusals_are_answered
}

test_rfc5508_req10_own_errors()
{
	rfc5508 req10_own_errors
}

test_rfc5508_req11_other_types_are_dropped()
{
	rfc5508 req11_other_types_are_dropped
}
