# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# zeroize.test.sh: the end of all keys, of running nodes and of files.

# key_in_memory PID: exit code 3 if one of the lab's private or preshared keys is in the process's
# memory, 0 if none is.
key_in_memory()
{
	local key status found=0

	for key in "$LAB_DIR"/*.key "$LAB_DIR"/*.psk; do
		[ -e "$key" ] || continue
		status=0
		python3 "$LAB_HERE/scan.py" "$1" "$(cat "$key")" || status=$?
		case $status in
		0) found=3 ;;
		1) ;;
		*) return 4 ;;
		esac
	done
	return $found
}

# zeroize_lab: two nodes with a preshared key, traffic in a loop from lana to lanb.
zeroize_lab()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b 4 "PresharedKey = $(node_psk a b)"
	node_peer b a 4 "PresharedKey = $(node_psk a b)"
	node_start a esclusa
	node_start b "$NODE_B"
	ping_up lana 10.2.0.2
}

no_key_in_file()
{
	local key

	for key in "$LAB_DIR"/a.key "$LAB_DIR"/*.psk; do
		! grep -qF -e "$(head -c 43 "$key")" "$@" || fail "$key is in one of $*"
	done
}

test_zeroize_under_traffic()
{
	local control crypto red size name received sent

	zeroize_lab
	name=$(node_name a)
	control=$(node_show a pid control)
	crypto=$(node_show a pid crypto)
	red=$(node_show a pid red)
	must_exit 3 key_in_memory "$control" # or this test proves nothing
	size=$(stat -c %s "$LAB_DIR/a.conf")
	wire_open a
	bg lana "$LAB_DIR/ping.log" ping -n -i 0.002 -W 1 10.2.0.2
	bg lana "$LAB_DIR/marker.log" ping -n -i 0.05 -p deadbeefcafe 10.2.0.2
	wait_for 20 zeroize_answers_exceed 50 || fail "there is no traffic"
	must_exit 0 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes
	says 'running keys wiped by the crypto process'
	says '2 keys overwritten in place'
	pid_gone "$crypto" || fail "the crypto process is there"
	pid_gone "$red" || fail "the red process is there"
	# Packets have stopped, but for what others still have in their queues, and for good.
	wait_for 20 no_more_answers || fail "answers go on"
	wait_for 5 sleeps "$WIRE_a" || true
	sent=$(wire a count data)
	received=$(zeroize_answers)
	sleep 1
	equal "answers after zeroize" "$(zeroize_answers)" "$received"
	wire_close a
	equal "data on the wire after zeroize" "$(wire a count data)" "$sent"
	wire_clean a
	# No key; the node says so, and stays as it is.
	equal "state" "$(node_show a field state)" zeroized
	equal "process id of crypto" "$(node_show a pid crypto)" 0
	must_exit 0 key_in_memory "$control"
	no_key_in_file "$LAB_DIR/a.conf" "$LAB_DIR/a.log" "$LAB_DIR/a.state"/*
	equal "size of the file" "$(stat -c %s "$LAB_DIR/a.conf")" "$size"
	must_fail wg show "$name"
	lab_ip a link show black0 | grep -q prog/xdp || fail "the program is off the black NIC"
	# Once more is no harm; it stops cleanly, and cannot start again.
	must_exit 0 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes
	AUDIT_FILE=$LAB_DIR/a.state/$name.audit
	audited a 1 "l.event == 'zeroize' and l.uid == 0 and l.crypto == 'wiped' and l.result == 'done'"
	audited a 2 "l.event == 'zeroize_files' and l.result == 'done'"
	audited a 0 "l.event == 'failure'"
	node_stop a || fail "stop: $?"
	audit_whole "$AUDIT_FILE"
	no_key_in "$AUDIT_FILE" "$LAB_DIR/a.log"
	must_exit 2 at a timeout 60 "$ESCLUSA" run "$LAB_DIR/a.conf"
}

zeroize_answers()
{
	grep -c 'bytes from' "$LAB_DIR/ping.log"
}

zeroize_answers_exceed()
{
	[ "$(zeroize_answers)" -gt "$1" ]
}

no_more_answers()
{
	local before

	before=$(zeroize_answers)
	sleep 0.5
	[ "$(zeroize_answers)" = "$before" ]
}

# Wiped before it ends, not only given back to the kernel: the end is held up for a look. Control,
# which kills red and after a second what has not ended, does not get to the second.
test_crypto_wipes_its_keys()
{
	local control crypto log strace=()

	zeroize_lab
	control=$(node_show a pid control)
	crypto=$(node_show a pid crypto)
	must_exit 3 key_in_memory "$crypto" # or this test proves nothing
	bg a "$LAB_DIR/strace.log" strace -p "$crypto" -e trace=exit_group \
		-e inject=exit_group:delay_enter=60000000
	strace+=("$BG")
	bg a "$LAB_DIR/control.log" strace -p "$control" -e trace=kill \
		-e inject=kill:retval=0:when=2+
	strace+=("$BG")
	for log in strace control; do
		wait_for 20 grep -q attached "$LAB_DIR/$log.log" || skip "strace cannot attach"
	done
	# What the command asks the node, without its patience.
	echo zeroize | nc -N -U "/run/esclusa/$(node_name a).sock" >"$LAB_DIR/zeroize.log" &
	wait_for 20 grep -q exit_group "$LAB_DIR/strace.log" || fail "crypto does not end"
	must_exit 0 key_in_memory "$crypto"
	lab_kill "${strace[@]}"
	wait_for 20 pid_gone "$crypto" || fail "crypto is there"
	node_stop a || fail "stop: $?"
}

# A crypto process that does not react is killed after a second.
test_zeroize_with_a_crypto_process_that_hangs()
{
	local crypto

	zeroize_lab
	crypto=$(node_show a pid crypto)
	kill -STOP "$crypto"
	must_exit 0 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes
	wait_for 20 pid_gone "$crypto" || fail "the crypto process is there"
	equal "state" "$(node_show a field state)" zeroized
	node_stop a || fail "stop: $?"
}

# Nor does a control process keep the keys by not answering.
test_zeroize_with_a_control_process_that_hangs()
{
	local control crypto

	zeroize_lab
	control=$(node_show a pid control)
	crypto=$(node_show a pid crypto)
	kill -STOP "$control"
	must_exit 0 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes
	says 'did not answer and was killed'
	wait_for 20 pid_gone "$crypto" || fail "the crypto process is there"
	wait "${NODE_PID[a]}" 2>/dev/null || true
	unset "NODE_PID[a]"
	ping_dead lana 10.2.0.2
	no_key_in_file "$LAB_DIR/a.conf"
	AUDIT_FILE=$LAB_DIR/a.state/$(node_name a).audit audited a 1 "l.event == 'zeroize_files' and l.uid == 0"
}

test_zeroize_while_not_running()
{
	local name

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b 4 "PresharedKey = $(node_psk a b)"
	name=$(node_name a)
	echo "# PrivateKey = $(cat "$LAB_DIR/a.key")" >>"$LAB_DIR/a.conf"
	# Not without being asked for by name.
	must_exit 2 "$ESCLUSA" zeroize "$LAB_DIR/a.conf"
	must_exit 1 script -qec "$ESCLUSA zeroize $LAB_DIR/a.conf" /dev/null
	grep -qF "$(cat "$LAB_DIR/a.key")" "$LAB_DIR/a.conf" || fail "keys are gone without a yes"
	must_exit 1 "$ESCLUSA" zeroize "$name" --yes
	says 'give its configuration FILE'
	must_exit 1 "$ESCLUSA" zeroize /no/such/file.conf --yes
	# A file with mistakes has keys to destroy all the same, also those in comments.
	echo "Nonsense = 1" >>"$LAB_DIR/a.conf"
	must_exit 0 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes
	says "$name: not running"
	says '3 keys overwritten in place'
	no_key_in_file "$LAB_DIR/a.conf"
	grep -q '^PublicKey = .*=$' "$LAB_DIR/a.conf" || fail "more than the keys was overwritten"
	AUDIT_FILE=$LAB_DIR/a.state/$name.audit audited a 1 "l.event == 'zeroize_files' and l.result == 'done'"
	[ ! -e "/run/esclusa/$name.lock" ] || fail "a lock is left"
}

# A key store is overwritten and removed; control never had its key, crypto wipes it.
test_zeroize_with_a_key_store()
{
	local control

	store_lab
	cp "$LAB_DIR/a.keystore" "$LAB_DIR/a.before"
	ln "$LAB_DIR/a.keystore" "$LAB_DIR/a.blocks" # what is left of its blocks on the disk
	CREDENTIALS_DIRECTORY=$LAB_DIR/a.credentials node_start a esclusa
	node_start b esclusa
	ping_up lana 10.2.0.2
	control=$(node_show a pid control)
	must_exit 0 "$ESCLUSA" zeroize "$LAB_DIR/a.conf" --yes
	says 'running keys wiped by the crypto process'
	says 'a.keystore: key store overwritten and removed'
	must_exit 0 key_in_memory "$control"
	[ ! -e "$LAB_DIR/a.keystore" ] || fail "the key store is there"
	python3 - "$LAB_DIR/a.before" "$LAB_DIR/a.blocks" <<-'EOF' || fail "secrets are left in the blocks"
		import sys
		before, after = (open(f, "rb").read() for f in sys.argv[1:])
		# Any 16 bytes with some variety that both have, after the header, which is public: parts
		# of a slot or of the payload.
		left = [i for i in range(128, len(before) - 16, 16)
		        if before[i:i + 16] in after and len(set(before[i:i + 16])) > 12]
		sys.exit("%d of %d pieces" % (len(left), len(before) // 16) if left else 0)
	EOF
	node_stop a || fail "stop: $?"
	must_exit 1 at a timeout 60 "$ESCLUSA" run "$LAB_DIR/a.conf"
	audited a 1 "l.event == 'zeroize_files' and l.result == 'done'"
}

# Members of Admins end the running keys; files are root's. Others end nothing.
test_zeroize_is_for_admins()
{
	local name

	admin_lab
	name=$(node_name a)
	ping_up lana 10.2.0.2
	must_exit 1 as "$MONITOR" games "$LAB_DIR/esclusa" zeroize "$name" --yes
	says 'you may not destroy its keys: ask to be added to group audio'
	must_exit 1 as "$STRANGER" nogroup "$LAB_DIR/esclusa" zeroize "$name" --yes
	equal "state" "$(node_show a field state)" running
	ping_all lana 10.2.0.2 -c 3
	must_exit 1 as "$ADMIN" audio "$LAB_DIR/esclusa" zeroize "$name" --yes
	says 'running keys wiped'
	says 'a.conf: Permission denied'
	equal "state" "$(node_show a field state)" zeroized
	audited a 1 "l.event == 'zeroize' and l.uid == $ADMIN"
	audited a 1 "l.event == 'zeroize_files' and l.uid == $ADMIN and l.result == 'failed'"
	audited a 1 "l.event == 'request' and l.request == 'zeroize' and l.uid == $MONITOR and l.result == 'refused'"
}
