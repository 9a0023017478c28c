# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# attack.sh: floods in a lab, out of the router towards node a. Part of lab.sh.
#
#	flood_open                once before floods, when the nodes run
#	flood_begin KIND OPTION...
#	                          in the background; kinds and options: build/tests/flood/flood
#	flood_end                 stops it; FLOOD_SENT frames left
#	flood_all                 instead: waits until it has sent all of its --count

FLOOD=$BUILD/tests/flood/flood
FLOOD_PID=
FLOOD_LOG=
FLOOD_SENT=0

# The stock node's NIC has no XDP program: frames that XDP redirects arrive only where GRO was
# switched on after the link came up.
flood_open()
{
	FLOOD_MAC=$(mac_of a black0)
	[ "${NODE_KIND[a]}" = esclusa ] || at a ethtool -K black0 gro off
	[ "${NODE_KIND[a]}" = esclusa ] || at a ethtool -K black0 gro on
}

mac_of()
{
	lab_ip "$1" -j link show "$2" | python3 -c \
		'import json, sys; print(json.load(sys.stdin)[0]["address"])'
}

# FLOOD_FAMILY=6: towards the IPv6 address. Without flood_end it ends with the lab.
flood_begin()
{
	local kind=$1

	shift
	FLOOD_LOG=$(mktemp "$LAB_DIR/flood.XXXXXX")
	bg net "$FLOOD_LOG" "$FLOOD" "$kind" a0 "$FLOOD_MAC" \
		"$(node_outer a "${FLOOD_FAMILY:-4}"):$NODE_PORT" --key "$(node_public a)" \
		--seconds "${FLOOD_SECONDS:-300}" "$@"
	FLOOD_PID=$BG
	wait_for 60 flood_began || true
	grep -q sending "$FLOOD_LOG" || fail "the flood does not begin: $(cat "$FLOOD_LOG")"
}

flood_began()
{
	grep -q sending "$FLOOD_LOG" || pid_gone "$FLOOD_PID"
}

flood_running()
{
	kill -0 "$FLOOD_PID" 2>/dev/null || fail "the flood ended early: $(cat "$FLOOD_LOG")"
}

flood_end()
{
	kill -TERM "$FLOOD_PID" 2>/dev/null || true
	flood_all
}

flood_all()
{
	wait "$FLOOD_PID" || fail "the flood failed: $(cat "$FLOOD_LOG")"
	FLOOD_SENT=$(tail -n 1 "$FLOOD_LOG" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["sent"])')
	[ "$FLOOD_SENT" -gt 0 ] || fail "the flood sent nothing"
}

under_load()
{
	[ "$(node_show a field under_load)" = True ]
}

not_under_load()
{
	[ "$(node_show a field under_load)" = False ]
}
