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
}

# With no more rights than the installed units leave.
test_groups_under_the_rights_of_the_units()
{
	NODE_LINES=$'Admins = audio\nMonitors = games' launched_node
	install -m 755 "$ESCLUSA" "$LAB_DIR/esclusa"
	chmod 711 "$LAB_DIR"
	must_exit 0 show_as $MONITOR games
	must_exit 0 wg_as $ADMIN audio set peer "$(node_public b)" persistent-keepalive 7
	must_exit 1 wg_as $MONITOR games show
	must_exit 1 show_as $STRANGER nogroup
	must_exit 0 as $MONITOR games "$LAB_DIR/esclusa" audit "$(node_name a)" --verify
	audited a 1 "l.event == 'request' and l.uid == $MONITOR and l.result == 'refused'"
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
	: >"$LAB_DIR/hold.log"
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
		time.sleep(600)
	EOF
	HOLD+=($!)
	wait_for 60 grep -q ready "$LAB_DIR/hold.log" || fail "cannot hold connections"
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
	must_exit 0 timeout 60 "$ESCLUSA" show "$(node_name a)"
	must_exit 0 timeout 60 wg show "$(node_name a)"
	# One group does not take the other's places either, and places of the silent come back.
	wait_for 60 show_as $MONITOR games >/dev/null 2>&1 || fail "silent clients keep their places"
	kill "${HOLD[@]}"
}

# ask_without_end UID GROUP SOCKET: until it is killed; the number of answers goes to standard output.
ask_without_end()
{
	local gid

	gid=$(getent group "$2" | cut -d : -f 3)
	exec python3 - "$1" "$gid" "$3" <<-'EOF'
		import os, signal, socket, sys
		uid, gid = map(int, sys.argv[1:3])
		os.setgroups([])
		os.setgid(gid)
		os.setuid(uid)
		answers = 0
		def end(*args):
		    print(answers, flush=True)
		    os._exit(0)
		signal.signal(signal.SIGTERM, end)
		print("ready", flush=True)
		while True:
		    try:
		        s = socket.socket(socket.AF_UNIX)
		        s.connect(sys.argv[3])
		        s.sendall(b"status\n")
		        while s.recv(65536):
		            answers += 1
		        s.close()
		    except OSError:
		        pass
	EOF
}

# Monitors that ask all the time keep neither root waiting nor control from its work.
test_busy_monitors_do_not_block_control()
{
	local asking=() i log=$LAB_DIR/ask.log

	admin_lab
	ping_up lana 10.2.0.2
	for i in 1 2 3 4 5 6; do
		(ask_without_end $MONITOR games "/run/esclusa/$(node_name a).sock") >"$log.$i" 2>&1 &
		asking+=($!)
	done
	for i in 1 2 3 4 5 6; do
		wait_for 20 grep -q ready "$log.$i" || fail "nobody asks"
	done
	for i in $(seq 20); do
		timeout 20 wg set "$(node_name a)" peer "$(node_public b)" persistent-keepalive "$i" ||
			fail "root waits"
	done
	sleep 1
	equal "restarts under all these questions" "$(node_show a field restarts)" 0
	kill "${asking[@]}"
	wait "${asking[@]}"
	cat "$log".*
	[ "$(cat "$log".* | awk '$1 > 0 { n += $1 } END { print n + 0 }')" -gt 100 ] || fail "hardly a question was asked"
}

test_missing_group_is_an_error()
{
	lab_site a
	node_config a "Admins = no-such-group"
	must_exit 1 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	says 'a.conf:[0-9]*: Admins = no-such-group: .*groupadd --system no-such-group'
	must_exit 1 at a timeout 60 "$ESCLUSA" run "$LAB_DIR/a.conf"
	says 'a.conf:[0-9]*: Admins = no-such-group: .*groupadd --system no-such-group'
}

# --- the audit log ----------------------------------------------------------------------------------

