# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# keystore.test.sh: nodes whose private key is in an encrypted file: unattended, and with somebody at
# a terminal.

STORE_PASS='correct horse battery'

# store_make SITE: a key store with the site's key, a passphrase and a credential; the node's file
# names it in the key's place.
store_make()
{
	local s=$1

	(umask 077 && echo "$STORE_PASS" >"$LAB_DIR/$s.pass")
	"$ESCLUSA" key create "$LAB_DIR/$s.keystore" --import "$LAB_DIR/$s.key" \
		--passphrase-file "$LAB_DIR/$s.pass" >"$LAB_DIR/$s.made" 2>&1
	mkdir -p "$LAB_DIR/$s.credentials"
	"$ESCLUSA" key add-slot "$LAB_DIR/$s.keystore" credential --label boot \
		--new-credential-file "$LAB_DIR/$s.credentials/keystore" \
		--passphrase-file "$LAB_DIR/$s.pass" >>"$LAB_DIR/$s.made" 2>&1
	sed -i "s,^PrivateKey = .*,Keystore = $LAB_DIR/$s.keystore," "$LAB_DIR/$s.conf"
}

# Two sites; a has its key in a store and no node is started.
store_lab()
{
	[ "$NODE_A" = esclusa ] || skip "node a is not an esclusa node"
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	store_make a
}

# terminal NS LOG ANSWER... -- COMMAND...: in the background, its process id in $BG.
terminal()
{
	local ns=$1 log=$2

	shift 2
	bg "$ns" "$log.python" python3 "$LAB_HERE/terminal.py" "$log" "$@"
}

# has_key PID SITE: the site's private key is somewhere in the process's memory.
has_key()
{
	local status=0

	python3 "$LAB_HERE/scan.py" "$1" "$(cat "$LAB_DIR/$2.key")" || status=$?
	[ $status -lt 2 ] || fail "memory of process $1 cannot be scanned"
	return $status
}

crypto_is_another()
{
	local pid

	pid=$(node_show a pid crypto 2>/dev/null) && [ -n "$pid" ] && [ "$pid" != "$1" ]
}

# With the credential of systemd: starts, works, and comes back when crypto dies, all by itself.
test_keystore_unattended()
{
	local pid

	store_lab
	CREDENTIALS_DIRECTORY=$LAB_DIR/a.credentials node_start a esclusa
	node_start b esclusa
	ping_up lana 10.2.0.2
	equal "public key of a" "$(node_show a field public_key)" "$(node_public a)"
	"$ESCLUSA" show "$(node_name a)" >"$LAB_DIR/show"
	grep -qF "from $LAB_DIR/a.keystore" "$LAB_DIR/show" || fail "show does not name the key store"
	pid=$(node_show a pid crypto)
	kill -KILL "$pid"
	wait_for 20 crypto_is_another "$pid" || fail "crypto did not come back by itself"
	ping_up lana 10.2.0.2
	equal "public key after the restart" "$(node_show a field public_key)" "$(node_public a)"
	# A new key comes from `esclusa key rekey`, and peers are changed as ever.
	must_fail node_wg set a private-key "$LAB_DIR/b.key"
	grep -q 'esclusa key rekey' "$LAB_DIR/a.log" || fail "the log does not say how to rekey"
	node_wg set a peer "$(node_public b)" persistent-keepalive 9
	node_stripped a | sed '/^Keystore/d' >"$LAB_DIR/a.wg"
	node_wg syncconf a "$LAB_DIR/a.wg"
	ping_all lana 10.2.0.2 -c 5
	node_stop a
	node_stop b
	grep -qF "$(cat "$LAB_DIR/a.key")" "$LAB_DIR/a.log" && fail "the key is in the log"
	return 0
}

