# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# hang.test.sh: processes that are there and do not work, processes that work and do not get to,
# processes that die as soon as they live; and control, as systemd watches it.

# hang DOMAIN spin|sleep: as the process's own code would, for a bug in it.
hang()
{
	local i s pid links

	fault_lab
	for ((i = 0; i < 6; i++)); do
		s=a
		[ $((i & 1)) -eq 0 ] || s=b
		sleep 1
		links=$(fault_links $s)
		pid=$(fault_pid $s "$1")
		python3 "${BASH_SOURCE[0]%/*}/poke.py" "$pid" "$2" >"$LAB_DIR/poke" ||
			skip "cannot make it hang: $(tail -n 1 "$LAB_DIR/poke")"
		cat "$LAB_DIR/poke" >>"$LAB_DIR/faults"
		wait_for "$FAULT_SECONDS" fault_replaced $s "$1" "$pid" ||
			fail "round $i: $1 of node $s hangs and is not replaced"
		wait_for "$FAULT_SECONDS" fault_passes "${EPOCHREALTIME/./}" || fail "round $i: no traffic"
		equal "round $i: XDP links of node $s" "$(fault_links $s)" "$links"
		equal "round $i: the reason" "$(node_show $s field last_failure)" \
			"$1 process $pid does not answer: it ${2}s; killed"
	done
	fault_end
}

test_crypto_spins()
{
	hang crypto spin
}

test_crypto_sleeps()
{
	hang crypto sleep
}

test_red_spins()
{
	hang red spin
}

test_red_sleeps()
{
	hang red sleep
}

# A thousandth of a processor: it waits for its turn for most of every second, and is not to blame
# for that.
test_starved_process_is_left_alone()
{
	local pid group=/sys/fs/cgroup/cpu/$LAB_TAG procs=/sys/fs/cgroup/cpu/cgroup.procs waited

	[ -e /sys/fs/cgroup/cpu ] || group=/sys/fs/cgroup/$LAB_TAG procs=/sys/fs/cgroup/cgroup.procs
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	pid=$(fault_pid a crypto)
	hang_ration "$group" || skip "no control groups for processor time"
	echo "$pid" >"$group/cgroup.procs"
	at lana ping -n -q -i 0.02 -c 300 -W 1 10.2.0.2 >/dev/null || true
	waited=$(awk '/^throttled_time/ { print int($2 / 1000000) } /^throttled_usec/ { print int($2 / 1000) }' \
		"$group/cpu.stat")
	echo "$pid" >"$procs" 2>/dev/null || true
	rmdir "$group"
	echo "it waited for $waited ms of 6 s"
	ping_up lana 10.2.0.2
	equal "the process of crypto" "$(fault_pid a crypto)" "$pid"
	equal "restarts" "$(node_show a field restarts)" 0
	[ "$waited" -gt 3000 ] || skip "this machine does not starve a process like that"
}

# hang_ration GROUP: a control group, version 1 or 2, that gets 1 ms per second.
hang_ration()
{
	mkdir "$1" || return 1
	if [ -e "$1/cpu.cfs_quota_us" ]; then
		echo 1000000 >"$1/cpu.cfs_period_us" && echo 1000 >"$1/cpu.cfs_quota_us"
	else
		echo +cpu >"${1%/*}/cgroup.subtree_control" && echo "1000 1000000" >"$1/cpu.max"
	fi 2>/dev/null
}

