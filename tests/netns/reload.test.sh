# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# reload.test.sh: SIGHUP to a node under traffic: what it takes over from its file, what it refuses,
# and that nobody else notices.

# Lines of the node's log about reloads so far.
log_lines()
{
	grep -c "$2" "$LAB_DIR/$1.log" || true
}

more_lines_than()
{
	[ "$(log_lines "$1" "$2")" -gt "$3" ]
}

# reload SITE PATTERN: SIGHUP, until the log has another line with PATTERN.
reload()
{
	local before

	before=$(log_lines "$1" "$2")
	kill -HUP "${NODE_PID[$1]}"
	wait_for 30 more_lines_than "$1" "$2" "$before" ||
		fail "no '$2' in the log: $(grep reload "$LAB_DIR/$1.log" | tail -n 5)"
}

reload_done()
{
	reload "$1" 'reload: .* is in force'
}

# reload_refused SITE WORD: nothing changes, and the log says WORD.
reload_refused()
{
	local peers before

	peers=$(node_wg show "$1" peers)
	before=$(log_lines "$1" "$2")
	reload "$1" 'Nothing changes'
	more_lines_than "$1" "$2" "$before" ||
		fail "the log does not say '$2': $(tail -n 5 "$LAB_DIR/$1.log")"
	equal "peers after a reload that was refused" "$(node_wg show "$1" peers)" "$peers"
}

# Key, handshake and bytes received of a's peer b: what a session that goes on does not lose.
session_of_b()
{
	node_wg show a dump | awk -v k="$(node_public b)" '$1 == k { print $5, ($6 > 0), $3 }'
}

received_from_b()
{
	node_wg show a dump | awk -v k="$(node_public b)" '$1 == k { print $6 }'
}

# Six seconds of pings between the LANs; each must come back.
traffic_begin()
{
	(ping_all lana 10.2.0.2 -i 0.02 -c 300) &
	TRAFFIC=$!
}

traffic_end()
{
	wait "$TRAFFIC" || fail "meanwhile an echo was lost"
}

# In one step, as careful editors do.
replace_file()
{
	chmod 600 "$2"
	mv "$2" "$LAB_DIR/$1.conf"
}

test_reload_takes_peers_and_leaves_sessions()
{
	local session received stranger

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	session=$(session_of_b)
	received=$(received_from_b)
	stranger=$(wg genkey | wg pubkey)
	traffic_begin

	cp -p "$LAB_DIR/a.conf" "$LAB_DIR/before"
	(umask 077 && {
		cat "$LAB_DIR/before"
		printf '\n[Peer]\nName = new\nPublicKey = %s\nAllowedIPs = 10.77.0.0/16\n' "$stranger"
	} >"$LAB_DIR/next")
	replace_file a "$LAB_DIR/next"
	reload_done a
	equal "peers" "$(node_wg show a peers | wc -l)" 2
	equal "prefixes of the new one" \
		"$(node_wg show a allowed-ips | awk -v k="$stranger" '$1 == k { print $2 }')" 10.77.0.0/16
	equal "session of the other one" "$(session_of_b)" "$session"
	"$ESCLUSA" show "$(node_name a)" >"$LAB_DIR/show"
	grep -qw new "$LAB_DIR/show" || fail "the new peer's name is not shown"

	# And away again; a prefix of b changes. Its session goes on.
	(umask 077 && sed 's,^AllowedIPs = 10.2.0.0/16,AllowedIPs = 10.2.0.0/24,' "$LAB_DIR/before" \
		>"$LAB_DIR/next")
	replace_file a "$LAB_DIR/next"
	reload_done a
	equal "peers" "$(node_wg show a peers)" "$(node_public b)"
	node_wg show a allowed-ips | grep -q 10.2.0.0/24 || fail "the prefix is not taken over"
	equal "session of the peer that stayed" "$(session_of_b)" "$session"
	traffic_end
	[ "$(received_from_b)" -gt "$received" ] || fail "its counters began again"

	"$ESCLUSA" audit "$(node_name a)" --verify >/dev/null || fail "the audit log is not whole"
	grep -q '"event":"reload".*"uid":0' "$LAB_DIR/a.state/"*.audit || fail "no line of the reload"
	grep -q '"event":"peer_removed"' "$LAB_DIR/a.state/"*.audit || fail "no line of the peer"
	equal "reloads that were done" \
		"$(grep -c '"event":"change".*"result":"done"' "$LAB_DIR/a.state/"*.audit)" 2
	! grep -rqF "$(cat "$LAB_DIR/a.key")" "$LAB_DIR/a.log" "$LAB_DIR/a.state" ||
		fail "the private key was shown"
}
LIMIT[reload_takes_peers_and_leaves_sessions]=90