# As the units have it: systemd gives the credential to the launcher, and control sees nothing of it.
test_keystore_launched()
{
	local crypto LAUNCHER_ENV=CREDENTIALS_DIRECTORY=$LAB_DIR/a.credentials

	[ "$NODE_A" = esclusa ] || skip "node a is not an esclusa node"
	launched_node store_make a
	ping_up lana 10.2.0.2
	equal "public key of a" "$(node_show a field public_key)" "$(node_public a)"
	grep -qz '^CREDENTIALS_DIRECTORY=' "/proc/${NODE_PID[a]}/environ" && fail "control has it too"
	crypto=$(node_show a pid crypto)
	kill -KILL "$crypto"
	wait_for 20 crypto_is_another "$crypto" || fail "crypto did not come back by itself"
	ping_up lana 10.2.0.2 60
	node_stop a
}

# Control of the node with a store never has the key; that of the other node does, and it is found.
test_keystore_key_is_not_in_control()
{
	local a b

	store_lab
	CREDENTIALS_DIRECTORY=$LAB_DIR/a.credentials node_start a esclusa
	node_start b esclusa
	ping_up lana 10.2.0.2
	a=$(node_show a pid control)
	b=$(node_show b pid control)
	has_key "$b" b || fail "the scan does not find a key that is there"
	has_key "$a" b && fail "the scan finds a key that is not there"
	has_key "$a" a && fail "control has the key of the key store"
	grep -qz '^CREDENTIALS_DIRECTORY=' "/proc/$a/environ" || fail "not the process it should be"
	return 0
}

test_keystore_at_a_terminal()
{
	local pid

	store_lab
	terminal a "$LAB_DIR/a.log" 'not the one' "$STORE_PASS" "$STORE_PASS" -- \
		"$ESCLUSA" run "$LAB_DIR/a.conf"
	NODE_KIND[a]=esclusa
	NODE_PID[a]=$BG
	wait_for 90 node_settled a || fail "node a is not ready: $(cat "$LAB_DIR/a.log")"
	grep -q "^Passphrase for $LAB_DIR/a.keystore: " "$LAB_DIR/a.log" || fail "nobody asked"
	grep -q 'no slot opens' "$LAB_DIR/a.log" || fail "the wrong passphrase went unnoticed"
	node_start b esclusa
	ping_up lana 10.2.0.2
	equal "terminal of crypto" "$(readlink "/proc/$(node_show a pid crypto)/fd/0")" /dev/null
	# After a crash it asks again, and waits as long as it takes.
	pid=$(node_show a pid crypto)
	kill -KILL "$pid"
	wait_for 30 crypto_is_another "$pid" || fail "crypto did not come back"
	ping_up lana 10.2.0.2 60
	grep -qF "$STORE_PASS" "$LAB_DIR/a.log" && fail "the passphrase was echoed"
	node_stop a || fail "terminal: $(cat "$LAB_DIR/a.log.python")"
	node_stop b
}

# terminal_ends CODE ANSWER...: a's node, at a terminal, ends so.
terminal_ends()
{
	local want=$1 status=0

	shift
	terminal a "$LAB_DIR/a.log" "$@" -- "$ESCLUSA" run "$LAB_DIR/a.conf"
	wait_for 120 pid_gone "$BG" || fail "node a does not end: $(cat "$LAB_DIR/a.log")"
	wait "$BG" || status=$?
	equal "exit code with answers $*" "$status" "$want"
	[ ! -e "/sys/fs/bpf/esclusa/$(node_name a)" ] || fail "programs were left on the NICs"
}

# Nobody there: it says so, and waits for as long as it takes.
test_keystore_waits_for_a_person()
{
	store_lab
	terminal a "$LAB_DIR/a.log" -- "$ESCLUSA" run "$LAB_DIR/a.conf"
	NODE_KIND[a]=esclusa
	wait_for 30 grep -qs '^Passphrase for' "$LAB_DIR/a.log" || fail "nobody asked"
	sleep 12 # longer than a process may take to start by itself
	equal "state of a" "$(node_show a field state)" locked
	kill -TERM "$BG"
	wait_for 20 pid_gone "$BG" || fail "node a does not end while it asks"
	wait "$BG" || fail "terminal: $(cat "$LAB_DIR/a.log.python")"
}