# audit_lines SITE CONDITION: how many lines of its log fulfil a condition in Python ("l" is a
# line). All of them must be flat JSON objects.
audit_lines()
{
	python3 - "${AUDIT_FILE:-$LAB_DIR/$1.state/$(node_name "$1").audit}" "$2" <<-'EOF'
		import json, sys
		lines = [json.loads(line) for line in open(sys.argv[1])]
		for l in lines:
		    if any(isinstance(v, (dict, list)) for v in l.values()):
		        sys.exit("not flat: %s" % l)
		    if not all(k in l for k in ("seq", "time", "ns", "node", "event", "by", "result", "prev")):
		        sys.exit("incomplete: %s" % l)
		print(sum(bool(eval("(%s)" % sys.argv[2], {"l": type("Line", (dict,), {"__getattr__": dict.get})(l)})) for l in lines))
	EOF
}

# audited SITE COUNT CONDITION
audited()
{
	local got

	got=$(audit_lines "$1" "$3") || fail "the audit log of $1 is not what it should be"
	[ "$got" = "$2" ] || fail "$got lines with $3, expected $2: $(cat "$LAB_DIR/$1.state/"*.audit)"
}

# audit_whole NAME|FILE
audit_whole()
{
	"$ESCLUSA" audit "$1" --verify >"$LAB_DIR/verify.out" || fail "not whole: $(cat "$LAB_DIR/verify.out")"
}

