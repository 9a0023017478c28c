# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# rfc4787.test.sh: NAT behaviour for UDP, one test for each requirement that can be seen from
# outside. docs/nat.md has the table. Timeouts are minutes: tests/bpf turns the clock for them.

rfc4787()
{
	lab_internet
	lab_hosts 2
	router_start
	router_python rfc4787.py "$@"
	router_fine
}

test_rfc4787_req1_endpoint_independent_mapping()
{
	rfc4787 req1_endpoint_independent_mapping
}

test_rfc4787_req2_paired_addresses()
{
	rfc4787 req2_paired_addresses
}

test_rfc4787_req3_no_port_overloading()
{
	rfc4787 req3_no_port_overloading req3_port_ranges
}

test_rfc4787_req4_port_parity()
{
	rfc4787 req4_port_parity
}

test_rfc4787_req5_timeouts_have_a_least_value()
{
	router_timeout UdpTimeout 120
	router_timeout UdpUnrepliedTimeout 120
}

test_rfc4787_req7_same_addresses_on_both_sides()
{
	rfc4787 req7_same_addresses_on_both_sides
}

test_rfc4787_req8_address_and_port_dependent_filtering()
{
	rfc4787 req8_address_and_port_dependent_filtering req8_filtering_ipv6
}

test_rfc4787_req9_hairpinning()
{
	rfc4787 req9_hairpinning
}

test_rfc4787_req10_no_payload_is_changed()
{
	rfc4787 req10_no_payload_is_changed
}

test_rfc4787_req11_behaviour_does_not_change()
{
	rfc4787 req11_behaviour_does_not_change
}

test_rfc4787_req12_errors_do_not_end_a_mapping()
{
	rfc4787 req12_errors_do_not_end_a_mapping
}

test_rfc4787_req13_fragmentation_needed()
{
	rfc4787 req13_fragmentation_needed
}

test_rfc4787_req14_fragments_in_order()
{
	rfc4787 req14_fragments_in_order
}

test_rfc4787_req14_fragments_out_of_order()
{
	rfc4787 req14_fragments_out_of_order
}