test_keystore_terminal_gives_up()
{
	store_lab
	terminal_ends 1 one two three
	equal "questions" "$(grep -c '^Passphrase for' "$LAB_DIR/a.log")" 3
	terminal_ends 0 '^C'
	equal "questions" "$(grep -c '^Passphrase for' "$LAB_DIR/a.log")" 1
}

# store_damage OFFSET: another byte than the one that is there, in a's store.
store_damage()
{
	python3 - "$LAB_DIR/a.keystore" "$1" <<-'EOF'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    f.seek(int(sys.argv[2]))
		    byte = f.read(1)[0]
		    f.seek(-1, 1)
		    f.write(bytes([byte ^ 1]))
	EOF
}

# store_refused WORD...: `run` without a terminal ends with 1 and says WORD.
store_refused()
{
	must_exit 1 at a timeout 60 "$ESCLUSA" run "$LAB_DIR/a.conf"
	grep -q -- "$1" "$LAB_DIR/must_exit.out" ||
		fail "run does not say '$1': $(cat "$LAB_DIR/must_exit.out")"
}

test_keystore_refused()
{
	local check=$LAB_DIR/check.out

	store_lab
	must_exit 0 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	grep -qF "$(node_public a)" "$LAB_DIR/must_exit.out" || fail "check shows no public key"
	store_refused 'esclusa key add-slot'
	# A credential that is not this store's; one that others can read.
	mkdir "$LAB_DIR/other"
	head -c 32 /dev/urandom >"$LAB_DIR/other/keystore"
	chmod 600 "$LAB_DIR/other/keystore"
	CREDENTIALS_DIRECTORY=$LAB_DIR/other store_refused 'no slot opens'
	chmod 644 "$LAB_DIR/a.credentials/keystore"
	CREDENTIALS_DIRECTORY=$LAB_DIR/a.credentials store_refused 'others may read it'
	chmod 600 "$LAB_DIR/a.credentials/keystore"
	export CREDENTIALS_DIRECTORY=$LAB_DIR/a.credentials
	# The store: changed, open to others, a link, gone. `check` knows as well.
	cp -p "$LAB_DIR/a.keystore" "$LAB_DIR/good"
	store_damage 4090
	store_refused 'changed by somebody'
	store_damage 3
	store_refused 'a.keystore: not a key store'
	must_exit 1 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	cp -p "$LAB_DIR/good" "$LAB_DIR/a.keystore"
	chmod 640 "$LAB_DIR/a.keystore"
	store_refused 'chmod 600'
	must_exit 1 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	ln -sf "$LAB_DIR/good" "$LAB_DIR/a.keystore"
	store_refused 'a symbolic link'
	rm "$LAB_DIR/a.keystore"
	store_refused 'esclusa key create'
	must_exit 1 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	grep -q 'a.conf:2: Keystore' "$LAB_DIR/must_exit.out" || fail "check does not say where"
	# Its own key as a peer's.
	cp -p "$LAB_DIR/good" "$LAB_DIR/a.keystore"
	cp "$LAB_DIR/a.pub" "$LAB_DIR/b.pub"
	(umask 077 && sed "s,^PublicKey = .*,PublicKey = $(node_public a)," "$LAB_DIR/a.conf" \
		>"$LAB_DIR/self.conf")
	"$ESCLUSA" check "$LAB_DIR/self.conf" >"$check" 2>&1 && fail "check took a's own key"
	grep -q 'self.conf:2: Keystore' "$check" || fail "check says: $(cat "$check")"
}

