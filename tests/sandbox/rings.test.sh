# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# rings.test.sh: one packet process in an attacker's hands, and the other one's life with it. The
# hostile one breaks every rule of the shared memory on lane 0 while real traffic runs on both
# lanes; after its time it ends itself and is replaced by an honest one.

LIMIT[hostile_red]=90
LIMIT[hostile_crypto]=90

# rings_join DOMAIN: node a with a hostile process, after a few honest seconds; node b as people
# install it. Many flows, so that both lanes have some: one per address of the LAN host.
rings_join()
{
	local up i

	export LAB_QUEUES=2
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start b esclusa
	read -r up _ </proc/uptime
	up=${up%.*}
	ESCLUSA=$HOOKS ESCLUSA_ATTACK="$1-rings=$((up + 4))-$((up + 12))" node_start a esclusa
	wire_open a
	ping_up lana 10.2.0.2 3
	for i in {11..26}; do
		lab_addr lana lan0 "10.1.0.$i/24"
		ping_all lana 10.2.0.2 -I "10.1.0.$i" -c 2
	done
	HOSTILE_FROM=$((up + 5))
}

rings_began()
{
	local now

	read -r now _ </proc/uptime
	[ "${now%.*}" -ge "$HOSTILE_FROM" ]
}

# rings_flows PERCENT: traffic while one process is hostile. A flow lives if so much of it arrives.
rings_flows()
{
	local i pids=() alive=0 n

	for i in {11..26}; do
		# ping may wait for ever for what a forged answer made it miscount.
		bg lana "$LAB_DIR/flow-$i" timeout -s INT 15 \
			ping -n -q -i 0.02 -c 100 -W 1 -I "10.1.0.$i" 10.2.0.2
		pids+=("$BG")
	done
	wait "${pids[@]}" || true
	for i in {11..26}; do
		n=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$LAB_DIR/flow-$i")
		[ "${n:-0}" -lt "$1" ] || alive=$((alive + 1))
	done
	echo "$alive of 16 flows live; percent that arrives:" \
		"$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$LAB_DIR"/flow-* | sort -n | xargs)"
	[ "$alive" -ge 2 ] || fail "honest traffic is dead"
}

# rings_survive VICTIM HOSTILE PERCENT: it lives through it, counts what it refuses, and serves others.
rings_survive()
{
	local victim=$1 hostile=$2 pid peer kind

	pid=$(node_show a pid "$victim")
	peer=$(node_show b pid crypto)
	wait_for 10 rings_began
	rings_flows "$3"
	rings_seen "$victim" || fail "nothing was refused: $("$ESCLUSA" show "$(node_name a)")"
	"$ESCLUSA" show "$(node_name a)" | grep VIOLATION
	equal "process id of $victim under attack" "$(node_show a pid "$victim")" "$pid"
	equal "restarts under attack" "$(node_show a field restarts)" 0
	wait_for 15 grep -q "$hostile: hostile rings: " "$LAB_DIR/a.log" ||
		fail "it was never hostile: $(cat "$LAB_DIR/a.log")"
	grep -o "hostile rings: .*" "$LAB_DIR/a.log"
	! grep -q "$victim process .* was ended" "$LAB_DIR/a.log" || fail "$victim died of it"
	wait_for 15 node_ready a || fail "node a does not come back"
	equal "process id of b's crypto" "$(node_show b pid crypto)" "$peer"
	for kind in in_bad_tag in_bad_frame; do
		equal "$kind at the other site" "$(node_show b counter crypto $kind)" 0
	done
}

rings_seen()
{
	[ "$(node_show a violation "$1" ring_cursor)" -gt 10 ] &&
		[ "$(node_show a violation "$1" desc_range)" -gt 10 ] || return 1
	[ "$1" = crypto ] || [ "$(node_show a violation "$1" desc_owner)" -gt 10 ]
}

rings_recovered()
{
	ping_up lana 10.2.0.2 20
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana 10.1.0.2 1000000
	wire_close a
	wire_clean a
	sleep 0.3
	node_show a frames || fail "frames of node a are missing"
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
