# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# layers.test.sh: the sandbox of red and crypto as the kernel sees it from outside, what is waived,
# and a full node inside it. What it refuses: tests/unit/sandbox.c and tests/sandbox.

# process_of SITE DOMAIN
process_of()
{
	local pid

	pid=$(node_show "$1" pid "$2")
	[ "$pid" -gt 1 ] || fail "no $2 process of node $1"
	echo "$pid"
}

# own_namespaces PID: those that are not the test's.
own_namespaces()
{
	local ns own=

	for ns in ipc mnt net pid uts; do
		[ "$(readlink "/proc/$1/ns/$ns")" = "$(readlink "/proc/${NODE_PID[a]}/ns/$ns")" ] ||
			own+="$ns "
	done
	echo "${own% }"
}

status_of()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

limit_of()
{
	sed -n "s/^$2  *\([^ ]*\)  *\([^ ]*\) .*/\1 \2/p" "/proc/$1/limits"
}

node_layers()
{
	"$ESCLUSA" show "$(node_name "$1")" -j |
		python3 -c 'import json, sys
for p in json.load(sys.stdin)["domains"]:
    if p["domain"] == sys.argv[1]:
        print(*p[sys.argv[2]])' "$2" "$3"
}

readonly ALL_LAYERS="descriptors user capabilities privileges dump mount network ipc pid uts landlock \
limits memory wx seccomp"

test_the_kernel_confirms_every_layer()
{
	local domain pid fds

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	ping_up lana 10.2.0.2
	for domain in red crypto; do
		pid=$(process_of a $domain)
		equal "layers of $domain" "$(node_layers a $domain layers)" "$ALL_LAYERS"
		equal "waived of $domain" "$(node_layers a $domain layers_waived)" ""
		equal "namespaces of $domain" "$(own_namespaces "$pid")" "ipc mnt net pid uts"
		equal "process ids of $domain" "$(status_of "$pid" NSpid)" "$(printf '%s\t1' "$pid")"
		equal "what is in the root of $domain" "$(ls -A "/proc/$pid/root/")" ""
		equal "mounts of $domain" "$(cut -d' ' -f2,3,4 "/proc/$pid/mounts" | sort -u)" \
			"/ tmpfs ro,nosuid,nodev,noexec,relatime,size=4k,nr_inodes=1,mode=100"
		equal "devices of $domain" "$(nsenter --net="/proc/$pid/ns/net" ip -o link | cut -d: -f2)" " lo"
		equal "host name of $domain" "$(nsenter --uts="/proc/$pid/ns/uts" uname -n)" "(none)"
		equal "seccomp of $domain" "$(status_of "$pid" Seccomp)" 2
		equal "no_new_privs of $domain" "$(status_of "$pid" NoNewPrivs)" 1
		equal "bounding set of $domain" "$(status_of "$pid" CapBnd)" 0000000000000000
		equal "capabilities of $domain" "$(status_of "$pid" CapPrm)" 0000000000000000
		equal "groups of $domain" "$(status_of "$pid" Groups)" ""
		fds=$(find "/proc/$pid/fd" -type l | wc -l)
		equal "descriptors of $domain" "$(limit_of "$pid" 'Max open files')" "$fds $fds"
		equal "processes of $domain" "$(limit_of "$pid" 'Max processes')" "0 0"
		equal "file size of $domain" "$(limit_of "$pid" 'Max file size')" "0 0"
		equal "core of $domain" "$(limit_of "$pid" 'Max core file size')" "0 0"
		equal "memory to lock of $domain" "$(limit_of "$pid" 'Max locked memory')" "0 0"
		equal "memory of $domain that may be swapped" "$(unlocked_memory "$pid")" ""
		equal "writable code of $domain" "$(awk '$2 ~ /^.wx/' "/proc/$pid/maps")" ""
		equal "standard descriptors of $domain" \
			"$(readlink "/proc/$pid/fd/"{0,1,2} | sort -u)" /dev/null
	done
	! grep -q 'NOT COMPLETE' "$LAB_DIR/a.log" || fail "a warning about nothing"
}

# Mappings that are not locked, but for those of the kernel: its pages, its rings, its BPF maps.
unlocked_memory()
{
	awk '/^[0-9a-f]+-/ { name = $6 } /^VmFlags:/ && !/ lo / && name !~ /^(\[v|socket:|anon_inode:bpf-map)/ { print name }' \
		"/proc/$1/smaps"
}

