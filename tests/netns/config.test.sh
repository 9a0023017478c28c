# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# config.test.sh: files and machines that are not fit, and what a person is told.

# refused_file CODE WORD [SED-SCRIPT]: `run` and `check` of node a's file, edited, end with CODE and a
# message that has WORD; nothing is started.
refused_file()
{
	local code=$1 word=$2 file=$LAB_DIR/bad.conf

	(umask 077 && sed "${3:-}" "$LAB_DIR/a.conf" >"$file")
	must_exit "$code" at a timeout 60 "$ESCLUSA" run "$file"
	grep -q -- "$word" "$LAB_DIR/must_exit.out" ||
		fail "run does not say '$word': $(cat "$LAB_DIR/must_exit.out")"
	must_exit "$code" at a timeout 60 "$ESCLUSA" check "$file"
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
	refused_file 2 'bad.conf:6: .*Nmae' "s/^Name = $name/Nmae = $name/"
	refused_file 2 'bad.conf:5: .*\[Knot\]' 's/^\[Node\]/[Knot]/'
	refused_file 2 'PrivateKey' 's/^PrivateKey = ..../PrivateKey = /'
	refused_file 2 'PublicKey' 's/^PublicKey = ..../PublicKey = /'
	refused_file 2 "'10.2.0.0/33'" 's,10.2.0.0/16,10.2.0.0/33,'
	refused_file 2 '15' 's/^Name = e.*/Name = a-name-of-16-chr/'
	refused_file 2 "'bridge'" 's,^Mode = encryptor,Mode = bridge,'
	refused_file 2 'ListenPort' 's/^ListenPort = .*/ListenPort = 65536/'
	refused_file 2 'Endpoint' 's/^Endpoint = .*/Endpoint = example.org/'
	refused_file 2 'Black' '/^Black/d'
	refused_file 2 'PublicKey' "\$a [Peer]\nPublicKey = $(node_public b)"
	refused_file 2 "'10.2.0.0/16'" "\$a [Peer]\nPublicKey = $(wg genkey | wg pubkey)\nAllowedIPs = 10.2.0.0/16"
}

# A file of router mode: what check prints of it, and what it refuses.
test_check_prints_the_plan()
{
	local plan=$LAB_DIR/must_exit.out

	config_lab
	sed -i 's/^Mode = encryptor/Mode = router/' "$LAB_DIR/a.conf"
	cp -p "$LAB_DIR/a.conf" "$LAB_DIR/plain.conf"
	cat >>"$LAB_DIR/a.conf" <<-'EOS'

		[Split]
		Default = deny
		Allow = tcp 80,443 from 10.1.0.0/24
		Deny = udp 53 to 192.0.2.9/24
		TcpTimeout = 8000
		[Firewall]
		SecureDeny = any to 10.1.0.0/28
		Forward = tcp 8080 to 10.1.0.5:80
		Open = icmp to 2001:db8::/64
		Local = dhcp, tcp 22
	EOS
	must_exit 0 at a "$ESCLUSA" check "$LAB_DIR/a.conf"
	sed -n '/^split/,$p' "$plan" | sed 's/  */ /g' >"$LAB_DIR/plan"
	diff "$LAB_DIR/plan" - <<-'EOS' || fail "the plan is another one"
		split (outside of the tunnels, to the internet)
		 allow tcp 80 to any from 10.1.0.0/24
		 allow tcp 443 to any from 10.1.0.0/24
		 deny udp 53 to 192.0.2.0/24
		 deny everything else
		 tcp timeout 8000 s (default 7440)

		firewall (from secure sites into the LAN)
		 deny any to 10.1.0.0/28
		 allow everything else

		firewall (from the internet into the LAN)
		 forward tcp 8080 to 10.1.0.5:80
		 open icmp to 2001:db8::/64
		 deny everything else but replies

		local (from the LAN to this node)
		 allow udp 67, broadcasts too
		 allow udp 547, broadcasts too
		 allow tcp 22
	EOS
	at a "$ESCLUSA" check -j "$LAB_DIR/a.conf" >"$LAB_DIR/plan.json"
	python3 - "$LAB_DIR/plan.json" <<-'EOS' || fail "the JSON is another one: $(cat "$LAB_DIR/plan.json")"
		import json, sys
		p = json.load(open(sys.argv[1]))
		s, f = p["split"], p["firewall"]
		assert p["mode"] == "router" and s["default"] == "deny"
		assert [r["verdict"] for r in s["rules"]] == ["allow", "allow", "deny"]
		assert s["tcp_timeout"] == 8000 and s["udp_timeout"] == 300
		assert s["connections"] == 65536 and s["port_first"] == 1024
		assert f["secure"] == "allow" and len(f["secure_rules"]) == 1
		assert [o["kind"] for o in f["openings"]] == ["forward", "open"]
		assert f["local"] == ["udp 67", "udp 547", "tcp 22"]
	EOS
	cp -p "$LAB_DIR/plain.conf" "$LAB_DIR/a.conf"
	refused_file 2 "Allow 'tcp 22 to 10.2.3.4': 10.2.0.0/16 is a secure prefix.*'site-b'" \
		"\$a [Split]\nAllow = tcp 22 to 10.2.3.4"
	refused_file 2 "'\[Split\]' in encryptor mode" \
		"s/^Mode = router/Mode = encryptor/; \$a [Split]\nDefault = deny"
	refused_file 2 "bad.conf:[0-9]*: TcpTimeout '60': .*RFC 5382" "\$a [Split]\nTcpTimeout = 60"
	refused_file 2 'UDP 51820 is the ListenPort' \
		"\$a [Firewall]\nForward = udp 51820 to 10.1.0.5"
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
	refused_file 1 'black9' 's/^Black = .*/Black = black9/'
	refused_file 1 'lo' 's/^Red = .*/Red = lo/'
	refused_file 1 'ethtool -L' 's/^Queues = .*/Queues = 2/'
	# XDP needs a larger buffer than this MTU leaves: the kernel says no.
	lab_mtu a red0 9000
	refused_file 1 'red0'
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
