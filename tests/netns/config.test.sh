# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# config.test.sh: files and machines that are not fit, and what a person is told.

# refused CODE WORD [SED-SCRIPT]: `run` and `check` of node a's file, edited, end with CODE and a
# message that has WORD; nothing is started.
refused()
{
	local code=$1 word=$2 file=$LAB_DIR/bad.conf

	(umask 077 && sed "${3:-}" "$LAB_DIR/a.conf" >"$file")
	must_exit "$code" at a timeout 10 "$ESCLUSA" run "$file"
	grep -q -- "$word" "$LAB_DIR/must_exit.out" ||
		fail "run does not say '$word': $(cat "$LAB_DIR/must_exit.out")"
	must_exit "$code" at a timeout 10 "$ESCLUSA" check "$file"
	grep -q -- "$word" "$LAB_DIR/must_exit.out" ||
		fail "check does not say '$word': $(cat "$LAB_DIR/must_exit.out")"
	! grep -qF "$(cat "$LAB_DIR/a.key")" "$LAB_DIR/must_exit.out" || fail "the key was shown"
	[ ! -e "/sys/fs/bpf/esclusa/$(node_name a)" ] || fail "programs were left on the NICs"
	[ ! -e "/run/esclusa/$(node_name a).sock" ] || fail "a socket was left"
}

config_lab()
{
	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
}

test_bad_configuration()
{
	local name

	config_lab
	name=$(node_name a)
	must_exit 0 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	refused 2 'bad.conf:6: .*Nmae' "s/^Name = $name/Nmae = $name/"
	refused 2 'bad.conf:5: .*\[Knot\]' 's/^\[Node\]/[Knot]/'
	refused 2 'PrivateKey' 's/^PrivateKey = ..../PrivateKey = /'
	refused 2 'PublicKey' 's/^PublicKey = ..../PublicKey = /'
	refused 2 "'10.2.0.0/33'" 's,10.2.0.0/16,10.2.0.0/33,'
	refused 2 '15' 's/^Name = e.*/Name = a-name-of-16-chr/'
	refused 2 "'bridge'" 's,^Mode = encryptor,Mode = bridge,'
	refused 2 'ListenPort' 's/^ListenPort = .*/ListenPort = 65536/'
	refused 2 'Endpoint' 's/^Endpoint = .*/Endpoint = example.org/'
	refused 2 'Black' '/^Black/d'
	refused 2 'PublicKey' "\$a [Peer]\nPublicKey = $(node_public b)"
	refused 2 "'10.2.0.0/16'" "\$a [Peer]\nPublicKey = $(wg genkey | wg pubkey)\nAllowedIPs = 10.2.0.0/16"
}

test_file_that_others_can_read()
{
	config_lab
	cp "$LAB_DIR/a.conf" "$LAB_DIR/open.conf"
	chmod 644 "$LAB_DIR/open.conf"
	must_exit 2 at a "$ESCLUSA" run "$LAB_DIR/open.conf"
	grep -q 'chmod 600' "$LAB_DIR/must_exit.out" || fail "no advice: $(cat "$LAB_DIR/must_exit.out")"
	must_exit 1 at a "$ESCLUSA" run "$LAB_DIR/nothing.conf"
	must_exit 2 at a "$ESCLUSA" run "$LAB_DIR"
}

test_machine_that_is_not_fit()
{
	config_lab
	refused 1 'black9' 's/^Black = .*/Black = black9/'
	refused 1 'lo' 's/^Red = .*/Red = lo/'
	refused 1 'ethtool -L' 's/^Queues = .*/Queues = 2/'
	# XDP needs a larger buffer than this MTU leaves: the kernel says no.
	lab_mtu a red0 9000
	refused 1 'red0'
}

test_usage()
{
	config_lab
	must_exit 2 "$ESCLUSA"
	must_exit 2 "$ESCLUSA" nonsense
	must_exit 2 "$ESCLUSA" run
	must_exit 2 "$ESCLUSA" show a b
	must_exit 1 "$ESCLUSA" show no-such-node
	must_exit 0 "$ESCLUSA" --help
	must_exit 0 "$ESCLUSA" --version
	for command in run check show audit zeroize key selftest launch demo; do
		must_exit 0 "$ESCLUSA" "$command" --help
		grep -qi usage "$LAB_DIR/must_exit.out" || fail "$command --help shows no usage"
	done
}