test_waived_layers_are_left_out_and_said_to_be()
{
	local pid

	lab_site a
	lab_site b
	node_config a 'Sandbox = network, pid, seccomp'
	node_config b 'Sandbox = none'
	node_peer a b
	node_peer b a
	node_start a esclusa
	node_start b esclusa
	ping_up lana 10.2.0.2
	pid=$(process_of a crypto)
	equal "namespaces" "$(own_namespaces "$pid")" "ipc mnt uts"
	equal "waived" "$(node_layers a crypto layers_waived)" "network pid seccomp"
	equal "waived" "$(node_layers a control layers_waived)" "seccomp"
	equal "seccomp" "$(status_of "$pid" Seccomp)" 0
	grep -q 'NOT COMPLETE.*network, pid, seccomp' "$LAB_DIR/a.log" || fail "no warning"
	"$ESCLUSA" show "$(node_name a)" >"$LAB_DIR/show"
	grep -q 'WAIVED: network, pid, seccomp' "$LAB_DIR/show" || fail "not shown"
	pid=$(process_of b red)
	equal "layers" "$(node_layers b red layers)" "descriptors user capabilities privileges dump"
	equal "bounding set" "$(status_of "$pid" CapBnd)" 0000000000000000
	tcp_copy lana lanb 10.2.0.2 1000000
	node_stop a || fail "node a ended with $?"
	grep -Eq 'frames: red ([0-9]+) of \1 home' "$LAB_DIR/a.log" || fail "frames were lost"
	node_stop b || fail "node b ended with $?"
}

# They are the first processes of their namespaces, whose parent nobody in there can name.
test_packet_processes_die_with_control()
{
	local red crypto

	lab_join a "$NODE_A" b "$NODE_B"
	node_needs_esclusa a
	red=$(process_of a red)
	crypto=$(process_of a crypto)
	kill -KILL "${NODE_PID[a]}"
	wait_for 20 pid_gone "$red" || fail "red outlived control"
	wait_for 20 pid_gone "$crypto" || fail "crypto outlived control"
}

# full_peers SITE KEYS: a [Peer] with 16 prefixes for each public key of a file.
full_peers()
{
	awk '{
		n = NR - 1
		printf "\n[Peer]\nPublicKey = %s\nPersistentKeepalive = 1\nEndpoint = 198.18.%d.%d:51820\n",
			$1, n / 256, n % 256
		printf "AllowedIPs = "
		for (p = 0; p < 16; p++)
			printf "%d.%d.%d.%d/32%s", 100 + p % 4, n / 256, n % 256, p, p < 15 ? ", " : "\n"
	}' "$2" >>"$LAB_DIR/$1.conf"
}

# As many peers and prefixes as a node can have, then all peers others: no memory is added.
LIMIT[full_node_in_its_sandbox]=120
test_full_node_in_its_sandbox()
{
	local pid size

	lab_site a
	lab_site b
	node_config a
	node_config b
	node_peer a b
	node_peer b a
	python3 - "$LAB_DIR" <<-'EOF'
		import base64, os, sys
		for name in "first", "second":
		    with open(f"{sys.argv[1]}/{name}", "w") as f:
		        for i in range(1023):
		            print(base64.b64encode(os.urandom(31) + b"\x40").decode(), file=f)
	EOF
	full_peers a "$LAB_DIR/first"
	node_start a esclusa
	node_start b esclusa
	ping_up lana 10.2.0.2
	equal "peers" "$(node_wg show a peers | wc -l)" 1024
	equal "prefixes" "$(node_wg show a allowed-ips | cut -f2 | wc -w)" $((1023 * 16 + 2))
	pid=$(process_of a crypto)
	size=$(status_of "$pid" VmSize)
	node_config a
	node_peer a b
	full_peers a "$LAB_DIR/second"
	node_stripped a >"$LAB_DIR/a.wg"
	node_wg setconf a "$LAB_DIR/a.wg"
	equal "peers" "$(node_wg show a peers | wc -l)" 1024
	node_wg show a peers | sort >"$LAB_DIR/peers"
	(node_public b && cat "$LAB_DIR/second") | sort | cmp - "$LAB_DIR/peers"
	ping_all lana 10.2.0.2 -c 5
	equal "the crypto process" "$(process_of a crypto)" "$pid"
	equal "its size" "$(status_of "$pid" VmSize)" "$size"
	equal "restarts" "$(node_show a field restarts)" 0
	node_stop a || fail "node a ended with $?"
}
