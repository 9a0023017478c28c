# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# canary.test.sh: with known keys and a planted plaintext under way, what is where? Every page that
# a process can map is looked at. A search that cannot find is no search: the same needles must be
# found where they belong.

LIMIT[canary]=300
LIMIT[canary_keystore]=300

canary()
{
	python3 "$here/canary.py" "$@"
}

# needle_key NAME FILE: raw bytes of a key in base64, and its text.
needle_key()
{
	echo "$1 $(base64 -d <"$2" | od -An -v -tx1 | tr -d ' \n')"
	echo "$1-text $(head -c 43 "$2" | od -An -v -tx1 | tr -d ' \n')"
}

needle_file()
{
	echo "$1 $(head -c 24 "$2" | od -An -v -tx1 | tr -d ' \n')"
}

# Both ways, by TCP; ten times what fits the packet memories' frames in use.
canary_traffic()
{
	local i

	for i in {1..40000}; do
		echo "$MARKER $i"
	done >"$LAB_DIR/plain"
	canary_copy lana lanb 10.2.0.2
	canary_copy lanb lana 10.1.0.2
	sleep 0.5
}

canary_copy()
{
	at "$2" timeout 100 nc -n -l -d "$3" 5003 >"$LAB_DIR/plain.got" &
	wait_for 30 listens "$2" 5003 || fail "nc does not listen"
	at "$1" timeout 100 nc -n -N "$3" 5003 <"$LAB_DIR/plain"
	wait $!
	cmp "$LAB_DIR/plain" "$LAB_DIR/plain.got"
}

# canary_scan PROCESS PID: what it found is in $LAB_DIR/PROCESS.found.
canary_scan()
{
	canary scan "$2" "$LAB_DIR/needles" >"$LAB_DIR/$1.found" 2>&1 ||
		fail "not all of $1's memory could be read: $(cat "$LAB_DIR/$1.found")"
	grep '^looked at' "$LAB_DIR/$1.found" | sed "s/^/$1: /"
}

has()
{
	grep -E "^$2" "$LAB_DIR/$1.found" >"$LAB_DIR/has" || fail "$1 has no $2: is this test blind?"
	echo "$1 has $(wc -l <"$LAB_DIR/has") of $2"
}

has_no()
{
	! grep -E "^$2" "$LAB_DIR/$1.found" || fail "$1 has $2"
}

# Names and inodes of the shared memories that a process maps or holds.
memories_of()
{
	local pid

	pid=$(node_show a pid "$1")
	sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([0-9]*\) *\/memfd:\([^ ]*\).*/\2 \1/p' "/proc/$pid/maps"
	find "/proc/$pid/fd" -lname '/memfd:*' -printf '%l ' -exec stat -L -c %i {} \; |
		sed 's/^.memfd:\([^ ]*\) (deleted)/\1/'
}

# The private key of a in an encrypted file, unlocked by a credential as systemd would.
canary_keystore()
{
	(umask 077 && echo 'correct horse battery' >"$LAB_DIR/pass")
	mkdir "$LAB_DIR/credentials"
	"$ESCLUSA" key create "$LAB_DIR/a.keystore" --import "$LAB_DIR/a.key" \
		--passphrase-file "$LAB_DIR/pass" >"$LAB_DIR/made" 2>&1
	"$ESCLUSA" key add-slot "$LAB_DIR/a.keystore" credential --label boot \
		--new-credential-file "$LAB_DIR/credentials/keystore" \
		--passphrase-file "$LAB_DIR/pass" >>"$LAB_DIR/made" 2>&1
	sed -i "s,^PrivateKey = .*,Keystore = $LAB_DIR/a.keystore," "$LAB_DIR/a.conf"
	export CREDENTIALS_DIRECTORY=$LAB_DIR/credentials
}

# canary_lab [keystore]: two sites, traffic, needles, and what each process of a holds.
canary_lab()
{
	local black process
	local -A pids

	MARKER=ESCLUSA-PLANTED-$RANDOM$RANDOM$RANDOM
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_psk a b >"$LAB_DIR/psk"
	node_peer a b 4 "PresharedKey = $(cat "$LAB_DIR/psk")"
	node_peer b a 4 "PresharedKey = $(cat "$LAB_DIR/psk")"
	[ -z "${1:-}" ] || canary_keystore
	ESCLUSA=$HOOKS node_start a esclusa
	node_start b esclusa
	wire_open
	ping_up lana 10.2.0.2
	canary_traffic
	{
		needle_key private-key "$LAB_DIR/a.key"
		needle_key preshared-key "$LAB_DIR/psk"
		canary keys "$(node_show a pid crypto)"
		canary wire "$LAB_DIR/wire-a.pcap" 40
		canary wire "$LAB_DIR/wire-b.pcap" 40
		[ -z "${1:-}" ] || needle_file credential "$LAB_DIR/credentials/keystore"
		echo "plaintext $(printf %s "$MARKER" | od -An -v -tx1 | tr -d ' \n')"
	} >"$LAB_DIR/needles"
	for process in red crypto control; do
		pids[$process]=$(node_show a pid $process)
	done
	kill -STOP "${pids[control]}" # what it maps and opens for a moment would be gone when looked at
	for process in red crypto control; do
		canary_scan $process "${pids[$process]}"
	done
	kill -CONT "${pids[control]}"

	# Red: plaintext, and nothing that anybody else's traffic could be read with.
	has red plaintext
	has_no red private-key
	has_no red preshared-key
	has_no red session-key
	has_no red ciphertext
	black=$(memories_of crypto | awk '$1 == "esclusa-black-umem" && !n++ { print $2 }')
	[ -n "$black" ] || fail "crypto has no black packet memory: $(memories_of crypto)"
	memories_of red >"$LAB_DIR/red.memories"
	grep -q '^esclusa-red-umem ' "$LAB_DIR/red.memories" || fail "red has no memory: is this test blind?"
	! grep -E "black|crypto| $black\$" "$LAB_DIR/red.memories" || fail "red has memory of crypto's"

	# Crypto has all of it.
	has crypto private-key
	has crypto preshared-key
	has crypto session-key
	has crypto ciphertext
	has crypto plaintext

	# Control reads the file with the preshared keys, and no packet.
	has control preshared-key
	has_no control preshared-key-text
	has_no control private-key-text
	has_no control session-key
	has_no control ciphertext
	has_no control plaintext

	wire_close
	wire_clean a "$MARKER"
	wire_clean b "$MARKER"
}

# A key in the configuration file is known to control, in one place, and not as text any more.
test_canary()
{
	canary_lab
	has control private-key
}

# A key in a key store is not, and what it was unlocked with is gone.
test_canary_keystore()
{
	canary_lab keystore
	has_no control private-key
	has_no control credential
	has_no crypto credential
	has_no red credential
}
