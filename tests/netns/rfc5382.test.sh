# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# rfc5382.test.sh: NAT behaviour for TCP, one test for each requirement that can be seen from
# outside. docs/nat.md has the table. Timeouts are hours: tests/bpf turns the clock for them.

rfc5382()
{
	lab_internet
	lab_hosts 2
	router_start
	router_python rfc5382.py "$@"
	router_fine
}

test_rfc5382_req1_endpoint_independent_mapping()
{
	rfc5382 req1_endpoint_independent_mapping
}

test_rfc5382_req2_three_way_handshake()
{
	rfc5382 req2_three_way_handshake
}

test_rfc5382_req2_simultaneous_open()
{
	rfc5382 req2_simultaneous_open
}

test_rfc5382_req3_address_and_port_dependent_filtering()
{
	rfc5382 req3_address_and_port_dependent_filtering
}

test_rfc5382_req4_unsolicited_syn_is_not_answered()
{
	rfc5382 req4_unsolicited_syn_is_not_answered
}

test_rfc5382_req5_timeouts_have_a_least_value()
{
	router_timeout TcpTimeout 7440
	router_timeout TcpTransitoryTimeout 240
}

test_rfc5382_req6_no_payload_is_changed()
{
	rfc5382 req6_no_payload_is_changed
}

test_rfc5382_req7_no_port_overloading()
{
	rfc5382 req7_no_port_overloading
}

test_rfc5382_req8_hairpinning()
{
	rfc5382 req8_hairpinning
}

test_rfc5382_req9_errors_are_translated()
{
	rfc5382 req9_errors_are_translated
}

test_rfc5382_req10_errors_do_not_end_a_connection()
{
	rfc5382 req10_errors_do_not_end_a_connection
}

test_router_tcp_segments_out_of_window()
{
	rfc5382 segments_out_of_window
}

test_router_tcp_segments_of_no_connection()
{
	rfc5382 segments_of_no_connection
}
