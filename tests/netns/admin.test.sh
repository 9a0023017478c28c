# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# admin.test.sh: who may do what with a running node, and what is written down about it. Users are
# numbers that nobody has; groups are Debian's own "audio" (Admins) and "games" (Monitors).

ADMIN=61001 MONITOR=61002 STRANGER=61003

# as UID GROUP,GROUP... COMMAND...: GROUP a name or number; the first one is the primary group.
as()
{
	local uid=$1 gid=${2%%,*}

	setpriv --reuid "$uid" --regid "$gid" --groups "$2" -- "${@:3}"
}

# Nodes a and b, joined; a has both groups. The program and its place are readable to all.
admin_lab()
{
	lab_site a
	lab_site b
	NODE_LINES=$'Admins = audio\nMonitors = games' node_config a
	node_config b
	node_peer a b
	node_peer b a
	node_start a esclusa
	node_start b "$NODE_B"
	install -m 755 "$ESCLUSA" "$LAB_DIR/esclusa"
	chmod 711 "$LAB_DIR"
}

show_as()
{
	as "$1" "$2" "$LAB_DIR/esclusa" show "$(node_name a)" "${@:3}"
}

wg_as()
{
	local uid=$1 groups=$2 what=$3

	as "$uid" "$groups" wg "$what" "$(node_name a)" "${@:4}"
}

keepalive_of_b()
{
	wg show "$(node_name a)" persistent-keepalive | cut -f 2
}

# says WORD: the last must_exit printed it.
says()
{
	grep -q -- "$1" "$LAB_DIR/must_exit.out" ||
		fail "it does not say '$1': $(cat "$LAB_DIR/must_exit.out")"
}

test_monitors_read_and_admins_change()
{
	local b

	admin_lab
	b=$(node_public b)
	# Members of Monitors: status, nothing else; not even what `wg` shows, it has preshared keys.
	must_exit 0 show_as $MONITOR games
	must_exit 0 show_as $MONITOR games -j
	must_exit 1 wg_as $MONITOR games set peer "$b" persistent-keepalive 7
	says 'Permission denied'
	must_exit 1 wg_as $MONITOR games show
	says 'Permission denied'
	equal "keepalive after a monitor's attempt" "$(keepalive_of_b)" off
	# Members of Admins: everything; a supplementary group is as good as the primary one.
	must_exit 0 wg_as $ADMIN audio set peer "$b" persistent-keepalive 7
	equal "keepalive set by an admin" "$(keepalive_of_b)" 7
	must_exit 0 wg_as $ADMIN "nogroup,audio" set peer "$b" persistent-keepalive 8
	equal "keepalive set by an admin" "$(keepalive_of_b)" 8
	must_exit 0 wg_as $ADMIN "nogroup,audio" show
	must_exit 0 show_as $ADMIN "nogroup,audio"
	must_exit 0 show_as $MONITOR "nogroup,games"
	grep -q "refused user $MONITOR" "$LAB_DIR/a.log" || fail "no word of the refusal"
}

test_strangers_get_nothing()
{
	admin_lab
	must_exit 1 show_as $STRANGER nogroup
	says 'ask to be added to group games'
	must_exit 1 wg_as $STRANGER nogroup show
	must_exit 1 wg_as $STRANGER nogroup set peer "$(node_public b)" remove
	equal "peers left" "$(wg show "$(node_name a)" peers | wc -l)" 1
	# Without the file mode, the check alone: the same.
	chmod 666 "/run/esclusa/$(node_name a).sock" "/var/run/wireguard/$(node_name a).sock"
	must_exit 1 show_as $STRANGER nogroup
	says 'you may not read its status: ask to be added to group games'
	must_exit 1 wg_as $STRANGER nogroup show
	says 'Permission denied'
	must_exit 1 wg_as $STRANGER nogroup set peer "$(node_public b)" remove
	says 'Permission denied'
	equal "peers left" "$(wg show "$(node_name a)" peers | wc -l)" 1
}

test_without_groups_only_root()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	install -m 755 "$ESCLUSA" "$LAB_DIR/esclusa"
	chmod 711 "$LAB_DIR"
	must_exit 1 show_as $STRANGER audio,games
	says 'only root may ask this node'
	must_exit 1 wg_as $STRANGER audio,games show
	equal "mode of the status socket" "$(stat -c %a:%G "/run/esclusa/$(node_name a).sock")" 600:root
	equal "mode of the wg socket" "$(stat -c %a:%G "/var/run/wireguard/$(node_name a).sock")" 600:root
}

# hold UID GROUP COUNT SOCKET: keeps that many connections open until it is killed.
hold()
{
	local gid

	gid=$(getent group "$2" | cut -d : -f 3)
	python3 - "$1" "$gid" "$3" "$4" >"$LAB_DIR/hold.log" <<-'EOF' &
		import os, socket, sys, time
		uid, gid, count = map(int, sys.argv[1:4])
		os.setgroups([])
		os.setgid(gid)
		os.setuid(uid)
		held = []
		for i in range(count):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[4])
		    held.append(s)
		print("ready", flush=True)
		time.sleep(60)
	EOF
	HOLD+=($!)
	wait_for 20 grep -q ready "$LAB_DIR/hold.log" || fail "cannot hold connections"
}

# Groups that take every place they can get leave some for root.
test_clients_of_a_group_leave_room_for_root()
{
	local HOLD=() sock

	admin_lab
	for sock in "/run/esclusa/$(node_name a).sock" "/var/run/wireguard/$(node_name a).sock"; do
		hold $ADMIN audio 40 "$sock"
		hold $MONITOR games 40 "$sock"
	done
	must_exit 0 timeout 5 "$ESCLUSA" show "$(node_name a)"
	must_exit 0 timeout 5 wg show "$(node_name a)"
	# One group does not take the other's places either, and places of the silent come back.
	wait_for 15 show_as $MONITOR games >/dev/null 2>&1 || fail "silent clients keep their places"
	kill "${HOLD[@]}"
}

test_missing_group_is_an_error()
{
	lab_site a
	node_config a "Admins = no-such-group"
	must_exit 1 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	says 'a.conf:[0-9]*: Admins = no-such-group: .*groupadd --system no-such-group'
	must_exit 1 at a timeout 10 "$ESCLUSA" run "$LAB_DIR/a.conf"
	says 'a.conf:[0-9]*: Admins = no-such-group: .*groupadd --system no-such-group'
}
