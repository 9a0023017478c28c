# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# sockets.test.sh: nothing of a running node can be reached over a network, from anywhere (R9).

# sockets_none SITE: not in any of its processes, not in any network namespace that one of them is
# in (control is where the NICs are).
sockets_none()
{
	local pids found

	pids="${NODE_PID[$1]} $(pgrep -P "${NODE_PID[$1]}")"
	# shellcheck disable=SC2086
	python3 "${BASH_SOURCE[0]%/*}/sockets.py" $pids || return 1
	# The same question to somebody else.
	found=$(at "$1" ss -Hlntu && at "$1" ss -Hlnw && at "$1" ss -Hna0)
	[ -z "$found" ] || echo "$found"
	[ -z "$found" ]
}

test_no_network_socket_exists()
{
	local pid

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	"$ESCLUSA" show "$(node_name a)" >/dev/null
	node_wg set a peer "$(node_public b)" persistent-keepalive 1
	sockets_none a || fail "node a has network sockets"
	pid=$(fault_pid b crypto)
	kill -KILL "$pid" # nor does a restart make one
	wait_for 30 fault_replaced b crypto "$pid" || fail "no other crypto process on node b"
	ping_up lana 10.2.0.2 30
	sockets_none b || fail "node b has network sockets"
	sockets_would_be_seen
}

# One socket of each kind, opened where the node is: a test that does not see it proves nothing.
sockets_would_be_seen()
{
	local kind

	for kind in \
		"AF_INET, SOCK_STREAM" "AF_INET6, SOCK_STREAM" "AF_INET, SOCK_DGRAM" \
		"AF_INET6, SOCK_DGRAM" "AF_INET, SOCK_RAW, 1" "AF_INET6, SOCK_RAW, 58" \
		"AF_PACKET, SOCK_RAW, 768"; do
		: >"$LAB_DIR/opened" # the one before it said "open" as well
		bg a "$LAB_DIR/opened" python3 -u -c "
import time
from socket import *
s = socket($kind)
if s.type == SOCK_STREAM:
    s.listen()
elif s.type == SOCK_DGRAM:
    s.bind(('', 7777))
print('open')
time.sleep(600)"
		wait_for 30 grep -q open "$LAB_DIR/opened" ||
			fail "socket($kind): $(cat "$LAB_DIR/opened")"
		must_fail sockets_none a
		kill "$BG"
		wait "$BG" 2>/dev/null || true
		wait_for 20 sockets_none a >/dev/null || fail "socket($kind) stays"
	done
}

# capability_mask NAME...: as /proc/PID/status writes it, of those that this machine's root has.
capability_mask()
{
	local name bit mask=0 own

	for name; do
		bit=$(awk -v n="CAP_$name" '$1 == "#define" && $2 == n { print $3 }' \
			/usr/include/linux/capability.h)
		mask=$((mask | 1 << bit))
	done
	own=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
	printf '%016x\n' $((mask & 0x$own))
}

# of_control SITE FIELD: of /proc/PID/status.
of_control()
{
	sed -n "s/^$2:[[:space:]]*\([^[:space:]]*\).*/\1/p" "/proc/${NODE_PID[$1]}/status"
}

# What control is left with: its list of capabilities, its filter; and with Sandbox = seccomp, no
# filter, but the rest.
test_control_is_locked_in()
{
	local kept s set

	kept=$(capability_mask BPF PERFMON NET_ADMIN NET_RAW SYS_ADMIN IPC_LOCK SETUID SETGID SETPCAP \
		KILL)
	lab_site a
	lab_site b
	node_config a
	NODE_LINES="Sandbox = seccomp" node_config b
	node_peer a b
	node_peer b a
	node_start a esclusa
	node_start b esclusa
	ping_up lana 10.2.0.2
	for s in a b; do
		for set in CapPrm CapEff CapBnd; do
			equal "$set of control on node $s" "$(of_control $s $set)" "$kept"
		done
		equal "inheritable capabilities" "$(of_control $s CapInh)" 0000000000000000
		equal "no_new_privs" "$(of_control $s NoNewPrivs)" 1
		[ "$(of_control $s VmLck)" -gt 0 ] || fail "no memory is locked"
	done
	equal "filter of control" "$(of_control a Seccomp)" 2
	equal "waived filter of control" "$(of_control b Seccomp)" 0
	node_stop a || fail "node a ended with $?"
	node_stop b || fail "node b ended with $?"
}
