# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# check.sh: what tests do with a lab: wait, send, compare. Part of lab.sh.

fail()
{
	echo "failed: $*" >&2
	exit 1
}

skip()
{
	echo "skip: $*"
	exit 77
}

# wait_for SECONDS COMMAND...: until it succeeds. By the uptime, which nobody sets as the clock may be.
wait_for()
{
	local now end

	read -r now _ </proc/uptime
	end=$((10#${now/./} + $1 * 100))
	shift
	until "$@"; do
		read -r now _ </proc/uptime
		[ "$((10#${now/./}))" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# must_fail COMMAND...: and it must not be because of a signal.
must_fail()
{
	local status=0

	"$@" >"$LAB_DIR/must_fail.out" 2>&1 || status=$?
	[ "$status" -ne 0 ] || fail "'$*' succeeded"
	[ "$status" -lt 126 ] || fail "'$*' ended with $status: $(cat "$LAB_DIR/must_fail.out")"
}

# must_exit CODE COMMAND...: output is in $LAB_DIR/must_exit.out.
must_exit()
{
	local want=$1 status=0

	shift
	"$@" >"$LAB_DIR/must_exit.out" 2>&1 </dev/null || status=$?
	[ "$status" -eq "$want" ] ||
		fail "'$*' ended with $status, not $want: $(cat "$LAB_DIR/must_exit.out")"
}

# equal WHAT VALUE EXPECTED
equal()
{
	[ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
}

# --- ping ---------------------------------------------------------------------------------------------

# ping_all NS ADDRESS -c COUNT OPTIONS...: every echo must come back, once and unchanged (ping compares
# the bytes). With -w it asks until COUNT answers are there: a late one is not lost, and a lost one
# leaves a gap in their numbers.
ping_all()
{
	local ns=$1 to=$2 out

	shift 2
	out=$(at "$ns" ping -n -i 0.05 -w 30 "$@" "$to" 2>&1) || fail "ping $* $to: $out"
	awk '/ bytes from .* icmp_seq=/ { n++; sub(/.* icmp_seq=/, ""); last = $1 > last ? $1 : last }
		/DUP!|BAD CHECKSUM|truncated|wrong data/ { bad = 1 }
		END { exit bad || !n || n != last }' <<<"$out" || fail "ping $* $to: $out"
}

# ping_up NS ADDRESS [SECONDS]: works within that time (a first packet may wait for a handshake).
ping_up()
{
	wait_for "${3:-30}" at "$1" ping -n -q -c 1 -W 1 "$2" >/dev/null 2>&1 ||
		fail "no answer from $2 in ${3:-30} s"
}

# learn_mtu NS ADDRESS...: the first packet that is too big teaches a host the path's MTU, and is
# lost by that. The error about it ends ping.
learn_mtu()
{
	local ns=$1 to

	shift
	for to; do
		at "$ns" ping -n -q -c 1 -W 5 -s 1472 "$to" >/dev/null 2>&1 || true
	done
}

# Between the hosts of sites a and b, both ways, both families.
learn_mtus()
{
	learn_mtu lana 10.2.0.2 fd00:2::2
	learn_mtu lanb 10.1.0.2 fd00:1::2
}

ping_dead()
{
	must_fail at "$1" ping -n -q -c 2 -i 0.3 -W 1 "$2"
}

# --- TCP and UDP with content --------------------------------------------------------------------------

# tcp_copy FROM TO ADDRESS BYTES: random bytes through netcat, compared at the other end.
tcp_copy()
{
	local from=$1 to=$2 addr=$3 bytes=$4 sent=$LAB_DIR/tcp.sent got=$LAB_DIR/tcp.got server

	head -c "$bytes" /dev/urandom >"$sent"
	at "$to" timeout 60 nc -n -l -d "$addr" 5001 >"$got" </dev/null &
	server=$!
	wait_for 20 listens "$to" 5001 || fail "nc does not listen"
	at "$from" timeout 60 nc -n -N "$addr" 5001 <"$sent" || fail "TCP to $addr broke"
	wait "$server" || fail "TCP server at $addr broke"
	cmp "$sent" "$got" || fail "TCP to $addr changed the content"
	rm -f "$sent" "$got"
}

listens()
{
	[ -n "$(at "$1" ss -Hltn "sport = :$2")" ]
}

# udp_copy FROM TO ADDRESS COUNT SIZE: numbered datagrams with a digest each; all must arrive intact.
udp_copy()
{
	local from=$1 to=$2 addr=$3 server

	: >"$LAB_DIR/udp.log" # an earlier receiver's word is not this one's
	at "$to" python3 "$LAB_HERE/udp.py" receive "$addr" 5002 "$4" >"$LAB_DIR/udp.log" 2>&1 &
	server=$!
	wait_for 20 grep -q ready "$LAB_DIR/udp.log" || fail "UDP receiver does not start"
	at "$from" python3 "$LAB_HERE/udp.py" send "$addr" 5002 "$4" "$5" ||
		fail "UDP to $addr: $(cat "$LAB_DIR/udp.log")"
	wait "$server" || fail "UDP to $addr: $(cat "$LAB_DIR/udp.log")"
}

# iperf FROM TO ADDRESS OPTIONS...: JSON in $LAB_DIR/iperf.json.
iperf()
{
	local from=$1 to=$2 addr=$3 server

	shift 3
	at "$to" iperf3 -s -1 -p 5201 >"$LAB_DIR/iperf.server" 2>&1 </dev/null &
	server=$!
	wait_for 20 listens "$to" 5201 || fail "iperf3 does not listen"
	at "$from" iperf3 -J -c "$addr" -p 5201 "$@" >"$LAB_DIR/iperf.json" ||
		fail "iperf3 $* to $addr: $(cat "$LAB_DIR/iperf.json")"
	wait "$server" || true
}

# iperf_bps: what the receiver got, bits per second.
iperf_bps()
{
	python3 -c 'import json, sys
end = json.load(open(sys.argv[1]))["end"]
print(int(end.get("sum_received", end.get("sum"))["bits_per_second"]))' "$LAB_DIR/iperf.json"
}

# iperf_datagrams: how many the receiver got.
iperf_datagrams()
{
	python3 -c 'import json, sys
total = json.load(open(sys.argv[1]))["end"]["sum"]
print(total["packets"] - total["lost_packets"])' "$LAB_DIR/iperf.json"
}

# sniff NS DEV COUNT FILTER...: tcpdump in the background, one line per packet; SNIFF is its process.
sniff()
{
	local ns=$1 dev=$2 count=$3

	shift 3
	: >"$LAB_DIR/sniff.log"
	bg "$ns" "$LAB_DIR/sniff.log" tcpdump -i "$dev" -n -v -l --immediate-mode -c "$count" "$@"
	SNIFF=$BG
	wait_for 20 grep -q 'listening on' "$LAB_DIR/sniff.log" || fail "tcpdump does not start"
}

# sniffed [SECONDS]: what it saw, at the latest after that time.
sniffed()
{
	wait_for "${1:-20}" pid_gone "$SNIFF" || end_capture "$SNIFF"
	cat "$LAB_DIR/sniff.log"
}

# A tcpdump that is told to end leaves unread what it was given; one that sleeps has read all of it.
end_capture()
{
	wait_for 5 sleeps "$1" || true
	lab_kill "$1"
}

sleeps()
{
	grep -qs '^[0-9]* (.*) S ' "/proc/$1/stat" || pid_gone "$1"
}

# --- the black side ----------------------------------------------------------------------------------------

# wire_open [SITE...]: capture what nodes (default: a and b) send into the internet. Without -s each
# place in the buffer is as large as the largest packet there may be, and there are few.
wire_open()
{
	local s

	[ $# -gt 0 ] || set -- a b
	for s; do
		: >"$LAB_DIR/wire-$s.log"
		bg net "$LAB_DIR/wire-$s.log" \
			tcpdump -i "${s}0" -Q in -s 4096 -B 16384 -U --immediate-mode -w "$LAB_DIR/wire-$s.pcap"
		eval "WIRE_$s=$BG"
		wait_for 20 grep -q 'listening on' "$LAB_DIR/wire-$s.log" || fail "tcpdump does not start"
	done
}

# wire_close [SITE...]: ends the captures; then `wire_is`, `wire_count`.
wire_close()
{
	local s pid

	[ $# -gt 0 ] || set -- a b
	for s; do
		eval "pid=\$WIRE_$s"
		sleep 0.2
		end_capture "$pid"
	done
}

# wire SITE ARGUMENTS...: python3 wire.py on its capture.
wire()
{
	local s=$1

	shift
	python3 "$LAB_HERE/wire.py" "$LAB_DIR/wire-$s.pcap" "$@"
}

# wire_clean SITE [MARKER]: only WireGuard, ARP and ND left the node, and no plaintext.
wire_clean()
{
	case ${NODE_KIND[$1]} in
	wireguard-go) set -- "$1" "${2:-}" loose ;; # the kernel beside it reports its multicast groups
	esac
	wire "$1" clean "${2:-}" "${3:-}" || fail "the wire of node $1 is not clean"
}