# The wait doubles from 100 ms to 5 s, so that neither log nor processor fill with it; it is over
# when the processes live.
test_crash_loop_backs_off()
{
	local begin took pid last='' kills waits

	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	begin=${EPOCHREALTIME/./}
	for kills in {0..20}; do
		wait_for 30 hang_next "$last" || fail "nobody comes after $kills deaths"
		! grep -q "started again in 1600 ms" "$LAB_DIR/a.log" || break
		last=$(fault_pid a crypto)
		kill -KILL "$last"
	done
	took=$((${EPOCHREALTIME/./} - begin))
	echo "$kills deaths in $((took / 1000)) ms"
	[ $took -ge 3100000 ] || fail "it did not wait for 100 + 200 + 400 + 800 + 1600 ms"
	for pid in 100 200 400 800 1600; do
		grep -q "started again in $pid ms" "$LAB_DIR/a.log" || fail "no wait of $pid ms"
	done
	wait_for 10 hang_reason "crypto process $last was ended by signal 9" ||
		fail "the reason is not shown: $(node_show a field last_failure)"
	[ "$(grep -c . "$LAB_DIR/a.log")" -lt $((20 + 6 * kills)) ] || fail "the log fills"
	ping_up lana 10.2.0.2 60
	waits=$(grep -c "started again in" "$LAB_DIR/a.log")
	sleep 1.1
	pid=$(fault_pid a crypto)
	kill -KILL "$pid"
	wait_for 30 fault_replaced a crypto "$pid" || fail "nobody replaces it after a good run"
	equal "waits, after a good run" "$(grep -c "started again in" "$LAB_DIR/a.log")" "$waits"
}

# hang_next PID: node a has a crypto process, another one than that.
hang_next()
{
	local pid

	pid=$(fault_pid a crypto) && [ -n "$pid" ] && [ "$pid" != "$1" ]
}

hang_reason()
{
	[[ $(node_show a field last_failure) == *"$1"* ]]
}

# --- systemd's watchdog ---------------------------------------------------------------------------------

hang_said()
{
	grep -ac "$1" "$LAB_DIR/said" || true
}

hang_heard()
{
	[ "$(hang_said WATCHDOG=1)" -ge "$1" ]
}

test_systemd_hears_of_control_while_it_works()
{
	local count begin

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	bg a "$LAB_DIR/said" python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode())' "$LAB_DIR/notify"
	wait_for 30 test -S "$LAB_DIR/notify" || fail "nobody listens"
	begin=${EPOCHREALTIME/./}
	NOTIFY_SOCKET=$LAB_DIR/notify WATCHDOG_USEC=600000 node_start a esclusa
	wait_for 30 grep -q READY=1 "$LAB_DIR/said" || fail "no READY=1"
	! sed '/READY=1/q' "$LAB_DIR/said" | grep WATCHDOG=1 ||
		fail "it starts systemd's watchdog before it is up"
	count=$(hang_said WATCHDOG=1)
	wait_for 60 hang_heard $((count + 8)) || fail "not heard of again and again"
	count=$(hang_said WATCHDOG=1)
	[ $((count * 100000)) -lt $((${EPOCHREALTIME/./} - begin + 500000)) ] ||
		fail "heard $count times in $((${EPOCHREALTIME/./} - begin)) us, asked for every 0.6 s"
	kill -STOP "${NODE_PID[a]}"
	sleep 1 # what was said before is heard by then
	count=$(hang_said WATCHDOG=1)
	sleep 1
	equal "said by a control that is stopped" "$(hang_said WATCHDOG=1)" "$count"
	kill -CONT "${NODE_PID[a]}"
	wait_for 30 hang_heard $((count + 1)) || fail "it is not heard of again"
	node_stop a || fail "node a ended with $?"
	wait_for 30 grep -q STOPPING=1 "$LAB_DIR/said" || fail "no STOPPING=1"
	# Nobody asked: nothing is said, and no time for it is wasted.
	: >"$LAB_DIR/said"
	NOTIFY_SOCKET=$LAB_DIR/notify WATCHDOG_USEC=600000 WATCHDOG_PID=1 node_start a esclusa
	wait_for 30 grep -aq READY=1 "$LAB_DIR/said" || fail "no READY=1: is this test blind?"
	sleep 1
	equal "said to another process's watchdog" "$(hang_said WATCHDOG=1)" 0
}
