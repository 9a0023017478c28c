# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# rings.test.sh: one packet process in an attacker's hands, and the other one's life with it. The
# hostile one breaks every rule of the shared memory on one lane while real traffic runs on both;
# when it is told that this is enough it ends itself and is replaced by an honest one.

LIMIT[hostile_red]=300
LIMIT[hostile_crypto]=300

# One per address of the LAN host. Each is on either lane by chance: of so many, the honest lane has
# less than two once in half a million runs.
RINGS_FLOWS=(10.1.0.{11..34})

# rings_join DOMAIN: node a with a process that will be hostile; node b as people install it.
rings_join()
{
	local from

	export LAB_QUEUES=2
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start b esclusa
	attack_orders
	ESCLUSA=$HOOKS ESCLUSA_ATTACK="rings=$1 orders=$ORDERS" node_start a esclusa
	wire_open a
	ping_up lana 10.2.0.2
	for from in "${RINGS_FLOWS[@]}"; do
		lab_addr lana lan0 "$from/24"
		ping_up_from "$from"
	done
}

ping_up_from()
{
	wait_for 30 at lana ping -n -q -c 1 -W 1 -I "$1" 10.2.0.2 >/dev/null 2>&1 ||
		fail "no answer to $1 before the attack"
}

# rings_flows PERCENT: traffic while one process is hostile. A flow lives if so much of it arrives.
# With -s 8 there is no room for a time of sending in an echo: ping would believe a forged one, and
# wait for the last echo as long as the longest time that it saw, years perhaps.
rings_flows()
{
	local from pids=() alive=0 n

	for from in "${RINGS_FLOWS[@]}"; do
		bg lana "$LAB_DIR/flow-$from" timeout -s INT 60 \
			ping -n -q -s 8 -i 0.03 -c 100 -W 1 -I "$from" 10.2.0.2
		pids+=("$BG")
	done
	wait "${pids[@]}" || true
	for from in "${RINGS_FLOWS[@]}"; do
		n=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$LAB_DIR/flow-$from")
		[ "${n:-0}" -lt "$1" ] || alive=$((alive + 1))
	done
	echo "$alive of ${#RINGS_FLOWS[@]} flows live; percent that arrives:" \
		"$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$LAB_DIR"/flow-* | sort -n | xargs)"
	[ "$alive" -ge 2 ] || fail "honest traffic is dead"
}

# rings_survive VICTIM HOSTILE PERCENT: it lives through it, counts what it refuses, and serves others.
rings_survive()
{
	local victim=$1 hostile=$2 pid peer kind

	pid=$(node_show a pid "$victim")
	peer=$(node_show b pid crypto)
	order b
	rings_flows "$3"
	wait_for 30 rings_seen "$victim" ||
		fail "nothing was refused: $("$ESCLUSA" show "$(node_name a)")"
	"$ESCLUSA" show "$(node_name a)" | grep VIOLATION
	equal "process id of $victim under attack" "$(node_show a pid "$victim")" "$pid"
	equal "restarts under attack" "$(node_show a field restarts)" 0
	order e
	wait_for 30 grep -q "$hostile: hostile rings: " "$LAB_DIR/a.log" ||
		fail "it was never hostile: $(cat "$LAB_DIR/a.log")"
	grep -o "hostile rings: .*" "$LAB_DIR/a.log"
	! grep -q "$victim process .* was ended" "$LAB_DIR/a.log" || fail "$victim died of it"
	wait_for 30 rings_over || fail "node a does not come back"
	equal "process id of b's crypto" "$(node_show b pid crypto)" "$peer"
	for kind in in_bad_tag in_bad_frame; do
		equal "$kind at the other site" "$(node_show b counter crypto $kind)" 0
	done
}

rings_over()
{
	node_ready a && [ "$(node_show a field restarts)" -ge 1 ]
}

rings_seen()
{
	[ "$(node_show a violation "$1" ring_cursor)" -gt 10 ] &&
		[ "$(node_show a violation "$1" desc_range)" -gt 10 ] || return 1
	[ "$1" = crypto ] || [ "$(node_show a violation "$1" desc_owner)" -gt 10 ]
}

rings_recovered()
{
	ping_up lana 10.2.0.2 60
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana 10.1.0.2 1000000
	wire_close a
	wire_clean a
	wait_for 10 node_show a frames 2>/dev/null || node_show a frames ||
		fail "frames of node a are missing"
	equal "violations of an honest node" "$(node_show a violations)" 0
}

test_hostile_red()
{
	rings_join red
	rings_survive crypto red 50 # on the other lane
	rings_recovered
}

test_hostile_crypto()
{
	rings_join crypto
	rings_survive red crypto 20 # crypto may write to any frame of red's, and does
	rings_recovered
}
