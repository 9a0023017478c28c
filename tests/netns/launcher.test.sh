# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# launcher.test.sh: a node whose processes are started by a launcher, each with the rights that its
# systemd unit leaves it (systemd/): control may not change users, mount or make namespaces, and the
# launcher has no network.

UNIT_DIR=$LAB_ROOT/systemd

# unit_caps UNIT: as setpriv wants them.
unit_caps()
{
	sed -n 's/^CapabilityBoundingSet=//p' "$UNIT_DIR/$1" | tr '[:upper:] ' '[:lower:],' |
		sed 's/cap_/+/g; s/^/-all,/'
}

# limited UNIT: a command that limits what follows it.
limited()
{
	echo "setpriv --no-new-privs --inh-caps=-all --bounding-set=$(unit_caps "$1") --"
}

# Like systemd: a new launcher whenever the one before ended and control connects again. It is in a
# network that the lab does not know, so it ends with its shell. Its log counts those that listened.
launcher_open()
{
	local limits

	limits=$(limited esclusa-launch@.service)
	LAUNCHER=$LAB_DIR/a.launch
	cat >"$LAB_DIR/launcher" <<-EOF
		ulimit -l unlimited
		while :; do
			rm -f $LAUNCHER
			setpriv --pdeathsig=KILL $limits unshare -n systemd-socket-activate --seqpacket ${LAUNCHER_ENV:+-E $LAUNCHER_ENV} -l $LAUNCHER $ESCLUSA launch
		done
	EOF
	bg a "$LAB_DIR/launcher.log" bash "$LAB_DIR/launcher"
	launcher_listens 1
}

# launcher_listens COUNT: that many have.
launcher_listens()
{
	wait_for 20 launchers "$1" || fail "no launcher: $(cat "$LAB_DIR/launcher.log")"
}

launchers()
{
	[ "$(grep -c '^Listening on' "$LAB_DIR/launcher.log")" -ge "$1" ]
}

launcher_pid()
{
	awk '/^PPid:/ { print $2 }' "/proc/$(node_show a pid crypto)/status"
}

new_crypto()
{
	local now

	now=$(node_show a pid crypto 2>/dev/null) && [ "$now" != "$1" ] && node_ready a
}

# launched_node [COMMAND...]: which changes the nodes' files before they start.
launched_node()
{
	local limits

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	"$@"
	launcher_open
	limits=$(limited esclusa@.service)
	ESCLUSA=$LAB_DIR/limited
	{
		echo '#!/bin/sh'
		# shellcheck disable=SC2016
		echo "ESCLUSA_LAUNCHER=$LAUNCHER exec $limits $BUILD/esclusa" '"${@}"'
	} >"$ESCLUSA"
	chmod 755 "$ESCLUSA"
	node_start a esclusa
	ESCLUSA=$BUILD/esclusa
	node_start b "$NODE_B"
}

# has_only PROCESS UNIT: the capabilities that it could ever have are the unit's.
has_only()
{
	local want=0 name bit

	while read -r name; do
		bit=$(awk -v n="$name" '$1 == "#define" && $2 == n { print $3 }' \
			/usr/include/linux/capability.h)
		want=$((want | 1 << bit))
	done < <(sed -n 's/^CapabilityBoundingSet=//p' "$UNIT_DIR/$2" | tr ' ' '\n')
	equal "bounding set of $1" "$(awk '/^CapBnd:/ { print $2 }' "/proc/$1/status")" \
		"$(printf '%016x' "$want")"
}

test_launched_processes()
{
	local crypto

	launched_node true
	ping_up lana 10.2.0.2
	has_only "${NODE_PID[a]}" esclusa@.service
	has_only "$(launcher_pid)" esclusa-launch@.service
	must_fail grep -q "PPid:[[:space:]]*${NODE_PID[a]}$" "/proc/$(node_show a pid red)/status"
	tcp_copy lana lanb 10.2.0.2 2000000

	crypto=$(node_show a pid crypto)
	kill -KILL "$crypto"
	wait_for 30 new_crypto "$crypto" || fail "crypto did not come back"
	grep -q "crypto process $crypto was ended by signal 9" "$LAB_DIR/a.log" ||
		fail "control did not learn how it ended"
	ping_up lana 10.2.0.2 60

	crypto=$(node_show a pid crypto)
	kill -STOP "$crypto"
	wait_for 60 new_crypto "$crypto" || fail "a crypto process that hangs was not replaced"
	ping_up lana 10.2.0.2 60

	crypto=$(node_show a pid crypto)
	kill -KILL "$(launcher_pid)"
	wait_for 60 new_crypto "$crypto" || fail "no new launcher was asked"
	wait_for 20 pid_gone "$crypto" || fail "a process outlived its launcher"
	ping_up lana 10.2.0.2 60
	node_frames a

	crypto=$(node_show a pid crypto)
	node_stop a || fail "the node did not stop well"
	wait_for 20 pid_gone "$crypto" || fail "a process outlived the node"
	grep -q 'frames: red .* home' "$LAB_DIR/a.log" || fail "the end of the processes was not seen"
}

# The launcher and its processes end with control, however that ends.
test_launcher_ends_with_control()
{
	local crypto red launcher

	launched_node true
	ping_up lana 10.2.0.2
	crypto=$(node_show a pid crypto)
	red=$(node_show a pid red)
	launcher=$(launcher_pid)
	kill -KILL "${NODE_PID[a]}"
	for pid in "$crypto" "$red" "$launcher"; do
		wait_for 20 pid_gone "$pid" || fail "process $pid goes on without control"
	done
}

# Nobody but the node's own user may use it, and it does not take what is no request.
test_launcher_refuses()
{
	must_exit 1 "$ESCLUSA" launch
	grep -q 'started by systemd' "$LAB_DIR/must_exit.out" || fail "no reason"
	lab_site a
	launcher_open
	chmod 711 "$LAB_DIR"
	chmod 666 "$LAUNCHER"
	setpriv --reuid 65534 --clear-groups /usr/bin/python3 - "$LAUNCHER" 0 <"$LAB_HERE/launch.py" ||
		fail "a stranger was answered"
	wait_for 20 grep -q 'connection to the launcher: Operation not permitted' "$LAB_DIR/launcher.log" ||
		fail "no word of the stranger"
	python3 "$LAB_HERE/launch.py" "$LAUNCHER" 7 || fail "a wild side was answered"
	launcher_listens 2
	grep -q 'launcher ends' "$LAB_DIR/launcher.log" || fail "no word of it"
	python3 "$LAB_HERE/launch.py" "$LAUNCHER" short || fail "a short message was answered"
}
