# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# faults.test.sh: each process of each node is killed and stopped, again and again, under traffic:
# packets pass again every time, nothing leaks meanwhile, nothing is lost or piles up.

FAULT_MARKER='red side, secret'	# in every packet of the LANs
FAULT_SECONDS=30		# for traffic to come back; it takes a tenth of a second

# --- the lab ------------------------------------------------------------------------------------------

# fault_lab: two nodes, marked traffic both ways, captures of what they send.
fault_lab()
{
	local hex

	hex=$(printf '%s' "$FAULT_MARKER" | od -An -tx1 | tr -d ' \n')
	lab_join a "$NODE_A" b "$NODE_B"
	ping_up lana 10.2.0.2
	ping_up lanb fd00:1::2
	wire_open a b
	bg lana "$LAB_DIR/ping.log" \
		stdbuf -oL ping -D -n -i 0.003 -s 1000 -p "$hex" -W 1 10.2.0.2
	FAULT_PINGS=$BG
	bg lanb "$LAB_DIR/ping6.log" stdbuf -oL ping -D -n -i 0.03 -p "$hex" -W 1 fd00:1::2
	FAULT_PINGS+=" $BG"
	: >"$LAB_DIR/faults"
	wait_for 30 fault_passes 0 || fail "no traffic before the first fault"
}

# fault_end: comes to rest and looks at everything.
fault_end()
{
	local s

	sleep 0.5
	# shellcheck disable=SC2086
	lab_kill $FAULT_PINGS
	wire_close a b
	python3 "${BASH_SOURCE[0]%/*}/outage.py" "$LAB_DIR/ping.log" "$LAB_DIR/faults" \
		"$FAULT_SECONDS" || fail "an outage was too long"
	tcp_copy lana lanb 10.2.0.2 1000000
	tcp_copy lanb lana fd00:1::2 1000000
	for s in a b; do
		wire_clean $s "$FAULT_MARKER"
		wait_for 10 node_show $s frames 2>/dev/null || node_show $s frames ||
			fail "frames of node $s are missing"
		equal "broken promises between the processes of $s" "$(node_show $s violations)" 0
	done
	for s in a b; do
		node_stop $s || fail "node $s ended with $?"
		grep -Eq 'frames: red ([0-9]+) of \1 home, black ([0-9]+) of \2 home' "$LAB_DIR/$s.log" ||
			fail "frames were lost: $(tail -n 3 "$LAB_DIR/$s.log")"
		[ ! -e "/sys/fs/bpf/esclusa/$(node_name $s)" ] || fail "pins are left"
	done
}

# fault_pid SITE DOMAIN
fault_pid()
{
	case $2 in
	control) echo "${NODE_PID[$1]}" ;;
	*) pgrep -P "${NODE_PID[$1]}" -x "esclusa-$2" ;;
	esac
}

# fault_links SITE: identity of both XDP links, as long as they live.
fault_links()
{
	local pins

	pins=/sys/fs/bpf/esclusa/$(node_name "$1")
	bpftool -j link show pinned "$pins/black_link" | grep -o '"id":[0-9]*'
	bpftool -j link show pinned "$pins/red_link" | grep -o '"id":[0-9]*'
}

# fault_passes TIME: an echo came back later than that (microseconds).
fault_passes()
{
	local line stamp

	line=$(tail -n 1 "$LAB_DIR/ping.log")
	stamp=${line#[}
	stamp=${stamp%%]*}
	[[ $line == *"bytes from"* && ${stamp/./} =~ ^[0-9]+$ ]] && [ "${stamp/./}" -gt "$1" ]
}

fault_replaced()
{
	local pid

	pid=$(fault_pid "$1" "$2") && [ -n "$pid" ] && [ "$pid" != "$3" ]
}

fault_size()
{
	awk '/^VmRSS/ { print $2 }' "/proc/${NODE_PID[$1]}/status"
}