test_reload_refuses_what_is_wrong()
{
	local file session

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	session=$(session_of_b)
	file=$LAB_DIR/a.conf
	cp -p "$file" "$LAB_DIR/good"
	traffic_begin

	sed -i 's/^Endpoint = .*/Endpoint = nowhere/' "$file"
	echo 'Colour = red' >>"$file"
	reload_refused a "a.conf:.*'nowhere'"
	grep -q "a.conf:.*'Colour'" "$LAB_DIR/a.log" || fail "only the first mistake is named"
	rm "$file"
	reload_refused a 'a.conf: cannot open the configuration file: No such file'
	mkfifo "$file"
	reload_refused a 'not a regular file'
	rm "$file"
	mkdir "$file"
	reload_refused a 'not a regular file'
	rmdir "$file"
	cp -p "$LAB_DIR/good" "$file"
	truncate -s 5M "$file"
	reload_refused a 'expected at most 4194304'
	: >"$file"
	reload_refused a 'no PrivateKey'
	cp -p "$LAB_DIR/good" "$file"
	chmod 644 "$file"
	reload_refused a 'chmod 600'
	# Root without the capability to read others' files.
	chmod 600 "$file"
	chown 61001 "$file"
	reload_refused a 'Permission denied'
	chown 0 "$file"
	reload_done a
	traffic_end
	equal "session" "$(session_of_b)" "$session"
	grep -q '"event":"request".*"request":"reload".*"result":"refused"' \
		"$LAB_DIR/a.state/"*.audit || fail "refusals are not on record"
}
LIMIT[reload_refuses_what_is_wrong]=90

test_reload_names_what_needs_a_restart()
{
	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	sed -i 's/^Queues = .*/&\nProvider = sodium/; s/^Red = .*/Red = red9/' "$LAB_DIR/a.conf"
	reload_done a
	grep -q 'reload: Red, Provider in .*a.conf needs a restart' "$LAB_DIR/a.log" ||
		fail "the log does not name them: $(grep reload "$LAB_DIR/a.log")"
	ping_all lana 10.2.0.2 -c 3
	# The port can change, as with wg set.
	sed -i 's/^ListenPort = .*/ListenPort = 51999/' "$LAB_DIR/a.conf"
	reload_done a
	equal "listen port" "$(node_wg show a listen-port)" 51999
	ping_up lana 10.2.0.2
}

# reload_always SITE: as fast as SIGHUP can be sent, so that there is always a change under way.
reload_always()
{
	(while kill -HUP "${NODE_PID[$1]}" 2>/dev/null; do :; done) &
}

# One per 10 ms, from before it listens until it is gone; the start and the stop succeed.
test_reload_while_starting_and_stopping()
{
	local status=0

	lab_site a
	node_config a
	bg a "$LAB_DIR/a.log" "$ESCLUSA" run "$LAB_DIR/a.conf"
	NODE_PID[a]=$BG NODE_KIND[a]=esclusa
	wait_for 20 holds_hup "${NODE_PID[a]}" || fail "SIGHUP would end it"
	(while kill -HUP "${NODE_PID[a]}" 2>/dev/null; do sleep 0.01; done) &
	wait_for 60 node_ready a || fail "node a is not ready: $(tail -n 3 "$LAB_DIR/a.log")"
	wait_for 30 more_lines_than a 'is in force' 5 || fail "no reload: $(tail -n 3 "$LAB_DIR/a.log")"
	reload_always a
	sleep 0.5
	kill -TERM "${NODE_PID[a]}"
	wait_for 30 pid_gone "${NODE_PID[a]}" || fail "it does not stop"
	wait "${NODE_PID[a]}" || status=$?
	equal "exit code" "$status" 0
	[ ! -e "/sys/fs/bpf/esclusa/$(node_name a)" ] || fail "programs were left on the NICs"
	unset 'NODE_PID[a]'
}

test_reload_while_zeroizing()
{
	lab_site a
	node_config a
	node_start a esclusa
	reload_always a
	sleep 0.5
	timeout 60 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes >"$LAB_DIR/zeroize" ||
		fail "zeroize failed: $(cat "$LAB_DIR/zeroize")"
	sleep 1
	equal "state" "$(node_show a field state)" zeroized
	equal "restarts" "$(node_show a field restarts)" 0
}

# Blocked, or caught: bit 0 of the masks in /proc.
holds_hup()
{
	awk '/^SigBlk:/ { exit(substr($2, length($2)) !~ /[13579bdf]/) }' "/proc/$1/status"
}

says_ready()
{
	wait_for 20 grep -q '^READY=1' "$LAB_DIR/notified" || fail "no READY=1: $(cat "$LAB_DIR/notified")"
}

# What systemd waits for, in this order.
test_reload_tells_systemd()
{
	lab_site a
	node_config a
	python3 - "$LAB_DIR/notify" >>"$LAB_DIR/notified" <<-'EOS' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		while True:
		    print(s.recv(4096).decode().replace("\n", " "), flush=True)
	EOS
	wait_for 20 test -S "$LAB_DIR/notify"
	NOTIFY_SOCKET=$LAB_DIR/notify node_start a esclusa
	says_ready
	: >"$LAB_DIR/notified"
	reload_done a
	says_ready
	grep -v '^WATCHDOG' "$LAB_DIR/notified" >"$LAB_DIR/said"
	grep -qE '^RELOADING=1 MONOTONIC_USEC=[0-9]+$' <(sed -n 1p "$LAB_DIR/said") ||
		fail "first: $(cat "$LAB_DIR/said")"
	: >"$LAB_DIR/notified"
	echo 'Colour = red' >>"$LAB_DIR/a.conf"
	reload_refused a "'Colour'"
	says_ready
}