# no_key_in FILE...: neither of the lab's private keys nor preshared keys, in base64 or hexadecimal.
no_key_in()
{
	local key hex

	for key in "$LAB_DIR"/*.key "$LAB_DIR"/*.psk; do
		[ -e "$key" ] || continue
		hex=$(base64 -d <"$key" | od -An -v -tx1 | tr -d ' \n')
		! grep -qF -e "$(cat "$key")" "$@" || fail "$key is in one of $*"
		! grep -qiF -e "$hex" "$@" || fail "$key is in one of $* in hexadecimal"
	done
}

test_changes_are_in_the_audit_log()
{
	local a b log old

	admin_lab
	a=$(node_name a)
	b=$(node_public b)
	log=$LAB_DIR/a.state/$a.audit
	node_psk a b | install -m 600 -o $ADMIN /dev/stdin "$LAB_DIR/admin.psk"
	(umask 077 && wg genkey >"$LAB_DIR/new.key")
	old=$(node_public a)
	equal "mode of the log" "$(stat -c %a:%G "$log")" 640:root
	must_exit 0 as $MONITOR games head -n 1 "$log"
	must_exit 1 as $MONITOR games tee -a "$log"
	must_exit 1 as $STRANGER nogroup head -n 1 "$log"
	audited a 1 "l.event == 'start' and l.by == 'node' and l.config == '$LAB_DIR/a.conf' and l.public_key == '$old'"
	equal "digest of the configuration" "$(audit_lines a "l.config_digest == '$(b2sum -l 256 <"$LAB_DIR/a.conf" | cut -d ' ' -f 1)'")" 1
	audited a 1 "l.event == 'running'"
	# An admin's change: who, what, result.
	must_exit 0 wg_as $ADMIN nogroup,audio set peer "$b" persistent-keepalive 7 \
		preshared-key "$LAB_DIR/admin.psk" allowed-ips 10.2.0.0/16,10.99.0.0/16
	audited a 1 "l.event == 'peer_changed' and l.uid == $ADMIN and l.pid > 1 and l.public_key == '$b' and
		l.persistent_keepalive == 7 and l.preshared_key == 'set' and
		l.allowed_ips_added == '10.99.0.0/16' and l.allowed_ips_removed == 'fd00:2::/32' and
		l.result == 'accepted' and l.change == l.seq and not 'endpoint' in l"
	audited a 1 "l.event == 'change' and l.uid == $ADMIN and l.result == 'done'"
	# Root's changes; one that changes nothing is none.
	wg set "$a" peer "$b" persistent-keepalive 7
	audited a 1 "l.event == 'change'"
	wg set "$a" peer "$(wg genkey | wg pubkey)" endpoint 192.0.2.7:7 allowed-ips 10.77.0.0/24
	audited a 1 "l.event == 'peer_added' and l.uid == 0 and l.user == 'root' and l.endpoint == '192.0.2.7:7'"
	# As many prefixes as there may be: the first are named, all are counted.
	wg set "$a" peer "$b" allowed-ips "$(seq -f 10.200.%g.0/24 -s , 60)"
	audited a 1 "l.event == 'peer_changed' and l.allowed_ips_added_count == 60 and
		len(l.allowed_ips_added.split(',')) == 48 and l.allowed_ips_removed == '10.2.0.0/16,10.99.0.0/16'"
	wg set "$a" peer "$b" allowed-ips 10.2.0.0/16
	# The configuration that is in force, once more: nothing changes, nothing is written.
	wg showconf "$a" | grep -v '^\(PrivateKey\|Endpoint\)' >"$LAB_DIR/same.conf"
	wg syncconf "$a" "$LAB_DIR/same.conf"
	audited a 4 "l.event == 'change'"
	wg set "$a" listen-port 51999 private-key "$LAB_DIR/new.key"
	audited a 1 "l.event == 'device_changed' and l.listen_port == 51999 and l.private_key == 'changed' and
		l.public_key == '$(wg pubkey <"$LAB_DIR/new.key")'"
	wg set "$a" peer "$b" remove
	audited a 1 "l.event == 'peer_removed' and l.public_key == '$b'"
	audited a 6 "l.event == 'change' and l.result == 'done'"
	# What was refused, and why.
	must_exit 1 wg_as $MONITOR games set peer "$b" remove
	audited a 1 "l.event == 'request' and l.result == 'refused' and l.uid == $MONITOR and l.request == 'wg set'"
	must_exit 1 wg set "$a" fwmark 7
	audited a 1 "l.event == 'request' and l.result == 'refused' and l.uid == 0 and 'fwmark' in l.error"
	node_stop a || fail "stop: $?"
	audited a 1 "l.event == 'stop' and l.signal == 'TERM' and l.uid == 0"
	audit_whole "$log"
	no_key_in "$log" "$LAB_DIR/a.log"
	grep -q 'audit [0-9]*: peer_changed .*preshared_key=set' "$LAB_DIR/a.log" || fail "the journal lacks the change"
	# Nothing is shown of a file that is no audit log: it might hold keys.
	for old in "" -j --verify; do
		"$ESCLUSA" audit "$LAB_DIR/a.conf" $old >"$LAB_DIR/shown" 2>&1 || true
		[ -s "$LAB_DIR/shown" ] || fail "nothing was said of a file that is no log"
		no_key_in "$LAB_DIR/shown"
	done
	# Lines that were taken out or changed show.
	sed 3d "$log" >"$LAB_DIR/cut.audit"
	must_exit 1 "$ESCLUSA" audit "$LAB_DIR/cut.audit" --verify
	says 'cut.audit:3: lines before this one are missing'
	sed '4s/"result":"done"/"result":"none"/;5s/"result":"accepted"/"result":"done"/' "$log" >"$LAB_DIR/forged.audit"
	must_exit 1 "$ESCLUSA" audit "$LAB_DIR/forged.audit" --verify
	says 'forged.audit:[56]: the line before'
}

test_crashes_are_in_the_audit_log()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	kill -KILL "$(node_show a pid crypto)"
	wait_for 30 restarted_once || fail "it is not running again"
	audited a 1 "l.event == 'failure' and 'crypto' in l.error and l.by == 'node'"
	audited a 2 "l.event == 'running'"
	audit_whole "$LAB_DIR/a.state/$(node_name a).audit"
}

restarted_once()
{
	[ "$(node_show a field restarts)" = 1 ] && [ "$(node_show a field state)" = running ]
}

test_audit_log_is_read_by_monitors_and_rotated()
{
	local a log

	admin_lab
	a=$(node_name a)
	log=$LAB_DIR/a.state/$a.audit
	must_exit 0 as $MONITOR games "$LAB_DIR/esclusa" audit "$a"
	says 'Z 1: .* start'
	must_exit 0 as $MONITOR games "$LAB_DIR/esclusa" audit "$a" --verify
	must_exit 1 as $STRANGER nogroup "$LAB_DIR/esclusa" audit "$a"
	says 'ask to be added to group games'
	must_exit 1 as $STRANGER nogroup "$LAB_DIR/esclusa" audit "$log"
	says 'Permission denied'
	bg a "$LAB_DIR/follow.log" "$ESCLUSA" audit "$a" -f
	wait_for 20 grep -q start "$LAB_DIR/follow.log" || fail "-f prints nothing"
	wg set "$a" peer "$(node_public b)" persistent-keepalive 3
	mv "$log" "$log.1"
	wg set "$a" peer "$(node_public b)" persistent-keepalive 4
	equal "lines of the new file" "$(audit_lines a True)" 2
	wait_for 20 grep -q 'persistent_keepalive=4' "$LAB_DIR/follow.log" || fail "-f lost the new file"
	grep -q 'persistent_keepalive=3' "$LAB_DIR/follow.log" || fail "-f lost a line of the old file"
	cat "$log.1" "$log" >"$LAB_DIR/both.audit"
	audit_whole "$LAB_DIR/both.audit"
	audit_whole "$log"
}

# No change without a record: a full disk stops changes, not packets.
test_full_disk_stops_changes_not_packets()
{
	local a log b before

	lab_site a
	lab_site b
	mkdir "$LAB_DIR/tiny"
	mount -t tmpfs -o size=64k,mode=755 tiny "$LAB_DIR/tiny"
	log=$LAB_DIR/tiny/a.audit
	node_config a "Audit = $log"
	node_config b
	node_peer a b
	node_peer b a
	node_start a esclusa
	node_start b "$NODE_B"
	a=$(node_name a)
	b=$(node_public b)
	ping_up lana 10.2.0.2
	wg set "$a" peer "$b" persistent-keepalive 5
	dd if=/dev/zero of="$LAB_DIR/tiny/fill" bs=4k status=none 2>/dev/null || true
	# The file's own last page may still have room.
	before=0
	while [ $before -lt 50 ] && wg set "$a" peer "$b" persistent-keepalive $((100 + before)) 2>/dev/null; do
		before=$((before + 1))
	done
	[ $before -lt 50 ] || fail "changes go on without a record"
	before=$(keepalive_of_b)
	must_exit 1 wg set "$a" peer "$b" persistent-keepalive 9
	says 'No space left on device'
	equal "keepalive after a change without a record" "$(keepalive_of_b)" "$before"
	ping_all lana 10.2.0.2 -c 3
	grep -q 'error: audit log .*refused until it can be written' "$LAB_DIR/a.log" || fail "the log does not say so"
	rm "$LAB_DIR/tiny/fill"
	wg set "$a" peer "$b" persistent-keepalive 9
	equal "keepalive after making room" "$(keepalive_of_b)" 9
	audit_whole "$log"
	AUDIT_FILE=$log audited a 1 "l.event == 'peer_changed' and l.persistent_keepalive == 9 and l.result == 'accepted'"
	node_stop a || fail "stop: $?"
}

# Somebody who keeps asking fills neither the log nor the disk.
test_refusals_do_not_fill_the_log()
{
	local i

	admin_lab
	for i in $(seq 60); do
		wg_as $MONITOR games set peer "$(node_public b)" remove 2>/dev/null || true
	done
	i=$(audit_lines a "l.event == 'request' and l.result == 'refused'")
	((i >= 20 && i <= 40)) || fail "$i lines for 60 refusals" # 20, and one more every 6 s
	wait_for 30 suppressed_are $((60 - i)) || fail "those left out are not counted"
	audit_whole "$(node_name a)"
}

# suppressed_are COUNT: so many refusals, in all, were left out, says the log.
suppressed_are()
{
	[ "$(sed -n 's/.*"suppressed":\([0-9]*\).*/\1/p' "$LAB_DIR/a.state/$(node_name a).audit" |
		awk '{ n += $1 } END { print n + 0 }')" = "$1" ]
}