# fault_descriptors SITE: those that control keeps. It opens others for a moment, for its files and
# for who asks it something.
fault_descriptors()
{
	local -a open=()
	local i least=

	for i in {1..10}; do
		open=("/proc/${NODE_PID[$1]}/fd/"*)
		[ "${least:-9999}" -lt ${#open[@]} ] || least=${#open[@]}
		sleep 0.03
	done
	echo "$least"
}

# --- packet processes --------------------------------------------------------------------------------------

# fault_rounds ROUNDS SIGNAL DOMAIN: of node a and node b in turn. Packets pass a node for a second
# before its next fault; what fails sooner is restarted later.
fault_rounds()
{
	local rounds=$1 signal=$2 domain=$3 i s pid
	local -A links=() fds=() size=() up=([a]=0 [b]=0)

	fault_lab
	links[a]=$(fault_links a)
	links[b]=$(fault_links b)
	for ((i = 0; i < rounds; i++)); do
		s=a
		[ $((i & 1)) -eq 0 ] || s=b
		while [ "${EPOCHREALTIME/./}" -lt $((up[$s] + 1100000)) ]; do
			sleep 0.02
		done
		pid=$(fault_pid $s "$domain")
		echo "$EPOCHREALTIME" >>"$LAB_DIR/faults"
		kill -"$signal" "$pid"
		wait_for "$FAULT_SECONDS" fault_replaced $s "$domain" "$pid" ||
			fail "round $i: no other $domain process on node $s"
		wait_for "$FAULT_SECONDS" fault_passes "${EPOCHREALTIME/./}" ||
			fail "round $i: no traffic after SIG$signal of $domain on node $s"
		up[$s]=${EPOCHREALTIME/./}
		equal "round $i: XDP links of node $s" "$(fault_links $s)" "${links[$s]}"
		if [ $i -eq 9 ]; then # warm by now
			fds=([a]=$(fault_descriptors a) [b]=$(fault_descriptors b))
			size=([a]=$(fault_size a) [b]=$(fault_size b))
		fi
	done
	for s in a b; do
		equal "descriptors of control on node $s" "$(fault_descriptors $s)" "${fds[$s]}"
		[ "$(fault_size $s)" -le $((size[$s] + 1024)) ] ||
			fail "control on node $s grew from ${size[$s]} to $(fault_size $s) KiB"
		equal "restarts of node $s" "$(node_show $s field restarts)" $((rounds / 2))
		node_show $s field last_failure | grep -q "$domain process" ||
			fail "the reason of the last restart is not shown"
	done
	fault_end
}

LIMIT[kill_crypto]=400
test_kill_crypto()
{
	fault_rounds 40 KILL crypto
}

LIMIT[kill_red]=400
test_kill_red()
{
	fault_rounds 40 KILL red
}

LIMIT[stop_crypto]=400
test_stop_crypto()
{
	fault_rounds 40 STOP crypto
}

LIMIT[stop_red]=400
test_stop_red()
{
	fault_rounds 40 STOP red
}

# Both at once, on both nodes at once: there is no order in which to find out.
LIMIT[kill_all_processes]=300
test_kill_all_processes()
{
	local i s domain signal who links
	local -A old

	fault_lab
	links=$(fault_links a && fault_links b)
	for ((i = 0; i < 10; i++)); do
		sleep 1.1
		signal=KILL
		[ $((i & 1)) -eq 0 ] || signal=STOP
		for s in a b; do
			for domain in red crypto; do
				old["$s $domain"]=$(fault_pid $s $domain)
			done
		done
		echo "$EPOCHREALTIME" >>"$LAB_DIR/faults"
		kill -$signal "${old[@]}"
		for who in "${!old[@]}"; do
			# shellcheck disable=SC2086
			wait_for "$FAULT_SECONDS" fault_replaced $who "${old[$who]}" ||
				fail "round $i: no other process in place of $who"
		done
		wait_for "$FAULT_SECONDS" fault_passes "${EPOCHREALTIME/./}" || fail "round $i: no traffic"
	done
	equal "XDP links" "$(fault_links a && fault_links b)" "$links"
	fault_end
}

# --- control ------------------------------------------------------------------------------------------------

fault_childless()
{
	! pgrep -P "$1" >/dev/null && [ -z "$(ip netns pids "$LAB_TAG-$2")" ]
}

# Packets drop until there is a new control, which takes over what it finds: the links, the sockets'
# names, the lock. Every other time it comes while the old processes are still about to end.
LIMIT[kill_control]=400
test_kill_control()
{
	local i s old links

	fault_lab
	for ((i = 0; i < 24; i++)); do
		s=a
		[ $((i & 1)) -eq 0 ] || s=b
		old=${NODE_PID[$s]}
		links=$(fault_links $s)
		echo "$EPOCHREALTIME" >>"$LAB_DIR/faults"
		kill -KILL "$old"
		wait "$old" 2>/dev/null || true
		if [ $((i & 2)) -eq 0 ]; then
			wait_for 20 fault_childless "$old" $s ||
				fail "round $i: processes of node $s outlive control"
			equal "round $i: XDP links without a control" "$(fault_links $s)" "$links"
			wait_for 5 fault_silence || fail "round $i: packets pass without a node"
		fi
		node_start $s esclusa
		wait_for "$FAULT_SECONDS" fault_passes "${EPOCHREALTIME/./}" ||
			fail "round $i: no traffic with a new control on node $s"
		equal "round $i: XDP links of node $s" "$(fault_links $s)" "$links"
		equal "round $i: processes of node $s" "$(pgrep -c -P "${NODE_PID[$s]}")" 2
	done
	fault_end
}

# What came before may be read after: silence begins when nothing is left of it.
fault_silence()
{
	local now=${EPOCHREALTIME/./}

	sleep 0.2
	! fault_passes "$now"
}

# Nobody is missed: packets flow, the lock holds, and no process is taken for dead when it goes on.
# Every fourth time a packet process dies meanwhile, and is replaced then.
LIMIT[stop_control]=400
test_stop_control()
{
	local i s now control crypto
	local -A deaths=([a]=0 [b]=0)

	fault_lab
	for ((i = 0; i < 20; i++)); do
		s=a
		[ $((i & 1)) -eq 0 ] || s=b
		control=${NODE_PID[$s]}
		crypto=$(fault_pid $s crypto)
		kill -STOP "$control"
		sleep 0.8
		now=${EPOCHREALTIME/./}
		wait_for 10 fault_passes "$now" || fail "round $i: traffic stopped with control on node $s"
		if [ $i -eq 6 ]; then
			must_exit 1 at $s "$ESCLUSA" run "$LAB_DIR/$s.conf"
			grep -q "is running already: process $control" "$LAB_DIR/must_exit.out" ||
				fail "two controls: $(cat "$LAB_DIR/must_exit.out")"
		fi
		if [ $((i & 3)) -eq 3 ]; then
			echo "$EPOCHREALTIME" >>"$LAB_DIR/faults"
			kill -KILL "$crypto"
			sleep 0.1
		fi
		kill -CONT "$control"
		if [ $((i & 3)) -eq 3 ]; then
			deaths[$s]=$((deaths[$s] + 1))
			wait_for "$FAULT_SECONDS" fault_replaced $s crypto "$crypto" ||
				fail "round $i: crypto is not replaced"
		fi
		wait_for "$FAULT_SECONDS" fault_passes "${EPOCHREALTIME/./}" || fail "round $i: no traffic"
		wait_for 10 node_ready $s || fail "round $i: node $s is $(node_show $s field state)"
		equal "round $i: restarts of node $s" "$(node_show $s field restarts)" "${deaths[$s]}"
	done
	fault_end
}

# --- the end -------------------------------------------------------------------------------------------------

# Stopped and started again under traffic: not one packet of a LAN leaves in clear, before, while or
# after. (The kernel answers on the black NIC when the node is gone, so only content is looked at.)
LIMIT[stop_leaks_nothing]=300
test_stop_leaks_nothing()
{
	local i s

	fault_lab
	for ((i = 0; i < 8; i++)); do
		s=a
		[ $((i & 1)) -eq 0 ] || s=b
		if [ $i -ge 6 ]; then # nor does a process that is stopped keep the node from its end
			kill -STOP "$(fault_pid $s crypto)" "$(fault_pid $s red)"
		fi
		echo "$EPOCHREALTIME" >>"$LAB_DIR/faults"
		node_stop $s || fail "round $i: node $s ended with $?"
		[ ! -e "/sys/fs/bpf/esclusa/$(node_name $s)" ] || fail "round $i: pins are left"
		node_start $s esclusa
		wait_for "$FAULT_SECONDS" fault_passes "${EPOCHREALTIME/./}" || fail "round $i: no traffic"
	done
	# shellcheck disable=SC2086
	lab_kill $FAULT_PINGS
	wire_close a b
	for s in a b; do
		[ "$(wire $s count data)" -gt 100 ] || fail "next to nothing was captured of node $s"
		! grep -aqF "$FAULT_MARKER" "$LAB_DIR/wire-$s.pcap" || fail "node $s leaked plaintext"
	done
	python3 "${BASH_SOURCE[0]%/*}/outage.py" "$LAB_DIR/ping.log" "$LAB_DIR/faults" "$FAULT_SECONDS"
}

# What the other tests look for on the black wire is on the red one.
test_marker_is_in_the_traffic()
{
	fault_lab
	bg lanb "$LAB_DIR/red.log" tcpdump -i lan0 -s 0 -c 100 -w "$LAB_DIR/red.pcap"
	wait_for 30 pid_gone "$BG" || fail "no traffic"
	[ "$(grep -acF "$FAULT_MARKER" "$LAB_DIR/red.pcap")" -gt 0 ] || fail "no marker on the red side"
	python3 "$LAB_HERE/wire.py" "$LAB_DIR/red.pcap" clean "$FAULT_MARKER" >"$LAB_DIR/said" &&
		fail "a red capture passes for a clean black one"
	grep -q "frames with the marker: [1-9]" "$LAB_DIR/said" || fail "$(cat "$LAB_DIR/said")"
}