# What the commands say and do, at a terminal and without one.
test_keystore_commands()
{
	local store=$LAB_DIR/site.keystore out=$LAB_DIR/out key code

	esc_key()
	{
		"$ESCLUSA" key "$@"
	}
	asked() # ANSWER... -- ARGUMENTS...: at a terminal
	{
		local answers=()

		while [ "$1" != -- ]; do
			answers+=("$1")
			shift
		done
		shift
		python3 "$LAB_HERE/terminal.py" "$out" "${answers[@]}" -- "$ESCLUSA" key "$@" </dev/null
	}
	asked "$STORE_PASS" "$STORE_PASS" -- create "$store"
	code=$(sed -n 's/^recovery code: \([0-9A-Z-]*\).*/\1/p' "$out")
	[ ${#code} -eq 34 ] || fail "no recovery code: $(cat "$out")"
	equal "mode of the store" "$(stat -c %a "$store")" 600
	must_exit 1 esc_key create "$store"
	asked "$STORE_PASS" 'another one' -- create "$LAB_DIR/differ" && fail "two passphrases were taken"
	[ ! -e "$LAB_DIR/differ" ] || fail "a store was made"
	asked '^C' -- verify "$store" && fail "Ctrl-C was no failure"
	asked wrong "$STORE_PASS" -- verify "$store" || fail "no second try: $(cat "$out")"
	key=$(esc_key show "$store" -j | python3 -c 'import json, sys; print(json.load(sys.stdin)["public_key"])')
	esc_key inspect "$store" >"$out"
	grep -qF "$key" "$out" || fail "inspect shows another key than show"
	# Any secret may change the store; lines of standard input stand for questions.
	echo "${code,,}" | tr -d - | esc_key verify "$store" | grep -q recovery ||
		fail "the recovery code is not taken as people type it"
	printf '%s\n%s\n' "$code" 'changed passphrase' | esc_key change-passphrase "$store" 2>"$out"
	echo "$STORE_PASS" >"$LAB_DIR/pass"
	chmod 600 "$LAB_DIR/pass"
	must_exit 1 esc_key verify "$store" --passphrase-file "$LAB_DIR/pass"
	echo 'changed passphrase' >"$LAB_DIR/pass"
	must_exit 0 esc_key verify "$store" --passphrase-file "$LAB_DIR/pass"
	must_exit 1 esc_key remove-slot "$store" 1 --passphrase-file "$LAB_DIR/pass"
	grep -q 'esclusa key recovery' "$LAB_DIR/must_exit.out" || fail "no advice"
	esc_key recovery "$store" --passphrase-file "$LAB_DIR/pass" >"$out" 2>&1
	echo "$code" | esc_key verify "$store" 2>"$LAB_DIR/err" && fail "the old code still opens it"
	esc_key rekey "$store" --passphrase-file "$LAB_DIR/pass" >"$out" 2>&1
	grep -qF "$key" "$out" && fail "rekey kept the key"
	# Taken over from a WireGuard file: the same public key.
	(umask 077 && wg genkey >"$LAB_DIR/wg.key")
	printf '[Interface]\nListenPort = 1\nPrivateKey = %s\n' "$(cat "$LAB_DIR/wg.key")" >"$LAB_DIR/wg.conf"
	esc_key create "$LAB_DIR/wg.keystore" --import - --passphrase-file "$LAB_DIR/pass" \
		<"$LAB_DIR/wg.conf" >"$out" 2>&1
	grep -qF "public key: $(wg pubkey <"$LAB_DIR/wg.key")" "$out" || fail "import: $(cat "$out")"
	rm "$LAB_DIR/wg.keystore"
	esc_key create "$LAB_DIR/wg.keystore" --import "$LAB_DIR/wg.conf" \
		--passphrase-file "$LAB_DIR/pass" >"$out" 2>&1
	grep -q "line 3 of $LAB_DIR/wg.conf" "$out" || fail "the old place is not named: $(cat "$out")"
	chmod 644 "$LAB_DIR/pass"
	must_exit 1 esc_key verify "$store" --passphrase-file "$LAB_DIR/pass"
	must_exit 2 esc_key frob "$store"
	must_exit 2 esc_key show
	must_exit 2 esc_key verify "$store" --import x
}
